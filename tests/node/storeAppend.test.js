'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { inspect } = require('node:util');

const { TallyError, openSync } = require('tallystick');

const { freshPath, withStore } = require('./storeHelpers');

const id = (n) => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;

describe('data comes back as it went in', () => {
  const values = [
    ['an object', { a: [1, null, { b: 'ü' }] }, 'application/json'],
    ['a string', 'hello "you"', 'application/json'],
    ['a number', -1.5e300, 'application/json'],
    ['null', null, 'application/json'],
    ['false', false, 'application/json'],
    ['nothing', undefined, ''],
    ['half a surrogate pair', '\ud800', 'application/json'],
    ['text beyond the basic plane', '😀'.repeat(100), 'application/json'],
    ['long text', 'ü'.repeat(100000), 'application/json'],
    ['long ASCII', 'x'.repeat(65536), 'application/json'],
    ['text at the border', 'x'.repeat(65532), 'application/json'],
    ['long data', { rows: Array.from({ length: 50000 }, (_, i) => i) }, 'application/json'],
    ['a Buffer', Buffer.from([0, 255, 1]), 'application/octet-stream'],
    ['no bytes', Buffer.alloc(0), 'application/octet-stream'],
    ['a megabyte', Buffer.alloc(1 << 20, 7), 'application/octet-stream'],
  ];
  for (const [what, value, contentType] of values) {
    test(
      what,
      withStore(async (store) => {
        const receipts = [
          store.appendSync('s', 't', value),
          await store.append('s', 't', value),
          store.appendManySync([{ stream: 's', type: 't', data: value }])[0],
          (await store.appendMany([{ stream: 's', type: 't', data: value }]))[0],
          store.appendSync('s', 't', value, { tags: 'ümlaut' }),
          store.appendSync('s', 't', value, { contentType: undefined, tags: [] }),
          await store.append('s', 't', value, { durability: 'durable' }),
        ];
        receipts.forEach((receipt, i) => {
          assert.equal(receipt.position, i);
          assert.equal(receipt.version, i);
          const event = store.getSync(i);
          assert.deepEqual(event.data, value);
          assert.equal(event.contentType, contentType);
          assert.equal(event.id, receipt.id);
          assert.equal(event.hash, receipt.hash);
          assert.equal(event.timeUs, receipt.timeUs);
          assert.equal(event.logical, receipt.logical);
          assert.equal(event.correlation, receipt.id);
          assert.equal(event.causation, undefined);
          assert.equal(event.dataState, 'readable');
        });
      }),
    );
  }

  test(
    'views of any kind are bytes',
    withStore((store) => {
      const memory = new Uint8Array([9, 1, 2, 3, 4, 9]).buffer;
      const views = [
        new Uint8Array(memory, 1, 4),
        new Int8Array(memory, 1, 4),
        new DataView(memory, 1, 4),
        new Uint16Array(memory.slice(1, 5)),
        memory.slice(1, 5),
        Buffer.from(memory, 1, 4),
      ];
      for (const view of views) {
        const { position } = store.appendSync('s', 't', view);
        assert.deepEqual([...store.getSync(position).data], [1, 2, 3, 4]);
        const [receipt] = store.appendManySync([{ stream: 's', type: 't', data: view, tags: ['x'] }]);
        assert.deepEqual([...store.getSync(receipt.position).bytes], [1, 2, 3, 4]);
      }
      const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(5);
      assert.deepEqual([...store.getSync(store.appendSync('s', 't', shared).position).data], [5, 5, 5]);
    }),
  );

  test(
    'bytes are taken when the call is made',
    withStore(async (store) => {
      const data = Buffer.from('before');
      const promises = Array.from({ length: 50 }, () => store.append('s', 't', data, { durability: 'written' }));
      data.write('AFTER!');
      await Promise.all(promises);
      for (const event of store.readSync()) assert.equal(event.bytes.toString(), 'before');
    }),
  );

  test(
    'content types: JSON by another name, text, bytes of any kind',
    withStore((store) => {
      const append = (data, contentType) => store.getSync(store.appendSync('s', 't', data, { contentType }).position);
      assert.deepEqual(append({ a: 1 }, 'application/vnd.order+json; v=2').data, { a: 1 });
      assert.equal(append('a,b', 'text/csv').data, 'a,b');
      assert.deepEqual(append(Buffer.from('%PDF'), 'application/pdf').data, Buffer.from('%PDF'));
      assert.deepEqual(append(Buffer.from('{"a":2}'), 'application/json').data, { a: 2 });
      assert.deepEqual(append('raw', 'application/x-mine').data, Buffer.from('raw'));
      assert.throws(() => append({ a: 1 }, 'application/pdf'), { code: 'TALLY_E_ARGUMENT' });
    }),
  );

  const reversing = {
    contentType: 'application/x-reversed',
    encode: (value) => [...JSON.stringify(value)].reverse().join(''),
    decode: (bytes) => JSON.parse([...bytes.toString()].reverse().join('')),
  };

  test('through a codec of the store, of a call, and for reading only', async () => {
    const where = freshPath();
    const store = openSync(where, { codec: reversing, durability: 'buffered' });
    store.appendSync('s', 't', { a: 1 });
    await store.append('s', 't', { a: 2 });
    store.appendManySync([{ stream: 's', type: 't', data: { a: 3 } }]);
    store.appendSync('s', 't', Buffer.from('x'));
    store.appendSync('s', 't', { a: 4 }, { contentType: 'application/json' });
    store.closeSync();
    const again = openSync(where, { codecs: [reversing], durability: 'buffered' });
    assert.deepEqual(
      again
        .readSync()
        .toArray()
        .map((event) => event.data),
      [{ a: 1 }, { a: 2 }, { a: 3 }, Buffer.from('x'), { a: 4 }],
    );
    assert.deepEqual(again.getSync(0).bytes.toString(), '}1:"a"{');
    again.appendSync('s', 't', { a: 5 }, { codec: reversing });
    assert.equal(again.getSync(5).contentType, reversing.contentType);
    again.closeSync();
    const plain = openSync(where);
    assert.ok(Buffer.isBuffer(plain.getSync(0).data));
    plain.closeSync();
  });

  for (const [what, data] of [
    ['a function', () => {}],
    ['a symbol', Symbol('x')],
    ['a bigint', 5n],
    [
      'a circle',
      (() => {
        const circle = {};
        circle.self = circle;
        return circle;
      })(),
    ],
    [
      'a toJSON that throws',
      {
        toJSON() {
          throw new Error('no');
        },
      },
    ],
    ['a toJSON that gives nothing', { toJSON() {} }],
  ]) {
    test(
      `${what} is refused`,
      withStore(async (store) => {
        assert.throws(() => store.appendSync('s', 't', data), { code: 'TALLY_E_ARGUMENT' });
        assert.throws(() => store.appendManySync([{ stream: 's', type: 't', data }]), { code: 'TALLY_E_ARGUMENT' });
        await assert.rejects(store.append('s', 't', data), { code: 'TALLY_E_ARGUMENT' });
        await assert.rejects(store.appendMany([{ stream: 's', type: 't', data }]), { code: 'TALLY_E_ARGUMENT' });
        assert.equal(store.watermarks().buffered, 0);
      }),
    );
  }

  test(
    'a toJSON that appends is no harm',
    withStore((store) => {
      const data = { toJSON: () => store.appendSync('inner', 't', 'in').position };
      assert.equal(store.appendSync('outer', 't', data).position, 1);
      assert.equal(store.getSync(1).data, 0);
      const [receipt] = store.appendManySync([{ stream: 'outer', type: 't', data }]);
      assert.equal(receipt.position, 3);
      assert.equal(store.getSync(3).data, 2);
      assert.equal(store.getSync(2).stream, 'inner');
    }),
  );
});

