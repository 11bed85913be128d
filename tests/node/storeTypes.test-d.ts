// Types of the store, as a programmer meets them. Checked by tsd and tsc; never run.

import { expectAssignable, expectType } from 'tsd';

import {
  type Ancestors,
  type Codec,
  type Draft,
  type Durability,
  Event,
  type FsckReport,
  Receipt,
  RefusedError,
  Store,
  type StoreInfo,
  type StoreStatistics,
  type Subscription,
  TallyError,
  fsck,
  fsckSync,
  open,
  openSync,
  salvage,
} from '../../node/lib/index.js';

type Account = { plan: 'pro' | 'free' };
type Events = { 'account.opened': Account; 'account.closed': { reason: string }; note: string };

/* --------------------------------------------------------------------------------------------- untyped */

void (async () => {
  const store = await open('audit.tally');
  expectType<Store>(store);
  expectType<Receipt>(await store.append('account/42', 'account.opened', { plan: 'pro' }));
  expectType<Receipt>(store.appendSync('account/42', 'closed'));
  expectType<Receipt[]>(await store.appendMany([{ stream: 'a', type: 'b', data: 1, cause: 0 }]));
  for await (const event of store.read({ stream: 'account/42' })) {
    expectType<Event<any>>(event);
    expectType<number>(event.position);
    expectType<Date>(event.time);
    expectType<Date | undefined>(event.occurred);
    expectType<string | undefined>(event.causation);
    expectType<Buffer>(event.bytes);
    expectType<string[]>(event.tags);
  }
  for (const event of store.readSync({ backwards: true, limit: 5 })) expectType<string>(event.stream);
  for await (const event of store.follow({ signal: new AbortController().signal })) expectType<string>(event.type);
  for await (const { name, count } of store.streams({ prefix: 'account/' })) {
    expectType<string>(name);
    expectType<number>(count);
  }
  expectType<Event>(await store.get(5));
  expectType<Event>(store.getSync({ stream: 'a', version: 5 }));
  expectType<number | undefined>(await store.find('0191b2c3-0000-7000-8000-000000000000'));
  expectType<Ancestors>(await store.ancestors(5));
  expectType<StoreInfo>(store.info());
  expectType<StoreStatistics>(store.stats());
  expectType<void>(await store.wait(5, { level: 'durable', timeoutMs: 5 }));
  expectType<void>(await store.close());
  expectAssignable<AsyncDisposable & Disposable>(store);
  expectType<FsckReport>(await fsck('audit.tally', { onProgress: (done, total) => expectType<number>(done + total) }));
  expectType<FsckReport>(fsckSync('audit.tally'));
  expectType<number>((await salvage('a', new URL('file:///b'))).copied);
});

/* ----------------------------------------------------------------------------------------------- typed */

const typed = openSync<Events>('audit.tally', { durability: 'written' });
expectType<Store<Events>>(typed);
typed.appendSync('account/42', 'account.opened', { plan: 'pro' }, { expect: 'no-stream', tags: 'x' });
// @ts-expect-error
typed.appendSync('account/42', 'account.opened', { plan: 'gold' });
// @ts-expect-error
typed.appendSync('account/42', 'account.opend', { plan: 'pro' });
// @ts-expect-error
typed.appendSync('account/42', 'note', 'x', { tgas: [] });
// @ts-expect-error
typed.appendSync('account/42', 'note', 'x', { signal: new AbortController().signal });
// @ts-expect-error
typed.append('account/42', 'note', 'x', { durability: 'fsync' });
void typed.append('account/42', 'note', 'x', { signal: new AbortController().signal, expect: 5 });
void typed.appendMany([
  { stream: 'a', type: 'note', data: 'x' },
  { stream: 'a', type: 'account.closed', data: { reason: 'x' }, cause: 0 },
]);
// @ts-expect-error
typed.appendMany([{ stream: 'a', type: 'note', data: 5 }]);
expectAssignable<Draft<Events>>({ stream: 'a', type: 'note', data: 'x' });

expectType<Subscription>(
  typed.on('account.opened', (event) => {
    expectType<Account>(event.data);
  }),
);
typed.on('account.*', (event, type) => {
  expectType<Account | { reason: string }>(event.data);
  expectType<string>(type);
});
typed.on('*', (event) => {
  expectType<Account | { reason: string } | string>(event.data);
});
// @ts-expect-error
typed.on('account', () => {});
// @ts-expect-error
typed.on('note', () => {}, { batch: true });

const batch = typed.batch();
expectType<number>(batch.append('a', 'note', 'x'));
expectType<Receipt[]>(batch.commitSync({ durability: 'buffered' }));

expectType<boolean>(typed.gate(([draft]) => expectType<any>(draft?.data), { record: true })());

const codec: Codec<Map<string, number>> = {
  contentType: 'application/x-map',
  encode: (map) => JSON.stringify([...map]),
  decode: (bytes) => new Map(JSON.parse(bytes.toString())),
};
openSync('x', { codec, codecs: [codec] });
// @ts-expect-error
openSync('x', { readOnly: true });
// @ts-expect-error
openSync('x', { signal: new AbortController().signal });
// @ts-expect-error
new Store();
// @ts-expect-error
new Event();
expectAssignable<Durability>('durable');
declare const thrown: unknown;
if (thrown instanceof RefusedError) {
  expectAssignable<TallyError>(thrown);
  expectType<unknown>(thrown.cause);
}
