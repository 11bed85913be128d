import { expectAssignable, expectNotAssignable, expectType } from 'tsd';

// What must not compile is marked for tsc and tsd alike.

import {
  AsyncRegistry,
  capi,
  capture,
  ClosedError,
  Counter,
  HandlerError,
  HandlerId,
  Mask,
  Registry,
  Ring,
  STOP,
  TallyError,
  VERSION,
} from '../../node/lib/index.js';
import type {
  AsyncNotified,
  Batch,
  Capture,
  EventsIterator,
  Failure,
  HandlerContext,
  HandlerInfo,
  Matching,
  NativeHandler,
  Notified,
  Outcome,
  Subscription,
} from '../../node/lib/index.js';

interface Order {
  id: number;
  total: number;
}

type Orders = {
  'order.paid': Order;
  'order.shipped': { id: number; carrier: string };
  'user.gone': string;
  tick: undefined;
};

/* ----------------------------------------------------------------------------------- typed event maps */

const orders = new Registry<Orders>();

orders.on('order.paid', (order) => expectType<Order>(order));
orders.on('order.*', (event, name) => {
  expectType<Order | { id: number; carrier: string }>(event);
  expectType<'order.paid' | 'order.shipped'>(name);
});
orders.on('*', (event, name) => {
  expectType<Orders[keyof Orders]>(event);
  expectType<keyof Orders>(name);
});
orders.register((event, name) => {
  expectType<Orders[keyof Orders]>(event);
  expectType<keyof Orders | undefined>(name);
});
orders.once('user.gone', (who) => expectType<string>(who), { priority: 5 });

expectType<Notified>(orders.emit('order.paid', { id: 1, total: 5 }));
expectType<Notified>(orders.emit('tick'));
expectType<Notified>(orders.notify({ id: 1, total: 5 }));
expectType<Notified>(orders.notify('x', { kind: 'user.gone' }));

// @ts-expect-error
orders.emit('order.paid', 'x');
// @ts-expect-error
orders.emit('order.paid');
// @ts-expect-error
orders.emit('order.piad', { id: 1, total: 5 });
// @ts-expect-error
orders.on('order.piad', () => {});
// @ts-expect-error
orders.on('order.paid', (order: string) => order);
// @ts-expect-error
orders.notify(5);
// @ts-expect-error
orders.notify('x', { kind: 'nobody' });
// @ts-expect-error
orders.listenerCount('nobody');

expectType<'order.paid' | 'order.shipped'>({} as Matching<Orders, 'order.*'>);
expectType<keyof Orders>({} as Matching<Orders, '*'>);
expectType<string>({} as Matching<Record<string, any>, 'a.*'>);

interface AsInterface {
  a: number;
}
new Registry<AsInterface>().on('a', (event) => expectType<number>(event));

/* ---------------------------------------------------------------------------------------- without a map */

const free = new Registry();
free.on('anything', (event) => expectType<any>(event));
free.on('any.*', (event, name) => {
  expectType<any>(event);
  expectType<string>(name);
});
free.emit('anything', 5);
free.emit('anything');

/* ----------------------------------------------------------------------------------- what is returned */

const id = orders.register(() => {});
expectType<HandlerId>(id);
expectType<boolean>(orders.unregister(id));
expectType<boolean>(orders.contains(id));
expectType<Promise<boolean>>(orders.unregisterWait(id, { timeoutMs: 5, signal: AbortSignal.abort() }));
expectType<number>(orders.clear());
expectType<number>(orders.count);
expectType<HandlerInfo[]>(orders.handlers());
expectType<Outcome[]>(orders.collect('x'));
// @ts-expect-error
new HandlerId();

const subscription = orders.on('tick', () => {});
expectType<Subscription>(subscription);
expectType<boolean>(subscription());
expectType<HandlerId>(subscription.forget());
expectAssignable<Disposable & AsyncDisposable>(subscription);
expectAssignable<Disposable & AsyncDisposable>(orders);

