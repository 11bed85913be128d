'use strict';

// What notify of an AsyncRegistry returns: a notify that begins when it is first awaited. See
// types/asyncRegistry.d.ts.

const { TimeoutError } = require('./errors');
const { Started } = require('./started');
const { Warnings } = require('./warnings');

const dropped = new FinalizationRegistry((title) => Warnings.dropped(title));

/** Signal and timeout of one notify, for as long as it runs. */
function bound(started, { signal, timeoutMs }) {
  let timer;
  const aborted = () => started.cancel(signal.reason);
  const release = () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', aborted);
  };
  signal?.addEventListener('abort', aborted, { once: true });
  if (timeoutMs !== undefined) {
    const tooLate = () => started.timeOut(new TimeoutError(`the handlers had ${timeoutMs} ms`));
    timer = setTimeout(tooLate, timeoutMs);
  }
  return release;
}

class Notification {
  #lists;
  #event;
  #name;
  #options;
  #started = null;
  #promise = null;

  constructor(lists, event, name, options, title) {
    this.#lists = lists;
    this.#event = event;
    this.#name = name;
    this.#options = options;
    dropped.register(this, title, this);
  }

  /** Starts the handlers, the first time. Everything that ends at once has ended when this returns. */
  #begin() {
    if (this.#promise !== null) return this.#promise;
    dropped.unregister(this);
    const ends = {};
    this.#promise = new Promise((resolve, reject) => Object.assign(ends, { resolve, reject }));
    let isOver = false;
    let release;
    const settle = (end) => (value) => {
      isOver = true;
      release?.();
      end(value);
    };
    const started = new Started(this.#lists, this.#event, this.#name, this.#options, {
      resolve: settle(ends.resolve),
      reject: settle(ends.reject),
    });
    this.#started = started;
    this.#lists = this.#event = undefined;
    const { signal } = this.#options;
    try {
      if (!signal?.aborted) started.go();
    } catch (error) {
      settle(ends.reject)(error);
    }
    // Also when a handler has aborted it just now.
    if (signal?.aborted) started.cancel(signal.reason);
    if (!isOver) release = bound(started, this.#options);
    return this.#promise;
  }

  get result() {
    return this.#started?.result() ?? notStarted;
  }

  /** For `collect`: what the handlers answered, in the order in which they were started. */
  static async outcomes(notification) {
    await notification.#begin();
    return notification.#started.outcomes;
  }

  /** Begins it although nobody awaits it. */
  static start(notification) {
    notification.then(undefined, () => {});
  }

  // A thenable on purpose: awaiting is what starts it.
  then(fulfilled, rejected) {
    return this.#begin().then(fulfilled, rejected);
  }

  catch(rejected) {
    return this.then(undefined, rejected);
  }

  finally(settled) {
    return this.then(
      (value) => Promise.resolve(settled?.()).then(() => value),
      (error) =>
        Promise.resolve(settled?.()).then(() => {
          throw error;
        }),
    );
  }

  get [Symbol.toStringTag]() {
    return 'Notification';
  }
}

const notStarted = Object.freeze({
  fired: 0,
  failed: 0,
  skipped: 0,
  cancelled: 0,
  stopped: false,
  orphaned: false,
  held: false,
});

module.exports = { Notification };
