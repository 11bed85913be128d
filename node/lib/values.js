'use strict';

// Values with a meaning, and questions about values of strangers.

/** What a handler returns to stop. The same in every loaded copy of this package. */
const STOP = Symbol.for('tallystick.stop');

/** What stands in for a handler that did not run. Never leaves this package. */
const SKIPPED = Symbol('skipped');

// Node 20.0 to 20.3 have neither symbol; what is used there is what polyfills define.
const dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose');
const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

/** Whether a value can be awaited. A `then` that throws when it is looked at counts: awaiting it fails. */
function isThenable(value) {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  try {
    return typeof value.then === 'function';
  } catch {
    return true;
  }
}

/** The text of what was thrown, whatever that is: looking at it may throw again. */
function messageOf(error) {
  try {
    if (typeof error === 'object' && error !== null && typeof error.message === 'string') {
      const name = typeof error.name === 'string' && error.name !== '' ? `${error.name}: ` : '';
      return name + error.message;
    }
    return String(error);
  } catch {
    return 'something that cannot be shown was thrown';
  }
}

/** The code of what was thrown, if it has one that can be kept. */
function codeOf(error) {
  try {
    const code = typeof error === 'object' && error !== null ? error.code : undefined;
    return typeof code === 'string' || typeof code === 'number' ? code : undefined;
  } catch {
    return undefined;
  }
}

module.exports = { STOP, SKIPPED, dispose, asyncDispose, isThenable, messageOf, codeOf };
