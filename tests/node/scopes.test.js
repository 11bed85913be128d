'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { AsyncRegistry, capture, Counter, Registry } = require('tallystick');

const { counts, failing, panics, turn } = require('./helpers');

const dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose');

describe('muted', () => {
  test('handlers are skipped and counted so, also those in C', () => {
    const registry = new Registry();
    const counter = new Counter();
    registry.register(() => assert.fail('is muted'));
    registry.register(counter);
    const result = registry.muted(() => registry.notify());
    assert.deepEqual(counts(result), { fired: 0, failed: 0, skipped: 2 });
    assert.equal(counter.read().events, 0);
    registry.clear();
    registry.register(counter);
    registry.notify();
    assert.equal(counter.read().events, 1);
  });

  test('it nests, and each ends once', () => {
    const registry = new Registry();
    registry.register(() => {});
    const [a, b] = [registry.muted(), registry.muted()];
    assert.equal(registry.stats().mutes, 2);
    a[dispose]();
    a[dispose]();
    assert.equal(registry.notify().fired, 0);
    b[dispose]();
    assert.equal(registry.notify().fired, 1);
  });

  test('it ends with an exception and with a promise', async () => {
    const registry = new Registry();
    registry.register(() => {});
    assert.throws(() => registry.muted(failing('out')), /out/);
    assert.equal(registry.notify().fired, 1);
    const done = registry.muted(async () => {
      await turn();
      return registry.notify().fired;
    });
    assert.equal(registry.notify().fired, 0);
    assert.equal(await done, 0);
    assert.equal(registry.notify().fired, 1);
  });

  test('a registry that gets its part in C while muted is muted there too', () => {
    const registry = new Registry();
    const counter = new Counter();
    registry.muted(() => {
      registry.register(counter);
      registry.notify();
    });
    assert.equal(counter.read().events, 0);
    registry.notify();
    assert.equal(counter.read().events, 1);
  });
});

describe('paused', () => {
  test('events wait and are delivered in order at the end', () => {
    const registry = new Registry();
    const log = [];
    registry.on('*', (event, name) => void log.push([event, name]));
    registry.paused(() => {
      const result = registry.emit('a', 1);
      assert.deepEqual({ ...counts(result), held: result.held }, { fired: 0, failed: 0, skipped: 1, held: true });
      registry.emit('b', 2);
      registry.notify(3);
      assert.equal(registry.stats().held, 3);
      assert.deepEqual(log, []);
    });
    assert.deepEqual(log, [
      [1, 'a'],
      [2, 'b'],
      [3, undefined],
    ]);
    assert.equal(registry.stats().held, 0);
  });

  test('pauses nest: the last one delivers', () => {
    const registry = new Registry();
    let calls = 0;
    registry.register(() => void calls++);
    const [a, b] = [registry.paused(), registry.paused()];
    registry.notify();
    a[dispose]();
    assert.equal(calls, 0);
    b[dispose]();
    b[dispose]();
    assert.equal(calls, 1);
  });

  test('what is held back is bounded', () => {
    const registry = new Registry();
    let calls = 0;
    registry.register(() => void calls++);
    registry.paused(
      () => {
        registry.notify();
        registry.notify();
        assert.throws(() => registry.notify(), { code: 'TALLY_E_LIMIT' });
      },
      { maxHeld: 2 },
    );
    assert.equal(calls, 2);
    assert.throws(() => registry.paused(() => {}, { maxHeld: 0 }), { code: 'TALLY_E_RANGE' });
  });

  test('a paused parent holds its own part back, as often as its children notify', () => {
    const parent = new Registry();
    const child = parent.child();
    const log = [];
    parent.register((event) => void log.push(`parent ${event}`));
    child.register((event) => void log.push(`child ${event}`));
    parent.paused(() => {
      const result = child.notify(1);
      assert.deepEqual({ ...counts(result), held: result.held }, { fired: 1, failed: 0, skipped: 1, held: true });
      child.notify(2);
    });
    assert.deepEqual(log, ['child 1', 'child 2', 'parent 1', 'parent 2']);
  });

  test('closing drops what is held', () => {
    const registry = new Registry();
    registry.register(() => assert.fail('is closed'));
    const pause = registry.paused();
    registry.notify();
    registry.close();
    pause[dispose]();
  });

  test('what a policy throws comes at the end, when all was delivered', () => {
    const registry = new Registry({ policy: 'fail-fast' });
    let calls = 0;
    registry.register(() => {
      calls++;
      throw new Error(`call ${calls}`);
    });
    assert.throws(
      () =>
        registry.paused(() => {
          registry.notify();
          registry.notify();
        }),
      /call 1/,
    );
    assert.equal(calls, 2);
  });

  test('an AsyncRegistry delivers at the end too, and reports failures', async () => {
    const registry = new AsyncRegistry({ policy: 'raise' });
    const failures = panics(registry);
    const log = [];
    registry.register(async (event) => {
      log.push(event);
      if (event === 2) throw new Error('two');
    });
    registry.paused(() => {
      const held = registry.notify(1);
      registry.notify(2).then(() => {});
      return held.then(() => {});
    });
    await turn();
    assert.deepEqual(log, [1, 2]);
    assert.equal(failures.length, 1);
  });
});

