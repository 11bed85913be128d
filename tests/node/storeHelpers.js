'use strict';

// What the tests of the store share.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after } = require('node:test');

const { makeKey, openSync } = require('tallystick');

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'tallystick-node-'));
after(() => fs.rmSync(root, { recursive: true, force: true }));
let made = 0;

/** A path where nothing is yet; gone after the tests of the file. */
function freshPath() {
  return path.join(root, `store${made++}`);
}

/** Runs a test with a new store, and closes it. */
function withStore(options, run) {
  const [given, body] = typeof options === 'function' ? [{}, options] : [options, run];
  return async (t) => {
    const store = openSync(freshPath(), { durability: 'buffered', ...given });
    try {
      await body(store, t);
    } finally {
      store.closeSync();
    }
  };
}

/** Appends `count` events: streams a, b, c in turn, types x.0 to x.4, data {i}, a tag for each third. */
function fill(store, count) {
  const drafts = Array.from({ length: count }, (_, i) => ({
    stream: 'abc'[i % 3],
    type: `x.${i % 5}`,
    data: { i },
    ...(i % 3 === 0 ? { tags: ['third:yes'] } : {}),
  }));
  for (let from = 0; from < count; from += 1000) store.appendManySync(drafts.slice(from, from + 1000));
  return drafts;
}

/** A new store's path, and a key for it in a file beside it. */
function withKey() {
  const where = freshPath();
  const store = openSync(where);
  const { origin } = store.signing();
  store.closeSync();
  const { privateKey, publicKey } = makeKey(origin);
  const keyPath = `${where}.key`;
  fs.writeFileSync(keyPath, privateKey, { mode: 0o600 });
  return { where, origin, privateKey, publicKey, keyPath };
}

/** Runs a test with a store that signs: run(store, {where, origin, privateKey, publicKey, keyPath}). */
function withSigned(options, run) {
  const [given, body] = typeof options === 'function' ? [{}, options] : [options, run];
  return async () => {
    const made = withKey();
    const store = openSync(made.where, { signing: { keyPath: made.keyPath, ...given } });
    try {
      await body(store, made);
    } finally {
      store.closeSync();
    }
  };
}

module.exports = { freshPath, withStore, withKey, withSigned, fill };
