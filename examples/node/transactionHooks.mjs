// Transaction hooks: the order of the handlers is the order of the commit, and the producer knows none of them.
import { Registry, STOP } from 'tallystick';

const transactions = new Registry({ name: 'transactions', policy: 'fail-fast', allowStop: true });
const step = (what) => (transaction) => console.log(`  ${what} ${transaction.id}`);

transactions.on('prepared', (transaction) => (transaction.id % 2 ? undefined : STOP), { priority: 2000, name: 'veto' });
transactions.on('prepared', step('write-ahead log'), { priority: 1000 });
transactions.on('prepared', step('cache'), { priority: 500 });
transactions.on('prepared', step('replication'));
transactions.on('prepared', step('metrics'), { priority: -100 });
transactions.on('recovered.*', (transaction, kind) => console.log(`  ${kind} ${transaction.id}`));

for (const id of [1, 2]) {
  const { fired, stopped } = transactions.emit('prepared', { id });
  console.log(`transaction ${id}: ${stopped ? 'vetoed' : `committed by ${fired} hooks`}`);
}
transactions.emit('recovered.crash', { id: 0 });

transactions.on(
  'prepared',
  () => {
    throw new Error('disk full');
  },
  { priority: 1500 },
);
try {
  transactions.emit('prepared', { id: 3 });
} catch (error) {
  console.log(`transaction 3: rolled back, ${error.message}`);
}
