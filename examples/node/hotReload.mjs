// Hot reload: a configuration that many parts read and few change. Each change is one frozen object, swapped in
// first and told second, so whoever reads while being told already sees the new one.
import { Registry } from 'tallystick';

class Configuration {
  #current;
  #changes = new Registry({ name: 'configuration' });

  constructor(values) {
    this.#current = Object.freeze({ ...values });
  }

  get current() {
    return this.#current;
  }

  set(values) {
    const before = this.#current;
    this.#current = Object.freeze({ ...before, ...values });
    for (const key of Object.keys(values)) {
      if (before[key] !== this.#current[key]) this.#changes.emit(`changed.${key}`, { before, now: this.#current });
    }
  }

  /** @returns what unsubscribes */
  watch(key, handler) {
    return this.#changes.on(key === '*' ? 'changed.*' : `changed.${key}`, handler);
  }
}

const configuration = new Configuration({ level: 'info', workers: 4 });
const unwatch = configuration.watch('workers', ({ before, now }) => {
  console.log(`workers: ${before.workers} -> ${now.workers}`);
});
configuration.watch('*', ({ now }, name) => console.log(`${name}:`, JSON.stringify(now)));

configuration.set({ workers: 8 });
unwatch();
configuration.set({ workers: 16, level: 'debug' });
