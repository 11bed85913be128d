'use strict';

// Verifying: an open store, a directory, a backup. See types/proof.d.ts.

const { binding } = require('./native');
const { abortSignal, callback, choice, integer, readOptions } = require('./options');
const { keys, none, someText } = require('./proofText');
const { checkPath } = require('./storePath');
const { numbersOf, watched } = require('./storeUpkeep');

const modes = [undefined, 'full', 'quick'];

const syncChecks = {
  mode: choice(...modes.slice(1)),
  keys,
  since: someText,
  threads: integer(1, 1024),
};
const checks = { ...syncChecks, signal: abortSignal, onProgress: callback };

/** [texts, mode, threads] as the addon takes them. */
function argumentsOf(read, path) {
  const { mode = 'full', since = none, threads = 0 } = read;
  const texts = [path === undefined ? none : Buffer.from(path), since, ...(read.keys ?? [])];
  return [texts, modes.indexOf(mode), threads];
}

async function verify(path, options) {
  const from = checkPath(path);
  const read = readOptions(options, checks, 'verify');
  const work = argumentsOf(read, from);
  return Object.freeze(await watched(read, (numbers) => binding.storeVerify(true, numbers, ...work)));
}

function verifySync(path, options) {
  const from = checkPath(path);
  const work = argumentsOf(readOptions(options, syncChecks, 'verifySync'), from);
  return Object.freeze(binding.storeVerify(false, numbersOf(), ...work));
}

async function verifyStore(core, options) {
  const read = readOptions(options, checks, 'verify');
  const work = argumentsOf(read);
  core.checkOpen();
  return Object.freeze(await watched(read, (numbers) => core.native.verify(true, numbers, ...work), core.upkeep));
}

function verifyStoreSync(core, options) {
  const work = argumentsOf(readOptions(options, syncChecks, 'verifySync'));
  core.checkOpen();
  return Object.freeze(core.native.verify(false, numbersOf(), ...work));
}

module.exports = { verify, verifySync, verifyStore, verifyStoreSync };
