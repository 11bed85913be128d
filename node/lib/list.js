'use strict';

// A list: the handlers of one registry for one name, in order. It is the snapshot that a notify runs.
//
// invariant: what a list contains never changes, except that removed handlers are overwritten with `skip`
// while the list is being run (Board.retire). After a change the board compiles new lists when they are needed.

const { batchOfOne } = require('./batch');
const { runGeneral } = require('./general');
const { notified } = require('./outcome');
const { runnerFor } = require('./runners');
const { SKIPPED } = require('./values');

const SLOTS = 8;

/** What a removed handler is overwritten with. */
const skip = () => SKIPPED;

/** All lists have one shape: reading one costs the same whatever it holds. */
class List {
  constructor(board, name, entries, callers, passedOver, plan) {
    this.f0 = this.f1 = this.f2 = this.f3 = this.f4 = this.f5 = this.f6 = this.f7 = skip;
    this.run = board.needsGeneral ? runGeneral : runnerFor(callers.length);
    /** How many notifies are running it now. */
    this.runs = 0;
    this.clean = notified(callers.length, 0, passedOver);
    this.board = board;
    this.name = name;
    this.entries = entries;
    /** What to call for each entry; null where it runs in C. */
    this.callers = callers;
    /** Handlers of the registry that this list does not contain. */
    this.passedOver = passedOver;
    /** The core's list as of this snapshot, if there is one (core.js). */
    this.plan = plan;
    for (let i = 0; i < SLOTS && i < callers.length; i++) this[`f${i}`] = callers[i];
  }

  drop(entry) {
    const i = this.entries.indexOf(entry);
    if (i === -1 || this.callers[i] === null) return;
    this.callers[i] = skip;
    if (i < SLOTS) this[`f${i}`] = skip;
  }

  dropAll() {
    for (let i = 0; i < this.callers.length; i++) if (this.callers[i] !== null) this.callers[i] = skip;
    for (let i = 0; i < SLOTS; i++) this[`f${i}`] = skip;
  }
}

/* ------------------------------------------------------------------------------------------- callers */

/** Leaves the registry, then runs: whatever is nested in it finds it gone. */
function claiming(board, entry, call) {
  return (event) => {
    if (entry.removed) return SKIPPED;
    board.remove(entry);
    return call(event);
  };
}

function timed(entry, call) {
  return (event) => {
    const began = performance.now();
    try {
      return call(event);
    } finally {
      entry.ran((performance.now() - began) * 1e6);
    }
  };
}

/** What a list calls for an entry. A handler of exactly one name is called as it is: it knows the name. */
function callerOf(board, entry, name) {
  const { handler } = entry;
  if (entry.isNative) return null;
  if (board.isAsync) return skip;
  let call = handler;
  if (entry.batch) call = (event) => handler(batchOfOne(event, name));
  else if (name !== undefined && !entry.filter.isSingle) call = (event) => handler(event, name);
  if (board.counting) call = timed(entry, call);
  return entry.once ? claiming(board, entry, call) : call;
}

/* ------------------------------------------------------------------------------------------- compile */

/**
 * The list of a board for a name, or for events without one. Handlers in C are in every list: they are
 * consecutive there as they are in the core, which looks at their kinds itself.
 */
function compile(board, name) {
  const entries = board.entries.filter((entry) => entry.isNative || entry.filter.accepts(name));
  const callers = entries.map((entry) => callerOf(board, entry, name));
  return new List(board, name, entries, callers, board.entries.length - entries.length, board.core?.plan);
}

module.exports = { List, compile };
