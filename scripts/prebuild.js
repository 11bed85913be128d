'use strict';
// Builds the addon and puts it where node/lib looks for it first: prebuilds/<platform>-<arch>[-musl]/tallystick.node.
// `configure` and `build` only: node-gyp's `rebuild` and `clean` delete build/.

const { spawnSync } = require('node:child_process');
const { copyFileSync, existsSync, mkdirSync, renameSync } = require('node:fs');
const { dirname, join } = require('node:path');

const root = join(__dirname, '..');

function isMusl() {
  return process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime;
}

function nodeGyp() {
  try {
    return require.resolve('node-gyp/bin/node-gyp.js', { paths: [root] });
  } catch {
    // An installed copy has no development dependencies; npm carries a node-gyp of its own.
  }
  const npm = process.env.npm_execpath;
  const bundled = npm && join(dirname(npm), '..', 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
  if (bundled && existsSync(bundled)) return bundled;
  throw new Error('node-gyp is not installed. Run `npm install --no-save node-gyp` here, then `npm run build` again.');
}

// The running node's own headers, when it brought them; else node-gyp fetches them.
function headers() {
  const prefix = join(dirname(process.execPath), '..');
  return existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

const verbose = process.argv.includes('--verbose');
for (const step of ['configure', 'build']) {
  const options = [nodeGyp(), step, ...headers(), '--release', ...(verbose ? ['--verbose'] : ['--silent'])];
  const { status } = spawnSync(process.execPath, options, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

// Renamed into place: a process that has the old addon loaded keeps it.
const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}${isMusl() ? '-musl' : ''}`);
mkdirSync(folder, { recursive: true });
copyFileSync(join(root, 'build', 'Release', 'tallystick.node'), join(folder, 'tallystick.node.new'));
renameSync(join(folder, 'tallystick.node.new'), join(folder, 'tallystick.node'));
