'use strict';

const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');

const tallystick = require('tallystick');
const { cosign, merkleRoot, publicKey, readCheckpoint, verifyCheckpoint, verifyProof } = tallystick;
const { verifyConsistency, verifyInclusion, witnessAnswer, witnessRequest } = tallystick;

const { root } = require('./helpers');

// tests/vectors/proof.json: the same cases that C and Python run, made by another program.

const vectors = JSON.parse(fs.readFileSync(path.join(root, 'tests', 'vectors', 'proof.json'), 'utf8'));

/** Runs a case: what it gives, or that it fails as it should. Undefined: it failed. */
function outcomeOf({ status }, run) {
  if (status === 'OK') return run();
  assert.throws(run, (error) => {
    assert.equal(error.code, `TALLY_${status}`, error.stack);
    assert.ok(error instanceof tallystick.TallyError);
    return true;
  });
  return undefined;
}

/** A case may have no key at all, which the addon refuses as the core would. */
function policyOf({ keys, witnesses, needed, origin }) {
  return { keys, witnesses, needed: needed ?? 0, origin };
}

describe('vectors: keys', () => {
  for (const row of vectors.keys) {
    test(row.name, () => {
      if (row.private) {
        const made = outcomeOf(row, () => publicKey(row.text));
        if (made !== undefined) assert.equal(made, row.vkey);
        return;
      }
      // A public key is read where a policy names it: a good one has not signed, and may be a witness's.
      const check = () => verifyCheckpoint(vectors.good_note, row.text);
      if (row.text === vectors.signers.log.vkey) assert.equal(check().size, 11);
      else if (row.status === 'OK') assert.throws(check, { code: /^TALLY_E_(UNKNOWN_KEY|KEY|ORIGIN)$/ });
      else outcomeOf(row, check);
    });
  }
});

describe('vectors: checkpoints', () => {
  for (const row of vectors.checkpoints) {
    const note = row.note ?? Buffer.from(row.note_hex, 'hex');
    test(row.name, () => {
      if (row.size > Number.MAX_SAFE_INTEGER) {
        assert.throws(() => verifyCheckpoint(note, policyOf(row)), { code: 'TALLY_E_OVERFLOW' });
        return;
      }
      const read = outcomeOf(row, () => verifyCheckpoint(note, policyOf(row)));
      if (read === undefined) return;
      const { signatures, ...said } = read;
      assert.deepEqual(said, { origin: row.origin_read, size: row.size, root: row.root });
      assert.deepEqual(readCheckpoint(note), said);
      const { byLog, byWitnesses, unknown } = signatures;
      assert.deepEqual([byLog, byWitnesses, unknown], [row.by_log, row.by_witnesses, row.unknown]);
      assert.equal((signatures.witnessed?.getTime() ?? 0) / 1000, Math.min(row.witnessed, 8.64e12));
      assert.ok(row.keys.includes(signatures.publicKey));
    });
  }
});

describe('vectors: trees', () => {
  test('roots', () => {
    for (const { leaves, root: wanted } of vectors.merkle) {
      const hashes = leaves.map((leaf) => createHash('sha256').update('\0').update(leaf, 'hex').digest());
      assert.equal(merkleRoot(hashes), wanted);
      assert.equal(merkleRoot(hashes.map((hash) => hash.toString('hex'))), wanted);
    }
  });

  for (const row of vectors.inclusion) {
    test(`inclusion: ${row.name}`, () => {
      outcomeOf(row, () => assert.equal(verifyInclusion(row.leaf, row.index, row.size, row.hashes, row.root), undefined));
    });
  }

  for (const row of vectors.consistency) {
    test(`consistency: ${row.name}`, () => {
      outcomeOf(row, () => verifyConsistency(row.old, row.old_root, row.new, row.new_root, row.hashes));
    });
  }
});

describe('vectors: proofs of events', () => {
  for (const row of vectors.proofs) {
    test(row.name, () => {
      const stored = row.stored === undefined ? undefined : Buffer.from(row.stored, 'hex');
      const proven = outcomeOf(row, () => verifyProof(row.proof, policyOf(row), { stored, hash: row.event_hash }));
      if (proven === undefined) return;
      assert.deepEqual(
        [proven.position, proven.treeSize, proven.root, proven.hash],
        [row.index, row.size, row.root, row.leaf],
      );
      assert.equal(proven.signatures.byLog, 1);
      assert.equal(proven.dataGiven, stored !== undefined);
      const { event } = proven;
      assert.equal(event !== undefined, row.stream !== undefined);
      if (event === undefined) return;
      assert.deepEqual(
        [event.position, event.stream, event.type, event.version, event.id, event.tags, event.timeUs, event.hash],
        [row.index, row.stream, row.type, row.version, row.id, row.tags, row.time_us, row.leaf],
      );
      assert.equal(event.dataState, stored === undefined ? 'key-missing' : 'readable');
      if (stored !== undefined) assert.deepEqual(event.bytes, stored.subarray(16));
    });
  }
});

