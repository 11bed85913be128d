'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { inspect } = require('node:util');

const { fsck, fsckSync, openSync, salvage, salvageSync } = require('tallystick');

const { until } = require('./helpers');
const { fill, freshPath, withStore } = require('./storeHelpers');

/** A closed store with some segments; `damage` says where a byte is flipped, from the data of one event. */
async function made(count, { damage } = {}) {
  const where = freshPath();
  const store = openSync(where, { durability: 'buffered', segmentBytes: 65536 });
  fill(store, count);
  const victim = store.getSync(Math.floor(count / 4));
  const needle = victim.bytes;
  // A flipped byte in a sealed segment is damage of one event; in another one it may be a torn end.
  await until(() => store.stats().sealedSegments >= store.stats().segments - 1, 'sealing');
  store.closeSync();
  if (damage !== undefined) {
    for (const name of fs.readdirSync(where).filter((each) => each.endsWith('.seg'))) {
      const file = path.join(where, name);
      const bytes = fs.readFileSync(file);
      const at = bytes.indexOf(needle);
      if (at === -1) continue;
      bytes[at + damage] ^= 1;
      fs.writeFileSync(file, bytes);
      break;
    }
  }
  return { where, position: victim.position };
}

describe('backup', () => {
  test(
    'is a store that reads the same, while appending goes on',
    withStore({ segmentBytes: 65536 }, async (store) => {
      fill(store, 3000);
      await store.sync();
      const [first, second] = [freshPath(), freshPath()];
      const told = [];
      const copying = store.backup(first, { onProgress: (done, total) => told.push([done, total]) });
      fill(store, 500);
      const report = await copying;
      assert.ok(report.events >= 3000 && report.segments >= 1 && report.bytes > 0);
      assert.ok(told.length > 0 && told.at(-1)[0] <= told.at(-1)[1]);
      assert.equal(store.backupSync(second).events >= 3000, true);
      const copy = openSync(first, { mode: 'read-only' });
      assert.equal(copy.info().lineage, store.info().lineage);
      const events = copy.readSync().toArray();
      assert.ok(events.length >= 3000);
      for (const event of events.slice(0, 3000)) assert.equal(event.hash, store.getSync(event.position).hash);
      copy.closeSync();
      await assert.rejects(store.backup(first), { code: 'TALLY_E_EXISTS' });
      assert.throws(() => store.backupSync(first), { code: 'TALLY_E_EXISTS' });
    }),
  );

  test(
    'can be stopped, and then leaves nothing',
    withStore({ segmentBytes: 65536 }, async (store) => {
      fill(store, 5000);
      store.syncSync();
      const where = freshPath();
      await assert.rejects(store.backup(where, { signal: AbortSignal.abort() }), { name: 'AbortError' });
      const controller = new AbortController();
      const copying = store.backup(where, { signal: controller.signal });
      controller.abort(new Error('enough'));
      await assert.rejects(copying, { message: 'enough' });
      assert.equal(fs.existsSync(where), false);
    }),
  );

  test(
    'hostile arguments',
    withStore(async (store) => {
      for (const [where, options] of [
        [],
        [5],
        [''],
        ['a\0b'],
        [freshPath(), { progress: () => {} }],
        [freshPath(), { onProgress: 5 }],
        [freshPath(), 5],
      ]) {
        await assert.rejects(
          async () => store.backup(where, options),
          (error) => error.handling === 'caller',
        );
        await assert.rejects(
          async () => store.backupSync(where, options),
          (error) => error.handling === 'caller',
        );
      }
    }),
  );
});

