'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { capi, Counter, DepthError, HandlerError, Mask, Registry, Ring, STOP } = require('tallystick');

const { addon: load } = require('./addon/build');
const { counts, marker, panics, turn, until, warningsOf } = require('./helpers');

const addon = load();

/** A native handler of another addon. */
function probe(code = 0, message = '', withDestructor = false, damage = 0) {
  return addon.probe(capi(), code, message, withDestructor, damage);
}

function calls(handler) {
  return addon.look(handler)[0];
}

describe('nesting', () => {
  test('through C and JavaScript in turns is limited like any other', () => {
    const registries = Array.from({ length: 70 }, () => new Registry());
    const handler = probe(7, 'no');
    let refused = 0;
    registries.forEach((registry, i) => {
      registry.register(handler);
      registry.onPanic(() => {
        try {
          registries[i + 1].notify();
        } catch (error) {
          assert.ok(error instanceof DepthError);
          refused++;
        }
      });
    });
    assert.equal(registries[0].notify().failed, 1);
    assert.deepEqual([calls(handler), refused], [64, 1]);
  });
});

describe('Counter', () => {
  test('counts events and their bytes', () => {
    const registry = new Registry();
    const counter = new Counter();
    registry.register(counter);
    registry.notify({ any: 'thing' });
    registry.notify(Buffer.from('12345'));
    registry.emit('a', new Uint16Array(4));
    assert.deepEqual(counter.read(), { events: 3, bytes: 13 });
  });

  test('one object serves many registrations and registries', () => {
    const [a, b] = [new Registry(), new Registry()];
    const counter = new Counter();
    a.register(counter);
    a.register(counter);
    b.register(counter);
    a.notify();
    b.notify();
    assert.equal(counter.read().events, 3);
  });

  test('a closed one refuses to be read or registered, and fails where it is registered', () => {
    const registry = new Registry();
    const failures = panics(registry);
    const counter = new Counter();
    registry.register(counter);
    counter.close();
    counter.close();
    assert.throws(() => counter.read(), { code: 'TALLY_E_CLOSED' });
    assert.throws(() => registry.register(counter), { code: 'TALLY_E_CLOSED' });
    assert.equal(registry.notify().failed, 1);
    assert.match(failures[0].message, /closed/);
    counter[Symbol.dispose ?? Symbol.for('Symbol.dispose')]();
  });

  test('its methods work on nothing else', () => {
    for (const wrong of [{}, null, new Ring(), Object.create(Counter.prototype)]) {
      assert.throws(() => Counter.prototype.read.call(wrong));
    }
  });
});

describe('Ring', () => {
  test('keeps copies of events, oldest first', () => {
    const registry = new Registry();
    const ring = new Ring();
    registry.register(ring);
    const buffer = Buffer.from('one');
    registry.emit('a', buffer);
    buffer.fill('x');
    registry.notify(Buffer.from('three'));
    registry.notify('no bytes');
    const events = ring.drain();
    assert.deepEqual(
      events.map(({ sequence, kind, data }) => [sequence, kind, String(data)]),
      [
        [0, 'a', 'one'],
        [1, undefined, 'three'],
        [2, undefined, ''],
      ],
    );
    assert.deepEqual(ring.drain(), []);
    assert.deepEqual(ring.counts(), { pushed: 3, drained: 3, droppedFull: 0, droppedLong: 0 });
  });

  test('is bounded, and counts what it drops', () => {
    const registry = new Registry();
    const ring = new Ring({ slots: 4, slotBytes: 8 });
    registry.register(ring);
    registry.notify(Buffer.alloc(9));
    for (let i = 0; i < 6; i++) registry.notify(Buffer.from([i]));
    assert.deepEqual(ring.counts(), { pushed: 4, drained: 0, droppedFull: 2, droppedLong: 1 });
    assert.deepEqual(
      ring.drain(3).map(({ data }) => data[0]),
      [0, 1, 2],
    );
    registry.notify(Buffer.from([9]));
    assert.deepEqual(
      ring.drain().map(({ data }) => data[0]),
      [3, 9],
    );
  });

  test('drains more than fits at once', () => {
    const registry = new Registry();
    const ring = new Ring({ slots: 16384, slotBytes: 1024 });
    registry.register(ring);
    for (let i = 0; i < 10000; i++) registry.notify(Uint32Array.of(i, ...new Array(i % 250).fill(i)));
    const events = ring.drain();
    assert.equal(events.length, 10000);
    assert.ok(events.every(({ sequence, data }, i) => sequence === i && data.readUInt32LE(0) === i));
    assert.ok(
      events.every(({ data }, i) => data.length === 4 * (1 + (i % 250)) && data.readUInt32LE(data.length - 4) === i),
    );
  });

  test('its options and arguments are checked', () => {
    assert.throws(() => new Ring({ slot: 1 }), { code: 'TALLY_E_OPTION', hint: /slots/ });
    assert.throws(() => new Ring({ slots: 16777216, slotBytes: 1000 }), { code: 'TALLY_E_RANGE' });
    assert.throws(() => new Ring().drain(0), { code: 'TALLY_E_RANGE' });
  });
});

