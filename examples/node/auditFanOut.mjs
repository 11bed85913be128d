// Audit fan-out: each sink owns its registration, and dropping the sink is detaching it. A sink that fails hurts
// neither the others nor the caller.
import { Registry } from 'tallystick';

const audit = new Registry({ name: 'audit' });
audit.onPanic(({ name, message }) => console.log(`  ! ${name} failed: ${message}`));

class Sink {
  #subscription;

  constructor(name, write, pattern = '*') {
    this.#subscription = audit.on(pattern, write, { name });
  }

  detach() {
    this.#subscription();
  }
}

const memory = [];
const keeping = new Sink('memory', (event, kind) => memory.push({ kind, ...event }) && undefined);
new Sink('console', (event, kind) => console.log(`  ${kind} by ${event.who}`));
new Sink(
  'remote',
  () => {
    throw new Error('connection refused');
  },
  'login.*',
);

for (const [kind, who] of [
  ['login.good', 'ada'],
  ['file.read', 'ada'],
  ['login.bad', 'eve'],
]) {
  const { fired, failed } = audit.emit(kind, { who });
  console.log(`${kind}: ${fired} sinks, ${failed} failed`);
}
keeping.detach();
audit.emit('file.read', { who: 'ada' });
console.log(`kept: ${memory.length}`);
