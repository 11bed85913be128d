'use strict';

// Plays tests/vectors/registry_scenarios.json; tests/vectors/README.md says what the steps mean. The same as
// tests/vectors/scenarios.py, which plays it in C and Python. Everything that is compared is compared here.

const assert = require('node:assert/strict');

const { isRefusal } = require('./driver');

// What every step may expect; all else are arguments of the step.
const EXPECTED = new Set([
  'calls',
  'call_counts',
  'saw',
  'panics',
  'raises',
  'error',
  'may_fail',
  'result',
  'stopped',
  'orphan',
]);

/** Reads arguments by name, and refuses those that nobody read. */
class Arguments {
  constructor(step) {
    this.left = new Map(Object.entries(step).filter(([name]) => name !== 'do' && !EXPECTED.has(name)));
  }

  take(name, otherwise) {
    if (!this.left.has(name)) return otherwise;
    const value = this.left.get(name);
    this.left.delete(name);
    return value;
  }

  rest() {
    const rest = Object.fromEntries(this.left);
    this.left.clear();
    return rest;
  }

  end() {
    assert.deepEqual([...this.left.keys()], [], 'words that this step does not know');
  }
}

function sameTexts(found, wanted, what) {
  const fits =
    found.length === wanted.length &&
    found.every((full, i) => (wanted[i] === null ? full === null : full !== null && full.endsWith(wanted[i])));
  if (!fits) assert.deepEqual(found, wanted, what);
}

function countOf(labels) {
  const counts = {};
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}

class Play {
  constructor(driver, steps) {
    this.driver = driver;
    this.steps = steps;
    this.behaviours = new Map();
    this.identities = new Map();
    this.labels = new Map();
    this.calls = [];
    this.panics = [];
    this.problems = [];
    driver.play = this;
  }

  async run() {
    try {
      this.driver.open('r', undefined, {});
      for (const [index, step] of this.steps.entries()) {
        try {
          await this.outside(step);
        } catch (error) {
          this.problems.unshift(error);
        }
        if (this.problems.length > 0) {
          const [problem] = this.problems;
          problem.message = `step ${index + 1}, ${JSON.stringify(step)}\n${problem.message}`;
          throw problem;
        }
      }
    } finally {
      await this.driver.end();
    }
  }

  /* --------------------------------------------------------------------------- what the driver calls */

  /** What the handler shall do: {does: 'ok'}, {does: 'stop'} or {does: 'fail', message}. */
  handlerRan(label, data) {
    this.calls.push([label, data]);
    return this.behave(label);
  }

  panicRan(panic, identity, message, name) {
    this.panics.push([panic, this.labels.get(identity) ?? '?', message, name]);
    return this.behave(`panic ${panic}`);
  }

  behave(label) {
    const behaviour = this.behaviours.get(label);
    const steps = behaviour.then ?? behaviour.script[behaviour.ran] ?? [];
    behaviour.ran++;
    for (const step of steps) {
      if (step.do === 'stop') return { does: 'stop' };
      if (step.do === 'fail') return { does: 'fail', message: step.message };
      try {
        this.inside(step);
      } catch (error) {
        // Thrown from here it would only be a failure of this handler.
        error.message = `inside ${label}, ${JSON.stringify(step)}: ${error.message}`;
        this.problems.push(error);
      }
    }
    return { does: 'ok' };
  }

  /* ---------------------------------------------------------------------------------------- one step */

  begin(step) {
    const known = Object.hasOwn(Play.words, step.do);
    assert.ok(known, `nobody knows how to ${step.do}`);
    const given = new Arguments(step);
    const registry = given.take('registry', 'r');
    const marks = { calls: this.calls.length, panics: this.panics.length };
    return { marks, perform: () => Play.words[step.do].call(this, registry, given) };
  }

  async outside(step) {
    const { marks, perform } = this.begin(step);
    let outcome;
    let refusal;
    try {
      outcome = await perform();
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refusal = error;
    }
    this.compare(step, marks, outcome, refusal);
    this.comparePanics(this.panics.slice(marks.panics), step.panics ?? []);
  }

  inside(step) {
    const { marks, perform } = this.begin(step);
    let outcome;
    let refusal;
    try {
      outcome = perform();
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refusal = error;
    }
    assert.equal(typeof outcome?.then, 'undefined', 'a handler does not wait');
    this.compare(step, marks, outcome, refusal);
    if (step.panics !== undefined) this.comparePanics(this.panics.slice(marks.panics), step.panics);
  }

  compare(step, marks, outcome, refusal) {
    const wanted = refusal !== undefined && step.may_fail !== undefined ? step.may_fail : step.error;
    if (refusal?.code !== wanted) assert.fail(`error: ${refusal?.stack ?? 'none'}, expected ${wanted ?? 'none'}`);
    if (refusal === undefined) {
      sameTexts(outcome?.raises ?? [], step.raises ?? [], 'raises');
      this.compareResult(step, outcome);
    }
    const calls = this.calls.slice(marks.calls);
    const labels = calls.map(([label]) => label);
    if (step.calls !== undefined) assert.deepEqual(labels, step.calls, 'calls');
    if (step.call_counts !== undefined) assert.deepEqual(countOf(labels), step.call_counts, 'call_counts');
    if (step.saw !== undefined) {
      assert.deepEqual(
        calls.map(([, data]) => data.toString()),
        step.saw,
        'saw',
      );
    }
  }

  compareResult(step, outcome) {
    const wanted = { numbers: step.result, stopped: step.stopped, orphan: step.orphan };
    for (const [name, value] of Object.entries(wanted)) {
      if (value === undefined) continue;
      const untold = step.raises !== undefined && outcome?.[name] === undefined;
      if (!untold) assert.deepEqual(outcome?.[name], value, name);
    }
  }

  comparePanics(found, wanted) {
    assert.deepEqual(
      found.map((row) => row.slice(0, 2)),
      wanted.map((row) => row.slice(0, 2)),
      'panics',
    );
    for (const [i, [, , message, name]] of wanted.entries()) {
      if (message !== null) sameTexts([found[i][2]], [message], 'message of a panic');
      if (name !== undefined) assert.equal(found[i][3], name, 'name in a panic');
    }
  }

  /* --------------------------------------------------------------------------------- what is known */

  behaviour(label, then, script) {
    if (then !== undefined || script !== undefined || !this.behaviours.has(label)) {
      this.behaviours.set(label, { then, script: script ?? [], ran: 0 });
    }
  }

  know(label, identity) {
    this.identities.set(label, identity);
    this.labels.set(identity, label);
  }

  labelsOf(identities) {
    return identities.map((identity) => this.labels.get(identity) ?? '?');
  }
}

module.exports = { Play, EXPECTED, sameTexts };