describe('Mask', () => {
  test('hands on only the events that have certain bits', () => {
    const registry = new Registry();
    const counter = new Counter();
    const mask = new Mask({ mask: 0xff00, match: 0x0100, offset: 2, width: 2, handler: counter });
    registry.register(mask);
    registry.notify(Buffer.from([0, 0, 7, 1]));
    registry.notify(Buffer.from([0, 0, 7, 2]));
    registry.notify(Buffer.from([0, 0, 7]));
    registry.notify('no bytes');
    assert.equal(counter.read().events, 1);
    assert.deepEqual(mask.counts(), { matched: 1, passedOver: 3 });
  });

  test('masks of 64 bits, masks of masks, and masks before other addons', () => {
    const registry = new Registry();
    const handler = probe();
    const inner = new Mask({ mask: 1, width: 1, handler });
    registry.register(new Mask({ mask: 1n << 63n, width: 8, handler: inner }));
    registry.notify(BigUint64Array.of((1n << 63n) | 1n));
    registry.notify(BigUint64Array.of(1n << 63n));
    registry.notify(BigUint64Array.of(1n));
    assert.equal(calls(handler), 1);
  });

  for (const [options, code] of [
    [{}, 'TALLY_E_ARGUMENT'],
    [{ mask: 1 }, 'TALLY_E_ARGUMENT'],
    [{ mask: 0, handler: 'counter' }, 'TALLY_E_RANGE'],
    [{ mask: 1, match: 2, handler: 'counter' }, 'TALLY_E_RANGE'],
    [{ mask: 1, width: 3, handler: 'counter' }, 'TALLY_E_RANGE'],
    [{ mask: -1, handler: 'counter' }, 'TALLY_E_ARGUMENT'],
    [{ mask: 1n << 64n, handler: 'counter' }, 'TALLY_E_ARGUMENT'],
    [{ mask: 1, handler: {} }, 'TALLY_E_ARGUMENT'],
    [{ mask: 1, handler: () => {} }, 'TALLY_E_ARGUMENT'],
    [{ maks: 1 }, 'TALLY_E_OPTION'],
  ]) {
    test(`refuses ${Object.entries(options).map(([name, value]) => `${name}: ${value}`)}`, () => {
      if (options.handler === 'counter') options.handler = new Counter();
      assert.throws(() => new Mask(options), { code });
    });
  }
});

