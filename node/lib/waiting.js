'use strict';

// Waiting: for the end of a handler, and for the next event. Everything here ends by a signal, by a timeout,
// or when the registry closes, and lets go of its timers and listeners then.

const { TimeoutError } = require('./errors');
const { closedError } = require('./general');
const { abortSignal, callback, readOptions, timeoutMs } = require('./options');

const waitChecks = { timeoutMs, signal: abortSignal };
const waitForChecks = { ...waitChecks, filter: callback };

/**
 * A promise that others settle, that ends by timeout or signal, and that cleans up once. `begin` gets
 * {resolve, reject} and returns what undoes it.
 */
function waiting({ timeoutMs: ms, signal }, timeoutText, begin) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    let timer;
    let undo = null;
    let done = false;
    const end = (settle) => (value) => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
      undo?.();
      settle(value);
    };
    const ends = { resolve: end(resolve), reject: end(reject) };
    const aborted = () => ends.reject(signal.reason);
    signal?.addEventListener('abort', aborted, { once: true });
    if (ms !== undefined) {
      timer = setTimeout(() => ends.reject(new TimeoutError(timeoutText(), { hint: 'allow more time' })), ms);
    }
    undo = begin(ends);
    if (done) undo?.();
  });
}

/* --------------------------------------------------------------------------------- quiescent removal */

// How often to look whether a thread has left a handler in C, in milliseconds: quickly, then patiently.
const LOOK_FIRST_MS = 1;
const LOOK_LAST_MS = 50;

/** Looks at a removed handler in C until no thread is inside it. Looking never waits. */
function looking(board, entry, { resolve, reject }) {
  let delay = LOOK_FIRST_MS;
  let timer;
  const look = () => {
    try {
      if (board.core.isQuiet(entry)) return resolve();
    } catch (error) {
      return reject(error);
    }
    timer = setTimeout(look, delay);
    delay = Math.min(2 * delay, LOOK_LAST_MS);
  };
  look();
  return () => clearTimeout(timer);
}

function untilEnded(entry, { resolve }) {
  if (entry.pending === 0) {
    resolve();
    return undefined;
  }
  (entry.waiters ??= []).push(resolve);
  return () => {
    const i = entry.waiters?.indexOf(resolve) ?? -1;
    if (i !== -1) entry.waiters.splice(i, 1);
  };
}

function isOver(board, entry) {
  return entry.native === 0 ? entry.pending === 0 : board.core.isQuiet(entry);
}

/** Removes, then waits until it is over. A call that runs now on this thread ends before any promise does. */
async function unregisterWait(board, idOrHandler, options) {
  const read = readOptions(options, waitChecks, 'unregisterWait');
  const entry = board.findEver(idOrHandler);
  if (entry === undefined) return false;
  const removed = board.remove(entry);
  if (entry.native !== 0 && board.core === null) return removed;
  if (read.timeoutMs === 0) {
    if (isOver(board, entry)) return removed;
    throw new TimeoutError('the handler is removed, but still running', { hint: 'allow more time' });
  }
  const text = () => `the handler is removed, but was still running after ${read.timeoutMs} ms`;
  await waiting(read, text, (ends) => (entry.native === 0 ? untilEnded(entry, ends) : looking(board, entry, ends)));
  return removed;
}

/** Closes, and resolves when no handler runs any more. The part in C stays until then, to be looked at. */
async function closeQuietly(board) {
  const native = board.entries.filter((entry) => entry.native !== 0);
  if (!board.closed) board.shut();
  await Promise.all(native.map((entry) => waiting({}, undefined, (ends) => looking(board, entry, ends))));
  board.core?.close();
  if (board.pending > 0) await new Promise((resolve) => board.quietWaiters.push(resolve));
}

/* --------------------------------------------------------------------------------------------- events */

/** The next event. `register` is the registry's own, so that its handlers are called in its way. */
function waitFor(board, register, name, options) {
  const read = readOptions(options, waitForChecks, 'waitFor');
  board.checkOpen();
  return waiting(
    read,
    () => `no event '${name}' came within ${read.timeoutMs} ms`,
    ({ resolve, reject }) => {
      const take = (event) => {
        try {
          if (read.filter === undefined || read.filter(event)) resolve(event);
        } catch (error) {
          reject(error);
        }
      };
      const closed = () => reject(closedError(board));
      const subscription = register(name, take);
      board.closing.add(closed);
      return () => {
        subscription();
        board.closing.delete(closed);
      };
    },
  );
}

module.exports = { closeQuietly, unregisterWait, waitFor };
