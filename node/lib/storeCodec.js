'use strict';

// What data is as bytes: JSON by default, bytes as bytes, anything else through a codec.
//
// A codec is {contentType, encode(value) → string or bytes, decode(bytes) → value}.

const { types } = require('node:util');

const { ArgumentError, LengthError } = require('./errors');
const { show } = require('./options');

const JSON_TYPE = 'application/json';
const BYTES_TYPE = 'application/octet-stream';

/** What the data of an event may be without any codec. */
function isBytes(value) {
  return value instanceof Uint8Array || ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value);
}

function bytesOf(value) {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return new Uint8Array(value);
}

function jsonOf(value) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new ArgumentError(`the data cannot be written as JSON: ${cause?.message ?? cause}`, {
      cause,
      hint: 'pass what JSON has, bytes, or a codec',
    });
  }
  if (text !== undefined) return text;
  throw new ArgumentError(`the data is ${show(value)}, which JSON does not have`, {
    hint: 'pass what JSON has, bytes, or a codec',
  });
}

/** The media type without its parameters. */
function mediaOf(contentType) {
  const semicolon = contentType.indexOf(';');
  return (semicolon === -1 ? contentType : contentType.slice(0, semicolon)).trimEnd();
}

/** `application/json` and everything that says it is written like it. The same rule as in Python. */
function isJson(contentType) {
  const media = mediaOf(contentType);
  return media === JSON_TYPE || (media.length > 5 && media.endsWith('+json'));
}

function isText(contentType) {
  return mediaOf(contentType).startsWith('text/');
}

function checkCodec(codec, name) {
  const isOne =
    typeof codec === 'object' &&
    codec !== null &&
    typeof codec.contentType === 'string' &&
    typeof codec.encode === 'function' &&
    typeof codec.decode === 'function';
  if (!isOne) throw new ArgumentError(`${name} is ${show(codec)}; pass {contentType, encode, decode}`);
  return codec;
}

function checkCodecs(codecs, name) {
  if (!Array.isArray(codecs)) throw new ArgumentError(`${name} is ${show(codecs)}; pass an array of codecs`);
  return codecs.map((codec) => checkCodec(codec, name));
}

/** [string or bytes or undefined, content type] of data. */
function encode(data, contentType, codec) {
  if (data === undefined) return [undefined, contentType ?? ''];
  if (isBytes(data)) return [bytesOf(data), contentType ?? BYTES_TYPE];
  if (codec !== undefined && (contentType === undefined || contentType === codec.contentType)) {
    const made = codec.encode(data);
    if (typeof made === 'string') return [made, codec.contentType];
    if (isBytes(made)) return [bytesOf(made), codec.contentType];
    throw new ArgumentError(
      `the codec ${codec.contentType} made ${show(made)} of the data; it must make text or bytes`,
    );
  }
  if (contentType === undefined || contentType === '') return [jsonOf(data), JSON_TYPE];
  if (isJson(contentType)) return [jsonOf(data), contentType];
  if (typeof data === 'string') return [data, contentType];
  throw new ArgumentError(
    `data of the content type ${show(contentType)} is ${show(data)}; pass bytes, text, or a codec`,
  );
}

/** The codecs of a store, by the content type that is stored. */
class Codecs {
  #byType = new Map();

  constructor(codec, codecs = []) {
    this.codec = codec;
    for (const each of codec === undefined ? codecs : [...codecs, codec]) this.#byType.set(each.contentType, each);
  }

  decode(bytes, contentType) {
    const codec = this.#byType.get(contentType);
    if (codec !== undefined) return codec.decode(Buffer.from(bytes));
    if (contentType === '' && bytes.length === 0) return undefined;
    if (isJson(contentType)) return JSON.parse(bytes.toString('utf8'));
    return isText(contentType) ? bytes.toString('utf8') : Buffer.from(bytes);
  }
}

function checkText(value, name) {
  if (typeof value !== 'string') throw new ArgumentError(`${name} is ${show(value)}; pass a string`);
  if (value.length > 512) throw new LengthError(`${name} is longer than 512 bytes`);
  return value;
}

module.exports = {
  JSON_TYPE,
  BYTES_TYPE,
  isBytes,
  bytesOf,
  jsonOf,
  encode,
  checkCodec,
  checkCodecs,
  Codecs,
  checkText,
};
