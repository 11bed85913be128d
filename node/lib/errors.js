'use strict';

// Errors: one class per status, from the core's table. See types/errors.d.ts.

const { binding } = require('./native');

// The same in every loaded copy, so that `instanceof TallyError` does not depend on which one threw.
const brand = Symbol.for('tallystick.error');

const handlings = ['none', 'caller', 'conflict', 'transient', 'damaged', 'fatal', 'bug'];

const hints = {
  caller: 'fix the call: it will fail again',
  conflict: 'read again, then retry',
  transient: 'retry later',
  damaged: 'the data is not what was written: restore it, or run a check',
  fatal: 'this object is finished, or the system refuses: open a new one, or change the system',
  bug: 'this is a fault in tallystick: please report it',
};

// Where the name of the status would hide a global or say nothing.
const classNames = {
  TALLY_E_TYPE: 'TypeMismatchError',
  TALLY_E_RANGE: 'OutOfRangeError',
  TALLY_E_KEY: 'KeyTextError',
};

function classNameOf(symbol) {
  if (symbol in classNames) return classNames[symbol];
  const words = symbol.slice('TALLY_E_'.length).toLowerCase().split('_');
  return words.map((word) => word[0].toUpperCase() + word.slice(1)).join('') + 'Error';
}

function define(object, name, value) {
  Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
}

class TallyError extends Error {
  constructor(message, detail = {}) {
    super(message, 'cause' in detail ? { cause: detail.cause } : undefined);
    describe(this, new.target.row ?? rowOf(-35), detail);
  }

  static [Symbol.hasInstance](value) {
    if (this === TallyError) return typeof value === 'object' && value !== null && brand in value;
    return Function.prototype[Symbol.hasInstance].call(this, value);
  }
}

class HandlerError extends AggregateError {
  constructor(message, detail = {}) {
    super(detail.errors ?? [], message);
    if ('cause' in detail) define(this, 'cause', detail.cause);
    describe(this, new.target.row, detail);
    this.result = detail.result;
    this.handlerCode = detail.handlerCode;
  }
}

define(TallyError.prototype, brand, true);
define(TallyError.prototype, 'name', 'TallyError');
define(HandlerError.prototype, brand, true);
define(HandlerError.prototype, 'name', 'HandlerError');

/** Own, enumerable, so that a log shows them. */
function describe(error, row, detail) {
  error.code = row.code;
  error.status = row.status;
  error.handling = row.handling;
  error.hint = detail.hint ?? hints[row.handling];
  if (detail.osError) error.osError = detail.osError;
  if (detail.path) error.path = detail.path;
  if (detail.position !== undefined) error.position = detail.position;
}

const rows = binding.statuses().map(([status, code, handling, message]) => ({
  status,
  code,
  handling: handlings[handling] ?? 'bug',
  message,
}));

function rowOf(status) {
  return rows.find((row) => row.status === status) ?? rows.find((row) => row.code === 'TALLY_E_PANIC');
}

const classes = {};
const byStatus = new Map();
for (const row of rows) {
  if (row.status === 0) continue;
  const name = row.code === 'TALLY_E_HANDLER' ? 'HandlerError' : classNameOf(row.code);
  const Class = row.code === 'TALLY_E_HANDLER' ? HandlerError : class extends TallyError {};
  define(Class, 'name', name);
  define(Class.prototype, 'name', name);
  define(Class, 'row', row);
  classes[name] = Class;
  byStatus.set(row.status, Class);
}

/** What the addon calls to make an error from a tally_error. Empty texts and zeros mean "none". */
function fromCore(status, message, osError, path, position) {
  const Class = byStatus.get(status) ?? classes.PanicError;
  return new Class(message || rowOf(status).message, { osError, path, position });
}

binding.setErrorFactory(fromCore);

module.exports = { TallyError, ...classes, classes };
