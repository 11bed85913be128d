'use strict';

// Runners of fixed arity: one function for each number of handlers up to eight, and a loop for more.
//
// All lists share them, and the handlers sit in slots of the list (list.js): the engine sees calls without a
// loop, and a handler that is removed meanwhile is overwritten there, which costs nothing here. A handler that
// throws is caught where it is called. A list says that it is being run, so that it is looked at when a handler is
// removed; the only handler of a list has started by then. Written out because code must not be made from text: no eval.
//
// Measured, 16 registries of distinct handlers: shared runners over slots take 0.9 of the time of closures
// that capture their handlers, 0.4 of a loop over an array with try and catch.

const { returned, threw, finished } = require('./outcome');

function run0(list) {
  return list.clean;
}

function run1(list, event) {
  let counts = 0;
  try {
    const f = list.f0;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 0, value, event);
  } catch (error) {
    counts += threw(list, 0, error, event);
  }
  return counts === 0 ? list.clean : finished(list, counts);
}

function run2(list, event) {
  let counts = 0;
  list.runs++;
  try {
    const f = list.f0;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 0, value, event);
  } catch (error) {
    counts += threw(list, 0, error, event);
  }
  try {
    const f = list.f1;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 1, value, event);
  } catch (error) {
    counts += threw(list, 1, error, event);
  }
  list.runs--;
  return counts === 0 ? list.clean : finished(list, counts);
}

function run3(list, event) {
  let counts = 0;
  list.runs++;
  try {
    const f = list.f0;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 0, value, event);
  } catch (error) {
    counts += threw(list, 0, error, event);
  }
  try {
    const f = list.f1;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 1, value, event);
  } catch (error) {
    counts += threw(list, 1, error, event);
  }
  try {
    const f = list.f2;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 2, value, event);
  } catch (error) {
    counts += threw(list, 2, error, event);
  }
  list.runs--;
  return counts === 0 ? list.clean : finished(list, counts);
}

function run4(list, event) {
  let counts = 0;
  list.runs++;
  try {
    const f = list.f0;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 0, value, event);
  } catch (error) {
    counts += threw(list, 0, error, event);
  }
  try {
    const f = list.f1;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 1, value, event);
  } catch (error) {
    counts += threw(list, 1, error, event);
  }
  try {
    const f = list.f2;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 2, value, event);
  } catch (error) {
    counts += threw(list, 2, error, event);
  }
  try {
    const f = list.f3;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 3, value, event);
  } catch (error) {
    counts += threw(list, 3, error, event);
  }
  list.runs--;
  return counts === 0 ? list.clean : finished(list, counts);
}

function run5(list, event) {
  let counts = 0;
  list.runs++;
  try {
    const f = list.f0;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 0, value, event);
  } catch (error) {
    counts += threw(list, 0, error, event);
  }
  try {
    const f = list.f1;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 1, value, event);
  } catch (error) {
    counts += threw(list, 1, error, event);
  }
  try {
    const f = list.f2;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 2, value, event);
  } catch (error) {
    counts += threw(list, 2, error, event);
  }
  try {
    const f = list.f3;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 3, value, event);
  } catch (error) {
    counts += threw(list, 3, error, event);
  }
  try {
    const f = list.f4;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 4, value, event);
  } catch (error) {
    counts += threw(list, 4, error, event);
  }
  list.runs--;
  return counts === 0 ? list.clean : finished(list, counts);
}

function run6(list, event) {
  let counts = 0;
  list.runs++;
  try {
    const f = list.f0;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 0, value, event);
  } catch (error) {
    counts += threw(list, 0, error, event);
  }
  try {
    const f = list.f1;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 1, value, event);
  } catch (error) {
    counts += threw(list, 1, error, event);
  }
  try {
    const f = list.f2;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 2, value, event);
  } catch (error) {
    counts += threw(list, 2, error, event);
  }
  try {
    const f = list.f3;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 3, value, event);
  } catch (error) {
    counts += threw(list, 3, error, event);
  }
  try {
    const f = list.f4;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 4, value, event);
  } catch (error) {
    counts += threw(list, 4, error, event);
  }
  try {
    const f = list.f5;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 5, value, event);
  } catch (error) {
    counts += threw(list, 5, error, event);
  }
  list.runs--;
  return counts === 0 ? list.clean : finished(list, counts);
}

function run7(list, event) {
  let counts = 0;
  list.runs++;
  try {
    const f = list.f0;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 0, value, event);
  } catch (error) {
    counts += threw(list, 0, error, event);
  }
  try {
    const f = list.f1;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 1, value, event);
  } catch (error) {
    counts += threw(list, 1, error, event);
  }
  try {
    const f = list.f2;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 2, value, event);
  } catch (error) {
    counts += threw(list, 2, error, event);
  }
  try {
    const f = list.f3;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 3, value, event);
  } catch (error) {
    counts += threw(list, 3, error, event);
  }
  try {
    const f = list.f4;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 4, value, event);
  } catch (error) {
    counts += threw(list, 4, error, event);
  }
  try {
    const f = list.f5;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 5, value, event);
  } catch (error) {
    counts += threw(list, 5, error, event);
  }
  try {
    const f = list.f6;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 6, value, event);
  } catch (error) {
    counts += threw(list, 6, error, event);
  }
  list.runs--;
  return counts === 0 ? list.clean : finished(list, counts);
}

function run8(list, event) {
  let counts = 0;
  list.runs++;
  try {
    const f = list.f0;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 0, value, event);
  } catch (error) {
    counts += threw(list, 0, error, event);
  }
  try {
    const f = list.f1;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 1, value, event);
  } catch (error) {
    counts += threw(list, 1, error, event);
  }
  try {
    const f = list.f2;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 2, value, event);
  } catch (error) {
    counts += threw(list, 2, error, event);
  }
  try {
    const f = list.f3;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 3, value, event);
  } catch (error) {
    counts += threw(list, 3, error, event);
  }
  try {
    const f = list.f4;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 4, value, event);
  } catch (error) {
    counts += threw(list, 4, error, event);
  }
  try {
    const f = list.f5;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 5, value, event);
  } catch (error) {
    counts += threw(list, 5, error, event);
  }
  try {
    const f = list.f6;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 6, value, event);
  } catch (error) {
    counts += threw(list, 6, error, event);
  }
  try {
    const f = list.f7;
    const value = f(event);
    if (value !== undefined) counts += returned(list, 7, value, event);
  } catch (error) {
    counts += threw(list, 7, error, event);
  }
  list.runs--;
  return counts === 0 ? list.clean : finished(list, counts);
}

function runMany(list, event) {
  const { callers } = list;
  let counts = 0;
  list.runs++;
  for (let i = 0; i < callers.length; i++) {
    try {
      const f = callers[i];
      const value = f(event);
      if (value !== undefined) counts += returned(list, i, value, event);
    } catch (error) {
      counts += threw(list, i, error, event);
    }
  }
  list.runs--;
  return counts === 0 ? list.clean : finished(list, counts);
}

const runners = [run0, run1, run2, run3, run4, run5, run6, run7, run8];

/** The runner for so many handlers. */
function runnerFor(count) {
  return runners[count] ?? runMany;
}

module.exports = { runnerFor };
