'use strict';

const assert = require('node:assert/strict');
const { once, on } = require('node:events');
const { describe, test } = require('node:test');

const { AsyncRegistry, Registry, TimeoutError } = require('tallystick');

const { failing, panics, sleep, turn, until } = require('./helpers');

const dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose');

describe('unregisterWait', () => {
  test('removes at once and resolves to whether it did', async () => {
    const registry = new Registry();
    const id = registry.register(() => {});
    const removal = registry.unregisterWait(id);
    assert.equal(registry.contains(id), false);
    assert.equal(await removal, true);
    assert.equal(await registry.unregisterWait(id), false);
    const handler = () => {};
    registry.register(handler);
    assert.equal(await registry.unregisterWait(handler), true);
  });

  test('inside the handler itself it resolves after the handler', async () => {
    const registry = new Registry();
    const log = [];
    let removal;
    const id = registry.register(() => {
      removal = registry.unregisterWait(id).then(() => log.push('over'));
      log.push('running');
    });
    registry.notify();
    log.push('returned');
    await removal;
    assert.deepEqual(log, ['running', 'returned', 'over']);
  });

  test('it waits for promises that the handler returned, and for no others', async () => {
    const registry = new Registry();
    let finish;
    let isOver = false;
    const id = registry.register(() => new Promise((resolve) => (finish = resolve)));
    registry.register(() => new Promise(() => {}));
    registry.notify();
    const removal = registry.unregisterWait(id).then(() => (isOver = true));
    await sleep(5);
    assert.equal(isOver, false);
    finish();
    await removal;
  });

  test('of a handler that was removed before it waits just the same', async () => {
    const registry = new AsyncRegistry();
    let finish;
    const id = registry.register(() => new Promise((resolve) => (finish = resolve)));
    registry.notify().then(() => {});
    registry.unregister(id);
    let isOver = false;
    const removal = registry.unregisterWait(id).then((removed) => {
      isOver = true;
      assert.equal(removed, false);
    });
    await turn();
    assert.equal(isOver, false);
    finish();
    await removal;
  });

  test('a timeout and a signal end the waiting; the handler is gone all the same', async () => {
    const registry = new Registry();
    const make = () => {
      const id = registry.register(() => new Promise(() => {}));
      registry.notify();
      return id;
    };
    const [a, b, c] = [make(), make(), make()];
    await assert.rejects(registry.unregisterWait(a, { timeoutMs: 5 }), TimeoutError);
    await assert.rejects(registry.unregisterWait(b, { timeoutMs: 0 }), { code: 'TALLY_E_TIMEOUT' });
    const controller = new AbortController();
    const removal = registry.unregisterWait(c, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await assert.rejects(removal, /enough/);
    await assert.rejects(
      registry.unregisterWait(make(), { signal: AbortSignal.abort('why') }),
      (reason) => reason === 'why',
    );
    assert.equal(registry.count, 0);
  });

  test('its options are checked', async () => {
    const registry = new Registry();
    const id = registry.register(() => {});
    await assert.rejects(registry.unregisterWait(id, { timeout: 5 }), { code: 'TALLY_E_OPTION', hint: /timeoutMs/ });
    await assert.rejects(registry.unregisterWait(id, { timeoutMs: -1 }), { code: 'TALLY_E_RANGE' });
    await assert.rejects(registry.unregisterWait(new Registry().register(() => {})), { code: 'TALLY_E_FOREIGN' });
    assert.equal(registry.contains(id), true);
  });
});

describe('waitFor', () => {
  test('resolves to the next event of a name, a pattern, or any', async () => {
    const registry = new Registry();
    const waits = [registry.waitFor('a.b'), registry.waitFor('a.*'), registry.waitFor('*')];
    registry.emit('c', 0);
    registry.emit('a.c', 1);
    registry.emit('a.b', 2);
    assert.deepEqual(await Promise.all(waits), [2, 1, 0]);
    assert.equal(registry.count, 0);
  });

  test('a filter chooses, and one that throws rejects', async () => {
    const registry = new Registry();
    const wait = registry.waitFor('a', { filter: (event) => event > 1 });
    registry.emit('a', 1);
    registry.emit('a', 2);
    assert.equal(await wait, 2);
    const broken = registry.waitFor('a', { filter: failing('filter') });
    registry.emit('a', 1);
    await assert.rejects(broken, /filter/);
    assert.equal(registry.count, 0);
  });

  test('timeout, signal and close end it, and leave nothing behind', async () => {
    const registry = new Registry();
    await assert.rejects(registry.waitFor('a', { timeoutMs: 5 }), { code: 'TALLY_E_TIMEOUT' });
    const controller = new AbortController();
    const wait = registry.waitFor('a', { signal: controller.signal });
    controller.abort();
    await assert.rejects(wait, { name: 'AbortError' });
    await assert.rejects(registry.waitFor('a', { signal: AbortSignal.abort() }), { name: 'AbortError' });
    assert.equal(registry.count, 0);
    const closed = registry.waitFor('a');
    registry.close();
    await assert.rejects(closed, { code: 'TALLY_E_CLOSED' });
  });
});

describe('events', () => {
  test('delivers what comes from the call on, in order', async () => {
    const registry = new Registry();
    const iterator = registry.events('a');
    registry.emit('a', 1);
    registry.emit('b', 0);
    registry.emit('a', 2);
    assert.equal(iterator.buffered, 2);
    const seen = [];
    for await (const event of iterator) {
      seen.push(event);
      if (event === 2) setImmediate(() => registry.emit('a', 3));
      if (event === 3) break;
    }
    assert.deepEqual(seen, [1, 2, 3]);
    assert.equal(registry.count, 0, 'break ends it');
  });

  test('several readers get one event each', async () => {
    const registry = new Registry();
    const iterator = registry.events('*');
    const reads = [iterator.next(), iterator.next()];
    registry.emit('a', 1);
    registry.emit('b', 2);
    assert.deepEqual(await Promise.all(reads), [
      { value: 1, done: false },
      { value: 2, done: false },
    ]);
    await iterator.return();
  });

  test('too many unread events end it with an error, after what is buffered', async () => {
    const registry = new Registry();
    const iterator = registry.events('a', { maxBuffered: 2 });
    for (let i = 0; i < 5; i++) registry.emit('a', i);
    assert.equal(registry.count, 0);
    const seen = [];
    await assert.rejects(
      async () => {
        for await (const event of iterator) seen.push(event);
      },
      { code: 'TALLY_E_LIMIT' },
    );
    assert.deepEqual(seen, [0, 1]);
    assert.deepEqual(await iterator.next(), { value: undefined, done: true });
  });

  test('or lose the oldest, or the newest, and are counted', async () => {
    for (const [overflow, left] of [
      ['drop-oldest', [3, 4]],
      ['drop-newest', [0, 1]],
    ]) {
      const registry = new Registry();
      const iterator = registry.events('a', { maxBuffered: 2, overflow });
      for (let i = 0; i < 5; i++) registry.emit('a', i);
      assert.equal(iterator.dropped, 3);
      assert.deepEqual([(await iterator.next()).value, (await iterator.next()).value], left);
      iterator[dispose]();
      assert.equal(registry.count, 0);
    }
  });

  test('close ends it after what is buffered, a signal at once', async () => {
    const registry = new Registry();
    const iterator = registry.events('a');
    registry.emit('a', 1);
    const controller = new AbortController();
    const aborted = registry.events('a', { signal: controller.signal });
    registry.emit('a', 2);
    controller.abort(new Error('stop it'));
    await assert.rejects(aborted.next(), /stop it/);
    assert.equal((await aborted.next()).done, true);
    registry.close();
    assert.deepEqual([(await iterator.next()).value, (await iterator.next()).value], [1, 2]);
    assert.equal((await iterator.next()).done, true);
    const late = new Registry().events('a', { signal: AbortSignal.abort() });
    await assert.rejects(late.next(), { name: 'AbortError' });
  });

  test('a reader that waits is told of the end', async () => {
    const registry = new Registry();
    const iterator = registry.events('a');
    const read = iterator.next();
    registry.close();
    assert.deepEqual(await read, { value: undefined, done: true });
  });

  test('many events pass through in order', async () => {
    const registry = new Registry();
    const iterator = registry.events('a', { maxBuffered: 100000 });
    for (let i = 0; i < 20000; i++) registry.emit('a', i);
    for (let i = 0; i < 20000; i++) assert.equal((await iterator.next()).value, i);
    await iterator.return();
  });

  test('its options are checked', () => {
    const registry = new Registry();
    assert.throws(() => registry.events('a', { maxBufferd: 1 }), { code: 'TALLY_E_OPTION', hint: /maxBuffered/ });
    assert.throws(() => registry.events('a', { maxBuffered: 0 }), { code: 'TALLY_E_RANGE' });
    assert.throws(() => registry.events('a', { overflow: 'drop' }), { code: 'TALLY_E_OPTION' });
    assert.throws(() => registry.events('a*'), { code: 'TALLY_E_NAME' });
    assert.equal(registry.count, 0);
  });

  test('works with an AsyncRegistry', async () => {
    const registry = new AsyncRegistry();
    const wait = registry.waitFor('a');
    const iterator = registry.events('a');
    await registry.emit('a', 7);
    assert.equal(await wait, 7);
    assert.equal((await iterator.next()).value, 7);
    await iterator.return();
  });
});

describe("Node's own helpers", () => {
  test('events.once', async () => {
    const registry = new Registry();
    const wait = once(registry, 'a');
    registry.emit('a', 5);
    assert.deepEqual(await wait, [5]);
    const failed = once(registry, 'a');
    registry.emit('error', new Error('as Node has it'));
    await assert.rejects(failed, /as Node has it/);
    assert.equal(registry.count, 0);
  });

  test('events.on', async () => {
    const registry = new Registry();
    const controller = new AbortController();
    const seen = [];
    const reading = (async () => {
      for await (const [event] of on(registry, 'a', { signal: controller.signal })) seen.push(event);
    })();
    for (let i = 0; i < 5; i++) registry.emit('a', i);
    await until(() => seen.length === 5);
    controller.abort();
    await assert.rejects(reading, { name: 'AbortError' });
    assert.equal(registry.count, 0);
  });
});

describe('asynchronous disposal', () => {
  test('resolves when no promise of a handler is pending', async () => {
    const registry = new Registry();
    panics(registry);
    let isOver = false;
    registry.register(async () => {
      await sleep(10);
      isOver = true;
    });
    registry.notify();
    await registry[Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]();
    assert.equal(isOver, true);
    assert.equal(registry.closed, true);
  });
});