describe('fsck', () => {
  test('finds nothing in a whole store', async () => {
    const { where } = await made(2000);
    const report = await fsck(where);
    assert.deepEqual([report.isWhole, report.events, report.badEvents, report.structure], [true, 2000, 0, 0]);
    assert.deepEqual(fsckSync(where).findings, report.findings);
  });

  test('finds a flipped byte', async () => {
    const { where, position } = await made(2000, { damage: 2 });
    const report = await fsck(where);
    assert.equal(report.isWhole, false);
    const finding = report.findings.find(({ severity }) => severity === 'event' || severity === 'structure');
    assert.equal(finding.position, position);
    assert.ok(finding.file.endsWith('.seg') && finding.reason.length > 0 && finding.code.startsWith('TALLY_E_'));
    assert.deepEqual(fsckSync(where).findings, report.findings);
  });

  test('a progress that throws stops it', async () => {
    const { where } = await made(5000);
    const failing = fsck(where, {
      onProgress: () => {
        throw new Error('mine');
      },
    });
    await assert
      .rejects(failing, { message: 'mine' })
      .catch(async () => assert.equal((await fsck(where)).isWhole, true));
  });

  test('what is no store, and hostile arguments', async () => {
    await assert.rejects(fsck(freshPath()), { code: 'TALLY_E_NOT_FOUND' });
    await assert.rejects(fsck(5), { code: 'TALLY_E_ARGUMENT' });
    await assert.rejects(fsck(freshPath(), { fix: true }), { code: 'TALLY_E_OPTION' });
    assert.throws(() => fsckSync(freshPath(), { signal: AbortSignal.abort() }), { code: 'TALLY_E_OPTION' });
    await assert.rejects(fsck(freshPath(), { signal: AbortSignal.abort() }), { name: 'AbortError' });
  });
});

describe('a damaged event', () => {
  test('whose frame is whole gives all but its data', async () => {
    const { where, position } = await made(2000, { damage: 2 });
    const store = openSync(where, { mode: 'read-only' });
    const event = store.getSync(position);
    assert.equal(event.dataState, 'damaged');
    assert.equal(event.stream, 'abc'[position % 3]);
    assert.throws(() => event.data, { code: 'TALLY_E_DAMAGED', position });
    assert.throws(() => event.bytes, { code: 'TALLY_E_DAMAGED', position });
    assert.match(inspect(event), /dataState: .damaged./);
    assert.equal(JSON.parse(JSON.stringify(event)).data, undefined);
    assert.equal((await store.read().toArray()).length, 2000);
    store.closeSync();
  });

  test('ends reading with its position, or is told of and passed over', async () => {
    const { where, position } = await made(2000, { damage: -30 });
    const store = openSync(where, { mode: 'read-only' });
    const damaged = (error) => {
      assert.equal(error.code, 'TALLY_E_DAMAGED');
      assert.equal(error.handling, 'damaged');
      assert.equal(error.position, position);
      assert.ok(error.path.endsWith('.seg'), error.path);
      return true;
    };
    assert.throws(() => store.getSync(position), damaged);
    await assert.rejects(store.get(position), damaged);
    assert.throws(() => store.readSync().toArray(), damaged);
    await assert.rejects(store.read().toArray(), damaged);
    const told = [];
    const onDamage = (error) => told.push(error.position);
    const rest = await store.read({ onDamage }).toArray();
    assert.equal(rest.length, 1999);
    assert.equal(store.readSync({ onDamage }).toArray().length, 1999);
    assert.deepEqual(told, [position, position]);
    assert.equal(store.readSync({ from: position + 1 }).next().value.position, position + 1);
    store.closeSync();
  });
});

describe('salvage', () => {
  test('copies what is whole', async () => {
    const { where } = await made(2000, { damage: 2 });
    const [first, second] = [freshPath(), freshPath()];
    const report = await salvage(where, first);
    assert.deepEqual([report.copied, report.lost, report.gaps, report.sameLineage], [1999, 1, 1, false]);
    assert.deepEqual(salvageSync(where, second), report);
    const copy = openSync(first, { mode: 'read-only' });
    const events = copy.readSync().toArray();
    assert.equal(events[0].stream, '$log');
    assert.equal(events[0].isSystem, true);
    assert.equal(events.length, 2000);
    copy.closeSync();
    await assert.rejects(salvage(where, first), { code: 'TALLY_E_EXISTS' });
    await assert.rejects(salvage(freshPath(), freshPath()), { code: 'TALLY_E_NOT_FOUND' });
    await assert.rejects(salvage(where), { code: 'TALLY_E_ARGUMENT' });
    assert.throws(() => salvageSync(where, freshPath(), { force: true }), { code: 'TALLY_E_OPTION' });
  });
});
