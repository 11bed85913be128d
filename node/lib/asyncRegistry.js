'use strict';

// AsyncRegistry: handlers that are awaited. See types/asyncRegistry.d.ts.

const { RegistryBase, boardOf, parentBoard, registryChecks } = require('./base');
const { failed, observe } = require('./failures');
const { checkName } = require('./names');
const { Notification } = require('./notification');
const { abortSignal, integer, readOptions, timeoutMs } = require('./options');
const { stopRefused } = require('./outcome');
const { HandlerContext } = require('./started');
const { STOP, isThenable } = require('./values');

const concurrency = integer(1, 0x7fffffff);
const asyncChecks = { ...registryChecks, concurrency, timeoutMs };
const notifyChecks = { kind: checkName, signal: abortSignal, timeoutMs, concurrency };
const emitChecks = { signal: abortSignal, timeoutMs, concurrency };
/** Only `child` makes a registry with a parent. */
const childKey = Symbol('child');

/** The snapshots of a registry and its ancestors, all as of now. A paused one holds the event back. */
function snapshot(board, event, name) {
  const found = { lists: [], orphaned: false, held: false, skipped: 0 };
  for (let at = board; at !== null; at = at.parent) {
    if (at.closed) {
      found.orphaned = true;
      break;
    }
    const list = at.current(at.listFor(name));
    if (at.held !== null) {
      at.held.push(event, name);
      found.held = true;
      found.skipped = list.entries.length + list.passedOver;
      break;
    }
    found.lists.push(list);
  }
  return found;
}

class AsyncRegistry extends RegistryBase {
  #defaults;

  constructor(options, key, parent) {
    super(options, asyncChecks, key === childKey ? parent : null);
    this.#defaults = { concurrency: options?.concurrency, timeoutMs: options?.timeoutMs };
    const board = boardOf(this);
    board.isAsync = true;
    board.deliver = (event, name) => this.#deliver(event, name);
    board.call = (entry, event, name) => this.#callOne(entry, event, name);
  }

  #make(event, name, read, more) {
    const board = boardOf(this);
    board.checkOpen();
    const { lists, ...found } = snapshot(board, event, name);
    const options = { ...found, ...this.#defaults, ...read, ...more };
    return new Notification(lists, event, name, options, board.title);
  }

  notify(event, options) {
    const read = readOptions(options, notifyChecks, 'notify');
    return this.#make(event, read.kind, read);
  }

  notifySequential(event, options) {
    const read = readOptions(options, notifyChecks, 'notifySequential');
    return this.#make(event, read.kind, read, { concurrency: 1 });
  }

  emit(name, event, options) {
    return this.#make(event, checkName(name), readOptions(options, emitChecks, 'emit'));
  }

  emitSequential(name, event, options) {
    const read = readOptions(options, emitChecks, 'emitSequential');
    return this.#make(event, checkName(name), read, { concurrency: 1 });
  }

  async collect(event, options) {
    const read = readOptions(options, notifyChecks, 'collect');
    return Notification.outcomes(this.#make(event, read.kind, read, { collecting: true }));
  }

  child(options) {
    return new AsyncRegistry(options, childKey, parentBoard(this));
  }

  /** An event that was held back: nobody awaits it, so every failure is reported, whatever the policy. */
  #deliver(event, name) {
    Notification.start(this.#make(event, name, undefined, { reporting: true }));
  }

  /** One handler and an event of a native thread. True for a stop. */
  #callOne(entry, event, name) {
    const board = boardOf(this);
    if (entry.once) board.remove(entry);
    try {
      const value = entry.handler(event, new HandlerContext(name));
      if (value === STOP && board.allowStop) return true;
      if (value === STOP) failed(board, entry, stopRefused(), event, name);
      else if (isThenable(value)) observe(board, entry, value, event, name);
    } catch (error) {
      failed(board, entry, error, event, name);
    }
    return false;
  }
}

module.exports = { AsyncRegistry };
