'use strict';

// Batches: several events at once, for handlers with `batch: true`. Valid during the call only.

const { binding } = require('./native');

const names = new Map();

/** The name of a kind of the core; kinds are never reused, so they are remembered. */
function nameOfKind(kind) {
  if (kind === 0) return undefined;
  let name = names.get(kind);
  if (name === undefined) names.set(kind, (name = binding.kindName(kind)));
  return name;
}

const kinds = new Map();

/** The kind of a name, interned in the core. */
function kindOfName(name) {
  if (name === undefined) return 0;
  let kind = kinds.get(name);
  if (kind === undefined) {
    kind = binding.kindNumber(name);
    kinds.set(name, kind);
    names.set(kind, name);
  }
  return kind;
}

/** The bytes of an event of this thread, if it is made of bytes. */
function bytesOf(event) {
  if (event instanceof Uint8Array) return event;
  if (ArrayBuffer.isView(event)) return new Uint8Array(event.buffer, event.byteOffset, event.byteLength);
  return event instanceof ArrayBuffer ? new Uint8Array(event) : undefined;
}

/** An event of this thread: a batch of one. */
class Single {
  #event;
  #name;
  length = 1;

  constructor(event, name) {
    this.#event = event;
    this.#name = name;
  }

  get bytes() {
    return bytesOf(this.#event);
  }

  get offsets() {
    return new Uint32Array(1);
  }

  get lengths() {
    return Uint32Array.of(this.bytes?.byteLength ?? 0);
  }

  at(index) {
    return index === 0 || index === -1 ? this.#event : undefined;
  }

  kindAt(index) {
    return index === 0 || index === -1 ? this.#name : undefined;
  }

  *[Symbol.iterator]() {
    yield this.#event;
  }
}

/** Events of native threads, in memory that the next batch uses again. */
class Batch {
  #kinds;

  constructor(bytes, offsets, lengths, kindNumbers, count) {
    this.bytes = bytes;
    this.offsets = offsets;
    this.lengths = lengths;
    this.length = count;
    this.#kinds = kindNumbers;
  }

  at(index) {
    const i = index < 0 ? index + this.length : index;
    if (!(i >= 0 && i < this.length)) return undefined;
    const offset = this.offsets[i];
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + offset, this.lengths[i]);
  }

  kindAt(index) {
    const i = index < 0 ? index + this.length : index;
    return i >= 0 && i < this.length ? nameOfKind(this.#kinds[i]) : undefined;
  }

  *[Symbol.iterator]() {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}

function batchOfOne(event, name) {
  return new Single(event, name);
}

module.exports = { Batch, batchOfOne, nameOfKind, kindOfName };