describe('handlers in C among handlers in JavaScript', () => {
  test('there is one priority order', () => {
    const registry = new Registry();
    const log = [];
    const natives = [new Counter(), new Counter(), new Counter()];
    const seen = (mark) => () => void log.push(mark + natives.map((counter) => counter.read().events).join(''));
    registry.register(seen('a'), { priority: 9 });
    registry.register(natives[0], { priority: 8 });
    registry.register(seen('b'), { priority: 7 });
    registry.register(natives[1]);
    registry.register(seen('c'));
    registry.register(natives[2]);
    registry.register(seen('d'));
    assert.deepEqual(counts(registry.notify()), { fired: 7, failed: 0, skipped: 0 });
    assert.deepEqual(log, ['a000', 'b100', 'c110', 'd111']);
  });

  test('a handler in C sees kind, data and length', () => {
    const registry = new Registry();
    const handler = probe();
    registry.register(handler);
    registry.emit('a', Buffer.from('abc'));
    const [, , kind, length, bytes] = addon.look(handler);
    assert.ok(kind > 0);
    assert.equal(length, 3);
    assert.equal(String(bytes), 'abc');
    registry.notify({});
    assert.deepEqual(addon.look(handler).slice(2, 4), [0, 0]);
  });

  for (const [name, event, text] of [
    ['a Buffer', Buffer.from('abc'), 'abc'],
    ['a part of a Buffer', Buffer.from('xabcx').subarray(1, 4), 'abc'],
    ['a Uint16Array', Uint16Array.of(0x6261, 0x6463), 'abcd'],
    ['a Float64Array', new Float64Array(2), '\0'.repeat(16)],
    ['a BigUint64Array', BigUint64Array.of(0x6867666564636261n), 'abcdefgh'],
    ['a DataView', new DataView(new Uint8Array([97, 98, 99]).buffer, 1, 2), 'bc'],
    ['an ArrayBuffer', new Uint8Array([97, 98]).buffer, 'ab'],
    ['a view of shared memory', new Uint8Array(new SharedArrayBuffer(3)).fill(97), 'aaa'],
    ['an empty Buffer', Buffer.alloc(0), ''],
    ['a text', 'abc', ''],
    ['a number', 5, ''],
    ['an object', { length: 5 }, ''],
    ['a proxy of a Buffer', new Proxy(Buffer.from('abc'), {}), ''],
    ['null', null, ''],
    ['nothing', undefined, ''],
    ['a symbol', Symbol('a'), ''],
    ['a bigint', 5n, ''],
  ]) {
    test(`${name} is ${text === '' ? 'no data' : 'data'}`, () => {
      const registry = new Registry();
      const handler = probe();
      registry.register(handler);
      registry.notify(event);
      assert.equal(String(addon.look(handler)[4]), text);
      assert.equal(addon.look(handler)[3], Buffer.byteLength(text));
    });
  }

  test('a detached buffer is no data', () => {
    const registry = new Registry();
    const handler = probe();
    registry.register(handler);
    const array = new Uint8Array(8);
    structuredClone(array, { transfer: [array.buffer] });
    registry.notify(array);
    assert.equal(addon.look(handler)[3], 0);
  });

  test('memory that onPanic takes away is not touched by the next handler in C', () => {
    const registry = new Registry();
    const [bad, good] = [probe(-5, 'bad'), probe()];
    const array = new Uint8Array(1 << 20).fill(7);
    registry.onPanic(() => void structuredClone(array, { transfer: [array.buffer] }));
    registry.register(bad);
    registry.register(good);
    registry.notify(array);
    assert.equal(addon.look(bad)[3], 1 << 20);
    assert.equal(addon.look(good)[3], 0);
  });

  test('filters are checked in C, and the numbers add up', () => {
    const registry = new Registry();
    const counters = [new Counter(), new Counter(), new Counter(), new Counter()];
    registry.register(counters[0], { kinds: 'a.b' });
    registry.register(counters[1], { kinds: 'a.*' });
    registry.register(counters[2], { kinds: ['c', 'a.b'] });
    registry.register(counters[3]);
    assert.deepEqual(counts(registry.emit('a.b')), { fired: 4, failed: 0, skipped: 0 });
    assert.deepEqual(counts(registry.emit('a.c')), { fired: 2, failed: 0, skipped: 2 });
    assert.deepEqual(counts(registry.emit('c')), { fired: 2, failed: 0, skipped: 2 });
    assert.deepEqual(counts(registry.notify()), { fired: 1, failed: 0, skipped: 3 });
    assert.deepEqual(
      counters.map((counter) => counter.read().events),
      [1, 2, 2, 4],
    );
  });

  test('once, max failures and removal', () => {
    const registry = new Registry();
    panics(registry);
    const [once, bad, removed] = [new Counter(), probe(-1), new Counter()];
    const id = registry.register(once, { once: true });
    registry.register(bad, { maxFailures: 2 });
    const removedId = registry.register(removed);
    assert.equal(registry.count, 3);
    registry.notify();
    assert.equal(registry.contains(id), false);
    assert.equal(registry.count, 2);
    assert.equal(registry.unregister(removedId), true);
    assert.equal(registry.unregister(removedId), false);
    registry.notify();
    registry.notify();
    assert.equal(registry.count, 0);
    assert.deepEqual([once.read().events, calls(bad), removed.read().events], [1, 2, 1]);
  });

  test('one removed by a handler before it is skipped; one registered meanwhile waits', () => {
    const registry = new Registry();
    const [removed, added] = [new Counter(), new Counter()];
    registry.register(() => {
      registry.unregister(removed);
      if (registry.count < 3) registry.register(added, { priority: -1 });
    });
    registry.register(removed);
    registry.register(new Counter());
    assert.deepEqual(counts(registry.notify()), { fired: 2, failed: 0, skipped: 1 });
    assert.deepEqual([removed.read().events, added.read().events], [0, 0]);
    registry.notify();
    assert.equal(added.read().events, 1);
  });

  test('handlers shows both, with what the core knows', () => {
    const registry = new Registry({ count: true });
    panics(registry);
    const bad = probe(-7, 'no good');
    registry.register(bad, { name: 'probe', priority: 3, kinds: 'a' });
    registry.register(() => {});
    registry.emit('a');
    const [info] = registry.handlers();
    assert.deepEqual([info.name, info.priority, info.native, info.failed, info.fired], ['probe', 3, true, 1, 1]);
    assert.deepEqual(info.kinds, ['a']);
    assert.deepEqual(info.lastError, { message: 'no good', code: -7 });
    assert.ok(info.latencyTotalNs >= 0);
  });

  test('clear and close remove them', () => {
    const registry = new Registry();
    const counter = new Counter();
    registry.register(counter);
    registry.register(() => {});
    assert.equal(registry.clear(), 2);
    assert.equal(registry.notify().fired, 0);
    registry.register(counter);
    registry.close();
    assert.equal(counter.read().events, 0);
  });

  test('a handler in C is found by itself', () => {
    const registry = new Registry();
    const counter = new Counter();
    registry.register(counter);
    assert.equal(registry.unregister(counter), true);
    assert.equal(registry.unregister(counter), false);
  });

  test('unregisterWait of one that nobody is inside resolves at once', async () => {
    const registry = new Registry();
    const id = registry.register(new Counter());
    assert.equal(await registry.unregisterWait(id, { timeoutMs: 0 }), true);
    assert.equal(await registry.unregisterWait(id, { timeoutMs: 0 }), false);
  });

  test('muting, and edits of both kinds', () => {
    const registry = new Registry();
    const counter = new Counter();
    const id = registry.edit((edit) => {
      edit.register(() => {});
      return edit.register(counter, { priority: 1 });
    });
    registry.notify();
    registry.edit((edit) => edit.unregister(id));
    registry.notify();
    assert.equal(counter.read().events, 1);
  });

  test('a signal removes it', () => {
    const registry = new Registry();
    const controller = new AbortController();
    const counter = new Counter();
    registry.register(counter, { signal: controller.signal });
    controller.abort();
    assert.equal(registry.notify().fired, 0);
  });

  test('a thousand of them in one run', () => {
    const registry = new Registry({ capacity: 1000 });
    const counter = new Counter();
    registry.edit((edit) => {
      for (let i = 0; i < 999; i++) edit.register(counter, { priority: i % 5 });
    });
    assert.equal(registry.notify().fired, 999);
    assert.equal(counter.read().events, 999);
  });
});

