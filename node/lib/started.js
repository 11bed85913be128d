'use strict';

// One notify of an AsyncRegistry: which handlers are to run, which run, and how it ends.
//
// Handlers are started in order, at most `concurrency` unfinished at a time; one after the other is a
// concurrency of 1. A handler that returns no thenable is done at once: nothing is made for it. Starting goes
// on in the tick in which a place becomes free.

const { nest } = require('./dispatch');
const { HandlerError } = require('./errors');
const { countFailure, detachIfDue, failed, makeFailure, report, watch } = require('./failures');
const { Fanout } = require('./general');
const { stopRefused } = require('./outcome');
const { STOP, isThenable, messageOf } = require('./values');

let abort;

/** What a handler is given besides the event. A signal is made when somebody asks for it. */
class HandlerContext {
  #controller = null;
  #reason = undefined;
  #aborted = false;

  constructor(name) {
    this.name = name;
  }

  get signal() {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  static {
    abort = (context, reason) => {
      context.#aborted = true;
      context.#reason = reason;
      context.#controller?.abort(reason);
    };
  }
}

// invariant: `unfinished` handlers have begun and not ended; `settle` is called once, when that is 0 and nothing
// is left to start, or when the notify was cut short.
class Started {
  constructor(lists, event, name, options, settle) {
    this.lists = lists;
    this.event = event;
    this.name = name;
    this.concurrency = options.concurrency ?? Infinity;
    this.collecting = options.collecting ?? false;
    /** There is nobody to throw to. */
    this.reporting = options.reporting ?? false;
    this.context = new HandlerContext(name);
    this.settle = settle;
    this.level = 0;
    this.next = 0;
    this.fired = 0;
    this.failures = 0;
    this.skipped = options.skipped ?? 0;
    this.cancelled = 0;
    this.stopped = false;
    this.orphaned = options.orphaned ?? false;
    this.held = options.held ?? false;
    this.unfinished = 0;
    this.over = false;
    /** Failures that policies raise and fail-fast deliver. */
    this.kept = [];
    this.outcomes = [];
    this.reason = undefined;
  }

  result() {
    const { fired, failures, skipped, cancelled, stopped, orphaned, held } = this;
    return Object.freeze({ fired, failed: failures, skipped, cancelled, stopped, orphaned, held });
  }

  /* --------------------------------------------------------------------------------------- starting */

  /** Starts what may be started. One level of nesting, like any notify. */
  go() {
    nest(() => {
      while (!this.over && this.level < this.lists.length) {
        if (!this.goLevel(this.lists[this.level])) break;
        this.level++;
        this.next = 0;
      }
    });
    if (!this.over && this.level === this.lists.length && this.unfinished === 0) this.finish();
  }

  /** One registry of the chain. False when it has to wait for a place. */
  goLevel(list) {
    const { board, entries } = list;
    if (this.next === 0) this.skipped += list.passedOver;
    if (board.mutes > 0) this.stopLevel(list);
    while (this.next < entries.length) {
      if (this.stopped) this.stopLevel(list);
      else if (this.unfinished >= this.concurrency) return false;
      else if (entries[this.next].isNative) this.crossInto(list);
      else this.start(board, entries[this.next++]);
    }
    return true;
  }

  stopLevel(list) {
    this.skipped += list.entries.length - this.next;
    this.next = list.entries.length;
  }

  /** A run of handlers in C: inline, one crossing. */
  crossInto(list) {
    const first = this.next;
    while (this.next < list.entries.length && list.entries[this.next].isNative) this.next++;
    const fanout = new Fanout(this.event, this.name, this.collecting ? this.outcomes : null);
    list.board.core.run(fanout, list, first, this.next - first);
    this.fired += fanout.fired;
    this.failures += fanout.failures;
    this.skipped += fanout.skipped;
    for (const error of fanout.errors) this.kept.push({ board: list.board, entry: list.entries[first], error });
    if (fanout.stopped) this.stopped = true;
    if (fanout.failFast) this.failFast(fanout.errors[0]);
  }

