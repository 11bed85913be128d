'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { inspect } = require('node:util');

const { HandlerId, Registry } = require('tallystick');

describe('ids', () => {
  test('ids are opaque and frozen', () => {
    const id = new Registry().register(() => {});
    assert.ok(id instanceof HandlerId);
    assert.ok(Object.isFrozen(id));
    assert.deepEqual(Object.keys(id), []);
    assert.match(String(id), /^HandlerId\(\d+\.\d+\)$/);
    assert.equal(inspect(id), String(id));
  });

  test('ids cannot be made', () => {
    assert.throws(() => new HandlerId(), { code: 'TALLY_E_ARGUMENT' });
    const forged = Object.create(HandlerId.prototype);
    assert.throws(() => new Registry().contains(forged), { code: 'TALLY_E_ARGUMENT' });
    assert.equal(new Registry().unregister(forged), false);
  });

  test('ids never come again, not after clear and not in another registry', () => {
    const seen = new Set();
    for (let r = 0; r < 10; r++) {
      const registry = new Registry();
      for (let i = 0; i < 100; i++) {
        seen.add(String(registry.register(() => {})));
        if (i % 10 === 0) registry.clear();
      }
    }
    assert.equal(seen.size, 1000);
  });

  test('the id of another registry is foreign, whether or not it is registered there', () => {
    const [a, b] = [new Registry(), new Registry()];
    const id = a.register(() => {});
    b.register(() => {});
    for (const use of ['unregister', 'contains']) assert.throws(() => b[use](id), { code: 'TALLY_E_FOREIGN' });
    assert.equal(a.unregister(id), true);
    assert.throws(() => b.unregister(id), { code: 'TALLY_E_FOREIGN' });
    assert.equal(b.count, 1);
  });

  test('a used id is false', () => {
    const registry = new Registry();
    const id = registry.register(() => {});
    assert.equal(registry.contains(id), true);
    assert.equal(registry.unregister(id), true);
    assert.equal(registry.unregister(id), false);
    assert.equal(registry.contains(id), false);
    registry.register(() => {});
    assert.equal(registry.contains(id), false);
  });

  test('a function removes itself when it is registered exactly once', () => {
    const registry = new Registry();
    const handler = () => {};
    assert.equal(registry.unregister(handler), false);
    registry.register(handler);
    assert.equal(registry.unregister(handler), true);
    const [first] = [registry.register(handler), registry.register(handler)];
    assert.throws(() => registry.unregister(handler), { code: 'TALLY_E_EXISTS' });
    assert.equal(registry.count, 2);
    registry.unregister(first);
    assert.equal(registry.unregister(handler), true);
  });

  test('removing a sibling leaves the others', () => {
    const registry = new Registry();
    const log = [];
    const ids = ['a', 'b', 'c'].map((mark) => registry.register(() => void log.push(mark)));
    registry.unregister(ids[1]);
    registry.notify();
    assert.deepEqual(log, ['a', 'c']);
  });

  test('clear removes all and says how many', () => {
    const registry = new Registry();
    const ids = Array.from({ length: 20 }, () => registry.register(() => {}));
    assert.equal(registry.clear(), 20);
    assert.equal(registry.clear(), 0);
    assert.equal(registry.count, 0);
    assert.ok(ids.every((id) => !registry.contains(id)));
  });

  test('a registry is reusable after a thousand registrations and removals', () => {
    const registry = new Registry();
    for (let i = 0; i < 1000; i++) assert.equal(registry.unregister(registry.register(() => {})), true);
    registry.register(() => {});
    assert.equal(registry.notify().fired, 1);
  });
});