describe('failures of handlers in C', () => {
  test('are reported at once, before the next handler', () => {
    const registry = new Registry();
    const log = [];
    const bad = probe(-3, 'no good');
    const counter = new Counter();
    registry.onPanic((failure) => void log.push([failure, counter.read().events]));
    const id = registry.register(bad, { name: 'probe' });
    registry.register(counter);
    const event = Buffer.from('x');
    assert.deepEqual(counts(registry.emit('a', event)), { fired: 2, failed: 1, skipped: 0 });
    const [[failure, events]] = log;
    assert.equal(log.length, 1);
    assert.equal(events, 0);
    assert.ok(failure.error instanceof HandlerError);
    assert.equal(failure.error.handlerCode, -3);
    assert.deepEqual(
      [failure.id, failure.name, failure.message, failure.code, failure.event, failure.kind],
      [id, 'probe', 'HandlerError: no good', -3, event, 'a'],
    );
  });

  test('without a message it names the code', () => {
    const registry = new Registry();
    const failures = panics(registry);
    registry.register(probe(12));
    registry.notify();
    assert.match(failures[0].message, /code 12/);
  });

  test('raise throws all of them, with those of JavaScript, in order', () => {
    const registry = new Registry({ policy: 'raise' });
    registry.register(probe(-1, 'one'));
    registry.register(probe(-2, 'two'));
    registry.register(() => {
      throw new Error('three');
    });
    registry.register(probe(-4, 'four'));
    assert.throws(
      () => registry.notify(),
      (error) => {
        assert.deepEqual(
          error.errors.map(({ message }) => message),
          ['one', 'two', 'three', 'four'],
        );
        assert.deepEqual(counts(error.result), { fired: 4, failed: 4, skipped: 0 });
        return true;
      },
    );
  });

  test('fail-fast stops at the first, whichever language it is in', () => {
    const registry = new Registry({ policy: 'fail-fast' });
    const [bad, after] = [probe(-1, 'bad'), new Counter()];
    registry.register(bad);
    registry.register(after);
    registry.register(() => assert.fail('must not run'));
    assert.throws(() => registry.notify(), { code: 'TALLY_E_HANDLER', message: 'bad', handlerCode: -1 });
    assert.equal(after.read().events, 0);
    registry.unregister(bad);
    registry.register(
      () => {
        throw new Error('js');
      },
      { priority: 1 },
    );
    assert.throws(() => registry.notify(), /^Error: js$/);
    assert.equal(after.read().events, 0);
  });

  test('a stop in C stops JavaScript, and the other way round', () => {
    const registry = new Registry({ allowStop: true });
    const stop = registry.register(probe(1));
    const counter = new Counter();
    registry.register(counter);
    registry.register(() => assert.fail('must not run'));
    const result = registry.notify();
    assert.deepEqual([result.fired, result.skipped, result.stopped], [1, 2, true]);
    registry.unregister(stop);
    registry.register(() => STOP, { priority: 1 });
    assert.equal(registry.notify().fired, 1);
    assert.equal(counter.read().events, 0);
  });

  test('a stop that is not allowed is a failure', () => {
    const registry = new Registry();
    const failures = panics(registry);
    registry.register(probe(1));
    assert.equal(registry.notify().failed, 1);
    assert.equal(failures[0].code, 1);
  });

  test('while onPanic runs, they go to the warnings and are counted', async () => {
    const registry = new Registry();
    const bad = probe(-1, 'again');
    let told = 0;
    registry.register(bad);
    registry.onPanic(() => {
      told++;
      registry.notify();
    });
    const warnings = await warningsOf(() => registry.notify());
    assert.equal(told, 1);
    assert.equal(registry.stats().unreported, 1);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0].message, /again/);
  });

  test('onPanic may remove, clear and close in the middle of a run', () => {
    for (const act of [
      (registry, id) => registry.unregister(id),
      (registry) => registry.clear(),
      (registry) => registry.close(),
    ]) {
      const registry = new Registry();
      const after = new Counter();
      registry.register(probe(-1));
      const id = registry.register(after);
      registry.onPanic(() => act(registry, id));
      assert.deepEqual(counts(registry.notify()), { fired: 1, failed: 1, skipped: 1 });
      assert.equal(after.read().events, 0);
    }
  });

  test('collect says what they answered', () => {
    const registry = new Registry();
    panics(registry);
    const ids = [registry.register(probe()), registry.register(() => 5), registry.register(probe(-2, 'bad'))];
    const outcomes = registry.collect(1);
    assert.deepEqual(
      outcomes.map(({ id, ok, value }) => [id, ok, value]),
      [
        [ids[0], true, undefined],
        [ids[1], true, 5],
        [ids[2], false, undefined],
      ],
    );
    assert.equal(outcomes[2].error.handlerCode, -2);
  });
});

