'use strict';

// Random sequences of operations, played on a registry and on a naive list side by side. The list knows nothing
// of compiled lists, slots, plans or runs in C; after every operation both must have called the same handlers in
// the same order and say the same numbers. Handlers have scripts: what they do when they are called, nested
// notifies and removals included.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const fc = require('fast-check');
const { Counter, Registry, STOP } = require('tallystick');

const { counts } = require('./helpers');

const NAMES = ['a', 'a.b', 'a.', 'b', undefined];
const KINDS = [undefined, ['a'], ['a.*'], ['a.b', 'b'], ['*'], ['a.b']];
const MAX_NESTING = 3;

function matches(kinds, name) {
  if (kinds === undefined || kinds.includes('*')) return true;
  if (name === undefined) return false;
  return kinds.some((kind) =>
    kind.endsWith('*') ? name.startsWith(kind.slice(0, -1)) && name.length >= kind.length : kind === name,
  );
}

/* ------------------------------------------------------------------------------------------- the model */

class Model {
  constructor({ allowStop, policy }) {
    this.allowStop = allowStop;
    this.policy = policy;
    this.handlers = [];
    this.everything = [];
    this.mutes = 0;
    this.log = [];
    this.depth = 0;
  }

  register(spec) {
    const handler = { ...spec, label: this.everything.length, sequence: this.everything.length, failed: 0, calls: 0 };
    this.everything.push(handler);
    this.handlers.push(handler);
    this.handlers.sort((x, y) => y.priority - x.priority || x.sequence - y.sequence);
  }

  isThere(handler) {
    return this.handlers.includes(handler);
  }

  unregister(label) {
    const at = this.handlers.findIndex((handler) => handler.label === label);
    if (at === -1) return false;
    this.handlers.splice(at, 1);
    return true;
  }

  clear() {
    return this.handlers.splice(0).length;
  }

  /** Counts, or the number of errors that are thrown. */
  notify(name) {
    const snapshot = [...this.handlers];
    if (this.mutes > 0) return { fired: 0, failed: 0, skipped: snapshot.length };
    let [fired, failed, errors] = [0, 0, 0];
    this.depth++;
    for (const handler of snapshot) {
      if (!this.isThere(handler) || !matches(handler.kinds, name)) continue;
      if (handler.once) this.unregister(handler.label);
      fired++;
      handler.calls++;
      const answer = this.play(handler);
      if (answer === 'stop' && this.allowStop) break;
      if (answer === undefined) continue;
      failed++;
      handler.failed++;
      if (this.policy !== 'isolate') errors++;
      if (handler.maxFailures !== undefined && handler.failed >= handler.maxFailures) this.unregister(handler.label);
      if (this.policy === 'fail-fast') break;
    }
    this.depth--;
    if (errors > 0) return { thrown: this.policy === 'fail-fast' ? 1 : errors };
    return { fired, failed, skipped: snapshot.length - fired };
  }

  play(handler) {
    if (handler.native) return undefined;
    this.log.push(handler.label);
    return playScript(this, handler, this.depth);
  }
}

/* ------------------------------------------------------------------------------------------ the real one */

class Real {
  constructor(options) {
    this.registry = new Registry(options);
    this.registry.onPanic(() => {});
    this.ids = [];
    this.counters = new Map();
    this.log = [];
    this.depth = 0;
  }

  register({ native, kinds, priority, once, maxFailures, ...spec }) {
    const label = this.ids.length;
    let handler = (_event) => {
      this.log.push(label);
      const answer = playScript(this, spec, this.depth);
      if (answer === 'fail') throw new Error('as scripted');
      return answer === 'stop' ? STOP : undefined;
    };
    if (native) this.counters.set(label, (handler = new Counter()));
    this.ids.push(this.registry.register(handler, { kinds, priority, once, maxFailures }));
  }

  unregister(label) {
    return label < this.ids.length && this.registry.unregister(this.ids[label]);
  }

  clear() {
    return this.registry.clear();
  }

  notify(name) {
    this.depth++;
    try {
      return counts(name === undefined ? this.registry.notify(0) : this.registry.emit(name, 0));
    } catch (error) {
      if (error.message === 'as scripted' || error.code === 'TALLY_E_OPTION') return { thrown: 1 };
      return { thrown: error.errors.length };
    } finally {
      this.depth--;
    }
  }
}

