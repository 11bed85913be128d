'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { Registry } = require('tallystick');

const { marker } = require('./helpers');

describe('order', () => {
  test('a new registry is empty', () => {
    const registry = new Registry();
    assert.equal(registry.count, 0);
    assert.equal(registry.isEmpty, true);
    assert.deepEqual(
      { ...registry.notify('x') },
      {
        fired: 0,
        failed: 0,
        skipped: 0,
        stopped: false,
        orphaned: false,
        held: false,
      },
    );
  });

  test('a handler gets the event itself', () => {
    const registry = new Registry();
    const event = { id: 1 };
    let seen;
    registry.register((given) => {
      seen = given;
    });
    registry.notify(event);
    assert.equal(seen, event);
  });

  test('a handler runs with this undefined and no second argument', () => {
    const registry = new Registry();
    let seen;
    registry.register(function (...args) {
      seen = [this, ...args];
    });
    registry.notify(1);
    assert.deepEqual(seen, [undefined, 1]);
  });

  test('higher priority runs first, over the whole range', () => {
    const registry = new Registry();
    const log = [];
    const mark = marker(log);
    for (const priority of [0, 10, -5, 2147483647, -2147483648]) registry.register(mark(priority), { priority });
    registry.notify();
    assert.deepEqual(log, [2147483647, 10, 0, -5, -2147483648]);
  });

  test('equal priority runs in the order of registration, also after removals', () => {
    const registry = new Registry();
    const log = [];
    const mark = marker(log);
    const ids = [];
    for (let i = 0; i < 20; i++) ids.push(registry.register(mark(i), { priority: i % 2 }));
    registry.unregister(ids[3]);
    registry.unregister(ids[4]);
    registry.register(mark('late'), { priority: 1 });
    registry.notify();
    assert.deepEqual(log, [1, 5, 7, 9, 11, 13, 15, 17, 19, 'late', 0, 2, 6, 8, 10, 12, 14, 16, 18]);
  });

  test('the same function twice is two handlers', () => {
    const registry = new Registry();
    let calls = 0;
    const handler = () => {
      calls++;
    };
    assert.notEqual(registry.register(handler), registry.register(handler));
    assert.equal(registry.notify().fired, 2);
    assert.equal(calls, 2);
  });

  for (const size of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 17, 100]) {
    test(`${size} handlers run once each, in order`, () => {
      const registry = new Registry();
      const log = [];
      const mark = marker(log);
      for (let i = 0; i < size; i++) registry.register(mark(i));
      assert.equal(registry.notify().fired, size);
      assert.equal(registry.notify().fired, size);
      const once = Array.from({ length: size }, (_, i) => i);
      assert.deepEqual(log, [...once, ...once]);
    });
  }

  test('two registries know nothing of each other', () => {
    const [a, b] = [new Registry(), new Registry()];
    const log = [];
    a.register(() => log.push('a') && undefined);
    b.register(() => log.push('b') && undefined);
    a.notify();
    assert.deepEqual(log, ['a']);
  });
});
