'use strict';

// Receipts: what an append returns. The core writes them into memory of this side; a Receipt is a place there.

const { inspect } = require('node:util');

const { OverflowError } = require('./errors');

const HIGH = 0x1_0000_0000;
/** 32-bit words of a receipt, as tally_receipt lies in memory. */
const RECEIPT_WORDS = 22;

const levels = ['default', 'buffered', 'written', 'durable'];

/** A position, version or count of two words. */
function longAt(words, at) {
  const high = words[at + 1];
  if (high > 0x1fffff) throw new OverflowError('a position is beyond 2^53 - 1, which a number cannot hold');
  return high * HIGH + words[at];
}

/** Microseconds: two words with a sign. */
function timeAt(words, at) {
  const time = (words[at + 1] | 0) * HIGH + words[at];
  if (!Number.isSafeInteger(time)) throw new OverflowError('a time is beyond 2^53 microseconds');
  return time;
}

const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hexAt(words, at) {
  const word = words[at];
  return digits[word & 255] + digits[(word >>> 8) & 255] + digits[(word >>> 16) & 255] + digits[word >>> 24];
}

/** The text of an id of four words; undefined for the one that is all zero. */
function uuidAt(words, at) {
  if ((words[at] | words[at + 1] | words[at + 2] | words[at + 3]) === 0) return undefined;
  const [a, b, c, d] = [hexAt(words, at), hexAt(words, at + 1), hexAt(words, at + 2), hexAt(words, at + 3)];
  return `${a}-${b.slice(0, 4)}-${b.slice(4)}-${c.slice(0, 4)}-${c.slice(4)}${d}`;
}

class Receipt {
  #words;
  #at;

  constructor(words, at) {
    if (!(words instanceof Uint32Array)) throw new TypeError('receipts come from appending');
    this.#words = words;
    this.#at = at;
  }

  get position() {
    return longAt(this.#words, this.#at);
  }

  get version() {
    return longAt(this.#words, this.#at + 2);
  }

  get timeUs() {
    return timeAt(this.#words, this.#at + 4);
  }

  get time() {
    return new Date(Math.floor(this.timeUs / 1000));
  }

  get logical() {
    return this.#words[this.#at + 6];
  }

  get durability() {
    return levels[this.#words[this.#at + 7]];
  }

  get repeated() {
    return (this.#words[this.#at + 8] & 1) !== 0;
  }

  get id() {
    return uuidAt(this.#words, this.#at + 10);
  }

  get hash() {
    let text = '';
    for (let i = 0; i < 8; i++) text += hexAt(this.#words, this.#at + 14 + i);
    return text;
  }

  toJSON() {
    const { position, version, id, time, timeUs, logical, durability, repeated, hash } = this;
    return { position, version, id, time, timeUs, logical, durability, repeated, hash };
  }

  [inspect.custom](_depth, options) {
    return `Receipt ${inspect(this.toJSON(), options)}`;
  }
}

/** Memory for receipts that come one by one; a kept receipt keeps its neighbours, so it is small. */
const SLAB_RECEIPTS = 64;

module.exports = { Receipt, RECEIPT_WORDS, SLAB_RECEIPTS, levels, longAt, timeAt, uuidAt, hexAt };
