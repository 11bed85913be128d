'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { Registry } = require('tallystick');

const { counts, failing, panics, turn } = require('./helpers');

describe('once', () => {
  test('runs once and is gone before it runs', () => {
    const registry = new Registry();
    let calls = 0;
    const id = registry.register(
      () => {
        calls++;
        assert.equal(registry.contains(id), false);
      },
      { once: true },
    );
    registry.notify();
    registry.notify();
    assert.equal(calls, 1);
  });

  test('exactly one of any nested notifies runs it', () => {
    for (const more of [0, 20]) {
      const registry = new Registry();
      let calls = 0;
      let nested = false;
      registry.register(() => {
        if (nested) return;
        nested = true;
        registry.notify();
      });
      registry.register(() => void calls++, { once: true });
      for (let i = 0; i < more; i++) registry.register(() => {});
      assert.deepEqual(counts(registry.notify()), { fired: 1 + more, failed: 0, skipped: 1 });
      assert.equal(calls, 1);
    }
  });

  test('an event that its filter refuses does not use it up', () => {
    const registry = new Registry();
    let calls = 0;
    registry.register(() => void calls++, { once: true, kinds: 'a' });
    registry.notify();
    registry.emit('b');
    registry.emit('a');
    registry.emit('a');
    assert.equal(calls, 1);
  });

  test('one that fails is used up', () => {
    const registry = new Registry();
    const failures = panics(registry);
    registry.register(failing(), { once: true });
    registry.notify();
    registry.notify();
    assert.equal(failures.length, 1);
    assert.equal(registry.count, 0);
  });

  test('one that is removed before does not run', () => {
    const registry = new Registry();
    const id = registry.register(() => assert.fail('must not run'), { once: true });
    assert.equal(registry.unregister(id), true);
    registry.notify();
  });
});

describe('kinds', () => {
  test('one name, several, and patterns', () => {
    const registry = new Registry();
    const log = [];
    const handler = (mark) => () => void log.push(mark);
    registry.register(handler('one'), { kinds: 'a' });
    registry.register(handler('two'), { kinds: ['a', 'b', 'a'] });
    registry.register(handler('pattern'), { kinds: ['x.*', 'b'] });
    registry.register(handler('all'), { kinds: ['a', '*'] });
    const runs = (name) => {
      log.length = 0;
      registry.emit(name);
      return log.join(' ');
    };
    assert.equal(runs('a'), 'one two all');
    assert.equal(runs('b'), 'two pattern all');
    assert.equal(runs('x.y'), 'pattern all');
    assert.equal(runs('c'), 'all');
  });

  test('a handler filtered out is counted as skipped', () => {
    const registry = new Registry();
    registry.register(() => {}, { kinds: 'a' });
    registry.register(() => {});
    assert.deepEqual(counts(registry.emit('b')), { fired: 1, failed: 0, skipped: 1 });
  });

  test('nothing at all is refused: it would never run', () => {
    assert.throws(() => new Registry().register(() => {}, { kinds: [] }), { code: 'TALLY_E_ARGUMENT' });
  });
});

describe('maxFailures', () => {
  test('detaches after that many failures in total', () => {
    const registry = new Registry();
    const failures = panics(registry);
    let good = false;
    const id = registry.register(
      () => {
        if (!good) throw new Error('bad');
      },
      { maxFailures: 3 },
    );
    registry.notify();
    good = true;
    registry.notify();
    good = false;
    registry.notify();
    assert.equal(registry.contains(id), true);
    registry.notify();
    assert.equal(registry.contains(id), false);
    registry.notify();
    assert.equal(failures.length, 3);
  });

  test('promises that reject later count too', async () => {
    const registry = new Registry();
    panics(registry);
    registry.register(() => Promise.reject(new Error('later')), { maxFailures: 1 });
    registry.notify();
    assert.equal(registry.count, 1);
    await turn();
    assert.equal(registry.count, 0);
  });

  test('holds under every policy', () => {
    for (const policy of ['raise', 'fail-fast']) {
      const registry = new Registry({ policy });
      registry.register(failing(), { maxFailures: 1 });
      assert.throws(() => registry.notify());
      assert.equal(registry.count, 0);
    }
  });
});

