// A proof: whoever has the public key sees that something happened, and that nobody has changed it since.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeKey, open, verifyProof } from 'tallystick';

const folder = await mkdtemp(join(tmpdir(), 'proof-'));
const [path, keyPath] = [join(folder, 'audit.tally'), join(folder, 'audit.key')];

// A key belongs to one log: it is made for its origin, and lies outside of it.
let store = await open(path, { name: 'acme' });
const { privateKey, publicKey } = makeKey(store.signing().origin);
await store.close();
await writeFile(keyPath, privateKey, { mode: 0o600 });

store = await open(path, { signing: { keyPath } });
const receipt = await store.append('account/42', 'account.opened', { plan: 'pro' });
const proof = await store.prove(receipt);
const stored = await store.getStored(receipt.position);
await store.close();

// Elsewhere, years later, with nothing but the public key, the text of the proof, and the data if they matter.
const { position, treeSize, event } = verifyProof(proof.text, publicKey, { stored });
console.log(`proven: event ${position} of ${treeSize} is`, event.type, event.data, 'in', event.stream);
try {
  verifyProof(proof.text, publicKey, { stored: Buffer.from(String(stored).replace('pro', 'max')) });
} catch (error) {
  console.log('with other data:', error.code);
}
await rm(folder, { recursive: true });
