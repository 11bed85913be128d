'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { root, runGood } = require('./helpers');
const { freshPath } = require('./storeHelpers');

test('the example of the README prints what it says', async () => {
  const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
  const block = [...readme.matchAll(/```js\n([^]*?)```/g)]
    .map(([, text]) => text)
    .find((text) => text.includes('open('));
  const wanted = [...block.matchAll(/^\/\/ (.*)$/gm)].map(([, line]) => line);
  const where = freshPath();
  fs.mkdirSync(where);
  const out = await runGood(`const chdir = () => process.chdir(${JSON.stringify(where)}); chdir();\n${block}`);
  // Handlers run soon after a commit, beside what else goes on.
  assert.deepEqual(out.split('\n').sort(), wanted.sort());
});