describe('extras', () => {
  test(
    'all of them come back',
    withStore((store) => {
      const occurred = new Date('1969-07-20T20:17:40.123Z');
      const extras = {
        tags: ['b:2', 'a:1', 'a:1', 'ü'],
        id: id(1),
        correlation: id(2),
        causation: id(3),
        occurred,
        schema: 4294967295,
        key: 'kéy',
      };
      const check = (position, ownId) => {
        const event = store.getSync(position);
        assert.deepEqual(event.tags, ['a:1', 'b:2', 'ü']);
        assert.equal(event.id, ownId);
        assert.equal(event.correlation, id(2));
        assert.equal(event.causation, id(3));
        assert.deepEqual(event.occurred, occurred);
        assert.equal(event.occurredUs, occurred.getTime() * 1000);
        assert.equal(event.schema, 4294967295);
        assert.equal(event.batchCount, 1);
      };
      check(store.appendSync('s', 't', 1, extras).position, id(1));
      const more = { ...extras, id: id(9), key: Buffer.from([0, 255]) };
      check(store.appendManySync([{ stream: 's', type: 't', data: 1, ...more }])[0].position, id(9));
      assert.equal(store.getSync(store.appendSync('s', 't', 1, { occurred: -1 }).position).occurredUs, -1);
      assert.equal(store.getSync(store.appendSync('s', 't', 1, { occurred: 0 }).position).occurredUs, 0);
      assert.equal(store.getSync(store.appendSync('s', 't').position).occurred, undefined);
    }),
  );

  test(
    'names that are not ASCII, long ones, many tags',
    withStore((store) => {
      const stream = 'ü'.repeat(256);
      const tags = Array.from({ length: 32 }, (_, i) => `tag:${String(i).padStart(2, '0')}:${'é'.repeat(200)}`);
      store.appendSync(stream, '日本/語', 'x', { tags });
      store.appendManySync([
        { stream, type: '日本/語', data: 'x', tags },
        { stream: 'ascii', type: 'plain', data: 'y' },
      ]);
      for (const position of [0, 1]) {
        const event = store.getSync(position);
        assert.equal(event.stream, stream);
        assert.equal(event.type, '日本/語');
        assert.deepEqual(event.tags, tags);
      }
      assert.equal(store.getSync(2).data, 'y');
      assert.equal(store.getSync(store.appendSync('\ufffd', 't\ufffd').position).stream, '\ufffd');
    }),
  );

  for (const [what, call, wanted] of [
    ['no stream', (s) => s.appendSync(), 'TALLY_E_ARGUMENT'],
    ['no type', (s) => s.appendSync('s'), 'TALLY_E_ARGUMENT'],
    ['a number as stream', (s) => s.appendSync(5, 't'), 'TALLY_E_ARGUMENT'],
    ['an object as type', (s) => s.appendSync('s', { toString: () => 't' }), 'TALLY_E_ARGUMENT'],
    ['an empty stream', (s) => s.appendSync('', 't'), 'TALLY_E_LENGTH'],
    ['a long stream', (s) => s.appendSync('s'.repeat(513), 't'), 'TALLY_E_LENGTH'],
    ['a very long type', (s) => s.appendSync('s', 't'.repeat(100000)), 'TALLY_E_LENGTH'],
    ['a type of too many bytes', (s) => s.appendSync('s', 'ü'.repeat(257)), 'TALLY_E_LENGTH'],
    ['a NUL', (s) => s.appendSync('s\0', 't'), 'TALLY_E_NUL'],
    ['a control character', (s) => s.appendSync('s', 't\u0085'), 'TALLY_E_NAME'],
    ['half a pair in a stream', (s) => s.appendSync('s\ud800', 't'), 'TALLY_E_UTF8'],
    ['half a pair in a batch', (s) => s.appendManySync([{ stream: '\udc00', type: 't' }]), 'TALLY_E_UTF8'],
    ['halves that meet', (s) => s.appendManySync([{ stream: 's\ud83d', type: '\ude00' }]), 'TALLY_E_UTF8'],
    ['a name of the library', (s) => s.appendSync('$log', 't'), 'TALLY_E_NAME'],
    ['a type of the library', (s) => s.appendSync('s', 'tally.x'), 'TALLY_E_NAME'],
    ['33 tags', (s) => s.appendSync('s', 't', 1, { tags: Array.from({ length: 33 }, String) }), 'TALLY_E_LIMIT'],
    ['an empty tag', (s) => s.appendSync('s', 't', 1, { tags: [''] }), 'TALLY_E_LENGTH'],
    ['tags that are no texts', (s) => s.appendSync('s', 't', 1, { tags: [5] }), 'TALLY_E_ARGUMENT'],
    ['an id that is none', (s) => s.appendSync('s', 't', 1, { id: 'x' }), 'TALLY_E_ARGUMENT'],
    ['an id with bad digits', (s) => s.appendSync('s', 't', 1, { id: `${id(1).slice(0, 35)}g` }), 'TALLY_E_ARGUMENT'],
    ['a bad date', (s) => s.appendSync('s', 't', 1, { occurred: new Date(NaN) }), 'TALLY_E_RANGE'],
    ['a time in text', (s) => s.appendSync('s', 't', 1, { occurred: 'now' }), 'TALLY_E_ARGUMENT'],
    ['a fraction of a schema', (s) => s.appendSync('s', 't', 1, { schema: 1.5 }), 'TALLY_E_ARGUMENT'],
    ['a negative schema', (s) => s.appendSync('s', 't', 1, { schema: -1 }), 'TALLY_E_RANGE'],
    ['a subject', (s) => s.appendSync('s', 't', 1, { subject: 'person/ada' }), 'TALLY_E_UNSUPPORTED'],
    ['a misspelt option', (s) => s.appendSync('s', 't', 1, { tag: 'x' }), 'TALLY_E_OPTION'],
    ['a misspelt durability', (s) => s.appendSync('s', 't', 1, { durability: 'bufferd' }), 'TALLY_E_OPTION'],
    ['a durability of a prototype', (s) => s.appendSync('s', 't', 1, { durability: 'toString' }), 'TALLY_E_OPTION'],
    ['options in text', (s) => s.appendSync('s', 't', 1, 'durable'), 'TALLY_E_ARGUMENT'],
    ['a misspelt member', (s) => s.appendManySync([{ steam: 's', type: 't' }]), 'TALLY_E_OPTION'],
    ['an event that is none', (s) => s.appendManySync([null]), 'TALLY_E_ARGUMENT'],
    ['no events', (s) => s.appendManySync([]), 'TALLY_E_LENGTH'],
    ['events that are none', (s) => s.appendManySync(5), 'TALLY_E_ARGUMENT'],
    ['a text of events', (s) => s.appendManySync('abc'), 'TALLY_E_ARGUMENT'],
    ['a cause that comes later', (s) => s.appendManySync([{ stream: 's', type: 't', cause: 0 }]), 'TALLY_E_ARGUMENT'],
    ['too many events', (s) => s.appendManySync(Array(65537).fill({ stream: 's', type: 't' })), 'TALLY_E_LIMIT'],
    ['a bad expectation', (s) => s.appendSync('s', 't', 1, { expect: 'nostream' }), 'TALLY_E_OPTION'],
    ['a negative version', (s) => s.appendSync('s', 't', 1, { expect: -1 }), 'TALLY_E_RANGE'],
    ['an empty expectation', (s) => s.appendSync('s', 't', 1, { expectations: [{}] }), 'TALLY_E_ARGUMENT'],
    ['an empty condition', (s) => s.appendSync('s', 't', 1, { conditions: [{}] }), 'TALLY_E_ARGUMENT'],
    ['a misspelt condition', (s) => s.appendSync('s', 't', 1, { conditions: [{ type: 'x' }] }), 'TALLY_E_OPTION'],
    ['a signal at once', (s) => s.appendSync('s', 't', 1, { signal: AbortSignal.abort() }), 'TALLY_E_OPTION'],
  ]) {
    test(
      `${what} is refused`,
      withStore((store) => {
        assert.throws(
          () => call(store),
          (error) => {
            assert.ok(error instanceof TallyError, inspect(error));
            assert.equal(error.code, wanted, inspect(error));
            assert.ok(error.hint.length > 0);
            return true;
          },
        );
        assert.equal(store.watermarks().buffered, 0);
        assert.equal(store.appendSync('s', 't').position, 0);
      }),
    );
  }
});

