'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { HandlerError, Registry, STOP, TallyError } = require('tallystick');

const { counts, failing, marker, panics, sleep, turn, warningsOf } = require('./helpers');

describe('isolation', () => {
  test('a failing handler stops neither its siblings nor the caller, and stays', () => {
    const registry = new Registry();
    panics(registry);
    const log = [];
    const mark = marker(log);
    registry.register(mark('a'));
    registry.register(failing());
    registry.register(mark('b'));
    assert.deepEqual(counts(registry.notify()), { fired: 3, failed: 1, skipped: 0 });
    assert.deepEqual(log, ['a', 'b']);
    assert.equal(registry.count, 3);
  });

  test('each failure is reported exactly once, at once, with what is known', () => {
    const registry = new Registry();
    const log = [];
    const error = new TypeError('broken');
    registry.onPanic((failure) => void log.push(failure));
    const id = registry.register(
      () => {
        throw error;
      },
      { name: 'ledger', kinds: ['a', 'b'] },
    );
    registry.register(() => void log.push('sibling'));
    const event = {};
    registry.emit('a', event);
    assert.equal(log.length, 2);
    assert.deepEqual(log[0], { id, name: 'ledger', message: 'TypeError: broken', error, code: 0, event, kind: 'a' });
    assert.equal(log[0].error, error);
    assert.equal(log[1], 'sibling');
    assert.ok(Object.isFrozen(log[0]));
  });

  for (const thrown of ['text', 42, null, undefined, Symbol('s'), { a: 1 }, [], new Error('')]) {
    test(`anything may be thrown: ${String(thrown)} (${typeof thrown})`, () => {
      const registry = new Registry();
      const failures = panics(registry);
      registry.register(() => {
        throw thrown;
      });
      assert.equal(registry.notify().failed, 1);
      assert.equal(failures[0].error, thrown);
      assert.equal(typeof failures[0].message, 'string');
      assert.equal(registry.handlers()[0].failed, 1);
    });
  }

  test('a thrown thing that cannot be looked at hurts nobody', () => {
    const registry = new Registry();
    const failures = panics(registry);
    const hostile = new Proxy(
      {},
      {
        get() {
          throw new Error('do not look');
        },
      },
    );
    registry.register(() => {
      throw hostile;
    });
    assert.equal(registry.notify().failed, 1);
    assert.equal(failures[0].error, hostile);
    assert.equal(failures[0].message, 'something that cannot be shown was thrown');
  });

  test('onPanic is replaced and cleared, and looked up at each failure', async () => {
    const registry = new Registry();
    const log = [];
    const second = () => void log.push('second');
    registry.onPanic(() => {
      log.push('first');
      registry.onPanic(second);
    });
    registry.register(failing());
    registry.register(failing());
    registry.notify();
    assert.deepEqual(log, ['first', 'second']);
    registry.onPanic(null);
    const warnings = await warningsOf(() => registry.notify());
    assert.deepEqual(log, ['first', 'second']);
    assert.equal(warnings.length, 1);
  });

  test('while onPanic runs, failures of the registry go to the warnings and are counted', async () => {
    const registry = new Registry();
    let told = 0;
    registry.on('a', failing('outer'));
    registry.on('b', failing('inner'));
    registry.onPanic(() => {
      told++;
      registry.emit('b');
    });
    const warnings = await warningsOf(() => registry.emit('a'));
    assert.equal(told, 1);
    assert.equal(registry.stats().unreported, 1);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0].message, /inner/);
  });

  test('while onPanic of one registry runs, failures of another go to its own', () => {
    const [a, b] = [new Registry(), new Registry()];
    const failures = panics(b);
    b.register(failing('b'));
    a.onPanic(() => void b.notify());
    a.register(failing('a'));
    a.notify();
    assert.equal(failures.length, 1);
    assert.equal(b.stats().unreported, 0);
  });

  test('onPanic may register, unregister and close', () => {
    const registry = new Registry();
    registry.onPanic(({ id }) => {
      registry.unregister(id);
      registry.register(() => {});
    });
    registry.register(failing());
    registry.notify();
    assert.equal(registry.count, 1);
    registry.onPanic(() => registry.close());
    registry.register(failing());
    registry.notify();
    assert.equal(registry.closed, true);
  });

  test('when onPanic fails itself, that is swallowed, counted and shown', async () => {
    const registry = new Registry();
    const log = [];
    registry.onPanic(failing('panic'));
    registry.register(failing('handler'));
    registry.register(() => void log.push('sibling'));
    const warnings = await warningsOf(() => registry.notify());
    assert.deepEqual(log, ['sibling']);
    assert.equal(registry.stats().panicsFailed, 1);
    assert.equal(warnings.length, 1);
    assert.equal(warnings[0].code, 'TALLY_W_PANIC');
    assert.match(warnings[0].message, /panic.*handler/);
  });

  test('an async onPanic that rejects counts as failed', async () => {
    const registry = new Registry();
    registry.onPanic(async () => {
      throw new Error('later');
    });
    registry.register(failing());
    await warningsOf(() => registry.notify());
    assert.equal(registry.stats().panicsFailed, 1);
  });

  test('without onPanic the first failure is a warning at once, the rest come together', async () => {
    const registry = new Registry({ name: 'orders' });
    registry.register(failing('boom'), { name: 'ledger' });
    const all = await warningsOf(async () => {
      for (let i = 0; i < 10; i++) registry.notify();
      await sleep(1200);
    });
    const warnings = all.filter(({ message }) => message.includes("'orders'"));
    assert.equal(warnings.length, 2);
    assert.equal(warnings[0].name, 'TallyHandlerWarning');
    assert.equal(warnings[0].code, 'TALLY_W_HANDLER');
    assert.match(warnings[0].message, /Registry 'orders'.*'ledger'.*boom/);
    assert.match(warnings[1].message, /^9 more failures.*ledger \(9\)/);
  });

  test('with onPanic there is no warning', async () => {
    const registry = new Registry();
    panics(registry);
    registry.register(failing());
    assert.deepEqual(await warningsOf(() => registry.notify()), []);
  });

  test('what onPanic is given must be a function or null', () => {
    for (const wrong of [undefined, 1, {}, 'x']) {
      assert.throws(() => new Registry().onPanic(wrong), { code: 'TALLY_E_ARGUMENT' });
    }
  });
});

