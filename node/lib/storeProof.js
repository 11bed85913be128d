'use strict';

// Checkpoints and proofs of an open store, and how its heads are signed. See types/proof.d.ts.

const { ArgumentError, OptionError, OutOfRangeError, UnsupportedError } = require('./errors');
const { callback, flag, readOptions, show } = require('./options');
const { proofOf } = require('./proof');
const { keys, none, someText, textBytes } = require('./proofText');
const { position } = require('./storeOptions');
const { checkPath } = require('./storePath');
const { Receipt } = require('./storeReceipt');
const { Event } = require('./storeEvent');

const REQUIRED = 1;
const EVERY_COMMIT = 2;

/* ---------------------------------------------------------------------------------------------- signing */

/** A core's thread would have to wait for the event loop, which may be waiting for it. */
function noSigner() {
  throw new UnsupportedError('a signing callback cannot be a function of JavaScript', {
    hint: 'heads are signed off the event loop: pass keyPath or keyText, or sign through the C interface',
  });
}

const path = (value, name) => someText(checkPath(value), name);

const keyChecks = { keyPath: path, keyText: someText, sign: noSigner, verifyKey: noSigner, statePath: path };
const signingChecks = {
  ...keyChecks,
  verifyKeys: keys,
  remembered: someText,
  rememberedPath: path,
  mirrorPath: path,
  mirror: callback,
  required: flag,
  everyCommit: flag,
};

function packSigning(read) {
  const { keyPath, keyText, statePath, remembered, rememberedPath, mirrorPath, verifyKeys = [] } = read;
  const fixed = [keyPath, keyText, statePath, remembered, rememberedPath, mirrorPath];
  if (read.mirror !== undefined && mirrorPath !== undefined) {
    throw new OptionError('signing takes mirror or mirrorPath, not both', { hint: 'leave one of them out' });
  }
  return {
    flags: (read.required ? REQUIRED : 0) + (read.everyCommit ? EVERY_COMMIT : 0),
    texts: [...fixed.map((text) => text ?? none), ...verifyKeys],
    mirror: read.mirror,
    /** The addon has its own copy by now. */
    wipe: () => keyText?.fill(0),
  };
}

/** The option `signing` of open. */
function signing(value, name) {
  if (value === null) throw new ArgumentError(`${name} is null; leave it out for an unsigned store`);
  return packSigning(readOptions(value, signingChecks, name));
}

/* ----------------------------------------------------------------------------------------------- mirror */

/** Calls the mirror with the newest note; what it throws hurts nobody. */
function mirrored(core) {
  if (core.mirror === undefined) return;
  const note = core.native.mirrored();
  if (note === undefined) return;
  const warn = (error) =>
    process.emitWarning(`The mirror of the store ${core.path} failed: ${error?.message ?? show(error)}`, {
      type: 'TallyStoreWarning',
      code: 'TALLY_W_MIRROR_FAILED',
    });
  try {
    Promise.resolve(core.mirror(note)).catch(warn);
  } catch (error) {
    warn(error);
  }
}

/* ----------------------------------------------------------------------------------------------- proofs */

/** [position, the hash that the event must have] of what is to be proven. */
function provable(of) {
  if (of instanceof Receipt || of instanceof Event) return [of.position, of.hash];
  if (typeof of === 'number') return [position(of, 'the position'), undefined];
  throw new ArgumentError(`what is to be proven is ${show(of)}`, { hint: 'pass a position, a receipt, or an event' });
}

/** A receipt of an event that was never durable may be of a place where another one lies now. */
function proofFor(text, [of, hash]) {
  const proof = proofOf(text, of);
  if (hash === undefined || proof.hash === hash) return proof;
  throw new OutOfRangeError(`the event is not in this log: another one is at position ${of}`, { position: of });
}

async function prove(native, of) {
  const wanted = provable(of);
  return proofFor(await native.prove(true, wanted[0]), wanted);
}

function proveSync(native, of) {
  const wanted = provable(of);
  return proofFor(native.prove(false, wanted[0]), wanted);
}

function consistency(native, isAsync, oldSize, newSize) {
  const sizes = [position(oldSize, 'the old size'), position(newSize, 'the new size')];
  return native.consistency(isAsync, ...sizes);
}

function keepNote(native, isAsync, note, witnesses = []) {
  return native.keepNote(isAsync, [textBytes(note, 'the note'), ...keys(witnesses, 'the witnesses')]);
}

function rotateKey(native, isAsync, key) {
  if (key === undefined || key === null) {
    throw new ArgumentError('rotateKey needs the new key', { hint: 'pass {keyPath} or {keyText}' });
  }
  const { flags, texts, wipe } = packSigning(readOptions(key, keyChecks, 'rotateKey'));
  try {
    return native.rotateKey(isAsync, flags, texts);
  } finally {
    wipe();
  }
}

/** How the heads stand. */
function signingState(native) {
  const state = native.signing();
  if (state.publicKey === '') state.publicKey = undefined;
  if (state.failure === '') state.failure = undefined;
  return Object.freeze(state);
}

module.exports = { signing, mirrored, prove, proveSync, consistency, keepNote, rotateKey, signingState };
