'use strict';

// What proofs are made of, as JavaScript gives it: texts, hashes, keys, a policy. All become bytes for the addon.

const { ArgumentError, LengthError, Utf8Error } = require('./errors');
const { integer, readOptions, show } = require('./options');
const { bytesOf, isBytes } = require('./storeCodec');

const HASH_BYTES = 32;
const none = Buffer.alloc(0);

/** A note, a proof, a key: a string, or its bytes as they came from a file. */
function textBytes(value, name) {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new Utf8Error(`${name} contains half of a surrogate pair`);
    return Buffer.from(value, 'utf8');
  }
  if (isBytes(value)) return Buffer.from(bytesOf(value));
  throw new ArgumentError(`${name} is ${show(value)}; pass a string, or its bytes`);
}

/** An empty text would mean "none", and what it stands for would quietly not be checked. */
function someText(value, name) {
  const bytes = textBytes(value, name);
  if (bytes.length === 0) throw new ArgumentError(`${name} is empty`, { hint: 'leave it out, or say what it is' });
  return bytes;
}

/** A hash: 64 digits, as `hash` of receipts and events has them, or 32 bytes. */
function hashBytes(value, name) {
  if (typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value)) return Buffer.from(value, 'hex');
  if (isBytes(value) && bytesOf(value).length === HASH_BYTES) return Buffer.from(bytesOf(value));
  throw new ArgumentError(`${name} is ${show(value)}; pass 64 hexadecimal digits, or 32 bytes`);
}

function hashesBytes(value, name) {
  if (!Array.isArray(value)) throw new ArgumentError(`${name} is ${show(value)}; pass an array of hashes`);
  return Buffer.concat(Array.from(value, (each, i) => hashBytes(each, `${name}[${i}]`)));
}

/** Data as they are stored: the core compares them, so they are not copied when nobody else can write there. */
function storedBytes(value, name) {
  if (!isBytes(value)) throw new ArgumentError(`${name} is ${show(value)}; pass bytes, as getStored() gives them`);
  const bytes = bytesOf(value);
  const isPlain = bytes.constructor === Uint8Array || Buffer.isBuffer(bytes);
  return isPlain && bytes.buffer instanceof ArrayBuffer ? bytes : Buffer.from(bytes);
}

/** Texts of public keys: one, or several. */
function keys(value, name) {
  if (!Array.isArray(value)) return [textBytes(value, name)];
  return Array.from(value, (each, i) => textBytes(each, `${name}[${i}]`));
}

const policyChecks = { keys, witnesses: keys, needed: integer(0, 0xffffffff), origin: someText };

/** A public key, several, or {keys, witnesses, needed, origin}; as the addon takes it. */
function readPolicy(value, name = 'the policy') {
  const isPlain = typeof value === 'object' && value !== null && !Array.isArray(value) && !isBytes(value);
  const read = isPlain ? readOptions(value, policyChecks, name) : { keys: keys(value, 'the public key') };
  const { witnesses = [], origin = none } = read;
  // Who names witnesses wants all of them, unless he says how many.
  const { needed = witnesses.length } = read;
  const known = read.keys ?? [];
  if (known.length === 0) throw new ArgumentError(`${name} has no keys`, { hint: 'pass the public key of the log' });
  const tooMany = known.length + witnesses.length > 4096;
  if (tooMany) throw new LengthError(`${name} has ${known.length + witnesses.length} keys; at most 4096`);
  return { texts: [origin, ...known, ...witnesses], keyCount: known.length, needed, known };
}

module.exports = { none, textBytes, someText, hashBytes, hashesBytes, storedBytes, keys, readPolicy };
