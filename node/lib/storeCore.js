'use strict';

// An open store behind its public face: the addon's functions for it, calls that are under way, and what keeps
// the event loop alive.
//
// invariant: `#entries[token]` is there exactly from the moment the addon took a call until its completion was
// taken. A call that the addon could not take yet waits in `#queue`, and then all later ones do, so that events
// get their positions in the order of the calls.

const { ClosedError, PanicError, TallyError } = require('./errors');
const { binding } = require('./native');
const { Levels } = require('./storeLevels');
const { Receipt, RECEIPT_WORDS, SLAB_RECEIPTS, longAt } = require('./storeReceipt');

const ROW_WORDS = RECEIPT_WORDS + 2;
const RETRY_MS = 1;
const STOP = 2;

/* Bits of the addon's append. */
const SAME_STREAM = 64;
const SAME_TYPE = 128;
const PLACE = 256;

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

  /** Who gave up waiting is not told; the call goes on. */
  listen(signal, abort) {
    this.signal = signal;
    this.onAbort = abort;
    signal.addEventListener('abort', abort, { once: true });
  }

  settle() {
    this.signal?.removeEventListener('abort', this.onAbort);
    this.signal = this.onAbort = undefined;
  }
}

const open = new Set();
let watchesExit = false;

/** At the end of the process, or of a worker: what was appended is written, synced and closed. */
function watchExit() {
  if (watchesExit) return;
  watchesExit = true;
  process.on('exit', () => {
    for (const core of open) core.closeAtExit();
  });
}

class StoreCore {
  native = null;
  path;
  codecs;
  durability;
  readOnly;
  state = 'opening';
  closing = undefined;
  /** Upkeep that is under way: its numbers, to stop it. */
  upkeep = new Set();
  /** Set by storeHandlers.js when there is a handler. */
  handlers = null;
  /** Called at close: iterators that follow. */
  followers = new Set();
  #entries = [];
  #free = [];
  /** Appends that have no answer yet: later ones must not overtake them. */
  appending = 0;
  #queue = [];
  #timer = undefined;
  #alive = 0;
  #isRef = false;
  #stream = undefined;
  #type = undefined;
  #slab = null;
  #slot = SLAB_RECEIPTS;
  levels = new Levels(this);
  #gateThrew = { error: undefined, there: false };

  constructor(path, options, numbers) {
    this.path = path;
    this.codecs = options.codecs;
    this.durability = options.durability ?? 3;
    this.readOnly = numbers[0] === 3;
  }

