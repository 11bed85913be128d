'use strict';

// The general loop: everything that the runners of fixed arity are not about. Policies other than isolate,
// stop, parents, handlers that run in C, muted and paused registries, and collecting answers.

const { nest } = require('./dispatch');
const { ClosedError, HandlerError } = require('./errors');
const { countFailure, detachIfDue, failed, observe } = require('./failures');
const { notified, stopRefused } = require('./outcome');
const { STOP, SKIPPED, isThenable, messageOf } = require('./values');

/** One notify on its way through a registry and its ancestors. */
class Fanout {
  constructor(event, name, outcomes) {
    this.event = event;
    this.name = name;
    /** Answers, for collect; else null. */
    this.outcomes = outcomes;
    this.fired = 0;
    this.failures = 0;
    this.skipped = 0;
    this.stopped = false;
    this.orphaned = false;
    this.held = false;
    /** What policies raise and fail-fast deliver. */
    this.errors = [];
    this.failFast = false;
  }

  result() {
    return notified(this.fired, this.failures, this.skipped, this.stopped, this.orphaned, this.held);
  }

  /** A handler failed: reported or kept, as the policy of its own registry says. */
  fail(board, entry, error) {
    this.failures++;
    this.outcomes?.push({ id: entry.id, ok: false, error });
    if (board.policy === 'isolate') {
      failed(board, entry, error, this.event, this.name);
      return;
    }
    countFailure(entry, error);
    this.keep(board, error);
    detachIfDue(board, entry);
  }

  keep(board, error) {
    if (this.outcomes === null) this.errors.push(error);
    if (board.policy !== 'fail-fast') return;
    this.stopped = true;
    this.failFast = true;
  }

  answer(board, entry, value) {
    if (value === STOP) {
      if (!board.allowStop) return this.fail(board, entry, stopRefused());
      this.stopped = true;
    } else if (isThenable(value)) {
      observe(board, entry, value, this.event, this.name);
    }
    this.outcomes?.push({ id: entry.id, ok: true, value });
  }

  /** Calls one handler. */
  call(list, index) {
    const { board } = list;
    const entry = list.entries[index];
    const caller = list.callers[index];
    let value;
    try {
      value = caller(this.event);
    } catch (error) {
      this.fired++;
      this.fail(board, entry, error);
      return;
    }
    if (value === SKIPPED) {
      this.skipped++;
      return;
    }
    this.fired++;
    if (value !== undefined || this.outcomes !== null) this.answer(board, entry, value);
  }

  /** One registry: its snapshot, until something stops. */
  level(list) {
    const { board, callers } = list;
    const total = callers.length + list.passedOver;
    if (board.mutes > 0) {
      this.skipped += total;
      return;
    }
    this.skipped += list.passedOver;
    let i = 0;
    while (i < callers.length && !this.stopped) {
      if (callers[i] !== null) {
        this.call(list, i++);
        continue;
      }
      const first = i;
      while (i < callers.length && callers[i] === null) i++;
      board.core.run(this, list, first, i - first);
    }
    this.skipped += callers.length - i;
  }

  finish() {
    const result = this.result();
    if (this.errors.length === 0) return result;
    if (this.failFast && this.errors.length === 1) throw this.errors[0];
    throw new HandlerError(
      `${this.errors.length} of ${this.fired} handlers failed; the first: ${messageOf(this.errors[0])}`,
      {
        errors: this.errors,
        cause: this.errors[0],
        result,
      },
    );
  }
}

/** The lists of a registry and its ancestors, all as of now. */
function chainOf(fanout, list) {
  const ancestors = [];
  for (let board = list.board.parent; board !== null; board = board.parent) {
    if (board.closed) {
      fanout.orphaned = true;
      break;
    }
    ancestors.push(board.listFor(list.name));
  }
  return ancestors;
}

/** Runs a list and those of its ancestors, on a level of nesting that the caller has made. */
function runChain(fanout, given) {
  const list = given.board.current(given);
  const { board } = list;
  if (board.held !== null) {
    board.held.push(fanout.event, list.name);
    fanout.held = true;
    fanout.skipped = list.callers.length + list.passedOver;
    return fanout.result();
  }
  const ancestors = board.parent === null ? [] : chainOf(fanout, list);
  list.runs++;
  for (const ancestor of ancestors) ancestor.runs++;
  try {
    fanout.level(list);
    runAncestors(fanout, ancestors);
  } finally {
    list.runs--;
    for (const ancestor of ancestors) ancestor.runs--;
  }
  return fanout.finish();
}

/** A paused one holds back its part, which includes that of its own ancestors. */
function runAncestors(fanout, ancestors) {
  for (const list of ancestors) {
    const { held } = list.board;
    if (held === null && !fanout.stopped) {
      fanout.level(list);
      continue;
    }
    fanout.skipped += list.callers.length + list.passedOver;
    if (held === null || fanout.stopped) continue;
    held.push(fanout.event, list.name);
    fanout.held = true;
    return;
  }
}

function runGeneral(list, event) {
  if (list.board.closed) throw closedError(list.board);
  return runChain(new Fanout(event, list.name, null), list);
}

/** A notify that says what each handler answered. */
function collect(list, event) {
  const fanout = new Fanout(event, list.name, []);
  nest(() => runChain(fanout, list));
  return fanout.outcomes;
}

function closedError(board) {
  return new ClosedError(`${board.title} is closed`, { hint: 'make a new registry' });
}

module.exports = { Fanout, runGeneral, collect, closedError };
