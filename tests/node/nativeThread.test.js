'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { AsyncRegistry, capi, Counter, Registry, STOP } = require('tallystick');

const { addon: load } = require('./addon/build');
const { panics, runGood, sleep, until } = require('./helpers');

const addon = load();

/** Notifies from a native thread: as many events as said, each beginning with its number. */
function start(registry, { kind = '', events = 1, length = 8, slow = false } = {}) {
  return addon.start(capi(), registry.handle(), kind, events, length, slow);
}

async function finished(producer) {
  await until(() => addon.state(producer)[0], 'the end of the thread');
  const [, status, fired, failed] = addon.state(producer);
  return { status, fired, failed };
}

function number(event) {
  return event.readUInt32LE(0);
}

describe('events of a native thread', () => {
  test('run handlers in C there, and those in JavaScript later, in priority order', async () => {
    const registry = new Registry();
    const counter = new Counter();
    const log = [];
    registry.register((event) => void log.push(`low ${number(event)}`), { priority: -1 });
    registry.register((event) => void log.push(`high ${number(event)}`), { priority: 1 });
    registry.register(counter);
    assert.deepEqual(await finished(start(registry, { events: 2 })), { status: 0, fired: 4, failed: 0 });
    assert.equal(counter.read().events, 2);
    await until(() => log.length === 4);
    assert.deepEqual(log, ['high 0', 'low 0', 'high 1', 'low 1']);
  });

  test('a handler gets a copy that it may keep', async () => {
    const registry = new Registry();
    const seen = [];
    registry.register((event) => void seen.push(event));
    await finished(start(registry, { events: 3000, length: 12, slow: true }));
    await until(() => seen.length === 3000);
    assert.ok(seen.every((event, i) => Buffer.isBuffer(event) && event.length === 12 && number(event) === i));
  });

  test('they carry their name', async () => {
    const registry = new Registry();
    const log = [];
    registry.on('sensor.one', (...args) => void log.push(['exact', args.length]));
    registry.on('sensor.*', (_event, name) => void log.push(['pattern', name]));
    registry.on('other', () => assert.fail('another name'));
    registry.register((_event, name) => void log.push(['all', name]));
    start(registry, { kind: 'sensor.one' });
    await until(() => log.length === 3);
    assert.deepEqual(log, [
      ['exact', 1],
      ['pattern', 'sensor.one'],
      ['all', 'sensor.one'],
    ]);
  });

  test('they arrive in batches, in order, and nothing is lost while there is room', async () => {
    const registry = new Registry({ ring: { slots: 65536, slotBytes: 16 } });
    const sizes = [];
    let next = 0;
    registry.register(
      (batch) => {
        sizes.push(batch.length);
        const view = new DataView(batch.bytes.buffer, batch.bytes.byteOffset);
        for (let i = 0; i < batch.length; i++) assert.equal(view.getUint32(batch.offsets[i], true), next++);
      },
      { batch: true },
    );
    const { status, fired } = await finished(start(registry, { events: 50000, length: 12 }));
    assert.deepEqual([status, fired], [0, 50000]);
    await until(() => next === 50000);
    assert.ok(sizes.length < 5000, `${sizes.length} batches`);
    assert.deepEqual({ ...registry.stats().ring }, { pushed: 50000, drained: 50000, droppedFull: 0, droppedLong: 0 });
  });

  test('what is too long or finds no room is dropped and counted', async () => {
    const registry = new Registry({ ring: { slots: 16, slotBytes: 16 } });
    const seen = [];
    registry.register((event) => void seen.push(number(event)));
    assert.equal((await finished(start(registry, { events: 5, length: 17 }))).fired, 5);
    const producer = start(registry, { events: 1000, length: 4 });
    const end = Date.now() + 200;
    while (!addon.state(producer)[0] && Date.now() < end);
    await finished(producer);
    await until(() => {
      const { pushed, drained } = registry.stats().ring;
      return pushed === drained;
    });
    const { pushed, droppedFull, droppedLong } = registry.stats().ring;
    assert.equal(droppedLong, 5);
    assert.equal(pushed + droppedFull, 1000);
    assert.ok(droppedFull > 0);
    await until(() => seen.length === pushed);
    assert.deepEqual(
      seen,
      [...seen].sort((a, b) => a - b),
    );
  });

  test('a batch is views of memory, and has what a handler needs', async () => {
    const registry = new Registry();
    let seen;
    registry.on(
      'a.*',
      (batch) => {
        seen = {
          length: batch.length,
          first: Buffer.from(batch.at(0)),
          last: number(batch.at(-1)),
          none: batch.at(batch.length),
          kind: batch.kindAt(0),
          kinds: batch.kindAt(99),
          all: [...batch].map(number),
          aligned: batch.offsets[batch.length - 1] % 8,
          lengths: batch.lengths[0],
          isView: batch.at(0).buffer === batch.bytes.buffer,
        };
      },
      { batch: true },
    );
    start(registry, { kind: 'a.b', events: 1, length: 5 });
    await until(() => seen !== undefined);
    assert.deepEqual(seen, {
      length: 1,
      first: Buffer.from([0, 0, 0, 0, 0]),
      last: 0,
      none: undefined,
      kind: 'a.b',
      kinds: undefined,
      all: [0],
      aligned: 0,
      lengths: 5,
      isView: true,
    });
  });

  test('each event reaches the handlers in their order, batch handlers among them', async () => {
    const registry = new Registry();
    const log = [];
    const counts = { high: 0, batch: 0, low: 0 };
    registry.register(
      (event) => {
        assert.equal(number(event), counts.high++);
      },
      { priority: 1 },
    );
    registry.register(
      (batch) => {
        for (const event of batch) assert.equal(number(event), counts.batch++);
        assert.ok(counts.batch <= counts.high);
        log.push(batch.length);
      },
      { batch: true },
    );
    registry.register(
      () => {
        counts.low++;
        assert.ok(counts.low <= counts.batch);
      },
      { priority: -1 },
    );
    const failures = panics(registry);
    start(registry, { events: 1000, slow: true });
    await until(() => counts.low === 1000);
    assert.deepEqual(failures, []);
    assert.deepEqual(counts, { high: 1000, batch: 1000, low: 1000 });
  });

  test('a batch handler gets only what its filter lets through', async () => {
    const registry = new Registry();
    let got = 0;
    registry.register((batch) => void (got += batch.length), { batch: true, kinds: ['b', 'c.*'] });
    let all = 0;
    registry.register(() => void all++);
    for (const kind of ['a', 'b', 'c.d']) start(registry, { kind, events: 10 });
    await until(() => all === 30);
    assert.equal(got, 20);
  });

  test('an event of this thread is a batch of one', () => {
    const registry = new Registry();
    const seen = [];
    const handler = (batch) => {
      seen.push([batch.length, batch.at(0), batch.kindAt(0), [...batch], batch.bytes?.length, batch.lengths[0]]);
    };
    registry.register(handler, { batch: true });
    registry.emit('a', { x: 1 });
    const bytes = Buffer.from('abc');
    registry.notify(bytes);
    assert.deepEqual(seen, [
      [1, { x: 1 }, 'a', [{ x: 1 }], undefined, 0],
      [1, bytes, undefined, [bytes], 3, 3],
    ]);
  });

  test('memory that a batch handler transfers away is replaced', async () => {
    const registry = new Registry();
    let got = 0;
    registry.register(
      (batch) => {
        got += batch.length;
        structuredClone(batch.bytes, { transfer: [batch.bytes.buffer] });
        structuredClone(batch.offsets, { transfer: [batch.offsets.buffer] });
      },
      { batch: true },
    );
    start(registry, { events: 2000, slow: true });
    await until(() => got === 2000);
  });

  test('failures of JavaScript handlers are reported, under every policy', async () => {
    for (const policy of ['isolate', 'raise', 'fail-fast']) {
      const registry = new Registry({ policy });
      const failures = panics(registry);
      let after = 0;
      registry.register((event) => {
        throw new Error(`event ${number(event)}`);
      });
      registry.register(() => void after++);
      start(registry, { kind: 'a', events: 2 });
      await until(() => after === 2);
      assert.deepEqual(
        failures.map(({ message, kind }) => [message, kind]),
        [
          ['Error: event 0', 'a'],
          ['Error: event 1', 'a'],
        ],
      );
    }
  });

  test('failures of handlers in C there are reported here', async () => {
    const registry = new Registry();
    const failures = panics(registry);
    const id = registry.register(addon.probe(capi(), -5, 'over there', false, 0), { name: 'probe' });
    assert.deepEqual(await finished(start(registry, { kind: 'a' })), { status: 0, fired: 2, failed: 1 });
    await until(() => failures.length === 1);
    const { name, code, kind, error } = failures[0];
    assert.equal(failures[0].id, id);
    assert.deepEqual([name, code, kind, error.message], ['probe', -5, 'a', 'over there']);
    assert.equal(registry.handlers()[0].failed, 1);
  });

  test('once, stop and removal hold', async () => {
    const registry = new Registry({ allowStop: true });
    const log = [];
    registry.register((event) => void log.push(`once ${number(event)}`), { once: true, priority: 3 });
    registry.register((event) => (number(event) === 1 ? STOP : undefined), { priority: 2 });
    const id = registry.register(
      (event) => {
        log.push(`removed ${number(event)}`);
        if (number(event) === 2) registry.unregister(id);
      },
      { priority: 1 },
    );
    let last = -1;
    registry.register((event) => {
      last = number(event);
    });
    start(registry, { events: 5 });
    await until(() => last === 4);
    assert.deepEqual(log, ['once 0', 'removed 0', 'removed 2']);
  });

  test('a handler registered by one event sees the next', async () => {
    const registry = new Registry();
    const log = [];
    registry.register((event) => {
      if (number(event) === 0) registry.register((later) => void log.push(number(later)), { priority: -1 });
    });
    start(registry, { events: 3 });
    await until(() => log.length === 2);
    assert.deepEqual(log, [1, 2]);
  });

  test('a muted registry skips all of them; a paused one holds those of JavaScript back', async () => {
    const registry = new Registry();
    const counter = new Counter();
    const seen = [];
    registry.register(counter);
    registry.register((event) => void seen.push(number(event)));
    await registry.muted(async () => {
      assert.equal((await finished(start(registry))).fired, 0);
      await sleep(5);
    });
    await registry.paused(async () => {
      await finished(start(registry, { events: 3 }));
      await until(() => registry.stats().held === 3);
      assert.deepEqual(seen, []);
      assert.equal(counter.read().events, 3);
    });
    assert.deepEqual(seen, [0, 1, 2]);
  });

  test('a parent hears the events of its child', async () => {
    const parent = new Registry();
    const child = parent.child();
    const log = [];
    parent.handle();
    parent.register(() => void log.push('parent'));
    child.register(() => void log.push('child'));
    start(child);
    await until(() => log.length === 2);
    assert.deepEqual(log.sort(), ['child', 'parent']);
  });

  test('an AsyncRegistry hears them too', async () => {
    const registry = new AsyncRegistry();
    const failures = panics(registry);
    const log = [];
    registry.on('a', async (event, { name }) => {
      log.push([number(event), name]);
      throw new Error('later');
    });
    registry.register((batch) => void log.push(batch.length), { batch: true, priority: -1 });
    start(registry, { kind: 'a' });
    await until(() => failures.length === 1);
    assert.deepEqual(log, [[0, 'a'], 1]);
  });

  test('many threads at once', async () => {
    const registry = new Registry({ ring: { slots: 131072 } });
    const counter = new Counter();
    let got = 0;
    registry.register(counter);
    registry.register((batch) => void (got += batch.length), { batch: true });
    const producers = Array.from({ length: 4 }, () => start(registry, { events: 20000, slow: true }));
    for (const producer of producers) assert.equal((await finished(producer)).fired, 40000);
    assert.equal(counter.read().events, 80000);
    await until(() => got === 80000);
  });

  test('a registry that is closed while a thread notifies ends that thread, not the process', async () => {
    for (let round = 0; round < 20; round++) {
      const registry = new Registry();
      registry.register(() => {});
      registry.register(new Counter());
      const producer = start(registry, { events: 4294967295, length: 8 });
      await sleep(round % 3);
      registry.close();
      assert.equal((await finished(producer)).status, -5);
    }
  });

  test('handlers come and go while a thread notifies', async () => {
    const registry = new Registry();
    const producer = start(registry, { events: 4294967295, length: 8 });
    const counters = Array.from({ length: 4 }, () => new Counter());
    for (let i = 0; i < 2000; i++) {
      const id = registry.register(counters[i % 4], { once: i % 3 === 0 });
      registry.notify(Buffer.alloc(4));
      registry.unregister(id);
      if (i % 50 === 0) await sleep(0);
    }
    addon.stop(producer);
    assert.equal((await finished(producer)).status, 0);
    assert.ok(counters.every((counter) => counter.read().events > 0));
  });
});

