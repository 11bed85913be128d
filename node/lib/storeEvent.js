'use strict';

// Events as they are read. A page is a piece of memory with records (node/ext/store_page.c says how they lie); an
// Event is a place in it and makes values when they are asked for.

const { createHash } = require('node:crypto');
const { inspect } = require('node:util');

const { DamagedError } = require('./errors');
const { longAt, timeAt, uuidAt } = require('./storeReceipt');

const FIXED_WORDS = 60;
const CORE_WORD = 32;
const CORE_BYTES = 112;
/** Shorter data is copied out, so that who keeps it does not keep a whole page. */
const COPY_BYTES = 32768;

const SYSTEM = 1;
const SEALED = 2;
const OCCURRED = 16;

const states = ['readable', 'shredded', 'key-missing', 'damaged'];
const DAMAGED = 3;

const unread = Symbol('unread');

/** @param memory an ArrayBuffer of the addon */
function pageOf(memory, codecs) {
  return { words: new Uint32Array(memory), bytes: Buffer.from(memory), codecs };
}

class Event {
  #page;
  #at;
  #stream = undefined;
  #type = undefined;
  #data = unread;

  constructor(page, at) {
    if (!(page?.words instanceof Uint32Array)) throw new TypeError('events come from reading');
    this.#page = page;
    this.#at = at;
  }

  #word(place) {
    return this.#page.words[this.#at + place];
  }

  /** Where the texts begin, in bytes of the page. */
  get #texts() {
    return (this.#at + FIXED_WORDS + this.#word(13)) * 4;
  }

  #text(from, length) {
    return this.#page.bytes.toString('utf8', from, from + length);
  }

  get position() {
    return longAt(this.#page.words, this.#at + 2);
  }

  get version() {
    return longAt(this.#page.words, this.#at + 4);
  }

  get stream() {
    return (this.#stream ??= this.#text(this.#texts, this.#word(16)));
  }

  get type() {
    return (this.#type ??= this.#text(this.#texts + this.#word(16), this.#word(17)));
  }

  get contentType() {
    return this.#text(this.#texts + this.#word(16) + this.#word(17), this.#word(18));
  }

  get tags() {
    const tags = [];
    let from = this.#texts + this.#word(16) + this.#word(17) + this.#word(18);
    for (let i = 0; i < this.#word(13); i++) {
      const length = this.#word(FIXED_WORDS + i);
      tags.push(this.#text(from, length));
      from += length;
    }
    return tags;
  }

  get id() {
    return uuidAt(this.#page.words, this.#at + 20);
  }

  get correlation() {
    return uuidAt(this.#page.words, this.#at + 24);
  }

  get causation() {
    return uuidAt(this.#page.words, this.#at + 28);
  }

  get timeUs() {
    return timeAt(this.#page.words, this.#at + 6);
  }

  get time() {
    return new Date(Math.floor(this.timeUs / 1000));
  }

  get logical() {
    return this.#word(8);
  }

  get occurredUs() {
    return (this.#word(1) & OCCURRED) === 0 ? undefined : timeAt(this.#page.words, this.#at + 14);
  }

  get occurred() {
    const us = this.occurredUs;
    return us === undefined ? undefined : new Date(Math.floor(us / 1000));
  }

  get schema() {
    return this.#word(9);
  }

  get batchIndex() {
    return this.#word(11);
  }

  get batchCount() {
    return this.#word(12);
  }

  get isSystem() {
    return (this.#word(1) & SYSTEM) !== 0;
  }

  get isSealed() {
    return (this.#word(1) & SEALED) !== 0;
  }

  get dataState() {
    return states[this.#word(10)];
  }

  /** The bytes where they lie. */
  get #view() {
    const length = this.#word(19);
    const end = this.#at * 4 + this.#word(0);
    return this.#page.bytes.subarray(end - ((length + 7) & ~7), end - ((length + 7) & ~7) + length);
  }

  #checkData() {
    if (this.#word(10) !== DAMAGED) return;
    throw new DamagedError(`the data of event ${this.position} is not what was written`, { position: this.position });
  }

  get bytes() {
    this.#checkData();
    const view = this.#view;
    return view.length < COPY_BYTES ? Buffer.from(view) : view;
  }

  get data() {
    if (this.#data !== unread) return this.#data;
    this.#checkData();
    this.#data = this.#word(10) === 0 ? this.#page.codecs.decode(this.#view, this.contentType) : undefined;
    return this.#data;
  }

  get hash() {
    const from = (this.#at + CORE_WORD) * 4;
    const core = this.#page.bytes.subarray(from, from + CORE_BYTES);
    return createHash('sha256').update('\0').update(core).digest('hex');
  }

  toJSON() {
    const { position, version, stream, type, id, correlation, causation, time, timeUs, logical, occurred } = this;
    const { schema, tags, contentType, dataState } = this;
    const data = dataState === 'damaged' ? undefined : this.data;
    const fixed = { position, version, stream, type, id, correlation, causation, time, timeUs, logical, occurred };
    return { ...fixed, schema, tags, contentType, dataState, data };
  }

  [inspect.custom](depth, options) {
    if (depth < 0) return options.stylize('[Event]', 'special');
    const { position, stream, version, type, time, dataState } = this;
    const shown = { stream, version, time };
    if (this.#word(13) > 0) shown.tags = this.tags;
    try {
      if (dataState === 'readable') shown.data = this.data;
      else shown.dataState = dataState;
    } catch (error) {
      shown.data = error;
    }
    return `Event ${position} ${type} ${inspect(shown, options)}`;
  }
}

/** All events of a page, in order. */
function eventsOf(memory, codecs) {
  const page = pageOf(memory, codecs);
  const events = [];
  for (let at = 0; at < page.words.length; at += page.words[at] >>> 2) events.push(new Event(page, at));
  return events;
}

module.exports = { Event, eventsOf };
