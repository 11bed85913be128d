'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');

const tallystick = require('tallystick');

const { root, runGood, runScript } = require('./helpers');

describe('the package', () => {
  test('has the same names for require, for import and in its types', async () => {
    const imported = await import('tallystick');
    const names = Object.keys(tallystick).sort();
    assert.deepEqual(Object.keys(imported).sort(), names);
    const folder = path.join(root, 'node', 'lib', 'types');
    const types = [
      path.join(root, 'node', 'lib', 'index.d.ts'),
      ...fs.readdirSync(folder).map((file) => path.join(folder, file)),
    ];
    const declared = types.flatMap((file) =>
      [
        ...fs
          .readFileSync(file, 'utf8')
          .matchAll(/^export (?:declare )?(?:abstract )?(?:class|function|const) (\w+)/gm),
      ].map(([, name]) => name),
    );
    assert.deepEqual(declared.sort(), names);
  });

  test('a registry that was imported works with what was required', async () => {
    const imported = await import('tallystick');
    assert.equal(imported.Registry, tallystick.Registry);
    const registry = new imported.Registry({ allowStop: true });
    const counter = new tallystick.Counter();
    registry.register(counter);
    registry.register(() => tallystick.STOP);
    const seen = tallystick.capture(registry);
    assert.equal(registry.notify(1).stopped, true);
    assert.deepEqual([counter.read().events, seen.count], [1, 1]);
  });

  test('nothing inside it can be reached from outside', () => {
    assert.throws(() => require('tallystick/node/lib/board.js'), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' });
    const registry = new tallystick.Registry();
    registry.register(new tallystick.Counter());
    const own = [...Object.getOwnPropertyNames(registry), ...Object.getOwnPropertySymbols(registry)];
    assert.deepEqual(own, []);
  });

  test('loading it leaves nothing that keeps the process alive, and no global', async () => {
    const script = `
      const before = Object.getOwnPropertyNames(globalThis).length;
      require('tallystick');
      console.log(Object.getOwnPropertyNames(globalThis).length - before);`;
    assert.equal(await runGood(script), '0');
  });

  test('it works without eval, and with frozen intrinsics', async () => {
    const script = `
      const { Registry, AsyncRegistry } = require('tallystick');
      const registry = new Registry();
      for (let i = 0; i < 12; i++) { registry.register(() => {}); registry.notify(); }
      new AsyncRegistry().notify().then(() => console.log(registry.notify().fired));`;
    assert.equal(await runGood(script, ['--disallow-code-generation-from-strings']), '12');
    assert.equal(await runGood(script, ['--frozen-intrinsics', '--no-warnings']), '12');
  });

  test('it has the headers where it says', () => {
    assert.ok(fs.existsSync(path.join(tallystick.getInclude(), 'tallystick', 'tallystick.h')));
    const base = fs.readFileSync(path.join(tallystick.getInclude(), 'tallystick', 'base.h'), 'utf8');
    assert.ok(base.includes(`#define TALLY_VERSION_TEXT "${tallystick.VERSION}"`));
  });
});

describe('errors', () => {
  const statuses = fs
    .readFileSync(path.join(root, 'csrc', 'include', 'tallystick', 'status.h'), 'utf8')
    .matchAll(/^ +X\((E_\w+), (-\d+), (\w+), "([^"]*)"\)/gm);

  for (const [, symbol, status, handling, message] of statuses) {
    test(`${symbol} has a class of its own`, () => {
      const code = `TALLY_${symbol}`;
      const Class = Object.values(tallystick).find((value) => typeof value === 'function' && value.row?.code === code);
      assert.ok(Class, `no class for ${code}`);
      assert.equal(tallystick[Class.name], Class);
      const error = new Class(message);
      assert.ok(error instanceof Error);
      assert.ok(error instanceof tallystick.TallyError);
      assert.deepEqual(
        [error.code, error.status, error.handling, error.name],
        [code, Number(status), handling.toLowerCase(), Class.name],
      );
      assert.equal(typeof error.hint, 'string');
      assert.match(error.stack, new RegExp(`^${Class.name}: `));
    });
  }

  test('they are no instances of each other', () => {
    const error = new tallystick.ClosedError('x');
    assert.ok(!(error instanceof tallystick.NameError));
    assert.ok(!(new Error('x') instanceof tallystick.TallyError));
    assert.ok(!(null instanceof tallystick.TallyError));
  });

  test('they have a cause', () => {
    const cause = new Error('why');
    assert.equal(new tallystick.IoError('x', { cause }).cause, cause);
    assert.ok(!('cause' in new tallystick.IoError('x')));
  });
});

describe('loading', () => {
  const load = path.join(root, 'node', 'lib', 'load.js');

  test('looks for a prebuilt addon first, then for one built here', () => {
    const { candidates, platformName } = require(load);
    const [first, second] = candidates('linux-x64-musl');
    assert.ok(first.endsWith(path.join('prebuilds', 'linux-x64-musl', 'tallystick.node')));
    assert.ok(second.endsWith(path.join('build', 'Release', 'tallystick.node')));
    assert.ok(platformName().startsWith(`${process.platform}-${process.arch}`));
  });

  test('without one it says for what and how to build it', async () => {
    const folder = fs.mkdtempSync(path.join(require('node:os').tmpdir(), 'tally-load-'));
    try {
      fs.cpSync(path.join(root, 'node', 'lib'), path.join(folder, 'node', 'lib'), { recursive: true });
      const bare = await runScript(`require(${JSON.stringify(path.join(folder, 'node', 'lib', 'index.js'))})`);
      assert.equal(bare.code, 1);
      assert.match(bare.stderr, /tallystick has no native addon for/);
      assert.match(bare.stderr, /npm run build/);
      assert.match(bare.stderr, /TALLY_E_NO_ADDON/);
      fs.mkdirSync(path.join(folder, 'build', 'Release'), { recursive: true });
      fs.writeFileSync(path.join(folder, 'build', 'Release', 'tallystick.node'), 'not an addon');
      const broken = await runScript(`require(${JSON.stringify(path.join(folder, 'node', 'lib', 'index.js'))})`);
      assert.equal(broken.code, 1);
      assert.match(broken.stderr, /prebuilds.*not there/s);
      assert.match(broken.stderr, /build.Release.tallystick\.node: .*(file too short|invalid|not)/s);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
});
