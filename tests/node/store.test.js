'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { pathToFileURL } = require('node:url');
const { inspect } = require('node:util');

const tallystick = require('tallystick');

const { freshPath, withStore } = require('./storeHelpers');

const { open, openSync } = tallystick;

describe('opening', () => {
  test('makes a store, promised or at once, and opens it again', async () => {
    const where = freshPath();
    const first = await open(where);
    assert.ok(first instanceof tallystick.Store);
    assert.equal(first.path, where);
    assert.equal(first.closed, false);
    await first.append('a', 'b', 1);
    await first.close();
    const second = openSync(where, { mode: 'existing' });
    assert.equal(second.getSync(0).data, 1);
    second.closeSync();
  });

  test('takes a file: URL and bytes', () => {
    const where = freshPath();
    openSync(pathToFileURL(where)).closeSync();
    openSync(Buffer.from(where), { mode: 'existing' }).closeSync();
  });

  test('is refused against its mode', async () => {
    const where = freshPath();
    assert.throws(() => openSync(where, { mode: 'existing' }), { code: 'TALLY_E_NOT_FOUND' });
    await assert.rejects(open(where, { mode: 'existing' }), { code: 'TALLY_E_NOT_FOUND' });
    openSync(where, { mode: 'new' }).closeSync();
    assert.throws(() => openSync(where, { mode: 'new' }), { code: 'TALLY_E_EXISTS' });
  });

  test('a second writer is told that it is locked', async () => {
    const where = freshPath();
    const store = openSync(where);
    assert.throws(
      () => openSync(where),
      (error) => error instanceof tallystick.LockedError && error.handling === 'transient',
    );
    await assert.rejects(open(where), { code: 'TALLY_E_LOCKED' });
    const reader = openSync(where, { mode: 'read-only' });
    assert.equal(reader.readOnly, true);
    assert.throws(() => reader.appendSync('a', 'b'), { code: 'TALLY_E_READ_ONLY' });
    await assert.rejects(reader.append('a', 'b'), { code: 'TALLY_E_READ_ONLY' });
    reader.closeSync();
    store.closeSync();
  });

  test('what is no store is refused', () => {
    const where = freshPath();
    fs.mkdirSync(where);
    fs.writeFileSync(path.join(where, 'notes.txt'), 'hello');
    assert.throws(
      () => openSync(where),
      (error) => error.code === 'TALLY_E_FORMAT' && error.path.startsWith(where),
    );
    const file = freshPath();
    fs.writeFileSync(file, 'hello');
    assert.throws(() => openSync(file), tallystick.TallyError);
  });

  test('takes all options', () => {
    const where = freshPath();
    const options = {
      mode: 'new',
      name: 'ledger',
      digest: 'blake2b',
      check: 'always',
      map: 'never',
      fileMode: 0o640,
      allowRemote: true,
      segmentBytes: 65536,
      queueBytes: 1 << 20,
      syncEvents: Infinity,
      syncBytes: Infinity,
      syncIntervalMs: 50,
      idempotencyEvents: 100,
      idempotencyAgeS: 60,
      durability: 'written',
      codecs: [],
    };
    const store = openSync(where, options);
    const info = store.info();
    assert.equal(info.name, 'ledger');
    assert.equal(info.digest, 'blake2b');
    assert.equal(info.mode, 'new');
    assert.equal(info.writerEpoch, 1);
    assert.match(info.lineage, /^[0-9a-f]{8}-[0-9a-f]{4}-/);
    assert.equal(info.recovery.happened, false);
    assert.equal(store.appendSync('a', 'b').durability, 'written');
    const segment = fs.readdirSync(where).find((name) => name.endsWith('.seg'));
    assert.equal(fs.statSync(path.join(where, segment)).mode & 0o777, 0o640);
    store.closeSync();
  });

  for (const [options, wanted] of [
    [{ readonly: true }, { code: 'TALLY_E_OPTION' }],
    [{ durabilty: 'buffered' }, { code: 'TALLY_E_OPTION', hint: 'did you mean durability?' }],
    [{ segmentbytes: 1 }, { code: 'TALLY_E_OPTION', hint: 'did you mean segmentBytes?' }],
    [{ mode: 'readonly' }, { code: 'TALLY_E_OPTION', hint: 'did you mean read-only?' }],
    [{ mode: 3 }, { code: 'TALLY_E_OPTION' }],
    [{ segmentBytes: 1 }, { code: 'TALLY_E_RANGE' }],
    [{ segmentBytes: 70000.5 }, { code: 'TALLY_E_ARGUMENT' }],
    [{ syncEvents: 0 }, { code: 'TALLY_E_RANGE' }],
    [{ name: 'a b' }, { code: 'TALLY_E_NAME' }],
    [{ codec: {} }, { code: 'TALLY_E_ARGUMENT' }],
    [{ durability: 'fsync' }, { code: 'TALLY_E_OPTION' }],
    [{ signal: 5 }, { code: 'TALLY_E_ARGUMENT' }],
    ['fast', { code: 'TALLY_E_ARGUMENT' }],
    [null, { code: 'TALLY_E_ARGUMENT' }],
  ]) {
    test(`refuses ${inspect(options)}`, async () => {
      const where = freshPath();
      await assert.rejects(open(where, options), wanted);
      assert.equal(fs.existsSync(where), false);
    });
  }

  for (const where of [undefined, null, 5, {}, [], '', 'a\0b', '\ud800', 'x'.repeat(500), Buffer.from([0xff])]) {
    test(`refuses the path ${inspect(where)?.slice(0, 30)}`, async () => {
      assert.throws(() => openSync(where), tallystick.TallyError);
      await assert.rejects(open(where), tallystick.TallyError);
    });
  }

  test('a signal that is aborted already opens nothing', async () => {
    const where = freshPath();
    await assert.rejects(open(where, { signal: AbortSignal.abort() }), { name: 'AbortError' });
    assert.equal(fs.existsSync(where), false);
  });

  test('a signal that aborts meanwhile closes what was opened', async () => {
    const where = freshPath();
    const controller = new AbortController();
    const opening = open(where, { signal: controller.signal });
    controller.abort(new Error('changed my mind'));
    await assert.rejects(opening, { message: 'changed my mind' });
    openSync(where).closeSync();
  });

  test('only open makes a Store, and only reading makes events', () => {
    assert.throws(() => new tallystick.Store(), { code: 'TALLY_E_ARGUMENT' });
    assert.throws(() => new tallystick.Event(), TypeError);
    assert.throws(() => new tallystick.Receipt(), TypeError);
  });
});

