'use strict';

// Values that calls of a store take: checked, and made what the core understands.

const { ArgumentError, LengthError, OptionError, OutOfRangeError, UnsupportedError, Utf8Error } = require('./errors');
const { abortSignal, choice, closest, integer, show } = require('./options');
const { checkCodec, checkText } = require('./storeCodec');

const MAX = Number.MAX_SAFE_INTEGER;

const levelNumbers = { buffered: 1, written: 2, durable: 3 };

const durabilityName = choice('buffered', 'written', 'durable');

function durability(value, name) {
  return levelNumbers[durabilityName(value, name)];
}

const position = integer(0, MAX);

/** The four words of an id. */
function uuid(value, name) {
  const wellFormed = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
  if (typeof value !== 'string') throw new ArgumentError(`${name} is ${show(value)}; pass the text of a UUID`);
  if (!wellFormed.test(value)) throw new ArgumentError(`${name} is ${show(value)}, which is no UUID`);
  const bytes = Buffer.from(value.replaceAll('-', ''), 'hex');
  return Uint32Array.from([0, 4, 8, 12], (at) => bytes.readUInt32LE(at));
}

/** Microseconds: of a Date, or a whole number of them. */
function time(value, name) {
  const us = value instanceof Date ? value.getTime() * 1000 : value;
  if (typeof us !== 'number') throw new ArgumentError(`${name} is ${show(value)}; pass a Date, or microseconds`);
  if (!Number.isSafeInteger(us)) throw new OutOfRangeError(`${name} is no whole number of microseconds below 2^53`);
  return us;
}

function text(value, name) {
  checkText(value, name);
  if (!value.isWellFormed()) throw new Utf8Error(`${name} contains half of a surrogate pair`);
  return value;
}

function texts(maximum) {
  return (value, name) => {
    if (typeof value === 'string') return [text(value, name)];
    if (!Array.isArray(value)) throw new ArgumentError(`${name} is ${show(value)}; pass an array of strings`);
    if (value.length > maximum) throw new LengthError(`${name} has ${value.length} texts; at most ${maximum}`);
    return Array.from(value, (each) => text(each, name));
  };
}

function key(value, name) {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string') throw new ArgumentError(`${name} is ${show(value)}; pass a string or bytes`);
  return text(value, name);
}

function noSubject(value) {
  if (value === undefined) return undefined;
  throw new UnsupportedError('a subject needs a keyring, and this store has none');
}

const expectNumbers = { any: 0, 'no-stream': 1, exists: 2 };
const expectName = choice('any', 'no-stream', 'exists');

/** What a stream must be like: a word, or the version of its last event. [what, version] */
function expected(value, name) {
  if (typeof value === 'number') return [3, position(value, name)];
  return [expectNumbers[expectName(value, name)], 0];
}

/** A table of checks for each element of an array. */
function listOf(check, maximum, what) {
  return (value, name) => {
    if (!Array.isArray(value)) throw new ArgumentError(`${name} is ${show(value)}; pass an array of ${what}`);
    if (value.length > maximum) throw new LengthError(`${name} has ${value.length} entries; at most ${maximum}`);
    return Array.from(value, check);
  };
}

/** Refuses a name that no table knows, with the right spelling. */
function refuseName(name, known, what) {
  const meant = closest(name, known);
  const hint = meant === undefined ? `known are ${known.join(', ')}` : `did you mean ${meant}?`;
  throw new OptionError(`${what} does not have '${String(name)}': ${hint}`, { hint });
}

/** Members of one event, besides what the call itself has. */
const draftChecks = {
  contentType: text,
  codec: checkCodec,
  tags: texts(65536),
  id: uuid,
  correlation: uuid,
  causation: uuid,
  occurred: time,
  schema: integer(0, 0xffffffff),
  key,
  subject: noSubject,
};

/** How a call appends. */
const commitChecks = { durability, signal: abortSignal };

module.exports = {
  MAX,
  levelNumbers,
  durability,
  position,
  uuid,
  time,
  text,
  texts,
  expected,
  listOf,
  refuseName,
  draftChecks,
  commitChecks,
};
