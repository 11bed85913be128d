import type { AnyEvent, EventMap, EventName } from './events';
import type { Outcome } from './handler';
import type { NativeHandler } from './native';
import type { NotifyOptions, RegistryBase, RegistryOptions } from './registry';

/** What an AsyncRegistry gives to a handler besides the event. */
export interface HandlerContext {
  /** The name under which the event was emitted. */
  readonly name: string | undefined;
  /** Aborts when the notify is cancelled or its time is over: pass it on to what the handler awaits. */
  readonly signal: AbortSignal;
}

/** A handler that may return a promise. */
export type AsyncHandler<Events> = (event: AnyEvent<Events>, context: HandlerContext) => unknown;

export interface AsyncRegistryOptions extends RegistryOptions {
  /** At most so many unfinished handlers of one notify. Default: no bound. */
  concurrency?: number;
  /** Handlers that are unfinished after so long are cancelled. Default: no limit. */
  timeoutMs?: number;
}

export interface AsyncNotifyOptions<Name extends string = string> extends NotifyOptions<Name> {
  /** Cancels the unfinished handlers and rejects with the signal's reason. */
  signal?: AbortSignal;
  timeoutMs?: number;
  concurrency?: number;
}

export interface AsyncNotified {
  /** Handlers that were started. */
  readonly fired: number;
  /** Of those, how many failed. */
  readonly failed: number;
  /** Handlers that were not started: removed meanwhile, filtered out, muted, behind a stop or a cancellation. */
  readonly skipped: number;
  /** Of those that were started, how many had not finished when the notify was cancelled or its time was over. */
  readonly cancelled: number;
  readonly stopped: boolean;
  readonly orphaned: boolean;
  readonly held: boolean;
}

/**
 * A notify that has not begun: its snapshot is taken, its handlers start when it is first awaited.
 *
 * It is thenable, so `await` it, or call `then`, `catch` or `finally`. Awaiting it again gives the same
 * result. One that is dropped without being awaited runs nothing, and a process warning says so.
 */
export interface Notification extends PromiseLike<AsyncNotified> {
  then<A = AsyncNotified, B = never>(
    fulfilled?: ((result: AsyncNotified) => A | PromiseLike<A>) | null,
    rejected?: ((reason: any) => B | PromiseLike<B>) | null,
  ): Promise<A | B>;
  catch<B = never>(rejected?: ((reason: any) => B | PromiseLike<B>) | null): Promise<AsyncNotified | B>;
  finally(settled?: (() => void) | null): Promise<AsyncNotified>;
  /** The numbers so far; useful when it was cancelled, since awaiting it then rejects. */
  readonly result: AsyncNotified;
}

/**
 * An ordered set of handlers that are awaited.
 *
 * ```js
 * const { fired, failed } = await jobs.emit('order.paid', order, { timeoutMs: 5000 })
 * ```
 *
 * `notify` starts the handlers in priority order, in one tick, and awaits them together. Handlers that
 * return no promise are done at once and cost no promise. A failure is reported when it happens, not when
 * the last handler has finished.
 */
export class AsyncRegistry<Events extends object = EventMap> {
  constructor(options?: AsyncRegistryOptions);

  /** All handlers together. @throws ClosedError at once; DepthError, HandlerError and the signal's reason when awaited */
  notify(event: AnyEvent<Events>, options?: AsyncNotifyOptions<EventName<Events>>): Notification;
  /** Each handler is awaited before the next is started. */
  notifySequential(event: AnyEvent<Events>, options?: AsyncNotifyOptions<EventName<Events>>): Notification;
  emit<Name extends EventName<Events>>(
    name: Name,
    event: Events[Name],
    options?: Omit<AsyncNotifyOptions, 'kind'>,
  ): Notification;
  emitSequential<Name extends EventName<Events>>(
    name: Name,
    event: Events[Name],
    options?: Omit<AsyncNotifyOptions, 'kind'>,
  ): Notification;
  /** Notifies, and says what each handler returned, resolved to, threw or rejected with. */
  collect(event: AnyEvent<Events>, options?: AsyncNotifyOptions<EventName<Events>>): Promise<Outcome[]>;

  child<ChildEvents extends object = Events>(options?: AsyncRegistryOptions): AsyncRegistry<ChildEvents>;
}

export interface AsyncRegistry<Events extends object = EventMap> extends RegistryBase<
  Events,
  AsyncHandler<Events> | NativeHandler,
  'async'
> {}
