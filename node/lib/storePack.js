'use strict';

// Events as one call takes them: numbers in one array, all texts and bytes in another, in the order of the
// numbers. node/ext/store_pack.c says how they lie.
//
// Texts are gathered to pieces of some KiB, which are written at once: while a piece is ASCII, its length in
// characters is that in bytes, and so is that of each text in it; otherwise bytes are counted. Joining all of a
// batch to one string took 200 ns for each text of 200 characters, its memory being new each time; pieces of
// 8 KiB take 40.

const { ArgumentError, LengthError, LimitError, Utf8Error } = require('./errors');
const { readOptions, show } = require('./options');
const { JSON_TYPE, encode, isBytes, jsonOf } = require('./storeCodec');
const { draftChecks, refuseName } = require('./storeOptions');
const { RECEIPT_WORDS } = require('./storeReceipt');

const ID = 4;
const CORRELATION = 8;
const CAUSATION = 16;
const OCCURRED = 32;
const CAUSE = 64;
const SAME_TYPE = 128;

const HEADER_WORDS = 7;
const DRAFT_WORDS = 11;
const BATCH_MAX = 65536;
/** Characters of a piece. */
const PIECE = 8192;
/** More than that is not kept for the next time. */
const KEPT_BYTES = 1 << 22;

/** Places of the header. */
const TRY = 4;
const ASYNC = 5;
const TOKEN = 6;

const nothing = Object.freeze({ __proto__: null });

const eventKeys = { __proto__: null, stream: true, type: true, data: true, cause: true };
for (const name of Object.keys(draftChecks)) eventKeys[name] = true;

function notText(value, what) {
  return new ArgumentError(`${what} is ${show(value)}; pass a string`);
}

/** Memory of the last pack, for the next one. Whoever packs meanwhile, in a toJSON, makes his own. */
let spare = { words: new Uint32Array(1024), bytes: Buffer.allocUnsafeSlow(16384) };

/** What is packed: filled once, then handed over as often as it takes. */
class Pack {
  #words;
  #used = HEADER_WORDS;
  #bytes;
  #end = 0;
  /** Texts that are not written yet, and where their lengths are among the words. */
  #piece = '';
  #parts = [];
  #places = [];
  #type = undefined;
  #contentType = undefined;
  count = 0;

  constructor(level) {
    const memory = spare ?? { words: new Uint32Array(1024), bytes: Buffer.allocUnsafeSlow(16384) };
    spare = undefined;
    this.#words = memory.words;
    this.#bytes = memory.bytes;
    this.level = level;
    this.#words.fill(0, 0, HEADER_WORDS);
    this.#words[3] = level;
  }

