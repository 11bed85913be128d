'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { AsyncRegistry, capture, Registry } = require('tallystick');

const closed = { code: 'TALLY_E_CLOSED' };

for (const Class of [Registry, AsyncRegistry]) {
  describe(`a closed ${Class.name}`, () => {
    const make = () => {
      const registry = new Class();
      const handler = () => {};
      const id = registry.register(handler);
      registry.close();
      return { registry, id, handler };
    };

    test('is closed once and for all', () => {
      const { registry } = make();
      registry.close();
      registry.close();
      assert.equal(registry.closed, true);
    });

    for (const [what, use] of Object.entries({
      register: (registry) => registry.register(() => {}),
      guard: (registry) => registry.guard(() => {}),
      on: (registry) => registry.on('a', () => {}),
      once: (registry) => registry.once('a', () => {}),
      notify: (registry) => registry.notify(1),
      'notify with a kind': (registry) => registry.notify(1, { kind: 'a' }),
      emit: (registry) => registry.emit('a', 1),
      edit: (registry) => registry.edit(() => {}),
      onPanic: (registry) => registry.onPanic(() => {}),
      child: (registry) => registry.child(),
      muted: (registry) => registry.muted(() => {}),
      paused: (registry) => registry.paused(() => {}),
      connected: (registry) =>
        registry.connected(
          () => {},
          () => {},
        ),
      waitFor: (registry) => registry.waitFor('a'),
      events: (registry) => registry.events('a'),
      handle: (registry) => registry.handle(),
      ref: (registry) => registry.ref(),
      capture: (registry) => capture(registry),
    })) {
      test(`refuses ${what}`, () => {
        const { registry } = make();
        assert.throws(() => use(registry), closed);
      });
    }

    test('refuses collect', async () => {
      const { registry } = make();
      await assert.rejects(async () => registry.collect(1), closed);
    });

    test('looks empty', () => {
      const { registry, id } = make();
      assert.equal(registry.count, 0);
      assert.equal(registry.isEmpty, true);
      assert.deepEqual(registry.handlers(), []);
      assert.equal(registry.contains(id), false);
      assert.equal(registry.listenerCount('a'), 0);
      assert.equal(registry.stats().handlers, 0);
    });

    test('has nothing to remove', async () => {
      const { registry, id, handler } = make();
      assert.equal(registry.unregister(id), false);
      assert.equal(registry.unregister(handler), false);
      assert.equal(await registry.unregisterWait(id), false);
      assert.equal(registry.off('a', handler), false);
      assert.equal(registry.clear(), 0);
      registry.unref();
    });
  });
}

describe('methods of a registry on something else', () => {
  for (const name of ['notify', 'emit', 'register', 'on', 'close', 'handlers', 'collect', 'unregister']) {
    test(`${name} is refused`, () => {
      for (const wrong of [{}, null, Object.create(Registry.prototype), new Proxy(new Registry(), {})]) {
        assert.throws(() => Registry.prototype[name].call(wrong, 'a', () => {}), TypeError);
      }
    });
  }
});
