'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { Registry } = require('tallystick');

const { marker } = require('./helpers');

const dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose');
const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

describe('guards', () => {
  test('calling one unregisters, once, and never calls the handler', () => {
    const registry = new Registry();
    const guard = registry.guard(() => assert.fail('must not run'));
    assert.equal(registry.contains(guard.id), true);
    assert.equal(guard(), true);
    assert.equal(guard(), false);
    assert.equal(registry.contains(guard.id), false);
  });

  test('on and once return a guard', () => {
    const registry = new Registry();
    const [a, b] = [registry.on('a', () => {}), registry.once('a', () => {})];
    assert.equal(registry.count, 2);
    a();
    b();
    assert.equal(registry.count, 0);
  });

  test('disposing unregisters', async () => {
    const registry = new Registry();
    registry.guard(() => {})[dispose]();
    assert.equal(registry.count, 0);
    await registry.guard(() => {})[asyncDispose]();
    assert.equal(registry.count, 0);
  });

  test('forget keeps the handler', () => {
    const registry = new Registry();
    const guard = registry.guard(() => {});
    const id = guard.forget();
    assert.equal(guard(), false);
    guard[dispose]();
    assert.equal(registry.contains(id), true);
    assert.equal(registry.unregister(id), true);
  });

  test('priority is honoured', () => {
    const registry = new Registry();
    const log = [];
    const mark = marker(log);
    registry.guard(mark('low'), { priority: -1 });
    registry.guard(mark('high'), { priority: 1 });
    registry.notify();
    assert.deepEqual(log, ['high', 'low']);
  });

  test('three guards go in any order', () => {
    const registry = new Registry();
    const guards = [1, 2, 3].map(() => registry.guard(() => {}));
    guards[1]();
    assert.equal(registry.count, 2);
    guards[2]();
    guards[0]();
    assert.equal(registry.count, 0);
  });

  test('one that outlives its registry, or its handler, is harmless', () => {
    const registry = new Registry();
    const [a, b] = [registry.guard(() => {}), registry.guard(() => {})];
    registry.unregister(a.id);
    assert.equal(a(), false);
    registry.close();
    assert.equal(b(), false);
    b[dispose]();
  });

  test('one used during a notify skips its handler', () => {
    const registry = new Registry();
    registry.register(() => void guard());
    const guard = registry.guard(() => assert.fail('must not run'));
    assert.equal(registry.notify().skipped, 1);
  });
});

describe('signals', () => {
  test('abort unregisters', () => {
    const registry = new Registry();
    const controller = new AbortController();
    const id = registry.register(() => {}, { signal: controller.signal });
    registry.on('a', () => {}, { signal: controller.signal });
    registry.register(() => {});
    controller.abort();
    assert.equal(registry.contains(id), false);
    assert.equal(registry.count, 1);
  });

  test('a signal that is already aborted registers nothing', () => {
    const registry = new Registry();
    const guard = registry.on('a', () => {}, { signal: AbortSignal.abort() });
    assert.equal(registry.count, 0);
    assert.equal(registry.contains(guard.id), false);
    assert.equal(guard(), false);
  });

  test('a handler that is gone leaves nothing behind on the signal', () => {
    const registry = new Registry();
    const listeners = new Set();
    const signal = {
      aborted: false,
      addEventListener: (_type, listener) => listeners.add(listener),
      removeEventListener: (_type, listener) => listeners.delete(listener),
    };
    const id = registry.register(() => {}, { signal });
    registry.register(() => {}, { signal, once: true });
    registry.register(() => {}, { signal });
    assert.equal(listeners.size, 3);
    registry.unregister(id);
    registry.notify();
    registry.clear();
    assert.equal(listeners.size, 0);
  });

  test('abort inside a notify skips the handlers', () => {
    const registry = new Registry();
    const controller = new AbortController();
    registry.register(() => controller.abort());
    registry.register(() => assert.fail('must not run'), { signal: controller.signal });
    assert.equal(registry.notify().skipped, 1);
  });
});

describe('registries are disposable', () => {
  test('by symbol', async () => {
    const [a, b] = [new Registry(), new Registry()];
    a[dispose]();
    await b[asyncDispose]();
    assert.ok(a.closed && b.closed);
  });
});
