'use strict';

// Registry: handlers that are called inline. See types/registry.d.ts.

const { RegistryBase, boardOf, parentBoard, registryChecks } = require('./base');
const { dispatch } = require('./dispatch');
const { failed, observe } = require('./failures');
const { collect } = require('./general');
const { checkName } = require('./names');
const { readOptions } = require('./options');
const { stopRefused } = require('./outcome');
const { STOP, isThenable } = require('./values');

const notifyChecks = { kind: checkName };
/** Only `child` makes a registry with a parent. */
const childKey = Symbol('child');

function listOf(board, options, what) {
  const { kind } = readOptions(options, notifyChecks, what);
  return board.listFor(kind);
}

/** Calls one handler with an event that nobody on this thread notified: there is no caller to raise to. */
function callOne(board, entry, event, name) {
  if (entry.once) board.remove(entry);
  const began = board.counting ? performance.now() : 0;
  let stops = false;
  try {
    const value = entry.batch || entry.filter.isSingle ? entry.handler(event) : entry.handler(event, name);
    if (value === STOP && board.allowStop) stops = true;
    else if (value === STOP) failed(board, entry, stopRefused(), event, name);
    else if (isThenable(value)) observe(board, entry, value, event, name);
  } catch (error) {
    failed(board, entry, error, event, name);
  }
  if (board.counting) entry.ran((performance.now() - began) * 1e6);
  return stops;
}

class Registry extends RegistryBase {
  constructor(options, key, parent) {
    super(options, registryChecks, key === childKey ? parent : null);
    const board = boardOf(this);
    board.deliver = (event, name) => dispatch(board.listFor(name), event);
    board.call = (entry, event, name) => callOne(board, entry, event, name);
  }

  notify(event, options) {
    const board = boardOf(this);
    if (options !== undefined) return dispatch(listOf(board, options, 'notify'), event);
    let list = board.all;
    if (list === null) list = board.listForAll();
    return dispatch(list, event);
  }

  emit(name, event) {
    const board = boardOf(this);
    let list = board.lastList;
    if (name !== board.lastName) list = board.listForName(name);
    return dispatch(list, event);
  }

  collect(event, options) {
    const board = boardOf(this);
    board.checkOpen();
    return collect(listOf(board, options, 'collect'), event);
  }

  child(options) {
    return new Registry(options, childKey, parentBoard(this));
  }
}

module.exports = { Registry };