describe('waiting for a handler in C', () => {
  test('resolves when no thread is inside it', async () => {
    const registry = new Registry();
    const handler = addon.probe(capi(), 0, '', true, 0);
    const id = registry.register(handler);
    addon.block(handler, true);
    const [destroyed] = addon.gone();
    const producer = start(registry);
    await until(() => addon.look(handler)[1] === 1, 'the thread inside');
    let isOver = false;
    const removal = registry.unregisterWait(id).then((removed) => {
      isOver = true;
      return removed;
    });
    await sleep(20);
    assert.equal(isOver, false);
    assert.equal(addon.gone()[0], destroyed);
    await assert.rejects(registry.unregisterWait(id, { timeoutMs: 5 }), { code: 'TALLY_E_TIMEOUT' });
    await assert.rejects(registry.unregisterWait(id, { timeoutMs: 0 }), { code: 'TALLY_E_TIMEOUT' });
    addon.block(handler, false);
    assert.equal(await removal, true);
    assert.equal(addon.gone()[0], destroyed + 1);
    await finished(producer);
  });

  test('asynchronous disposal waits for it, close does not', async () => {
    for (const isAsync of [true, false]) {
      const registry = new Registry();
      const handler = addon.probe(capi(), 0, '', false, 0);
      registry.register(handler);
      addon.block(handler, true);
      const producer = start(registry);
      await until(() => addon.look(handler)[1] === 1, 'the thread inside');
      if (!isAsync) {
        registry.close();
        addon.block(handler, false);
      } else {
        let isOver = false;
        const disposal = registry[Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]().then(
          () => (isOver = true),
        );
        await sleep(10);
        assert.equal(isOver, false);
        addon.block(handler, false);
        await disposal;
      }
      await finished(producer);
    }
  });
});

