'use strict';

// Many changes that become visible together: collected, checked, then made in one go.

const { ArgumentError } = require('./errors');
const { readOnOptions, readRegisterOptions } = require('./entry');
const { callback } = require('./options');
const { isThenable } = require('./values');

class Edit {
  #board;
  #added = [];
  #removed = new Set();
  #over = false;

  constructor(board) {
    this.#board = board;
  }

  #check() {
    if (this.#over) throw new ArgumentError('this edit is over; changes are made inside the function given to edit');
  }

  #add(handler, read) {
    this.#check();
    const entry = this.#board.make(handler, read);
    this.#added.push({ entry, signal: read.signal });
    return entry.id;
  }

  register(handler, options) {
    return this.#add(handler, readRegisterOptions(options));
  }

  on(name, handler, options) {
    return this.#add(handler, readOnOptions(name, options, false));
  }

  /** An id of this very edit is taken back. */
  unregister(id) {
    this.#check();
    const mine = this.#added.findIndex(({ entry }) => entry.id === id);
    if (mine !== -1) return this.#added.splice(mine, 1).length === 1;
    const entry = this.#board.byIdentity(id);
    if (entry === undefined || this.#removed.has(entry)) return false;
    this.#removed.add(entry);
    return true;
  }

  /** All or nothing: the core is asked first, because only it can refuse. */
  apply() {
    this.#over = true;
    const board = this.#board;
    board.checkOpen();
    const added = this.#added.filter(({ entry, signal }) => {
      if (signal?.aborted) entry.removed = true;
      return !entry.removed;
    });
    const removed = [...this.#removed].filter((entry) => !entry.removed);
    board.core?.refresh();
    const native = added.filter(({ entry }) => entry.isNative).map(({ entry }) => entry);
    const nativeRemoved = removed.filter((entry) => entry.native !== 0);
    if (native.length + nativeRemoved.length > 0) board.openCore().edit(native, nativeRemoved);
    for (const entry of removed) board.take(entry);
    // In the order in which they were registered here, whatever they are made of.
    for (const { entry, signal } of added) {
      board.insert(entry);
      if (signal !== undefined) board.follow(entry, signal);
    }
  }

  cancel() {
    this.#over = true;
  }
}

function edit(board, change) {
  callback(change, 'the change');
  board.checkOpen();
  const changes = new Edit(board);
  let result;
  try {
    result = change(changes);
    if (isThenable(result)) {
      Promise.resolve(result).catch(() => {});
      throw new ArgumentError('the function given to edit is async; await what you need before edit', {
        hint: 'an edit is made at once, so it cannot wait',
      });
    }
  } catch (error) {
    changes.cancel();
    throw error;
  }
  changes.apply();
  return result;
}

module.exports = { edit };
