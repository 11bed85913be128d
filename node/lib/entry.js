'use strict';

// One registered handler, and how its options are read.

const { ArgumentError } = require('./errors');
const { checkHandlerName, checkPattern, labelOf, readKinds, Filter, everything } = require('./names');
const { abortSignal, flag, integer, readOptions, show } = require('./options');

const onChecks = {
  priority: integer(-0x80000000, 0x7fffffff),
  once: flag,
  name: checkHandlerName,
  maxFailures: integer(1, 0xffffffff),
  signal: abortSignal,
  batch: flag,
};
const registerChecks = { ...onChecks, kinds: readKinds };
const onceChecks = { ...onChecks };
delete onceChecks.once;

const nothing = Object.freeze(Object.create(null));

/** Options of `register`: everything. */
function readRegisterOptions(options) {
  return options === undefined ? nothing : readOptions(options, registerChecks, 'register');
}

const filters = new Map();

/** The filter of one name or pattern; the same object again for names that are used often. */
function filterOf(pattern) {
  let filter = filters.get(pattern);
  if (filter !== undefined) return filter;
  filter = pattern === '*' ? everything : new Filter([checkPattern(pattern)]);
  if (filters.size >= 1024) filters.clear();
  filters.set(pattern, filter);
  return filter;
}

/** Options of `on` and `once`: the name is an argument. */
function readOnOptions(pattern, options, once) {
  const kinds = filterOf(pattern);
  const read =
    options === undefined
      ? Object.create(null)
      : readOptions(options, once ? onceChecks : onChecks, once ? 'once' : 'on');
  read.kinds = kinds;
  if (once) read.once = true;
  return read;
}

// invariant: an entry is in its board's list exactly as long as `removed` is false.
class Entry {
  constructor(id, handler, read) {
    this.id = id;
    this.handler = handler;
    this.priority = read.priority ?? 0;
    /** Order of registration among equal priorities; given by the board. */
    this.sequence = 0;
    this.once = read.once ?? false;
    this.filter = read.kinds ?? everything;
    this.maxFailures = read.maxFailures ?? 0;
    this.batch = read.batch ?? false;
    this.name = read.name ?? (typeof handler === 'function' ? labelOf(handler) : '');
    /** The core's number of a handler that runs in C, else 0. */
    this.native = 0;
    this.removed = false;
    this.failed = 0;
    this.lastError = undefined;
    this.fired = 0;
    this.totalNs = 0;
    this.maxNs = 0;
    /** Calls that have not ended: promises that it returned. */
    this.pending = 0;
    this.waiters = null;
    this.signal = undefined;
    this.onAbort = undefined;
  }

  get isNative() {
    return typeof this.handler !== 'function';
  }

  ran(ns) {
    this.fired++;
    this.totalNs += ns;
    if (ns > this.maxNs) this.maxNs = ns;
  }
}

function checkHandler(handler) {
  if (typeof handler === 'function' || (typeof handler === 'object' && handler !== null)) return;
  throw new ArgumentError(
    `the handler is ${show(handler)}; pass a function, a Counter, Ring or Mask, or a native handler`,
  );
}

module.exports = { Entry, checkHandler, readRegisterOptions, readOnOptions };
