// The types are found through the package's own exports, as an ES module sees them. Compiled, never run.
import { AsyncRegistry, ClosedError, Counter, Registry, STOP, capture, type Notified } from 'tallystick';

const registry = new Registry<{ a: number }>({ allowStop: true });
registry.on('a', (event) => (event.toFixed() === '1' ? STOP : undefined));
const result: Notified = registry.emit('a', 1);
registry.register(new Counter());
// @ts-expect-error: a is a number
registry.emit('a', 'x');
const { cancelled } = await new AsyncRegistry().emit('x', result);

export const checked: [number, boolean, number] = [cancelled, {} instanceof ClosedError, capture(registry).count];
