'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { inspect } = require('node:util');

const { open, openSync } = require('tallystick');

const { sleep, until } = require('./helpers');
const { fill, freshPath, withStore } = require('./storeHelpers');

const positions = (receipts) => receipts.map((receipt) => receipt.position);
const upTo = (count, from = 0) => Array.from({ length: count }, (_, i) => i + from);

describe('promised appends', () => {
  for (const durability of ['buffered', 'written', 'durable']) {
    test(
      `${durability}: in the order of the calls`,
      withStore({ durability }, async (store) => {
        const calls = [];
        for (let i = 0; i < 500; i++) {
          if (i % 7 === 0) calls.push(store.appendMany([{ stream: 's', type: 't', data: i }]).then(([only]) => only));
          else if (i % 5 === 0) calls.push(store.append('s', 't', i, { tags: 'x' }));
          else calls.push(store.append('s', 't', i));
        }
        const receipts = await Promise.all(calls);
        assert.deepEqual(positions(receipts), upTo(500));
        for (const receipt of receipts) assert.equal(receipt.durability, durability);
        store
          .readSync()
          .toArray()
          .forEach((event, i) => assert.equal(event.data, i));
      }),
    );
  }

  test(
    'mixed levels keep the order too',
    withStore(async (store) => {
      const levels = ['durable', 'buffered', 'written'];
      const calls = upTo(300).map((i) => store.append('s', 't', i, { durability: levels[i % 3] }));
      assert.deepEqual(positions(await Promise.all(calls)), upTo(300));
    }),
  );

  test(
    'many are synced together',
    withStore({ durability: 'durable' }, async (store) => {
      await Promise.all(upTo(2000).map((i) => store.append('s', 't', i)));
      const { syncs, events } = store.stats();
      assert.equal(events, 2000);
      assert.ok(syncs < 1000, `${syncs} syncs`);
    }),
  );

  test(
    'one that fails fails alone',
    withStore(async (store) => {
      const calls = [
        store.append('s', 't', 1, { durability: 'written' }),
        store.append('s', 't', 2, { durability: 'written', expect: 'no-stream' }),
        store.append('', 't', 3),
        store.append('s', 't', 4, { durability: 'written', expect: 0 }),
        store.append('s', 't', () => {}),
        store.append('s', 't', 5, { durability: 'written' }),
      ];
      const settled = await Promise.allSettled(calls);
      assert.deepEqual(
        settled.map(({ value, reason }) => value?.position ?? reason.code),
        [0, 'TALLY_E_CONFLICT', 'TALLY_E_LENGTH', 1, 'TALLY_E_ARGUMENT', 2],
      );
    }),
  );

  test(
    'the queue is bounded, and what does not fit waits for its turn',
    withStore({ queueBytes: 65536, durability: 'written' }, async (store) => {
      const data = Buffer.alloc(10000, 1);
      const calls = upTo(200).map((i) =>
        i % 2 === 0 ? store.append('s', 't', data) : store.append('s', 't', i, { tags: 'x' }),
      );
      data.fill(2);
      assert.deepEqual(positions(await Promise.all(calls)), upTo(200));
      for (const event of store.readSync()) {
        if (event.position % 2 === 0) assert.ok(event.bytes.every((byte) => byte === 1));
      }
    }),
  );

  test(
    'a signal lets the caller give up',
    withStore({ queueBytes: 65536, durability: 'durable' }, async (store) => {
      await assert.rejects(store.append('s', 't', 1, { signal: AbortSignal.abort() }), { name: 'AbortError' });
      assert.equal(store.watermarks().buffered, 0);
      const controller = new AbortController();
      const id = '00000000-0000-7000-8000-000000000001';
      const given = store.append('s', 't', 1, { signal: controller.signal, id });
      const many = store.appendMany([{ stream: 's', type: 't' }], { signal: controller.signal });
      const big = upTo(50).map(() => store.append('s', 't', Buffer.alloc(20000)));
      const waiting = store.append('s', 'never', 1, { signal: controller.signal });
      controller.abort(new Error('enough'));
      for (const call of [given, many, waiting]) await assert.rejects(call, { message: 'enough' });
      await Promise.all(big);
      await store.sync();
      assert.equal(await store.find(id), 0);
      assert.equal((await store.read({ types: 'never' }).toArray()).length, 0);
    }),
  );

  test(
    'a call that waits for its turn can be given up at any time',
    withStore({ queueBytes: 65536, durability: 'durable' }, async (store) => {
      const controller = new AbortController();
      const big = upTo(200).map(() => store.append('s', 't', Buffer.alloc(20000)));
      const waiting = store.append('s', 'never', 1, { signal: controller.signal });
      await big[100];
      controller.abort(new Error('enough'));
      await assert.rejects(waiting, { message: 'enough' });
      await Promise.all(big);
      assert.equal((await store.read({ types: 'never' }).toArray()).length, 0);
    }),
  );

  test('close refuses new calls at once, while it finishes older ones', async () => {
    const store = openSync(freshPath(), { queueBytes: 65536 });
    const calls = upTo(50).map(() => store.append('s', 't', Buffer.alloc(20000)));
    const closing = store.close();
    assert.equal(store.closed, true);
    await assert.rejects(store.append('s', 't'), { code: 'TALLY_E_CLOSED' });
    assert.throws(() => store.appendSync('s', 't'), { code: 'TALLY_E_CLOSED' });
    assert.equal((await Promise.all(calls)).length, 50);
    await closing;
  });

  test(
    'sync is a barrier',
    withStore(async (store) => {
      fill(store, 100);
      assert.ok(store.watermarks().durable < 100);
      await store.sync();
      assert.equal(store.watermarks().durable, 100);
      await assert.rejects(store.sync({ signal: AbortSignal.abort() }), { name: 'AbortError' });
      await assert.rejects(store.sync({ timeout: 5 }), { code: 'TALLY_E_OPTION' });
    }),
  );

  test('close finishes what is under way', async () => {
    const where = freshPath();
    const store = openSync(where, { queueBytes: 65536 });
    const calls = upTo(100).map((i) => store.append('s', 't', Buffer.alloc(5000, i)));
    const closing = store.close();
    assert.deepEqual(positions(await Promise.all(calls)), upTo(100));
    await closing;
    const again = openSync(where, { mode: 'read-only' });
    assert.equal(again.readSync().toArray().length, 100);
    assert.equal(again.info().recovery.happened, false);
    again.closeSync();
  });

  test('closeSync finishes what the store has, and rejects what waits here', async () => {
    const where = freshPath();
    const store = openSync(where, { queueBytes: 65536 });
    const calls = upTo(100).map((i) => store.append('s', 't', Buffer.alloc(5000, i)));
    store.closeSync();
    const settled = await Promise.allSettled(calls);
    const done = settled.filter(({ status }) => status === 'fulfilled');
    assert.ok(done.length > 0);
    for (const { reason } of settled.slice(done.length)) assert.equal(reason.code, 'TALLY_E_CLOSED');
    const again = openSync(where, { mode: 'read-only' });
    assert.equal(again.readSync().toArray().length, done.length);
    again.closeSync();
  });
});

