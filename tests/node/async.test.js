'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { AsyncRegistry, Counter, HandlerError, STOP } = require('tallystick');

const { failing, panics, runGood, sleep, turn } = require('./helpers');

function numbers({ fired, failed, skipped, cancelled }) {
  return { fired, failed, skipped, cancelled };
}

function deferred() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

describe('AsyncRegistry: starting', () => {
  test('handlers start in priority order, in one tick, and are awaited together', async () => {
    const registry = new AsyncRegistry();
    const log = [];
    const handler = (mark) => async () => {
      log.push(`${mark} starts`);
      await turn();
      log.push(`${mark} ends`);
    };
    registry.register(handler('low'), { priority: -1 });
    registry.register(handler('high'), { priority: 1 });
    registry.register(() => void log.push('plain'));
    const result = await registry.notify();
    assert.deepEqual(log, ['high starts', 'plain', 'low starts', 'high ends', 'low ends']);
    assert.deepEqual(numbers(result), { fired: 3, failed: 0, skipped: 0, cancelled: 0 });
  });

  test('nothing starts before it is awaited, and then at once', () => {
    const registry = new AsyncRegistry();
    let calls = 0;
    registry.register(() => void calls++);
    const notification = registry.notify();
    assert.equal(calls, 0);
    notification.then(() => {});
    assert.equal(calls, 1);
  });

  test('the snapshot is taken at the call', async () => {
    const registry = new AsyncRegistry();
    const log = [];
    const removed = registry.register(() => void log.push('removed'));
    registry.register(() => void log.push('there'));
    const notification = registry.notify();
    registry.register(() => void log.push('too late'));
    registry.unregister(removed);
    assert.deepEqual(numbers(await notification), { fired: 1, failed: 0, skipped: 1, cancelled: 0 });
    assert.deepEqual(log, ['there']);
  });

  test('awaiting twice runs once and gives the same result', async () => {
    const registry = new AsyncRegistry();
    let calls = 0;
    registry.register(() => void calls++);
    const notification = registry.notify();
    assert.equal(await notification, await notification);
    assert.equal(calls, 1);
  });

  test('a handler that awaits its own notify does not start it again', async () => {
    const registry = new AsyncRegistry();
    let calls = 0;
    const notification = registry.notify();
    registry.register(() => {});
    const again = registry.notify();
    registry.clear();
    registry.register(() => {
      calls++;
      third.then(() => {});
    });
    const third = registry.notify();
    await Promise.all([notification, again, third]);
    assert.equal(calls, 1);
  });

  test('then, catch and finally work as those of a promise', async () => {
    const registry = new AsyncRegistry({ policy: 'raise' });
    const log = [];
    assert.equal(await registry.notify().then(({ fired }) => fired + 1), 1);
    assert.equal((await registry.notify().finally(() => log.push('finally'))).fired, 0);
    registry.register(failing('x'));
    assert.equal(await registry.notify().catch((error) => error.errors[0].message), 'x');
    await assert.rejects(
      registry.notify().finally(() => log.push('finally')),
      HandlerError,
    );
    assert.deepEqual(log, ['finally', 'finally']);
    assert.equal((await Promise.allSettled([registry.notify()]))[0].status, 'rejected');
  });

  test('no promise is made for handlers that return none', async () => {
    const script = `
      const { AsyncRegistry } = require('tallystick');
      const { createHook } = require('node:async_hooks');
      const registry = new AsyncRegistry();
      for (let i = 0; i < 20; i++) registry.register(() => i);
      let promises = 0;
      createHook({ init: (_id, type) => { if (type === 'PROMISE') promises++; } }).enable();
      const notification = registry.notify();
      const before = promises;
      notification.then(() => {});
      console.log(promises - before);`;
    assert.equal(await runGood(script), '2', 'one for the notify, one for then');
  });

  test('one that is dropped runs nothing and warns', async () => {
    const script = `
      const { AsyncRegistry } = require('tallystick');
      const registry = new AsyncRegistry({ name: 'jobs' });
      registry.register(() => console.log('ran'));
      process.on('warning', ({ name, code, message }) => { console.log(name, code, message.includes("'jobs'")); clearInterval(timer); });
      (() => { for (let i = 0; i < 3; i++) registry.notify(); })();
      const timer = setInterval(() => gc(), 5);`;
    const lines = (await runGood(script, ['--expose-gc'])).split('\n');
    assert.equal(lines[0], 'TallyNotifyWarning TALLY_W_NOT_AWAITED true');
    assert.ok(!lines.includes('ran'));
  });

  test('one that is awaited does not warn', async () => {
    const script = `
      const { AsyncRegistry } = require('tallystick');
      const registry = new AsyncRegistry();
      process.on('warning', ({ message }) => console.log(message));
      (async () => {
        for (let i = 0; i < 100; i++) await registry.notify();
        for (let i = 0; i < 10; i++) { gc(); await new Promise((r) => setTimeout(r, 1)); }
        console.log('quiet');
      })();`;
    assert.equal(await runGood(script, ['--expose-gc']), 'quiet');
  });
});

