'use strict';

// Long work: backup, fsck, salvage. It runs off the loop, tells how far it is, and can be stopped.

const { binding } = require('./native');
const { abortSignal, callback, readOptions } = require('./options');
const { checkPath } = require('./storePath');

const checks = { signal: abortSignal, onProgress: callback };
const syncChecks = {};

const DONE = 0;
const TOTAL = 1;
const STOP = 2;
const PROGRESS_MS = 50;

const severities = [undefined, 'note', 'index', 'event', 'structure'];

function numbersOf() {
  return new Float64Array(3);
}

/** Runs `go(numbers)`, a promise of the addon, and watches its numbers. */
async function watched({ signal, onProgress }, go, running) {
  if (signal?.aborted) throw signal.reason;
  const numbers = numbersOf();
  const stop = () => {
    numbers[STOP] = 1;
  };
  let failed;
  let told = -1;
  const tell = () => {
    if (numbers[DONE] === told && told !== -1) return;
    told = numbers[DONE];
    try {
      onProgress(numbers[DONE], numbers[TOTAL]);
    } catch (error) {
      failed ??= { error };
      stop();
    }
  };
  signal?.addEventListener('abort', stop, { once: true });
  running?.add(numbers);
  const timer = onProgress === undefined ? undefined : setInterval(tell, PROGRESS_MS);
  try {
    const report = await go(numbers);
    if (onProgress !== undefined) tell();
    return report;
  } catch (error) {
    if (failed !== undefined) throw failed.error;
    if (error?.code === 'TALLY_E_INTERRUPTED' && signal?.aborted) throw signal.reason;
    throw error;
  } finally {
    clearInterval(timer);
    running?.delete(numbers);
    signal?.removeEventListener('abort', stop);
  }
}

function reportOf(report) {
  for (const finding of report.findings) finding.severity = severities[finding.severity];
  report.isWhole = report.badEvents === 0 && report.structure === 0;
  return report;
}

async function fsck(path, options) {
  const from = checkPath(path);
  return reportOf(await watched(readOptions(options, checks, 'fsck'), (numbers) => binding.storeFsck(true, numbers, from)));
}

function fsckSync(path, options) {
  readOptions(options, syncChecks, 'fsckSync');
  return reportOf(binding.storeFsck(false, numbersOf(), checkPath(path)));
}

async function salvage(from, to, options) {
  const [source, target] = [checkPath(from), checkPath(to)];
  return watched(readOptions(options, checks, 'salvage'), (numbers) => binding.storeSalvage(true, numbers, source, target));
}

function salvageSync(from, to, options) {
  readOptions(options, syncChecks, 'salvageSync');
  return binding.storeSalvage(false, numbersOf(), checkPath(from), checkPath(to));
}

async function backup(core, path, options) {
  const to = checkPath(path);
  core.checkOpen();
  return watched(readOptions(options, checks, 'backup'), (numbers) => core.native.backup(true, numbers, undefined, to), core.upkeep);
}

function backupSync(core, path, options) {
  readOptions(options, syncChecks, 'backupSync');
  const to = checkPath(path);
  core.checkOpen();
  return core.native.backup(false, numbersOf(), undefined, to);
}

module.exports = { numbersOf, watched, fsck, fsckSync, salvage, salvageSync, backup, backupSync };