describe('native handlers of other addons', () => {
  test('anything that is not tagged, or damaged, is refused', () => {
    const registry = new Registry();
    for (const damage of [1, 2, 3]) {
      assert.throws(() => registry.register(probe(0, '', false, damage)), { code: 'TALLY_E_ARGUMENT' });
    }
    for (const wrong of [capi(), registry.handle()]) {
      assert.throws(() => registry.register(wrong), { code: 'TALLY_E_ARGUMENT' });
    }
    assert.equal(registry.count, 0);
  });

  test('the same one may be registered twice', () => {
    const registry = new Registry();
    const handler = probe();
    const [a, b] = [registry.register(handler), registry.register(handler)];
    registry.notify();
    assert.equal(calls(handler), 2);
    registry.unregister(a);
    registry.notify();
    assert.equal(calls(handler), 3);
    registry.unregister(b);
  });

  test('its destructor runs once, after its last registration', () => {
    const registry = new Registry();
    const before = addon.gone()[0];
    const handler = probe(0, '', true);
    const [a, b] = [registry.register(handler), registry.register(handler)];
    registry.unregister(a);
    assert.equal(addon.gone()[0], before);
    registry.unregister(b);
    assert.equal(addon.gone()[0], before + 1);
    registry.close();
    assert.equal(addon.gone()[0], before + 1);
  });

  test('one registered past JavaScript, on another thread, is seen at the next notify', () => {
    const registry = new Registry();
    const log = [];
    const mark = marker(log);
    const handler = probe();
    const handle = registry.handle();
    registry.register(mark('high'), { priority: 9 });
    registry.register(mark('low'), { priority: -9 });
    registry.notify();
    assert.equal(addon.registerThere(capi(), handle, handler, 0), 0);
    assert.equal(registry.notify().fired, 3);
    assert.equal(calls(handler), 1);
    assert.deepEqual(
      registry.handlers().map(({ native, name }) => [native, name]),
      [
        [false, ''],
        [true, 'foreign'],
        [false, ''],
      ],
    );
    assert.equal(registry.unregister(registry.handlers()[1].id), true);
    registry.notify();
    assert.equal(calls(handler), 1);
  });

  test('among equals its place is when it was first seen', () => {
    const registry = new Registry();
    const handler = probe();
    const log = [];
    const seen = (mark) => () => void log.push(mark + calls(handler));
    const handle = registry.handle();
    registry.register(seen('a'));
    addon.registerThere(capi(), handle, handler, 0);
    registry.register(seen('b'));
    registry.notify();
    assert.deepEqual(log, ['a0', 'b1']);
  });
});

