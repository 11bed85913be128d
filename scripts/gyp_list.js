'use strict';
// Answers binding.gyp: the files and flags of the addon, one per line. `node scripts/gyp_list.js shim|sources|flags|sodium`

const { execFileSync } = require('node:child_process');
const { existsSync, readFileSync, readdirSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..');
const words = (path) => readFileSync(join(root, path), 'utf8').split(/\s+/).filter(Boolean);

function pkgConfig(...options) {
  try {
    return execFileSync('pkg-config', [...options, 'libsodium'], { encoding: 'utf8' }).split(/\s+/).filter(Boolean);
  } catch (cause) {
    const hint = "Install pkg-config and libsodium's development files (Debian: apt-get install pkg-config libsodium-dev).";
    throw new Error(`pkg-config does not find libsodium, which the addon is linked with. ${hint}`, { cause });
  }
}

// libsodium.a when there is one; TALLYSTICK_SODIUM=system takes the shared library.
function sodium() {
  const wish = process.env.TALLYSTICK_SODIUM ?? 'static';
  if (wish !== 'static' && wish !== 'system') {
    throw new Error(`TALLYSTICK_SODIUM is '${wish}'; it may be 'static' or 'system'`);
  }
  const archive = join(pkgConfig('--variable=libdir')[0], 'libsodium.a');
  if (wish === 'static' && existsSync(archive)) return [archive, '-Wl,--exclude-libs,ALL'];
  return ['-Wl,--as-needed', ...pkgConfig('--libs')];
}

const lists = {
  shim: () => readdirSync(join(root, 'node/ext')).filter((name) => name.endsWith('.c')).sort().map((name) => `node/ext/${name}`),
  sources: () => words('csrc/sources.txt').map((name) => `csrc/${name}`),
  flags: () => words('csrc/flags.txt'),
  sodium,
};

const list = lists[process.argv[2]];
if (!list) throw new Error(`usage: node scripts/gyp_list.js ${Object.keys(lists).join('|')}`);
process.stdout.write(`${list().join('\n')}\n`);
