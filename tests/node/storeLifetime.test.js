'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { Worker } = require('node:worker_threads');

const { openSync } = require('tallystick');

const { root, runGood, runScript, sleep, until } = require('./helpers');
const { freshPath } = require('./storeHelpers');

const prelude = `
  const { open, openSync } = require('tallystick');
  const where = process.argv[1];`;

/** Runs a script that has the path of a store as `where`. */
function script(body, where, nodeArgs = []) {
  return runGood(`process.argv[1] = ${JSON.stringify(where)}; ${prelude} ${body}`, nodeArgs);
}

/** What a store holds, and whether it was closed cleanly. */
function look(where) {
  const store = openSync(where);
  const events = store.readSync().toArray();
  const { recovery } = store.info();
  store.closeSync();
  return { events, clean: !recovery.happened };
}

describe('the end of a process', () => {
  for (const [what, ending] of [
    ['by itself', ''],
    ['by exit', 'process.exit(0)'],
    ['by exit inside a promise', 'Promise.resolve().then(() => process.exit(0))'],
    ['by exit with appends under way', "for (let i = 0; i < 50; i++) store.append('s', 't', i); process.exit(0)"],
    ['by exit while a page is read', 'store.read().next(); process.exit(0)'],
    ['by exit while it follows', 'store.follow().next(); setTimeout(() => process.exit(0), 5)'],
    ['by exit while it is being closed', 'store.close(); process.exit(0)'],
  ]) {
    test(`${what} loses nothing that was appended, and closes cleanly`, async () => {
      const where = freshPath();
      await script(
        `const store = openSync(where, { durability: 'buffered' });
         for (let i = 0; i < 100; i++) store.appendSync('s', 't', i);
         ${ending}`,
        where,
      );
      const { events, clean } = look(where);
      assert.ok(events.length >= 100);
      events.slice(0, 100).forEach((event, i) => assert.equal(event.data, i));
      assert.equal(clean, true);
    });
  }

  test('by an exception closes it too', async () => {
    const where = freshPath();
    const done = await runScript(
      `process.argv[1] = ${JSON.stringify(where)}; ${prelude}
       openSync(where, { durability: 'buffered' }).appendSync('s', 't', 1); throw new Error('on purpose')`,
    );
    assert.equal(done.code, 1);
    assert.match(done.stderr, /on purpose/);
    assert.equal(look(where).clean, true);
  });

  test('by a signal keeps what was durable', async () => {
    const where = freshPath();
    const done = await runScript(
      `process.argv[1] = ${JSON.stringify(where)}; ${prelude}
       const store = openSync(where);
       store.append('s', 't', 1).then(() => process.kill(process.pid, 'SIGKILL')); setInterval(() => {}, 1000)`,
    );
    assert.equal(done.signal, 'SIGKILL');
    const { events } = look(where);
    assert.equal(events[0].data, 1);
  });

  test('an open store alone keeps nothing alive; calls under way do', async () => {
    const out = await script(
      `open(where).then(async (store) => {
         store.on('t', (event) => console.log('handled', event.position));
         store.append('s', 't', 1).then((receipt) => console.log('appended', receipt.position));
       });`,
      freshPath(),
    );
    assert.deepEqual(out.split('\n').sort(), ['appended 0', 'handled 0']);
  });

  test('handlers see what was appended at once before the loop ends', async () => {
    const out = await script(
      `const store = openSync(where, { durability: 'buffered' });
       let seen = 0;
       store.on('t', () => seen++);
       for (let i = 0; i < 1000; i++) store.appendSync('s', 't', i);
       process.on('exit', () => console.log(seen));`,
      freshPath(),
    );
    assert.equal(out, '1000');
  });

  test('a follower keeps the loop alive', async () => {
    const out = await script(
      `const store = openSync(where);
       store.follow().next().then(({ value }) => { console.log(value.data); store.close(); });
       setTimeout(() => store.appendSync('s', 't', 'late'), 50);`,
      freshPath(),
    );
    assert.equal(out, 'late');
  });
});

describe('a store that is forgotten', () => {
  test('is closed, with a warning that says which', async () => {
    const where = freshPath();
    const done = await runScript(
      `process.argv[1] = ${JSON.stringify(where)}; ${prelude}
       (async () => {
         let store = await open(where);
         await store.append('s', 't', 1);
         store = null;
         for (let i = 0; i < 50; i++) {
           gc();
           await new Promise((resolve) => setTimeout(resolve, 5));
           try { openSync(where).closeSync(); console.log('closed'); return; } catch {}
         }
       })()`,
      ['--expose-gc'],
    );
    assert.equal(done.stdout.trim(), 'closed');
    assert.ok(done.stderr.includes('TALLY_W_STORE_NOT_CLOSED'));
    assert.ok(done.stderr.includes(where));
  });

  test('is not forgotten while somebody reads it', async () => {
    const out = await script(
      `(async () => {
         const reader = (() => {
           const store = openSync(where, { durability: 'buffered' });
           store.appendManySync(Array(1000).fill({ stream: 's', type: 't' }));
           return store.read();
         })();
         let seen = 0;
         for await (const event of reader) {
           if (++seen % 100 === 0) { gc(); await new Promise((resolve) => setTimeout(resolve, 2)); }
         }
         console.log(seen);
       })()`,
      freshPath(),
      ['--expose-gc'],
    );
    assert.equal(out, '1000');
  });
});