describe('waiting', () => {
  test(
    'for a level, for the future, not for ever',
    withStore(async (store) => {
      store.appendSync('s', 't');
      await store.wait(0, { level: 'buffered' });
      const future = store.wait(3, { level: 'buffered' });
      const same = store.wait(3, { level: 'buffered' });
      await assert.rejects(store.wait(3, { timeoutMs: 10 }), { code: 'TALLY_E_TIMEOUT', position: 3 });
      await assert.rejects(store.wait(3, { timeoutMs: 0 }), { code: 'TALLY_E_TIMEOUT' });
      fill(store, 3);
      await Promise.all([future, same]);
      store.syncSync();
      await store.wait(3);
      await store.wait(3, { timeoutMs: 0 });
      store.waitSync(3);
      assert.throws(() => store.waitSync(4, { timeoutMs: 5 }), { code: 'TALLY_E_TIMEOUT' });
      assert.throws(() => store.waitSync(4, { timeoutMs: 0, level: 'written' }), { code: 'TALLY_E_TIMEOUT' });
    }),
  );

  test(
    'until a signal aborts',
    withStore(async (store) => {
      const controller = new AbortController();
      const waiting = store.wait(5, { signal: controller.signal });
      controller.abort(new Error('enough'));
      await assert.rejects(waiting, { message: 'enough' });
      await assert.rejects(store.wait(5, { signal: AbortSignal.abort() }), { name: 'AbortError' });
    }),
  );

  test('until the store is closed', async () => {
    const store = openSync(freshPath());
    const rejected = assert.rejects(store.wait(5), { code: 'TALLY_E_CLOSED' });
    await store.close();
    await rejected;
  });

  for (const [position, options] of [
    [-1],
    ['0'],
    [undefined],
    [0, { level: 'fsynced' }],
    [0, { timeoutMS: 5 }],
    [0, { timeoutMs: -1 }],
    [0, { signal: 1 }],
  ]) {
    test(
      `wait(${inspect(position)}, ${inspect(options)}) is refused`,
      withStore(async (store) => {
        await assert.rejects(store.wait(position, options), (error) => error.handling === 'caller');
        assert.throws(
          () => store.waitSync(position, options),
          (error) => error.handling === 'caller',
        );
      }),
    );
  }
});

