'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { inspect } = require('node:util');

const { Event, openSync } = require('tallystick');

const { until } = require('./helpers');
const { fill, freshPath, withStore } = require('./storeHelpers');

const COUNT = 2500;

/** The naive answer to a query over what `fill` appended. */
function naive(drafts, query) {
  const versions = {};
  const rows = drafts.map((draft, position) => ({
    ...draft,
    position,
    version: (versions[draft.stream] = (versions[draft.stream] ?? -1) + 1),
    tags: draft.tags ?? [],
  }));
  const list = (value) => (value === undefined ? [] : [value].flat());
  const isType = (row, pattern) =>
    pattern.endsWith('.*') ? row.type.startsWith(pattern.slice(0, -1)) : row.type === pattern;
  let found = rows.filter(
    (row) =>
      (query.stream === undefined || row.stream === query.stream) &&
      (query.prefix === undefined || row.stream.startsWith(query.prefix)) &&
      (query.types === undefined || list(query.types).some((pattern) => isType(row, pattern))) &&
      list(query.tags).every((tag) => row.tags.includes(tag)) &&
      row.position >= (query.from ?? 0) &&
      row.position < (query.to ?? Infinity) &&
      row.version >= (query.fromVersion ?? 0) &&
      row.version < (query.toVersion ?? Infinity),
  );
  if (query.backwards) found = found.reverse();
  return found.slice(0, query.limit ?? Infinity).map((row) => row.position);
}

const queries = [
  {},
  { backwards: true },
  { stream: 'a' },
  { stream: 'none' },
  { stream: 'b', backwards: true, limit: 10 },
  { prefix: 'c' },
  { prefix: '' },
  { types: 'x.3' },
  { types: ['x.1', 'x.2'] },
  { types: 'x.*' },
  { types: ['y.*', 'x.4'] },
  { tags: 'third:yes' },
  { tags: ['third:yes', 'other'] },
  { stream: 'a', types: 'x.0', tags: ['third:yes'] },
  { from: 1000, to: 1010 },
  { from: COUNT - 1 },
  { from: COUNT },
  { from: COUNT + 100 },
  { to: 0 },
  { to: 1 },
  { limit: 0 },
  { limit: 1 },
  { limit: 128 },
  { limit: 129 },
  { stream: 'a', fromVersion: 5, toVersion: 8 },
  { stream: 'a', fromVersion: 0, toVersion: 1 },
  { stream: 'a', toVersion: 0 },
  { stream: 'a', fromVersion: 800, backwards: true },
  { from: 500, to: 600, types: 'x.1', backwards: true },
];

describe('a query finds what a loop over a list finds', () => {
  const store = openSync(freshPath(), { durability: 'buffered', segmentBytes: 131072 });
  const drafts = fill(store, COUNT);
  for (const query of queries) {
    test(inspect(query), async () => {
      const wanted = naive(drafts, query);
      assert.deepEqual(
        store
          .readSync(query)
          .toArray()
          .map((event) => event.position),
        wanted,
      );
      const seen = [];
      for await (const event of store.read(query)) {
        assert.deepEqual(event.data, { i: event.position });
        assert.equal(event.stream, drafts[event.position].stream);
        assert.equal(event.type, drafts[event.position].type);
        seen.push(event.position);
      }
      assert.deepEqual(seen, wanted);
    });
  }

  test('times', async () => {
    const middle = store.getSync(1500).timeUs;
    const before = store.readSync({ toTime: middle }).toArray();
    const after = store.readSync({ fromTime: middle }).toArray();
    assert.equal(before.length + after.length, COUNT);
    assert.ok(before.every((event) => event.timeUs < middle));
    assert.ok(after.every((event) => event.timeUs >= middle));
    assert.equal((await store.read({ fromTime: new Date(Date.now() + 60000) }).toArray()).length, 0);
    assert.equal(store.readSync({ fromTime: -1e15 }).toArray().length, COUNT);
    store.closeSync();
  });
});