describe('AsyncRegistry: names and context', () => {
  test('a handler gets the event and a context', async () => {
    const registry = new AsyncRegistry();
    const log = [];
    registry.on('a.*', (event, context) => {
      log.push(event, context.name, context.signal instanceof AbortSignal, context.signal === context.signal);
    });
    registry.on('a.b', (event, { name }) => void log.push(event, name));
    await registry.emit('a.b', 1);
    await registry.notify(2, { kind: 'a.c' });
    assert.deepEqual(log, [1, 'a.b', true, true, 1, 'a.b', 2, 'a.c', true, true]);
  });

  test('once runs once, however many notifies are under way', async () => {
    const registry = new AsyncRegistry();
    let calls = 0;
    registry.once('a', async () => {
      calls++;
      await turn();
    });
    const both = [registry.emit('a'), registry.emit('a')];
    const [first, second] = await Promise.all(both);
    assert.equal(calls, 1);
    assert.deepEqual([first.fired, second.fired, second.skipped], [1, 0, 1]);
  });

  test('children: the child first, then the parent', async () => {
    const parent = new AsyncRegistry();
    const child = parent.child();
    const log = [];
    parent.register(async () => void log.push('parent'));
    child.register(async () => void log.push('child'));
    assert.equal((await child.notify()).fired, 2);
    assert.deepEqual(log, ['child', 'parent']);
    parent.close();
    const result = await child.notify();
    assert.deepEqual([result.fired, result.orphaned], [1, true]);
  });

  test('handlers in C run inline at their place', async () => {
    const registry = new AsyncRegistry();
    const counter = new Counter();
    const log = [];
    registry.register(async () => void log.push(counter.read().events));
    registry.register(counter);
    registry.register(async () => void log.push(counter.read().bytes));
    assert.equal((await registry.notify(Buffer.from('four'))).fired, 3);
    assert.deepEqual(log, [0, 4]);
  });

  test('muted handlers are skipped', async () => {
    const registry = new AsyncRegistry();
    registry.register(() => assert.fail('is muted'));
    const result = await registry.muted(async () => registry.notify());
    assert.deepEqual(numbers(result), { fired: 0, failed: 0, skipped: 1, cancelled: 0 });
  });
});

