'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { Counter, Registry } = require('tallystick');

const { marker } = require('./helpers');

describe('edit', () => {
  test('many changes become visible together', () => {
    const registry = new Registry();
    const log = [];
    const mark = marker(log);
    const old = registry.register(mark('old'));
    const ids = registry.edit((edit) => {
      assert.equal(edit.unregister(old), true);
      const made = [edit.register(mark('low')), edit.register(mark('high'), { priority: 1 })];
      registry.notify();
      assert.equal(registry.count, 1);
      return made;
    });
    registry.notify();
    assert.deepEqual(log, ['old', 'high', 'low']);
    assert.deepEqual(
      ids.map((id) => registry.contains(id)),
      [true, true],
    );
  });

  test('it is all or nothing', () => {
    const registry = new Registry();
    const old = registry.register(() => {});
    for (const wrong of [
      () => {
        throw new Error('changed my mind');
      },
      (edit) => edit.register(5),
      (edit) => edit.register(() => {}, { prority: 1 }),
      (edit) => edit.on('a*', () => {}),
      (edit) => edit.unregister(new Registry().register(() => {})),
      (edit) => edit.register({}),
    ]) {
      assert.throws(() =>
        registry.edit((edit) => {
          edit.unregister(old);
          edit.register(() => {});
          edit.register(new Counter());
          wrong(edit);
        }),
      );
      assert.equal(registry.count, 1);
      assert.equal(registry.contains(old), true);
    }
  });

  test('an id of the same edit can be taken back', () => {
    const registry = new Registry();
    registry.edit((edit) => {
      const id = edit.on('a', () => assert.fail('was taken back'));
      assert.equal(edit.unregister(id), true);
      assert.equal(edit.unregister(id), false);
      edit.on('a', () => {});
    });
    assert.equal(registry.emit('a').fired, 1);
  });

  test('a removal counts once', () => {
    const registry = new Registry();
    const id = registry.register(() => {});
    registry.edit((edit) => {
      assert.equal(edit.unregister(id), true);
      assert.equal(edit.unregister(id), false);
    });
    assert.equal(registry.count, 0);
  });

  test('it is over when it returns, and cannot be async', async () => {
    const registry = new Registry();
    let kept;
    registry.edit((edit) => {
      kept = edit;
    });
    assert.throws(() => kept.register(() => {}), { code: 'TALLY_E_ARGUMENT' });
    assert.throws(() => registry.edit(async (edit) => edit.register(() => {})), { code: 'TALLY_E_ARGUMENT' });
    assert.throws(() => registry.edit(5), { code: 'TALLY_E_ARGUMENT' });
    assert.equal(registry.count, 0);
  });

  test('handlers of both kinds keep the order in which the edit registered them', () => {
    const registry = new Registry();
    const log = [];
    const counter = new Counter();
    const seen = (mark) => () => void log.push(`${mark}${counter.read().events}`);
    registry.edit((edit) => {
      edit.register(seen('a'));
      edit.register(counter);
      edit.register(seen('b'));
      edit.register(counter);
      edit.register(seen('c'));
    });
    assert.equal(registry.notify().fired, 5);
    assert.deepEqual(log, ['a0', 'b1', 'c2']);
  });

  test('signals work in an edit', () => {
    const registry = new Registry();
    const controller = new AbortController();
    registry.edit((edit) => {
      edit.register(() => {}, { signal: controller.signal });
      edit.register(() => {}, { signal: AbortSignal.abort() });
    });
    assert.equal(registry.count, 1);
    controller.abort();
    assert.equal(registry.count, 0);
  });

  test('ten thousand handlers are built in one', () => {
    const registry = new Registry();
    registry.edit((edit) => {
      for (let i = 0; i < 10000; i++) edit.register(() => {}, { priority: i % 7 });
    });
    assert.equal(registry.notify().fired, 10000);
  });
});
