// The registry in Node: three handlers in priority order, one of which fails; then a removal.
import { Registry } from 'tallystick';

const registry = new Registry();
const ledger = { cents: 0 };

function book(order) {
  ledger.cents += order.cents;
  console.log(`  booked   ${order.number}, ${ledger.cents} cents so far`);
}

registry.on('order.paid', (order) => console.log(`  receipt  ${order.number}`));
registry.on(
  'order.*',
  function sendMail() {
    throw new Error('the mail server does not answer');
  },
  { priority: 10 },
);
registry.on('order.paid', book, { priority: 100 });
registry.onPanic((failure) => console.log(`  failed   ${failure.name}: ${failure.message}`));

const paid = { number: 'order/1', cents: 1999 };
let result = registry.emit('order.paid', paid);
console.log(`  result   ${result.fired} ran, ${result.failed} of them failed, the others were not disturbed`);

registry.off('order.paid', book);
result = registry.emit('order.paid', paid);
console.log(`  result   ${result.fired} ran after the removal; the ledger still says ${ledger.cents} cents`);
