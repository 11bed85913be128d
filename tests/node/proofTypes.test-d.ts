// Types of proofs, as a programmer meets them. Checked by tsd and tsc; never run.

import { expectAssignable, expectType } from 'tsd';

import {
  type Checkpoint,
  type Consistency,
  type Event,
  type KeyPair,
  type PolicyLike,
  Proof,
  type Proven,
  type Reason,
  type SigningState,
  type VerifiedCheckpoint,
  type VerifyReport,
  type WitnessAnswer,
  askWitness,
  cosign,
  makeKey,
  merkleRoot,
  open,
  openSync,
  publicKey,
  readCheckpoint,
  verify,
  verifyCheckpoint,
  verifyConsistency,
  verifyInclusion,
  verifyProof,
  verifySync,
  witnessAnswer,
  witnessRequest,
} from '../../node/lib/index.js';

void (async () => {
  const signal = new AbortController().signal;
  const store = await open('audit.tally', {
    signing: {
      keyPath: new URL('file:///key'),
      statePath: 'state',
      verifyKeys: ['a'],
      rememberedPath: 'seen',
      mirror: (note) => expectType<string>(note),
      required: true,
      everyCommit: false,
    },
  });
  expectType<SigningState>(store.signing());
  expectType<string | undefined>(store.signing().publicKey);
  expectType<string>(await store.checkpoint());
  expectType<string>(store.checkpointSync());
  const receipt = await store.append('a', 'b', 1, { key: 'x', schema: 2 });
  const proof = await store.prove(receipt);
  expectType<Proof>(proof);
  expectType<Proof>(store.proveSync(store.getSync(0)));
  expectType<Proven>(proof.verify('key'));
  expectType<Event<any> | undefined>(proof.verify(['a', 'b'], { stored: await store.getStored(0) }).event);
  expectType<Consistency>(await store.consistency(1, 2));
  expectType<Buffer>(store.getStoredSync(0));
  expectType<void>(await store.keepNote('note', ['w']));
  expectType<void>(await store.rotateKey({ keyText: Buffer.from('x') }));
  const onProgress = (done: number, total: number) => void (done + total);
  const report = await store.verify({ mode: 'quick', keys: 'k', since: 'note', threads: 2, signal, onProgress });
  expectType<VerifyReport>(report);
  expectType<boolean>(report.intact);
  expectType<Reason>(report.reason);
  expectType<VerifyReport>(await verify(new URL('file:///x'), { keys: ['k'] }));
  expectType<VerifyReport>(verifySync('x', { mode: 'full' }));
  expectType<WitnessAnswer>(await askWitness('https://w', store, 'w', { signal, timeoutMs: 5, keep: false }));

  // @ts-expect-error
  store.prove('id');
  // @ts-expect-error
  store.verifySync({ signal });
  // @ts-expect-error
  store.verify({ mode: 'fast' });
  // @ts-expect-error
  store.rotateKey({ mirror: () => {} });
});

expectType<KeyPair>(makeKey('a/b', { witness: true }));
expectType<string>(publicKey(Buffer.from('x')));
expectType<Checkpoint>(readCheckpoint('note'));
expectType<VerifiedCheckpoint>(verifyCheckpoint('note', { keys: 'k', witnesses: ['w'], needed: 1 }));
expectType<Date | undefined>(verifyCheckpoint('note', 'k').signatures.witnessed);
expectType<string>(merkleRoot(['ab', new Uint8Array(32)]));
expectType<void>(verifyInclusion('leaf', 0, 1, [], 'root'));
expectType<void>(verifyConsistency(1, 'old', 2, 'new', ['hash']));
expectType<Proven>(verifyProof(new Uint8Array(5), 'k', { hash: 'ab' }));
expectType<string>(cosign('note', 'skey', { time: new Date() }));
expectType<string>(witnessRequest(5, [], 'note'));
expectType<WitnessAnswer>(witnessAnswer(200, '', 'note', []));
expectAssignable<PolicyLike>({ keys: ['a'] });
// @ts-expect-error
verifyProof('proof');
// @ts-expect-error
verifyProof('proof', { key: 'a' });
// @ts-expect-error
openSync('x', { signing: { keypath: 'x' } });
// @ts-expect-error
openSync('x', { signing: { sign: () => {} } });
// @ts-expect-error
new Proof('text');
