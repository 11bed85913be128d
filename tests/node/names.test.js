'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { Registry } = require('tallystick');

const { counts, marker } = require('./helpers');

describe('names', () => {
  test('an exact name, a pattern and all names receive an event in the one order', () => {
    const registry = new Registry();
    const log = [];
    const mark = marker(log);
    registry.on('*', mark('all'));
    registry.on('order.*', mark('pattern'), { priority: 5 });
    registry.on('order.paid', mark('exact'), { priority: 9 });
    registry.on('order.shipped', mark('other'));
    registry.register(mark('unnamed'));
    assert.deepEqual(counts(registry.emit('order.paid', 1)), { fired: 4, failed: 0, skipped: 1 });
    assert.deepEqual(log, ['exact', 'pattern', 'all', 'unnamed']);
  });

  test('a pattern stands for every name that begins so, at any depth, and not for the name itself', () => {
    const registry = new Registry();
    const names = [];
    registry.on('a.*', (_event, name) => {
      names.push(name);
    });
    for (const name of ['a', 'a.b', 'a.b.c', 'ab', 'b.a.c', 'a.']) registry.emit(name);
    assert.deepEqual(names, ['a.b', 'a.b.c']);
  });

  test('a handler of one name gets the event only; all others get the name too', () => {
    const registry = new Registry();
    const log = [];
    registry.on('a.b', (...args) => void log.push(['exact', ...args]));
    registry.on('a.*', (...args) => void log.push(['pattern', ...args]));
    registry.on('*', (...args) => void log.push(['all', ...args]));
    registry.register((...args) => void log.push(['several', ...args]), { kinds: ['a.b', 'c'] });
    registry.emit('a.b', 7);
    assert.deepEqual(log, [
      ['exact', 7],
      ['pattern', 7, 'a.b'],
      ['all', 7, 'a.b'],
      ['several', 7, 'a.b'],
    ]);
  });

  test('an event without a name reaches only handlers without a filter', () => {
    const registry = new Registry();
    const log = [];
    const mark = marker(log);
    registry.on('a', mark('a'));
    registry.on('*', mark('all'));
    assert.deepEqual(counts(registry.notify(1)), { fired: 1, failed: 0, skipped: 1 });
    assert.deepEqual(log, ['all']);
  });

  test('notify with a kind is emit', () => {
    const registry = new Registry();
    const log = [];
    registry.on('a', (event) => void log.push(event));
    registry.notify(1, { kind: 'a' });
    registry.emit('a', 2);
    registry.notify(3, { kind: undefined });
    assert.deepEqual(log, [1, 2]);
  });

  test("'error' is an ordinary name", () => {
    const registry = new Registry();
    assert.equal(registry.emit('error', new Error('nobody listens')).fired, 0);
  });

  test('emitting different names in turn finds the right handlers each time', () => {
    const registry = new Registry();
    const log = [];
    for (const name of ['a', 'b', 'c']) registry.on(name, () => void log.push(name));
    for (const name of ['a', 'b', 'a', 'c', 'c', 'b', 'a']) registry.emit(name);
    assert.deepEqual(log, ['a', 'b', 'a', 'c', 'c', 'b', 'a']);
  });

  test('more names than are remembered are all delivered', () => {
    const registry = new Registry();
    let calls = 0;
    registry.on('n.*', () => void calls++);
    for (let round = 0; round < 2; round++) for (let i = 0; i < 3000; i++) registry.emit(`n.${i}`);
    assert.equal(calls, 6000);
  });

  test('a handler that is registered after a name was emitted is found', () => {
    const registry = new Registry();
    let calls = 0;
    registry.emit('a');
    registry.on('a', () => void calls++);
    registry.emit('a');
    registry.on('b.*', () => void calls++);
    registry.emit('b.c');
    registry.emit('b.c');
    assert.equal(calls, 3);
  });

  test('off removes the latest registration of a function under a name', () => {
    const registry = new Registry();
    const handler = () => {};
    registry.on('a', handler);
    registry.on('a', handler, { priority: 5 });
    registry.on('b', handler);
    registry.on('a.*', handler);
    assert.equal(registry.off('a', handler), true);
    assert.deepEqual(
      registry.handlers().map(({ kinds, priority }) => [...kinds, priority]),
      [
        ['a', 0],
        ['b', 0],
        ['a.*', 0],
      ],
    );
    assert.equal(registry.removeListener('a', handler), true);
    assert.equal(registry.off('a', handler), false);
    assert.equal(registry.off('a.*', handler), true);
    assert.equal(registry.off('*', handler), false);
  });

  test('once with a name runs for the first event of that name', () => {
    const registry = new Registry();
    const log = [];
    registry.once('a', (event) => void log.push(event));
    registry.emit('b', 0);
    registry.emit('a', 1);
    registry.emit('a', 2);
    assert.deepEqual(log, [1]);
    assert.equal(registry.count, 0);
  });

  test('listenerCount counts whom a name would reach', () => {
    const registry = new Registry();
    registry.on('a.b', () => {});
    registry.on('a.*', () => {});
    registry.on('*', () => {});
    registry.on('c', () => {});
    assert.equal(registry.listenerCount('a.b'), 3);
    assert.equal(registry.listenerCount('c'), 2);
    assert.equal(registry.listenerCount('zzz'), 1);
  });

  for (const [name, code] of [
    ['', 'TALLY_E_LENGTH'],
    ['x'.repeat(513), 'TALLY_E_LENGTH'],
    ['ü'.repeat(257), 'TALLY_E_LENGTH'],
    ['a\0b', 'TALLY_E_NUL'],
    ['a\nb', 'TALLY_E_NAME'],
    ['a\u0085b', 'TALLY_E_NAME'],
    ['a\ud800b', 'TALLY_E_UTF8'],
    ['a*', 'TALLY_E_NAME'],
    ['*a', 'TALLY_E_NAME'],
    ['.*', 'TALLY_E_NAME'],
    ['a.*.b', 'TALLY_E_NAME'],
    ['a.**', 'TALLY_E_NAME'],
    [7, 'TALLY_E_ARGUMENT'],
    [Symbol('a'), 'TALLY_E_ARGUMENT'],
    [undefined, 'TALLY_E_ARGUMENT'],
    [null, 'TALLY_E_ARGUMENT'],
    [{}, 'TALLY_E_ARGUMENT'],
  ]) {
    test(`a handler cannot be registered for ${String(name).slice(0, 12)} (${typeof name})`, () => {
      const registry = new Registry();
      assert.throws(() => registry.on(name, () => {}), { code });
      assert.equal(registry.count, 0);
      assert.throws(() => registry.emit(name), { code });
    });
  }

  test('an event cannot be emitted under a pattern', () => {
    const registry = new Registry();
    for (const name of ['*', 'a.*']) {
      assert.throws(() => registry.emit(name), { code: 'TALLY_E_NAME' });
      assert.throws(() => registry.notify(1, { kind: name }), { code: 'TALLY_E_NAME' });
      assert.throws(() => registry.listenerCount(name), { code: 'TALLY_E_NAME' });
    }
  });

  test('a name may have 512 bytes and any letters', () => {
    const registry = new Registry();
    let calls = 0;
    for (const name of ['ü'.repeat(256), '日本.語', '🦉', ' ', 'A b']) {
      registry.on(name, () => void calls++);
      registry.emit(name);
    }
    assert.equal(calls, 5);
  });
});
