'use strict';

// An open store behind its public face: the addon's functions for it, what keeps the event loop alive, closing.

const { ClosedError, TallyError } = require('./errors');
const { binding } = require('./native');
const { Calls } = require('./storeCalls');
const { Levels } = require('./storeLevels');
const { mirrored } = require('./storeProof');
const { Receipt, RECEIPT_WORDS, SLAB_RECEIPTS, longAt } = require('./storeReceipt');

const STOP = 2;

/* Bits of the addon's append. */
const SAME_STREAM = 64;
const SAME_TYPE = 128;
const PLACE = 256;

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
  /** Given each new signed note; undefined: none. */
  mirror;
  #signing;
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
  calls = new Calls(this);
  #alive = 0;
  #isRef = false;
  #isLetGo = false;
  #stream = undefined;
  #type = undefined;
  #slab = null;
  #slot = SLAB_RECEIPTS;
  levels = new Levels(this);
  #gateThrew = { error: undefined, there: false };

  constructor(path, options, numbers) {
    this.path = path;
    this.codecs = options.codecs;
    this.mirror = options.signing?.mirror;
    this.#signing = options.signing;
    this.durability = options.durability ?? 3;
    this.readOnly = numbers[0] === 3;
  }

  /** @param isAsync whether to promise it */
  open(isAsync, name, numbers) {
    // The addon refers to this function for as long as the store is open.
    const woken = () => this.#woken();
    const { flags, texts } = this.#signing ?? {};
    let opened;
    try {
      opened = binding.storeOpen(isAsync, this.path, numbers, name, woken, flags, texts, this.mirror !== undefined);
    } finally {
      this.#signing?.wipe();
      this.#signing = undefined;
    }
    return isAsync ? opened.then((native) => this.#opened(native)) : this.#opened(opened);
  }

  #opened(native) {
    this.native = native;
    this.state = 'open';
    open.add(this);
    watchExit();
    return this;
  }

  /** For callers: not any more once close was called, while what was promised before is still finished. */
  get isOpen() {
    return this.state === 'open' && this.closing === undefined;
  }

  checkOpen() {
    if (this.isOpen) return;
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

  /** Who awaits a call often makes the next one: the loop is let go at the end of its turn. */
  releaseLater() {
    this.#alive--;
    if (this.#alive > 0 || this.#isLetGo) return;
    this.#isLetGo = true;
    setImmediate(() => {
      this.#isLetGo = false;
      this.#updateRef();
    });
  }

  #updateRef() {
    const wanted = this.#alive > 0;
    if (wanted === this.#isRef || this.state !== 'open') return;
    this.#isRef = wanted;
    this.native.keepAlive(wanted);
  }

  #woken() {
    if (this.native === null) return;
    this.calls.drain();
    this.calls.retry();
    this.handlers?.notified();
    mirrored(this);
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

  /** The end of the log as it is now. A read-only store looks at its files first. */
  end() {
    const end = this.native.buffered();
    if (!this.readOnly || !this.native.wait(false, 1, end, 0)) return end;
    return this.native.buffered();
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
    // What waits there was promised its turn.
    await this.calls.empty();
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
    this.calls.drain();
    this.state = 'closed';
    open.delete(this);
    this.calls.end();
    for (const stop of this.followers) stop();
    this.followers.clear();
    this.handlers?.closed();
    mirrored(this);
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

module.exports = { StoreCore };