describe('promises of handlers that nobody awaits', () => {
  test('one that rejects later counts for the handler and onPanic, not for the numbers returned', async () => {
    const registry = new Registry();
    const failures = panics(registry);
    const id = registry.on('a', async () => {
      await turn();
      throw new Error('late');
    }).id;
    const result = registry.emit('a', 5);
    assert.deepEqual(counts(result), { fired: 1, failed: 0, skipped: 0 });
    assert.equal(registry.stats().pending, 1);
    await turn();
    await turn();
    assert.equal(failures.length, 1);
    assert.equal(failures[0].id, id);
    assert.equal(failures[0].event, 5);
    assert.equal(failures[0].kind, 'a');
    assert.equal(registry.handlers()[0].failed, 1);
    assert.equal(registry.stats().pending, 0);
  });

  test('an async handler that throws before its first await is observed too', async () => {
    const registry = new Registry();
    const failures = panics(registry);
    registry.register(async () => {
      throw new Error('early');
    });
    registry.notify();
    await turn();
    assert.equal(failures.length, 1);
  });

  test('a thenable that misbehaves is settled once', async () => {
    const registry = new Registry();
    const failures = panics(registry);
    registry.register(() => ({
      then(resolve, reject) {
        reject(new Error('once'));
        reject(new Error('twice'));
        resolve();
        throw new Error('thrice');
      },
    }));
    registry.register(() => ({
      get then() {
        throw new Error('do not look');
      },
    }));
    registry.notify();
    await turn();
    assert.deepEqual(
      failures.map(({ error }) => error.message),
      ['once', 'do not look'],
    );
    assert.equal(registry.stats().pending, 0);
  });
});

