'use strict';

// Reading: iterators over the events of a query, page by page.

const { ArgumentError } = require('./errors');
const { abortSignal, callback, flag, integer, readOptions } = require('./options');
const { eventsOf } = require('./storeEvent');
const { MAX, position, text, texts, time } = require('./storeOptions');
const { asyncDispose, dispose } = require('./values');

const ASYNC = 1;
const REFRESHES = 2;
const CLOSES = 4;

const BACKWARDS = 1;
const DURABLE_ONLY = 2;
const VERSIONS = 4;

const NAMES_MAX = 64;
/** Why a follower does not wait any longer. */
const OVER = Symbol('over');

const queryChecks = {
  stream: text,
  prefix: text,
  types: texts(NAMES_MAX),
  tags: texts(NAMES_MAX),
  subject: text,
  from: position,
  to: position,
  fromVersion: position,
  toVersion: position,
  fromTime: time,
  toTime: time,
  backwards: flag,
  durableOnly: flag,
  limit: integer(0, MAX),
  signal: abortSignal,
  onDamage: callback,
};

const syncChecks = { ...queryChecks };
delete syncChecks.signal;

function long(words, at, number) {
  // The sign of a time before 1970 goes into the high word.
  words[at] = ((number % 0x1_0000_0000) + 0x1_0000_0000) % 0x1_0000_0000;
  words[at + 1] = Math.floor(number / 0x1_0000_0000);
}

/** The addon's reader of a query. @returns next(what to do) */
function readerOf(core, query) {
  const { types = [], tags = [] } = query;
  const singles = [query.stream ?? '', query.prefix ?? '', query.subject ?? ''];
  const all = [...singles, ...types, ...tags];
  const words = new Uint32Array(15 + all.length);
  const hasVersions = query.fromVersion !== undefined || query.toVersion !== undefined;
  words[0] =
    (query.backwards ? BACKWARDS : 0) | (query.durableOnly ? DURABLE_ONLY : 0) | (hasVersions ? VERSIONS : 0);
  words[1] = types.length;
  words[2] = tags.length;
  const bounds = ['from', 'to', 'fromVersion', 'toVersion', 'fromTime', 'toTime'];
  bounds.forEach((name, i) => long(words, 3 + 2 * i, query[name] ?? 0));
  all.forEach((part, i) => {
    words[15 + i] = Buffer.byteLength(part);
  });
  return core.native.reader(words, all.join(''));
}

/** A bound of 0 means "no bound" to the core; where it is given it means that there is nothing. */
function isEmpty(query) {
  return query.limit === 0 || query.to === 0 || query.toVersion === 0;
}

function checkBounds(query) {
  if (query.stream !== undefined && query.prefix !== undefined) {
    throw new ArgumentError('stream and prefix exclude each other', { hint: 'give one of them' });
  }
  const hasVersions = query.fromVersion !== undefined || query.toVersion !== undefined;
  if (hasVersions && query.stream === undefined) {
    throw new ArgumentError('fromVersion and toVersion count the events of one stream', { hint: 'give stream too' });
  }
  return query;
}

/** Tells a damaged event to who wants to hear of it, and else throws. */
function damaged(query, error) {
  if (error?.code !== 'TALLY_E_DAMAGED' || query.onDamage === undefined) throw error;
  query.onDamage(error);
}

