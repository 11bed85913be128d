'use strict';

// Builds the test addon once, with the compiler and Node's own headers: what an addon of another project
// needs is the include folder of this package and nothing else.

const { execFileSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const { getInclude } = require('tallystick');

const source = path.join(__dirname, 'addon.c');
const folder = path.join(__dirname, '..', '..', '..', 'out', 'node-tests');

function nodeHeaders() {
  const candidates = [
    path.join(path.dirname(process.execPath), '..', 'include', 'node'),
    path.join(process.config.variables.node_prefix ?? '/usr', 'include', 'node'),
  ];
  return candidates.find((candidate) => fs.existsSync(path.join(candidate, 'node_api.h'))) ?? candidates[0];
}

/** The path of the built addon. Several test processes may build it at once: the last one to finish wins. */
function buildAddon() {
  const headers = fs.readdirSync(path.join(getInclude(), 'tallystick'));
  const hash = createHash('sha256').update(fs.readFileSync(source)).update(fs.readFileSync(__filename));
  for (const header of headers) hash.update(fs.readFileSync(path.join(getInclude(), 'tallystick', header)));
  const target = path.join(folder, `addon-${hash.digest('hex').slice(0, 16)}.node`);
  if (fs.existsSync(target)) return target;
  fs.mkdirSync(folder, { recursive: true });
  const temporary = `${target}.${process.pid}`;
  // Its threads outlive the environment that started them, so it must not be unloaded with that.
  const flags = [
    '-Wl,-z,nodelete',
    '-std=c11',
    '-O1',
    '-g',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-shared',
    '-fPIC',
    '-pthread',
    '-DNAPI_VERSION=9',
  ];
  const includes = ['-I', getInclude(), '-isystem', nodeHeaders()];
  execFileSync(process.env.CC ?? 'cc', [...flags, ...includes, source, '-o', temporary], { stdio: 'inherit' });
  fs.renameSync(temporary, target);
  return target;
}

module.exports = { buildAddon, addon: () => require(buildAddon()) };