  #reserve(more) {
    if (this.#words.length - this.#used >= more) return;
    const grown = new Uint32Array(Math.max(this.#words.length * 2, this.#used + more));
    grown.set(this.#words);
    this.#words = grown;
  }

  #reserveBytes(more) {
    if (this.#bytes.length - this.#end >= more) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#end + more));
    grown.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = grown;
  }

  /** A text, whose length goes to a place. */
  #put(place, part) {
    this.#words[place] = part.length;
    if (part.length === 0) return;
    this.#places.push(place);
    this.#parts.push(part);
    this.#piece += part;
    if (this.#piece.length >= PIECE) this.#flush();
  }

  #flush() {
    const piece = this.#piece;
    if (piece.length === 0) return;
    this.#reserveBytes(piece.length * 3);
    const written = this.#bytes.utf8Write(piece, this.#end);
    this.#end += written;
    if (written !== piece.length) this.#countBytes();
    this.#piece = '';
    this.#parts.length = this.#places.length = 0;
  }

  #countBytes() {
    this.#parts.forEach((part, i) => {
      if (!part.isWellFormed()) throw new Utf8Error('a text contains half of a surrogate pair');
      this.#words[this.#places[i]] = Buffer.byteLength(part);
    });
  }

  #append(part) {
    this.#put(this.#used++, part);
  }

  #long(place, number) {
    this.#words[place] = number % 0x1_0000_0000;
    this.#words[place + 1] = Math.floor(number / 0x1_0000_0000);
  }

  #bytesAt(place, bytes) {
    this.#words[place] = bytes.length;
    if (bytes.length === 0) return;
    this.#flush();
    this.#reserveBytes(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** An event of a batch, as the caller gave it. */
  event(event, codec) {
    if (typeof event !== 'object' || event === null || Array.isArray(event)) {
      throw new ArgumentError(`event ${this.count} is ${show(event)}; pass {stream, type, data, …}`);
    }
    let hasExtras = false;
    for (const name in event) {
      if (name === 'stream' || name === 'type' || name === 'data') continue;
      if (!(name in eventKeys)) refuseName(name, Object.keys(eventKeys), `event ${this.count}`);
      hasExtras = true;
    }
    const { stream, type, data } = event;
    if (!hasExtras) {
      this.draft(stream, type, data, nothing, undefined, codec);
      return;
    }
    const extras = { ...event };
    for (const name of ['stream', 'type', 'data', 'cause']) delete extras[name];
    this.draft(stream, type, data, readOptions(extras, draftChecks, 'append'), event.cause, codec);
  }

  draft(stream, type, data, extras, cause, storeCodec) {
    if (typeof stream !== 'string') throw notText(stream, 'the stream');
    if (typeof type !== 'string') throw notText(type, 'the type');
    let body;
    let contentType;
    const codec = extras.codec ?? storeCodec;
    if (extras.contentType === undefined && codec === undefined && data !== undefined && !isBytes(data)) {
      body = jsonOf(data);
      contentType = JSON_TYPE;
    } else [body, contentType] = encode(data, extras.contentType, codec);
    const at = this.#used;
    this.#reserve(DRAFT_WORDS + 64);
    this.#used = at + DRAFT_WORDS;
    const words = this.#words;
    words.fill(0, at, this.#used);
    this.#put(at + 1, stream);
    if (this.count > 0 && type === this.#type && contentType === this.#contentType) words[at] = SAME_TYPE;
    else {
      this.#put(at + 2, type);
      this.#put(at + 3, contentType);
      this.#type = type;
      this.#contentType = contentType;
    }
    if (typeof body === 'string') this.#put(at + 4, body);
    else if (body !== undefined) this.#bytesAt(at + 4, body);
    if (cause !== undefined) this.#cause(at, cause);
    if (extras !== nothing) this.#extras(at, extras);
    this.count++;
  }

  #cause(at, cause) {
    if (!Number.isInteger(cause) || cause < 0 || cause >= this.count) {
      throw new ArgumentError(`the cause of event ${this.count} is ${show(cause)}; pass the index of an earlier event`);
    }
    this.#words[at] |= CAUSE;
    this.#words[at + 8] = cause;
  }

  #extras(at, extras) {
    const { tags = [], key, id, correlation, causation, occurred, schema = 0 } = extras;
    this.#reserve(DRAFT_WORDS + 64 + tags.length);
    const words = this.#words;
    words[at + 7] = schema;
    if (occurred !== undefined) {
      words[at] |= OCCURRED;
      this.#long(at + 9, occurred);
    }
    if (typeof key === 'string') this.#put(at + 6, key);
    else if (key !== undefined) this.#bytesAt(at + 6, key);
    words[at + 5] = tags.length;
    for (const tag of tags) this.#append(tag);
    this.#uuid(at, id, ID);
    this.#uuid(at, correlation, CORRELATION);
    this.#uuid(at, causation, CAUSATION);
  }

  #uuid(at, id, flag) {
    if (id === undefined) return;
    this.#words[at] |= flag;
    this.#words.set(id, this.#used);
    this.#used += 4;
  }

  /** Expectations {stream, expect: [what, version]} and conditions {types, tags, from}. */
  conditions(expectations, conditions) {
    this.#words[1] = expectations.length;
    this.#words[2] = conditions.length;
    for (const { stream, expect } of expectations) {
      this.#reserve(8);
      this.#append(stream);
      this.#words[this.#used] = expect[0];
      this.#long(this.#used + 1, expect[1]);
      this.#used += 3;
    }
    for (const { types, tags, from } of conditions) {
      this.#reserve(8 + types.length + tags.length);
      this.#words[this.#used] = types.length;
      this.#words[this.#used + 1] = tags.length;
      this.#long(this.#used + 2, from);
      this.#used += 4;
      for (const each of types) this.#append(each);
      for (const each of tags) this.#append(each);
    }
  }

  /** No more is added: from here on nothing belongs to the caller, so that it can be handed over later too. */
  seal() {
    if (this.count === 0) throw new LengthError('there are no events to append');
    if (this.count > BATCH_MAX)
      throw new LimitError(`a batch has at most ${BATCH_MAX} events, and this has ${this.count}`);
    this.#words[0] = this.count;
    this.#flush();
    this.receipts = new Uint32Array(this.count * RECEIPT_WORDS);
    return this;
  }

  /** Hands it over. @returns whether the queue took it; false: it is busy */
  go(native, isAsync, token, tries) {
    const words = this.#words;
    words[TRY] = tries ? 1 : 0;
    words[ASYNC] = isAsync ? 1 : 0;
    words[TOKEN] = token;
    if (native.appendPacked(words, this.#used, this.#bytes, this.#end, this.receipts) !== 0) return false;
    // It was copied, and is not handed over again.
    if (this.#bytes.length <= KEPT_BYTES) spare = { words, bytes: this.#bytes };
    return true;
  }
}

/** Checks what the fast path leaves to nobody else. */
function checkNames(stream, type) {
  if (typeof stream !== 'string') throw notText(stream, 'the stream');
  if (typeof type !== 'string') throw notText(type, 'the type');
}

module.exports = { Pack, checkNames };