describe('vectors: witnesses', () => {
  const { signers, good_note: note, witness_lines: lines } = vectors;

  test('cosignatures are the lines', () => {
    for (const name of ['one', 'two']) {
      const seconds = lines[`${name}_time`];
      assert.equal(cosign(note, signers[name].skey, { time: seconds }), lines[name]);
      assert.equal(cosign(Buffer.from(note), Buffer.from(signers[name].skey), { time: new Date(seconds * 1000) }), lines[name]);
    }
  });

  for (const row of vectors.answers) {
    test(`answer: ${row.name}`, () => {
      const answer = outcomeOf(row, () => witnessAnswer(row.http, row.body, note, row.witnesses));
      if (answer === undefined) return;
      assert.equal(answer.outcome, [undefined, 'signed', 'behind', 'refused', 'try-later'][row.outcome]);
      assert.equal(answer.oldSize, row.outcome === 2 ? row.old : undefined);
      assert.equal(answer.note, row.outcome === 1 ? note + row.added : undefined);
    });
  }

  test('a request has the old size, the proof, an empty line and the note', () => {
    const hashes = vectors.consistency.find(({ name }) => name === '1 to 2').hashes;
    const wanted = `old 5\n${Buffer.from(hashes[0], 'hex').toString('base64')}\n\n${note}`;
    assert.equal(witnessRequest(5, hashes, note), wanted);
    assert.equal(witnessRequest(0, [], note), `old 0\n\n${note}`);
    for (const [code, ...args] of [
      ['TALLY_E_RANGE', 0, hashes, note],
      ['TALLY_E_RANGE', 12, [], note],
      ['TALLY_E_LIMIT', 5, Array(64).fill(hashes[0]), note],
      ['TALLY_E_LIMIT', 5, Array(66).fill(hashes[0]), note],
      ['TALLY_E_FORMAT', 5, hashes, 'no note'],
      ['TALLY_E_ARGUMENT', '5', hashes, note],
      ['TALLY_E_ARGUMENT', 5, hashes[0], note],
      ['TALLY_E_ARGUMENT', 5, ['ab'], note],
    ]) {
      assert.throws(() => witnessRequest(...args), { code });
    }
  });
});