expectType<Promise<Order>>(orders.waitFor('order.paid', { timeoutMs: 5 }));
expectType<Promise<Order | { id: number; carrier: string }>>(orders.waitFor('order.*'));
expectType<EventsIterator<string>>(orders.events('user.gone', { maxBuffered: 5, overflow: 'drop-oldest' }));
// @ts-expect-error
orders.events('user.gone', { overflow: 'drop' });
expectType<Capture<Orders>>(capture(orders, 'order.*'));

(async () => {
  for await (const order of orders.events('order.paid')) expectType<Order>(order);
})();

expectType<number>(orders.muted(() => 5));
expectType<Promise<string>>(orders.paused(async () => 'x', { maxHeld: 5 }));
expectAssignable<Disposable>(orders.muted());
expectType<Subscription>(orders.connected(() => {}));
expectType<number>(
  orders.connected(
    () => {},
    () => 5,
    { kinds: 'tick' },
  ),
);
expectType<HandlerId>(orders.edit((edit) => edit.on('order.paid', (order) => expectType<Order>(order))));

orders.onPanic((failure) => expectType<Failure>(failure)).onPanic(null);
expectType<Registry<Orders>>(orders.child());
expectType<Registry<{ a: number }>>(orders.child<{ a: number }>({ policy: 'raise' }));

/* ---------------------------------------------------------------------------------------------- options */

new Registry({ policy: 'fail-fast', allowStop: true, count: true, capacity: 5, name: 'x', ring: { slots: 5 } });
// @ts-expect-error
new Registry({ policy: 'failfast' });
// @ts-expect-error
new Registry({ polciy: 'raise' });
// @ts-expect-error
new Registry({ concurrency: 5 });
// @ts-expect-error
orders.register(() => {}, { prority: 5 });
// @ts-expect-error
orders.on('tick', () => {}, { kinds: 'tick' });
// @ts-expect-error
orders.register(5);
orders.register((batch: Batch) => expectType<Uint8Array | undefined>(batch.bytes), { batch: true });
free.register(() => STOP);

/* ------------------------------------------------------------------------------------------------ async */

const jobs = new AsyncRegistry<Orders>({ concurrency: 4, timeoutMs: 100 });
jobs.on('order.paid', async (order, context) => {
  expectType<Order>(order);
  expectType<HandlerContext>(context);
  expectType<AbortSignal>(context.signal);
});
jobs.register((_event, { name }) => expectType<string | undefined>(name));
(async () => {
  expectType<AsyncNotified>(await jobs.emit('order.paid', { id: 1, total: 5 }, { timeoutMs: 5 }));
  expectType<AsyncNotified>(await jobs.notifySequential('x', { signal: AbortSignal.abort() }));
  expectType<AsyncNotified>(jobs.notify('x').result);
  expectType<number>(await jobs.notify('x').then(({ cancelled }) => cancelled));
  expectType<Outcome[]>(await jobs.collect('x'));
})();
expectType<AsyncRegistry<Orders>>(jobs.child());
// @ts-expect-error
jobs.emit('order.paid', 5);
// @ts-expect-error
jobs.emit('order.paid', { id: 1, total: 5 }, { kind: 'tick' });
expectNotAssignable<Registry<Orders>>(jobs);

/* ----------------------------------------------------------------------------------------------- native */

const counter = new Counter();
expectType<{ events: number; bytes: number }>(counter.read());
const mask = new Mask({ mask: 1n, width: 8, handler: counter });
const ring = new Ring({ slots: 5, slotBytes: 8 });
expectAssignable<NativeHandler>(mask);
orders.register(counter, { kinds: 'order.*' });
orders.register(ring);
jobs.register(mask);
expectType<string | undefined>(ring.drain(5)[0]?.kind);
expectType<unknown>(capi());
expectType<unknown>(orders.handle());
// @ts-expect-error
new Mask({ mask: 1 });
// @ts-expect-error
new Mask({ mask: 1, handler: counter, width: 3 });

/* ----------------------------------------------------------------------------------------------- errors */

expectType<string>(VERSION);
declare const thrown: unknown;
if (thrown instanceof HandlerError) {
  expectAssignable<AggregateError>(thrown);
  expectType<'TALLY_E_HANDLER'>(thrown.code);
}
if (thrown instanceof ClosedError) {
  expectAssignable<TallyError>(thrown);
  expectType<string>(thrown.hint);
}
