'use strict';

// What the steps of scenarios are in Node. Registries, functions, guards and natives are known by their labels, handlers
// by what `register` returned; `play` is told when handlers run.

const { Counter, HandlerError, Mask, Registry, Ring, STOP } = require('tallystick');

const dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose');

/** What a handler that shall fail throws. */
class WantedError extends Error {}

/** Whether a call failed with a status. A HandlerError is a result. */
function isRefusal(error) {
  return typeof error?.code === 'string' && error.code.startsWith('TALLY_E_') && !(error instanceof HandlerError);
}

/** max_failures -> maxFailures */
function camel(options) {
  const entries = Object.entries(options);
  return Object.fromEntries(
    entries.map(([name, value]) => [name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()), value]),
  );
}

/** droppedFull -> dropped_full */
function snake(numbers) {
  const entries = Object.entries(numbers);
  return Object.fromEntries(
    entries.map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]),
  );
}

function resultOf({ fired, failed, skipped, stopped, orphaned }) {
  return { numbers: [fired, failed, skipped], stopped, orphan: orphaned, raises: [] };
}

class Driver {
  play;
  registries = new Map();
  functions = new Map();
  natives = new Map();
  guards = new Map();
  scopes = new Map();
  warnings = [];

  constructor() {
    this.listener = (warning) => this.warnings.push(warning.message);
    process.on('warning', this.listener);
  }

  async end() {
    for (const registry of [...this.registries.values()].reverse()) registry.close();
    for (const native of [...this.natives.values()].reverse()) native.close();
    await this.logged();
    process.off('warning', this.listener);
  }

  /* --------------------------------------------------------------------------------------- registries */

  open(label, parent, options) {
    const registry =
      parent === undefined ? new Registry(camel(options)) : this.registries.get(parent).child(camel(options));
    this.registries.set(label, registry);
  }

  close(registry) {
    this.registries.get(registry).close();
  }

  /* ----------------------------------------------------------------------------------------- handlers */

  function(label) {
    let found = this.functions.get(label);
    if (found === undefined) {
      found = (event) => this.answer(this.play.handlerRan(label, event));
      this.functions.set(label, found);
    }
    return found;
  }

  answer({ does, message }) {
    if (does === 'fail') throw new WantedError(message);
    return does === 'stop' ? STOP : undefined;
  }

  register(registry, label, native, options) {
    const target = native === undefined ? this.function(label) : this.natives.get(native);
    return this.registries.get(registry).register(target, camel(options));
  }

  unregister(registry, target) {
    return this.registries.get(registry).unregister(target);
  }

  unregisterWait(registry, identity) {
    return this.registries.get(registry).unregisterWait(identity, { timeoutMs: 10000 });
  }

  clear(registry) {
    return this.registries.get(registry).clear();
  }

  edit(registry, changes) {
    const identities = [];
    const removed = [];
    this.registries.get(registry).edit((edit) => {
      for (const change of changes) {
        if (change.identity !== undefined) removed.push(edit.unregister(change.identity));
        else identities.push(edit.register(this.function(change.function), camel(change.options)));
      }
    });
    return { identities, removed };
  }

  guard(registry, label, handler, options) {
    const subscription = this.registries.get(registry).guard(this.function(handler), camel(options));
    this.guards.set(label, subscription);
    return subscription.id;
  }

  closeGuard(label, forget) {
    if (forget) this.guards.get(label).forget();
    else this.guards.get(label)();
  }

  /* ------------------------------------------------------------------------------------------- notify */

  notify(registry, kind, text, byName) {
    const target = this.registries.get(registry);
    const event = Buffer.from(text);
    try {
      if (byName) return resultOf(target.emit(kind, event));
      return resultOf(kind === undefined ? target.notify(event) : target.notify(event, { kind }));
    } catch (error) {
      // fail-fast throws the failure as it is: no numbers.
      if (error instanceof WantedError) return { raises: [error.message] };
      if (!(error instanceof HandlerError)) throw error;
      return { ...resultOf(error.result), raises: error.errors.map((one) => one.message) };
    }
  }

  collect(registry, text) {
    return this.registries
      .get(registry)
      .collect(Buffer.from(text))
      .map(({ id, ok }) => [id, ok]);
  }

  onPanic(registry, label) {
    const target = this.registries.get(registry);
    if (label === null) target.onPanic(null);
    else target.onPanic(({ id, message, name }) => this.answer(this.play.panicRan(label, id, message, name)));
  }

  begin(registry, scope) {
    const scopes = this.scopes.get(registry) ?? [];
    this.scopes.set(registry, scopes);
    scopes.push(this.registries.get(registry)[scope]());
  }

  finish(registry) {
    this.scopes.get(registry).pop()[dispose]();
  }

  /* ------------------------------------------------------------------------------------------ looking */

  contains(registry, identity) {
    return this.registries.get(registry).contains(identity);
  }

  count(registry) {
    return this.registries.get(registry).count;
  }

  isEmpty(registry) {
    return this.registries.get(registry).isEmpty;
  }

  handlers(registry) {
    const rows = this.registries.get(registry).handlers();
    return {
      identities: rows.map((row) => row.id),
      priorities: rows.map((row) => row.priority),
      names: rows.map((row) => row.name),
      failed: rows.map((row) => row.failed),
      last_messages: rows.map((row) => row.lastError?.message ?? null),
      fired: rows.map((row) => row.fired ?? null),
    };
  }

  statistics(registry) {
    return snake(this.registries.get(registry).stats());
  }

  /** Warnings are emitted on a later turn. */
  async logged() {
    for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
    return this.warnings.splice(0);
  }

  /* ------------------------------------------------------------------------------------------ natives */

  native(label, type, { to, ...options }) {
    const make = {
      counter: () => new Counter(),
      ring: () => new Ring(camel(options)),
      mask: () => new Mask({ ...camel(options), handler: this.natives.get(to) }),
    };
    this.natives.set(label, make[type]());
  }

  numbersOf(native) {
    const target = this.natives.get(native);
    return snake(target instanceof Counter ? target.read() : target.counts());
  }

  drain(native) {
    return this.natives
      .get(native)
      .drain()
      .map(({ kind, data }) => [kind ?? null, data.toString()]);
  }
}

module.exports = { Driver, isRefusal };