describe('iterating', () => {
  test(
    'an event that is kept, keeps what it says',
    withStore(async (store) => {
      fill(store, 1000);
      const kept = await store.read().toArray();
      assert.equal(kept.length, 1000);
      kept.forEach((event, i) => {
        assert.ok(event instanceof Event);
        assert.deepEqual(event.data, { i });
        assert.equal(event.data, event.data);
      });
    }),
  );

  test(
    'a reader sees the log as it was when it began',
    withStore(async (store) => {
      fill(store, 300);
      const reader = store.read();
      await reader.next();
      fill(store, 300);
      assert.equal((await reader.toArray()).length, 299);
      const sync = store.readSync();
      sync.next();
      fill(store, 1);
      assert.equal(sync.toArray().length, 599);
    }),
  );

  test(
    'calls of next that do not wait for each other get the events in order',
    withStore(async (store) => {
      fill(store, 500);
      const reader = store.read();
      const all = await Promise.all(Array.from({ length: 510 }, () => reader.next()));
      assert.deepEqual(
        all.map(({ value }) => value?.position),
        Array.from({ length: 510 }, (_, i) => (i < 500 ? i : undefined)),
      );
      assert.deepEqual(await reader.next(), { value: undefined, done: true });
    }),
  );

  test(
    'leaving a loop ends the reader',
    withStore(async (store) => {
      fill(store, 1000);
      const reader = store.read();
      for await (const event of reader) if (event.position === 5) break;
      assert.deepEqual(await reader.next(), { value: undefined, done: true });
      const sync = store.readSync();
      for (const event of sync) if (event.position === 5) break;
      assert.deepEqual(sync.next(), { value: undefined, done: true });
      await assert.rejects(store.read().throw(new Error('mine')), { message: 'mine' });
      assert.throws(() => store.readSync().throw(new Error('mine')), { message: 'mine' });
      assert.deepEqual(await store.read().return(5), { value: 5, done: true });
      await until(() => store.stats().readers === 0, 'the end of the page that was fetched ahead');
    }),
  );

  test(
    'readers show what they read',
    withStore(async (store) => {
      for (const reader of [store.read(), store.follow(), store.readSync()]) {
        assert.match(inspect(reader), /^(Sync)?Reader of Store ".*" \{ open \}$/);
        await reader.return();
        assert.match(inspect(reader), /^(Sync)?Reader \{ over \}$/);
      }
    }),
  );

  test(
    'return while a page is being fetched',
    withStore(async (store) => {
      fill(store, 1000);
      const reader = store.read();
      const first = reader.next();
      await reader.return();
      assert.equal((await first).done, true);
      await until(() => store.stats().readers === 0, 'the end of the page');
    }),
  );

  test(
    'a signal ends it with its reason, before, between and during pages',
    withStore(async (store) => {
      fill(store, 1000);
      await assert.rejects(store.read({ signal: AbortSignal.abort() }).next(), { name: 'AbortError' });
      const controller = new AbortController();
      const reader = store.read({ signal: controller.signal });
      await reader.next();
      controller.abort(new Error('enough'));
      await assert.rejects(reader.next(), { message: 'enough' });
      assert.deepEqual(await reader.next(), { value: undefined, done: true });
      const other = new AbortController();
      const fetching = store.read({ signal: other.signal }).next();
      other.abort(new Error('now'));
      await assert.rejects(fetching, { message: 'now' });
    }),
  );

  test('closing the store ends readers with an error', async () => {
    const store = openSync(freshPath(), { durability: 'buffered' });
    fill(store, 1000);
    const reader = store.read();
    const sync = store.readSync();
    await reader.next();
    sync.next();
    const kept = (await reader.next()).value;
    await store.close();
    assert.deepEqual(kept.data, { i: 1 });
    await assert.rejects(reader.toArray(), { code: 'TALLY_E_CLOSED' });
    assert.throws(() => sync.toArray(), { code: 'TALLY_E_CLOSED' });
  });

  test(
    'large events come alone and whole',
    withStore(async (store) => {
      const sizes = [0, 1, 7, 8, 9, 65535, 65536, 300000, 262144 - 300, 5, 3 << 20];
      for (const size of sizes) store.appendSync('s', 't', Buffer.alloc(size, size % 251));
      const check = (event, i) => assert.ok(event.data.equals(Buffer.alloc(sizes[i], sizes[i] % 251)), `${sizes[i]}`);
      store.readSync().toArray().forEach(check);
      (await store.read().toArray()).forEach(check);
      for (let i = 0; i < sizes.length; i++) check(await store.get(i), i);
    }),
  );

  for (const query of [
    { steam: 'a' },
    { stream: 5 },
    { stream: 'a', prefix: 'b' },
    { fromVersion: 1 },
    { from: -1 },
    { from: 1.5 },
    { from: 2 ** 53 },
    { from: 5n },
    { types: 5 },
    { types: [5] },
    { types: Array(65).fill('a') },
    { types: '' },
    { tags: ['\ud800'] },
    { stream: 'a\0' },
    { fromTime: 'now' },
    { fromTime: new Date(NaN) },
    { backwards: 'yes' },
    { limit: -1 },
    { signal: {} },
    { onDamage: 5 },
    { subject: 'person/ada' },
    5,
    null,
    [],
  ]) {
    test(
      `a query ${inspect(query).slice(0, 60)} is refused`,
      withStore(async (store) => {
        fill(store, 3);
        await assert.rejects(
          async () => store.read(query).next(),
          (error) => error.code?.startsWith('TALLY_E_'),
        );
        assert.throws(
          () => store.readSync(query).next(),
          (error) => error.code?.startsWith('TALLY_E_'),
        );
      }),
    );
  }
});