describe('conditions', () => {
  test(
    'an expected version',
    withStore(async (store) => {
      store.appendSync('s', 't', 1, { expect: 'no-stream' });
      assert.throws(() => store.appendSync('s', 't', 1, { expect: 'no-stream' }), {
        code: 'TALLY_E_CONFLICT',
        position: 1,
      });
      store.appendSync('s', 't', 2, { expect: 0 });
      store.appendSync('s', 't', 3, { expect: 'exists' });
      store.appendSync('s', 't', 4, { expect: 'any' });
      await assert.rejects(store.append('s', 't', 5, { expect: 0 }), { code: 'TALLY_E_CONFLICT', position: 4 });
      await store.append('s', 't', 5, { expect: 3 });
      assert.throws(() => store.appendSync('other', 't', 1, { expect: 'exists' }), {
        code: 'TALLY_E_CONFLICT',
        position: 0,
      });
      store.appendSync('other', 't', 1, { expectations: [{ stream: 's', expect: 4 }, { expect: 'no-stream' }] });
      await assert.rejects(
        store.appendMany([{ stream: 'q', type: 't' }], { expectations: [{ stream: 's', expect: 'no-stream' }] }),
        (error) => error.handling === 'conflict',
      );
    }),
  );

  test(
    'events that must not have come',
    withStore((store) => {
      store.appendSync('s', 'order.paid', 1, { tags: ['order:1'] });
      const from = 1;
      store.appendSync('s', 'note', 2, { tags: ['order:1'] });
      const append = (condition) => () => store.appendSync('s', 'order.shipped', 3, { conditions: [condition] });
      assert.throws(append({ types: 'order.*' }), { code: 'TALLY_E_CONFLICT', position: 0 });
      append({ types: ['order.*', 'x'], tags: ['order:1'], from })();
      assert.throws(append({ types: ['order.*'], from }), { code: 'TALLY_E_CONFLICT', position: 2 });
      assert.throws(append({ tags: 'order:1', from }), { code: 'TALLY_E_CONFLICT', position: 1 });
      append({ types: 'order.cancelled' })();
    }),
  );

  test(
    'an id only once',
    withStore((store) => {
      store.appendSync('s', 't', 1, { id: id(1) });
      assert.throws(() => store.appendSync('s', 't', 1, { id: id(1) }), { code: 'TALLY_E_EXISTS', position: 0 });
      assert.throws(() => store.appendManySync([1, 2].map(() => ({ stream: 's', type: 't', id: id(2) }))), TallyError);
      assert.equal(store.watermarks().buffered, 1);
    }),
  );

  test(
    'a key only once',
    withStore(async (store) => {
      const first = store.appendSync('s', 't', { a: 1 }, { key: 'k' });
      assert.equal(first.repeated, false);
      const again = await store.append('s', 't', { a: 1 }, { key: 'k' });
      assert.equal(again.repeated, true);
      assert.equal(again.position, first.position);
      assert.equal(again.id, first.id);
      assert.equal(again.hash, first.hash);
      assert.throws(() => store.appendSync('s', 't', { a: 2 }, { key: 'k' }), {
        code: 'TALLY_E_REUSED',
        position: 0,
      });
      const drafts = [1, 2].map((i) => ({ stream: 's', type: 't', data: i, key: `batch:${i}` }));
      const receipts = store.appendManySync(drafts);
      assert.deepEqual(
        (await store.appendMany(drafts)).map((receipt) => receipt.position),
        receipts.map((receipt) => receipt.position),
      );
    }),
  );
});