/** What a handler does when it is called, the same for both. Nested results are part of the log. */
function playScript(subject, { script, answer }, depth) {
  for (const step of script) {
    if (step.do === 'unregister') subject.log.push(subject.unregister(step.label));
    else if (step.do === 'clear') subject.log.push(subject.clear());
    else if (step.do === 'register' && depth < MAX_NESTING) subject.register(step.spec);
    else if (step.do === 'notify' && depth < MAX_NESTING) subject.log.push(subject.notify(step.name));
  }
  return answer;
}

/* ----------------------------------------------------------------------------------------- what happens */

const name = fc.constantFrom(...NAMES);
const label = fc.nat({ max: 12 });
const plain = fc.record({
  priority: fc.constantFrom(0, 0, 0, 1, -1, 2147483647),
  kinds: fc.constantFrom(...KINDS),
  once: fc.constantFrom(false, false, false, true),
  maxFailures: fc.constantFrom(undefined, undefined, 1, 2),
  native: fc.constantFrom(false, false, false, true),
  answer: fc.constantFrom(undefined, undefined, undefined, 'fail', 'stop'),
});
const nested = plain.map((spec) => ({ ...spec, script: [] }));
const step = fc.oneof(
  fc.record({ do: fc.constant('unregister'), label }),
  fc.record({ do: fc.constant('notify'), name }),
  fc.record({ do: fc.constant('register'), spec: nested }),
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear') }) },
);
const spec = fc
  .tuple(
    plain,
    fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(step, { maxLength: 3 }) }),
  )
  .map(([rest, script]) => ({ ...rest, script }));

const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('register'), spec }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('notify'), name }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('unregister'), label }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('clear') }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('mute'), name }) },
);

function perform(subject, { op, ...what }) {
  if (op === 'register') return subject.register(what.spec);
  if (op === 'unregister') return subject.unregister(what.label);
  if (op === 'clear') return subject.clear();
  if (op === 'notify') return subject.notify(what.name);
  if (subject instanceof Real) return subject.registry.muted(() => subject.notify(what.name));
  subject.mutes++;
  const result = subject.notify(what.name);
  subject.mutes--;
  return result;
}

function compare(model, real) {
  assert.deepEqual(real.log, model.log);
  assert.equal(real.registry.count, model.handlers.length);
  assert.deepEqual(
    real.registry.handlers().map(({ id, failed, priority }) => [real.ids.indexOf(id), failed, priority]),
    model.handlers.map(({ label: number, failed, priority }) => [number, failed, priority]),
  );
  for (const handler of model.everything) {
    assert.equal(real.registry.contains(real.ids[handler.label]), model.isThere(handler));
    if (handler.native) assert.equal(real.counters.get(handler.label).read().events, handler.calls);
  }
  for (const emitted of NAMES.slice(0, 4)) {
    assert.equal(
      real.registry.listenerCount(emitted),
      model.handlers.filter(({ kinds }) => matches(kinds, emitted)).length,
    );
  }
}

describe('a registry does what a naive list does', () => {
  for (const options of [
    { policy: 'isolate', allowStop: false },
    { policy: 'isolate', allowStop: true },
    { policy: 'raise', allowStop: false },
    { policy: 'fail-fast', allowStop: true },
  ]) {
    test(JSON.stringify(options), () => {
      fc.assert(
        fc.property(fc.array(operation, { minLength: 1, maxLength: 40 }), (operations) => {
          const [model, real] = [new Model(options), new Real(options)];
          for (const each of operations) {
            assert.deepEqual(perform(real, each), perform(model, each));
            compare(model, real);
          }
          real.registry.close();
        }),
        { numRuns: 1000 },
      );
    });
  }

  test('ids are unique and never come again', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 100 }), (steps) => {
        const registry = new Registry();
        const seen = new Set();
        let last;
        for (const isRegister of steps) {
          if (isRegister) {
            last = registry.register(() => {});
            assert.equal(seen.has(String(last)), false);
            seen.add(String(last));
          } else if (last !== undefined) {
            registry.unregister(last);
            assert.equal(registry.unregister(last), false);
          }
        }
      }),
    );
  });
});