describe('options are checked', () => {
  for (const [options, code] of [
    [{ priority: 1.5 }, 'TALLY_E_ARGUMENT'],
    [{ priority: '1' }, 'TALLY_E_ARGUMENT'],
    [{ priority: NaN }, 'TALLY_E_ARGUMENT'],
    [{ priority: 2 ** 31 }, 'TALLY_E_RANGE'],
    [{ priority: -(2 ** 31) - 1 }, 'TALLY_E_RANGE'],
    [{ once: 1 }, 'TALLY_E_ARGUMENT'],
    [{ name: 5 }, 'TALLY_E_ARGUMENT'],
    [{ name: 'x'.repeat(128) }, 'TALLY_E_LENGTH'],
    [{ name: 'a\0' }, 'TALLY_E_NUL'],
    [{ name: 'a\tb' }, 'TALLY_E_NAME'],
    [{ maxFailures: 0 }, 'TALLY_E_RANGE'],
    [{ maxFailures: 1e10 }, 'TALLY_E_RANGE'],
    [{ signal: {} }, 'TALLY_E_ARGUMENT'],
    [{ signal: 'x' }, 'TALLY_E_ARGUMENT'],
    [{ kinds: 5 }, 'TALLY_E_ARGUMENT'],
    [{ kinds: [5] }, 'TALLY_E_ARGUMENT'],
    [{ kinds: { length: 1 } }, 'TALLY_E_ARGUMENT'],
    [{ batch: 'yes' }, 'TALLY_E_ARGUMENT'],
    [{ prority: 1 }, 'TALLY_E_OPTION'],
    [null, 'TALLY_E_ARGUMENT'],
    [5, 'TALLY_E_ARGUMENT'],
    ['x', 'TALLY_E_ARGUMENT'],
    [[], 'TALLY_E_ARGUMENT'],
  ]) {
    test(`register refuses ${JSON.stringify(options)}`, () => {
      const registry = new Registry();
      assert.throws(() => registry.register(() => {}, options), { code });
      assert.equal(registry.count, 0);
    });
  }

  for (const [options, code] of [
    [{ policy: 1 }, 'TALLY_E_OPTION'],
    [{ policy: 'Raise' }, 'TALLY_E_OPTION'],
    [{ allowStop: 'yes' }, 'TALLY_E_ARGUMENT'],
    [{ count: 1 }, 'TALLY_E_ARGUMENT'],
    [{ capacity: -1 }, 'TALLY_E_RANGE'],
    [{ capacity: 1e9 }, 'TALLY_E_RANGE'],
    [{ name: 'x\n' }, 'TALLY_E_NAME'],
    [{ ring: 5 }, 'TALLY_E_ARGUMENT'],
    [{ ring: { slots: 0 } }, 'TALLY_E_RANGE'],
    [{ ring: { slot: 1 } }, 'TALLY_E_OPTION'],
    [{ concurrency: 1 }, 'TALLY_E_OPTION'],
    [null, 'TALLY_E_ARGUMENT'],
  ]) {
    test(`a Registry refuses ${JSON.stringify(options)}`, () => {
      assert.throws(() => new Registry(options), { code });
    });
  }

  for (const [wrong, meant] of [
    ['prority', 'priority'],
    ['Priority', 'priority'],
    ['max_failures', 'maxFailures'],
    ['kind', 'kinds'],
    ['names', 'name'],
  ]) {
    test(`${wrong} is refused with ${meant}`, () => {
      assert.throws(() => new Registry().register(() => {}, { [wrong]: 1 }), {
        code: 'TALLY_E_OPTION',
        hint: `did you mean ${meant}?`,
      });
    });
  }

  test('a word that resembles nothing is refused with the list', () => {
    assert.throws(() => new Registry({ colour: 1 }), { message: /known are policy, allowStop/ });
  });

  test('on has no kinds and once has no once', () => {
    const registry = new Registry();
    assert.throws(() => registry.on('a', () => {}, { kinds: 'b' }), { code: 'TALLY_E_OPTION' });
    assert.throws(() => registry.once('a', () => {}, { once: true }), { code: 'TALLY_E_OPTION' });
  });

  test('undefined means not given', () => {
    const registry = new Registry({ policy: undefined, ring: undefined });
    registry.register(() => {}, { priority: undefined, once: undefined, kinds: undefined, signal: undefined });
    assert.equal(registry.notify().fired, 1);
  });

  for (const handler of [undefined, null, 0, 'x', true, Symbol('x'), 1n]) {
    test(`a handler cannot be ${String(handler)} (${typeof handler})`, () => {
      assert.throws(() => new Registry().register(handler), { code: 'TALLY_E_ARGUMENT' });
    });
  }

  for (const handler of [{}, [], new Date(), new Proxy({}, {}), Object.create(null), new Map(), Promise.resolve()]) {
    test(`an object that is no native handler is refused (${Object.prototype.toString.call(handler)})`, () => {
      const registry = new Registry();
      assert.throws(() => registry.register(handler), { code: 'TALLY_E_ARGUMENT' });
      assert.equal(registry.count, 0);
    });
  }
});
