'use strict';

// Scopes: muted, paused and connected, for as long as a function runs, or until what they return is disposed.

const { ArgumentError, LimitError } = require('./errors');
const { callback, integer, readOptions } = require('./options');
const { disposable, subscribe } = require('./subscription');
const { dispose, isThenable } = require('./values');

const MAX_HELD = 65536;

/** Runs a function, then undoes: after its promise, if it returns one. */
function during(scope, undo) {
  let result;
  try {
    result = scope();
  } catch (error) {
    undo();
    throw error;
  }
  if (!isThenable(result)) {
    undo();
    return result;
  }
  return Promise.resolve(result).finally(undo);
}

function within(scope, undoable) {
  return scope === undefined ? undoable : during(callback(scope, 'scope'), () => undoable[dispose]());
}

/* ---------------------------------------------------------------------------------------------- muted */

function setMutes(board, change) {
  board.mutes += change;
  if (change > 0) board.core?.mute();
  else board.core?.unmute();
  board.changed();
}

function muted(board, scope) {
  board.checkOpen();
  if (scope !== undefined) callback(scope, 'scope');
  setMutes(board, 1);
  return within(
    scope,
    disposable(() => setMutes(board, -1)),
  );
}

/* --------------------------------------------------------------------------------------------- paused */

/** Events of a paused registry, in order. Pauses nest: the last one to end delivers. */
class Held {
  constructor(board, maximum) {
    this.board = board;
    this.maximum = maximum;
    this.pauses = 1;
    this.events = [];
  }

  push(event, name) {
    if (this.events.length >= 2 * this.maximum) {
      throw new LimitError(`${this.board.title} is paused and holds back ${this.maximum} events already`, {
        hint: 'end the pause, or raise maxHeld',
      });
    }
    this.events.push(event, name);
  }

  drop() {
    this.events.length = 0;
  }

  /** Delivers what was held back. What a policy throws comes when all are delivered: the first of it. */
  release() {
    const { board, events } = this;
    const errors = [];
    for (let i = 0; i < events.length && !board.closed; i += 2) {
      try {
        board.deliver(events[i], events[i + 1]);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}

function resume(board) {
  const { held } = board;
  if (--held.pauses > 0) return;
  board.held = null;
  board.changed();
  held.release();
}

function paused(board, scope, options) {
  board.checkOpen();
  if (scope !== undefined) callback(scope, 'scope');
  const { maxHeld = MAX_HELD } = readOptions(options, { maxHeld: integer(1, 0x7fffffff) }, 'paused');
  if (board.held === null) {
    board.held = new Held(board, maxHeld);
    board.changed();
  } else {
    board.held.pauses++;
    board.held.maximum = Math.max(board.held.maximum, maxHeld);
  }
  return within(
    scope,
    disposable(() => resume(board)),
  );
}

/* ------------------------------------------------------------------------------------------ connected */

/** `connected(handler, scope, options)` or `connected(handler, options)`. */
function connected(board, read, handler, scope) {
  const subscription = subscribe(board, board.register(handler, read));
  if (typeof scope !== 'function') return subscription;
  return during(scope, subscription);
}

function splitConnected(scope, options) {
  if (typeof scope === 'function') return options;
  if (options !== undefined)
    throw new ArgumentError('connected takes a handler, a function and options, in this order');
  return scope;
}

module.exports = { muted, paused, connected, splitConnected };
