'use strict';

// Names of events and patterns, by the same rules as kind.h in the core.

const { ArgumentError, LengthError, NameError, NulError, Utf8Error } = require('./errors');
const { show } = require('./options');

const NAME_MAX_BYTES = 512;
const HANDLER_NAME_MAX_BYTES = 127;
// eslint-disable-next-line no-control-regex
const control = /[\u0000-\u001f\u007f-\u009f]/;

/** A character outside pairs of surrogates is no text: it has no UTF-8. */
const loneSurrogate = /\p{Surrogate}/u;

function checkText(text, what, minimum, maximum) {
  if (typeof text !== 'string') throw new ArgumentError(`${what} is ${show(text)}; pass a string`);
  if (text.length < minimum) throw new LengthError(`${what} is empty`);
  const bytes = text.length > maximum ? text.length : Buffer.byteLength(text);
  if (bytes > maximum) throw new LengthError(`${what} is longer than ${maximum} bytes`);
  if (loneSurrogate.test(text)) throw new Utf8Error(`${what} contains half of a surrogate pair`);
  if (text.includes('\0')) throw new NulError(`${what} contains a NUL character`);
  if (control.test(text)) throw new NameError(`${what} contains a control character`);
  return text;
}

/** The name of an event, as it is emitted. */
function checkName(name) {
  checkText(name, 'the name of the event', 1, NAME_MAX_BYTES);
  if (name.includes('*')) {
    throw new NameError(`${show(name)} is a pattern; an event is emitted under one name, without '*'`);
  }
  return name;
}

/** A name or pattern, as handlers are registered for it. */
function checkPattern(pattern) {
  checkText(pattern, 'the name', 1, NAME_MAX_BYTES);
  const star = pattern.indexOf('*');
  const isFine = star === -1 || pattern === '*' || (star === pattern.length - 1 && pattern.endsWith('.*') && star > 1);
  if (!isFine) {
    throw new NameError(`${show(pattern)} is not accepted; '*' may stand alone, or once at the end after a dot`, {
      hint: "write 'order.*' for all names that begin with 'order.'",
    });
  }
  return pattern;
}

function checkHandlerName(name) {
  return checkText(name, 'the name of the handler', 0, HANDLER_NAME_MAX_BYTES);
}

/** A function's own name, made acceptable: it is only a label. */
function labelOf(fn) {
  let name;
  try {
    name = fn.name;
  } catch {
    return '';
  }
  if (typeof name !== 'string') return '';
  if (name.length > HANDLER_NAME_MAX_BYTES) name = name.slice(0, HANDLER_NAME_MAX_BYTES);
  if (Buffer.byteLength(name) > HANDLER_NAME_MAX_BYTES || loneSurrogate.test(name) || control.test(name)) return '';
  return name;
}

/** Whether a pattern with its star stands for a name. */
function matches(pattern, name) {
  return pattern === '*' || (name.length >= pattern.length && name.startsWith(pattern.slice(0, -1)));
}

/**
 * What a handler listens to. `exact` and `patterns` are null in a filter that lets everything through;
 * `label` is the one name or pattern it was registered under, if it is one.
 */
class Filter {
  constructor(kinds) {
    const unique = [...new Set(kinds)];
    this.all = unique.length === 0 || unique.includes('*');
    this.kinds = this.all ? undefined : Object.freeze(unique);
    this.label = this.all ? '*' : unique.length === 1 ? unique[0] : undefined;
    this.exact = this.all ? null : new Set(unique.filter((kind) => !kind.endsWith('*')));
    this.patterns = this.all ? null : unique.filter((kind) => kind.endsWith('*'));
  }

  /** Whether the handler is for exactly one name, so that it need not be told which. */
  get isSingle() {
    return !this.all && this.patterns.length === 0 && this.exact.size === 1;
  }

  accepts(name) {
    if (this.all) return true;
    if (name === undefined) return false;
    return this.exact.has(name) || this.patterns.some((pattern) => matches(pattern, name));
  }
}

const everything = new Filter([]);

function readKinds(value, what) {
  if (typeof value === 'string') return new Filter([checkPattern(value)]);
  if (!Array.isArray(value)) throw new ArgumentError(`${what} is ${show(value)}; pass a name or an array of names`);
  if (value.length === 0) throw new ArgumentError(`${what} is empty; leave it out to receive every event`);
  if (value.length > 65536) throw new LengthError(`${what} has ${value.length} names; at most 65536`);
  return new Filter(Array.from(value, checkPattern));
}

module.exports = { checkName, checkPattern, checkHandlerName, labelOf, matches, readKinds, Filter, everything };
