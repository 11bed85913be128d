'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { test } = require('node:test');

const fc = require('fast-check');
const { openSync } = require('tallystick');

const { freshPath } = require('./storeHelpers');

// A store and a list of plain objects go through the same commands; whatever the store gives must be what a
// loop over the list gives. Closing and opening again is one of the commands.

const name = fc.constantFrom('a', 'a/1', 'a/2', 'b', 'ü/😀');
const type = fc.constantFrom('x.y', 'x.z', 'x', 'w.y');
const tags = fc.uniqueArray(fc.constantFrom('t:1', 't:2', 'é'), { maxLength: 3 });
const data = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.constant(undefined),
  fc.string({ minLength: 3000, maxLength: 3100 }),
);
const draft = fc.record({ stream: name, type, data, tags });
const durability = fc.constantFrom('buffered', 'written', 'durable');

const query = fc.record(
  {
    stream: name,
    prefix: fc.constantFrom('a', 'a/', 'ü'),
    types: fc.uniqueArray(fc.constantFrom('x.y', 'x.*', 'w.*', 'x'), { minLength: 1, maxLength: 3 }),
    tags: fc.uniqueArray(fc.constantFrom('t:1', 't:2', 'é'), { maxLength: 2 }),
    from: fc.nat(60),
    to: fc.nat(60),
    limit: fc.nat(20),
    backwards: fc.boolean(),
  },
  { requiredKeys: [] },
);

const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constant('append'), draft, durability }) },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('appendMany'),
      drafts: fc.array(draft, { minLength: 1, maxLength: 8 }),
      durability,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('promised'),
      drafts: fc.array(draft, { minLength: 1, maxLength: 8 }),
      durability,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant('expect'),
      draft,
      expect: fc.oneof(fc.nat(5), fc.constantFrom('no-stream', 'exists')),
    }),
  },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('read'), query }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('look'), stream: name, version: fc.nat(10) }) },
  { weight: 1, arbitrary: fc.constant({ what: 'lists' }) },
  { weight: 1, arbitrary: fc.constant({ what: 'reopen' }) },
);

const normal = (value) => (value === undefined || Buffer.isBuffer(value) ? value : JSON.parse(JSON.stringify(value)));

class Model {
  rows = [];

  add({ stream, type: itsType, data: itsData, tags: itsTags }) {
    const version = this.count(stream);
    this.rows.push({
      position: this.rows.length,
      version,
      stream,
      type: itsType,
      data: normal(itsData),
      tags: [...itsTags].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    });
  }

  count(stream) {
    return this.rows.filter((row) => row.stream === stream).length;
  }

  find({ stream, prefix, types, tags: all = [], from = 0, to = Infinity, limit = Infinity, backwards = false }) {
    const isType = (row, pattern) =>
      pattern.endsWith('.*') ? row.type.startsWith(pattern.slice(0, -1)) : row.type === pattern;
    const found = this.rows.filter(
      (row) =>
        (stream === undefined || row.stream === stream) &&
        (prefix === undefined || row.stream.startsWith(prefix)) &&
        (types === undefined || types.some((pattern) => isType(row, pattern))) &&
        all.every((tag) => row.tags.includes(tag)) &&
        row.position >= from &&
        row.position < to,
    );
    return (backwards ? found.reverse() : found).slice(0, limit);
  }

  list(key) {
    const figures = new Map();
    for (const row of this.rows) {
      for (const each of [row[key]].flat()) {
        const figure = figures.get(each) ?? { name: each, count: 0, firstPosition: row.position };
        figure.count++;
        figure.lastPosition = row.position;
        figures.set(each, figure);
      }
    }
    return [...figures.values()].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  }
}

const plain = ({ position, version, stream, type: itsType, data: itsData, tags: itsTags }) => ({
  position,
  version,
  stream,
  type: itsType,
  data: itsData,
  tags: itsTags,
});

const steps = {
  async append(world, { draft: one, durability: level }) {
    const { stream, type: itsType, data: itsData, ...extras } = one;
    const receipt = world.store.appendSync(stream, itsType, itsData, { ...extras, durability: level });
    assert.equal(receipt.position, world.model.rows.length);
    assert.equal(receipt.version, world.model.count(stream));
    world.model.add(one);
  },
  async appendMany(world, { drafts, durability: level }) {
    const receipts = world.store.appendManySync(drafts, { durability: level });
    assert.equal(receipts.length, drafts.length);
    assert.equal(receipts[0].position, world.model.rows.length);
    for (const one of drafts) world.model.add(one);
  },
  async promised(world, { drafts, durability: level }) {
    const first = world.model.rows.length;
    const receipts = await Promise.all(
      drafts.map(({ stream, type: itsType, data: itsData, ...extras }) =>
        world.store.append(stream, itsType, itsData, { ...extras, durability: level }),
      ),
    );
    assert.deepEqual(
      receipts.map((receipt) => receipt.position),
      drafts.map((_, i) => first + i),
    );
    for (const one of drafts) world.model.add(one);
  },
  async expect(world, { draft: one, expect }) {
    const count = world.model.count(one.stream);
    const holds = expect === 'no-stream' ? count === 0 : expect === 'exists' ? count > 0 : count === expect + 1;
    const call = () => world.store.appendSync(one.stream, one.type, one.data, { tags: one.tags, expect });
    if (!holds) assert.throws(call, { code: 'TALLY_E_CONFLICT', position: count });
    else {
      call();
      world.model.add(one);
    }
  },
  async read(world, { query: asked }) {
    const question = { ...asked };
    if (question.stream !== undefined) delete question.prefix;
    const wanted = world.model.find(question);
    assert.deepEqual(world.store.readSync(question).toArray().map(plain), wanted);
    assert.deepEqual((await world.store.read(question).toArray()).map(plain), wanted);
  },
  async look(world, { stream, version }) {
    const row = world.model.rows.find((each) => each.stream === stream && each.version === version);
    assert.equal(world.store.findSync({ stream, version }), row?.position);
    if (row !== undefined) assert.deepEqual(plain(await world.store.get({ stream, version })), row);
    assert.equal(world.store.headSync(stream).nextVersion, world.model.count(stream));
  },
  async lists(world) {
    assert.deepEqual(await world.store.streams().toArray(), world.model.list('stream'));
    assert.deepEqual(world.store.typesSync().toArray(), world.model.list('type'));
    assert.deepEqual(world.store.tagsSync().toArray(), world.model.list('tags'));
  },
  async reopen(world) {
    await world.store.close();
    world.store = world.open();
  },
};

test('a store does what a list does', { timeout: 120000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async (commands) => {
      const where = freshPath();
      const world = {
        model: new Model(),
        open: () => openSync(where, { durability: 'buffered', segmentBytes: 65536 }),
      };
      world.store = world.open();
      try {
        for (const each of commands) await steps[each.what](world, each);
        await steps.reopen(world);
        await steps.read(world, { query: {} });
        await steps.lists(world);
      } finally {
        world.store.closeSync();
        fs.rmSync(where, { recursive: true, force: true });
      }
    }),
    { numRuns: Number(process.env.TALLYSTICK_RUNS ?? 25), endOnFailure: false },
  );
});
