'use strict';

// Handlers that never leave C, as classes. See types/native.d.ts.

const path = require('node:path');

const { nameOfKind } = require('./batch');
const { ArgumentError, ClosedError } = require('./errors');
const { binding } = require('./native');
const { integer, readOptions, show } = require('./options');
const { dispose } = require('./values');

let externalOf;

/** One object of the core: an external that is closed once, by `close` or when it is collected. */
class NativeObject {
  #external;

  static {
    externalOf = (value) =>
      typeof value === 'object' && value !== null && #external in value ? value.#external : undefined;
  }

  constructor(external, key) {
    if (key !== NativeObject) throw new ArgumentError('make a Counter, a Ring or a Mask');
    this.#external = external;
  }

  close() {
    const external = this.#external;
    this.#external = null;
    if (external !== null) binding.objectClose(external);
  }

  [dispose]() {
    this.close();
  }
}

function open(object) {
  const external = externalOf(object);
  if (external === undefined) throw new ArgumentError(`${show(object)} is not a Counter, Ring or Mask`);
  if (external === null) throw new ClosedError(`the ${object.constructor.name} is closed`, { hint: 'make a new one' });
  return external;
}

/**
 * What the addon registers: the external of one of these classes, or whatever else was given. The addon
 * refuses what is not tagged as a native handler.
 */
function nativeOf(handler) {
  return externalOf(handler) === undefined ? handler : open(handler);
}

class Counter extends NativeObject {
  constructor() {
    super(binding.counterOpen(), NativeObject);
  }

  read() {
    return binding.counterRead(open(this));
  }
}

const ringChecks = { slots: integer(1, 16777216), slotBytes: integer(1, 1073741824) };

/** Events that are drained at once: that many, or what fits into so many bytes. */
const DRAIN_EVENTS = 4096;
const DRAIN_BYTES = 1 << 20;

/** Memory for one draining. The events that come out of it are views of it. */
class DrainMemory {
  constructor(events, slotBytes) {
    const count = Math.max(1, Math.min(events, Math.floor(DRAIN_BYTES / slotBytes)));
    this.bytes = new Uint8Array(count * slotBytes);
    this.offsets = new Uint32Array(count);
    this.lengths = new Uint32Array(count);
    this.kinds = new Uint32Array(count);
    this.sequences = new Float64Array(count);
  }

  get arrays() {
    return [this.bytes, this.offsets, this.lengths, this.kinds, this.sequences];
  }

  event(i) {
    const data = Buffer.from(this.bytes.buffer, this.offsets[i], this.lengths[i]);
    return { sequence: this.sequences[i], kind: nameOfKind(this.kinds[i]), data };
  }
}

class Ring extends NativeObject {
  #slotBytes;

  constructor(options) {
    const { slots = 1024, slotBytes = 256 } = readOptions(options, ringChecks, 'Ring');
    super(binding.ringOpen(slots, slotBytes), NativeObject);
    this.#slotBytes = (slotBytes + 7) & ~7;
  }

  drain(max) {
    const external = open(this);
    const events = [];
    let left = max === undefined ? Infinity : integer(1, 0xffffffff)(max, 'max');
    for (let waiting = this.#waiting(); waiting > 0 && left > 0; waiting = this.#waiting()) {
      const memory = new DrainMemory(Math.min(waiting, left, DRAIN_EVENTS), this.#slotBytes);
      const count = binding.ringDrain(external, ...memory.arrays);
      for (let i = 0; i < count; i++) events.push(memory.event(i));
      if (count === 0) break;
      left -= count;
    }
    return events;
  }

  #waiting() {
    const { pushed, drained } = this.counts();
    return pushed - drained;
  }

  counts() {
    return Object.freeze(binding.ringCounts(open(this)));
  }
}

function bits(value, name) {
  const isNumber = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
  const isBig = typeof value === 'bigint' && value >= 0n && value < 1n << 64n;
  if (!isNumber && !isBig)
    throw new ArgumentError(`${name} is ${show(value)}; pass a whole number or a bigint of at most 64 bits`);
  return BigInt(value);
}

const maskChecks = {
  mask: bits,
  match: bits,
  offset: integer(0, 0xffffffff),
  width: integer(1, 8),
  handler: (value) => value,
};

/** What a mask hands on to lives as long as the mask. */
const keptAlive = new WeakMap();

class Mask extends NativeObject {
  constructor(options) {
    const read = readOptions(options, maskChecks, 'Mask');
    const { mask, match = mask, offset = 0, width = 4, handler } = read;
    if (mask === undefined) throw new ArgumentError('mask is missing; say which bits count');
    if (handler === undefined)
      throw new ArgumentError('handler is missing; pass a Counter, Ring, Mask or native handler');
    super(binding.maskOpen(mask, match, offset, width, nativeOf(handler)), NativeObject);
    keptAlive.set(this, handler);
  }

  counts() {
    return binding.maskCounts(open(this));
  }
}

function capi() {
  return binding.capi();
}

function getInclude() {
  return path.join(__dirname, '..', '..', 'csrc', 'include');
}

module.exports = { Counter, Ring, Mask, capi, getInclude, nativeOf };
