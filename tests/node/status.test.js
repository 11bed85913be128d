'use strict';

// The error classes against the golden vectors: tests/vectors/status.json.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');

const tallystick = require('tallystick');

const rows = JSON.parse(readFileSync(path.join(__dirname, '..', 'vectors', 'status.json'), 'utf8'));
const failures = rows.filter((row) => row.code !== 0);
const { binding } = require('../../node/lib/native');

const classes = ['none', 'caller', 'conflict', 'transient', 'damaged', 'fatal', 'bug'];

describe('a status', () => {
  test('is listed by the core as in the golden vectors', () => {
    assert.deepEqual(
      binding.statuses(),
      rows.map((row) => [row.code, row.symbol, classes.indexOf(row.class), row.message]),
    );
  });

  for (const row of failures) {
    test(`${row.symbol} is ${row.node}`, () => {
      const Class = tallystick[row.node];
      assert.equal(Class.name, row.node);
      const error = new Class('a message');
      assert.ok(error instanceof tallystick.TallyError);
      assert.ok(error instanceof Error);
      assert.equal(error instanceof AggregateError, row.symbol === 'TALLY_E_HANDLER');
      assert.equal(error.name, row.node);
      assert.equal(error.code, row.symbol);
      assert.equal(error.status, row.code);
      assert.equal(error.handling, row.class);
      assert.equal(error.message, 'a message');
      assert.ok(error.hint.length > 8);
    });
  }

  test('has no class beyond those of the golden vectors', () => {
    const classes = Object.keys(tallystick).filter((name) => /Error$/.test(name));
    assert.deepEqual(classes.sort(), ['TallyError', ...failures.map((row) => row.node)].sort());
  });
});
