'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { DepthError, Registry } = require('tallystick');

const { counts, marker, panics } = require('./helpers');

// Each case once with a list of fixed arity and once with one that is looped over.
for (const extra of [0, 20]) {
  const fill = (registry) => {
    for (let i = 0; i < extra; i++) registry.register(() => {}, { priority: -100 });
  };

  describe(`snapshots, ${extra} more handlers`, () => {
    test('a handler registered meanwhile waits for the next notify', () => {
      const registry = new Registry();
      const log = [];
      fill(registry);
      registry.register(() => {
        log.push('first');
        if (log.length === 1) registry.register(() => void log.push('new'), { priority: -1 });
      });
      assert.equal(registry.notify().fired, 1 + extra);
      assert.deepEqual(log, ['first']);
      registry.notify();
      assert.deepEqual(log, ['first', 'first', 'new']);
    });

    test('a handler removed meanwhile is skipped if it has not started', () => {
      const registry = new Registry();
      const log = [];
      const mark = marker(log);
      fill(registry);
      registry.register(mark('a'));
      registry.register(() => {
        log.push('b');
        registry.unregister(c);
      });
      const c = registry.register(mark('c'));
      registry.register(mark('d'));
      assert.deepEqual(counts(registry.notify()), { fired: 3 + extra, failed: 0, skipped: 1 });
      assert.deepEqual(log, ['a', 'b', 'd']);
      assert.deepEqual(counts(registry.notify()), { fired: 3 + extra, failed: 0, skipped: 0 });
    });

    test('a handler that removes itself finishes and is gone', () => {
      const registry = new Registry();
      const log = [];
      fill(registry);
      const id = registry.register(() => {
        registry.unregister(id);
        log.push('still here');
      });
      registry.register(() => void log.push('after'));
      assert.deepEqual(counts(registry.notify()), { fired: 2 + extra, failed: 0, skipped: 0 });
      registry.notify();
      assert.deepEqual(log, ['still here', 'after', 'after']);
    });

    test('clear inside a handler skips the rest', () => {
      const registry = new Registry();
      fill(registry);
      registry.register(() => void registry.clear());
      registry.register(() => assert.fail('was cleared'));
      assert.deepEqual(counts(registry.notify()), { fired: 1, failed: 0, skipped: 1 + extra });
      assert.equal(registry.count, 0);
    });

    test('close inside a handler skips the rest and returns', () => {
      const registry = new Registry();
      fill(registry);
      let after = false;
      registry.register(() => {
        registry.close();
        after = true;
      });
      registry.register(() => assert.fail('was closed'));
      assert.deepEqual(counts(registry.notify()), { fired: 1, failed: 0, skipped: 1 + extra });
      assert.equal(after, true);
      assert.throws(() => registry.notify(), { code: 'TALLY_E_CLOSED' });
    });

    test('a nested notify sees the newest list', () => {
      const registry = new Registry();
      const log = [];
      let depth = 0;
      fill(registry);
      registry.register(() => {
        log.push(`A${depth}`);
        if (depth > 0) return;
        registry.register(() => void log.push(`N${depth}`), { priority: -1 });
        depth++;
        registry.notify();
        depth--;
      });
      registry.register(() => void log.push(`B${depth}`));
      registry.notify();
      assert.deepEqual(log, ['A0', 'A1', 'B1', 'N1', 'B0']);
    });

    test('a removal inside a nested notify reaches the outer one', () => {
      const registry = new Registry();
      const log = [];
      let nested = false;
      fill(registry);
      registry.register(() => {
        if (nested) {
          registry.unregister(last);
          return;
        }
        nested = true;
        registry.notify();
      });
      const last = registry.register(() => void log.push('last'));
      assert.deepEqual(counts(registry.notify()), { fired: 1 + extra, failed: 0, skipped: 1 });
      assert.deepEqual(log, []);
    });

    test('removal of one name reaches the running list of another', () => {
      const registry = new Registry();
      const log = [];
      fill(registry);
      registry.on('a', () => void registry.emit('b'), { priority: 9 });
      const all = registry.on('*', (_e, name) => void log.push(name));
      registry.on('b', () => void all(), { priority: 9 });
      registry.emit('a');
      assert.deepEqual(log, []);
    });
  });
}

describe('nesting', () => {
  test('notify nests 64 deep over all registries, then refuses', () => {
    const registries = Array.from({ length: 4 }, () => new Registry());
    const failures = panics(registries[3]);
    let depth = 0;
    registries.forEach((registry, i) =>
      registry.register(() => {
        depth++;
        registries[(i + 1) % 4].notify();
      }),
    );
    registries[0].notify();
    assert.equal(depth, 64);
    assert.equal(failures.length, 1);
    assert.ok(failures[0].error instanceof DepthError);
    assert.equal(failures[0].error.code, 'TALLY_E_DEPTH');
  });

  test('after a refusal the depth is what it was', () => {
    const registry = new Registry();
    panics(registry);
    let calls = 0;
    registry.register(() => {
      calls++;
      registry.notify();
    });
    registry.notify();
    registry.notify();
    assert.equal(calls, 128);
  });

  test('a stack that overflows inside handlers leaves the depth as it was', () => {
    const registry = new Registry();
    panics(registry);
    const dig = (n) => dig(n + 1) + 1;
    registry.register(() => dig(0));
    for (let i = 0; i < 100; i++) assert.equal(registry.notify().failed, 1);
  });

  test('handlers of different registries may register in each other', () => {
    const [a, b] = [new Registry(), new Registry()];
    let calls = 0;
    a.register(() => {
      if (b.isEmpty) b.register(() => void calls++);
      b.notify();
    });
    a.notify();
    a.notify();
    assert.equal(calls, 2);
  });
});