/* ---------------------------------------------------------------------------------------------- at once */

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
    this.#query = checkBounds(readOptions(options, syncChecks, 'readSync'));
    core.checkOpen();
    this.#left = this.#query.limit ?? Infinity;
    this.#done = isEmpty(this.#query);
    if (!this.#done) this.#next = readerOf(core, this.#query);
  }

  /** The store that is read; null when this is over. */
  get store() {
    return this.#owner;
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

/* ----------------------------------------------------------------------------------------- off the loop */

// invariant: at most one page is being fetched; `#turn` is the last of the calls of next, which wait for each
// other, so that every event is given once and in order.
class Reader {
  #owner;
  #core;
  #query;
  #next = null;
  #events = [];
  #place = 0;
  #left;
  #done;
  /** The page that is fetched while this one is read. */
  #coming = null;
  #turn = null;
  #follows;
  #level;
  /** What is being waited for: {resolve, reject}. */
  #waiting = null;
  #abort = null;
  #stop = null;

  constructor(owner, core, query, follows) {
    this.#owner = owner;
    this.#core = core;
    this.#query = query;
    this.#follows = follows;
    this.#level = query.durableOnly ? 3 : 1;
    core.checkOpen();
    this.#left = query.limit ?? Infinity;
    this.#done = isEmpty(query);
    const { signal } = query;
    if (signal !== undefined && !this.#done) this.#listen(signal);
    if (!this.#done && !signal?.aborted) this.#next = readerOf(core, query);
    if (follows) this.#followUntilClosed();
  }

  #listen(signal) {
    this.#abort = () => this.#waiting?.reject(signal.reason);
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  /** Closing the store ends a follower as if there were no more events. */
  #followUntilClosed() {
    this.#stop = () => this.#waiting?.resolve(OVER);
    this.#core.followers.add(this.#stop);
  }

  /**
   * What a promise gives, or sooner that somebody does not want it any more. Not by Promise.race: a follower
   * that lives long would leave one reaction behind for each page.
   * @param begin begins it, with {resolve, reject}
   */
  #interruptible(begin) {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      begin(this.#waiting);
    }).finally(() => {
      this.#waiting = null;
    });
  }

  /** The store that is read; null when this is over. */
  get store() {
    return this.#owner;
  }

  #fetch() {
    return this.#next(this.#follows ? ASYNC | REFRESHES : ASYNC);
  }

  /** Events of the next page; undefined at the end. */
  async #page() {
    for (;;) {
      let page;
      try {
        const coming = this.#coming ?? this.#fetch();
        this.#coming = null;
        page = await this.#interruptible(({ resolve, reject }) => coming.then(resolve, reject));
      } catch (error) {
        if (this.#done) return undefined;
        if (this.#query.signal?.aborted) throw error;
        damaged(this.#query, error);
        continue;
      }
      if (this.#done) return undefined;
      if (page instanceof ArrayBuffer) {
        this.#prefetch();
        return eventsOf(page, this.#core.codecs);
      }
      if (typeof page !== 'number') continue;
      if (!this.#follows) return undefined;
      if (!(await this.#grown(page)) || this.#done) return undefined;
    }
  }

  #prefetch() {
    if (this.#follows || this.#left < 128) return;
    this.#coming = this.#fetch();
    this.#coming.catch(() => {});
  }

  /** @returns false when the store is closed */
  async #grown(end) {
    const core = this.#core;
    let giveUp;
    core.hold();
    try {
      return (await this.#interruptible((waiter) => (giveUp = core.watch(this.#level, end, waiter)))) !== OVER;
    } finally {
      giveUp?.();
      core.release();
    }
  }

  async #take() {
    if (this.#done) return { value: undefined, done: true };
    try {
      if (this.#query.signal?.aborted) throw this.#query.signal.reason;
      if (this.#left === 0) return this.#end();
      if (this.#place === this.#events.length) {
        const events = await this.#page();
        if (events === undefined || this.#done) return this.#end();
        this.#events = events;
        this.#place = 0;
      }
    } catch (error) {
      this.#end();
      if (this.#follows && error?.code === 'TALLY_E_CLOSED' && this.#core.state !== 'open') {
        return { value: undefined, done: true };
      }
      throw error;
    }
    this.#left--;
    return { value: this.#events[this.#place++], done: false };
  }

  #end() {
    this.#done = true;
    this.#next?.(CLOSES);
    this.#next = null;
    this.#coming = null;
    this.#events = [];
    this.#place = 0;
    this.#owner = null;
    if (this.#abort !== null) this.#query.signal.removeEventListener('abort', this.#abort);
    if (this.#stop !== null) {
      this.#core.followers.delete(this.#stop);
      this.#stop();
    }
    return { value: undefined, done: true };
  }

  next() {
    // Most events lie here already; then nobody is waiting either.
    if (this.#turn === null && this.#place < this.#events.length && this.#left > 0 && !this.#query.signal?.aborted) {
      this.#left--;
      return Promise.resolve({ value: this.#events[this.#place++], done: false });
    }
    const turn = this.#turn === null ? this.#take() : this.#turn.then(() => this.#take());
    const quiet = turn.then(
      () => {},
      () => {},
    );
    this.#turn = quiet;
    quiet.then(() => {
      if (this.#turn === quiet) this.#turn = null;
    });
    return turn;
  }

  async return(value) {
    this.#end();
    return { value, done: true };
  }

  async throw(error) {
    this.#end();
    throw error;
  }

  async toArray() {
    const all = [];
    for await (const event of this) all.push(event);
    return all;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async [asyncDispose]() {
    this.#end();
  }
}

function read(owner, core, options) {
  return new Reader(owner, core, checkBounds(readOptions(options, queryChecks, 'read')), false);
}

const followChecks = {
  stream: text,
  prefix: text,
  types: texts(NAMES_MAX),
  tags: texts(NAMES_MAX),
  subject: text,
  from: position,
  durableOnly: flag,
  signal: abortSignal,
  onDamage: callback,
};

/** From a position on, or from now on, for as long as the store is open. */
function follow(owner, core, options) {
  const query = checkBounds(readOptions(options, followChecks, 'follow'));
  core.checkOpen();
  query.from ??= core.native.buffered();
  return new Reader(owner, core, query, true);
}

module.exports = { read, follow, readerOf, SyncReader, ASYNC, CLOSES };
