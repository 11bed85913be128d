'use strict';

// The package, in one list. index.mjs repeats the names; a test compares the two with index.d.ts.

const { AsyncRegistry } = require('./asyncRegistry');
const { capture } = require('./capture');
const { TallyError, classes } = require('./errors');
const { HandlerId } = require('./handlerId');
const { binding } = require('./native');
const { Counter, Ring, Mask, capi, getInclude } = require('./natives');
const { Registry } = require('./registry');
const { Event, Receipt, Store, fsck, fsckSync, open, openSync, salvage, salvageSync } = require('./store');
const { STOP } = require('./values');

module.exports = {
  open,
  openSync,
  Store,
  Event,
  Receipt,
  fsck,
  fsckSync,
  salvage,
  salvageSync,
  Registry,
  AsyncRegistry,
  HandlerId,
  STOP,
  capture,
  Counter,
  Ring,
  Mask,
  capi,
  getInclude,
  VERSION: binding.version(),
  TallyError,
  ...classes,
};
