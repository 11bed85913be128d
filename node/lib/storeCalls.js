'use strict';

// Calls that are under way: given to the store's thread, or waiting here for their turn.
//
// invariant: `#entries[token]` is there exactly from the moment the addon took a call until its completion was
// taken. A call that the addon could not take yet waits in `#queue`, and then all later ones do, so that events
// get their positions in the order of the calls.

const { ClosedError, PanicError } = require('./errors');
const { Receipt, RECEIPT_WORDS, longAt } = require('./storeReceipt');

const ROW_WORDS = RECEIPT_WORDS + 2;
const RETRY_MS = 1;

/** One call that was given to the store's thread. */
class Call {
  constructor(resolve, reject, pack) {
    this.resolve = resolve;
    this.reject = reject;
    /** Events of appendMany; null for one event, undefined for a wait. */
    this.pack = pack;
    this.isMany = false;
    this.isQuiet = false;
    /** Its caller gave up. */
    this.isOver = false;
    this.signal = undefined;
    this.onAbort = undefined;
  }

  /**
   * Lets the caller give up. A call that waits here is not given any more; one that the store has goes on, and is
   * committed or not.
   */
  abortable(signal) {
    if (signal === undefined) return;
    this.signal = signal;
    this.onAbort = () => {
      this.isOver = true;
      this.settle();
      this.reject(signal.reason);
    };
    signal.addEventListener('abort', this.onAbort, { once: true });
  }

  settle() {
    this.signal?.removeEventListener('abort', this.onAbort);
    this.signal = this.onAbort = undefined;
  }
}

class Calls {
  #core;
  #entries = [];
  #free = [];
  #queue = [];
  #timer = undefined;
  /** Appends that have no answer yet: later ones must not overtake them. */
  appending = 0;

  constructor(core) {
    this.#core = core;
  }

  #enter(call) {
    const token = this.#free.pop() ?? this.#entries.length;
    this.#entries[token] = call;
    if (call.pack !== undefined) this.appending++;
    if (!call.isQuiet) this.#core.hold();
    return token;
  }

  #leave(token) {
    const call = this.#entries[token];
    this.#entries[token] = undefined;
    this.#free.push(token);
    if (call.pack !== undefined) this.appending--;
    if (!call.isQuiet) this.#core.releaseLater();
    return call;
  }

  /** Gives a call to the addon. @param go (token) → whether it was taken; throws when it is refused */
  #give(call, go) {
    const token = this.#enter(call);
    let taken = false;
    try {
      taken = go(token);
    } finally {
      if (!taken) this.#leave(token);
    }
    return taken;
  }

  /** Gives a call to the addon now, or queues it. @returns whether it has gone */
  submit(call, go) {
    try {
      if (this.#queue.length === 0 && this.#give(call, go)) return true;
    } catch (error) {
      call.settle();
      throw error;
    }
    this.#queue.push({ call, go });
    if (call.pack !== undefined) this.appending++;
    this.#core.hold();
    this.#retryLater();
    return false;
  }

  /** Nothing may be under way that would wake the loop: then it looks by itself. */
  #retryLater() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.retry();
    }, RETRY_MS);
  }

  retry() {
    while (this.#queue.length > 0 && this.#core.state === 'open') {
      const { call, go } = this.#queue[0];
      let taken = true;
      try {
        if (!call.isOver) taken = this.#give(call, go);
      } catch (error) {
        call.settle();
        call.reject(this.#core.explain(error));
      }
      if (!taken) {
        this.#retryLater();
        return;
      }
      this.#queue.shift();
      if (call.pack !== undefined) this.appending--;
      this.#core.releaseLater();
    }
  }

  /** What the store's thread has done. */
  drain() {
    for (;;) {
      const errors = [];
      const rows = this.#core.native.take(errors);
      if (rows === undefined) return;
      for (let at = 0, i = 0; at < rows.length; at += ROW_WORDS, i++) this.#completed(rows, at, errors[i]);
    }
  }

  #completed(rows, at, error) {
    const call = this.#leave(rows[at]);
    call.settle();
    if (rows[at + 1] !== 0) call.reject(error ?? new PanicError('a call failed and did not say why'));
    else if (call.pack === undefined) call.resolve(undefined);
    else if (call.pack !== null) call.resolve(this.#core.packed(call.pack, call.isMany));
    else {
      this.#core.handlers?.appended(longAt(rows, at + 2) + 1);
      call.resolve(new Receipt(rows, at + 2));
    }
  }

  /** Resolves when a level was reached; keeps the loop alive for nobody. */
  waitLevel(level, position) {
    return new Promise((resolve, reject) => {
      const call = new Call(resolve, reject, undefined);
      call.isQuiet = true;
      this.submit(call, (token) => !this.#core.native.waitLevel(level, position, token));
    });
  }

  /** When no call waits here any more. */
  async empty() {
    while (this.#queue.length > 0) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }

  /** No completion comes any more: whatever is left never will. */
  end() {
    clearTimeout(this.#timer);
    const error = new ClosedError('the store was closed', { path: this.#core.path });
    for (const call of [...this.#entries, ...this.#queue.map((each) => each.call)]) {
      call?.settle();
      call?.reject(error);
    }
    this.#entries = [];
    this.#queue = [];
  }
}

module.exports = { Calls, Call };
