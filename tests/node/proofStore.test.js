'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { pathToFileURL } = require('node:url');
const { inspect } = require('node:util');
const { Worker } = require('node:worker_threads');

const tallystick = require('tallystick');
const { Proof, cosign, makeKey, open, openSync, readCheckpoint } = tallystick;
const { verifyCheckpoint, verifyConsistency, verifyProof } = tallystick;

const { runGood, until } = require('./helpers');
const { fill, freshPath, withKey, withSigned, withStore } = require('./storeHelpers');

const failsWith = (code) => (error) => {
  assert.equal(error.code, code, error.stack);
  assert.ok(error instanceof tallystick.TallyError);
  return true;
};

/** Both forms of a call, one after the other. */
async function bothFail(store, name, args, code) {
  await assert.rejects(async () => store[name](...args), failsWith(code), `${name} ${inspect(args)}`);
  assert.throws(() => store[`${name}Sync`](...args), failsWith(code), `${name}Sync ${inspect(args)}`);
}

describe('a proof', () => {
  test(
    'is checked with the public key alone',
    withSigned(async (store, { publicKey, origin }) => {
      fill(store, 100);
      const receipt = await store.append('account/42', 'account.opened', { plan: 'pro' }, { tags: ['a'], schema: 2 });
      const proof = await store.prove(receipt);
      assert.ok(proof instanceof Proof);
      assert.equal(proof.position, receipt.position);
      assert.equal(proof.hash, receipt.hash);
      assert.equal(`${proof}`, proof.text);
      assert.equal(JSON.stringify({ proof }), JSON.stringify({ proof: proof.text }));
      assert.match(inspect(proof), /^Proof \{ position 100 of 101, \d+ bytes \}$/);

      const proven = proof.verify(publicKey);
      assert.equal(proven.hash, receipt.hash);
      assert.equal(proven.position, 100);
      assert.equal(proven.treeSize, 101);
      assert.equal(proven.dataGiven, false);
      const { event } = proven;
      assert.deepEqual(
        [event.stream, event.type, event.version, event.id, event.schema, event.tags, event.hash],
        ['account/42', 'account.opened', 0, receipt.id, 2, ['a'], receipt.hash],
      );
      assert.equal(event.data, undefined);
      assert.deepEqual(verifyProof(proof.text, [publicKey]).event.toJSON(), event.toJSON());
      assert.deepEqual(verifyProof(Buffer.from(proof.text), { keys: publicKey, origin }).root, proven.root);
      assert.equal(verifyProof(proof, publicKey, { hash: receipt.hash }).event, undefined);

      const checkpoint = verifyCheckpoint(proof.checkpoint, publicKey);
      assert.deepEqual([checkpoint.origin, checkpoint.size, checkpoint.root], [origin, 101, proven.root]);
    }),
  );

  test(
    'with the data as stored proves the data too',
    withSigned(async (store, { publicKey }) => {
      const { position } = store.appendSync('s', 't', { plan: 'pro' });
      const bytes = store.appendSync('s', 'bytes', Buffer.from([1, 2, 3]));
      const none = store.appendSync('s', 'none');
      const proof = store.proveSync(position);
      const stored = await store.getStored(position);
      assert.deepEqual(store.getStoredSync(position), stored);
      assert.equal(stored.subarray(16).toString(), '{"plan":"pro"}');
      const proven = proof.verify(publicKey, { stored });
      assert.equal(proven.dataGiven, true);
      assert.deepEqual(proven.event.data, { plan: 'pro' });
      const codec = { contentType: 'application/json', encode: JSON.stringify, decode: (text) => `${text}!` };
      assert.equal(proof.verify(publicKey, { stored, codec }).event.data, '{"plan":"pro"}!');
      for (const other of [Buffer.alloc(0), stored.subarray(1), Buffer.concat([stored, Buffer.from(' ')])]) {
        assert.throws(() => proof.verify(publicKey, { stored: other }), failsWith('TALLY_E_DAMAGED'));
      }
      for (const { position: of } of [bytes, none]) {
        const { event } = store.proveSync(of).verify(publicKey, { stored: store.getStoredSync(of) });
        assert.deepEqual(event.data, store.getSync(of).data);
      }
    }),
  );

  test(
    'of large data',
    withSigned(async (store, { publicKey }) => {
      const data = Buffer.alloc(3_000_000, 7);
      const { position } = store.appendSync('s', 't', data);
      const stored = await store.getStored(position);
      const { event } = (await store.prove(position)).verify(publicKey, { stored });
      assert.ok(event.data.equals(data));
    }),
  );

  test(
    'that was altered in any byte proves nothing',
    withSigned(async (store, { publicKey }) => {
      fill(store, 5);
      store.syncSync();
      const text = Buffer.from(store.proveSync(3).text);
      const before = verifyProof(text, publicKey);
      for (let at = 0; at < text.length; at++) {
        const altered = Buffer.from(text);
        altered[at] ^= 1;
        assert.throws(
          () => verifyProof(altered, publicKey),
          (error) => error instanceof tallystick.TallyError,
          `byte ${at}`,
        );
      }
      assert.equal(verifyProof(text, publicKey).root, before.root);
    }),
  );

  test(
    'by another key, another log, or of an unsigned store proves nothing',
    withSigned(async (store, { publicKey, origin }) => {
      store.appendSync('s', 't', 1);
      const proof = store.proveSync(0);
      assert.throws(() => proof.verify(makeKey(origin).publicKey), failsWith('TALLY_E_UNKNOWN_KEY'));
      assert.throws(() => proof.verify({ keys: publicKey, origin: 'x' }), failsWith('TALLY_E_ORIGIN'));
      const unsigned = openSync(freshPath());
      unsigned.appendSync('s', 't', 1);
      await bothFail(unsigned, 'prove', [0], 'TALLY_E_UNSIGNED');
      unsigned.closeSync();
    }),
  );

  test(
    'of what is not in this log',
    withSigned(async (store) => {
      await bothFail(store, 'prove', [0], 'TALLY_E_RANGE');
      const other = openSync(freshPath());
      const receipt = other.appendSync('s', 't', 1);
      other.closeSync();
      await bothFail(store, 'prove', [receipt], 'TALLY_E_RANGE');
      // Another event has its place.
      store.appendSync('s', 't', 1);
      await bothFail(store, 'prove', [receipt], 'TALLY_E_RANGE');
      assert.equal((await store.prove(store.getSync(0))).position, 0);
    }),
  );
});

