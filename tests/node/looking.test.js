'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { inspect } = require('node:util');

const { Registry } = require('tallystick');

const { failing, panics, warningsOf } = require('./helpers');

describe('looking', () => {
  test('handlers lists what is registered, in the order of notify', () => {
    const registry = new Registry();
    const a = registry.register(function named() {}, { priority: 1 });
    const b = registry.register(() => {}, { name: 'own', priority: 2, once: true, kinds: ['x', 'y.*'] });
    assert.deepEqual(registry.handlers(), [
      {
        id: b,
        name: 'own',
        priority: 2,
        once: true,
        kinds: ['x', 'y.*'],
        native: false,
        failed: 0,
        lastError: undefined,
        fired: undefined,
        latencyTotalNs: undefined,
        latencyMaxNs: undefined,
      },
      {
        id: a,
        name: 'named',
        priority: 1,
        once: false,
        kinds: undefined,
        native: false,
        failed: 0,
        lastError: undefined,
        fired: undefined,
        latencyTotalNs: undefined,
        latencyMaxNs: undefined,
      },
    ]);
  });

  test('failed and the last error are exact, and text only', () => {
    const registry = new Registry();
    panics(registry);
    registry.register(() => {
      throw Object.assign(new Error('no file'), { code: 'ENOENT' });
    });
    for (let i = 0; i < 5; i++) registry.notify();
    const [info] = registry.handlers();
    assert.equal(info.failed, 5);
    assert.deepEqual(info.lastError, { message: 'Error: no file', code: 'ENOENT' });
  });

  test('a function with a strange name has no name', () => {
    const registry = new Registry();
    for (const name of ['a\nb', 'ü'.repeat(100), '\ud800', 5, Symbol('x')]) {
      const handler = () => {};
      Object.defineProperty(handler, 'name', { value: name });
      registry.register(handler);
    }
    assert.ok(registry.handlers().every(({ name }) => name === ''));
  });

  test('fired and latency exist only with count, and are then exact', () => {
    const registry = new Registry({ count: true });
    panics(registry);
    registry.register(() => {
      const end = performance.now() + 2;
      while (performance.now() < end);
    });
    registry.register(failing(), { once: true });
    registry.register(() => {}, { kinds: 'a' });
    registry.notify();
    registry.notify();
    registry.emit('a');
    const [slow, never] = registry.handlers();
    assert.equal(slow.fired, 3);
    assert.ok(slow.latencyTotalNs >= 6e6);
    assert.ok(slow.latencyMaxNs >= 2e6 && slow.latencyMaxNs <= slow.latencyTotalNs);
    assert.equal(never.fired, 1);
  });

  test('count and isEmpty follow', () => {
    const registry = new Registry();
    const id = registry.register(() => {});
    assert.deepEqual([registry.count, registry.isEmpty], [1, false]);
    registry.unregister(id);
    assert.deepEqual([registry.count, registry.isEmpty], [0, true]);
  });

  test('stats are numbers about the whole', () => {
    const registry = new Registry();
    registry.register(() => {});
    assert.deepEqual(
      { ...registry.stats() },
      { handlers: 1, unreported: 0, panicsFailed: 0, mutes: 0, held: 0, pending: 0, ring: undefined },
    );
  });

  test('a registry shows what it is', () => {
    const registry = new Registry({ name: 'orders' });
    registry.register(() => {});
    assert.equal(inspect(registry), "Registry 'orders' { 1 handlers }");
    registry.close();
    assert.equal(inspect(registry), "Registry 'orders' { closed }");
  });

  test('it warns of a leak once, at a thousand handlers', async () => {
    const registry = new Registry();
    const ids = [];
    const warnings = await warningsOf(() => {
      for (let i = 0; i < 999; i++) ids.push(registry.register(() => {}));
    });
    assert.deepEqual(warnings, []);
    const later = await warningsOf(() => {
      registry.register(() => {});
      for (const id of ids) registry.unregister(id);
      for (let i = 0; i < 1500; i++) registry.register(() => {});
    });
    assert.deepEqual(
      later.map(({ name, code }) => [name, code]),
      [['TallyLeakWarning', 'TALLY_W_LEAK']],
    );
  });
});

describe('results', () => {
  test('fired and skipped add up to the handlers of the snapshot', () => {
    const registry = new Registry();
    panics(registry);
    registry.register(failing());
    registry.register(() => void registry.clear(), { kinds: 'a' });
    registry.register(() => {}, { once: true });
    registry.register(() => {}, { kinds: 'b' });
    const { fired, failed, skipped } = registry.emit('a');
    assert.deepEqual([fired, failed, skipped], [2, 1, 2]);
  });

  test('a result is frozen, and the same object while nothing unusual happens', () => {
    const registry = new Registry();
    registry.register(() => {});
    const result = registry.notify();
    assert.ok(Object.isFrozen(result));
    assert.equal(registry.notify(), result);
  });

  test('collect says what each handler returned or threw', () => {
    const registry = new Registry();
    const failures = panics(registry);
    const error = new Error('x');
    const a = registry.register(() => 5);
    const b = registry.register(() => {
      throw error;
    });
    const c = registry.register(() => undefined, { kinds: 'k' });
    registry.register(() => 7, { kinds: 'other' });
    assert.deepEqual(registry.collect(1, { kind: 'k' }), [
      { id: a, ok: true, value: 5 },
      { id: b, ok: false, error },
      { id: c, ok: true, value: undefined },
    ]);
    assert.equal(failures.length, 1);
  });

  test('collect throws nothing under the other policies', () => {
    const registry = new Registry({ policy: 'raise' });
    registry.register(failing());
    registry.register(() => 2);
    assert.deepEqual(
      registry.collect(1).map(({ ok }) => ok),
      [false, true],
    );
    const fast = new Registry({ policy: 'fail-fast' });
    fast.register(failing());
    fast.register(() => 2);
    assert.deepEqual(
      fast.collect(1).map(({ ok }) => ok),
      [false],
    );
  });

  test('collect hands out promises as they are', async () => {
    const registry = new Registry();
    registry.register(async () => 'later');
    const [{ value }] = registry.collect(1);
    assert.equal(await value, 'later');
  });
});
