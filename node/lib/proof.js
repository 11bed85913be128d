'use strict';

// Proofs without a store: keys, checkpoints, trees, proofs of events. See types/proof.d.ts.

const { createHash } = require('node:crypto');
const { inspect } = require('node:util');

const { ArgumentError, OptionError } = require('./errors');
const { binding } = require('./native');
const { flag, readOptions } = require('./options');
const { Codecs, checkCodec, checkCodecs } = require('./storeCodec');
const { eventsOf } = require('./storeEvent');
const { position } = require('./storeOptions');
const { hashBytes, hashesBytes, none, readPolicy, storedBytes, textBytes } = require('./proofText');

const HAS_STORED = 1;
const HAS_HASH = 2;
const CORE_BYTES = 112;

/** A Date ends here; a witness may state any time. */
const LATEST_MS = 8.64e15;

const OF_LOG = 0;
const OF_WITNESS = 1;

/* -------------------------------------------------------------------------------------------------- keys */

const keyChecks = { witness: flag };

function makeKey(name, options) {
  const { witness = false } = readOptions(options, keyChecks, 'makeKey');
  const pair = binding.keyMake([textBytes(name, 'the name')], witness ? OF_WITNESS : OF_LOG);
  return { privateKey: pair[0], publicKey: pair[1] };
}

function publicKey(privateKey) {
  const text = textBytes(privateKey, 'the private key');
  try {
    return binding.keyPublic([text]);
  } finally {
    text.fill(0);
  }
}

/* ------------------------------------------------------------------------------------------- checkpoints */

function signaturesOf({ byLog, byWitnesses, unknown, keyIndex, witnessedS }, known) {
  const witnessed = byWitnesses === 0 ? undefined : new Date(Math.min(witnessedS * 1000, LATEST_MS));
  return Object.freeze({ byLog, byWitnesses, unknown, publicKey: known[keyIndex].toString('utf8'), witnessed });
}

function readCheckpoint(note) {
  return Object.freeze(binding.checkpointRead([textBytes(note, 'the note')]));
}

function verifyCheckpoint(note, policy) {
  const text = textBytes(note, 'the note');
  const { texts, keyCount, needed, known } = readPolicy(policy);
  const found = binding.checkpointVerify([text, ...texts], keyCount, needed);
  const { origin, size, root } = found;
  return Object.freeze({ origin, size, root, signatures: signaturesOf(found, known) });
}

/* ------------------------------------------------------------------------------------------------- trees */

function merkleRoot(leaves) {
  return binding.merkleRoot([hashesBytes(leaves, 'the leaves')]);
}

/** Both throw when it is not so: nobody can forget to look at an answer. */
function verifyInclusion(leaf, index, size, hashes, root) {
  const texts = [hashBytes(leaf, 'the leaf'), hashBytes(root, 'the root'), hashesBytes(hashes, 'the hashes')];
  binding.treeVerify(false, texts, position(index, 'the index'), position(size, 'the size'));
}

function verifyConsistency(oldSize, oldRoot, newSize, newRoot, hashes) {
  const roots = [hashBytes(oldRoot, 'the old root'), hashBytes(newRoot, 'the new root')];
  const sizes = [position(oldSize, 'the old size'), position(newSize, 'the new size')];
  binding.treeVerify(true, [...roots, hashesBytes(hashes, 'the hashes')], ...sizes);
}

/* ---------------------------------------------------------------------------------------------- proofs */

const proofChecks = { stored: storedBytes, hash: hashBytes, codec: checkCodec, codecs: checkCodecs };

function verifyProof(proof, policy, options) {
  const text = textBytes(proof instanceof Proof ? proof.text : proof, 'the proof');
  const { texts, keyCount, needed, known } = readPolicy(policy);
  const { stored, hash, codec, codecs } = readOptions(options, proofChecks, 'verifyProof');
  if (stored !== undefined && hash !== undefined) {
    throw new OptionError('verifyProof takes stored or hash, not both', {
      hint: 'a proof that is checked by a hash alone says nothing of the event and its data',
    });
  }
  const flags = (stored === undefined ? 0 : HAS_STORED) + (hash === undefined ? 0 : HAS_HASH);
  const given = [text, stored ?? none, hash ?? none, ...texts];
  const found = binding.proofVerify(given, keyCount, needed, flags);
  return Object.freeze({
    position: found.position,
    treeSize: found.treeSize,
    root: found.root,
    hash: found.hash,
    event: found.event === undefined ? undefined : eventsOf(found.event, new Codecs(codec, codecs))[0],
    dataGiven: found.dataGiven,
    signatures: signaturesOf(found, known),
  });
}

/** What a proof's line `extra` says that the hash of its event is; nothing of it is checked. */
function statedHash(text) {
  const [, line] = text.split('\n', 2);
  const core = Buffer.from(line.slice('extra '.length), 'base64').subarray(0, CORE_BYTES);
  return createHash('sha256').update('\0').update(core).digest('hex');
}

const made = Symbol('made by a store');

class Proof {
  #text;
  #position;

  constructor(key, text, of) {
    if (key !== made) throw new ArgumentError('proofs come from prove(); check the text of one with verifyProof()');
    this.#text = text;
    this.#position = of;
  }

  get text() {
    return this.#text;
  }

  get position() {
    return this.#position;
  }

  get hash() {
    return statedHash(this.#text);
  }

  get checkpoint() {
    return this.#text.slice(this.#text.indexOf('\n\n') + 2);
  }

  verify(policy, options) {
    return verifyProof(this.#text, policy, options);
  }

  toString() {
    return this.#text;
  }

  toJSON() {
    return this.#text;
  }

  [inspect.custom](_depth, options) {
    const { size } = readCheckpoint(this.checkpoint);
    return `${options.stylize('Proof', 'special')} { position ${this.#position} of ${size}, ${this.#text.length} bytes }`;
  }
}

module.exports = {
  Proof,
  proofOf: (text, of) => new Proof(made, text, of),
  makeKey,
  publicKey,
  readCheckpoint,
  verifyCheckpoint,
  merkleRoot,
  verifyInclusion,
  verifyConsistency,
  verifyProof,
};