describe('checkpoints', () => {
  test(
    'cover everything that was appended, and each extends the one before',
    withSigned(async (store, { publicKey }) => {
      const notes = [];
      for (let i = 0; i < 5; i++) {
        fill(store, 17);
        notes.push(i % 2 === 0 ? await store.checkpoint() : store.checkpointSync());
      }
      const heads = notes.map((note) => verifyCheckpoint(note, publicKey));
      assert.deepEqual(
        heads.map(({ size }) => size),
        [17, 34, 51, 68, 85],
      );
      for (let i = 1; i < heads.length; i++) {
        const [older, newer] = [heads[i - 1], heads[i]];
        const proof = await store.consistency(older.size, newer.size);
        assert.deepEqual(store.consistencySync(older.size, newer.size), proof);
        assert.deepEqual([proof.oldRoot, proof.newRoot], [older.root, newer.root]);
        verifyConsistency(older.size, older.root, newer.size, newer.root, proof.hashes);
        assert.throws(
          () => verifyConsistency(older.size, newer.root, newer.size, newer.root, proof.hashes),
          failsWith('TALLY_E_PROOF'),
        );
      }
      assert.deepEqual((await store.consistency(0, 0)).hashes, []);
      await bothFail(store, 'consistency', [5, 4], 'TALLY_E_RANGE');
      await bothFail(store, 'consistency', [5, 86], 'TALLY_E_RANGE');
    }),
  );

  test(
    'without a key have no signatures',
    withStore(async (store) => {
      fill(store, 3);
      const note = await store.checkpoint();
      assert.equal(readCheckpoint(note).size, 3);
      assert.ok(!note.includes('—'));
      const state = store.signing();
      assert.deepEqual([state.isSigned, state.isGuarded, state.publicKey], [false, false, undefined]);
      assert.equal(readCheckpoint(note).origin, state.origin);
      await bothFail(store, 'rotateKey', [{ keyText: makeKey(state.origin).privateKey }], 'TALLY_E_UNSUPPORTED');
    }),
  );

  test('come by themselves, soon and at close', async () => {
    const { where, publicKey, keyPath } = withKey();
    const notes = [];
    const store = await open(where, { signing: { keyPath, mirror: (note) => notes.push(note) } });
    store.appendSync('s', 't', 1);
    await until(() => notes.length > 0, 'a head');
    // The mirror is told while the head is made, the state is of when that is over.
    await until(() => store.signing().signedSize === 1, 'its state');
    store.appendSync('s', 't', 2);
    await store.close();
    assert.deepEqual(
      notes.map((note) => verifyCheckpoint(note, publicKey).size),
      [1, 2],
    );
    const reader = openSync(where, { mode: 'read-only' });
    assert.equal(reader.checkpointSync(), notes.at(-1));
    assert.equal(reader.proveSync(1).verify(publicKey).position, 1);
    await bothFail(reader, 'keepNote', [notes[0]], 'TALLY_E_READ_ONLY');
    await bothFail(reader, 'rotateKey', [{ keyPath }], 'TALLY_E_READ_ONLY');
    reader.closeSync();
  });

  test('everyCommit: a durable append waits for its head', async () => {
    const { where, keyPath } = withKey();
    const store = openSync(where, { signing: { keyPath, everyCommit: true } });
    for (let i = 1; i < 4; i++) {
      await store.append('s', 't', i);
      assert.equal(store.signing().signedSize, i);
    }
    await store.close();
  });
});

