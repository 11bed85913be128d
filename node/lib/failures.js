'use strict';

// What happens when a handler fails: it is counted, reported once and at once, and detached when it has
// failed too often. Nothing in here throws.

const { isThenable, messageOf, codeOf } = require('./values');

function makeFailure(entry, error, event, kind, code) {
  return Object.freeze({
    id: entry.id,
    name: entry.name,
    message: messageOf(error),
    error,
    code,
    event,
    kind,
  });
}

/** Counts a failure for its handler. Under every policy. */
function countFailure(entry, error) {
  entry.failed++;
  entry.lastError = Object.freeze({ message: messageOf(error), code: codeOf(error) });
}

/** A handler that has failed as often as it may leaves; after the report, like in C. */
function detachIfDue(board, entry) {
  if (entry.maxFailures !== 0 && entry.failed >= entry.maxFailures && !entry.removed) board.remove(entry);
}

function panicFailed(board, error, failure) {
  board.panicsFailed++;
  board.warnings.panicFailed(error, failure);
}

/** To onPanic, or, without one or while it runs, to the warnings. */
function report(board, failure) {
  const panic = board.panic;
  if (board.panicking) {
    board.unreported++;
    board.warnings.failure(failure);
  } else if (panic === null) {
    board.warnings.failure(failure);
  } else {
    board.panicking = true;
    try {
      const value = panic(failure);
      if (isThenable(value)) watch(value, undefined, (error) => panicFailed(board, error, failure));
    } catch (error) {
      panicFailed(board, error, failure);
    } finally {
      board.panicking = false;
    }
  }
}

/** A JavaScript handler failed, and its registry isolates. */
function failed(board, entry, error, event, kind) {
  countFailure(entry, error);
  report(board, makeFailure(entry, error, event, kind, 0));
  detachIfDue(board, entry);
}

/** Observes a thenable of a stranger: each callback at most once, and a `then` that throws is a rejection. */
function watch(thenable, fulfilled, rejected) {
  let settled = false;
  const settle = (callback) => (value) => {
    if (settled) return;
    settled = true;
    callback?.(value);
  };
  try {
    thenable.then(settle(fulfilled), settle(rejected));
  } catch (error) {
    settle(rejected)(error);
  }
}

/**
 * A handler of a sync registry returned a promise: nobody awaits it, but its failure is not lost, and
 * unregisterWait waits for it.
 */
function observe(board, entry, promise, event, kind) {
  board.began(entry);
  watch(
    promise,
    () => board.ended(entry),
    (error) => {
      failed(board, entry, error, event, kind);
      board.ended(entry);
    },
  );
}

module.exports = { makeFailure, countFailure, detachIfDue, report, failed, watch, observe };
