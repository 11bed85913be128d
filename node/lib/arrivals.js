'use strict';

// Events that native threads notified: drained from the ring in batches, after one wake-up for many.
//
// Each event reaches the handlers in their order, and each handler gets the events in theirs. A handler with
// `batch: true` gets the whole batch at its place in the order: the handlers before it have seen all events of
// the batch then, the ones behind it none.

const { Batch, nameOfKind } = require('./batch');
const { nest } = require('./dispatch');
const { LimitError } = require('./errors');

/** Events of one batch. */
const BATCH_EVENTS = 2048;
const BATCH_BYTES = 1 << 20;
/** So long the loop is kept from other work; then it gets a turn. */
const TURN_MS = 10;

/** Memory that C fills. Handlers see it: one that transfers it away only loses it for itself. */
class Memory {
  constructor(slotBytes) {
    const padded = (slotBytes + 7) & ~7;
    this.size = Math.max(padded, Math.min(BATCH_BYTES, padded * BATCH_EVENTS));
    this.allocate();
  }

  allocate() {
    this.bytes = new Uint8Array(this.size);
    this.offsets = new Uint32Array(BATCH_EVENTS);
    this.lengths = new Uint32Array(BATCH_EVENTS);
    this.kinds = new Uint32Array(BATCH_EVENTS);
  }

  get isWhole() {
    return (
      this.bytes.length === this.size &&
      this.offsets.length === BATCH_EVENTS &&
      this.lengths.length === BATCH_EVENTS &&
      this.kinds.length === BATCH_EVENTS
    );
  }
}

/** Only the events that a handler is for, and that nobody stopped. */
function select(memory, count, filter, stopped) {
  const { bytes, offsets, lengths, kinds } = memory;
  if (filter.all && stopped === null) return new Batch(bytes, offsets, lengths, kinds, count);
  const chosen = [];
  for (let i = 0; i < count; i++) if (!stopped?.[i] && filter.accepts(nameOfKind(kinds[i]))) chosen.push(i);
  const pick = (from) => Uint32Array.from(chosen, (i) => from[i]);
  return new Batch(bytes, pick(offsets), pick(lengths), pick(kinds), chosen.length);
}

/** One batch on its way through the handlers of a board. */
class Arrival {
  constructor(board, memory, count) {
    this.board = board;
    this.memory = memory;
    this.count = count;
    this.copies = new Array(count);
    this.stopped = null;
  }

  /** The copy of an event that all handlers share. */
  event(i) {
    const { bytes, offsets, lengths } = this.memory;
    return (this.copies[i] ??= Buffer.from(bytes.subarray(offsets[i], offsets[i] + lengths[i])));
  }

  name(i) {
    return nameOfKind(this.memory.kinds[i]);
  }

  /** Event `i` to handlers that take one at a time. */
  toHandlers(i, entries) {
    const { board } = this;
    if (this.stopped?.[i]) return;
    const name = this.name(i);
    for (const entry of entries) {
      if (entry.removed || !entry.filter.accepts(name)) continue;
      const stops = board.call(entry, this.event(i), name);
      if (!stops) continue;
      (this.stopped ??= new Uint8Array(this.count))[i] = 1;
      return;
    }
  }

  toBatchHandler(entry) {
    if (entry.removed) return;
    const batch = select(this.memory, this.count, entry.filter, this.stopped);
    if (batch.length > 0) this.board.call(entry, batch, undefined);
  }

  /** All of it, to the handlers as they are now; later events see handlers that earlier ones registered. */
  run() {
    const { board } = this;
    if (board.held !== null) return this.hold();
    let entries = board.scriptEntries();
    if (!entries.some((entry) => entry.batch)) {
      for (let i = 0; i < this.count; i++) {
        this.toHandlers(i, entries);
        entries = board.scriptEntries();
      }
      return undefined;
    }
    for (let from = 0; from < entries.length;) {
      if (entries[from].batch) {
        this.toBatchHandler(entries[from++]);
        continue;
      }
      let to = from;
      while (to < entries.length && !entries[to].batch) to++;
      const group = entries.slice(from, to);
      for (let i = 0; i < this.count; i++) this.toHandlers(i, group);
      from = to;
    }
    return undefined;
  }

  hold() {
    const { board } = this;
    for (let i = 0; i < this.count; i++) {
      try {
        board.held.push(this.event(i), this.name(i));
      } catch (error) {
        if (!(error instanceof LimitError)) throw error;
        board.lostWhilePaused++;
      }
    }
  }
}

/** What to call when the ring has events: drains it, in turns. */
function arrived(board, slotBytes, drain) {
  const memory = new Memory(slotBytes);
  const drainOnce = () => {
    if (!memory.isWhole) memory.allocate();
    const count = drain(memory.bytes, memory.offsets, memory.lengths, memory.kinds);
    if (count > 0) nest(() => new Arrival(board, memory, count).run());
    return count;
  };
  const turn = () => {
    const end = performance.now() + TURN_MS;
    while (drainOnce() > 0) {
      if (performance.now() < end) continue;
      setImmediate(turn);
      return;
    }
  };
  return turn;
}

module.exports = { arrived };
