'use strict';

// Options and arguments: checked, and refused with the right spelling.

const { ArgumentError, OptionError, OutOfRangeError } = require('./errors');

/** Edits that make one word of another, letters that changed places counted as one. */
function distance(a, b) {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    rows[i] = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      rows[i][j] = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + same);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) rows[i][j] = Math.min(rows[i][j], rows[i - 2][j - 2] + 1);
    }
  }
  return rows[a.length][b.length];
}

function simplified(word) {
  return word.toLowerCase().replaceAll(/[^a-z]/g, '');
}

/** The known word that was probably meant, or undefined. */
function closest(word, known) {
  let best;
  let bestDistance = Infinity;
  for (const candidate of known) {
    const d = distance(simplified(word), simplified(candidate));
    if (d < bestDistance) [best, bestDistance] = [candidate, d];
  }
  return bestDistance <= Math.max(1, Math.floor(word.length / 3)) ? best : undefined;
}

function suggestion(word, known) {
  const meant = closest(word, known);
  return meant === undefined ? `known are ${known.join(', ')}` : `did you mean ${meant}?`;
}

/** How a value is shown in a message: short, and without running code of the value. */
function show(value) {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  if (typeof value === 'bigint') return `${value}n`;
  return String(value);
}

/**
 * Reads an options object by a table of checks, {name: check(value, name)}. Undefined means "not given".
 * The answer has no prototype and only names of the table.
 */
function readOptions(options, checks, what) {
  const read = Object.create(null);
  if (options === undefined) return read;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ArgumentError(`the options of ${what} are ${show(options)}; pass an object`);
  }
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(checks, name)) {
      const known = Object.keys(checks);
      throw new OptionError(`${what} has no option ${show(name)}; ${suggestion(name, known)}`, {
        hint: suggestion(name, known),
      });
    }
    const value = options[name];
    if (value !== undefined) read[name] = checks[name](value, name);
  }
  return read;
}

function integer(minimum, maximum) {
  return (value, name) => {
    if (typeof value !== 'number' || !Number.isInteger(value)) {
      throw new ArgumentError(`${name} is ${show(value)}; pass an integer`);
    }
    if (value < minimum || value > maximum) {
      throw new OutOfRangeError(`${name} is ${value}; it must be ${minimum} to ${maximum}`);
    }
    return value;
  };
}

function flag(value, name) {
  if (typeof value !== 'boolean') throw new ArgumentError(`${name} is ${show(value)}; pass true or false`);
  return value;
}

function choice(...known) {
  return (value, name) => {
    if (known.includes(value)) return value;
    const hint = typeof value === 'string' ? suggestion(value, known) : `known are ${known.join(', ')}`;
    throw new OptionError(`${name} is ${show(value)}; ${hint}`, { hint });
  };
}

function callback(value, name) {
  if (typeof value !== 'function') throw new ArgumentError(`${name} is ${show(value)}; pass a function`);
  return value;
}

function abortSignal(value, name) {
  const looksRight =
    typeof value === 'object' &&
    value !== null &&
    typeof value.aborted === 'boolean' &&
    typeof value.addEventListener === 'function' &&
    typeof value.removeEventListener === 'function';
  if (!looksRight) throw new ArgumentError(`${name} is ${show(value)}; pass an AbortSignal`);
  return value;
}

// Timers of Node end at 2^31-1 ms; more would fire at once.
const timeoutMs = integer(0, 0x7fffffff);

module.exports = { readOptions, show, closest, integer, flag, choice, callback, abortSignal, timeoutMs };
