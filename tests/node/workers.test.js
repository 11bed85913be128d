'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { Worker } = require('node:worker_threads');

const { root, runGood, runScript, until } = require('./helpers');

/** Runs a script in a worker; resolves to what it posted. */
function inWorker(script, { stopAfter } = {}) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(script, { eval: true, workerData: { root } });
    const posted = [];
    worker.on('message', (message) => {
      posted.push(message);
      if (stopAfter !== undefined && posted.length === stopAfter) worker.terminate();
    });
    worker.on('error', reject);
    worker.on('exit', (code) => resolve({ code, posted }));
  });
}

const prelude = `
  const { parentPort } = require('node:worker_threads');
  const { Registry, Counter, capi } = require('tallystick');
  const addon = require('./tests/node/addon/build').addon();
  const start = (registry, events) => addon.start(capi(), registry.handle(), 'a', events, 8, true);`;

describe('workers', () => {
  test('a registry works in a worker as it does here', async () => {
    const { posted } = await inWorker(`${prelude}
      const registry = new Registry();
      const counter = new Counter();
      registry.register(counter);
      registry.register(() => {});
      parentPort.postMessage([registry.notify(Buffer.from('abc')).fired, counter.read().bytes]);`);
    assert.deepEqual(posted, [[2, 3]]);
  });

  test('loaded only in a worker, used, ended, and again', async () => {
    const script = `
      const { Worker } = require('node:worker_threads');
      const script = ${JSON.stringify(`${prelude}
        const registry = new Registry();
        registry.register(new Counter());
        registry.register(() => parentPort.postMessage('got'));
        start(registry, 10);
        setTimeout(() => {}, 20);`)};
      const once = () => new Promise((resolve) => new Worker(script, { eval: true }).on('exit', resolve));
      (async () => { for (let i = 0; i < 5; i++) await once(); console.log('good'); })();`;
    assert.equal(await runGood(script), 'good');
  });

  test('terminated while a thread notifies it', async () => {
    for (let round = 0; round < 5; round++) {
      const { posted } = await inWorker(
        `${prelude}
        const registry = new Registry();
        registry.register(new Counter());
        registry.register(() => {}, { batch: true });
        start(registry, 4294967295);
        setInterval(() => parentPort.postMessage('alive'), 2);`,
        { stopAfter: 3 },
      );
      assert.ok(posted.length >= 3);
    }
  });

  test('terminated in the middle of a handler that C waits for', async () => {
    const { posted } = await inWorker(
      `${prelude}
      const registry = new Registry();
      registry.onPanic(() => { parentPort.postMessage('inside'); for (;;); });
      registry.register(addon.probe(capi(), -1, 'bad', true, 0));
      registry.register(new Counter());
      registry.notify(Buffer.from('abc'));
      parentPort.postMessage('never');`,
      { stopAfter: 1 },
    );
    assert.deepEqual(posted, ['inside']);
  });

  test('terminated in the middle of a handler of JavaScript, and of a batch', async () => {
    for (const kind of ['registry.notify(1)', 'start(registry, 5)']) {
      const { posted } = await inWorker(
        `${prelude}
        const registry = new Registry();
        registry.register(() => { parentPort.postMessage('inside'); for (;;); });
        ${kind};
        setInterval(() => {}, 5);`,
        { stopAfter: 1 },
      );
      assert.deepEqual(posted, ['inside']);
    }
  });

  test('exits with a thread stuck inside a handler of an addon', async () => {
    const { code } = await inWorker(`${prelude}
      const registry = new Registry();
      const handler = addon.probe(capi(), 0, '', false, 0);
      registry.register(handler);
      addon.block(handler, true);
      start(registry, 1);
      while (addon.look(handler)[1] === 0);
      addon.block(handler, false);`);
    assert.equal(code, 0);
  });

  test('several copies of the package in one process know nothing of each other', async () => {
    const script = `
      const path = require('node:path');
      const fs = require('node:fs');
      const os = require('node:os');
      const assert = require('node:assert');
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tally-copy-'));
      for (const part of ['node/lib', 'prebuilds', 'build/Release/tallystick.node']) {
        if (fs.existsSync(part)) fs.cpSync(part, path.join(folder, part), { recursive: true });
      }
      const a = require('tallystick');
      const b = require(path.join(folder, 'node/lib/index.js'));
      assert.notEqual(a.Registry, b.Registry);
      const [one, two] = [new a.Registry({ allowStop: true }), new b.Registry({ allowStop: true })];
      const counter = new b.Counter();
      two.register(counter);
      one.register(() => void two.notify(Buffer.from('abc')));
      one.register(() => b.STOP);
      assert.equal(one.notify().stopped, true);
      assert.equal(counter.read().bytes, 3);
      assert.throws(() => one.register(counter), { code: 'TALLY_E_ARGUMENT' });
      try { two.on('a*', () => {}); } catch (error) {
        assert.ok(error instanceof a.TallyError);
        assert.ok(!(error instanceof a.NameError));
      }
      two.close();
      fs.rmSync(folder, { recursive: true });
      console.log('good');`;
    assert.equal(await runGood(script), 'good');
  });

  test('an environment that dies while promises of it are pending', async () => {
    const done = await runScript(`${prelude.replace('parentPort', 'threadId')}
      const registry = new Registry();
      const handler = addon.probe(capi(), 0, '', true, 0);
      const id = registry.register(handler);
      addon.block(handler, true);
      start(registry, 1);
      while (addon.look(handler)[1] === 0);
      registry.unregisterWait(id).then(() => console.log('never'));
      registry.waitFor('a');
      setTimeout(() => process.exit(3), 10);`);
    assert.equal(done.code, 3);
    assert.equal(done.stdout, '');
  });

  test('many workers at once', async () => {
    const script = `${prelude}
      const registry = new Registry({ ring: { slots: 65536 } });
      let got = 0;
      registry.register((batch) => {
        got += batch.length;
        if (got === 20000) { registry.unref(); parentPort.postMessage(got); }
      }, { batch: true });
      registry.ref();
      start(registry, 20000);`;
    const done = await Promise.all(Array.from({ length: 4 }, () => inWorker(script)));
    assert.deepEqual(
      done.map(({ posted }) => posted),
      Array.from({ length: 4 }, () => [20000]),
    );
    await until(() => true);
  });
});