describe('nothing is left', () => {
  test('of stores, readers, events and receipts', async () => {
    const out = await script(
      `const settle = async () => { for (let i = 0; i < 8; i++) { gc(); await new Promise((r) => setImmediate(r)); } };
       let collected = 0;
       const watcher = new FinalizationRegistry(() => collected++);
       const watched = (object) => { watcher.register(object); return object; };
       const round = async (i) => {
         const store = watched(await open(where + i, { durability: 'buffered' }));
         watched(store.appendSync('s', 't', i));
         watched(await store.append('s', 't', i, { durability: 'written' }));
         for await (const event of watched(store.read())) watched(event);
         for (const event of watched(store.readSync())) watched(event);
         watched(store.on('*', () => {}));
         store.gate(watched(() => {}))();
         const follower = watched(store.follow());
         const next = follower.next();
         await follower.return();
         await next;
         await store.close();
       };
       (async () => {
         for (let i = 0; i < 20; i++) await round(i);
         await settle();
         await new Promise((r) => setTimeout(r, 20));
         await settle();
         console.log(collected, process.getActiveResourcesInfo().filter((each) => each !== 'Timeout').length);
       })()`,
      freshPath(),
      ['--expose-gc'],
    );
    const [collected] = out.split(' ').map(Number);
    // 1 store, 2 receipts, 2 readers, 4 events, 1 subscription, 1 gate, 1 follower; the last round may linger.
    assert.ok(collected >= 12 * 19, `${collected} of ${12 * 20}`);
  });

  test('of followers and waiters that give up on a quiet store', async () => {
    const out = await script(
      `(async () => {
         const store = await open(where);
         const round = async (count) => {
           for (let i = 0; i < count; i++) {
             const controller = new AbortController();
             const next = store.follow({ signal: controller.signal }).next().catch(() => {});
             const waiting = store.wait(0, { signal: controller.signal }).catch(() => {});
             controller.abort();
             await Promise.all([next, waiting]);
           }
           gc();
           await new Promise((r) => setTimeout(r, 20));
           gc();
         };
         await round(2000);
         const before = process.memoryUsage().heapUsed;
         await round(4000);
         console.log(process.memoryUsage().heapUsed - before);
         await store.close();
       })()`,
      freshPath(),
      ['--expose-gc'],
    );
    // One closure for each would be more than twice of that.
    assert.ok(Number(out) < 1e6, `the heap grew by ${out}`);
  });

  test('of memory, when many events are read and appended', async () => {
    const out = await script(
      `(async () => {
         const store = await open(where, { durability: 'buffered' });
         const events = Array(1000).fill({ stream: 's', type: 't', data: { text: 'x'.repeat(500) } });
         const round = async () => {
           for (let i = 0; i < 10; i++) await store.appendMany(events);
           let bytes = 0;
           for await (const event of store.read({ backwards: true, limit: 10000 })) bytes += event.bytes.length;
           gc();
         };
         for (let i = 0; i < 3; i++) await round();
         await store.sync();
         const before = process.memoryUsage();
         for (let i = 0; i < 8; i++) await round();
         await store.sync();
         gc();
         await new Promise((r) => setTimeout(r, 20));
         gc();
         const now = process.memoryUsage();
         console.log(now.heapUsed - before.heapUsed, now.external + now.arrayBuffers - before.external - before.arrayBuffers);
         await store.close();
       })()`,
      freshPath(),
      ['--expose-gc'],
    );
    const [heap, external] = out.split(' ').map(Number);
    assert.ok(heap < 4e6, `the heap grew by ${heap}`);
    assert.ok(external < 4e6, `external memory grew by ${external}`);
  });
});

