'use strict';

// Ids: opaque objects. The numbers inside never repeat in an environment, so a stale id is never another's.

const { inspect } = require('node:util');

const { ArgumentError, ForeignError } = require('./errors');
const { show } = require('./options');

const key = Symbol('only this module makes ids');
let lastHandler = 0;
let lastRegistry = 0;
let registryOf;

class HandlerId {
  #registry;
  #handler;

  constructor(given, registry) {
    if (given !== key) throw new ArgumentError('ids are made by register, not by new');
    this.#registry = registry;
    this.#handler = ++lastHandler;
    Object.freeze(this);
  }

  static {
    registryOf = (value) => (typeof value === 'object' && value !== null && #registry in value ? value.#registry : 0);
  }

  toString() {
    return `HandlerId(${this.#registry}.${this.#handler})`;
  }

  [inspect.custom]() {
    return this.toString();
  }
}

function newRegistryNumber() {
  return ++lastRegistry;
}

function newHandlerId(registry) {
  return new HandlerId(key, registry);
}

function isHandlerId(value) {
  return registryOf(value) !== 0;
}

/** Refuses what is no id, and an id of another registry. */
function checkId(value, registry) {
  const owner = registryOf(value);
  if (owner === 0) throw new ArgumentError(`${show(value)} is not the id of a handler; register returns ids`);
  if (owner !== registry) throw new ForeignError(`${value} belongs to registry ${owner}, this is registry ${registry}`);
}

module.exports = { HandlerId, newRegistryNumber, newHandlerId, isHandlerId, checkId };
