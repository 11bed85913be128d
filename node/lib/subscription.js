'use strict';

// Guards: a function that unregisters one handler, once, and can be disposed.

const { asyncDispose, dispose } = require('./values');

function unsubscribe(subscription) {
  const { board, entry } = subscription;
  subscription.board = subscription.entry = null;
  return board !== null && board.remove(entry);
}

/** A guard of an entry. It lets go of everything when it is used, so that keeping it costs nothing. */
function subscribe(board, entry) {
  const { id } = entry;
  const state = { board, entry };
  const subscription = () => unsubscribe(state);
  return Object.defineProperties(subscription, {
    name: { value: 'unsubscribe' },
    id: { value: id, enumerable: true },
    forget: {
      value: () => {
        state.board = state.entry = null;
        return id;
      },
    },
    [dispose]: { value: () => void unsubscribe(state) },
    [asyncDispose]: { value: async () => void unsubscribe(state) },
  });
}

/** Something that is undone once. */
function disposable(undo) {
  let done = false;
  return {
    [dispose]() {
      if (done) return;
      done = true;
      undo();
    },
  };
}

module.exports = { subscribe, disposable };
