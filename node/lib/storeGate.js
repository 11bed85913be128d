'use strict';

// Gates that are functions. They run on this thread, in the middle of an append that is made here.

const { ArgumentError } = require('./errors');
const { callback, flag, readOptions, show } = require('./options');
const { text } = require('./storeOptions');
const { asyncDispose, dispose, isThenable, messageOf } = require('./values');

const checks = { name: text, record: flag };

const REFUSED = 1;

/** An event that is about to be appended, as a gate sees it. */
class Draft {
  #codecs;
  #data = undefined;
  #isRead = false;

  constructor(codecs, { stream, type, contentType, tags, schema, bytes }) {
    this.#codecs = codecs;
    this.stream = stream;
    this.type = type;
    this.contentType = contentType;
    this.tags = tags;
    this.schema = schema;
    this.bytes = bytes;
  }

  get data() {
    if (!this.#isRead) this.#data = this.#codecs.decode(this.bytes, this.contentType);
    this.#isRead = true;
    return this.#data;
  }
}

/** The code that a gate gave its refusal, if it is one that the core can carry. */
function codeOf(error) {
  const code = typeof error === 'object' && error !== null ? error.gateCode : undefined;
  return Number.isInteger(code) && code >= -0x80000000 && code <= 0x7fffffff ? code : REFUSED;
}

function gateAdd(core, gate, options) {
  callback(gate, 'the gate');
  const { name = gate.name || 'gate', record = false } = readOptions(options, checks, 'gate');
  core.checkOpen();
  const ask = (rows) => {
    try {
      const answer = gate(rows.map((row) => new Draft(core.codecs, row)));
      if (isThenable(answer)) {
        Promise.resolve(answer).catch(() => {});
        throw new ArgumentError('the gate returned a promise; a gate must be synchronous');
      }
      if (answer === undefined || answer === true) return undefined;
      throw new ArgumentError(`the gate returned ${show(answer)}; a gate throws to refuse`);
    } catch (error) {
      core.gateThrew(error);
      return [codeOf(error), messageOf(error)];
    }
  };
  const number = core.native.gateAdd(ask, name, record);
  const remove = () => core.state === 'open' && core.native.gateRemove(number);
  return Object.defineProperties(remove, {
    name: { value: 'removeGate' },
    [dispose]: { value: () => void remove() },
    [asyncDispose]: { value: async () => void remove() },
  });
}

module.exports = { gateAdd };
