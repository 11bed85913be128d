// Events from a native thread into a batch handler that reads their data. Prints million events per second.
// Usage: native.mjs PATH_OF_THE_ADDON
import { createRequire } from 'node:module';
import { capi, Registry } from 'tallystick';

const EVENTS = 2_000_000;
const ROUNDS = 9;
const SLOTS = 65536;

const addon = createRequire(import.meta.url)(process.argv[2]);

function round() {
  return new Promise((resolve, reject) => {
    const registry = new Registry({ ring: { slots: SLOTS, slotBytes: 32 } });
    const progress = new Uint32Array(1);
    let read = 0;
    let sum = 0;
    let start = 0n;
    registry.register(
      (batch) => {
        const { bytes, offsets, length } = batch;
        const numbers = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
        for (let i = 0; i < length; i++) sum += numbers[(offsets[i] >> 2) + 1];
        read += length;
        progress[0] = read;
        if (read < EVENTS) return;
        const seconds = Number(process.hrtime.bigint() - start) / 1e9;
        registry.unref();
        setImmediate(() => registry.close());
        if (sum === EVENTS) resolve(EVENTS / seconds / 1e6);
        else reject(new Error(`read ${sum} of ${EVENTS} events`));
      },
      { batch: true },
    );
    const handle = registry.handle();
    registry.ref();
    start = process.hrtime.bigint();
    addon.start(capi(), handle, EVENTS, SLOTS / 2, progress);
  });
}

const figures = [];
for (let i = 0; i < ROUNDS; i++) figures.push(await round());
console.log(JSON.stringify({ name: 'native', unit: 'M/s', samples: { ours: figures } }));
