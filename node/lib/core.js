'use strict';

// The part of a registry that is in C: handlers that run there, and notifies from other threads.
//
// The core registry holds native handlers only. They stand in the board's one order beside the JavaScript
// ones; each run of them between two JavaScript handlers is one crossing. Whether they changed is told by one
// word that C raises (`words[0]`): a plain load, since what this thread registers it sees at once, and what
// another thread registers it sees at some later notify.
//
// invariant: every entry of `byNumber` is in the board's list; `plan` is the core's list as of `seen`.

const { arrived } = require('./arrivals');
const { kindOfName, nameOfKind } = require('./batch');
const { Entry } = require('./entry');
const { HandlerError } = require('./errors');
const { makeFailure, report } = require('./failures');
const { newHandlerId } = require('./handlerId');
const { binding } = require('./native');
const { nativeOf } = require('./natives');

const POLICIES = { isolate: 0, raise: 1, 'fail-fast': 2 };
const ALLOW_STOP = 1;
const COUNT = 2;
const ONCE = 1;
const STOPPED = 1;
const RECLAIM = 4;

// Places of `words`: the guard, then what the last crossing did.
const GUARD = 0;
const FIRED = 1;
const FAILED = 2;
const SKIPPED = 3;
const FLAGS = 4;
const WORDS = 8;

// What C tells about a handler, as it says it.
// 0 is a failure.
const TOLD_UNREPORTED = 1;
const TOLD_DONE = 2;

/** The core's list, in order, and the function that runs a part of it. */
class Plan {
  constructor(external, numbers) {
    this.places = new Map(numbers.map((number, place) => [number, place]));
    this.run = binding.partPlan(external, Float64Array.from(numbers));
  }
}

class Core {
  #board;
  #external;
  #words = new Uint32Array(WORDS);
  #seen = 0;
  #plan = null;
  #numbers = [];
  #byNumber = new Map();
  /** The notify on this thread that is inside C now. */
  #fanout = null;
  #ring = null;

  constructor(board, parent) {
    this.#board = board;
    const flags = (board.allowStop ? ALLOW_STOP : 0) | (board.counting ? COUNT : 0);
    // C refers to this function for good, and an open registry that everybody has dropped must be collected.
    const me = new WeakRef(this);
    const told = (...facts) => me.deref()?.#told(...facts);
    const policy = POLICIES[board.policy];
    this.#external = binding.partOpen(policy, flags, board.capacity, this.#words, parent?.#external, told);
  }

  /* ------------------------------------------------------------------------------ register and remove */

