'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { open, openSync, RefusedError } = require('tallystick');

const { sleep, until, warningsOf } = require('./helpers');
const { fill, freshPath, withStore } = require('./storeHelpers');

describe('handlers', () => {
  test(
    'are told of each event once, in order, by pattern',
    withStore(async (store) => {
      const seen = { all: [], some: [], one: [] };
      store.on('*', (event) => seen.all.push(event.position));
      store.on('x.*', (event, type) => seen.some.push(type));
      store.on('x.3', (event) => seen.one.push(event.data.i));
      fill(store, 1000);
      await store.append('s', 'y', 1);
      await until(() => seen.all.length === 1001);
      assert.deepEqual(
        seen.all,
        Array.from({ length: 1001 }, (_, i) => i),
      );
      assert.equal(seen.some.length, 1000);
      assert.deepEqual(
        seen.one,
        Array.from({ length: 200 }, (_, i) => 5 * i + 3),
      );
    }),
  );

  test(
    'are not told of what was there before',
    withStore(async (store) => {
      fill(store, 100);
      const first = [];
      store.on('*', (event) => first.push(event.position));
      fill(store, 10);
      const second = [];
      const once = [];
      store.on('*', (event) => second.push(event.position));
      store.on('*', (event) => once.push(event.position), { once: true });
      fill(store, 10);
      await until(() => second.length === 10);
      assert.deepEqual(
        first,
        Array.from({ length: 20 }, (_, i) => 100 + i),
      );
      assert.equal(second[0], 110);
      assert.deepEqual(once, [110]);
    }),
  );

  test(
    'stop when they are told to',
    withStore(async (store) => {
      const seen = [];
      const controller = new AbortController();
      const stop = store.on('*', () => seen.push('first'));
      store.on('*', () => seen.push('second'), { signal: controller.signal });
      store.on('*', () => seen.push('third'), { priority: 1 });
      store.appendSync('s', 't');
      await until(() => seen.length === 3);
      assert.equal(stop(), true);
      assert.equal(stop(), false);
      controller.abort();
      store.appendSync('s', 't');
      await until(() => seen.length === 4);
      await sleep(5);
      assert.deepEqual(seen, ['third', 'first', 'second', 'third']);
    }),
  );

  test(
    'fail alone',
    withStore(async (store) => {
      const seen = [];
      const failures = [];
      store.onPanic((failure) => failures.push(failure));
      const broken = () => {
        throw new Error('no good');
      };
      store.on('*', broken);
      store.on('*', (event) => seen.push(event.position));
      await store.append('s', 't', 1);
      await store.append('s', 't', 2);
      await until(() => seen.length === 2);
      assert.equal(failures.length, 2);
      assert.equal(failures[0].name, 'broken');
      assert.equal(failures[0].error.message, 'no good');
      store.onPanic(null);
      const warnings = await warningsOf(async () => {
        await store.append('s', 't', 3);
        await until(() => seen.length === 3);
      });
      assert.equal(warnings[0].code, 'TALLY_W_HANDLER');
    }),
  );

  test(
    'may append, read, register, and close',
    withStore(async (store) => {
      const seen = [];
      store.on('*', (event) => {
        seen.push(event.data);
        if (event.data < 5) store.appendSync('s', 't', event.data + 1);
        if (event.data === 5) {
          assert.equal(store.getSync(event.position).data, 5);
          store.on('last', () => store.close());
          store.append('s', 'last', 6);
        }
      });
      store.appendSync('s', 't', 0);
      await until(() => store.closed);
      assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 6]);
    }),
  );

  test(
    'are told of types that a registry would take for patterns',
    withStore(async (store) => {
      const seen = [];
      store.on('*', (event) => seen.push(event.type));
      store.appendSync('s', 'a*b');
      store.appendSync('s', 'a.*');
      await until(() => seen.length === 2);
      assert.deepEqual(seen, ['a*b', 'a.*']);
    }),
  );

  test('close waits until they have seen everything', async () => {
    const store = openSync(freshPath(), { durability: 'buffered' });
    let seen = 0;
    store.on('*', () => seen++);
    await store.appendMany(Array(2000).fill({ stream: 's', type: 't' }));
    await store.close();
    assert.equal(seen, 2000);
  });

  test('of a read-only store are told of what the writer writes', async () => {
    const where = freshPath();
    const writer = openSync(where, { durability: 'written' });
    writer.appendSync('s', 't', 0);
    const reader = await open(where, { mode: 'read-only' });
    const seen = [];
    reader.on('t', (event) => seen.push(event.data));
    writer.appendSync('s', 't', 1);
    await until(() => seen.length === 1);
    writer.appendManySync([2, 3].map((data) => ({ stream: 's', type: 't', data })));
    await until(() => seen.length === 3);
    assert.deepEqual(seen, [1, 2, 3]);
    await reader.close();
    await writer.close();
  });

  test(
    'hostile arguments',
    withStore((store) => {
      for (const call of [
        () => store.on(),
        () => store.on('x', 5),
        () => store.on('', () => {}),
        () => store.on('a*', () => {}),
        () => store.on('x', () => {}, { prio: 1 }),
        () => store.on('x', () => {}, { once: 'yes' }),
        () => store.on('x', () => {}, { batch: true }),
      ]) {
        assert.throws(call, (error) => error.handling === 'caller');
      }
    }),
  );
});

