'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { promisify } = require('node:util');

const { root } = require('./helpers');

const expected = path.join(__dirname, 'examples');

describe('examples print what they promise', () => {
  for (const file of fs.readdirSync(expected)) {
    const name = path.basename(file, '.txt');
    test(name, async () => {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [
        path.join(root, 'examples', 'node', `${name}.mjs`),
      ]);
      assert.equal(stderr, '');
      assert.equal(stdout, fs.readFileSync(path.join(expected, file), 'utf8'));
    });
  }

  test('every example that can run is here', () => {
    const examples = fs.readdirSync(path.join(root, 'examples', 'node')).filter((file) => file.endsWith('.mjs'));
    assert.deepEqual(
      examples.map((file) => path.basename(file, '.mjs')).sort(),
      fs
        .readdirSync(expected)
        .map((file) => path.basename(file, '.txt'))
        .sort(),
    );
  });
});