describe('AsyncRegistry: sequence and concurrency', () => {
  test('notifySequential awaits each before the next', async () => {
    const registry = new AsyncRegistry();
    const log = [];
    for (const mark of ['a', 'b', 'c']) {
      registry.register(async () => {
        log.push(`${mark}+`);
        await turn();
        log.push(`${mark}-`);
      });
    }
    assert.equal((await registry.notifySequential()).fired, 3);
    assert.deepEqual(log, ['a+', 'a-', 'b+', 'b-', 'c+', 'c-']);
    log.length = 0;
    await registry.emitSequential('name');
    assert.equal(log.length, 6);
  });

  test('sequential: a handler removed while an earlier one runs is skipped', async () => {
    const registry = new AsyncRegistry();
    registry.register(async () => {
      await turn();
      registry.unregister(last);
    });
    const last = registry.register(() => assert.fail('was removed'));
    assert.deepEqual(numbers(await registry.notifySequential()), { fired: 1, failed: 0, skipped: 1, cancelled: 0 });
  });

  test('a bound of concurrency holds', async () => {
    for (const make of [() => new AsyncRegistry({ concurrency: 3 }), () => new AsyncRegistry()]) {
      const registry = make();
      let now = 0;
      let most = 0;
      for (let i = 0; i < 20; i++) {
        registry.register(async () => {
          most = Math.max(most, ++now);
          await sleep(Math.random() * 3);
          now--;
        });
      }
      const { fired } = await registry.notify(1, { concurrency: 3 });
      assert.equal(fired, 20);
      assert.equal(most, 3);
    }
  });

  test('a thousand plain handlers in sequence do not overflow the stack', async () => {
    const registry = new AsyncRegistry();
    registry.edit((edit) => {
      for (let i = 0; i < 20000; i++) edit.register(i % 2 ? () => {} : async () => {});
    });
    assert.equal((await registry.notifySequential()).fired, 20000);
  });
});

describe('AsyncRegistry: failures', () => {
  test('a failure is reported when it happens', async () => {
    const registry = new AsyncRegistry();
    const failures = panics(registry);
    const slow = deferred();
    registry.register(failing('sync'), { name: 'sync' });
    registry.register(async () => {
      throw new Error('before the first await');
    });
    registry.register(async () => {
      await turn();
      throw new Error('later');
    });
    registry.register(() => slow.promise);
    const done = registry.emit('a', 5).then(numbers);
    assert.equal(failures.length, 1);
    await turn();
    await turn();
    assert.deepEqual(
      failures.map(({ error }) => error.message),
      ['sync', 'before the first await', 'later'],
    );
    assert.deepEqual([failures[0].name, failures[0].event, failures[0].kind], ['sync', 5, 'a']);
    slow.resolve();
    assert.deepEqual(await done, { fired: 4, failed: 3, skipped: 0, cancelled: 0 });
    assert.deepEqual(
      registry.handlers().map(({ failed }) => failed),
      [1, 1, 1, 0],
    );
  });

  test('raise rejects with all of them when all have ended', async () => {
    const registry = new AsyncRegistry({ policy: 'raise' });
    let ended = false;
    registry.register(failing('one'));
    registry.register(async () => {
      await turn();
      ended = true;
      throw new Error('two');
    });
    await assert.rejects(registry.notify(), (error) => {
      assert.ok(error instanceof HandlerError);
      assert.deepEqual(
        error.errors.map(({ message }) => message),
        ['one', 'two'],
      );
      assert.deepEqual(numbers(error.result), { fired: 2, failed: 2, skipped: 0, cancelled: 0 });
      return ended;
    });
  });

  test('fail-fast cancels the others and rejects with the failure itself', async () => {
    const registry = new AsyncRegistry({ policy: 'fail-fast' });
    const failures = panics(registry);
    let aborted = false;
    registry.register((_event, { signal }) => {
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(signal.reason);
        });
      });
    });
    registry.register(async () => {
      await turn();
      throw new Error('fast');
    });
    const notification = registry.notify();
    await assert.rejects(notification, /^Error: fast$/);
    assert.equal(aborted, true);
    await turn();
    assert.deepEqual(numbers(notification.result), { fired: 2, failed: 1, skipped: 0, cancelled: 1 });
    assert.deepEqual(failures, []);
  });

  test('maxFailures detaches', async () => {
    const registry = new AsyncRegistry();
    panics(registry);
    registry.register(() => Promise.reject(new Error('x')), { maxFailures: 2 });
    await registry.notify();
    await registry.notify();
    assert.equal(registry.count, 0);
  });

  test('a stop keeps what has not started from starting', async () => {
    const registry = new AsyncRegistry({ allowStop: true });
    registry.register(() => STOP);
    registry.register(() => assert.fail('must not run'));
    const result = await registry.notify();
    assert.deepEqual([result.fired, result.skipped, result.stopped], [1, 1, true]);
    const later = new AsyncRegistry({ allowStop: true });
    later.register(async () => STOP);
    later.register(() => assert.fail('must not run'));
    assert.equal((await later.notifySequential()).skipped, 1);
  });

  test('a stop that is not allowed is a failure', async () => {
    const registry = new AsyncRegistry();
    const failures = panics(registry);
    registry.register(async () => STOP);
    registry.register(() => STOP);
    assert.equal((await registry.notify()).failed, 2);
    assert.equal(failures.length, 2);
  });

  test('notify nests 64 deep, then the awaitable rejects', async () => {
    const registry = new AsyncRegistry();
    const seen = [];
    let depth = 0;
    registry.register(() => {
      depth++;
      registry.notify().then(undefined, (error) => seen.push(error.code));
    });
    await registry.notify();
    await turn();
    assert.equal(depth, 64);
    assert.deepEqual(seen, ['TALLY_E_DEPTH']);
  });

  test('collect tells what each handler answered, in the order of starting', async () => {
    const registry = new AsyncRegistry();
    panics(registry);
    const error = new Error('x');
    const ids = [
      registry.register(async () => {
        await turn();
        return 'slow';
      }),
      registry.register(() => 'plain'),
      registry.register(() => Promise.reject(error)),
    ];
    assert.deepEqual(await registry.collect(1), [
      { id: ids[0], ok: true, value: 'slow' },
      { id: ids[1], ok: true, value: 'plain' },
      { id: ids[2], ok: false, error },
    ]);
  });
});

