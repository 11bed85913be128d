'use strict';

// The store: the face of an open store. See types/store.d.ts.

const { inspect } = require('node:util');

const { ArgumentError, TimeoutError } = require('./errors');
const { abortSignal, integer, readOptions, show, timeoutMs } = require('./options');
const { Batch, append, appendMany, appendManySync, appendSync } = require('./storeAppend');
const { Call } = require('./storeCalls');
const { StoreCore } = require('./storeCore');
const { Event, eventsOf } = require('./storeEvent');
const { gateAdd } = require('./storeGate');
const { StoreHandlers } = require('./storeHandlers');
const { NamesReader, SyncNamesReader, STREAMS, TAGS, TYPES } = require('./storeNames');
const { digests, modes, open, openSync, unwatch } = require('./storeOpen');
const { durability, position, text, uuid } = require('./storeOptions');
const { consistency, keepNote, prove, proveSync, rotateKey, signingState } = require('./storeProof');
const { follow, read } = require('./storeReader');
const { Receipt } = require('./storeReceipt');
const { SyncReader } = require('./storeSyncReader');
const { backup, backupSync, fsck, fsckSync, salvage, salvageSync } = require('./storeUpkeep');
const { verify, verifyStore, verifyStoreSync, verifySync } = require('./storeVerify');
const { asyncDispose, dispose } = require('./values');

const DURABLE = 3;

const BY_POSITION = 0;
const BY_ID = 1;
const BY_VERSION = 2;

const ANCESTORS_MAX = 1 << 20;
const endings = [undefined, 'genesis', 'limit', 'dropped', 'unreadable'];

/* ------------------------------------------------------------------------------------------------- store */

const waitChecks = { level: durability, timeoutMs, signal: abortSignal };
const waitSyncChecks = { level: durability, timeoutMs };
const ancestorsSyncChecks = { limit: integer(1, ANCESTORS_MAX) };
const ancestorsChecks = { ...ancestorsSyncChecks, signal: abortSignal };
const inPlace = { signal: abortSignal };

/** What `get` looks for, and `find`, which is given no position. */
function keyOf(which, takesPosition) {
  if (typeof which === 'number' && takesPosition) return [BY_POSITION, position(which, 'the position'), 0];
  if (typeof which === 'string') return [BY_ID, uuid(which, 'the id'), 0];
  if (which instanceof Receipt || which instanceof Event) return [BY_ID, uuid(which.id, 'the id'), 0];
  if (typeof which === 'object' && which !== null) {
    const { stream, version } = readOptions(which, { stream: text, version: position }, 'what is looked for');
    if (stream !== undefined && version !== undefined) return [BY_VERSION, stream, version];
  }
  throw new ArgumentError(`what is looked for is ${show(which)}`, {
    hint: `pass ${takesPosition ? 'a position, ' : ''}the text of an id, or {stream, version}`,
  });
}

/** A promise that its caller may give up; what it stands for goes on. */
function unlessAborted(options, what, begin) {
  const { signal } = readOptions(options, inPlace, what);
  if (signal === undefined) return begin();
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    begin()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort));
  });
}

class Store {
  #core;

  constructor(core) {
    if (!(core instanceof StoreCore)) throw new ArgumentError('open a store with open() or openSync()');
    this.#core = core;
  }

  get path() {
    return this.#core.path;
  }

  get readOnly() {
    return this.#core.readOnly;
  }

  get closed() {
    return !this.#core.isOpen;
  }

