'use strict';

// Opening a store, and what happens when nobody closes it.

const { ClosedError } = require('./errors');
const { abortSignal, choice, flag, integer, readOptions } = require('./options');
const { Codecs, checkCodec, checkCodecs } = require('./storeCodec');
const { StoreCore } = require('./storeCore');
const { durability, text } = require('./storeOptions');
const { checkPath } = require('./storePath');
const { signing } = require('./storeProof');

const modes = ['open-or-create', 'existing', 'new', 'read-only'];
const digests = ['sha256', 'blake2b'];
const checkTimes = ['first-touch', 'always', 'never'];
const maps = ['sealed', 'never'];

const ALLOW_REMOTE = 2;

const count = integer(1, Number.MAX_SAFE_INTEGER);

/** A trigger may be Infinity: then it never applies. */
function countOrNever(value, name) {
  return value === Infinity ? value : count(value, name);
}

const checks = {
  mode: choice(...modes),
  name: text,
  digest: choice(...digests),
  check: choice(...checkTimes),
  map: choice(...maps),
  fileMode: integer(1, 0o777),
  allowRemote: flag,
  segmentBytes: integer(65536, 34359738368),
  queueBytes: count,
  syncEvents: countOrNever,
  syncBytes: countOrNever,
  syncIntervalMs: countOrNever,
  idempotencyEvents: countOrNever,
  idempotencyAgeS: countOrNever,
  durability,
  codec: checkCodec,
  codecs: checkCodecs,
  signing,
  signal: abortSignal,
};

const syncChecks = { ...checks };
delete syncChecks.signal;

/** The numbers as the addon takes them; 0 is the core's default. */
function numbersOf(read) {
  return Float64Array.from([
    read.mode === undefined ? 0 : modes.indexOf(read.mode),
    read.allowRemote ? ALLOW_REMOTE : 0,
    read.digest === undefined ? 0 : digests.indexOf(read.digest) + 1,
    read.check === undefined ? 0 : checkTimes.indexOf(read.check),
    read.map === undefined ? 0 : maps.indexOf(read.map),
    read.fileMode ?? 0,
    read.segmentBytes ?? 0,
    read.queueBytes ?? 0,
    read.syncEvents ?? 0,
    read.syncBytes ?? 0,
    read.syncIntervalMs ?? 0,
    read.idempotencyEvents ?? 0,
    read.idempotencyAgeS ?? 0,
  ]);
}

function prepare(path, options, isAsync) {
  const file = checkPath(path);
  const read = readOptions(options, isAsync ? checks : syncChecks, isAsync ? 'open' : 'openSync');
  read.codecs = new Codecs(read.codec, read.codecs);
  const numbers = numbersOf(read);
  return { core: new StoreCore(file, read, numbers), read, numbers };
}

/** A store that nobody closed and nobody can reach any more: it is closed, and said. */
const forgotten = new FinalizationRegistry((core) => {
  if (core.state !== 'open') return;
  process.emitWarning(`The store ${core.path} was never closed; it is closed now.`, {
    type: 'TallyStoreWarning',
    code: 'TALLY_W_STORE_NOT_CLOSED',
    detail: "Call close(), or use 'await using'.",
  });
  core.close().catch((error) => process.emitWarning(error));
});

/** @param makeStore makes the public face of a core */
async function open(makeStore, path, options) {
  const { core, read, numbers } = prepare(path, options, true);
  const { signal } = read;
  if (signal?.aborted) throw signal.reason;
  await core.open(true, read.name ?? '', numbers);
  if (signal?.aborted) {
    await core.close();
    throw signal.reason;
  }
  return watch(makeStore, core);
}

function openSync(makeStore, path, options) {
  const { core, read, numbers } = prepare(path, options, false);
  core.open(false, read.name ?? '', numbers);
  return watch(makeStore, core);
}

function watch(makeStore, core) {
  if (core.state !== 'open') throw new ClosedError('the store was closed', { path: core.path });
  const store = makeStore(core);
  forgotten.register(store, core, core);
  return store;
}

function unwatch(core) {
  forgotten.unregister(core);
}

module.exports = { open, openSync, unwatch, modes, digests };
