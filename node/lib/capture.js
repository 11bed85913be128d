'use strict';

// A recorder of events, for tests.

const { RegistryBase } = require('./base');
const { ArgumentError } = require('./errors');
const { checkPattern, matches } = require('./names');
const { show } = require('./options');
const { dispose } = require('./values');

class Capture {
  #subscription;
  events = [];
  names = [];

  constructor(registry, pattern) {
    const record = (event, name) => {
      this.events.push(event);
      // An AsyncRegistry gives a context; a handler of one exact name gets nothing.
      this.names.push(typeof name === 'object' ? name.name : (name ?? (isExact ? pattern : undefined)));
    };
    const isExact = !pattern.endsWith('*');
    this.#subscription = registry.on(pattern, record, { priority: 0x7fffffff, name: 'capture' });
  }

  get count() {
    return this.events.length;
  }

  get last() {
    return this.events.at(-1);
  }

  of(pattern) {
    checkPattern(pattern);
    const isWanted = (name) =>
      pattern.endsWith('*') ? pattern === '*' || matches(pattern, name ?? '') : name === pattern;
    return this.events.filter((_event, i) => isWanted(this.names[i]));
  }

  clear() {
    this.events.length = this.names.length = 0;
  }

  stop() {
    this.#subscription();
  }

  [dispose]() {
    this.stop();
  }
}

function capture(registry, name = '*') {
  if (!(registry instanceof RegistryBase)) {
    throw new ArgumentError(`capture was given ${show(registry)}; pass a Registry or an AsyncRegistry`);
  }
  return new Capture(registry, checkPattern(name));
}

module.exports = { capture };
