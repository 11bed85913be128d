// Jobs that are awaited: bounded in number and time, cancelled when the caller gives up.
import { setTimeout as sleep } from 'node:timers/promises';
import { AsyncRegistry } from 'tallystick';

const jobs = new AsyncRegistry({ name: 'jobs', concurrency: 2 });
jobs.onPanic(({ name, message }) => console.log(`  ! ${name}: ${message}`));

jobs.on('order.*', async (order, { signal }) => {
  await sleep(5, undefined, { signal });
  console.log(`  invoice for ${order.id}`);
});
jobs.on('order.*', async () => {}, { name: 'warehouse' });
jobs.on('order.*', (order) => console.log(`  logged ${order.id}`));
jobs.on(
  'order.cancelled',
  async () => {
    throw new Error('already shipped');
  },
  { name: 'refund' },
);

const show = ({ fired, failed, cancelled }) => `${fired} ran, ${failed} failed, ${cancelled} cancelled`;
console.log('paid:', show(await jobs.emit('order.paid', { id: 1 })));
console.log('cancelled:', show(await jobs.emitSequential('order.cancelled', { id: 2 })));
console.log('in a hurry:', show(await jobs.emit('order.paid', { id: 3 }, { timeoutMs: 1 })));

const controller = new AbortController();
const giveUp = jobs.emit('order.paid', { id: 4 }, { signal: controller.signal });
setImmediate(() => controller.abort(new Error('the user left')));
await giveUp.catch((reason) => console.log(`gave up: ${reason.message}; ${show(giveUp.result)}`));
