'use strict';

// Events as one call takes them: numbers in one array, all texts as one string, all bytes as one Buffer.
// node/ext/store_pack.c says how they lie.
//
// The string is handed over as it is: while all of it is ASCII, its length in characters is that in bytes, which
// the addon sees at once; otherwise it asks for the lengths in bytes, and they are counted.

const { ArgumentError, LengthError, LimitError, Utf8Error } = require('./errors');
const { readOptions, show } = require('./options');
const { JSON_TYPE, encode, isBytes, jsonOf } = require('./storeCodec');
const { draftChecks, refuseName } = require('./storeOptions');
const { RECEIPT_WORDS } = require('./storeReceipt');

const BLOB_DATA = 1;
const BLOB_KEY = 2;
const ID = 4;
const CORRELATION = 8;
const CAUSATION = 16;
const OCCURRED = 32;
const CAUSE = 64;
const SAME_TYPE = 128;

const HEADER_WORDS = 7;
const DRAFT_WORDS = 11;
const BATCH_MAX = 65536;

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

/** What is packed: filled once, then handed over as often as it takes. */
class Pack {
  #words = new Uint32Array(256);
  #used = HEADER_WORDS;
  #parts = [];
  /** Where the length of each part is among the words. */
  #places = [];
  #units = 0;
  #blobs = [];
  #blob = undefined;
  #type = undefined;
  #contentType = undefined;
  #text = undefined;
  #bytes = 0;
  count = 0;

  constructor(level) {
    this.level = level;
    this.#words[3] = level;
  }

  #reserve(more) {
    if (this.#words.length - this.#used >= more) return;
    const grown = new Uint32Array(Math.max(this.#words.length * 2, this.#used + more));
    grown.set(this.#words);
    this.#words = grown;
  }

  #put(place, part) {
    this.#words[place] = part.length;
    this.#places.push(place);
    this.#parts.push(part);
    this.#units += part.length;
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
    if (bytes.length > 0) this.#blobs.push(bytes);
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
    else if (body !== undefined) {
      words[at] |= BLOB_DATA;
      this.#bytesAt(at + 4, body);
    }
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
    const { tags = [], idempotencyKey, id, correlation, causation, occurred, schemaVersion = 0 } = extras;
    this.#reserve(DRAFT_WORDS + 64 + tags.length);
    const words = this.#words;
    words[at + 7] = schemaVersion;
    if (occurred !== undefined) {
      words[at] |= OCCURRED;
      this.#long(at + 9, occurred);
    }
    if (typeof idempotencyKey === 'string') this.#put(at + 6, idempotencyKey);
    else if (idempotencyKey !== undefined) {
      words[at] |= BLOB_KEY;
      this.#bytesAt(at + 6, idempotencyKey);
    }
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
    if (this.count > BATCH_MAX) throw new LimitError(`a batch has at most ${BATCH_MAX} events, and this has ${this.count}`);
    this.#words[0] = this.count;
    this.#text = this.#parts.join('');
    this.#bytes = this.#units;
    if (this.#blobs.length > 0) this.#blob = Buffer.concat(this.#blobs);
    this.#blobs = [];
    this.receipts = new Uint32Array(this.count * RECEIPT_WORDS);
    return this;
  }

  #countBytes() {
    this.#bytes = 0;
    this.#parts.forEach((part, i) => {
      if (!part.isWellFormed()) throw new Utf8Error('a text contains half of a surrogate pair');
      const bytes = Buffer.byteLength(part);
      this.#words[this.#places[i]] = bytes;
      this.#bytes += bytes;
    });
  }

  /** Hands it over. @returns whether the queue took it; false: it is busy */
  go(native, isAsync, token, tries) {
    const words = this.#words;
    words[TRY] = tries ? 1 : 0;
    words[ASYNC] = isAsync ? 1 : 0;
    words[TOKEN] = token;
    let answer = native.appendPacked(words, this.#used, this.#text, this.#bytes, this.#blob, this.receipts);
    if (answer === 2) {
      this.#countBytes();
      answer = native.appendPacked(words, this.#used, this.#text, this.#bytes, this.#blob, this.receipts);
    }
    return answer === 0;
  }
}

/** Checks what the fast path leaves to nobody else. */
function checkNames(stream, type) {
  if (typeof stream !== 'string') throw notText(stream, 'the stream');
  if (typeof type !== 'string') throw notText(type, 'the type');
}

module.exports = { Pack, checkNames };
