'use strict';

// The scenarios that all languages share, played in Node. tests/vectors/README.md says what they are made of.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');

const { Driver } = require('./scenarios/driver');
const { Play } = require('./scenarios/words');

const { scenarios } = JSON.parse(
  readFileSync(path.join(__dirname, '..', 'vectors', 'registry_scenarios.json'), 'utf8'),
);
// The warnings that scenarios provoke are looked at, not printed.
process.removeAllListeners('warning');

const excepted = scenarios.filter((scenario) => scenario.except?.node !== undefined);

function play(steps) {
  return new Play(new Driver(), steps).run();
}

describe('scenario', () => {
  for (const { name, except, steps } of scenarios) {
    test(name, { skip: except?.node ?? false }, () => play(steps));
  }
});

describe('the runner', () => {
  const register = { do: 'register', handler: 'a' };

  test('plays all but what Node cannot express', () => {
    assert.equal(excepted.length, 4);
    assert.ok(scenarios.length - excepted.length >= 138);
  });

  test('finds a difference', async () => {
    await play([register, { do: 'notify', calls: ['a'], result: [1, 0, 0] }]);
    const wrong = [
      { calls: ['b'] },
      { calls: [] },
      { result: [1, 1, 0] },
      { error: 'TALLY_E_CLOSED' },
      { raises: ['m'] },
      { panics: [['p', 'a', 'm']] },
      { stopped: true },
      { orphan: true },
      { saw: ['x'] },
      { call_counts: { a: 2 } },
    ];
    for (const expectation of wrong) {
      await assert.rejects(play([register, { do: 'notify', ...expectation }]), assert.AssertionError);
    }
  });

  test('finds a difference inside a handler', async () => {
    const looks = { do: 'register', handler: 'a', then: [{ do: 'count', is: 7 }] };
    await assert.rejects(play([looks, { do: 'notify' }]), /inside a/);
  });

  test('refuses a step with an unknown word', async () => {
    for (const step of [{ do: 'dance' }, { do: 'notify', cals: [] }, { do: 'count', are: 0 }]) {
      await assert.rejects(play([step]), assert.AssertionError);
    }
  });
});