describe('following', () => {
  test(
    'goes on with what comes, filtered',
    withStore(async (store) => {
      fill(store, 10);
      const seen = [];
      const controller = new AbortController();
      const following = (async () => {
        for await (const event of store.follow({ from: 5, types: 'x.*', signal: controller.signal }))
          seen.push(event.position);
      })();
      await until(() => seen.length === 5);
      await store.append('s', 'y', 1);
      await store.append('s', 'x.9', 1);
      await until(() => seen.length === 6);
      store.appendSync('s', 'x.9', 1);
      await until(() => seen.length === 7);
      fill(store, 1000);
      await until(() => seen.length === 1007);
      controller.abort(new Error('enough'));
      await assert.rejects(following, { message: 'enough' });
      assert.deepEqual(seen.slice(0, 8), [5, 6, 7, 8, 9, 11, 12, 13]);
    }),
  );

  test(
    'begins with what comes next',
    withStore(async (store) => {
      fill(store, 10);
      const reader = store.follow();
      const next = reader.next();
      store.appendSync('s', 'new', 1);
      assert.equal((await next).value.position, 10);
      await reader.return();
      assert.equal((await reader.next()).done, true);
    }),
  );

  test(
    'only what is durable',
    withStore({ syncIntervalMs: 1000000, syncEvents: Infinity, syncBytes: Infinity }, async (store) => {
      const reader = store.follow({ durableOnly: true });
      let seen;
      const next = reader.next().then(({ value }) => (seen = value));
      store.appendSync('s', 't', 1);
      await sleep(30);
      assert.equal(seen, undefined);
      await store.sync();
      await next;
      assert.equal(seen.position, 0);
      await reader.return();
    }),
  );

  test('ends when the store is closed, and lets the loop run meanwhile', async () => {
    const store = openSync(freshPath(), { durability: 'buffered' });
    const following = store.follow().toArray();
    let turns = 0;
    for (let i = 0; i < 20; i++) {
      await sleep(1);
      turns++;
    }
    assert.equal(turns, 20);
    store.appendSync('s', 't', 'last');
    await sleep(20);
    await store.close();
    assert.deepEqual(
      (await following).map((event) => event.data),
      ['last'],
    );
  });

  test('return ends one that waits', async () => {
    const store = openSync(freshPath(), { durability: 'buffered' });
    const reader = store.follow();
    const next = reader.next();
    await sleep(5);
    await reader.return();
    assert.equal((await next).done, true);
    await store.close();
  });

  test('a read-only store follows its writer', async () => {
    const where = freshPath();
    const writer = openSync(where, { durability: 'written' });
    writer.appendSync('s', 't', 0);
    const reader = await open(where, { mode: 'read-only' });
    const events = reader.follow({ from: 0 });
    assert.equal((await events.next()).value.data, 0);
    for (let i = 1; i < 50; i++) {
      const next = events.next();
      await writer.append('s', 't', i);
      assert.equal((await next).value.data, i);
    }
    await reader.wait(49, { level: 'written' });
    await assert.rejects(reader.wait(50, { level: 'written', timeoutMs: 20 }), { code: 'TALLY_E_TIMEOUT' });
    await assert.rejects(reader.sync(), { code: 'TALLY_E_READ_ONLY' });
    await events.return();
    await reader.close();
    await writer.close();
  });

  test(
    'hostile arguments',
    withStore((store) => {
      for (const query of [{ form: 5 }, { to: 5 }, { backwards: true }, { limit: 5 }, { from: -1 }, 5]) {
        assert.throws(
          () => store.follow(query),
          (error) => error.handling === 'caller',
        );
      }
    }),
  );
});