describe('one event', () => {
  test(
    'by position, id, receipt, and version',
    withStore(async (store) => {
      const receipts = store.appendManySync([1, 2, 3].map((data) => ({ stream: 's', type: 't', data })));
      for (const [i, receipt] of receipts.entries()) {
        for (const which of [i, receipt.id, receipt.id.toUpperCase(), receipt, { stream: 's', version: i }]) {
          assert.equal((await store.get(which)).data, i + 1);
          assert.equal(store.getSync(which).position, i);
          if (which === i) continue;
          assert.equal(await store.find(which), i);
          assert.equal(store.findSync(which), i);
        }
      }
      assert.equal(store.getSync(store.getSync(1)).data, 2);
    }),
  );

  test(
    'until a signal aborts',
    withStore(async (store) => {
      store.appendSync('s', 't');
      const calls = {
        get: (signal) => store.get(0, { signal }),
        find: (signal) => store.find({ stream: 's', version: 0 }, { signal }),
        head: (signal) => store.head('s', { signal }),
        ancestors: (signal) => store.ancestors(0, { signal }),
      };
      for (const call of Object.values(calls)) {
        await assert.rejects(call(AbortSignal.abort()), { name: 'AbortError' });
        const controller = new AbortController();
        const asked = call(controller.signal);
        controller.abort(new Error('enough'));
        await assert.rejects(asked, { message: 'enough' });
        await call(new AbortController().signal);
        await assert.rejects(call(5), { code: 'TALLY_E_ARGUMENT' });
      }
      await assert.rejects(store.get(0, { singal: 5 }), { code: 'TALLY_E_OPTION' });
      await assert.rejects(store.find(0), { code: 'TALLY_E_ARGUMENT' });
    }),
  );

  test(
    'that is not there',
    withStore(async (store) => {
      const nobody = '00000000-0000-7000-8000-000000000000';
      store.appendSync('s', 't');
      await assert.rejects(store.get(1), { code: 'TALLY_E_RANGE' });
      assert.throws(() => store.getSync(2 ** 53 - 1), { code: 'TALLY_E_RANGE' });
      assert.throws(() => store.getSync(nobody), { code: 'TALLY_E_NOT_FOUND' });
      await assert.rejects(store.get({ stream: 's', version: 1 }), { code: 'TALLY_E_NOT_FOUND' });
      assert.equal(await store.find(nobody), undefined);
      assert.equal(store.findSync({ stream: 'other', version: 0 }), undefined);
    }),
  );

  for (const which of [
    undefined,
    null,
    -1,
    0.5,
    NaN,
    2 ** 53,
    5n,
    'x',
    {},
    { stream: 's' },
    { stream: 's', versoin: 0 },
    { stream: 's', version: -1 },
    [],
    () => {},
  ]) {
    test(
      `${inspect(which)} is refused`,
      withStore(async (store) => {
        store.appendSync('s', 't');
        for (const name of ['get', 'find']) {
          await assert.rejects(store[name](which), (error) => error.handling === 'caller');
          assert.throws(
            () => store[`${name}Sync`](which),
            (error) => error.handling === 'caller',
          );
        }
      }),
    );
  }

  test(
    'shows itself',
    withStore((store) => {
      const { id } = store.appendSync('account/42', 'account.opened', { plan: 'pro' }, { tags: 'a' });
      const event = store.getSync(0);
      assert.match(inspect(event), /^Event 0 account\.opened \{[^]*plan: 'pro'/);
      assert.match(inspect({ deep: { deeper: { event } } }), /\[Event\]/);
      const plain = JSON.parse(JSON.stringify(event));
      assert.deepEqual(plain.data, { plan: 'pro' });
      assert.equal(plain.id, id);
      assert.equal(plain.time, event.time.toISOString());
      assert.deepEqual([event.isSystem, event.isSealed], [false, false]);
      assert.ok(Math.abs(event.time.getTime() - Date.now()) < 60000);
      assert.equal(Math.floor(event.timeUs / 1000), event.time.getTime());
    }),
  );

  test(
    'bytes that somebody overwrites are his own',
    withStore((store) => {
      store.appendManySync([
        { stream: 's', type: 't', data: { a: 1 } },
        { stream: 's', type: 't', data: { a: 2 } },
      ]);
      const [first, second] = store.readSync().toArray();
      first.bytes.fill(0);
      structuredClone(first.bytes.buffer, { transfer: [] });
      assert.deepEqual([first.data, second.data], [{ a: 1 }, { a: 2 }]);
    }),
  );
});

describe('streams, types, tags', () => {
  test(
    'with their figures, in the order of their bytes',
    withStore(async (store) => {
      fill(store, 300);
      const wanted = [
        { name: 'a', count: 100, firstPosition: 0, lastPosition: 297 },
        { name: 'b', count: 100, firstPosition: 1, lastPosition: 298 },
        { name: 'c', count: 100, firstPosition: 2, lastPosition: 299 },
      ];
      assert.deepEqual(store.streamsSync().toArray(), wanted);
      assert.deepEqual(await store.streams().toArray(), wanted);
      assert.deepEqual(store.streamsSync({ after: 'a' }).toArray(), wanted.slice(1));
      assert.deepEqual(await store.streams({ prefix: 'b' }).toArray(), wanted.slice(1, 2));
      assert.deepEqual(
        store
          .typesSync()
          .toArray()
          .map(({ name, count }) => [name, count]),
        [0, 1, 2, 3, 4].map((i) => [`x.${i}`, 60]),
      );
      assert.equal((await store.types({ prefix: 'y' }).toArray()).length, 0);
      assert.deepEqual(await store.tags().toArray(), [
        { name: 'third:yes', count: 100, firstPosition: 0, lastPosition: 297 },
      ]);
      assert.equal(store.tagsSync().next().value.count, 100);
    }),
  );

  test(
    'over many pages',
    withStore(async (store) => {
      const names = Array.from({ length: 1000 }, (_, i) => `s/${String(i).padStart(5, '0')}/${'é'.repeat(i % 40)}`);
      store.appendManySync(names.map((stream) => ({ stream, type: 't' })));
      assert.deepEqual(
        (await store.streams().toArray()).map(({ name }) => name),
        names,
      );
      assert.deepEqual(
        store
          .streamsSync()
          .toArray()
          .map(({ name }) => name),
        names,
      );
      for await (const { name } of store.streams()) if (name.startsWith('s/00005')) break;
    }),
  );

  test(
    'hostile arguments and signals',
    withStore(async (store) => {
      fill(store, 3);
      for (const options of [{ prefx: 'a' }, { prefix: 5 }, 'a', null, { signal: 1 }]) {
        await assert.rejects(
          async () => store.streams(options).next(),
          (error) => error.handling === 'caller',
        );
        assert.throws(
          () => store.typesSync(options),
          (error) => error.handling === 'caller',
        );
      }
      await assert.rejects(store.tags({ signal: AbortSignal.abort() }).next(), { name: 'AbortError' });
    }),
  );

  test(
    'ends of streams, and chains of ancestors',
    withStore(async (store) => {
      fill(store, 30);
      assert.deepEqual(await store.head('b'), { nextVersion: 10, lastPosition: 28 });
      assert.deepEqual(store.headSync('none'), { nextVersion: 0, lastPosition: undefined });
      assert.deepEqual(await store.ancestors(9), { positions: [9, 6, 3, 0], ended: 'genesis' });
      assert.deepEqual(store.ancestorsSync(9, { limit: 2 }), { positions: [9, 6], ended: 'limit' });
      await assert.rejects(store.ancestors(30), { code: 'TALLY_E_RANGE' });
      for (const bad of [-1, 'x', undefined])
        await assert.rejects(store.ancestors(bad), (error) => error.handling === 'caller');
      await assert.rejects(store.ancestors(0, { limit: 0 }), { code: 'TALLY_E_RANGE' });
      await assert.rejects(store.head(5), { code: 'TALLY_E_ARGUMENT' });
      assert.throws(() => store.headSync(''), { code: 'TALLY_E_LENGTH' });
    }),
  );
});