describe('closing', () => {
  test('may be done again, in both ways', async () => {
    const store = openSync(freshPath());
    assert.equal(store.close(), store.close());
    await store.close();
    store.closeSync();
    store[Symbol.dispose ?? Symbol.for('Symbol.dispose')]();
    await store[Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]();
    assert.equal(store.closed, true);
    assert.match(inspect(store), /closed/);
  });

  const calls = {
    append: (store) => store.append('a', 'b'),
    appendSync: (store) => store.appendSync('a', 'b'),
    appendMany: (store) => store.appendMany([{ stream: 'a', type: 'b' }]),
    appendManySync: (store) => store.appendManySync([{ stream: 'a', type: 'b' }]),
    batch: (store) => store.batch(),
    gate: (store) => store.gate(() => {}),
    read: (store) => store.read(),
    readSync: (store) => store.readSync(),
    follow: (store) => store.follow(),
    get: (store) => store.get(0),
    getSync: (store) => store.getSync(0),
    find: (store) => store.find({ stream: 'a', version: 0 }),
    findSync: (store) => store.findSync({ stream: 'a', version: 0 }),
    head: (store) => store.head('a'),
    headSync: (store) => store.headSync('a'),
    ancestors: (store) => store.ancestors(0),
    ancestorsSync: (store) => store.ancestorsSync(0),
    streams: (store) => store.streams(),
    streamsSync: (store) => store.streamsSync(),
    types: (store) => store.types(),
    typesSync: (store) => store.typesSync(),
    tags: (store) => store.tags(),
    tagsSync: (store) => store.tagsSync(),
    on: (store) => store.on('*', () => {}),
    onPanic: (store) => store.onPanic(() => {}),
    watermarks: (store) => store.watermarks(),
    sync: (store) => store.sync(),
    syncSync: (store) => store.syncSync(),
    wait: (store) => store.wait(0),
    waitSync: (store) => store.waitSync(0),
    stats: (store) => store.stats(),
    info: (store) => store.info(),
    backup: (store) => store.backup(freshPath()),
    backupSync: (store) => store.backupSync(freshPath()),
    signing: (store) => store.signing(),
    checkpoint: (store) => store.checkpoint(),
    checkpointSync: (store) => store.checkpointSync(),
    prove: (store) => store.prove(0),
    proveSync: (store) => store.proveSync(0),
    consistency: (store) => store.consistency(0, 0),
    consistencySync: (store) => store.consistencySync(0, 0),
    getStored: (store) => store.getStored(0),
    getStoredSync: (store) => store.getStoredSync(0),
    keepNote: (store) => store.keepNote('x'),
    keepNoteSync: (store) => store.keepNoteSync('x'),
    rotateKey: (store) => store.rotateKey({ keyPath: 'x' }),
    rotateKeySync: (store) => store.rotateKeySync({ keyPath: 'x' }),
    verify: (store) => store.verify(),
    verifySync: (store) => store.verifySync(),
  };

  test('every method is in the table below', () => {
    const methods = Object.getOwnPropertyNames(tallystick.Store.prototype).filter(
      (name) => !['constructor', 'path', 'readOnly', 'closed', 'close', 'closeSync'].includes(name),
    );
    assert.deepEqual(methods.sort(), Object.keys(calls).sort());
  });

  for (const [name, call] of Object.entries(calls)) {
    test(`${name} of a closed store says that it is closed`, async () => {
      const store = openSync(freshPath());
      store.closeSync();
      await assert.rejects(async () => call(store), { code: 'TALLY_E_CLOSED' });
    });
  }
});

