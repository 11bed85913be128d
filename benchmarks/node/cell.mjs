// One cell: one contestant with 16 registries of handlers that are all different, in a process of its own.
// Usage: cell.mjs CONTESTANT HANDLERS. Prints nanoseconds per notify, of the block that was disturbed least; the
// median is taken over processes.
import { contestants } from './contestants.mjs';

const REGISTRIES = 16;
const WARM_UP_NS = 150e6;
const BLOCK_NS = 15e6;
const BLOCKS = 7;

const [name, size] = [process.argv[2], Number(process.argv[3])];
const sums = new Int32Array(REGISTRIES * size);

// Functions of different source: an engine cannot share what it learns about one with the others.
function handlerNumber(k) {
  return new Function('sums', `return function handler${k}(event) { sums[${k}] = (sums[${k}] + event.value) | 0 }`)(sums);
}

const make = await contestants[name]();
const registries = Array.from({ length: REGISTRIES }, (_, r) =>
  make(Array.from({ length: size }, (_, i) => handlerNumber(r * size + i))),
);
const event = { value: 1 };

function block(count) {
  for (let i = 0; i < count; i++) registries[i & (REGISTRIES - 1)].notify(event);
}

function timed(count) {
  const start = process.hrtime.bigint();
  block(count);
  return Number(process.hrtime.bigint() - start);
}

let total = 0;
let count = 1600;
let spent = 0;
for (const end = performance.now() + WARM_UP_NS / 1e6; performance.now() < end; ) {
  spent = timed(count);
  total += count;
}
count = Math.max(REGISTRIES, Math.floor((BLOCK_NS / spent) * count / REGISTRIES) * REGISTRIES);
const figures = [];
for (let i = 0; i < BLOCKS; i++) {
  figures.push(timed(count) / count);
  total += count;
}
const expected = (total / REGISTRIES) | 0;
if (sums.some((sum) => sum !== expected)) throw new Error(`${name} did not call each handler ${expected} times`);
console.log(Math.min(...figures));