describe('workers', () => {
  /** Runs code in a worker; resolves to what it posts. */
  function inWorker(body, where) {
    const worker = new Worker(
      `const { open, openSync } = require(${JSON.stringify(root)});
       const { parentPort, workerData: where } = require('node:worker_threads');
       (async () => { ${body} })().catch((error) => parentPort.postMessage({ error: error.code ?? error.message }));`,
      { eval: true, workerData: where },
    );
    return worker;
  }

  const message = (worker) =>
    new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });

  const ended = (worker) => new Promise((resolve) => worker.once('exit', resolve));

  test('each has stores of its own; one directory has one writer', async () => {
    const where = freshPath();
    const store = openSync(where, { durability: 'written' });
    const worker = inWorker(
      `parentPort.postMessage(await open(where).then(() => 'open', (error) => error.code));`,
      where,
    );
    assert.equal(await message(worker), 'TALLY_E_LOCKED');
    await ended(worker);
    store.appendSync('s', 't', 'from here');
    const reader = inWorker(
      `const store = await open(where, { mode: 'read-only' });
       parentPort.postMessage((await store.read().toArray()).map((event) => event.data));
       await store.close();`,
      where,
    );
    assert.deepEqual(await message(reader), ['from here']);
    await ended(reader);
    store.closeSync();
  });

  for (const [what, body] of [
    ['idle', ''],
    [
      'appends are under way',
      "for (let i = 0; i < 200; i++) store.append('s', 't', i, { durability: 'durable' }).catch(() => {});",
    ],
    ['pages are read', 'for (let i = 0; i < 20; i++) store.read().toArray().catch(() => {});'],
    ['it follows', 'store.follow().next().catch(() => {});'],
    ['it waits', 'store.wait(1000000).catch(() => {});'],
    [
      'handlers are behind',
      "store.on('*', () => {}); store.appendManySync(Array(5000).fill({ stream: 's', type: 't' }));",
    ],
    ['it closes', 'store.close();'],
    ['it backs up', "store.backup(where + '.copy').catch(() => {});"],
    ['it appends without end', "parentPort.postMessage('ready'); for (;;) store.appendSync('s', 't', 1);"],
  ]) {
    test(`terminated while ${what}: nothing is lost, and the store can be opened again`, async () => {
      const where = freshPath();
      const worker = inWorker(
        `const store = openSync(where, { durability: 'buffered' });
         for (let i = 0; i < 2000; i++) store.appendSync('s', 't', i);
         ${body}
         parentPort.postMessage('ready'); setInterval(() => {}, 1000);`,
        where,
      );
      assert.equal(await message(worker), 'ready');
      await worker.terminate();
      await until(() => {
        try {
          openSync(where).closeSync();
          return true;
        } catch (error) {
          if (error.code !== 'TALLY_E_LOCKED') throw error;
          return false;
        }
      }, 'the end of the lock');
      const { events } = look(where);
      assert.ok(events.length >= 2000);
      assert.equal(events[1999].data, 1999);
      fs.rmSync(`${where}.copy`, { recursive: true, force: true });
    });
  }

  test(
    'that follow see every event once and in order while the writer appends in all ways',
    { timeout: 60000 },
    async () => {
      const where = freshPath();
      const count = 6000;
      const store = openSync(where, { durability: 'written', segmentBytes: 65536 });
      const readers = [1, 2].map(() =>
        inWorker(
          `const store = await open(where, { mode: 'read-only' });
         let next = 0;
         let wrong = 0;
         for await (const event of store.follow({ from: 0 })) {
           if (event.position !== next++ || event.data.i !== event.position) wrong++;
           if (next === ${count}) break;
         }
         await store.close();
         parentPort.postMessage({ next, wrong });`,
          where,
        ),
      );
      const answers = Promise.all(readers.map(message));
      for (let i = 0; i < count;) {
        if (i % 7 === 0) store.appendSync(`s/${i % 5}`, 't', { i: i++ });
        else if (i % 5 === 0) await store.append(`s/${i % 5}`, 't', { i: i++ });
        else {
          const size = Math.min(50, count - i);
          const drafts = Array.from({ length: size }, (_, k) => ({
            stream: `s/${k % 5}`,
            type: 't',
            data: { i: i + k },
          }));
          await store.appendMany(drafts);
          i += size;
        }
      }
      assert.deepEqual(await answers, [
        { next: count, wrong: 0 },
        { next: count, wrong: 0 },
      ]);
      await Promise.all(readers.map((reader) => reader.terminate()));
      await store.close();
    },
  );

  test('a second copy of the package in one thread shares the core, and nothing else', () => {
    const where = freshPath();
    const files = Object.keys(require.cache).filter((file) => file.startsWith(path.join(root, 'node', 'lib')));
    const kept = files.map((file) => [file, require.cache[file]]);
    for (const file of files) delete require.cache[file];
    const copy = require('tallystick');
    for (const file of Object.keys(require.cache))
      if (file.startsWith(path.join(root, 'node', 'lib'))) delete require.cache[file];
    for (const [file, module] of kept) require.cache[file] = module;
    assert.notEqual(copy.openSync, openSync);
    const store = copy.openSync(where, { durability: 'buffered' });
    assert.throws(() => openSync(where), { code: 'TALLY_E_LOCKED' });
    store.appendSync('s', 't', 1);
    store.closeSync();
    assert.equal(look(where).events[0].data, 1);
  });

  test('many that come and go', async () => {
    for (let i = 0; i < 5; i++) {
      const where = freshPath();
      const worker = inWorker(
        `const store = await open(where); await Promise.all([1, 2, 3].map((i) => store.append('s', 't', i)));
         parentPort.postMessage('done'); process.exit(0);`,
        where,
      );
      assert.equal(await message(worker), 'done');
      await ended(worker);
      assert.equal(look(where).events.length, 3);
    }
  });
});

test('nothing blocks the event loop', async () => {
  const store = openSync(freshPath());
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  const work = [];
  for (let i = 0; i < 20; i++) {
    work.push(store.append('s', 't', i));
    await sleep(1);
  }
  await Promise.all(work);
  await store.read().toArray();
  clearInterval(timer);
  await store.close();
  // A generous bound for busy machines; a blocked loop would stand still for as long as a sync queue takes.
  assert.ok(longest < 1000, `the loop stood still for ${longest} ms`);
});