describe('policies', () => {
  test('raise runs all, then throws one AggregateError', () => {
    const registry = new Registry({ policy: 'raise' });
    const failures = panics(registry);
    const log = [];
    const [first, second] = [new Error('one'), 'two'];
    registry.register(() => {
      throw first;
    });
    registry.register(() => void log.push('ran'));
    registry.register(() => {
      throw second;
    });
    let thrown;
    try {
      registry.notify();
    } catch (error) {
      thrown = error;
    }
    assert.ok(thrown instanceof AggregateError);
    assert.ok(thrown instanceof HandlerError);
    assert.ok(thrown instanceof TallyError);
    assert.equal(thrown.code, 'TALLY_E_HANDLER');
    assert.deepEqual(thrown.errors, [first, second]);
    assert.equal(thrown.cause, first);
    assert.deepEqual(counts(thrown.result), { fired: 3, failed: 2, skipped: 0 });
    assert.deepEqual(log, ['ran']);
    assert.deepEqual(failures, [], 'a failure is delivered in the exception only');
    assert.deepEqual(
      registry.handlers().map(({ failed }) => failed),
      [1, 0, 1],
    );
  });

  test('raise returns the numbers when nothing fails', () => {
    const registry = new Registry({ policy: 'raise' });
    registry.register(() => {});
    assert.deepEqual(counts(registry.notify()), { fired: 1, failed: 0, skipped: 0 });
  });

  test('fail-fast stops at the first failure and throws it as it is', () => {
    const registry = new Registry({ policy: 'fail-fast' });
    const failures = panics(registry);
    const error = new RangeError('mine');
    registry.register(() => {});
    registry.register(() => {
      throw error;
    });
    registry.register(() => assert.fail('must not run'));
    assert.throws(
      () => registry.notify(),
      (thrown) => thrown === error,
    );
    assert.deepEqual(failures, []);
    assert.equal(registry.count, 3);
  });

  test('after an exception the next notify works, as deep as ever', () => {
    const registry = new Registry({ policy: 'fail-fast' });
    registry.register(failing());
    for (let i = 0; i < 200; i++) assert.throws(() => registry.notify(), /no good/);
  });

  test('an exception of a nested notify is a failure of the handler that made it', () => {
    const inner = new Registry({ policy: 'raise' });
    inner.register(failing('inner'));
    const outer = new Registry();
    const failures = panics(outer);
    outer.register(() => void inner.notify());
    assert.equal(outer.notify().failed, 1);
    assert.ok(failures[0].error instanceof HandlerError);
  });

  test('an unknown policy is refused with the right spelling', () => {
    assert.throws(() => new Registry({ policy: 'failfast' }), {
      code: 'TALLY_E_OPTION',
      message: /did you mean fail-fast/,
    });
  });
});

describe('stop', () => {
  test('where it is allowed, a handler stops the rest', () => {
    const registry = new Registry({ allowStop: true });
    registry.register(() => {});
    registry.register(() => STOP);
    registry.register(() => assert.fail('must not run'));
    registry.register(() => assert.fail('must not run'));
    const result = registry.notify();
    assert.deepEqual(
      { ...counts(result), stopped: result.stopped },
      { fired: 2, failed: 0, skipped: 2, stopped: true },
    );
  });

  test('elsewhere it is a failure', () => {
    for (const more of [0, 20]) {
      const registry = new Registry();
      const failures = panics(registry);
      registry.register(() => STOP);
      for (let i = 0; i < more; i++) registry.register(() => {});
      assert.deepEqual(counts(registry.notify()), { fired: 1 + more, failed: 1, skipped: 0 });
      assert.equal(failures[0].error.code, 'TALLY_E_OPTION');
    }
  });

  test('other values are ignored', () => {
    const registry = new Registry();
    panics(registry);
    for (const value of [0, 1, true, 'STOP', null, {}, [], () => {}, Symbol('x'), 1n]) registry.register(() => value);
    assert.equal(registry.notify().failed, 0);
  });
});