describe('hostile arguments of pure functions', () => {
  const hash = 'ab'.repeat(32);
  const { good_note: note, signers } = vectors;
  const key = signers.log.vkey;
  const values = [undefined, null, 5, 5n, {}, [], Symbol('x'), () => {}, true, { toString: () => note }];
  const slots = {
    'makeKey name': (v) => tallystick.makeKey(v),
    'makeKey witness': (v) => tallystick.makeKey('a', { witness: v === undefined || v === true ? 5 : v }),
    'publicKey': (v) => publicKey(v),
    'readCheckpoint': (v) => readCheckpoint(v),
    'verifyCheckpoint note': (v) => verifyCheckpoint(v, key),
    'verifyCheckpoint policy': (v) => verifyCheckpoint(note, v),
    'policy keys': (v) => verifyCheckpoint(note, { keys: v }),
    'policy element': (v) => verifyCheckpoint(note, [v]),
    'policy witness': (v) => verifyCheckpoint(note, { keys: key, witnesses: [v] }),
    'policy needed': (v) => verifyCheckpoint(note, { keys: key, needed: v ?? '1' }),
    'policy origin': (v) => verifyCheckpoint(note, { keys: key, origin: v ?? 5 }),
    'merkleRoot': (v) => merkleRoot(v === undefined || v?.length === 0 ? 5 : v),
    'merkleRoot leaf': (v) => merkleRoot([v]),
    'inclusion leaf': (v) => verifyInclusion(v, 0, 1, [], hash),
    'inclusion index': (v) => verifyInclusion(hash, v === 5 ? -1 : v, 1, [], hash),
    'inclusion size': (v) => verifyInclusion(hash, 0, v === 5 ? 1.5 : v, [], hash),
    'inclusion root': (v) => verifyInclusion(hash, 0, 1, [], v),
    'consistency hash': (v) => verifyConsistency(1, hash, 2, hash, [v]),
    'consistency root': (v) => verifyConsistency(1, v, 2, hash, [hash]),
    'verifyProof text': (v) => verifyProof(v, key),
    'verifyProof policy': (v) => verifyProof('x', v),
    'verifyProof stored': (v) => verifyProof('x', key, { stored: v ?? 'text' }),
    'verifyProof hash': (v) => verifyProof('x', key, { hash: v ?? 'text' }),
    'cosign note': (v) => cosign(v, signers.one.skey),
    'cosign key': (v) => cosign(note, v),
    'cosign time': (v) => cosign(note, signers.one.skey, { time: v === undefined || v === 5 ? -1 : v }),
    'witnessAnswer status': (v) => witnessAnswer(v === 5 ? 5.5 : v, '', note, []),
    'witnessAnswer body': (v) => witnessAnswer(200, v, note, []),
    'witnessAnswer witnesses': (v) => witnessAnswer(200, '', note, v),
  };
  for (const [name, call] of Object.entries(slots)) {
    test(name, () => {
      for (const value of values) {
        assert.throws(
          () => call(value),
          (error) => {
            assert.ok(error instanceof tallystick.TallyError, `${name} with ${String(value)}: ${error.stack}`);
            return true;
          },
          `${name} took ${typeof value}`,
        );
      }
    });
  }

  test('half of a surrogate pair, NUL, and too much of anything', () => {
    assert.throws(() => tallystick.makeKey('\ud83d'), { code: 'TALLY_E_UTF8' });
    assert.throws(() => tallystick.makeKey('a\0b'), { code: 'TALLY_E_NUL' });
    assert.throws(() => tallystick.makeKey('a+b'), { code: 'TALLY_E_NAME' });
    assert.throws(() => tallystick.makeKey('a'.repeat(154)), { code: 'TALLY_E_LENGTH' });
    assert.throws(() => tallystick.makeKey('a', { witnes: true }), { code: 'TALLY_E_OPTION', message: /witness\?/ });
    assert.throws(() => verifyCheckpoint('x'.repeat(65537), key), { code: 'TALLY_E_LENGTH' });
    assert.throws(() => verifyProof('x'.repeat(1e6), key), { code: 'TALLY_E_LENGTH' });
    assert.throws(() => verifyCheckpoint(note, Array(5000).fill(key)), { code: 'TALLY_E_LENGTH' });
    assert.throws(() => verifyCheckpoint(note, { keys: key, wittnesses: [] }), { message: /did you mean witnesses\?/ });
    assert.throws(() => verifyProof('x', key, { stored: Buffer.alloc(1), hash }), { code: 'TALLY_E_OPTION' });
    assert.throws(() => verifyCheckpoint(note, { keys: key, origin: '' }), { code: 'TALLY_E_ARGUMENT' });
    assert.throws(() => verifyCheckpoint(note, []), { code: 'TALLY_E_ARGUMENT' });
    assert.throws(() => new tallystick.Proof('x'), { code: 'TALLY_E_ARGUMENT' });
  });

  test('what is given is read once: memory that others write to is copied', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(Buffer.byteLength(note)));
    shared.set(Buffer.from(note));
    assert.equal(verifyCheckpoint(shared, key).size, 11);
    assert.equal(verifyCheckpoint(new DataView(shared.buffer), new Uint8Array(Buffer.from(key))).size, 11);
  });

  test('a key of a witness is made for one', () => {
    const pair = tallystick.makeKey('witness.example/x', { witness: true });
    assert.equal(publicKey(`${pair.privateKey}\n`), pair.publicKey);
    const policy = { keys: key, witnesses: pair.publicKey };
    assert.throws(() => verifyCheckpoint(note, policy), { code: 'TALLY_E_UNKNOWN_KEY' });
    assert.equal(verifyCheckpoint(note, { ...policy, needed: 0 }).signatures.byWitnesses, 0);
    const { signatures } = verifyCheckpoint(note + cosign(note, pair.privateKey), policy);
    assert.equal(signatures.byWitnesses, 1);
    assert.ok(Math.abs(Date.now() - signatures.witnessed) < 60_000);
    assert.throws(() => cosign(note, tallystick.makeKey('a').privateKey), { code: 'TALLY_E_KEY' });
  });
});
