'use strict';

// Witnesses: others who sign a checkpoint too, when it extends what they signed before. See types/proof.d.ts.

const { ArgumentError, FormatError, IoError, LimitError, OutOfRangeError } = require('./errors');
const { RollbackError, TimeoutError } = require('./errors');
const { binding } = require('./native');
const { abortSignal, flag, integer, readOptions, show, timeoutMs } = require('./options');
const { readCheckpoint } = require('./proof');
const { hashesBytes, keys, textBytes } = require('./proofText');
const { position } = require('./storeOptions');

const SIGNED = 'signed';
const BEHIND = 'behind';
const outcomes = [undefined, SIGNED, BEHIND, 'refused', 'try-later'];

/** No answer is longer than a note. */
const ANSWER_BYTES = 65536;
/** It may say another size, and meanwhile have signed for somebody else. */
const ROUNDS = 4;
const TIMEOUT_MS = 10_000;

const httpStatus = integer(0, 999);

/* ----------------------------------------------------------------------------------------- pure functions */

const cosignChecks = {
  time: (value, name) => {
    const seconds = value instanceof Date ? Math.floor(value.getTime() / 1000) : value;
    if (typeof seconds !== 'number') throw new ArgumentError(`${name} is ${show(value)}; pass a Date, or seconds`);
    if (!Number.isSafeInteger(seconds) || seconds < 0) {
      throw new OutOfRangeError(`${name} is no whole number of seconds since 1970`);
    }
    return seconds;
  },
};

function cosign(note, privateKey, options) {
  const { time = Math.floor(Date.now() / 1000) } = readOptions(options, cosignChecks, 'cosign');
  const text = textBytes(note, 'the note');
  const key = textBytes(privateKey, 'the private key');
  try {
    return binding.witnessCosign([text, key], time);
  } finally {
    key.fill(0);
  }
}

function witnessRequest(oldSize, hashes, note) {
  const known = position(oldSize, 'the old size');
  return binding.witnessRequest([textBytes(note, 'the note'), hashesBytes(hashes, 'the hashes')], known);
}

function witnessAnswer(status, body, note, witnesses) {
  const texts = [textBytes(body, 'the body'), textBytes(note, 'the note'), ...keys(witnesses, 'the witnesses')];
  const answer = binding.witnessAnswer(httpStatus(status, 'the HTTP status'), texts);
  return Object.freeze({ ...answer, outcome: outcomes[answer.outcome] });
}

/* --------------------------------------------------------------------------------------------- asking one */

const askChecks = { note: textBytes, oldSize: position, keep: flag, timeoutMs, signal: abortSignal };

/** For each store the size that a witness cosigned last, by its address. */
const known = new WeakMap();

function sizesOf(store) {
  if (!known.has(store)) known.set(store, new Map());
  return known.get(store);
}

function addressOf(url) {
  const isText = typeof url === 'string' || url instanceof URL;
  if (!isText || !URL.canParse(url)) throw new ArgumentError(`the witness is ${show(url)}; pass its address`);
  const address = new URL(url);
  if (address.protocol !== 'https:' && address.protocol !== 'http:') {
    throw new ArgumentError(`the witness has the address ${show(address.href)}; pass one of http: or https:`);
  }
  address.pathname = `${address.pathname.replace(/\/+$/, '')}/add-checkpoint`;
  return address;
}

/** The body of an answer, as bytes. */
async function bodyOf(response) {
  const parts = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > ANSWER_BYTES) {
      throw new FormatError(`the witness answers with more than ${ANSWER_BYTES} bytes`, { hint: 'ask another one' });
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** One request. It ends by the signal, by the time, or with [HTTP status, body]. */
async function post(address, body, { signal, timeoutMs: limit = TIMEOUT_MS }) {
  const ender = new AbortController();
  const abort = () => ender.abort(signal.reason);
  const late = () => ender.abort(new TimeoutError(`the witness ${address.host} did not answer in time`));
  signal?.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(late, limit);
  try {
    // Where the answer comes from is a matter of trust: no redirects.
    const options = { method: 'POST', body, redirect: 'error', signal: ender.signal };
    const response = await fetch(address, options);
    return [response.status, await bodyOf(response)];
  } catch (cause) {
    if (ender.signal.aborted) throw ender.signal.reason;
    if (cause instanceof FormatError) throw cause;
    throw new IoError(`the witness ${address.host} could not be asked: ${cause?.cause?.message ?? cause?.message}`, {
      cause,
      hint: 'retry later, or ask another one',
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

async function requestFor(store, note, size, oldSize) {
  const needsNone = oldSize === 0 || oldSize === size;
  const hashes = needsNone ? [] : (await store.consistency(oldSize, size)).hashes;
  return witnessRequest(oldSize, hashes, note);
}

/** What a 409 means: where to ask again from, or undefined. */
function nextSize(store, address, answer, { size, oldSize }) {
  if (answer.oldSize === oldSize) {
    throw new RollbackError(
      `the witness ${address.host} has signed another history: it knows another root at size ${oldSize}`,
      { position: oldSize, hint: 'somebody was shown something else, or the store was put back: compare the copies' },
    );
  }
  if (answer.oldSize <= size) return answer.oldSize;
  if (answer.oldSize > store.watermarks().durable) {
    throw new RollbackError(
      `the witness ${address.host} has signed ${answer.oldSize} events of this log, which has ${size} here`,
      { position: answer.oldSize, hint: 'the store was put back to an older copy' },
    );
  }
  return undefined;
}

async function askWitness(url, store, witnesses, options) {
  const address = addressOf(url);
  const texts = keys(witnesses, 'the witnesses');
  const read = readOptions(options, askChecks, 'askWitness');
  if (typeof store?.consistency !== 'function' || typeof store?.keepNote !== 'function') {
    throw new ArgumentError(`the store is ${show(store)}; pass an open store`);
  }
  read.signal?.throwIfAborted();
  const sizes = sizesOf(store);
  const note = read.note ?? (await store.checkpoint());
  const { size } = readCheckpoint(note);
  let oldSize = read.oldSize ?? Math.min(sizes.get(address.href) ?? 0, size);
  for (let round = 1; ; round++) {
    const body = await requestFor(store, note, size, oldSize);
    const [status, answered] = await post(address, body, read);
    const answer = witnessAnswer(status, answered, note, texts);
    if (answer.outcome === BEHIND) {
      const next = nextSize(store, address, answer, { size, oldSize });
      if (next === undefined) return answer;
      if (round === ROUNDS) throw new LimitError(`the witness ${address.host} named another size ${ROUNDS} times`);
      oldSize = next;
      continue;
    }
    if (answer.outcome === SIGNED) {
      sizes.set(address.href, size);
      if (read.keep ?? true) await store.keepNote(answer.note, texts);
    }
    return answer;
  }
}

module.exports = { cosign, witnessRequest, witnessAnswer, askWitness };