describe('connected', () => {
  test('a handler is there as long as a function runs', async () => {
    const registry = new Registry();
    let calls = 0;
    const handler = () => void calls++;
    assert.equal(
      registry.connected(handler, () => registry.notify().fired),
      1,
    );
    assert.equal(registry.count, 0);
    const done = registry.connected(
      handler,
      async () => {
        await turn();
        return registry.emit('a').fired;
      },
      { kinds: 'a' },
    );
    assert.equal(registry.count, 1);
    assert.equal(await done, 1);
    assert.equal(registry.count, 0);
    assert.throws(() => registry.connected(handler, failing('out')), /out/);
    assert.equal(registry.count, 0);
  });

  test('without a function it is a guard', () => {
    const registry = new Registry();
    const guard = registry.connected(() => {}, { priority: 3 });
    assert.equal(registry.handlers()[0].priority, 3);
    guard[dispose]();
    assert.equal(registry.count, 0);
  });

  test('its arguments are checked', () => {
    const registry = new Registry();
    assert.throws(() => registry.connected(5, () => {}), { code: 'TALLY_E_ARGUMENT' });
    assert.throws(() => registry.connected(() => {}, 5), { code: 'TALLY_E_ARGUMENT' });
    assert.throws(() => registry.connected(() => {}, {}, {}), { code: 'TALLY_E_ARGUMENT' });
    assert.throws(() => registry.muted(5), { code: 'TALLY_E_ARGUMENT' });
    assert.throws(() => registry.paused(5), { code: 'TALLY_E_ARGUMENT' });
    assert.equal(registry.count, 0);
    assert.equal(registry.stats().mutes, 0);
  });
});

describe('capture', () => {
  test('records what passes, before all others', () => {
    const registry = new Registry();
    const seen = capture(registry);
    registry.register(() => assert.equal(seen.count, 1), { priority: 2147483647 });
    registry.emit('a', 1);
    seen.clear();
    registry.emit('a', 1);
    seen.clear();
    registry.clear();
    const again = capture(registry);
    registry.emit('order.paid', 1);
    registry.emit('order.shipped', 2);
    registry.notify(3);
    assert.deepEqual(again.events, [1, 2, 3]);
    assert.deepEqual(again.names, ['order.paid', 'order.shipped', undefined]);
    assert.deepEqual(again.of('order.paid'), [1]);
    assert.deepEqual(again.of('order.*'), [1, 2]);
    assert.deepEqual(again.of('*'), [1, 2, 3]);
    assert.equal(again.count, 3);
    assert.equal(again.last, 3);
    again.stop();
    registry.notify(4);
    assert.equal(again.count, 3);
  });

  test('one name or pattern, and async registries', async () => {
    const registry = new AsyncRegistry();
    const exact = capture(registry, 'a.b');
    const pattern = capture(registry, 'a.*');
    await registry.emit('a.b', 1);
    await registry.emit('a.c', 2);
    assert.deepEqual([exact.events, exact.names], [[1], ['a.b']]);
    assert.deepEqual(
      [pattern.events, pattern.names],
      [
        [1, 2],
        ['a.b', 'a.c'],
      ],
    );
    exact[dispose]();
    pattern.stop();
    assert.equal(registry.count, 0);
  });

  test('only of a registry', () => {
    assert.throws(() => capture({}), { code: 'TALLY_E_ARGUMENT' });
    assert.throws(() => capture(new Registry(), 'a*'), { code: 'TALLY_E_NAME' });
  });
});
