'use strict';

// What runners do with the rare answers: something returned, something thrown. Runners count in one small
// integer, failures in its low half, skipped handlers in its high half.

const { OptionError } = require('./errors');
const { failed, observe } = require('./failures');
const { STOP, SKIPPED, isThenable } = require('./values');

const ONE_FAILED = 1;
const ONE_SKIPPED = 0x10000000;

function notified(fired, failures, skipped, stopped = false, orphaned = false, held = false) {
  return Object.freeze({ fired, failed: failures, skipped, stopped, orphaned, held });
}

function stopRefused() {
  return new OptionError('the handler returned STOP, but its registry was not made with allowStop: true', {
    hint: 'make the registry with allowStop: true, or return nothing',
  });
}

function returned(list, index, value, event) {
  if (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol') return 0;
  if (value === SKIPPED) return ONE_SKIPPED;
  if (value === STOP) return threw(list, index, stopRefused(), event);
  if (isThenable(value)) observe(list.board, list.entries[index], value, event, list.name);
  return 0;
}

function threw(list, index, error, event) {
  failed(list.board, list.entries[index], error, event, list.name);
  return ONE_FAILED;
}

/** The result of a run in which something was counted. */
function finished(list, counts) {
  const skipped = Math.floor(counts / ONE_SKIPPED);
  return notified(list.callers.length - skipped, counts % ONE_SKIPPED, list.passedOver + skipped);
}

module.exports = { notified, stopRefused, returned, threw, finished };
