'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { pathToFileURL } = require('node:url');
const { Worker } = require('node:worker_threads');

const tallystick = require('tallystick');
const { makeKey, merkleRoot, openSync, readCheckpoint, verify, verifySync } = tallystick;

const { until } = require('./helpers');
const { fill, freshPath, withKey, withSigned } = require('./storeHelpers');

const failsWith = (code) => (error) => {
  assert.equal(error.code, code, error.stack);
  assert.ok(error instanceof tallystick.TallyError);
  return true;
};

/** A signed store at rest with a few segments. */
async function made(count = 3000) {
  const key = withKey();
  const store = openSync(key.where, { segmentBytes: 65536, signing: { keyPath: key.keyPath }, durability: 'buffered' });
  fill(store, count);
  await until(() => store.stats().sealedSegments >= store.stats().segments - 1, 'sealing');
  const note = store.checkpointSync();
  const hashes = store.readSync().toArray().map(({ hash }) => hash);
  const victim = store.getSync(Math.floor(count / 3));
  store.closeSync();
  return { ...key, note, hashes, victim };
}

/** Flips one byte behind the beginning of an event's data. */
function flip(where, event, by) {
  for (const name of fs.readdirSync(where).filter((each) => each.endsWith('.seg'))) {
    const file = path.join(where, name);
    const bytes = fs.readFileSync(file);
    const at = bytes.indexOf(event.bytes);
    if (at === -1) continue;
    bytes[at + by] ^= 1;
    fs.writeFileSync(file, bytes);
    return;
  }
  assert.fail('the event was not found');
}

