'use strict';

// Waiting for positions to reach a level, which is how a log is followed.

const { ClosedError } = require('./errors');

/** How often a store without a thread of its own looks at its files, in milliseconds. */
const POLL_MS = 5;

function closed(core) {
  return new ClosedError('the store was closed', { path: core.path });
}

class Levels {
  #core;
  /** Waiters by level and position. */
  #growths = new Map();

  constructor(core) {
    this.#core = core;
  }

  /**
   * Tells a waiter {resolve, reject} when the event at `position` has reached a level. All who wait for the same
   * share one call, which stays with the store when they give up: so waiters come and go, and it is one.
   * @returns what makes the waiter give up
   */
  watch(level, position, waiter) {
    const name = `${level}:${position}`;
    let waiters = this.#growths.get(name);
    if (waiters === undefined) {
      waiters = new Set();
      this.#growths.set(name, waiters);
      const growth = this.#core.readOnly
        ? this.#poll(level, position, name)
        : this.#core.calls.waitLevel(level, position);
      const tell = (how) => (answer) => {
        if (this.#growths.get(name) === waiters) this.#growths.delete(name);
        for (const each of waiters) each[how](answer);
      };
      growth.then(tell('resolve'), tell('reject'));
    }
    waiters.add(waiter);
    return () => waiters.delete(waiter);
  }

  /** A store without a thread of its own looks at its files, for as long as somebody wants to know. */
  async #poll(level, position, name) {
    const core = this.#core;
    const waiters = this.#growths.get(name);
    for (;;) {
      if (core.state !== 'open') throw closed(core);
      if (await core.native.wait(true, level, position, 0)) return;
      await new Promise((resolve) => {
        setTimeout(resolve, POLL_MS).unref();
      });
      if (waiters.size > 0) continue;
      // Who comes now begins anew.
      this.#growths.delete(name);
      return;
    }
  }
}

module.exports = { Levels };