  /** @param isAsync whether to promise it */
  open(isAsync, name, numbers) {
    // The addon refers to this function for as long as the store is open.
    const opened = binding.storeOpen(isAsync, this.path, numbers, name, () => this.#woken());
    return isAsync ? opened.then((native) => this.#opened(native)) : this.#opened(opened);
  }

  #opened(native) {
    this.native = native;
    this.state = 'open';
    open.add(this);
    watchExit();
    return this;
  }

  checkOpen() {
    if (this.state === 'open') return;
    throw new ClosedError('the store is closed', { path: this.path });
  }

  /* ------------------------------------------------------------------------------ keeping the loop alive */

  hold() {
    this.#alive++;
    this.#updateRef();
  }

  release() {
    this.#alive--;
    this.#updateRef();
  }

  #updateRef() {
    const wanted = this.#alive > 0;
    if (wanted === this.#isRef || this.state !== 'open') return;
    this.#isRef = wanted;
    this.native.keepAlive(wanted);
  }

  /* --------------------------------------------------------------------------------------- calls under way */

  #enter(call) {
    const token = this.#free.pop() ?? this.#entries.length;
    this.#entries[token] = call;
    if (call.pack !== undefined) this.appending++;
    if (!call.isQuiet && this.#alive++ === 0) this.#updateRef();
    return token;
  }

  #leave(token) {
    const call = this.#entries[token];
    this.#entries[token] = undefined;
    this.#free.push(token);
    if (call.pack !== undefined) this.appending--;
    if (!call.isQuiet) this.#alive--;
    call.settle();
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
    if (this.#queue.length === 0 && this.#give(call, go)) return true;
    this.#queue.push({ call, go });
    if (call.pack !== undefined) this.appending++;
    this.hold();
    this.#retryLater();
    return false;
  }

  /** Nothing may be under way that would wake the loop: then it looks by itself. */
  #retryLater() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#retry();
    }, RETRY_MS);
  }

  #retry() {
    while (this.#queue.length > 0 && this.state === 'open') {
      const { call, go } = this.#queue[0];
      let taken = true;
      try {
        if (!call.isOver) taken = this.#give(call, go);
      } catch (error) {
        call.settle();
        call.reject(this.explain(error));
      }
      if (!taken) {
        this.#retryLater();
        return;
      }
      this.#queue.shift();
      if (call.pack !== undefined) this.appending--;
      this.release();
    }
  }

  /**
   * Lets a caller give up. A call that waits in the queue here is taken out of it; one that the store has goes
   * on, and is committed or not.
   */
  abortable(call, signal) {
    if (signal === undefined) return;
    call.listen(signal, () => {
      call.isOver = true;
      call.settle();
      call.reject(signal.reason);
    });
  }

  #woken() {
    if (this.native === null) return;
    this.drain();
    this.#retry();
    this.handlers?.notified();
    this.#updateRef();
  }

  drain() {
    for (;;) {
      const errors = [];
      const rows = this.native.take(errors);
      if (rows === undefined) return;
      for (let at = 0, i = 0; at < rows.length; at += ROW_WORDS, i++) this.#completed(rows, at, errors[i]);
    }
  }

  #completed(rows, at, error) {
    const call = this.#leave(rows[at]);
    if (rows[at + 1] !== 0) {
      call.reject(error ?? new PanicError('a call failed and did not say why'));
      return;
    }
    if (call.pack === undefined) {
      call.resolve(undefined);
      return;
    }
    if (call.pack === null) {
      if (this.handlers !== null) this.handlers.appended(longAt(rows, at + 2) + 1);
      call.resolve(new Receipt(rows, at + 2));
      return;
    }
    call.resolve(this.packed(call.pack, call.isMany));
  }

  /** The receipts of what was packed. */
  packed(pack, isMany) {
    const { receipts, count } = pack;
    this.handlers?.appended(longAt(receipts, (count - 1) * RECEIPT_WORDS) + 1);
    if (!isMany) return new Receipt(receipts, 0);
    const made = new Array(count);
    for (let i = 0; i < count; i++) made[i] = new Receipt(receipts, i * RECEIPT_WORDS);
    return made;
  }

  /* --------------------------------------------------------------------------------- one plain append */

  /**
   * Appends one event without extras. The addon remembers stream and type of the last call: names that are the
   * same again are not handed over. @returns whether it was taken; false: busy
   */
  append(bits, place, stream, type, body) {
    let call = bits + place * PLACE;
    let [streamNow, typeNow] = [stream, type];
    if (stream === this.#stream) {
      call += SAME_STREAM;
      streamNow = undefined;
    }
    if (type === this.#type) {
      call += SAME_TYPE;
      typeNow = undefined;
    }
    this.#stream = this.#type = undefined;
    const busy = this.native.append(call, streamNow, typeNow, body);
    this.#stream = stream;
    this.#type = type;
    return busy !== true;
  }

  /** The place of the next receipt. */
  slot() {
    if (this.#slot === SLAB_RECEIPTS) {
      this.#slab = new Uint32Array(SLAB_RECEIPTS * RECEIPT_WORDS);
      this.native.receipts(this.#slab);
      this.#slot = 0;
    }
    return this.#slot;
  }

  receipt() {
    const at = this.#slot++ * RECEIPT_WORDS;
    if (this.handlers !== null) this.handlers.appended(longAt(this.#slab, at) + 1);
    return new Receipt(this.#slab, at);
  }

  /* ------------------------------------------------------------------------------------------------ gates */

  /** What a gate threw during a call, as the cause of the refusal. */
  gateThrew(error) {
    this.#gateThrew = { error, there: true };
  }

  /** An error of a call, with what a gate threw as its cause. */
  explain(error) {
    const { error: cause, there } = this.#gateThrew;
    if (!there) return error;
    this.#gateThrew = { error: undefined, there: false };
    if (error?.code === 'TALLY_E_REFUSED') {
      Object.defineProperty(error, 'cause', { value: cause, writable: true, configurable: true, enumerable: false });
    }
    return error;
  }

  /* -------------------------------------------------------------------------------------------- waiting */

  /** Resolves when a level was reached; keeps the loop alive for nobody. Position -1: all so far, and syncs. */
  waitLevel(level, position) {
    return new Promise((resolve, reject) => {
      const call = new Call(resolve, reject, undefined);
      call.isQuiet = true;
      this.submit(call, (token) => !this.native.waitLevel(level, position, token));
    });
  }

  /* ---------------------------------------------------------------------------------------------- close */

  close() {
    if (this.closing === undefined) {
      this.closing = this.#close();
      // Inside a gate it is refused, and can be done later.
      this.closing.catch(() => {
        if (this.state === 'open') this.closing = undefined;
      });
    }
    return this.closing;
  }

  async #close() {
    // What waits here was promised its turn.
    while (this.#queue.length > 0) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    await this.handlers?.finish();
    if (this.state !== 'open') return;
    const closing = this.native.close(true);
    this.#begin();
    try {
      await closing;
    } finally {
      this.#end();
    }
  }

  closeSync() {
    if (this.state !== 'open') return;
    this.#stopUpkeep();
    this.native.close(false);
    this.#begin();
    this.closing ??= Promise.resolve();
    this.#end();
  }

  /** No new call from here on. */
  #begin() {
    this.state = 'closing';
    this.#stopUpkeep();
  }

  #stopUpkeep() {
    for (const numbers of this.upkeep) numbers[STOP] = 1;
  }

  /** All completions have come: whatever is left never will. */
  #end() {
    this.drain();
    this.state = 'closed';
    open.delete(this);
    clearTimeout(this.#timer);
    const error = new ClosedError('the store was closed', { path: this.path });
    for (const call of [...this.#entries, ...this.#queue.map((each) => each.call)]) {
      call?.settle();
      call?.reject(error);
    }
    this.#entries = [];
    this.#queue = [];
    for (const stop of this.followers) stop();
    this.followers.clear();
    this.handlers?.closed();
    this.native.release();
  }

  closeAtExit() {
    try {
      this.closeSync();
    } catch (error) {
      if (!(error instanceof TallyError)) throw error;
    }
  }
}

module.exports = { StoreCore, Call };
