'use strict';

// What the tests share.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const path = require('node:path');

const root = path.join(__dirname, '..', '..');

/** A handler that writes a mark into a log. */
function marker(log) {
  return (mark) => () => {
    log.push(mark);
  };
}

/** A handler that throws. */
function failing(text = 'no good') {
  return () => {
    throw new Error(text);
  };
}

/** Collects what onPanic is told. */
function panics(registry) {
  const failures = [];
  registry.onPanic((failure) => {
    failures.push(failure);
  });
  return failures;
}

/** Process warnings while a function runs, and until those it caused have been emitted. */
async function warningsOf(run) {
  const warnings = [];
  const listener = (warning) => warnings.push(warning);
  process.on('warning', listener);
  try {
    await run();
    await turn();
    await turn();
  } finally {
    process.off('warning', listener);
  }
  return warnings;
}

/** One turn of the event loop. */
function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until something is so. */
async function until(isSo, what = 'it', limitMs = 10000) {
  const end = Date.now() + limitMs;
  while (!isSo()) {
    if (Date.now() > end) assert.fail(`${what} did not happen within ${limitMs} ms`);
    await sleep(1);
  }
}

/** Numbers of a result without the flags. */
function counts({ fired, failed, skipped }) {
  return { fired, failed, skipped };
}

/** Runs a script in a process of its own; resolves to {code, signal, stdout, stderr}. */
function runScript(script, args = [], options = {}) {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...args, '-e', script],
      { cwd: root, timeout: 60000, ...options },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : error.code, signal: error?.signal ?? null, stdout, stderr });
      },
    );
  });
}

/** Runs a script that must end well, and returns what it printed. */
async function runGood(script, args, options) {
  const done = await runScript(script, args, options);
  assert.equal(done.code, 0, `the script ended with ${done.code} ${done.signal}\n${done.stderr}`);
  return done.stdout.trim();
}

module.exports = { root, marker, failing, panics, warningsOf, turn, sleep, until, counts, runScript, runGood };