  start(board, entry) {
    if (entry.removed) {
      this.skipped++;
      return;
    }
    if (entry.once) board.remove(entry);
    this.fired++;
    const outcome = { id: entry.id, ok: true, value: undefined };
    if (this.collecting) this.outcomes.push(outcome);
    const began = board.counting ? performance.now() : 0;
    const call = { board, entry, began, outcome };
    let value;
    try {
      value = entry.handler(this.event, this.context);
    } catch (error) {
      this.fail(call, error);
      return;
    }
    if (isThenable(value)) this.follow(call, value);
    else this.done(call, value);
  }

  follow(call, thenable) {
    this.unfinished++;
    call.board.began(call.entry);
    let isLater = false;
    const ended = (take) => (value) => {
      this.unfinished--;
      if (this.over) this.late(call, take, value);
      else take.call(this, call, value);
      call.board.ended(call.entry);
      if (isLater && !this.over) this.go();
    };
    watch(thenable, ended(this.done), ended(this.fail));
    isLater = true;
  }

  /* ----------------------------------------------------------------------------------------- ending */

  measure({ board, entry, began }) {
    if (board.counting) entry.ran((performance.now() - began) * 1e6);
  }

  done(call, value) {
    if (value === STOP && !call.board.allowStop) {
      this.fail(call, stopRefused());
      return;
    }
    this.measure(call);
    if (value === STOP) this.stopped = true;
    call.outcome.value = value;
  }

  fail(call, error) {
    const { board, entry } = call;
    this.measure(call);
    this.failures++;
    delete call.outcome.value;
    Object.assign(call.outcome, { ok: false, error });
    if (board.policy === 'isolate' || this.reporting) {
      failed(board, entry, error, this.event, this.name);
      return;
    }
    countFailure(entry, error);
    if (!this.collecting) this.kept.push({ board, entry, error });
    detachIfDue(board, entry);
    if (board.policy === 'fail-fast') this.failFast(error);
  }

  failFast(error) {
    this.stopped = true;
    if (!this.collecting) this.cut(error, () => this.settle.reject(error));
  }

  /** A cancelled handler has ended after all. That it was cancelled is no news; any other failure is. */
  late(call, take, error) {
    this.measure(call);
    if (take !== this.fail || error === this.reason || error?.name === 'AbortError') return;
    failed(call.board, call.entry, error, this.event, this.name);
  }

  finish() {
    this.over = true;
    if (this.kept.length === 0) this.settle.resolve(this.result());
    else this.settle.reject(this.failure());
  }

  failure() {
    const errors = this.kept.map(({ error }) => error);
    return new HandlerError(`${errors.length} of ${this.fired} handlers failed; the first: ${messageOf(errors[0])}`, {
      errors,
      cause: errors[0],
      result: this.result(),
    });
  }

  /** Ends it before its handlers have: they are told by their signal, and counted as cancelled. */
  cut(reason, settle) {
    if (this.over) return;
    this.over = true;
    this.reason = reason;
    this.cancelled = this.unfinished;
    for (; this.level < this.lists.length; this.level++, this.next = 0) {
      const list = this.lists[this.level];
      if (this.next === 0) this.skipped += list.passedOver;
      this.stopLevel(list);
    }
    abort(this.context, reason);
    settle();
  }

  /** The time is over: the numbers say what was cancelled. */
  timeOut(reason) {
    this.cut(reason, () => {
      if (this.kept.length === 0) this.settle.resolve(this.result());
      else this.settle.reject(this.failure());
    });
  }

  /** The caller gave up. It gets its own reason back, so what failed until now is reported instead. */
  cancel(reason) {
    this.cut(reason, () => {
      for (const { board, entry, error } of this.kept) {
        report(board, makeFailure(entry, error, this.event, this.name, 0));
      }
      this.settle.reject(reason);
    });
  }
}

module.exports = { Started, HandlerContext };
