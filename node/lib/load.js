'use strict';

// Finds the addon: a prebuilt one, then one that was built here. Nothing else is tried, so that what is
// loaded never depends on the working directory or on the environment.

const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..', '..');

/** Whether this Node runs on musl: such a Node has no glibc version to report. */
function isMusl() {
  if (process.platform !== 'linux') return false;
  const { header } = process.report?.getReport?.() ?? {};
  return header !== undefined && header.glibcVersionRuntime === undefined;
}

function platformName() {
  return `${process.platform}-${process.arch}${isMusl() ? '-musl' : ''}`;
}

function candidates(platform) {
  return [
    path.join(root, 'prebuilds', platform, 'tallystick.node'),
    path.join(root, 'build', 'Release', 'tallystick.node'),
  ];
}

function notFound(platform, tried) {
  const reasons = tried.map(({ file, error }) => `  ${file}: ${error === null ? 'not there' : error.message}`);
  const error = new Error(
    `tallystick has no native addon for ${platform} (Node ${process.version}, Node-API ${process.versions.napi}).\n` +
      `${reasons.join('\n')}\n` +
      `Build it with a C compiler and Python: cd ${JSON.stringify(root)} && npm run build`,
    { cause: tried.find((each) => each.error !== null)?.error },
  );
  error.code = 'TALLY_E_NO_ADDON';
  return error;
}

function load() {
  const platform = platformName();
  const tried = [];
  for (const file of candidates(platform)) {
    if (!fs.existsSync(file)) {
      tried.push({ file, error: null });
      continue;
    }
    try {
      return require(file);
    } catch (error) {
      tried.push({ file, error });
    }
  }
  throw notFound(platform, tried);
}

module.exports = { load, platformName, candidates, notFound };
