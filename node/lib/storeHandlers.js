'use strict';

// Handlers of committed events. The addon's own handler only leaves word that there are events up to a position;
// they are read from where this side is, page by page off the loop, and go through a Registry, in order.

const { OptionError } = require('./errors');
const { checkPattern } = require('./names');
const { readOptions, show } = require('./options');
const { Registry } = require('./registry');
const { eventsOf } = require('./storeEvent');
const { ASYNC, CLOSES, readerOf } = require('./storeQuery');

const POLL_MS = 5;
/** So long close waits for word of events that handlers have not seen. */
const FINISH_MS = 2000;

const offered = ['priority', 'once', 'name', 'maxFailures', 'signal'];
const passOn = Object.fromEntries(offered.map((name) => [name, (value) => value]));

class StoreHandlers {
  #core;
  #seen = undefined;
  #target = 0;
  /** The end of what was appended here: handlers will be told of all below it. */
  #expected = 0;
  #isRunning = false;
  #isInside = false;
  #isHeld = false;
  registry;

  constructor(core) {
    this.#core = core;
    this.registry = new Registry();
    core.native.listen();
    if (core.readOnly) this.#look();
  }

  on(pattern, handler, options) {
    const read = readOptions(options, passOn, 'on');
    const { once = false, ...rest } = read;
    if (typeof once !== 'boolean') throw new OptionError(`once is ${show(once)}; pass true or false`);
    if (typeof handler !== 'function') return this.registry.on(checkPattern(pattern), handler);
    const since = this.#core.end();
    const take = (event, name) => {
      // Appended before the handler was there.
      if (event.position < since) return undefined;
      if (once) subscription();
      return handler(event, name ?? event.type);
    };
    Object.defineProperty(take, 'name', { value: handler.name });
    const subscription = this.registry.on(pattern, take, rest);
    return subscription;
  }

  /* ------------------------------------------------------------------------------------------- driving */

  /** Positions below `end` were appended by this side. */
  appended(end) {
    if (end > this.#expected) this.#expected = end;
    this.#updateHold();
  }

  /** The addon's handler left word. */
  notified() {
    const pair = this.#core.native.notified();
    if (pair === undefined) return;
    this.#seen ??= pair[0];
    if (pair[1] > this.#target) this.#target = pair[1];
    this.#updateHold();
    if (!this.#isRunning && this.#seen < this.#target) this.#run();
  }

  get #isBehind() {
    return this.registry.count > 0 && (this.#seen ?? 0) < Math.max(this.#expected, this.#target);
  }

  /** The loop stays alive until handlers have seen what was appended here; not for what may come. */
  #updateHold() {
    const wanted = this.#isBehind || this.#isRunning;
    if (wanted === this.#isHeld) return;
    this.#isHeld = wanted;
    if (wanted) this.#core.hold();
    else this.#core.release();
  }

  async #run() {
    this.#isRunning = true;
    this.#updateHold();
    try {
      while (this.#seen < this.#target && this.#core.state === 'open') await this.#pages();
    } catch (error) {
      if (error?.code !== 'TALLY_E_CLOSED') {
        process.emitWarning(`Handlers of the store ${this.#core.path} stopped: ${error?.message}`, {
          type: 'TallyStoreWarning',
          code: 'TALLY_W_HANDLERS_STOPPED',
        });
      }
      this.#seen = this.#target;
    }
    this.#isRunning = false;
    this.#updateHold();
  }

  async #pages() {
    if (this.registry.count === 0) {
      this.#seen = this.#target;
      return;
    }
    const end = this.#target; // it may move on while this is read
    const next = readerOf(this.#core, { from: this.#seen, to: end });
    try {
      for (;;) {
        let page;
        try {
          page = await next(ASYNC);
        } catch (error) {
          if (error?.code !== 'TALLY_E_DAMAGED') throw error;
          this.#passOver(error);
          continue;
        }
        if (page === undefined) continue;
        if (typeof page === 'number') break;
        for (const event of eventsOf(page, this.#core.codecs)) this.#dispatch(event);
        if (this.#core.state !== 'open') return;
      }
      this.#seen = Math.max(this.#seen, end);
    } finally {
      next(CLOSES);
    }
  }

  #passOver(error) {
    process.emitWarning(`Handlers did not see an event: ${error.message}`, {
      type: 'TallyStoreWarning',
      code: 'TALLY_W_EVENT_DAMAGED',
    });
  }

  #dispatch(event) {
    this.#seen = event.position + 1;
    this.#isInside = true;
    try {
      // A type with a star is no name of a registry: then only handlers of all events get it.
      if (event.type.includes('*')) this.registry.notify(event);
      else this.registry.emit(event.type, event);
    } finally {
      this.#isInside = false;
    }
  }

  /** A read-only store has no thread that would leave word: looking does it. The loop does not stay for it. */
  async #look() {
    const core = this.#core;
    while (core.state === 'open') {
      try {
        if (this.registry.count > 0) await core.native.wait(true, 1, core.native.buffered(), 0);
      } catch (error) {
        if (core.state === 'open') process.emitWarning(error);
        return;
      }
      await new Promise((resolve) => {
        setTimeout(resolve, POLL_MS).unref();
      });
    }
  }

  /** Resolves when handlers have seen what was appended here; at once inside of one. Word comes soon, if at all. */
  async finish() {
    if (this.#isInside) return;
    const end = performance.now() + FINISH_MS;
    while ((this.#isRunning || this.#isBehind) && this.#core.state === 'open') {
      if (!this.#isRunning && performance.now() > end) return;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  closed() {
    this.registry.close();
  }
}

module.exports = { StoreHandlers };
