// Typed events: the names and what is emitted under them. Checked by tsc; run it with a TypeScript runner.
import { Registry } from 'tallystick';

type Orders = {
  'order.paid': { id: number; total: number };
  'order.shipped': { id: number; carrier: string };
};

const orders = new Registry<Orders>();

orders.on('order.paid', ({ total }) => console.log(`paid ${total.toFixed(2)}`));
orders.on('order.*', (event, name) => console.log(name, event.id));

orders.emit('order.paid', { id: 1, total: 9.5 });
orders.emit('order.shipped', { id: 1, carrier: 'owl' });

const next: Promise<{ id: number; carrier: string }> = orders.waitFor('order.shipped', { timeoutMs: 1000 });
orders.emit('order.shipped', { id: 2, carrier: 'raven' });
console.log((await next).carrier);
