'use strict';

// The board: everything that a registry is made of, behind a private field. Registering and removing are
// here; delivering is in dispatch.js (sync) and started.js (async).
//
// invariant: `entries` is sorted as notify calls them, and `byId` holds the same entries. A change forgets all
// compiled lists; the next notify compiles the one that it needs. So building N handlers compiles nothing.

const { isInside } = require('./dispatch');
const { Core } = require('./core');
const { Entry, checkHandler } = require('./entry');
const { ExistsError } = require('./errors');
const { closedError } = require('./general');
const { checkId, isHandlerId, newHandlerId, newRegistryNumber } = require('./handlerId');
const { compile } = require('./list');
const { checkName } = require('./names');
const { show } = require('./options');
const { Warnings } = require('./warnings');

const LEAK_WARNING = 1000;
/** Compiled lists that are kept: names are few, but nobody promises it. */
const LISTS_MAX = 1024;
const NO_NAME = Symbol('no name was emitted last');

class Board {
  constructor(options, parent, className) {
    this.number = newRegistryNumber();
    this.title = options.name === undefined ? `${className} ${this.number}` : `${className} '${options.name}'`;
    this.warnings = new Warnings(this.title);
    this.policy = options.policy ?? 'isolate';
    this.allowStop = options.allowStop ?? false;
    this.counting = options.count ?? false;
    this.capacity = options.capacity ?? 0;
    this.ring = options.ring;
    this.parent = parent;
    this.closed = false;
    /** The registry that this board is of; set by it. */
    this.owner = null;
    /** Handlers are awaited: lists need nothing to call. */
    this.isAsync = false;

    this.entries = [];
    this.byId = new Map();
    /** Entries by id for as long as somebody has the id: a removed one may still be running. */
    this.ever = new WeakMap();
    this.lastSequence = 0;
    /** The part in C, once there is one (core.js). */
    this.core = null;

    /** Compiled: for events without a name; for the name that was emitted last; for names. */
    this.all = null;
    this.lastName = NO_NAME;
    this.lastList = null;
    this.named = new Map();
    /** Lists that were replaced while they were being run: whoever is removed is dropped from them too. */
    this.retired = [];
    /** The handlers that are JavaScript, as they are now. */
    this.script = null;

    this.panic = null;
    this.panicking = false;
    this.unreported = 0;
    this.panicsFailed = 0;
    this.mutes = 0;
    /** Events that wait for the end of a pause; null when there is no pause (scopes.js). */
    this.held = null;
    this.pending = 0;
    this.quietWaiters = [];
    this.lostWhilePaused = 0;
    /** Called once when the registry closes: whoever waits for events. */
    this.closing = new Set();
    /** Set by the registry's class: notifies an event that was held back. */
    this.deliver = null;
    /** Set by the registry's class: calls one handler with an event of another thread; true for a stop. */
    this.call = null;
  }

  /** Why the runners of fixed arity will not do. */
  get needsGeneral() {
    return (
      this.closed ||
      this.policy !== 'isolate' ||
      this.allowStop ||
      this.parent !== null ||
      this.core !== null ||
      this.mutes > 0 ||
      this.held !== null
    );
  }

  checkOpen() {
    if (this.closed) throw closedError(this);
  }

  /* ------------------------------------------------------------------------------------------ lists */

  changed() {
    this.retire();
    this.all = null;
    this.lastName = NO_NAME;
    this.lastList = null;
    this.script = null;
    if (this.named.size > 0) this.named.clear();
  }

  /** Keeps hold of the lists that are being run. Outside of handlers there are none. */
  retire() {
    if (!isInside()) {
      if (this.retired.length > 0) this.retired = [];
      return;
    }
    const lists = [...this.retired, ...this.named.values()];
    if (this.all !== null) lists.push(this.all);
    this.retired = lists.filter((list) => list.runs > 0);
  }

  listForAll() {
    return (this.all ??= compile(this, undefined));
  }

  /** The list of a name, which is checked when it is new here. */
  listForName(name) {
    let list = this.named.get(name);
    if (list === undefined) {
      list = compile(this, checkName(name));
      if (this.named.size >= LISTS_MAX) {
        this.retire();
        this.named.clear();
      }
      this.named.set(name, list);
    }
    this.lastName = name;
    this.lastList = list;
    return list;
  }

  listFor(name) {
    return name === undefined ? (this.all ?? this.listForAll()) : this.listForName(name);
  }

  scriptEntries() {
    return (this.script ??= this.entries.filter((entry) => !entry.isNative));
  }

  /** The list itself, or its successor if handlers in C came or went since it was compiled. */
  current(list) {
    if (this.core === null || !this.core.refresh()) return list;
    return this.listFor(list.name);
  }

  /* ----------------------------------------------------------------------------- register and remove */

