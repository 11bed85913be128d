'use strict';

// One notify: how deep it is. Which lists are being run is said by the lists themselves, where it matters
// (runners.js, general.js): a counter each is cheaper than a stack of them, and keeps nothing alive.

const { DepthError } = require('./errors');

// C has a count of its own, for its own notifies. To ask for it would be a crossing, 130 ns, where a whole
// notify takes 6; and a level is in both while its native handlers run, so adding them would be wrong. What nests
// through both stays bounded: JavaScript is at most DEPTH_MAX deep, and so is C.
const DEPTH_MAX = 64;

let depth = 0;

function tooDeep() {
  return new DepthError(`notify is nested ${DEPTH_MAX} deep; does a handler notify its own registry?`);
}

/** Runs a list with an event. Its runner counts, and throws only what a policy wants thrown. */
function dispatch(list, event) {
  if (depth === DEPTH_MAX) throw tooDeep();
  depth++;
  try {
    const run = list.run;
    return run(list, event);
  } finally {
    depth--;
  }
}

/** One level of nesting around something that is no run of a list. */
function nest(body) {
  if (depth === DEPTH_MAX) throw tooDeep();
  depth++;
  try {
    return body();
  } finally {
    depth--;
  }
}

/** Whether this thread is inside a handler: only then is any list being run. */
function isInside() {
  return depth > 0;
}

module.exports = { DEPTH_MAX, dispatch, nest, isInside };
