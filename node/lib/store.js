'use strict';

// The store: the face of an open store. See types/store.d.ts.

const { inspect } = require('node:util');

const { ArgumentError, BusyError, TimeoutError } = require('./errors');
const { abortSignal, integer, readOptions, show, timeoutMs } = require('./options');
const { bytesOf, isBytes, jsonOf } = require('./storeCodec');
const { Call, StoreCore } = require('./storeCore');
const { Event, eventsOf } = require('./storeEvent');
const { gateAdd } = require('./storeGate');
const { StoreHandlers } = require('./storeHandlers');
const { NamesReader, SyncNamesReader, STREAMS, TAGS, TYPES } = require('./storeNames');
const { digests, modes, open, openSync, unwatch } = require('./storeOpen');
const {
  commitChecks,
  draftChecks,
  durability,
  expected,
  levelNumbers,
  listOf,
  position,
  text,
  texts,
  uuid,
} = require('./storeOptions');
const { Pack, checkNames } = require('./storePack');
const { SyncReader, follow, read } = require('./storeReader');
const { Receipt } = require('./storeReceipt');
const { backup, backupSync, fsck, fsckSync, salvage, salvageSync } = require('./storeUpkeep');
const { asyncDispose, dispose } = require('./values');

const nothing = Object.freeze({ __proto__: null });

/* Bits of the addon's append: the level is in the lowest two. */
const ASYNC = 4;
const TRY = 8;
const JSON_DATA = 16;
const BYTES_DATA = 32;

const BUFFERED = 1;
const DURABLE = 3;
const CONDITIONS_MAX = 128;

const BY_POSITION = 0;
const BY_ID = 1;
const BY_VERSION = 2;

const ANCESTORS_MAX = 1 << 20;
const endings = [undefined, 'genesis', 'limit', 'dropped', 'unreadable'];

/* ------------------------------------------------------------------------------------- options of appends */

const expectationChecks = { stream: text, expect: expected };
const conditionChecks = { types: texts(65536), tags: texts(65536), from: position };

function expectation(value) {
  const read = readOptions(value, expectationChecks, 'an expectation');
  if (read.expect === undefined) throw new ArgumentError('an expectation has no expect');
  return { stream: read.stream ?? '', expect: read.expect };
}

function condition(value) {
  const { types = [], tags = [], from = 0 } = readOptions(value, conditionChecks, 'a condition');
  return { types, tags, from };
}

const atomicChecks = {
  ...commitChecks,
  expect: expected,
  expectations: listOf(expectation, CONDITIONS_MAX, '{stream, expect}'),
  conditions: listOf(condition, CONDITIONS_MAX, '{types, tags, from}'),
};
const atomicSyncChecks = { ...atomicChecks };
delete atomicSyncChecks.signal;

const appendChecks = { ...draftChecks, ...atomicChecks };
const appendSyncChecks = { ...draftChecks, ...atomicSyncChecks };

function addConditions(pack, read) {
  const { expect, expectations = [], conditions = [] } = read;
  const all = expect === undefined ? expectations : [{ stream: '', expect }, ...expectations];
  if (all.length > 0 || conditions.length > 0) pack.conditions(all, conditions);
  return pack.seal();
}

function packOne(core, stream, type, data, read) {
  const pack = new Pack(read.durability ?? core.durability);
  pack.draft(stream, type, data, read, undefined, core.codecs.codec);
  return addConditions(pack, read);
}

function packMany(core, events, read) {
  if (typeof events?.[Symbol.iterator] !== 'function' || typeof events === 'string') {
    throw new ArgumentError(`the events are ${show(events)}; pass an array`);
  }
  const pack = new Pack(read.durability ?? core.durability);
  const { codec } = core.codecs;
  for (const event of events) pack.event(event, codec);
  return addConditions(pack, read);
}

function busy() {
  return new BusyError('the queue of the store is full', { hint: 'use append, which waits for its turn' });
}

/** Bits for data without extras: what it is. */
function plain(data) {
  if (data === undefined) return 0;
  return isBytes(data) ? BYTES_DATA : JSON_DATA;
}

/** As the addon takes it: text of JSON, a Uint8Array, or undefined. */
function bodyOf(bits, data) {
  if ((bits & JSON_DATA) !== 0) return jsonOf(data);
  return (bits & BYTES_DATA) === 0 ? undefined : bytesOf(data);
}

/* ------------------------------------------------------------------------------------------------- store */

const waitChecks = { level: durability, timeoutMs, signal: abortSignal };
const waitSyncChecks = { level: durability, timeoutMs };
const ancestorsChecks = { limit: integer(1, ANCESTORS_MAX) };
const inPlace = { signal: abortSignal };

/** What `get` and `find` look for. */
function keyOf(which) {
  if (typeof which === 'number') return [BY_POSITION, position(which, 'the position'), 0];
  if (typeof which === 'string') return [BY_ID, uuid(which, 'the id'), 0];
  if (which instanceof Receipt || which instanceof Event) return [BY_ID, uuid(which.id, 'the id'), 0];
  if (typeof which === 'object' && which !== null) {
    const { stream, version } = readOptions(which, { stream: text, version: position }, 'what is looked for');
    if (stream !== undefined && version !== undefined) return [BY_VERSION, stream, version];
  }
  throw new ArgumentError(`what is looked for is ${show(which)}`, {
    hint: 'pass a position, the text of an id, or {stream, version}',
  });
}

/** The level of a call that has no other option; 0 when it has, or when it is not one. */
function levelOf(core, options) {
  if (options === undefined) return core.durability;
  if (typeof options !== 'object' || options === null) return 0;
  for (const name in options) if (name !== 'durability') return 0;
  const { durability: level } = options;
  if (level === undefined) return core.durability;
  return Object.hasOwn(levelNumbers, level) ? levelNumbers[level] : 0;
}