  /** The addon's functions of an open store. */
  get #native() {
    this.#core.checkOpen();
    return this.#core.native;
  }

  /* ------------------------------------------------------------------------------------------- append */

  append(stream, type, data, options) {
    return append(this.#core, stream, type, data, options);
  }

  appendSync(stream, type, data, options) {
    return appendSync(this.#core, stream, type, data, options);
  }

  appendMany(events, options) {
    return appendMany(this.#core, events, options);
  }

  appendManySync(events, options) {
    return appendManySync(this.#core, events, options);
  }

  batch() {
    this.#core.checkOpen();
    return new Batch(this.#core);
  }

  gate(gate, options) {
    return gateAdd(this.#core, gate, options);
  }

  /* --------------------------------------------------------------------------------------------- read */

  read(query) {
    return read(this, this.#core, query);
  }

  readSync(query) {
    return new SyncReader(this, this.#core, query);
  }

  follow(query) {
    return follow(this, this.#core, query);
  }

  async get(which, options) {
    const key = keyOf(which, true);
    const page = await unlessAborted(options, 'get', () => this.#native.find(true, true, ...key));
    return eventsOf(page, this.#core.codecs)[0];
  }

  getSync(which) {
    return eventsOf(this.#native.find(false, true, ...keyOf(which, true)), this.#core.codecs)[0];
  }

  async find(which, options) {
    const key = keyOf(which, false);
    return unlessAborted(options, 'find', () => this.#native.find(true, false, ...key));
  }

  findSync(which) {
    return this.#native.find(false, false, ...keyOf(which, false));
  }

  async head(stream, options) {
    const name = text(stream, 'the stream');
    return headOf(await unlessAborted(options, 'head', () => this.#native.head(true, name)));
  }

  headSync(stream) {
    return headOf(this.#native.head(false, text(stream, 'the stream')));
  }

  async ancestors(of, options) {
    const { limit = 1000, signal } = readOptions(options, ancestorsChecks, 'ancestors');
    const from = position(of, 'the position');
    return chainOf(await unlessAborted({ signal }, 'ancestors', () => this.#native.ancestors(true, from, limit)));
  }

  ancestorsSync(of, options) {
    const { limit = 1000 } = readOptions(options, ancestorsSyncChecks, 'ancestorsSync');
    return chainOf(this.#native.ancestors(false, position(of, 'the position'), limit));
  }

  streams(options) {
    return new NamesReader(this, this.#core, STREAMS, options);
  }

  streamsSync(options) {
    return new SyncNamesReader(this, this.#core, STREAMS, options);
  }

  types(options) {
    return new NamesReader(this, this.#core, TYPES, options);
  }

  typesSync(options) {
    return new SyncNamesReader(this, this.#core, TYPES, options);
  }

  tags(options) {
    return new NamesReader(this, this.#core, TAGS, options);
  }

  tagsSync(options) {
    return new SyncNamesReader(this, this.#core, TAGS, options);
  }

  /* ------------------------------------------------------------------------------------------ handlers */

  on(type, handler, options) {
    return this.#handlers.on(type, handler, options);
  }

  onPanic(handler) {
    this.#handlers.registry.onPanic(handler);
    return this;
  }

  get #handlers() {
    const core = this.#core;
    core.checkOpen();
    return (core.handlers ??= new StoreHandlers(core));
  }

  /* ----------------------------------------------------------------------------------- levels, waiting */

  watermarks() {
    return this.#native.watermarks();
  }

  async sync(options) {
    const { signal } = readOptions(options, inPlace, 'sync');
    const core = this.#core;
    core.checkOpen();
    signal?.throwIfAborted();
    if (core.readOnly) return this.syncSync();
    return new Promise((resolve, reject) => {
      const call = new Call(resolve, reject, undefined);
      call.abortable(signal);
      try {
        core.calls.submit(call, (token) => !core.native.waitLevel(DURABLE, -1, token));
      } catch (error) {
        reject(error);
      }
    });
  }

  syncSync() {
    this.#native.sync();
  }

  async wait(of, options) {
    const wanted = position(of, 'the position');
    const { level = DURABLE, timeoutMs: limit, signal } = readOptions(options, waitChecks, 'wait');
    const core = this.#core;
    core.checkOpen();
    signal?.throwIfAborted();
    if (limit === 0) return inTime(await core.native.wait(true, level, wanted, 0), wanted);
    let timer;
    let stop;
    let giveUp;
    core.hold();
    try {
      await new Promise((resolve, reject) => {
        stop = () => reject(signal.reason);
        signal?.addEventListener('abort', stop, { once: true });
        if (limit !== undefined) timer = setTimeout(() => reject(late(wanted)), limit);
        giveUp = core.levels.watch(level, wanted, { resolve, reject });
      });
    } finally {
      giveUp?.();
      core.release();
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
  }

  waitSync(of, options) {
    const { level = DURABLE, timeoutMs: limit = 0xffffffff } = readOptions(options, waitSyncChecks, 'waitSync');
    inTime(this.#native.wait(false, level, position(of, 'the position'), limit), of);
  }

  /* ------------------------------------------------------------------------------------------- looking */

  stats() {
    return this.#native.statistics();
  }

  info() {
    const info = this.#native.info();
    info.mode = modes[info.mode];
    info.digest = digests[info.digest - 1];
    return info;
  }

  /* ------------------------------------------------------------------------------------------- upkeep */

  backup(path, options) {
    return backup(this.#core, path, options);
  }

  backupSync(path, options) {
    return backupSync(this.#core, path, options);
  }

  /* ------------------------------------------------------------------------------------------- proofs */

  signing() {
    return signingState(this.#native);
  }

  async checkpoint() {
    return this.#native.checkpoint(true);
  }

  checkpointSync() {
    return this.#native.checkpoint(false);
  }

  async prove(of) {
    return prove(this.#native, of);
  }

  proveSync(of) {
    return proveSync(this.#native, of);
  }

  async consistency(oldSize, newSize) {
    return Object.freeze(await consistency(this.#native, true, oldSize, newSize));
  }

  consistencySync(oldSize, newSize) {
    return Object.freeze(consistency(this.#native, false, oldSize, newSize));
  }

  async getStored(of) {
    return this.#native.getStored(true, position(of, 'the position'));
  }

  getStoredSync(of) {
    return this.#native.getStored(false, position(of, 'the position'));
  }

  async keepNote(note, witnesses) {
    return keepNote(this.#native, true, note, witnesses);
  }

  keepNoteSync(note, witnesses) {
    keepNote(this.#native, false, note, witnesses);
  }

  async rotateKey(key) {
    return rotateKey(this.#native, true, key);
  }

  rotateKeySync(key) {
    rotateKey(this.#native, false, key);
  }

  verify(options) {
    return verifyStore(this.#core, options);
  }

  verifySync(options) {
    return verifyStoreSync(this.#core, options);
  }

  /* -------------------------------------------------------------------------------------------- close */

  close() {
    unwatch(this.#core);
    return this.#core.close();
  }

  closeSync() {
    unwatch(this.#core);
    this.#core.closeSync();
  }

  [dispose]() {
    this.closeSync();
  }

  [asyncDispose]() {
    return this.close();
  }

  [inspect.custom](_depth, options) {
    const state = this.closed ? 'closed' : this.readOnly ? 'read-only' : 'open';
    return `${options.stylize(`Store ${JSON.stringify(this.path)}`, 'special')} { ${state} }`;
  }
}

function late(wanted) {
  return new TimeoutError(`position ${wanted} did not get there in time`, { position: wanted });
}

function inTime(reached, wanted) {
  if (!reached) throw late(wanted);
}

function headOf([nextVersion, lastPosition]) {
  return Object.freeze({ nextVersion, lastPosition });
}

function chainOf({ positions, ended }) {
  return Object.freeze({ positions, ended: endings[ended] });
}

module.exports = {
  Store,
  Event,
  Receipt,
  open: (path, options) => open((core) => new Store(core), path, options),
  openSync: (path, options) => openSync((core) => new Store(core), path, options),
  fsck,
  fsckSync,
  salvage,
  salvageSync,
  verify,
  verifySync,
};