describe('signing', () => {
  test('by a text, as bytes and as a string; the caller keeps his', async () => {
    const { where, privateKey, publicKey } = withKey();
    for (const keyText of [privateKey, Buffer.from(privateKey), `${privateKey}\n`]) {
      const store = await open(where, { signing: { keyText, statePath: `${where}.state` } });
      const receipt = await store.append('s', 't', 1);
      assert.equal((await store.prove(receipt)).verify(publicKey).position, receipt.position);
      assert.equal(store.signing().publicKey, publicKey);
      assert.equal(store.signing().isGuarded, true);
      assert.equal(keyText.toString().trim(), privateKey);
      await store.close();
    }
    const unguarded = openSync(where, { signing: { keyText: privateKey } });
    assert.deepEqual([unguarded.signing().isSigned, unguarded.signing().isGuarded], [true, false]);
    unguarded.closeSync();
  });

  test('paths may be URLs', () => {
    const { where, keyPath } = withKey();
    const store = openSync(pathToFileURL(where), { signing: { keyPath: pathToFileURL(keyPath) } });
    store.closeSync();
    assert.ok(fs.existsSync(`${keyPath}.signed`));
  });

  test('an older copy that is put back is refused', async () => {
    const { where, keyPath } = withKey();
    const signing = { keyPath };
    let store = openSync(where, { signing });
    store.appendSync('s', 't', 1);
    store.closeSync();
    fs.cpSync(where, `${where}.copy`, { recursive: true });
    store = openSync(where, { signing });
    const note = (store.appendSync('s', 't', 2), store.checkpointSync());
    store.closeSync();
    fs.rmSync(where, { recursive: true });
    fs.cpSync(`${where}.copy`, where, { recursive: true });
    await assert.rejects(open(where, { signing }), failsWith('TALLY_E_ROLLBACK'));
    assert.throws(() => openSync(where, { signing: { remembered: note } }), failsWith('TALLY_E_ROLLBACK'));
    fs.writeFileSync(`${where}.seen`, note);
    assert.throws(() => openSync(where, { signing: { rememberedPath: `${where}.seen` } }), failsWith('TALLY_E_ROLLBACK'));
    openSync(where).closeSync();
  });

  test('a remembered head and a mirror are kept in files', async () => {
    const { where, keyPath, publicKey } = withKey();
    const [rememberedPath, mirrorPath] = [`${where}.seen`, `${where}.mirror`];
    const store = openSync(where, { signing: { keyPath, rememberedPath, mirrorPath } });
    store.appendSync('s', 't', 1);
    const note = await store.checkpoint();
    assert.equal(fs.readFileSync(mirrorPath, 'utf8'), note);
    assert.equal(verifyCheckpoint(fs.readFileSync(rememberedPath), publicKey).size, 1);
    await store.close();
    openSync(where, { mode: 'read-only', signing: { remembered: Buffer.from(note), verifyKeys: publicKey } }).closeSync();
  });

  test('required refuses to open without a key', async () => {
    const { where, keyPath } = withKey();
    await assert.rejects(open(where, { signing: { required: true } }), failsWith('TALLY_E_UNSIGNED'));
    openSync(where, { signing: { keyPath, required: true } }).closeSync();
  });

  test('a key is changed, and both sign the head that covers it', async () => {
    const { where, keyPath, origin, publicKey } = withKey();
    const newer = makeKey(origin);
    const third = makeKey(origin);
    fs.writeFileSync(`${where}.newer`, newer.privateKey, { mode: 0o600 });
    const store = openSync(where, { signing: { keyPath } });
    store.appendSync('s', 't', 1);
    await store.rotateKey({ keyPath: `${where}.newer` });
    assert.equal(store.signing().publicKey, newer.publicKey);
    const event = store.getSync(1);
    assert.deepEqual([event.stream, event.isSystem, event.data.vkey], ['$keys', true, newer.publicKey]);
    const both = verifyCheckpoint(await store.checkpoint(), [publicKey, newer.publicKey]);
    assert.equal(both.signatures.byLog, 2);
    for (let i = 0; i < 2; i++) {
      store.appendSync('s', 't', i);
      await store.checkpoint();
    }
    store.appendSync('s', 't', 3);
    const later = store.checkpointSync();
    assert.throws(() => verifyCheckpoint(later, publicKey), failsWith('TALLY_E_UNKNOWN_KEY'));
    assert.equal(verifyCheckpoint(later, newer.publicKey).size, 5);
    store.rotateKeySync({ keyText: third.privateKey, statePath: `${where}.third` });
    assert.equal(store.signing().publicKey, third.publicKey);
    await bothFail(store, 'rotateKey', [{ keyText: third.privateKey }], 'TALLY_E_KEY');
    await bothFail(store, 'rotateKey', [{ keyText: makeKey('other/x').privateKey }], 'TALLY_E_ORIGIN');
    await bothFail(store, 'rotateKey', [{}], 'TALLY_E_KEY');
    await bothFail(store, 'rotateKey', [undefined], 'TALLY_E_ARGUMENT');
    await bothFail(store, 'rotateKey', [{ keyPath: 5 }], 'TALLY_E_ARGUMENT');
    await bothFail(store, 'rotateKey', [{ mirror: () => {} }], 'TALLY_E_OPTION');
    await store.close();
  });

  test('what is refused of its options', async () => {
    const { where, keyPath, privateKey, origin } = withKey();
    const inside = path.join(where, 'key');
    const open600 = `${where}.open`;
    fs.writeFileSync(open600, privateKey, { mode: 0o644 });
    fs.writeFileSync(`${where}.bad`, 'no key', { mode: 0o600 });
    const cases = [
      [5, 'TALLY_E_ARGUMENT'],
      [null, 'TALLY_E_ARGUMENT'],
      [[], 'TALLY_E_ARGUMENT'],
      [{ keypath: keyPath }, 'TALLY_E_OPTION'],
      [{ keyPath: '' }, 'TALLY_E_ARGUMENT'],
      [{ keyPath: 'a\0b' }, 'TALLY_E_NUL'],
      [{ keyPath: '\ud83d' }, 'TALLY_E_UTF8'],
      [{ keyPath: `${where}.none` }, 'TALLY_E_NOT_FOUND'],
      [{ keyPath, keyText: privateKey }, 'TALLY_E_OPTION'],
      [{ keyPath: open600 }, 'TALLY_E_DENIED'],
      [{ keyPath: `${where}.bad` }, 'TALLY_E_KEY'],
      [{ keyText: '' }, 'TALLY_E_ARGUMENT'],
      [{ keyText: 'no key' }, 'TALLY_E_KEY'],
      [{ keyText: makeKey('other/x').privateKey }, 'TALLY_E_ORIGIN'],
      [{ keyText: makeKey(origin, { witness: true }).privateKey }, 'TALLY_E_KEY'],
      [{ keyText: {} }, 'TALLY_E_ARGUMENT'],
      [{ keyPath, verifyKeys: ['x'] }, 'TALLY_E_KEY'],
      [{ keyPath, verifyKeys: Array(17).fill('x') }, 'TALLY_E_LIMIT'],
      [{ keyPath, verifyKeys: [5] }, 'TALLY_E_ARGUMENT'],
      [{ keyPath, remembered: 'no note' }, 'TALLY_E_FORMAT'],
      [{ keyPath, remembered: 'a', rememberedPath: 'b' }, 'TALLY_E_OPTION'],
      [{ keyPath, mirror: 5 }, 'TALLY_E_ARGUMENT'],
      [{ keyPath, mirror: () => {}, mirrorPath: 'x' }, 'TALLY_E_OPTION'],
      [{ keyPath, required: 1 }, 'TALLY_E_ARGUMENT'],
      [{ keyPath, everyCommit: 'yes' }, 'TALLY_E_ARGUMENT'],
      [{ sign: () => {}, verifyKey: 'x' }, 'TALLY_E_UNSUPPORTED'],
      [{ verifyKey: 'x' }, 'TALLY_E_UNSUPPORTED'],
    ];
    for (const [signing, code] of cases) {
      await assert.rejects(async () => open(where, { signing }), failsWith(code), inspect(signing));
      assert.throws(() => openSync(where, { signing }), failsWith(code), inspect(signing));
    }
    assert.throws(
      () => openSync(where, { signing: { keyText: privateKey, statePath: inside } }),
      (error) => error instanceof tallystick.TallyError && !error.message.includes(privateKey.slice(30)),
    );
    openSync(where, { signing: { keyPath } }).closeSync();
  });

  test('a new store has no origin yet', () => {
    const { keyPath } = withKey();
    assert.throws(() => openSync(freshPath(), { signing: { keyPath } }), failsWith('TALLY_E_ORIGIN'));
  });
});