/** Events that are collected, to be appended as one commit. */
class Batch {
  #core;
  #appendMany;
  #events = [];

  constructor(core, appendMany) {
    this.#core = core;
    this.#appendMany = appendMany;
  }

  get length() {
    return this.#events.length;
  }

  /** @returns its index, which later events may give as their cause */
  append(stream, type, data, options) {
    this.#core.checkOpen();
    checkNames(stream, type);
    const { cause, ...extras } = options ?? nothing;
    readOptions(extras, draftChecks, 'append');
    this.#events.push({ ...extras, stream, type, data, ...(cause === undefined ? {} : { cause }) });
    return this.#events.length - 1;
  }

  async commit(options) {
    return this.#appendMany.later(this.#events.splice(0), options);
  }

  commitSync(options) {
    return this.#appendMany.now(this.#events.splice(0), options);
  }
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
    return this.#core.state !== 'open';
  }

  /** The addon's functions of an open store. */
  get #native() {
    this.#core.checkOpen();
    return this.#core.native;
  }

  /* ------------------------------------------------------------------------------------------- append */

  append(stream, type, data, options) {
    const core = this.#core;
    try {
      core.checkOpen();
      const level = levelOf(core, options);
      if (level !== 0 && core.codecs.codec === undefined) return this.#appendPlain(level, stream, type, data);
      const read = readOptions(options, appendChecks, 'append');
      return this.#submit(packOne(core, stream, type, data, read), false, read);
    } catch (error) {
      return Promise.reject(core.explain(error));
    }
  }

  #appendPlain(level, stream, type, data) {
    const core = this.#core;
    checkNames(stream, type);
    const bits = level | plain(data);
    let body = bodyOf(bits, data);
    if (level === BUFFERED && core.appending === 0) {
      if (core.append(bits | TRY, core.slot(), stream, type, body)) return Promise.resolve(core.receipt());
    }
    return new Promise((resolve, reject) => {
      const call = new Call(resolve, reject, null);
      const go = (token) => core.append(bits | ASYNC, token, stream, type, body);
      try {
        // What waits must not change any more.
        if (!core.submit(call, go) && (bits & BYTES_DATA) !== 0) body = Buffer.from(body);
      } catch (error) {
        reject(core.explain(error));
      }
    });
  }

  /** Gives what was packed to the store's thread. */
  #submit(pack, isMany, { signal }) {
    const core = this.#core;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (pack.level === BUFFERED && core.appending === 0 && pack.go(core.native, false, 0, true)) {
      return Promise.resolve(core.packed(pack, isMany));
    }
    return new Promise((resolve, reject) => {
      const call = new Call(resolve, reject, pack);
      call.isMany = isMany;
      core.abortable(call, signal);
      try {
        core.submit(call, (token) => pack.go(core.native, true, token, false));
      } catch (error) {
        reject(core.explain(error));
      }
    });
  }

  appendSync(stream, type, data, options) {
    const core = this.#core;
    core.checkOpen();
    try {
      const level = levelOf(core, options);
      if (level !== 0 && core.codecs.codec === undefined) {
        checkNames(stream, type);
        const bits = level | plain(data);
        const body = bodyOf(bits, data);
        if (!core.append(bits, core.slot(), stream, type, body)) throw busy();
        return core.receipt();
      }
      const read = readOptions(options, appendSyncChecks, 'appendSync');
      const pack = packOne(core, stream, type, data, read);
      if (!pack.go(core.native, false, 0, false)) throw busy();
      return core.packed(pack, false);
    } catch (error) {
      throw core.explain(error);
    }
  }

  appendMany(events, options) {
    const core = this.#core;
    try {
      core.checkOpen();
      const read = readOptions(options, atomicChecks, 'appendMany');
      return this.#submit(packMany(core, events, read), true, read);
    } catch (error) {
      return Promise.reject(core.explain(error));
    }
  }

  appendManySync(events, options) {
    const core = this.#core;
    core.checkOpen();
    try {
      const pack = packMany(core, events, readOptions(options, atomicSyncChecks, 'appendManySync'));
      if (!pack.go(core.native, false, 0, false)) throw busy();
      return core.packed(pack, true);
    } catch (error) {
      throw core.explain(error);
    }
  }

  batch() {
    this.#core.checkOpen();
    return new Batch(this.#core, {
      later: (events, options) => this.appendMany(events, options),
      now: (events, options) => this.appendManySync(events, options),
    });
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

  async get(which) {
    const page = await this.#native.find(true, true, ...keyOf(which));
    return eventsOf(page, this.#core.codecs)[0];
  }

  getSync(which) {
    return eventsOf(this.#native.find(false, true, ...keyOf(which)), this.#core.codecs)[0];
  }

  async find(which) {
    return this.#native.find(true, false, ...keyOf(which));
  }

  findSync(which) {
    return this.#native.find(false, false, ...keyOf(which));
  }

  async head(stream) {
    return headOf(await this.#native.head(true, text(stream, 'the stream')));
  }

  headSync(stream) {
    return headOf(this.#native.head(false, text(stream, 'the stream')));
  }

  async ancestors(of, options) {
    const { limit = 1000 } = readOptions(options, ancestorsChecks, 'ancestors');
    return chainOf(await this.#native.ancestors(true, position(of, 'the position'), limit));
  }

  ancestorsSync(of, options) {
    const { limit = 1000 } = readOptions(options, ancestorsChecks, 'ancestorsSync');
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
      core.abortable(call, signal);
      try {
        core.submit(call, (token) => !core.native.waitLevel(DURABLE, -1, token));
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
        giveUp = core.watch(level, wanted, { resolve, reject });
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
};