  #options(entry) {
    const kinds = entry.filter.kinds;
    return [
      nativeOf(entry.handler),
      entry.priority,
      entry.once ? ONCE : 0,
      entry.name,
      kinds === undefined ? undefined : Uint32Array.from(kinds, kindOfName),
      entry.maxFailures,
    ];
  }

  #adopt(entry, number) {
    entry.native = number;
    this.#byNumber.set(number, entry);
  }

  register(entry) {
    this.refresh();
    this.#adopt(entry, binding.partRegister(this.#external, ...this.#options(entry)));
    this.refresh();
  }

  /** All or nothing. */
  edit(added, removed) {
    this.refresh();
    const numbers = binding.partEdit(
      this.#external,
      added.map((entry) => this.#options(entry)),
      removed.map((entry) => entry.native),
    );
    for (const entry of removed) this.#byNumber.delete(entry.native);
    added.forEach((entry, i) => this.#adopt(entry, numbers[i]));
  }

  unregister(entry) {
    this.#byNumber.delete(entry.native);
    return !this.#isClosed && binding.partUnregister(this.#external, entry.native);
  }

  clear() {
    this.#byNumber.clear();
    if (!this.#isClosed) binding.partClear(this.#external);
  }

  /**
   * Takes over what changed in C: handlers that other addons registered there, and such as are gone. New ones
   * get their place in the order of registration here, in the core's order.
   * @returns whether anything changed
   */
  refresh() {
    if (this.#words[GUARD] === this.#seen || this.#isClosed) return false;
    this.#read();
    return true;
  }

  #read() {
    // Before the list is read: what changes meanwhile is seen the next time.
    this.#seen = this.#words[GUARD];
    this.#plan = null;
    const rows = binding.partList(this.#external);
    this.#numbers = rows.map(([number]) => number);
    const present = new Set(this.#numbers);
    for (const [number, entry] of this.#byNumber) {
      if (present.has(number)) continue;
      this.#byNumber.delete(number);
      this.#board.take(entry);
    }
    for (const row of rows) this.#place(row);
    this.#board.changed();
  }

  #place([number, priority, flags, name]) {
    let entry = this.#byNumber.get(number);
    if (entry === undefined) {
      entry = new Entry(newHandlerId(this.#board.number), null, { priority, name, once: (flags & ONCE) !== 0 });
      this.#adopt(entry, number);
    }
    if (!this.#board.byId.has(entry.id)) this.#board.insert(entry);
  }

  /** Before somebody counts. A `once` handler that ran may still be in the list, and no word says so. */
  sync() {
    if (this.#isClosed) return;
    this.refresh();
    if (binding.partCount(this.#external) !== this.#byNumber.size) this.#read();
  }

  /* ----------------------------------------------------------------------------------------- notify */

  get plan() {
    if (this.#isClosed) return null;
    return (this.#plan ??= new Plan(this.#external, this.#numbers));
  }

  /**
   * Runs `count` consecutive handlers of a list, from `first`: one crossing, unless another thread's
   * registration has come between two of them in the core's order and not yet in the board's.
   */
  run(fanout, list, first, count) {
    const end = first + count;
    for (let i = first; i < end;) {
      const place = list.plan?.places.get(list.entries[i].native);
      let next = i + 1;
      while (next < end && list.plan?.places.get(list.entries[next].native) === place + (next - i)) next++;
      if (place === undefined || this.#isClosed || fanout.stopped) fanout.skipped += next - i;
      else this.#cross(fanout, list, place, next - i);
      i = next;
    }
  }

  #cross(fanout, list, place, count) {
    const outer = this.#fanout;
    this.#fanout = fanout;
    try {
      list.plan.run(place, count, fanout.event, kindOfName(list.name), fanout.outcomes !== null);
    } finally {
      this.#fanout = outer;
    }
    const words = this.#words;
    fanout.fired += words[FIRED];
    fanout.failures += words[FAILED];
    fanout.skipped += words[SKIPPED];
    const flags = words[FLAGS];
    if ((flags & STOPPED) !== 0) fanout.stopped = true;
    if ((flags & RECLAIM) !== 0 && !this.#isClosed) binding.partReclaim(this.#external);
  }

  /** C tells what a handler did. In the middle of a crossing on this thread, or later from another one. */
  #told(what, number, code, kind, message, name) {
    const board = this.#board;
    const fanout = this.#fanout;
    // It may have left since, or never have been seen here.
    const { id } = this.#byNumber.get(number) ?? { id: newHandlerId(board.number) };
    if (what === TOLD_DONE) {
      fanout.outcomes.push({ id, ok: true, value: undefined });
      return;
    }
    const text = message === '' ? `the handler failed with code ${code}` : message;
    const error = new HandlerError(text, { handlerCode: code });
    fanout?.outcomes?.push({ id, ok: false, error });
    if (board.policy !== 'isolate' && fanout !== null) {
      fanout.keep(board, error);
      return;
    }
    const failure = makeFailure({ id, name }, error, fanout?.event, nameOfKind(kind), code);
    if (what === TOLD_UNREPORTED) board.warnings.failure(failure);
    else report(board, failure);
  }

  /* -------------------------------------------------------------------------------- native threads */

  /**
   * What another addon notifies with. From now on its events reach JavaScript handlers too, and the registry
   * lives until it is closed: whoever has the handle may notify at any time.
   */
  handle() {
    this.#openRing();
    return binding.partHandle(this.#external);
  }

  #openRing() {
    if (this.#ring !== null) return;
    const { slots = 4096, slotBytes = 256 } = this.#board.ring ?? {};
    binding.partOpenRing(this.#external, slots, slotBytes, () => this.#woken());
    this.#ring = arrived(this.#board, slotBytes, (...memory) => this.#drain(...memory));
  }

  #drain(bytes, offsets, lengths, kinds) {
    return this.#isClosed ? 0 : binding.partDrain(this.#external, bytes, offsets, lengths, kinds);
  }

  #woken() {
    if (!this.#isClosed) binding.partDrainFailures(this.#external);
    if (!this.#isClosed) this.#ring();
  }

  ref(isRef) {
    if (this.#isClosed) return;
    this.#openRing();
    binding.partRef(this.#external, isRef);
  }

  ringCounts() {
    if (this.#ring === null || this.#isClosed) return undefined;
    const counts = binding.partRingCounts(this.#external);
    counts.droppedFull += this.#board.lostWhilePaused;
    return Object.freeze(counts);
  }

  /* ---------------------------------------------------------------------------------------- looking */

  contains(entry) {
    return !this.#isClosed && binding.partContains(this.#external, entry.native);
  }

  /** Whether no thread is inside a handler that was removed. */
  isQuiet(entry) {
    return this.#isClosed || binding.partLook(this.#external, entry.native);
  }

  /** By number: what the core knows better. */
  rows() {
    if (this.#isClosed) return new Map();
    return new Map(binding.partRows(this.#external).map((row) => [row.number, row]));
  }

  statistics() {
    return this.#isClosed ? undefined : binding.partStatistics(this.#external);
  }

  mute() {
    if (!this.#isClosed) binding.partMute(this.#external, true);
  }

  unmute() {
    if (!this.#isClosed) binding.partMute(this.#external, false);
  }

  /* ------------------------------------------------------------------------------------------ close */

  get #isClosed() {
    return this.#external === null;
  }

  /** Never waits: a thread that is inside a handler leaves it in its own time. */
  close() {
    if (this.#isClosed) return;
    const external = this.#external;
    this.#external = null;
    binding.partClose(external);
  }
}

module.exports = { Core };
