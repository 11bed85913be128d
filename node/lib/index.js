'use strict';

// The package, in one list. index.mjs repeats the names; a test compares the two with index.d.ts.

const { AsyncRegistry } = require('./asyncRegistry');
const { capture } = require('./capture');
const { TallyError, classes } = require('./errors');
const { HandlerId } = require('./handlerId');
const { binding } = require('./native');
const { Counter, Ring, Mask, capi, getInclude } = require('./natives');
const proof = require('./proof');
const { Registry } = require('./registry');
const { Event, Receipt, Store, fsck, fsckSync, open, openSync, salvage, salvageSync } = require('./store');
const { verify, verifySync } = require('./store');
const { STOP } = require('./values');
const witness = require('./witness');

module.exports = {
  open,
  openSync,
  Store,
  Event,
  Receipt,
  fsck,
  fsckSync,
  salvage,
  salvageSync,
  Proof: proof.Proof,
  makeKey: proof.makeKey,
  publicKey: proof.publicKey,
  verify,
  verifySync,
  verifyProof: proof.verifyProof,
  verifyCheckpoint: proof.verifyCheckpoint,
  readCheckpoint: proof.readCheckpoint,
  verifyConsistency: proof.verifyConsistency,
  verifyInclusion: proof.verifyInclusion,
  merkleRoot: proof.merkleRoot,
  cosign: witness.cosign,
  witnessRequest: witness.witnessRequest,
  witnessAnswer: witness.witnessAnswer,
  askWitness: witness.askWitness,
  Registry,
  AsyncRegistry,
  HandlerId,
  STOP,
  capture,
  Counter,
  Ring,
  Mask,
  capi,
  getInclude,
  VERSION: binding.version(),
  TallyError,
  ...classes,
};
