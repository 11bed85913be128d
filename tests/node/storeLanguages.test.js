'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');

const { openSync } = require('tallystick');

const { root } = require('./helpers');
const { freshPath } = require('./storeHelpers');

// What one language wrote, the other reads: the same values, to the last digit and byte.

const python = path.join(root, 'out', 'venv', 'bin', 'python');

/** Why Python cannot be asked, or false. */
function noPython() {
  if (!fs.existsSync(python)) return 'there is no out/venv: run `make python` first';
  try {
    execFileSync(python, ['-c', 'import tallystick; tallystick.open'], { stdio: 'pipe', cwd: path.join(root, 'out') });
    return false;
  } catch {
    return 'the Python package is not built, or has no store yet: run `make python` first';
  }
}

const skip = noPython();

function runPython(script, where) {
  return execFileSync(python, ['-c', script, where], { encoding: 'utf8', cwd: path.join(root, 'out') });
}

const values = [
  { plan: 'pro', n: 1.5, big: 1e21, list: [1, [2, null]], text: 'ü😀"\\\n', yes: true },
  'plain text',
  -0.1,
  [null],
  [],
  { nested: { deep: { er: [{}] } } },
  '\ud83d',
];

const write = `
import json, sys, tallystick
values = json.loads(${JSON.stringify(JSON.stringify(values))})
with tallystick.open(sys.argv[1]) as store:
    for i, value in enumerate(values):
        store.append("account/%d" % (i % 2), "account.opened", value, tags=["i:%d" % i, "ü"])
    store.append("account/raw", "raw", bytes(range(256)))
    store.append("account/none", "none", None)
`;

const read = `
import json, sys, tallystick
with tallystick.open(sys.argv[1], mode="r") as store:
    rows = []
    for e in store.read():
        data = list(e.data) if isinstance(e.data, bytes) else e.data
        rows.append([e.position, e.version, e.stream, e.type, list(e.tags), data, str(e.id), e.content_type])
    print(json.dumps(rows))
`;

const rowOf = (event) => [
  event.position,
  event.version,
  event.stream,
  event.type,
  event.tags,
  Buffer.isBuffer(event.data) ? [...event.data] : event.data,
  event.id,
  event.contentType,
];

/** As JSON has them: nothing is null there. */
const rowsOf = (events) => Array.from(events, (event) => JSON.parse(JSON.stringify(rowOf(event))));

describe('Python and Node', { skip }, () => {
  test('what Python wrote is read here', () => {
    const where = freshPath();
    runPython(write, where);
    const store = openSync(where);
    const events = store.readSync().toArray();
    values.forEach((value, i) => {
      assert.deepEqual(events[i].data, value);
      assert.equal(events[i].contentType, 'application/json');
      assert.equal(events[i].stream, `account/${i % 2}`);
      assert.deepEqual(events[i].tags, [`i:${i}`, 'ü']);
    });
    assert.deepEqual(events[values.length].data, Buffer.from(Array.from({ length: 256 }, (_, i) => i)));
    assert.equal(events[values.length].contentType, 'application/octet-stream');
    // None is no data in Python, undefined is here; null is a value of JSON.
    assert.equal(events[values.length + 1].data, undefined);
    assert.deepEqual(JSON.parse(runPython(read, where)), rowsOf(events));
    store.closeSync();
  });

  test('what Node wrote is read by Python', async () => {
    const where = freshPath();
    const store = openSync(where);
    for (const [i, value] of values.entries())
      await store.append(`account/${i % 2}`, 'account.opened', value, { tags: [`i:${i}`, 'ü'] });
    await store.append('account/raw', 'raw', Buffer.from([0, 255, 128]));
    await store.append('account/text', 'text', 'a,b', { contentType: 'text/csv' });
    await store.append('account/none', 'none');
    await store.append('account/null', 'null', null);
    const rows = rowsOf(store.readSync());
    await store.close();
    assert.deepEqual(JSON.parse(runPython(read, where)), rows);
  });

  test('both append to one store, one after the other, and idempotency keys hold', () => {
    const where = freshPath();
    const store = openSync(where);
    const { id } = store.appendSync('s', 't', { a: 1 }, { key: 'k' });
    store.closeSync();
    const out = runPython(
      `import sys, tallystick
with tallystick.open(sys.argv[1]) as store:
    print(store.append("s", "t", {"a": 1}, key="k").id)
    store.append("s", "t", {"a": 2})`,
      where,
    );
    assert.equal(out.trim(), id);
    const again = openSync(where);
    assert.deepEqual(
      again
        .readSync()
        .toArray()
        .map((event) => event.data),
      [{ a: 1 }, { a: 2 }],
    );
    again.closeSync();
  });
});

/** As the independent reader in plain Python prints an event, but for what needs its own decoding. */
const goldenRow = (event) => ({
  position: event.position,
  version: event.version,
  time_us: event.timeUs,
  time_logical: event.logical,
  id: event.id,
  correlation: event.correlation,
  causation: event.causation ?? null,
  stream: event.stream,
  type: event.type,
  content_type: event.contentType,
  schema: event.schema,
  tags: event.tags,
  occurred_us: event.occurredUs ?? null,
  batch: [event.batchIndex, event.batchCount],
  system: event.isSystem,
  event_hash: event.hash,
});

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

describe('golden stores, which the core wrote and another program has read', () => {
  const folder = path.join(root, 'tests', 'vectors', 'stores');
  const names = fs.readdirSync(folder).filter((name) => !name.endsWith('.jsonl'));
  for (const name of names) {
    test(`${name} reads the same`, async () => {
      const copy = freshPath();
      fs.cpSync(path.join(folder, name), copy, { recursive: true });
      const lines = fs
        .readFileSync(path.join(folder, `${name}.jsonl`), 'utf8')
        .split('\n')
        .filter(Boolean);
      const store = openSync(copy, { mode: 'read-only' });
      const events = await store.read().toArray();
      assert.equal(events.length, lines.length);
      for (const [i, line] of lines.entries()) {
        const { data, idempotency, digest, ...wanted } = JSON.parse(line);
        assert.deepEqual(goldenRow(events[i]), wanted);
        const { bytes } = events[i];
        const isLong = data.startsWith('SHA-256 ');
        assert.equal(isLong ? `SHA-256 ${sha256(bytes)}` : bytes.toString('hex'), data);
        void [idempotency, digest];
      }
      store.closeSync();
    });
  }
});
