// The store from Node: ours and better-sqlite3 take turns in this process. Usage: store.mjs DIRECTORY
// Prints one JSON object per line: name, unit, samples of each contestant. Data are bytes, so that nobody's
// JSON is measured.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const { openSync } = require('../..');
const ROUNDS = 11;
const BATCH = 1000;
const data = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const record = { order: 4711, total: '129.90', items: [1, 2, 3], note: 'x'.repeat(160) };
const folder = process.argv[2];

let Database;
try {
  Database = createRequire(join(process.cwd(), 'out/bench/npm/package.json'))('better-sqlite3');
} catch {
  Database = undefined; // its binary did not come with the package: no rows against it
}

async function contest(name, unit, contestants, count, perSecond = false) {
  const samples = Object.fromEntries(Object.keys(contestants).map((who) => [who, []]));
  for (let turn = 0; turn <= ROUNDS; turn++) {
    for (const [who, run] of Object.entries(contestants)) {
      const start = process.hrtime.bigint();
      await run(count);
      const ns = Number(process.hrtime.bigint() - start) / count;
      if (turn > 0) samples[who].push(perSecond ? 1e9 / ns : ns);
    }
  }
  console.log(JSON.stringify({ name, unit, samples }));
}

const store = openSync(join(folder, 'ours'), { durability: 'buffered' });
const single = (value) => (count) => {
  for (let i = 0; i < count; i++) store.appendSync('account/42', 'order.paid', value);
};
const many = (value) => {
  const drafts = Array.from({ length: BATCH }, () => ({ stream: 'account/42', type: 'order.paid', data: value }));
  return (count) => {
    for (let i = 0; i < count; i += BATCH) store.appendManySync(drafts);
  };
};
const promised = async (count) => {
  const waiting = [];
  for (let i = 0; i < count; i++) waiting.push(store.append('account/42', 'order.paid', data));
  await Promise.all(waiting);
};

const singles = { ours: single(data), 'ours, JSON': single(record), 'ours, promises': promised };
const batches = { ours: many(data), 'ours, JSON': many(record) };
const reads = {
  ours: (count) => {
    let seen = 0;
    for (const event of store.readSync()) {
      seen += event.bytes.length;
      if (--count === 0) break;
    }
    return seen;
  },
};
if (Database !== undefined) {
  const database = new Database(join(folder, 'peer.db'));
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = OFF');
  database.exec('CREATE TABLE events(position INTEGER PRIMARY KEY, stream TEXT, type TEXT, data BLOB)');
  const insert = database.prepare('INSERT INTO events(stream, type, data) VALUES(?, ?, ?)');
  singles['better-sqlite3'] = (count) => {
    for (let i = 0; i < count; i++) insert.run('account/42', 'order.paid', data);
  };
  const transaction = database.transaction((count) => {
    for (let i = 0; i < count; i++) insert.run('account/42', 'order.paid', data);
  });
  batches['better-sqlite3'] = (count) => {
    for (let i = 0; i < count; i += BATCH) transaction(BATCH);
  };
  const select = database.prepare('SELECT position, stream, type, data FROM events LIMIT ?');
  reads['better-sqlite3'] = (count) => {
    let seen = 0;
    for (const row of select.iterate(count)) seen += row.data.length;
    return seen;
  };
}
await contest('append/buffered, one by one', 'ns', singles, 10_000);
await contest('append/batches of 1000', 'events/s', batches, 20_000, true);
await contest('append/encoding alone', 'ns', { json: (count) => {
  for (let i = 0; i < count; i++) Buffer.from(JSON.stringify(record));
} }, 20_000);
await contest('read/in order', 'ns', reads, 50_000);
store.closeSync();
