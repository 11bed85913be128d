'use strict';

// Appending: which of the ways a call takes, and its options.
//
//   plain    one event without extras: stream, type and data go to the addon as they are
//   packed   everything else: storePack.js
//
// A promised call is given to the store's thread; one that only wants to be buffered is committed at once when
// nothing is under way and nobody holds a lock.

const { ArgumentError, BusyError } = require('./errors');
const { readOptions, show } = require('./options');
const { bytesOf, isBytes, jsonOf } = require('./storeCodec');
const { Call } = require('./storeCalls');
const { commitChecks, draftChecks, expected, levelNumbers, listOf, position, text, texts } = require('./storeOptions');
const { Pack, checkNames } = require('./storePack');

const nothing = Object.freeze({ __proto__: null });

/* Bits of the addon's append: the level is in the lowest two. */
const ASYNC = 4;
const TRY = 8;
const JSON_DATA = 16;
const BYTES_DATA = 32;

const BUFFERED = 1;

const CONDITIONS_MAX = 128;

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

/** The level of a call that has no other option; 0 when it has, or when it is not one. */
function levelOf(core, options) {
  if (options === undefined) return core.durability;
  if (typeof options !== 'object' || options === null) return 0;
  for (const name in options) if (name !== 'durability') return 0;
  const { durability: level } = options;
  if (level === undefined) return core.durability;
  return Object.hasOwn(levelNumbers, level) ? levelNumbers[level] : 0;
}

/* ----------------------------------------------------------------------------------------------- the calls */

function append(core, stream, type, data, options) {
  try {
    core.checkOpen();
    const level = levelOf(core, options);
    if (level !== 0 && core.codecs.codec === undefined) return appendPlain(core, level, stream, type, data);
    const read = readOptions(options, appendChecks, 'append');
    return submit(core, packOne(core, stream, type, data, read), false, read);
  } catch (error) {
    return Promise.reject(core.explain(error));
  }
}

function appendPlain(core, level, stream, type, data) {
  checkNames(stream, type);
  const bits = level | plain(data);
  let body = bodyOf(bits, data);
  if (level === BUFFERED && core.calls.appending === 0) {
    if (core.append(bits | TRY, core.slot(), stream, type, body)) return Promise.resolve(core.receipt());
  }
  return new Promise((resolve, reject) => {
    const call = new Call(resolve, reject, null);
    const go = (token) => core.append(bits | ASYNC, token, stream, type, body);
    try {
      // What waits must not change any more.
      if (!core.calls.submit(call, go) && (bits & BYTES_DATA) !== 0) body = Buffer.from(body);
    } catch (error) {
      reject(core.explain(error));
    }
  });
}

/** Gives what was packed to the store's thread. */
function submit(core, pack, isMany, { signal }) {
  if (signal?.aborted) return Promise.reject(signal.reason);
  if (pack.level === BUFFERED && core.calls.appending === 0 && pack.go(core.native, false, 0, true)) {
    return Promise.resolve(core.packed(pack, isMany));
  }
  return new Promise((resolve, reject) => {
    const call = new Call(resolve, reject, pack);
    call.isMany = isMany;
    call.abortable(signal);
    try {
      core.calls.submit(call, (token) => pack.go(core.native, true, token, false));
    } catch (error) {
      reject(core.explain(error));
    }
  });
}

function appendSync(core, stream, type, data, options) {
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
    const pack = packOne(core, stream, type, data, readOptions(options, appendSyncChecks, 'appendSync'));
    if (!pack.go(core.native, false, 0, false)) throw busy();
    return core.packed(pack, false);
  } catch (error) {
    throw core.explain(error);
  }
}

function appendMany(core, events, options) {
  try {
    core.checkOpen();
    const read = readOptions(options, atomicChecks, 'appendMany');
    return submit(core, packMany(core, events, read), true, read);
  } catch (error) {
    return Promise.reject(core.explain(error));
  }
}

function appendManySync(core, events, options) {
  core.checkOpen();
  try {
    const pack = packMany(core, events, readOptions(options, atomicSyncChecks, 'appendManySync'));
    if (!pack.go(core.native, false, 0, false)) throw busy();
    return core.packed(pack, true);
  } catch (error) {
    throw core.explain(error);
  }
}

/** Events that are collected, to be appended as one commit. */
class Batch {
  #core;
  #events = [];

  constructor(core) {
    this.#core = core;
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
    return appendMany(this.#core, this.#events.splice(0), options);
  }

  commitSync(options) {
    return appendManySync(this.#core, this.#events.splice(0), options);
  }
}

module.exports = { append, appendSync, appendMany, appendManySync, Batch };