describe('gates', () => {
  test(
    'see what is to be appended, and refuse by throwing',
    withStore(async (store) => {
      const seen = [];
      const reason = Object.assign(new RangeError('too much'), { gateCode: 42 });
      const remove = store.gate(function limit(drafts) {
        seen.push(
          drafts.map(({ stream, type, data, tags, schema, contentType }) => ({
            stream,
            type,
            data,
            tags,
            schema,
            contentType,
          })),
        );
        if (drafts.some(({ data }) => data?.total > 100)) throw reason;
      });
      store.appendSync('order/1', 'paid', { total: 5 }, { tags: 'a', schema: 3 });
      const json = 'application/json';
      assert.deepEqual(seen, [
        [{ stream: 'order/1', type: 'paid', data: { total: 5 }, tags: ['a'], schema: 3, contentType: json }],
      ]);
      const wanted = (error) =>
        error instanceof RefusedError && error.cause === reason && error.message.includes('too much');
      assert.throws(() => store.appendSync('order/1', 'paid', { total: 500 }), wanted);
      await assert.rejects(store.append('order/1', 'paid', { total: 500 }, { durability: 'durable' }), wanted);
      await assert.rejects(store.append('order/1', 'paid', { total: 500 }, { tags: 'x' }), wanted);
      await assert.rejects(
        store.appendMany([
          { stream: 'a', type: 'b' },
          { stream: 'a', type: 'b', data: { total: 101 } },
        ]),
        wanted,
      );
      assert.equal(store.watermarks().buffered, 1);
      assert.equal(remove(), true);
      assert.equal(remove(), false);
      await store.append('order/1', 'paid', { total: 500 });
    }),
  );

  test(
    'run in their order, and the first refusal ends it',
    withStore((store) => {
      const seen = [];
      store.gate(() => seen.push(1) && undefined);
      const second = store.gate(() => {
        seen.push(2);
        throw new Error('no');
      });
      store.gate(() => seen.push(3) && true);
      assert.throws(() => store.appendSync('s', 't'), { code: 'TALLY_E_REFUSED' });
      second();
      store.appendSync('s', 't');
      assert.deepEqual(seen, [1, 2, 1, 3]);
    }),
  );

  test(
    'may read, but neither append nor close nor promise',
    withStore(async (store) => {
      store.appendSync('s', 't', 'before');
      const codes = [];
      const tryIt = (call) => {
        try {
          call();
          codes.push('done');
        } catch (error) {
          codes.push(error.code);
        }
      };
      const remove = store.gate(() => {
        tryIt(() => store.getSync(0).data);
        tryIt(() => store.appendSync('s', 't'));
        tryIt(() => store.appendManySync([{ stream: 's', type: 't' }]));
        tryIt(() => store.closeSync());
      });
      store.appendSync('s', 't', 'after');
      assert.deepEqual(codes, ['done', 'TALLY_E_WOULD_BLOCK', 'TALLY_E_WOULD_BLOCK', 'TALLY_E_WOULD_BLOCK']);
      assert.equal(store.getSync(1).data, 'after');
      assert.equal(store.closed, false);
      remove();
      store.gate(async () => {});
      assert.throws(
        () => store.appendSync('s', 't'),
        (error) => error.cause.message.includes('synchronous'),
      );
    }),
  );

  test(
    'that change the bytes they see, or the caller\u2019s, change nothing',
    withStore((store) => {
      const data = Buffer.from('before');
      store.gate(([draft]) => {
        draft.bytes.fill(0);
        data.fill(0);
      });
      store.appendSync('s', 't', data);
      assert.equal(store.getSync(0).bytes.toString(), 'before');
    }),
  );

  test(
    'may be recorded',
    withStore((store) => {
      store.gate(
        () => {
          throw new Error('never');
        },
        { name: 'never', record: true },
      );
      assert.throws(() => store.appendSync('s', 't', 'secret'), { code: 'TALLY_E_REFUSED' });
      const recorded = store.readSync({ stream: '$gates' }).toArray();
      assert.equal(recorded.length, 1);
      assert.equal(recorded[0].isSystem, true);
      assert.ok(!recorded[0].bytes.includes('secret'));
    }),
  );

  test(
    'hostile arguments',
    withStore((store) => {
      for (const call of [
        () => store.gate(),
        () => store.gate(5),
        () => store.gate(() => {}, { nme: 'x' }),
        () => store.gate(() => {}, { record: 1 }),
      ]) {
        assert.throws(call, (error) => error.handling === 'caller');
      }
      store.gate(() => 'no');
      assert.throws(
        () => store.appendSync('s', 't'),
        (error) => error.cause.message.includes('throws to refuse'),
      );
    }),
  );
});
