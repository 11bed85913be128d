'use strict';

// Lists of streams, types and tags with their figures, a page at a time.

const { readOptions, abortSignal } = require('./options');
const { text } = require('./storeOptions');
const { asyncDispose, dispose } = require('./values');

const STREAMS = 1;
const TYPES = 2;
const TAGS = 3;

const checks = { prefix: text, after: text, signal: abortSignal };
const syncChecks = { prefix: text, after: text };

/** What both kinds do: rows of a page, and where the next one begins. */
class Names {
  #rows = [];
  #place = 0;
  /** The store, so that it is not collected while somebody reads. */
  owner;
  core;
  what;
  prefix;
  after;
  done = false;

  constructor(owner, core, what, read) {
    core.checkOpen();
    this.owner = owner;
    this.core = core;
    this.what = what;
    this.prefix = read.prefix ?? '';
    this.after = read.after ?? '';
  }

  ask(isAsync) {
    this.core.checkOpen();
    return this.core.native.list(isAsync, this.what, this.prefix, this.after);
  }

  get isEmpty() {
    return this.#place === this.#rows.length;
  }

  /** @returns whether there was any */
  fill(rows) {
    this.#rows = rows;
    this.#place = 0;
    if (rows.length === 0) return false;
    this.after = rows[rows.length - 1].name;
    return true;
  }

  take() {
    return { value: this.#rows[this.#place++], done: false };
  }

  end(value) {
    this.done = true;
    this.#rows = [];
    this.#place = 0;
    this.owner = null;
    return { value, done: true };
  }
}

class SyncNamesReader {
  #names;

  constructor(owner, core, what, options) {
    this.#names = new Names(owner, core, what, readOptions(options, syncChecks, 'the list'));
  }

  next() {
    const names = this.#names;
    if (names.done) return { value: undefined, done: true };
    if (names.isEmpty && !names.fill(names.ask(false))) return names.end();
    return names.take();
  }

  return(value) {
    return this.#names.end(value);
  }

  toArray() {
    return [...this];
  }

  [Symbol.iterator]() {
    return this;
  }

  [dispose]() {
    this.#names.end();
  }
}

class NamesReader {
  #names;
  #signal;
  #turn = Promise.resolve();

  constructor(owner, core, what, options) {
    const read = readOptions(options, checks, 'the list');
    this.#names = new Names(owner, core, what, read);
    this.#signal = read.signal;
  }

  async #take() {
    const names = this.#names;
    if (names.done) return { value: undefined, done: true };
    try {
      this.#signal?.throwIfAborted();
      if (names.isEmpty && !names.fill(await names.ask(true))) return names.end();
      this.#signal?.throwIfAborted();
    } catch (error) {
      names.end();
      throw error;
    }
    return names.done ? { value: undefined, done: true } : names.take();
  }

  next() {
    const turn = this.#turn.then(() => this.#take());
    this.#turn = turn.then(
      () => {},
      () => {},
    );
    return turn;
  }

  async return(value) {
    return this.#names.end(value);
  }

  async toArray() {
    const all = [];
    for await (const row of this) all.push(row);
    return all;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async [asyncDispose]() {
    this.#names.end();
  }
}

module.exports = { NamesReader, SyncNamesReader, STREAMS, TYPES, TAGS };
