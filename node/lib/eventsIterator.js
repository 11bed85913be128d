'use strict';

// Events of a registry as an async iterator, in a buffer that is bounded.

const { LimitError } = require('./errors');
const { abortSignal, choice, integer, readOptions } = require('./options');
const { asyncDispose, dispose } = require('./values');

const checks = {
  maxBuffered: integer(1, 0x7fffffff),
  overflow: choice('error', 'drop-oldest', 'drop-newest'),
  signal: abortSignal,
};

/** A queue that gives up its head cheaply. */
class Queue {
  #items = [];
  #head = 0;

  get length() {
    return this.#items.length - this.#head;
  }

  push(item) {
    this.#items.push(item);
  }

  shift() {
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear() {
    this.#items.length = this.#head = 0;
  }
}

// invariant: either events are buffered, or readers wait, or neither.
class EventsIterator {
  #maximum;
  #overflow;
  #buffer = new Queue();
  #readers = [];
  #dropped = 0;
  #stop;
  #ended = false;
  #error = undefined;

  constructor(board, register, name, options) {
    const read = readOptions(options, checks, 'events');
    this.#maximum = read.maxBuffered ?? 1024;
    this.#overflow = read.overflow ?? 'error';
    board.checkOpen();
    const { signal } = read;
    if (signal?.aborted) {
      this.#end(signal.reason, true);
      return;
    }
    const subscription = register(name, (event) => this.#receive(event));
    const closed = () => this.#end();
    const aborted = () => this.#end(signal.reason, true);
    board.closing.add(closed);
    signal?.addEventListener('abort', aborted, { once: true });
    this.#stop = () => {
      subscription();
      board.closing.delete(closed);
      signal?.removeEventListener('abort', aborted);
    };
  }

  get buffered() {
    return this.#buffer.length;
  }

  get dropped() {
    return this.#dropped;
  }

  #receive(event) {
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader.resolve({ value: event, done: false });
      return;
    }
    if (this.#buffer.length >= this.#maximum) {
      if (this.#overflow === 'error') {
        const hint = 'read faster, raise maxBuffered, or choose an overflow that drops';
        this.#end(new LimitError(`${this.#maximum} events wait to be read and another one came`, { hint }));
        return;
      }
      this.#dropped++;
      if (this.#overflow === 'drop-newest') return;
      this.#buffer.shift();
    }
    this.#buffer.push(event);
  }

  /** No more events. What is buffered can still be read, unless the reader was told to stop. */
  #end(error, atOnce = false) {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#stop?.();
    if (atOnce) this.#buffer.clear();
    for (const reader of this.#readers.splice(0)) this.#answerAtEnd(reader);
  }

  /** The error is told once; after it the iteration is over. */
  #answerAtEnd({ resolve, reject }) {
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) reject(error);
    else resolve({ value: undefined, done: true });
  }

  next() {
    return new Promise((resolve, reject) => {
      if (this.#buffer.length > 0) resolve({ value: this.#buffer.shift(), done: false });
      else if (this.#ended) this.#answerAtEnd({ resolve, reject });
      else this.#readers.push({ resolve, reject });
    });
  }

  async return(value) {
    this.#error = undefined;
    this.#end(undefined, true);
    this.#buffer.clear();
    return { value, done: true };
  }

  async throw(error) {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  [dispose]() {
    this.#end(undefined, true);
    this.#buffer.clear();
  }

  async [asyncDispose]() {
    this[dispose]();
  }
}

module.exports = { EventsIterator };
