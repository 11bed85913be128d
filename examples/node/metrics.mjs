// Metrics: what happens on every request must be cheap. Counting and keeping stay in C; reading is done out of band.
import { Counter, Mask, Registry, Ring } from 'tallystick';

const requests = new Registry({ name: 'requests' });

// A request is eight bytes: status code, duration in microseconds.
const FAILED = 0x1; // the lowest bit of the status word says that it failed
const all = new Counter();
const failed = new Counter();
const recent = new Ring({ slots: 256, slotBytes: 8 });
requests.register(all, { name: 'all' });
requests.register(new Mask({ mask: FAILED, width: 4, handler: failed }), { name: 'failed' });
requests.register(recent, { name: 'recent' });

const request = new Uint32Array(2);
for (let i = 0; i < 1000; i++) {
  request[0] = i % 97 === 0 ? 1 : 0;
  request[1] = 100 + i;
  requests.notify(request);
}

const durations = recent.drain().map(({ data }) => data.readUInt32LE(4));
console.log(`requests: ${all.read().events}, failed: ${failed.read().events}`);
console.log(
  `kept: ${durations.length}, dropped: ${recent.counts().droppedFull}, slowest kept: ${Math.max(...durations)} us`,
);