describe('batches', () => {
  test(
    'are one commit, and name causes among themselves',
    withStore(async (store) => {
      const batch = store.batch();
      const first = batch.append('order/1', 'order.paid', { total: 5 }, { tags: 'a' });
      assert.equal(first, 0);
      assert.equal(batch.append('order/1', 'order.shipped', undefined, { cause: first }), 1);
      assert.equal(batch.length, 2);
      assert.throws(() => batch.append('order/1', 'x', 1, { tgas: [] }), { code: 'TALLY_E_OPTION' });
      const receipts = await batch.commit({ durability: 'durable' });
      assert.deepEqual(
        receipts.map((receipt) => receipt.position),
        [0, 1],
      );
      assert.equal(receipts[1].durability, 'durable');
      assert.equal(batch.length, 0);
      const [paid, shipped] = store.readSync().toArray();
      assert.equal(shipped.causation, paid.id);
      assert.equal(shipped.correlation, paid.id);
      assert.deepEqual([shipped.batchIndex, shipped.batchCount], [1, 2]);
      assert.equal(shipped.data, undefined);
      batch.append('order/1', 'again');
      assert.equal(batch.commitSync()[0].position, 2);
    }),
  );

  test(
    'are all or nothing',
    withStore((store) => {
      const drafts = [
        { stream: 's', type: 't' },
        { stream: 's', type: '' },
      ];
      assert.throws(
        () => store.appendManySync(drafts),
        (error) => error.message.includes('1'),
      );
      assert.equal(store.watermarks().buffered, 0);
    }),
  );

  test(
    'take any iterable',
    withStore((store) => {
      const drafts = function* () {
        for (let i = 0; i < 10; i++) yield { stream: `s${i % 2}`, type: 't', data: i };
      };
      assert.equal(store.appendManySync(drafts()).length, 10);
      assert.equal(store.appendManySync(new Set(drafts())).at(-1).version, 9);
    }),
  );

  test(
    'of all kinds of data at once',
    withStore((store) => {
      const values = [1, 'ü', Buffer.from('raw'), undefined, null, { a: '😀' }, Buffer.alloc(0), 'x'.repeat(70000)];
      const drafts = [];
      for (let i = 0; i < 200; i++) {
        drafts.push({ stream: `s/${i % 7}`, type: `t.${i % 3}`, data: values[i % values.length] });
        if (i % 5 === 0) drafts.at(-1).tags = [`i:${i}`, 'é'];
        if (i % 11 === 0) drafts.at(-1).occurred = i;
      }
      store.appendManySync(drafts);
      store
        .readSync()
        .toArray()
        .forEach((event, i) => {
          assert.equal(event.stream, drafts[i].stream);
          assert.equal(event.type, drafts[i].type);
          assert.deepEqual(event.data, drafts[i].data);
          assert.deepEqual(event.tags, drafts[i].tags ?? []);
          assert.equal(event.occurredUs, drafts[i].occurred);
        });
    }),
  );
});
