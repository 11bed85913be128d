'use strict';

// Reading at once: an iterator over the events of a query, page by page.

const { inspect } = require('node:util');

const { eventsOf } = require('./storeEvent');
const { CLOSES, damaged, isEmpty, readQuery, readerOf, syncChecks } = require('./storeQuery');
const { dispose } = require('./values');

class SyncReader {
  /** The store, so that it is not collected while somebody reads. */
  #owner;
  #core;
  #query;
  #next = null;
  #events = [];
  #place = 0;
  #left;
  #done;

  constructor(owner, core, options) {
    this.#owner = owner;
    this.#core = core;
    this.#query = readQuery(options, syncChecks, 'readSync');
    core.checkOpen();
    this.#left = this.#query.limit ?? Infinity;
    this.#done = isEmpty(this.#query);
    if (!this.#done) this.#next = readerOf(core, this.#query);
  }

  #fetch() {
    for (;;) {
      let page;
      try {
        page = this.#next(0);
      } catch (error) {
        damaged(this.#query, error);
        continue;
      }
      if (page === undefined) continue;
      if (typeof page === 'number') return false;
      this.#events = eventsOf(page, this.#core.codecs);
      this.#place = 0;
      return true;
    }
  }

  next() {
    if (this.#done) return { value: undefined, done: true };
    try {
      if (this.#left === 0 || (this.#place === this.#events.length && !this.#fetch())) return this.return();
    } catch (error) {
      this.return();
      throw error;
    }
    this.#left--;
    return { value: this.#events[this.#place++], done: false };
  }

  return(value) {
    this.#done = true;
    this.#next?.(CLOSES);
    this.#next = null;
    this.#events = [];
    this.#owner = null;
    return { value, done: true };
  }

  throw(error) {
    this.return();
    throw error;
  }

  [inspect.custom](_depth, options) {
    const of = this.#owner === null ? '{ over }' : `of ${inspect(this.#owner, options)}`;
    return `${options.stylize('SyncReader', 'special')} ${of}`;
  }

  toArray() {
    return [...this];
  }

  [Symbol.iterator]() {
    return this;
  }

  [dispose]() {
    this.return();
  }
}

module.exports = { SyncReader };
