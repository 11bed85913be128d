'use strict';

const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');

const { cosign, makeKey, openSync, verifyCheckpoint, verifyProof } = require('tallystick');

const { root } = require('./helpers');
const { fill, freshPath, withSigned } = require('./storeHelpers');

// What is proven here is believed elsewhere: by a verifier that knows only the published formats, and by Python.

const venv = path.join(root, 'out', 'venv', 'bin', 'python');
const checker = path.join(root, 'tests', 'verifier', 'check_proof.py');

/** A Python with so many features, or undefined. */
function pythonThat(script) {
  return [venv, 'python3'].find((python) => {
    if (python === venv && !fs.existsSync(venv)) return false;
    return spawnSync(python, ['-c', script], { cwd: path.join(root, 'out') }).status === 0;
  });
}

const plain = pythonThat('import sys; assert sys.version_info >= (3, 11)');

describe('the independent verifier', { skip: plain === undefined && 'there is no Python 3.11' }, () => {
  function check(proof, ...given) {
    const file = freshPath();
    fs.writeFileSync(file, proof);
    const done = spawnSync(plain, [checker, file, ...given], { encoding: 'utf8' });
    return done.status === 0 ? JSON.parse(done.stdout) : done.status;
  }

  test(
    'believes proofs of Node, and sees what was altered',
    withSigned(async (store, { publicKey }) => {
      fill(store, 20);
      const receipt = await store.append('account/42', 'account.opened', { plan: 'pro' }, { tags: ['x'], schema: 3 });
      fill(store, 7);
      await store.checkpoint();
      const proof = await store.prove(receipt);
      const mine = proof.verify(publicKey);
      const theirs = check(proof.text, publicKey);
      assert.deepEqual(
        [theirs.position, theirs.tree_size, theirs.root, theirs.event_hash, theirs.signed_by_log],
        [mine.position, mine.treeSize, mine.root, receipt.hash, 1],
      );
      assert.deepEqual(
        [theirs.stream, theirs.type, theirs.tags, theirs.schema, theirs.id, theirs.time_us],
        ['account/42', 'account.opened', ['x'], 3, receipt.id, receipt.timeUs],
      );
      const [data, other] = [freshPath(), freshPath()];
      const stored = await store.getStored(receipt.position);
      fs.writeFileSync(data, stored);
      fs.writeFileSync(other, Buffer.concat([stored, Buffer.from(' ')]));
      assert.equal(check(proof.text, publicKey, data).position, receipt.position);
      assert.equal(check(proof.text, publicKey, other), 1);
      assert.equal(check(proof.text.replace('index 20', 'index 21'), publicKey), 1);
      assert.equal(check(proof.text, makeKey(store.signing().origin).publicKey), 1);
    }),
  );

  test(
    'counts witnesses as Node does',
    withSigned(async (store, { publicKey }) => {
      fill(store, 3);
      const witness = makeKey('witness.example/w', { witness: true });
      const note = await store.checkpoint();
      await store.keepNote(note + cosign(note, witness.privateKey), witness.publicKey);
      const proof = store.proveSync(1);
      const policy = { keys: publicKey, witnesses: witness.publicKey };
      assert.equal(proof.verify(policy).signatures.byWitnesses, 1);
      assert.equal(check(proof.text, publicKey, '--witness', witness.publicKey, '--needed', '1').witnesses, 1);
    }),
  );
});

const python = pythonThat('import tallystick; tallystick.verify_proof, tallystick.Signing');
const skip = python === undefined && 'the Python package is not built, or has no proofs: run `make python` first';

describe('Python and Node', { skip }, () => {
  const run = (script, ...given) =>
    execFileSync(python, ['-c', script, ...given], { encoding: 'utf8', cwd: path.join(root, 'out') }).trim();

  test(
    'Python believes proofs of Node',
    withSigned(async (store, { publicKey }) => {
      fill(store, 10);
      const receipt = store.appendSync('account/42', 'account.opened', { plan: 'pro' });
      const proof = await store.prove(receipt);
      const stored = store.getStoredSync(receipt.position).toString('hex');
      const script = `
import json, sys, tallystick
proven = tallystick.verify_proof(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3]))
event = proven.event
print(json.dumps([proven.position, proven.tree_size, proven.root.hex(), proven.event_hash.hex(), event.stream, event.data]))`;
      const { position, treeSize, root: found, hash, event } = proof.verify(publicKey, { stored: Buffer.from(stored, 'hex') });
      assert.deepEqual(JSON.parse(run(script, proof.text, publicKey, stored)), [
        position,
        treeSize,
        found,
        hash,
        event.stream,
        event.data,
      ]);
    }),
  );

  test('Node believes proofs of Python, and goes on with its log and its key', async () => {
    const [where, keyPath] = [freshPath(), freshPath()];
    const script = `
import json, sys, tallystick
where, key_path = sys.argv[1:]
with tallystick.open(where) as store:
    key = tallystick.make_key(store.signing().origin)
key.save(key_path)
with tallystick.open(where, signing=tallystick.Signing(key_path)) as store:
    receipt = store.append("account/42", "account.opened", {"plan": "pro"}, key="k", schema=2)
    print(json.dumps([key.public, store.prove(receipt).text, store.checkpoint().text, str(receipt.id)]))`;
    const [publicKey, text, note, id] = JSON.parse(run(script, where, keyPath));
    assert.deepEqual([verifyProof(text, publicKey).event.id, verifyCheckpoint(note, publicKey).size], [id, 1]);
    const store = openSync(where, { signing: { keyPath, remembered: note } });
    const again = store.appendSync('account/42', 'account.opened', { plan: 'pro' }, { key: 'k', schema: 2 });
    assert.deepEqual([again.repeated, again.id], [true, id]);
    store.appendSync('account/42', 'account.closed');
    assert.equal((await store.verify({ keys: publicKey, since: note })).intact, true);
    assert.equal((await store.prove(1)).verify(publicKey).treeSize, 2);
    await store.close();
  });
});
