'use strict';

// Queries: what to read, checked, and as the addon takes it.

const { ArgumentError } = require('./errors');
const { abortSignal, callback, flag, integer, readOptions } = require('./options');
const { MAX, position, text, texts, time } = require('./storeOptions');

/** What the addon's `next` is to do. */
const ASYNC = 1;
const REFRESHES = 2;
const CLOSES = 4;

const BACKWARDS = 1;
const DURABLE_ONLY = 2;
const VERSIONS = 4;

const NAMES_MAX = 64;

const queryChecks = {
  stream: text,
  prefix: text,
  types: texts(NAMES_MAX),
  tags: texts(NAMES_MAX),
  subject: text,
  from: position,
  to: position,
  fromVersion: position,
  toVersion: position,
  fromTime: time,
  toTime: time,
  backwards: flag,
  durableOnly: flag,
  limit: integer(0, MAX),
  signal: abortSignal,
  onDamage: callback,
};

const syncChecks = { ...queryChecks };
delete syncChecks.signal;

function long(words, at, number) {
  // The sign of a time before 1970 goes into the high word.
  words[at] = ((number % 0x1_0000_0000) + 0x1_0000_0000) % 0x1_0000_0000;
  words[at + 1] = Math.floor(number / 0x1_0000_0000);
}

/** The addon's reader of a query. @returns next(what to do) */
function readerOf(core, query) {
  const { types = [], tags = [] } = query;
  const singles = [query.stream ?? '', query.prefix ?? '', query.subject ?? ''];
  const all = [...singles, ...types, ...tags];
  const words = new Uint32Array(15 + all.length);
  const hasVersions = query.fromVersion !== undefined || query.toVersion !== undefined;
  words[0] = (query.backwards ? BACKWARDS : 0) | (query.durableOnly ? DURABLE_ONLY : 0) | (hasVersions ? VERSIONS : 0);
  words[1] = types.length;
  words[2] = tags.length;
  const bounds = ['from', 'to', 'fromVersion', 'toVersion', 'fromTime', 'toTime'];
  bounds.forEach((name, i) => long(words, 3 + 2 * i, query[name] ?? 0));
  all.forEach((part, i) => {
    words[15 + i] = Buffer.byteLength(part);
  });
  return core.native.reader(words, all.join(''));
}

/** A bound of 0 means "no bound" to the core; where it is given it means that there is nothing. */
function isEmpty(query) {
  return query.limit === 0 || query.to === 0 || query.toVersion === 0;
}

function checkBounds(query) {
  if (query.stream !== undefined && query.prefix !== undefined) {
    throw new ArgumentError('stream and prefix exclude each other', { hint: 'give one of them' });
  }
  const hasVersions = query.fromVersion !== undefined || query.toVersion !== undefined;
  if (hasVersions && query.stream === undefined) {
    throw new ArgumentError('fromVersion and toVersion count the events of one stream', { hint: 'give stream too' });
  }
  return query;
}

/** Tells a damaged event to who wants to hear of it, and else throws. */
function damaged(query, error) {
  if (error?.code !== 'TALLY_E_DAMAGED' || query.onDamage === undefined) throw error;
  query.onDamage(error);
}

const followChecks = {
  stream: text,
  prefix: text,
  types: texts(NAMES_MAX),
  tags: texts(NAMES_MAX),
  subject: text,
  from: position,
  durableOnly: flag,
  signal: abortSignal,
  onDamage: callback,
};

function readQuery(options, table, what) {
  return checkBounds(readOptions(options, table, what));
}

module.exports = {
  ASYNC,
  REFRESHES,
  CLOSES,
  queryChecks,
  syncChecks,
  followChecks,
  readQuery,
  readerOf,
  isEmpty,
  damaged,
};