describe('the process', () => {
  const prelude = `
    const { Registry, capi } = require('tallystick');
    const addon = require('./tests/node/addon/build').addon();
    const registry = new Registry();
    const start = (events) => addon.start(capi(), registry.handle(), '', events, 8, true);`;

  test('ends although native events may still come', async () => {
    const script = `${prelude} registry.register(() => {}); start(0); console.log('end');`;
    assert.equal(await runGood(script), 'end');
  });

  test('lives on for them after ref, and no longer after unref', async () => {
    const script = `${prelude}
      let got = 0;
      registry.register(() => { if (++got === 100) { console.log(got); registry.unref(); } });
      registry.ref();
      start(100);`;
    assert.equal(await runGood(script), '100');
  });

  test('ends while a thread notifies', async () => {
    const script = `${prelude} registry.register(() => {}); start(4294967295); setTimeout(() => process.exit(0), 20);`;
    await runGood(script);
  });

  test('ends by itself while a thread notifies', async () => {
    const script = `${prelude} registry.register(() => {}); start(4294967295); setTimeout(() => console.log('end'), 20);`;
    assert.equal(await runGood(script), 'end');
  });

  test('ends with events in the ring', async () => {
    const script = `${prelude}
      registry.register(() => { throw new Error('not reached'); });
      const producer = start(1000);
      while (!addon.state(producer)[0]);
      process.exit(0);`;
    await runGood(script);
  });

  test('ends by an exception while a thread notifies', async () => {
    const script = `${prelude} process.on('uncaughtException', () => process.exit(0)); start(4294967295); setTimeout(() => { throw new Error('x'); }, 10);`;
    await runGood(script);
  });
});
