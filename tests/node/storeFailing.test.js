'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { describe, test } = require('node:test');

const { openSync } = require('tallystick');

const { runGood } = require('./helpers');
const { freshPath } = require('./storeHelpers');

// The system refuses: files may not grow, by a limit of the process. Each is a process of its own.

const prelude = (where) => `
  const { open, openSync } = require('tallystick');
  const { execFileSync } = require('node:child_process');
  const where = ${JSON.stringify(where)};
  process.on('SIGXFSZ', () => {});
  const limit = (bytes) => execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=' + bytes + ':']);
  const codeOf = (promise) => promise.then(() => 'done', (error) => error.code);
  const say = (what) => console.log(JSON.stringify(what));`;

function canLimit() {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

const skip = canLimit() ? false : 'there is no prlimit (util-linux)';

describe('when the system refuses', { skip }, () => {
  test('no room for a commit changes nothing, and the next one that fits is taken', async () => {
    const where = freshPath();
    const out = await runGood(
      `${prelude(where)}
       (async () => {
         const store = openSync(where, { segmentBytes: 1 << 20 });
         await store.append('s', 't', 0);
         limit(2 << 20);
         const big = Buffer.alloc(4 << 20);
         say([
           await codeOf(store.append('s', 't', big)),
           await codeOf(store.appendMany([{ stream: 's', type: 't', data: big }])),
           await codeOf(store.append('s', 't', 1)),
           await codeOf(store.sync()),
           (await store.read().toArray()).length,
         ]);
         await store.close();
       })()`,
    );
    assert.deepEqual(JSON.parse(out), ['TALLY_E_NO_SPACE', 'TALLY_E_NO_SPACE', 'done', 'done', 2]);
  });

  test('a write that fails finishes the store: everything under way is told, what is durable can be read', async () => {
    const where = freshPath();
    const out = await runGood(
      `${prelude(where)}
       (async () => {
         const store = openSync(where, { segmentBytes: 1 << 20 });
         for (let i = 0; i < 10; i++) await store.append('s', 't', i);
         const following = store.follow().toArray();
         limit(4200);
         const under = [store.append('s', 't', 10), store.appendMany([{ stream: 's', type: 't' }]), store.wait(11), store.sync()];
         const codes = await Promise.all(under.map(codeOf));
         let atOnce;
         try { store.appendSync('s', 't', 1); } catch (error) { atOnce = [error.code, error.path, error.handling]; }
         const before = process.cpuUsage().user;
         await new Promise((resolve) => setTimeout(resolve, 300));
         const busy = process.cpuUsage().user - before;
         const events = (await store.read().toArray()).length;
         await store.close();
         say({ codes, atOnce, events, busy, followed: (await following).length });
       })()`,
    );
    const { codes, atOnce, events, busy, followed } = JSON.parse(out);
    assert.ok(
      codes.every((code) => ['TALLY_E_IO', 'TALLY_E_POISONED'].includes(code)),
      codes.join(),
    );
    assert.ok(codes.includes('TALLY_E_IO'));
    assert.equal(atOnce[0], 'TALLY_E_POISONED');
    assert.equal(atOnce[2], 'fatal');
    assert.equal(events, 10);
    assert.equal(followed, 0);
    assert.ok(busy < 200000, `${busy} µs of work while nothing happened`);
    const again = openSync(where);
    assert.deepEqual(
      again
        .readSync({ stream: 's' })
        .toArray()
        .slice(0, 10)
        .map((event) => event.data),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
    again.closeSync();
  });
});