describe('code of the caller that closes the store in the middle of a call', () => {
  const data = (store) => ({ toJSON: () => (store.closeSync(), 1) });
  const codec = (store) => ({ contentType: 'x/y', encode: () => (store.closeSync(), 'x'), decode: String });
  const options = (store) => ({
    get durability() {
      store.closeSync();
      return 'buffered';
    },
  });
  const closingList = (store) =>
    Object.defineProperty(['x'], 0, {
      get() {
        store.closeSync();
        return 'x';
      },
    });
  const events = function* (store) {
    yield { stream: 's', type: 't' };
    store.closeSync();
    yield { stream: 's', type: 't' };
  };
  for (const [what, call] of [
    ['data, at once', (store) => store.appendSync('s', 't', data(store))],
    ['data, promised', (store) => store.append('s', 't', data(store), { durability: 'durable' })],
    ['data, in a batch', (store) => store.appendManySync([{ stream: 's', type: 't', data: data(store) }])],
    ['a codec', (store) => store.append('s', 't', {}, { codec: codec(store) })],
    ['options', (store) => store.appendSync('s', 't', 1, options(store))],
    ['options, promised', (store) => store.append('s', 't', 1, options(store))],
    ['keys of witnesses', (store) => store.keepNoteSync('x', closingList(store))],
    ['keys of witnesses, promised', (store) => store.keepNote('x', closingList(store))],
    ['keys that are believed', (store) => store.verifySync({ keys: closingList(store) })],
    ['keys that are believed, promised', (store) => store.verify({ keys: closingList(store) })],
    ['an iterable', (store) => store.appendManySync(events(store))],
    ['an iterable, promised', (store) => store.appendMany(events(store))],
    [
      'a query',
      (store) =>
        store
          .readSync({
            get stream() {
              store.closeSync();
              return 's';
            },
          })
          .next(),
    ],
    [
      'a query, promised',
      (store) =>
        store
          .read({
            get stream() {
              store.closeSync();
              return 's';
            },
          })
          .next(),
    ],
    [
      'a key',
      (store) =>
        store.get({
          get stream() {
            store.closeSync();
            return 's';
          },
          version: 0,
        }),
    ],
    [
      'a list',
      (store) =>
        store
          .streams({
            get prefix() {
              store.closeSync();
              return 's';
            },
          })
          .next(),
    ],
  ]) {
    test(`${what}: says that it is closed`, async () => {
      const store = openSync(freshPath(), { durability: 'buffered' });
      await assert.rejects(async () => call(store), { code: 'TALLY_E_CLOSED' });
    });
  }

  test('a handler and a decode may close it too', async () => {
    const store = openSync(freshPath(), { durability: 'buffered' });
    let seen = 0;
    store.on('*', () => {
      seen++;
      store.closeSync();
    });
    for (let i = 0; i < 10; i++) store.appendSync('s', 't', i);
    while (!store.closed) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(seen, 1);
    const other = openSync(freshPath(), {
      codec: { contentType: 'x/y', encode: String, decode: () => other.closeSync() },
    });
    other.appendSync('s', 't', 1);
    assert.equal(other.getSync(0).data, undefined);
    assert.equal(other.closed, true);
  });

  test('what a getter throws comes through', async () => {
    const store = openSync(freshPath());
    const hostile = {
      get durability() {
        throw new RangeError('mine');
      },
    };
    assert.throws(() => store.appendSync('s', 't', 1, hostile), { message: 'mine' });
    await assert.rejects(store.append('s', 't', 1, hostile), { message: 'mine' });
    await assert.rejects(
      store.append(
        's',
        't',
        1,
        new Proxy(
          {},
          {
            ownKeys() {
              throw new RangeError('mine');
            },
          },
        ),
      ),
      { message: 'mine' },
    );
    store.closeSync();
  });
});

describe('looking', () => {
  test(
    'figures and facts',
    withStore({ durability: 'written' }, (store) => {
      for (let i = 0; i < 10; i++) store.appendSync('a', 'b', { i });
      const stats = store.stats();
      assert.equal(stats.events, 10);
      assert.equal(stats.appendedEvents, 10);
      assert.ok(stats.fileBytes > 0 && stats.heapBytes > 0);
      for (const [name, figure] of Object.entries(stats)) assert.ok(Number.isSafeInteger(figure), name);
      assert.match(inspect(store), /Store ".*" \{ open \}/);
    }),
  );

  test(
    'watermarks rise in order',
    withStore((store) => {
      assert.deepEqual(store.watermarks(), { buffered: 0, written: 0, durable: 0 });
      store.appendSync('a', 'b');
      assert.equal(store.watermarks().buffered, 1);
      store.appendSync('a', 'b', 1, { durability: 'written' });
      assert.equal(store.watermarks().written, 2);
      store.syncSync();
      assert.deepEqual(store.watermarks(), { buffered: 2, written: 2, durable: 2 });
    }),
  );
});
