'use strict';

// The steps of a scenario, by their words. Each is called on a Play with the label of a registry and the step's arguments.

const assert = require('node:assert/strict');

const { Play, sameTexts } = require('./play');

/** A word whose arguments are read by `body`, which is given the rest of what it needs to know. */
function word(body) {
  return function perform(registry, given) {
    const result = body.call(this, registry, given);
    given.end();
    return result;
  };
}

/** A word that compares what the driver says with what the step expects under a name. */
function looking(name, ask) {
  return word(function look(registry, given) {
    const wanted = given.take(name);
    const found = ask.call(this, registry, given);
    const compare = (value) => assert.deepEqual(value, wanted, name);
    return typeof found?.then === 'function' ? found.then(compare) : compare(found);
  });
}

/** Numbers, of which the step may expect any. */
function numbers(ask) {
  return word(function look(registry, given) {
    const found = ask.call(this, registry, given);
    const wanted = given.rest();
    const named = Object.fromEntries(Object.keys(wanted).map((name) => [name, found[name]]));
    assert.deepEqual(named, wanted);
  });
}

function identity(play, given) {
  return play.identities.get(given.take('handler'));
}

Play.words = {
  open: word(function open(registry, given) {
    this.driver.open(registry, undefined, given.rest());
  }),
  child: word(function child(registry, given) {
    this.driver.open(registry, given.take('parent'), given.rest());
  }),
  close: word(function close(registry) {
    this.driver.close(registry);
  }),

  register: word(function register(registry, given) {
    const handler = given.take('handler');
    const native = given.take('native');
    const label = native === undefined ? given.take('function', handler) : undefined;
    if (label !== undefined) this.behaviour(label, given.take('then'), given.take('script'));
    this.know(handler, this.driver.register(registry, label, native, given.rest()));
  }),
  guard: word(function guard(registry, given) {
    const label = given.take('guard');
    const handler = given.take('handler');
    this.behaviour(handler, given.take('then'));
    this.know(handler, this.driver.guard(registry, label, handler, given.rest()));
  }),
  close_guard: word(function closeGuard(registry, given) {
    this.driver.closeGuard(given.take('guard'), false);
  }),
  forget_guard: word(function forgetGuard(registry, given) {
    this.driver.closeGuard(given.take('guard'), true);
  }),
  unregister: looking('removed', function unregister(registry, given) {
    return this.driver.unregister(registry, identity(this, given));
  }),
  unregister_function: looking('removed', function unregisterFunction(registry, given) {
    return this.driver.unregister(registry, this.driver.function(given.take('function')));
  }),
  unregister_wait: looking('removed', function unregisterWait(registry, given) {
    return this.driver.unregisterWait(registry, identity(this, given));
  }),
  clear: looking('removed', function clear(registry) {
    return this.driver.clear(registry);
  }),
  edit: looking('removed', function edit(registry, given) {
    const registered = [];
    const changes = given.take('changes').map(({ register, unregister, ...options }) => {
      if (unregister !== undefined) return { identity: this.identities.get(unregister) };
      registered.push(register);
      this.behaviour(register);
      return { function: register, options };
    });
    const { identities, removed } = this.driver.edit(registry, changes);
    for (const [i, label] of registered.entries()) this.know(label, identities[i]);
    return removed;
  }),

  notify: word(function notify(registry, given) {
    return this.driver.notify(registry, given.take('kind'), given.take('data', ''), false);
  }),
  emit: word(function emit(registry, given) {
    return this.driver.notify(registry, given.take('name'), given.take('data', ''), true);
  }),
  collect: looking('outcomes', function collect(registry, given) {
    const found = this.driver.collect(registry, given.take('data', ''));
    return found.map(([one, ok]) => [this.labels.get(one) ?? '?', ok]);
  }),
  on_panic: word(function onPanic(registry, given) {
    const panic = given.take('panic');
    this.behaviour(`panic ${panic}`, given.take('then'), given.take('script'));
    this.driver.onPanic(registry, panic);
  }),
  clear_on_panic: word(function clearOnPanic(registry) {
    this.driver.onPanic(registry, null);
  }),
  mute: word(function mute(registry) {
    this.driver.begin(registry, 'muted');
  }),
  unmute: word(function unmute(registry) {
    this.driver.finish(registry);
  }),
  pause: word(function pause(registry) {
    this.driver.begin(registry, 'paused');
  }),
  resume: word(function resume(registry) {
    this.driver.finish(registry);
  }),

  contains: looking('is', function contains(registry, given) {
    return this.driver.contains(registry, identity(this, given));
  }),
  count: looking('is', function count(registry) {
    return this.driver.count(registry);
  }),
  is_empty: looking('is', function isEmpty(registry) {
    return this.driver.isEmpty(registry);
  }),
  handlers: word(function handlers(registry, given) {
    const { identities, last_messages: messages, ...columns } = this.driver.handlers(registry);
    const found = { is: this.labelsOf(identities), ...columns };
    const wantedMessages = given.take('last_messages');
    if (wantedMessages !== undefined) sameTexts(messages, wantedMessages, 'last_messages');
    const wanted = given.rest();
    const named = Object.fromEntries(Object.keys(wanted).map((name) => [name, found[name]]));
    assert.deepEqual(named, wanted);
  }),
  statistics: numbers(function statistics(registry) {
    return this.driver.statistics(registry);
  }),
  logged: word(async function logged(registry, given) {
    const wanted = given.take('is');
    const found = await this.driver.logged();
    const fits = found.length === wanted.length && wanted.every((text, i) => found[i].includes(text));
    if (!fits) assert.deepEqual(found, wanted, 'logged');
  }),

  native: word(function native(registry, given) {
    this.driver.native(given.take('native'), given.take('type'), given.rest());
  }),
  counter: numbers(function counter(registry, given) {
    return this.driver.numbersOf(given.take('native'));
  }),
  ring_counts: numbers(function ringCounts(registry, given) {
    return this.driver.numbersOf(given.take('native'));
  }),
  mask_counts: numbers(function maskCounts(registry, given) {
    return this.driver.numbersOf(given.take('native'));
  }),
  drain: word(function drain(registry, given) {
    const found = this.driver.drain(given.take('native'));
    assert.deepEqual(
      found.map(([, data]) => data),
      given.take('is'),
      'drained',
    );
    assert.deepEqual(
      found.map(([kind]) => kind),
      given.take('kinds'),
      'kinds',
    );
  }),
};

module.exports = { Play };
