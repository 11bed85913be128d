'use strict';

// Paths: text, a file: URL, or bytes that are UTF-8, as everywhere in Node.

const { fileURLToPath } = require('node:url');

const { ArgumentError, NulError, Utf8Error } = require('./errors');
const { show } = require('./options');

function checkPath(path) {
  let text = path;
  if (path instanceof URL) text = fileURLToPath(path);
  else if (path instanceof Uint8Array) text = Buffer.from(path).toString('utf8');
  if (typeof text !== 'string') throw new ArgumentError(`the path is ${show(path)}; pass a string or a file: URL`);
  if (!text.isWellFormed() || (typeof path !== 'string' && text.includes('\ufffd'))) {
    throw new Utf8Error('the path is not UTF-8');
  }
  if (text.includes('\0')) throw new NulError('the path contains a NUL character');
  return text;
}

module.exports = { checkPath };