describe('verify', () => {
  test('a whole history is intact, and covered by its signatures', async () => {
    const { where, publicKey, note, hashes } = await made();
    const full = await verify(where, { keys: publicKey });
    assert.deepEqual([full.intact, full.reason, full.position, full.file], [true, 'none', undefined, undefined]);
    assert.deepEqual([full.events, full.covered], [3000, 3000]);
    assert.ok(full.signedHeads >= 1 && full.bytes > 0);
    assert.equal(full.root, merkleRoot(hashes));
    assert.equal(full.root, readCheckpoint(note).root);
    const sync = verifySync(pathToFileURL(where), { keys: [publicKey], threads: 1, mode: 'full' });
    assert.deepEqual({ ...sync, bytes: full.bytes }, { ...full });
    const quick = await verify(where, { mode: 'quick', keys: [Buffer.from(publicKey)], threads: 2 });
    assert.deepEqual([quick.intact, quick.events, quick.root], [true, 3000, full.root]);
    const unsigned = verifySync(where);
    assert.deepEqual([unsigned.intact, unsigned.covered, unsigned.signedHeads], [true, 0, 0]);
    assert.match(unsigned.message, /no signature/);
  });

  test('a flipped byte is found where it is', async () => {
    const { where, publicKey, victim } = await made();
    flip(where, victim, 2);
    const report = await verify(where, { keys: publicKey });
    assert.equal(report.intact, false);
    assert.ok(['data_changed', 'unreadable'].includes(report.reason), report.reason);
    assert.equal(report.position, victim.position);
    assert.match(report.file, /\.seg$/);
    assert.ok(report.message.length > 10);
    assert.deepEqual([verifySync(where).reason, verifySync(where).position], [report.reason, report.position]);
    const store = openSync(where, { mode: 'read-only' });
    assert.equal(store.verifySync().position, victim.position);
    assert.equal((await store.verify()).reason, report.reason);
    store.closeSync();
  });

  test('by a key that did not sign', async () => {
    const { where, origin } = await made(100);
    const report = verifySync(where, { keys: makeKey(origin).publicKey });
    assert.deepEqual([report.intact, report.reason, report.covered], [false, 'unknown_key', 0]);
  });

  test('since a checkpoint, which must be reached and extended', async () => {
    const { where, publicKey, note, keyPath } = await made(500);
    fs.cpSync(where, `${where}.older`, { recursive: true });
    const store = openSync(where, { signing: { keyPath } });
    fill(store, 100);
    const newer = await store.checkpoint();
    const report = await store.verify({ since: note, keys: publicKey });
    assert.deepEqual([report.intact, report.root], [true, readCheckpoint(newer).root]);
    store.closeSync();
    assert.equal(verifySync(where, { since: Buffer.from(newer), keys: publicKey }).intact, true);
    const older = verifySync(`${where}.older`, { since: newer, keys: publicKey });
    assert.equal(older.intact, false);
    assert.notEqual(older.reason, 'none');
    const forged = `${readCheckpoint(note).origin}\n500\n${Buffer.alloc(32).toString('base64')}\n\n`;
    const split = await verify(where, { since: forged + note.split('\n\n')[1] }).then(
      (found) => found.intact,
      (error) => failsWith('TALLY_E_SIGNATURE')(error) && false,
    );
    assert.equal(split, false);
  });

  test('since a checkpoint in the middle of anything', () => {
    const store = openSync(freshPath(), { durability: 'buffered' });
    for (const count of [1, 1, 2, 70, 500, 3]) {
      fill(store, count);
      const since = store.checkpointSync();
      fill(store, count);
      store.syncSync();
      for (const mode of ['full', 'quick']) {
        const { intact, message } = store.verifySync({ since, mode });
        assert.ok(intact, message);
      }
    }
    store.closeSync();
  });

  test(
    'of an open store goes on beside appending',
    withSigned(async (store, { publicKey, where }) => {
      fill(store, 2000);
      store.syncSync();
      const first = store.verify({ keys: publicKey });
      const second = verify(where);
      fill(store, 500);
      assert.deepEqual([(await first).intact, (await first).events >= 2000], [true, true]);
      assert.equal((await second).intact, true);
      assert.equal((await store.checkpoint(), store.verifySync({ keys: publicKey })).covered, 2500);
    }),
  );

  test('tells how far it is, and can be stopped', async () => {
    const { where } = await made(20_000);
    const told = [];
    await verify(where, { onProgress: (done, total) => told.push([done, total]) });
    assert.ok(told.length > 0 && told.at(-1)[0] <= told.at(-1)[1]);
    await assert.rejects(verify(where, { signal: AbortSignal.abort() }), { name: 'AbortError' });
    const controller = new AbortController();
    const stopped = verify(where, { signal: controller.signal, threads: 1 });
    controller.abort(new Error('enough'));
    // It may have been over already.
    const outcome = await stopped.catch((error) => error);
    assert.ok(outcome.intact === true || outcome.message === 'enough', outcome);
    const mine = verify(where, {
      threads: 1,
      onProgress: () => {
        throw new Error('mine');
      },
    });
    const ended = await mine.catch((error) => error);
    assert.ok(ended.intact === true || ended.message === 'mine', ended);
    const store = openSync(where, { mode: 'read-only' });
    const running = store.verify().catch((error) => error);
    await store.close();
    const last = await running;
    assert.ok(last.intact === true || ['TALLY_E_CLOSED', 'TALLY_E_INTERRUPTED'].includes(last.code), last);
  });

  test('in a worker that is ended in the middle', async () => {
    const { where, publicKey } = await made(5000);
    const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { open, verify } = require('tallystick');
      (async () => {
        const store = await open(workerData, { mode: 'read-only' });
        parentPort.postMessage(0);
        for (;;) await Promise.all([verify(workerData), store.verify(), store.prove(0)]);
      })();`;
    const worker = new Worker(code, { eval: true, workerData: where });
    await new Promise((resolve, reject) => worker.once('message', resolve).on('error', reject));
    await new Promise((resolve) => setTimeout(resolve, 30));
    await worker.terminate();
    assert.equal((await verify(where, { keys: publicKey })).intact, true);
  });

  test(
    'hostile arguments',
    withSigned(async (store, { where }) => {
      store.appendSync('s', 't', 1);
      store.syncSync();
      for (const [code, options] of [
        ['TALLY_E_ARGUMENT', 5],
        ['TALLY_E_ARGUMENT', null],
        ['TALLY_E_OPTION', { mode: 'fast' }],
        ['TALLY_E_OPTION', { key: 'x' }],
        ['TALLY_E_ARGUMENT', { keys: 5 }],
        ['TALLY_E_ARGUMENT', { keys: [null] }],
        ['TALLY_E_KEY', { keys: 'x' }],
        ['TALLY_E_KEY', { keys: [makeKey('w', { witness: true }).publicKey] }],
        ['TALLY_E_ARGUMENT', { since: 5 }],
        ['TALLY_E_FORMAT', { since: 'no note' }],
        ['TALLY_E_ARGUMENT', { since: '' }],
        ['TALLY_E_RANGE', { threads: 0 }],
        ['TALLY_E_ARGUMENT', { threads: '2' }],
      ]) {
        await assert.rejects(async () => store.verify(options), failsWith(code));
        await assert.rejects(async () => verify(where, options), failsWith(code));
        assert.throws(() => store.verifySync(options), failsWith(code));
        assert.throws(() => verifySync(where, options), failsWith(code));
      }
      for (const options of [{ signal: AbortSignal.abort() }, { onProgress: () => {} }]) {
        assert.throws(() => store.verifySync(options), failsWith('TALLY_E_OPTION'));
        assert.throws(() => verifySync(where, options), failsWith('TALLY_E_OPTION'));
      }
      await assert.rejects(verify(where, { signal: 5 }), failsWith('TALLY_E_ARGUMENT'));
      await assert.rejects(verify(where, { onProgress: 5 }), failsWith('TALLY_E_ARGUMENT'));
      for (const [given, code] of [
        [undefined, 'TALLY_E_ARGUMENT'],
        [5, 'TALLY_E_ARGUMENT'],
        ['a\0b', 'TALLY_E_NUL'],
        [freshPath(), 'TALLY_E_NOT_FOUND'],
      ]) {
        await assert.rejects(verify(given), failsWith(code));
        assert.throws(() => verifySync(given), failsWith(code));
      }
    }),
  );
});