  /** Where an entry is, or belongs. */
  placeOf(entry) {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const there = this.entries[middle];
      const isBefore =
        there.priority > entry.priority || (there.priority === entry.priority && there.sequence < entry.sequence);
      if (isBefore) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Makes an entry; nothing is registered yet. */
  make(handler, read) {
    checkHandler(handler);
    return new Entry(newHandlerId(this.number), handler, read);
  }

  /** Puts an entry behind its equals. */
  insert(entry) {
    entry.sequence = ++this.lastSequence;
    this.entries.splice(this.placeOf(entry), 0, entry);
    this.byId.set(entry.id, entry);
    this.ever.set(entry.id, entry);
    this.changed();
    if (this.entries.length >= LEAK_WARNING) this.warnings.leak(this.entries.length);
  }

  register(handler, read) {
    this.checkOpen();
    const entry = this.make(handler, read);
    const { signal } = read;
    if (signal?.aborted) {
      entry.removed = true;
      return entry;
    }
    if (entry.isNative) this.openCore().register(entry);
    else this.add(entry);
    if (signal !== undefined) this.follow(entry, signal);
    return entry;
  }

  /** A handler in JavaScript comes after the ones in C that are there already. */
  add(entry) {
    this.core?.refresh();
    this.insert(entry);
  }

  /** Ties an entry to a signal. What only looks like one may throw: then nothing was registered. */
  follow(entry, signal) {
    entry.signal = signal;
    entry.onAbort = () => this.remove(entry);
    try {
      signal.addEventListener('abort', entry.onAbort, { once: true });
    } catch (error) {
      entry.signal = undefined;
      this.remove(entry);
      throw error;
    }
  }

  /** Takes an entry out of the list. It does not start again; no list that runs will call it. */
  forget(entry) {
    entry.removed = true;
    this.byId.delete(entry.id);
    const { signal, onAbort } = entry;
    entry.signal = entry.onAbort = undefined;
    try {
      signal?.removeEventListener('abort', onAbort);
    } catch {
      // It only looks like a signal; the handler is gone all the same.
    }
  }

  remove(entry) {
    if (entry.removed) return false;
    const wasThere = entry.native === 0 || this.core.unregister(entry);
    this.take(entry);
    return wasThere;
  }

  /** Removal without the core, which knows already. */
  take(entry) {
    if (entry.removed) return;
    this.entries.splice(this.placeOf(entry), 1);
    this.forget(entry);
    this.changed();
    for (const list of this.retired) list.drop(entry);
  }

  clear() {
    this.core?.sync();
    const count = this.entries.length;
    this.core?.clear();
    for (const entry of this.entries) this.forget(entry);
    this.entries.length = 0;
    this.changed();
    for (const list of this.retired) list.dropAll();
    return count;
  }

  /** Closed and empty; the part in C is left to the caller. */
  shut() {
    this.clear();
    this.closed = true;
    this.changed();
    this.held?.drop();
    this.panic = null;
    const callbacks = [...this.closing];
    this.closing.clear();
    for (const callback of callbacks) callback();
  }

  close() {
    if (!this.closed) this.shut();
    this.core?.close();
  }

  /* ---------------------------------------------------------------------------------------- looking */

  /** The entry of an id, or undefined when it is not registered. */
  byIdentity(id) {
    const entry = this.byId.get(id);
    if (entry === undefined) checkId(id, this.number);
    return entry;
  }

  /** The entry that is meant by an id or by the very thing that was registered. */
  find(idOrHandler) {
    if (isHandlerId(idOrHandler)) return this.byIdentity(idOrHandler);
    checkHandler(idOrHandler);
    this.core?.sync();
    let found;
    for (const entry of this.entries) {
      if (entry.handler !== idOrHandler) continue;
      if (found !== undefined) {
        throw new ExistsError(`${show(idOrHandler)} is registered more than once; which one is meant?`, {
          hint: 'unregister by the id that register returned',
        });
      }
      found = entry;
    }
    return found;
  }

  /** The same, but also one that was removed before. */
  findEver(idOrHandler) {
    if (!isHandlerId(idOrHandler)) return this.find(idOrHandler);
    return this.byIdentity(idOrHandler) ?? this.ever.get(idOrHandler);
  }

  /** The latest registration of a handler under a name or pattern. */
  findListener(label, handler) {
    let found;
    for (const entry of this.entries) {
      if (entry.handler !== handler || entry.filter.label !== label) continue;
      if (found === undefined || entry.sequence > found.sequence) found = entry;
    }
    return found;
  }

  /** The part in C, made when it is first needed. An ancestor's comes first: notifies go up there too. */
  openCore() {
    if (this.core === null) {
      const hasParent = this.parent !== null && !this.parent.closed;
      this.core = new Core(this, hasParent ? this.parent.openCore() : null);
      for (let i = 0; i < this.mutes; i++) this.core.mute();
      this.changed();
    }
    return this.core;
  }

  /* -------------------------------------------------------------------------------- calls that go on */

  began(entry) {
    entry.pending++;
    this.pending++;
  }

  ended(entry) {
    if (--this.pending === 0) for (const waiter of this.quietWaiters.splice(0)) waiter();
    if (--entry.pending > 0 || entry.waiters === null) return;
    const { waiters } = entry;
    entry.waiters = null;
    for (const waiter of waiters) waiter();
  }
}

module.exports = { Board };
