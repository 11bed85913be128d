'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const vm = require('node:vm');

const { AsyncRegistry, capi, Counter, HandlerId, Registry } = require('tallystick');

const { addon: load } = require('./addon/build');
const { counts, panics, runGood } = require('./helpers');

const addon = load();

describe('hostile arguments', () => {
  test('options that throw when they are looked at change nothing', () => {
    const registry = new Registry();
    const trap = {
      get priority() {
        throw new Error('trap');
      },
    };
    const proxy = new Proxy(
      {},
      {
        ownKeys() {
          throw new Error('trap');
        },
      },
    );
    for (const options of [trap, proxy]) assert.throws(() => registry.register(() => {}, options), /trap/);
    assert.equal(registry.count, 0);
  });

  test('options are read once, and only their own', () => {
    const registry = new Registry();
    let reads = 0;
    registry.register(() => {}, {
      get priority() {
        return ++reads;
      },
    });
    assert.equal(reads, 1);
    assert.equal(registry.handlers()[0].priority, 1);
    registry.register(() => {}, Object.create({ priority: 77, nonsense: 1 }));
    assert.ok(registry.handlers().every(({ priority }) => priority < 77));
  });

  test('a polluted Object.prototype adds no option', async () => {
    const script = `
      const { Registry } = require('tallystick');
      Object.prototype.priority = 77; Object.prototype.once = true; Object.prototype.policy = 'raise'; Object.prototype.kind = '*';
      const registry = new Registry({});
      registry.register(() => {}, {});
      registry.notify(1, {});
      console.log(registry.handlers()[0].priority, registry.count);`;
    assert.equal(await runGood(script), '0 1');
  });

  test('a signal that throws leaves nothing registered', () => {
    const registry = new Registry();
    const signal = {
      aborted: false,
      addEventListener() {
        throw new Error('no listening');
      },
      removeEventListener() {
        throw new Error('no unlistening');
      },
    };
    assert.throws(() => registry.register(() => {}, { signal }), /no listening/);
    assert.throws(() => registry.register(new Counter(), { signal }), /no listening/);
    assert.equal(registry.count, 0);
    assert.equal(registry.notify().fired, 0);
  });

  test('names of kinds that change while they are read are read once', () => {
    const registry = new Registry();
    let reads = 0;
    const kinds = ['a'];
    Object.defineProperty(kinds, 0, { get: () => (reads++ === 0 ? 'a' : '*bad') });
    registry.register(() => {}, { kinds });
    assert.deepEqual(registry.handlers()[0].kinds, ['a']);
  });

  test('a handler may be a proxy, a class, a bound or a built-in function', () => {
    const registry = new Registry();
    const failures = panics(registry);
    let calls = 0;
    registry.register(new Proxy(() => void calls++, {}));
    registry.register(
      function () {
        calls++;
      }.bind(null),
    );
    registry.register(Math.max);
    registry.register(class {});
    assert.deepEqual(counts(registry.notify()), { fired: 4, failed: 1, skipped: 0 });
    assert.equal(calls, 2);
    assert.match(failures[0].message, /Class constructor/);
  });

  test('functions and bytes of another realm', () => {
    const registry = new Registry();
    const handler = addon.probe(capi(), 0, '', false, 0);
    const foreign = vm.runInNewContext(
      '({ f: () => { throw { message: "foreign" }; }, bytes: new Uint8Array([97, 98]) })',
    );
    const failures = panics(registry);
    registry.register(foreign.f);
    registry.register(handler);
    registry.notify(foreign.bytes);
    assert.equal(failures[0].message, 'foreign');
    assert.equal(String(addon.look(handler)[4]), 'ab');
  });

  test('a view of a buffer that shrank', () => {
    const registry = new Registry();
    const handler = addon.probe(capi(), 0, '', false, 0);
    registry.register(handler);
    const buffer = new ArrayBuffer(64, { maxByteLength: 64 });
    const [fixed, tracking] = [new Uint8Array(buffer, 32, 32), new Uint8Array(buffer)];
    buffer.resize(16);
    registry.notify(fixed);
    assert.equal(addon.look(handler)[3], 0);
    registry.notify(tracking);
    assert.equal(addon.look(handler)[3], 16);
    registry.notify(new DataView(buffer, 0, 8));
    assert.equal(addon.look(handler)[3], 8);
  });

  test('memory that onPanic shrinks is not touched beyond its end', () => {
    const registry = new Registry();
    const [bad, good] = [addon.probe(capi(), -1, '', false, 0), addon.probe(capi(), 0, '', false, 0)];
    const buffer = new ArrayBuffer(1 << 20, { maxByteLength: 1 << 20 });
    registry.onPanic(() => void buffer.resize(0));
    registry.register(bad);
    registry.register(good);
    registry.notify(new Uint8Array(buffer));
    assert.equal(addon.look(good)[3], 0);
  });

  test('a result, an id and an info cannot be changed', () => {
    const registry = new Registry();
    const id = registry.register(() => {});
    for (const frozen of [registry.notify(), id, registry.handlers()[0], registry.stats()]) {
      assert.ok(Object.isFrozen(frozen));
    }
    assert.equal(Object.getPrototypeOf(id), HandlerId.prototype);
  });

  test('a class that extends a registry works, and its constructor is not skipped', () => {
    class Mine extends Registry {
      constructor() {
        super({ allowStop: true });
        this.mine = true;
      }

      notify(event) {
        return super.notify(event);
      }
    }
    const registry = new Mine();
    registry.register(() => {});
    assert.equal(registry.notify(1).fired, 1);
    assert.ok(registry.mine);
  });

  test('more arguments than there are do nothing', () => {
    const registry = new Registry({}, Symbol('child'), {});
    assert.equal(registry.parent, undefined);
    registry.register(() => {}, {}, 5, 6);
    assert.equal(registry.notify(1, undefined, 3).fired, 1);
  });

  test('an AsyncRegistry survives thenables that never settle, settle twice or throw', async () => {
    const registry = new AsyncRegistry();
    panics(registry);
    registry.register(() => ({ then() {} }));
    registry.register(() => ({
      then(resolve, reject) {
        resolve(1);
        reject(new Error('twice'));
      },
    }));
    registry.register(() => ({
      then() {
        throw new Error('thrown');
      },
    }));
    registry.register(() => Object.assign(() => {}, { then: (resolve) => resolve() }));
    const { fired, failed, cancelled } = await registry.notify(1, { timeoutMs: 5 });
    assert.deepEqual([fired, failed, cancelled], [4, 1, 1]);
  });
});

describe('handlers that throw while everything else goes on', () => {
  test('a hundred registries that fail into each other', () => {
    const registries = Array.from({ length: 100 }, () => new Registry());
    let told = 0;
    registries.forEach((registry, i) => {
      registry.onPanic(() => {
        told++;
        if (i + 1 < 60) registries[i + 1].notify();
      });
      registry.register(() => {
        throw new Error(String(i));
      });
    });
    registries[0].notify();
    assert.equal(told, 60);
  });

  test('a notify in a finalizer, a timer, a microtask and a getter', async () => {
    const registry = new Registry();
    let calls = 0;
    registry.register(() => void calls++);
    queueMicrotask(() => registry.notify());
    setImmediate(() => registry.notify());
    const event = {
      get x() {
        return registry.notify().fired;
      },
    };
    registry.register(({ x } = {}) => void x, { kinds: 'getter' });
    registry.emit('getter', event);
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(calls, 4);
  });
});
