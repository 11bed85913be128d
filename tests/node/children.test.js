'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { Counter, HandlerError, Registry, STOP } = require('tallystick');

const { counts, failing, marker, panics } = require('./helpers');

describe('children', () => {
  test('the child comes first, then the parent, then its parent; results add up', () => {
    const grandparent = new Registry();
    const parent = grandparent.child();
    const child = parent.child();
    const log = [];
    const mark = marker(log);
    grandparent.on('a', mark('grandparent'));
    parent.on('a.*', mark('not this'));
    parent.on('*', mark('parent'));
    child.on('a', mark('child'));
    assert.deepEqual(counts(child.emit('a')), { fired: 3, failed: 0, skipped: 1 });
    assert.deepEqual(log, ['child', 'parent', 'grandparent']);
    assert.equal(child.parent, parent);
    assert.equal(grandparent.parent, undefined);
  });

  test('a notify of the parent does not reach the child', () => {
    const parent = new Registry();
    parent.child().register(() => assert.fail('must not run'));
    parent.notify();
  });

  test('the parent is as it was when the notify of the child began', () => {
    const parent = new Registry();
    const child = parent.child();
    const log = [];
    const mark = marker(log);
    const removed = parent.register(mark('removed'));
    parent.register(mark('parent'));
    child.register(() => {
      parent.register(mark('too late'));
      parent.unregister(removed);
    });
    assert.deepEqual(counts(child.notify()), { fired: 2, failed: 0, skipped: 1 });
    assert.deepEqual(log, ['parent']);
  });

  test('a closed parent ends the notify at the child', () => {
    const parent = new Registry();
    const child = parent.child();
    parent.register(() => assert.fail('is closed'));
    child.register(() => {});
    parent.close();
    const result = child.notify();
    assert.deepEqual(counts(result), { fired: 1, failed: 0, skipped: 0 });
    assert.equal(result.orphaned, true);
  });

  test('a parent that is closed in the middle is skipped', () => {
    const parent = new Registry();
    const child = parent.child();
    parent.register(() => assert.fail('is closed'));
    child.register(() => parent.close());
    assert.deepEqual(counts(child.notify()), { fired: 1, failed: 0, skipped: 1 });
  });

  test('closing a child detaches it and nothing else', () => {
    const parent = new Registry();
    const child = parent.child();
    parent.register(() => {});
    child.close();
    assert.equal(parent.notify().fired, 1);
    assert.throws(() => child.notify(), { code: 'TALLY_E_CLOSED' });
  });

  test('a stop in the child stops the parents; one in the parent is its own affair', () => {
    const parent = new Registry({ allowStop: true });
    const child = parent.child({ allowStop: true });
    parent.register(() => {});
    const stop = child.register(() => STOP);
    const result = child.notify();
    assert.deepEqual(counts(result), { fired: 1, failed: 0, skipped: 1 });
    assert.equal(result.stopped, true);
    child.unregister(stop);
    assert.equal(child.notify().fired, 1);
  });

  test('each applies its own policy and reports to its own onPanic', () => {
    const parent = new Registry();
    const child = parent.child({ policy: 'raise' });
    const reported = panics(parent);
    const own = panics(child);
    parent.register(failing('parent'));
    child.register(failing('child'));
    assert.throws(
      () => child.notify(),
      (error) => error instanceof HandlerError && error.errors.length === 1 && error.errors[0].message === 'child',
    );
    assert.deepEqual(own, []);
    assert.equal(reported.length, 1);
  });

  test('a fail-fast child keeps the parents from running', () => {
    const parent = new Registry();
    const child = parent.child({ policy: 'fail-fast' });
    parent.register(() => assert.fail('must not run'));
    child.register(failing('child'));
    assert.throws(() => child.notify(), /child/);
  });

  test('handlers in C of both run in their order', () => {
    const parent = new Registry();
    const child = parent.child();
    const [own, above] = [new Counter(), new Counter()];
    const log = [];
    child.register(own);
    parent.register(above);
    parent.register(() => void log.push(above.read().events), { priority: 1 });
    child.register(() => void log.push(own.read().events));
    assert.deepEqual(counts(child.notify()), { fired: 4, failed: 0, skipped: 0 });
    assert.deepEqual(log, [1, 0]);
    assert.deepEqual([own.read().events, above.read().events], [1, 1]);
  });

  test('a muted parent is skipped, a muted child leaves the parent running', () => {
    const parent = new Registry();
    const child = parent.child();
    parent.register(() => {});
    child.register(() => {});
    parent.muted(() => assert.deepEqual(counts(child.notify()), { fired: 1, failed: 0, skipped: 1 }));
    child.muted(() => assert.deepEqual(counts(child.notify()), { fired: 1, failed: 0, skipped: 1 }));
  });

  test('at most sixteen are in one chain', () => {
    let registry = new Registry();
    for (let i = 1; i < 16; i++) registry = registry.child();
    registry.register(() => {});
    assert.equal(registry.notify().fired, 1);
    assert.throws(() => registry.child(), { code: 'TALLY_E_LIMIT' });
  });

  test('collect goes up too', () => {
    const parent = new Registry();
    const child = parent.child();
    parent.register(() => 'parent');
    child.register(() => 'child');
    assert.deepEqual(
      child.collect(1).map(({ value }) => value),
      ['child', 'parent'],
    );
  });
});
