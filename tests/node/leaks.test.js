'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { runGood } = require('./helpers');

// Each is a process of its own. It does something many times, in rounds, and prints what is left: exact
// counts of objects, not bytes, wherever objects can be counted.

const prelude = `
  const { AsyncRegistry, Registry, Counter, Mask, Ring, capi, capture } = require('tallystick');
  const addon = require('./tests/node/addon/build').addon();
  const settle = async () => { for (let i = 0; i < 5; i++) { gc(); await new Promise((r) => setImmediate(r)); } };
  let collected = 0;
  const watcher = new FinalizationRegistry(() => collected++);
  const watched = (object) => { watcher.register(object); return object; };
  // Rounds in a function of their own: a variable of the last round would hold its object.
  const times = async (count, round) => { for (let i = 0; i < count; i++) await round(i); };
  const say = (...what) => console.log(JSON.stringify(what));`;

function script(body) {
  return runGood(`${prelude} (async () => { ${body} })();`, ['--expose-gc']).then((text) => JSON.parse(text));
}

describe('nothing is left', () => {
  test('of handlers that were removed', async () => {
    assert.deepEqual(
      await script(`
        const registry = new Registry();
        await times(10000, (i) => {
          const id = registry.register(watched(() => {}));
          if (i % 100 === 0) registry.notify();
          registry.unregister(id);
        });
        await settle();
        say(collected, registry.count);`),
      [10000, 0],
    );
  });

  test('of handlers that were cleared, once, aborted, muted and disposed', async () => {
    assert.deepEqual(
      await script(`
        const registry = new Registry();
        await times(1000, async (i) => {
          const controller = new AbortController();
          registry.on('a', watched(() => {}), { signal: controller.signal });
          controller.abort();
          registry.once('a', watched(() => {}));
          registry.emit('a');
          registry.guard(watched(() => {}))();
          registry.connected(watched(() => {}), () => {});
          registry.register(watched(() => {}));
          if (i % 10 === 0) registry.clear();
        });
        registry.clear();
        await settle();
        say(collected);`),
      [5000],
    );
  });

  test('of handlers removed while they run', async () => {
    assert.deepEqual(
      await script(`
        const registry = new Registry();
        await times(1000, async (i) => {
          const id = registry.register(watched(() => void registry.unregister(id)));
          registry.notify();
        });
        registry.register(() => {});
        registry.notify();
        await settle();
        say(collected);`),
      [1000],
    );
  });

  test('of registries that were dropped open, and of what they hold', async () => {
    assert.deepEqual(
      await script(`
        await times(500, async (i) => {
          const registry = watched(new Registry());
          registry.register(watched(() => registry));
          registry.emit('a');
          registry.child().register(() => {});
        });
        await settle();
        say(collected);`),
      [1000],
    );
  });

  test('of an event after it was notified', async () => {
    assert.deepEqual(
      await script(`
        const registry = new Registry();
        registry.register(() => {});
        for (let i = 0; i < 1000; i++) registry.notify(watched({}));
        await settle();
        say(collected);`),
      [1000],
    );
  });

  test('of registries with a part in C', async () => {
    assert.deepEqual(
      await script(`
        await times(300, async (i) => {
          const registry = watched(new Registry());
          registry.register(watched(new Counter()));
          registry.register(watched(() => {}));
          registry.notify(Buffer.from('abc'));
          if (i % 3 === 0) registry.handle();
          if (i % 3 === 0 || i % 2 === 0) registry.close();
        });
        for (let i = 0; i < 10 && collected < 900; i++) await settle();
        say(collected);`),
      [900],
    );
  });

  test('of native handlers of other addons', async () => {
    assert.deepEqual(
      await script(`
        for (let round = 0; round < 3; round++) {
          await times(200, async (i) => {
            const registry = new Registry();
            const handler = addon.probe(capi(), 0, '', true, 0);
            const id = registry.register(handler);
            registry.register(handler);
            registry.notify(Buffer.from('abc'));
            if (i % 3 === 0) registry.clear();
            else if (i % 3 === 1) registry.close();
            else registry.unregister(id);
          });
          await settle();
        }
        for (let i = 0; i < 10 && addon.gone()[1] < 600; i++) await settle();
        say(...addon.gone());`),
      [600, 600],
    );
  });

  test('of masks, rings and counters', async () => {
    assert.deepEqual(
      await script(`
        await times(500, async (i) => {
          const mask = watched(new Mask({ mask: 1, handler: new Mask({ mask: 1, handler: watched(new Counter()) }) }));
          const ring = watched(new Ring({ slots: 16 }));
          if (i % 2) { mask.close(); ring.close(); }
        });
        for (let i = 0; i < 10 && collected < 1500; i++) await settle();
        say(collected);`),
      [1500],
    );
  });

  test('of waiting, iterating and capturing', async () => {
    assert.deepEqual(
      await script(`
        const registry = new Registry();
        const { signal } = new AbortController();
        await times(500, async (i) => {
          const wait = watched(registry.waitFor('a', { signal, timeoutMs: 100000 }));
          const iterator = watched(registry.events('a', { signal }));
          const seen = watched(capture(registry));
          registry.emit('a', i);
          await wait;
          await iterator.return();
          seen.stop();
        });
        await settle();
        say(collected, registry.count);`),
      [1500, 0],
    );
  });

  test('of notifies of an AsyncRegistry, also cancelled ones', async () => {
    assert.deepEqual(
      await script(`
        const registry = new AsyncRegistry();
        const { signal } = new AbortController();
        registry.register(async () => {});
        registry.register((_event, context) => void context.signal);
        await times(500, async (i) => {
          const notification = watched(registry.notify(i, { signal, timeoutMs: 100000 }));
          await notification;
        });
        await settle();
        say(collected, registry.stats().pending);`),
      [500, 0],
    );
  });

  test('of native memory, round after round', async () => {
    const [growth] = await script(`
      const round = async () => {
        await times(300, async (i) => {
          const registry = new Registry({ ring: { slots: 256, slotBytes: 256 } });
          registry.register(new Counter());
          registry.register(() => {});
          const producer = addon.start(capi(), registry.handle(), '', 20, 16, false);
          while (!addon.state(producer)[0]);
          await new Promise((r) => setImmediate(r));
          registry.close();
        });
        await settle();
      };
      for (let i = 0; i < 3; i++) await round();
      const before = process.memoryUsage().rss;
      for (let i = 0; i < 6; i++) await round();
      say((process.memoryUsage().rss - before) / 1e6);`);
    // A leak of the rings alone would be 350 MB; pages that the allocator keeps come and go.
    assert.ok(growth < 100, `grew by ${growth} MB over 1800 registries of 200 KB each`);
  });
});