describe('a notify on this thread past JavaScript', () => {
  test('runs handlers in C now and those in JavaScript soon', async () => {
    const registry = new Registry();
    const counter = new Counter();
    const seen = [];
    registry.register(counter);
    registry.register((event) => void seen.push(String(event)));
    const handle = registry.handle();
    assert.deepEqual(addon.notifyHere(capi(), handle, Buffer.from('abc')), [0, 2, 0]);
    assert.equal(counter.read().events, 1);
    assert.deepEqual(seen, []);
    await until(() => seen.length === 1);
    assert.deepEqual(seen, ['abc']);
  });

  test('its failures are reported soon', async () => {
    const registry = new Registry();
    const failures = panics(registry);
    registry.register(probe(-9, 'bad'), { name: 'probe' });
    addon.notifyHere(capi(), registry.handle(), Buffer.from('abc'));
    assert.deepEqual(failures, []);
    await until(() => failures.length === 1);
    assert.deepEqual([failures[0].name, failures[0].code, failures[0].event], ['probe', -9, undefined]);
    await turn();
    assert.equal(failures.length, 1);
  });

  test('of a closed registry is refused', () => {
    const registry = new Registry();
    const handle = registry.handle();
    registry.close();
    assert.deepEqual(addon.notifyHere(capi(), handle, Buffer.from('abc')), [-5, 0, 0]);
  });
});