describe('a mirror', () => {
  test('that throws or rejects is a warning, and hurts nobody', async () => {
    const made = withKey();
    const script = `
      const { openSync } = require('tallystick');
      const warnings = [];
      process.on('warning', (warning) => warnings.push([warning.code, warning.message]));
      const [where, keyPath] = ${JSON.stringify([made.where, made.keyPath])};
      let calls = 0;
      const mirror = () => { if (calls++ === 0) throw new Error('mine'); return Promise.reject(new Error('later')); };
      const store = openSync(where, { signing: { keyPath, mirror } });
      (async () => {
        for (let i = 0; i < 2; i++) {
          await store.append('s', 't', i);
          await store.checkpoint();
          while (calls === i) await new Promise((resolve) => setTimeout(resolve, 1));
        }
        await store.close();
        await new Promise((resolve) => setTimeout(resolve, 10));
        console.log(JSON.stringify(warnings));
      })();`;
    const warnings = JSON.parse(await runGood(script, ['--no-warnings']));
    assert.deepEqual(
      warnings.map(([code]) => code),
      ['TALLY_W_MIRROR_FAILED', 'TALLY_W_MIRROR_FAILED'],
    );
    assert.match(warnings[0][1], /mine/);
    assert.match(warnings[1][1], /later/);
  });

  test('keeps no process alive, and is told the last head at its end', async () => {
    const { where, keyPath, publicKey } = withKey();
    const script = `
      const { openSync, verifyCheckpoint } = require('tallystick');
      const mirror = (note) => console.log(verifyCheckpoint(note, ${JSON.stringify(publicKey)}).size);
      const store = openSync(${JSON.stringify(where)}, { signing: { keyPath: ${JSON.stringify(keyPath)}, mirror } });
      store.appendSync('s', 't', 1);
      globalThis.kept = store;`;
    assert.equal(await runGood(script), '1');
  });

  test('works in workers, also when they are ended in the middle', async () => {
    const { where, keyPath, publicKey } = withKey();
    const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { open } = require('tallystick');
      (async () => {
        const mirror = (note) => parentPort.postMessage(note);
        const store = await open(workerData.where, { signing: { keyPath: workerData.keyPath, mirror } });
        for (let i = 0; i < workerData.count; i++) {
          store.appendSync('s', 't', i);
          if (i % 10 === 0) store.checkpoint().catch(() => {});
        }
        if (!workerData.forever) await store.close();
        else setInterval(() => { store.appendSync('s', 't', 1); store.prove(0).catch(() => {}); }, 0);
      })();`;
    const run = (workerData) => new Worker(code, { eval: true, workerData: { where, keyPath, ...workerData } });
    const notes = [];
    const first = run({ count: 30 });
    first.on('message', (note) => notes.push(note));
    await new Promise((resolve, reject) => first.on('exit', resolve).on('error', reject));
    assert.equal(verifyCheckpoint(notes.at(-1), publicKey).size, 30);
    const second = run({ count: 100, forever: true });
    await new Promise((resolve, reject) => second.once('message', resolve).on('error', reject));
    await second.terminate();
    const store = openSync(where, { signing: { keyPath } });
    const { length } = store.readSync().toArray();
    assert.ok(length >= 30);
    assert.equal(store.proveSync(length - 1).verify(publicKey).treeSize, length);
    store.closeSync();
  });
});

describe('cosigned notes', () => {
  test(
    'are kept when they are this log’s',
    withSigned(async (store) => {
      store.appendSync('s', 't', 1);
      const witness = makeKey('witness.example/w', { witness: true });
      const note = store.checkpointSync();
      const line = cosign(note, witness.privateKey);
      await store.keepNote(note + line, witness.publicKey);
      store.keepNoteSync(Buffer.from(note + line), [witness.publicKey]);
      await store.keepNote(note);
      const altered = note + line.replace(/.(.)=*\n$/, 'A$1\n');
      await assert.rejects(store.keepNote(altered, witness.publicKey), (error) => error instanceof tallystick.TallyError);
      await bothFail(store, 'keepNote', ['no note', witness.publicKey], 'TALLY_E_FORMAT');
      await bothFail(store, 'keepNote', [5], 'TALLY_E_ARGUMENT');
      await bothFail(store, 'keepNote', [note, 5], 'TALLY_E_ARGUMENT');
      await bothFail(store, 'keepNote', [note, 'x'], 'TALLY_E_KEY');
      await bothFail(store, 'keepNote', [''], 'TALLY_E_LENGTH');
    }),
  );
});

describe('hostile arguments', () => {
  test(
    'of methods',
    withSigned(async (store) => {
      store.appendSync('s', 't', 1);
      for (const value of [undefined, null, '0', 1.5, NaN, {}, [], () => {}, 5n, Symbol('x')]) {
        await bothFail(store, 'prove', [value], 'TALLY_E_ARGUMENT');
        await bothFail(store, 'getStored', [value], 'TALLY_E_ARGUMENT');
        await bothFail(store, 'consistency', [value, 1], 'TALLY_E_ARGUMENT');
        await bothFail(store, 'consistency', [0, value], 'TALLY_E_ARGUMENT');
      }
      for (const value of [-1, 2 ** 53]) {
        await bothFail(store, 'prove', [value], 'TALLY_E_RANGE');
        await bothFail(store, 'getStored', [value], 'TALLY_E_RANGE');
      }
      await bothFail(store, 'getStored', [1], 'TALLY_E_RANGE');
      for (const name of ['signing', 'checkpointSync', 'proveSync', 'verifySync']) {
        assert.throws(() => tallystick.Store.prototype[name].call({}, 0), TypeError);
      }
    }),
  );

  test('of a closed store', async () => {
    const { where, keyPath } = withKey();
    const store = openSync(where, { signing: { keyPath } });
    store.appendSync('s', 't', 1);
    const calls = [store.checkpoint(), store.prove(0), store.consistency(0, 1), store.getStored(0)];
    const pending = Promise.allSettled(calls);
    await store.close();
    for (const settled of await pending) {
      if (settled.status === 'rejected') failsWith('TALLY_E_CLOSED')(settled.reason);
    }
    for (const [name, ...args] of [
      ['checkpoint'],
      ['prove', 0],
      ['consistency', 0, 1],
      ['getStored', 0],
      ['keepNote', 'x'],
      ['rotateKey', { keyPath }],
      ['verify'],
    ]) {
      await bothFail(store, name, args, 'TALLY_E_CLOSED');
    }
    assert.throws(() => store.signing(), failsWith('TALLY_E_CLOSED'));
  });
});
