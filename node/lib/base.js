'use strict';

// What Registry and AsyncRegistry have in common: everything but delivering. See types/registry.d.ts.

const { inspect } = require('node:util');

const { Board } = require('./board');
const { edit } = require('./edit');
const { readOnOptions, readRegisterOptions } = require('./entry');
const { ArgumentError, LimitError } = require('./errors');
const { EventsIterator } = require('./eventsIterator');
const { containsEntry, countOf, handlersOf, listenerCountOf, statisticsOf } = require('./looking');
const { checkHandlerName, checkName, checkPattern } = require('./names');
const { choice, flag, integer, readOptions, show } = require('./options');
const { connected, muted, paused, splitConnected } = require('./scopes');
const { subscribe } = require('./subscription');
const { asyncDispose, dispose } = require('./values');
const { closeQuietly, unregisterWait, waitFor } = require('./waiting');

const ANCESTRY_MAX = 16;

const ringChecks = { slots: integer(1, 16777216), slotBytes: integer(1, 1073741824) };

const registryChecks = {
  policy: choice('isolate', 'raise', 'fail-fast'),
  allowStop: flag,
  count: flag,
  capacity: integer(0, 16777216),
  name: checkHandlerName,
  ring: (value) => readOptions(value, ringChecks, 'ring'),
};

// Only for the modules of this package: the board is nobody else's business.
let boardOf;

class RegistryBase {
  #board;

  static {
    boardOf = (registry) => registry.#board;
  }

  constructor(options, checks, parent) {
    if (new.target === RegistryBase) throw new ArgumentError('make a Registry or an AsyncRegistry');
    const read = readOptions(options, checks, new.target.name);
    this.#board = new Board(read, parent, new.target.name);
    this.#board.owner = this;
  }

  /* ----------------------------------------------------------------------------- register and remove */

  register(handler, options) {
    return this.#board.register(handler, readRegisterOptions(options)).id;
  }

  guard(handler, options) {
    return subscribe(this.#board, this.#board.register(handler, readRegisterOptions(options)));
  }

  on(name, handler, options) {
    return subscribe(this.#board, this.#board.register(handler, readOnOptions(name, options, false)));
  }

  once(name, handler, options) {
    return subscribe(this.#board, this.#board.register(handler, readOnOptions(name, options, true)));
  }

  off(name, handler) {
    const entry = this.#board.findListener(checkPattern(name), handler);
    return entry !== undefined && this.#board.remove(entry);
  }

  removeListener(name, handler) {
    return this.off(name, handler);
  }

  unregister(handler) {
    const entry = this.#board.find(handler);
    return entry !== undefined && this.#board.remove(entry);
  }

  unregisterWait(handler, options) {
    return unregisterWait(this.#board, handler, options);
  }

  clear() {
    return this.#board.clear();
  }

  edit(change) {
    return edit(this.#board, change);
  }

  /* --------------------------------------------------------------------------------------- failures */

  onPanic(given) {
    if (given !== null && typeof given !== 'function') {
      throw new ArgumentError(`onPanic was given ${show(given)}; pass a function, or null for none`);
    }
    this.#board.checkOpen();
    this.#board.panic = given;
    return this;
  }

  /* ---------------------------------------------------------------------------------------- looking */

  get count() {
    return countOf(this.#board);
  }

  get isEmpty() {
    return countOf(this.#board) === 0;
  }

  get closed() {
    return this.#board.closed;
  }

  get parent() {
    return this.#board.parent?.owner;
  }

  contains(id) {
    return containsEntry(this.#board, this.#board.byIdentity(id));
  }

  handlers() {
    return handlersOf(this.#board);
  }

  listenerCount(name) {
    return listenerCountOf(this.#board, checkName(name));
  }

  stats() {
    return statisticsOf(this.#board);
  }

  /* ----------------------------------------------------------------------------------------- scopes */

  muted(scope) {
    return muted(this.#board, scope);
  }

  paused(scope, options) {
    return typeof scope === 'function' || options !== undefined
      ? paused(this.#board, scope, options)
      : paused(this.#board, undefined, scope);
  }

  connected(handler, scope, options) {
    return connected(this.#board, readRegisterOptions(splitConnected(scope, options)), handler, scope);
  }

  /* ---------------------------------------------------------------------------------------- waiting */

  waitFor(name, options) {
    return waitFor(this.#board, (pattern, take) => this.on(pattern, take, { name: 'waitFor' }), name, options);
  }

  events(name, options) {
    return new EventsIterator(
      this.#board,
      (pattern, take) => this.on(pattern, take, { name: 'events' }),
      name,
      options,
    );
  }

  /* ----------------------------------------------------------------------------------- native threads */

  handle() {
    this.#board.checkOpen();
    return this.#board.openCore().handle();
  }

  ref() {
    this.#board.checkOpen();
    this.#board.openCore().ref(true);
    return this;
  }

  unref() {
    this.#board.core?.ref(false);
    return this;
  }

  /* ------------------------------------------------------------------------------------------- close */

  close() {
    this.#board.close();
  }

  [dispose]() {
    this.#board.close();
  }

  async [asyncDispose]() {
    await closeQuietly(this.#board);
  }

  [inspect.custom](_depth, options) {
    const state = this.closed ? 'closed' : `${this.count} handlers`;
    return `${options.stylize(this.#board.title, 'special')} { ${state} }`;
  }
}

/** The board of a registry that is to become a parent. */
function parentBoard(registry) {
  const parent = boardOf(registry);
  parent.checkOpen();
  let length = 2;
  for (let board = parent; board.parent !== null; board = board.parent) length++;
  if (length > ANCESTRY_MAX) {
    throw new LimitError(`a chain of registries has at most ${ANCESTRY_MAX}, from a child to its oldest ancestor`);
  }
  return parent;
}

module.exports = { RegistryBase, registryChecks, boardOf, parentBoard };
