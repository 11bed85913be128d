'use strict';

// The log of last resort: process warnings. Silence is never the default, and neither is a flood: the first
// failure of a registry is shown at once, those of the next second together.

const { messageOf } = require('./values');

const QUIET_MS = 1000;

function emit(message, type, code, detail) {
  process.emitWarning(message, { type, code, detail });
}

function stackOf(error) {
  try {
    return typeof error?.stack === 'string' ? error.stack : undefined;
  } catch {
    return undefined;
  }
}

function describe(failure) {
  const who = failure.name === '' ? String(failure.id) : `'${failure.name}'`;
  const what = failure.kind === undefined ? '' : ` on '${failure.kind}'`;
  return `${who}${what}: ${failure.message}`;
}

/** The warnings of one registry. */
class Warnings {
  #title;
  #timer = undefined;
  #waiting = 0;
  #names = new Map();
  #last = '';
  #leakWarned = false;

  constructor(title) {
    this.#title = title;
  }

  /** A handler failed and nobody took the report. */
  failure(failure) {
    const text = describe(failure);
    if (this.#timer === undefined) {
      const hint = 'Use onPanic to receive failures.';
      emit(
        `A handler of ${this.#title} failed: ${text}. ${hint}`,
        'TallyHandlerWarning',
        'TALLY_W_HANDLER',
        stackOf(failure.error),
      );
      this.#rest();
      return;
    }
    this.#waiting++;
    this.#last = text;
    const name = failure.name === '' ? String(failure.id) : failure.name;
    if (this.#names.has(name) || this.#names.size < 16) this.#names.set(name, (this.#names.get(name) ?? 0) + 1);
  }

  #rest() {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#waiting === 0) return;
      const names = [...this.#names].map(([name, times]) => `${name} (${times})`).join(', ');
      emit(
        `${this.#waiting} more failures of handlers of ${this.#title}: ${names}; the last: ${this.#last}`,
        'TallyHandlerWarning',
        'TALLY_W_HANDLER',
      );
      this.#waiting = 0;
      this.#names.clear();
      this.#rest();
    }, QUIET_MS);
    this.#timer.unref?.();
  }

  /** onPanic itself failed: the failure that it was told is not lost, it is said here. */
  panicFailed(error, failure) {
    emit(
      `onPanic of ${this.#title} failed (${messageOf(error)}) when it was told of ${describe(failure)}`,
      'TallyHandlerWarning',
      'TALLY_W_PANIC',
      stackOf(error),
    );
  }

  /** Once in a life: so many handlers are rarely meant. */
  leak(count) {
    if (this.#leakWarned) return;
    this.#leakWarned = true;
    emit(
      `${this.#title} has ${count} handlers. Is something registered again and again and never unregistered?`,
      'TallyLeakWarning',
      'TALLY_W_LEAK',
    );
  }

  /** A notify of an AsyncRegistry was made and never awaited. */
  static dropped(title, stack) {
    emit(
      `A notify of ${title} was never awaited: no handler ran. Await it, or call its then().`,
      'TallyNotifyWarning',
      'TALLY_W_NOT_AWAITED',
      stack,
    );
  }
}

module.exports = { Warnings };
