'use strict';

// Reading off the loop, to an end or for as long as the store is open.

const { inspect } = require('node:util');

const { eventsOf } = require('./storeEvent');
const { ASYNC, CLOSES, REFRESHES } = require('./storeQuery');
const { damaged, followChecks, isEmpty, queryChecks, readQuery, readerOf } = require('./storeQuery');
const { asyncDispose } = require('./values');

/** Why a follower does not wait any longer. */
const OVER = Symbol('over');
/** Events of a page, about: a reader that wants fewer fetches none ahead. */
const PAGE_EVENTS = 128;
const PAUSE_MS = 10;

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
  /** Where the log ended when it was last read to its end. */
  #end = undefined;
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
      // Of a store whose write failed it is said that events are there which nobody can read.
      if (page === this.#end) await this.#interruptible(({ resolve }) => setTimeout(resolve, PAUSE_MS));
      this.#end = page;
    }
  }

  #prefetch() {
    if (this.#follows || this.#left < PAGE_EVENTS) return;
    this.#coming = this.#fetch();
    this.#coming.catch(() => {});
  }

  /** @returns false when the store is closed */
  async #grown(end) {
    const core = this.#core;
    let giveUp;
    core.hold();
    try {
      return (await this.#interruptible((waiter) => (giveUp = core.levels.watch(this.#level, end, waiter)))) !== OVER;
    } finally {
      giveUp?.();
      core.release();
    }
  }

  async #take() {
    if (this.#done) return { value: undefined, done: true };
    try {
      if (this.#query.signal?.aborted) throw this.#query.signal.reason;
      if (this.#left === 0) return this.#finish();
      if (this.#place === this.#events.length) {
        const events = await this.#page();
        if (events === undefined || this.#done) return this.#finish();
        this.#events = events;
        this.#place = 0;
      }
    } catch (error) {
      this.#finish();
      if (this.#follows && error?.code === 'TALLY_E_CLOSED' && this.#core.state !== 'open') {
        return { value: undefined, done: true };
      }
      throw error;
    }
    this.#left--;
    return { value: this.#events[this.#place++], done: false };
  }

  #finish() {
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
    this.#finish();
    return { value, done: true };
  }

  async throw(error) {
    this.#finish();
    throw error;
  }

  [inspect.custom](_depth, options) {
    const of = this.#owner === null ? '{ over }' : `of ${inspect(this.#owner, options)}`;
    return `${options.stylize('Reader', 'special')} ${of}`;
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
    this.#finish();
  }
}

function read(owner, core, options) {
  return new Reader(owner, core, readQuery(options, queryChecks, 'read'), false);
}

/** From a position on, or from now on, for as long as the store is open. */
function follow(owner, core, options) {
  const query = readQuery(options, followChecks, 'follow');
  core.checkOpen();
  query.from ??= core.end();
  return new Reader(owner, core, query, true);
}

module.exports = { read, follow };