describe('AsyncRegistry: cancelling', () => {
  const patient =
    (log) =>
    (_event, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          log.push('told');
          reject(signal.reason);
        });
      });

  test('a signal cancels unfinished handlers and rejects with its reason', async () => {
    const registry = new AsyncRegistry();
    const failures = panics(registry);
    const log = [];
    const controller = new AbortController();
    registry.register(() => {});
    registry.register(failing('early'));
    registry.register(patient(log));
    registry.register(patient(log));
    const notification = registry.notify(1, { signal: controller.signal });
    const settled = notification.catch((reason) => reason);
    controller.abort(new Error('enough'));
    assert.equal((await settled).message, 'enough');
    assert.deepEqual(log, ['told', 'told']);
    assert.deepEqual(numbers(notification.result), { fired: 4, failed: 1, skipped: 0, cancelled: 2 });
    await turn();
    assert.deepEqual(
      failures.map(({ error }) => error.message),
      ['early'],
      'being cancelled is no failure',
    );
  });

  test('what failed under raise is reported when the caller gives up', async () => {
    const registry = new AsyncRegistry({ policy: 'raise' });
    const failures = panics(registry);
    const controller = new AbortController();
    registry.register(failing('lost otherwise'));
    registry.register(patient([]));
    const settled = registry.notify(1, { signal: controller.signal }).catch((reason) => reason);
    controller.abort('bye');
    assert.equal(await settled, 'bye');
    assert.deepEqual(
      failures.map(({ error }) => error.message),
      ['lost otherwise'],
    );
  });

  test('a handler that fails after it was cancelled is reported all the same', async () => {
    const registry = new AsyncRegistry();
    const failures = panics(registry);
    const late = deferred();
    registry.register(() => late.promise);
    await registry.notify(1, { timeoutMs: 1 });
    late.reject(new Error('late'));
    await turn();
    assert.deepEqual(
      failures.map(({ error }) => error.message),
      ['late'],
    );
  });

  test('a signal that is already aborted starts nothing', async () => {
    const registry = new AsyncRegistry();
    registry.register(() => assert.fail('must not run'));
    const notification = registry.notify(1, { signal: AbortSignal.abort('no') });
    await assert.rejects(
      async () => notification,
      (reason) => reason === 'no',
    );
    assert.equal(notification.result.skipped, 1);
  });

  test('a handler may abort the notify that it is in', async () => {
    const registry = new AsyncRegistry();
    const controller = new AbortController();
    registry.register(() => controller.abort('me'));
    registry.register(() => new Promise(() => {}));
    await assert.rejects(
      async () => registry.notify(1, { signal: controller.signal }),
      (reason) => reason === 'me',
    );
  });

  test('a signal leaves no listener behind', async () => {
    const registry = new AsyncRegistry();
    const listeners = new Set();
    const signal = {
      aborted: false,
      addEventListener: (_type, listener) => listeners.add(listener),
      removeEventListener: (_type, listener) => listeners.delete(listener),
    };
    registry.register(() => turn());
    await registry.notify(1, { signal });
    assert.equal(listeners.size, 0);
  });

  test('when the time is over the result says how many were cancelled', async () => {
    for (const [options, more] of [
      [{ timeoutMs: 10 }, undefined],
      [undefined, { timeoutMs: 10 }],
    ]) {
      const registry = new AsyncRegistry(options);
      const log = [];
      registry.register(() => {});
      registry.register(patient(log));
      const result = await registry.notify(1, more);
      assert.deepEqual(numbers(result), { fired: 2, failed: 0, skipped: 0, cancelled: 1 });
      assert.deepEqual(log, ['told']);
    }
  });

  test('in sequence, what has not started is skipped when the time is over', async () => {
    const registry = new AsyncRegistry();
    registry.register(patient([]));
    registry.register(() => assert.fail('must not run'));
    const result = await registry.notifySequential(1, { timeoutMs: 5 });
    assert.deepEqual(numbers(result), { fired: 1, failed: 0, skipped: 1, cancelled: 1 });
  });

  test('a timeout leaves no timer behind', async () => {
    const script = `
      const { AsyncRegistry } = require('tallystick');
      const registry = new AsyncRegistry({ timeoutMs: 60000 });
      registry.register(async () => {});
      registry.notify().then(({ fired }) => console.log(fired));`;
    const began = Date.now();
    assert.equal(await runGood(script), '1');
    assert.ok(Date.now() - began < 30000);
  });

  test('closing keeps what has not started from starting', async () => {
    const registry = new AsyncRegistry();
    registry.register(async () => registry.close());
    registry.register(() => assert.fail('is closed'));
    assert.deepEqual(numbers(await registry.notifySequential()), { fired: 1, failed: 0, skipped: 1, cancelled: 0 });
  });

  test('asynchronous disposal waits for handlers that run', async () => {
    const registry = new AsyncRegistry();
    let ended = false;
    registry.register(async () => {
      await sleep(10);
      ended = true;
    });
    registry.notify().then(() => {});
    await registry[Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]();
    assert.equal(ended, true);
  });
});

describe('AsyncRegistry: options are checked', () => {
  for (const [options, code] of [
    [{ concurrency: 0 }, 'TALLY_E_RANGE'],
    [{ timeoutMs: 1e12 }, 'TALLY_E_RANGE'],
    [{ signal: 5 }, 'TALLY_E_ARGUMENT'],
    [{ concurency: 5 }, 'TALLY_E_OPTION'],
    [{ kind: '*' }, 'TALLY_E_NAME'],
    [null, 'TALLY_E_ARGUMENT'],
  ]) {
    test(`notify refuses ${JSON.stringify(options)}`, () => {
      assert.throws(() => new AsyncRegistry().notify(1, options), { code });
      assert.throws(() => new AsyncRegistry().notifySequential(1, options), { code });
    });
  }

  test('emit has no kind', () => {
    assert.throws(() => new AsyncRegistry().emit('a', 1, { kind: 'a' }), { code: 'TALLY_E_OPTION' });
  });

  test('fired and latency with count', async () => {
    const registry = new AsyncRegistry({ count: true });
    registry.register(() => sleep(5));
    await registry.notify();
    const [info] = registry.handlers();
    assert.equal(info.fired, 1);
    assert.ok(info.latencyTotalNs > 3e6);
  });
});
