import type { AnyEvent, EventMap, EventName, EventPattern, Matching } from './events';
import type {
  AnyHandler,
  BatchHandler,
  Failure,
  HandlerId,
  HandlerInfo,
  HandlerOptions,
  NamedHandler,
  Notified,
  OnOptions,
  Outcome,
  Subscription,
} from './handler';
import type { HandlerContext } from './asyncRegistry';
import type { NativeHandler, RingCounts } from './native';

/** What happens to failures: see {@link RegistryOptions.policy}. */
export type Policy = 'isolate' | 'raise' | 'fail-fast';

export interface RegistryOptions {
  /**
   * - `'isolate'` (default): report to onPanic, go on;
   * - `'raise'`: run all handlers, then throw one HandlerError with every failure in `errors`;
   * - `'fail-fast'`: stop at the first failure and throw it as it is; for a native handler, a HandlerError.
   *
   * Under the last two a failure is in the exception only, not at onPanic.
   */
  policy?: Policy;
  /** Let a handler end the notify by returning STOP. Default false. */
  allowStop?: boolean;
  /** Count calls and time of each handler, for `handlers()`. Default false: it has a cost. */
  count?: boolean;
  /** How many handlers to make room for: a hint. */
  capacity?: number;
  /** What warnings call this registry. Default: its number. */
  name?: string;
  /** Room for events of native threads that wait for this thread; see `handle()`. */
  ring?: {
    /** How many events; rounded up to a power of two. Default 4096. */
    slots?: number;
    /** Longest event in bytes; a longer one is dropped and counted. Default 256. */
    slotBytes?: number;
  };
}

export interface NotifyOptions<Name extends string = string> {
  /** The name under which to notify: `notify(event, { kind })` is `emit(kind, event)`. */
  kind?: Name;
}

export interface WaitOptions {
  /** 0 looks once. Default: no limit. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface EventsOptions {
  /** How many events may wait to be read. Default 1024. */
  maxBuffered?: number;
  /**
   * When that many wait: `'error'` (default) ends the iteration with a LimitError, after what is buffered;
   * `'drop-oldest'` and `'drop-newest'` lose one event and count it in `dropped`.
   */
  overflow?: 'error' | 'drop-oldest' | 'drop-newest';
  signal?: AbortSignal;
}

export interface EventsIterator<Event> extends AsyncIterableIterator<Event>, AsyncDisposable, Disposable {
  /** Waiting to be read now. */
  readonly buffered: number;
  /** Lost so far by `'drop-oldest'` or `'drop-newest'`. */
  readonly dropped: number;
  return(value?: any): Promise<IteratorResult<Event>>;
}

export interface Statistics {
  readonly handlers: number;
  /** Failures that neither onPanic nor a warning received: those that happen while onPanic itself runs. */
  readonly unreported: number;
  /** Failures of onPanic itself: swallowed and counted. */
  readonly panicsFailed: number;
  /** Nesting of `muted`. */
  readonly mutes: number;
  /** Events held back by `paused`. */
  readonly held: number;
  /** Promises that handlers returned and that have not settled. */
  readonly pending: number;
  /** Events of native threads; undefined while the registry has no part in C. */
  readonly ring: RingCounts | undefined;
}

/** Many changes that become visible together; only inside `edit`. */
export interface Edit<Events, Fn, Flavour extends 'sync' | 'async'> {
  register(handler: BatchHandler, options: HandlerOptions & { batch: true }): HandlerId;
  register(handler: Fn, options?: HandlerOptions): HandlerId;
  on<Pattern extends EventPattern>(
    name: Pattern,
    handler: PatternHandler<Flavour, Events, Matching<Events, Pattern>> | NativeHandler,
    options?: OnOptions,
  ): HandlerId;
  on<Name extends EventName<Events>>(
    name: Name,
    handler: NameHandler<Flavour, Events[Name]> | NativeHandler,
    options?: OnOptions,
  ): HandlerId;
  unregister(id: HandlerId): boolean;
}

/** A handler of one name. */
export type NameHandler<Flavour extends 'sync' | 'async', Event> = Flavour extends 'async'
  ? (event: Event, context: HandlerContext) => unknown
  : NamedHandler<Event>;

/** A handler of the names that a pattern stands for. */
export type PatternHandler<Flavour extends 'sync' | 'async', Events, Name extends string> = Flavour extends 'async'
  ? (event: Events[Name & keyof Events], context: HandlerContext) => unknown
  : (event: Events[Name & keyof Events], name: Name) => unknown;

/**
 * What Registry and AsyncRegistry have in common: everything but delivering.
 *
 * After `close`, whatever registers or delivers throws a ClosedError, whatever looks finds an empty
 * registry, and whatever removes finds nothing to remove.
 */
export interface RegistryBase<Events, Fn, Flavour extends 'sync' | 'async'> extends Disposable, AsyncDisposable {
  /** Adds a handler. The same function twice is two handlers. */
  register(handler: BatchHandler, options: HandlerOptions & { batch: true }): HandlerId;
  register(handler: Fn, options?: HandlerOptions): HandlerId;
  /** `register`, with a disposable guard as the result. */
  guard(handler: BatchHandler, options: HandlerOptions & { batch: true }): Subscription;
  guard(handler: Fn, options?: HandlerOptions): Subscription;

  /**
   * Adds a handler for one name, or for a pattern: `'*'`, or one trailing `*` after a dot (`'order.*'`).
   * `'error'` is a name like any other. A handler of a pattern also gets the name.
   */
  on(name: EventName<Events> | EventPattern, handler: BatchHandler, options: OnOptions & { batch: true }): Subscription;
  on<Pattern extends EventPattern>(
    name: Pattern,
    handler: PatternHandler<Flavour, Events, Matching<Events, Pattern>> | NativeHandler,
    options?: OnOptions,
  ): Subscription;
  on<Name extends EventName<Events>>(
    name: Name,
    handler: NameHandler<Flavour, Events[Name]> | NativeHandler,
    options?: OnOptions,
  ): Subscription;
  /** `on` with `once: true`. */
  once: this['on'];

  /** Removes the latest registration of this function under this name. @returns whether there was one */
  off(name: EventName<Events> | EventPattern, handler: ((...args: any[]) => unknown) | NativeHandler): boolean;
  removeListener(
    name: EventName<Events> | EventPattern,
    handler: ((...args: any[]) => unknown) | NativeHandler,
  ): boolean;

  /**
   * Removes a handler: at once, and it does not start again. A miss is false.
   * A function or native handler may be given instead of an id when it is registered exactly once;
   * registered more often it is an ExistsError, since it would be a guess.
   * @throws ForeignError for the id of another registry
   */
  unregister(handler: HandlerId | Fn): boolean;
  /**
   * Removes a handler at once, then resolves when it is over: nothing is inside it on any thread, and
   * no promise that it returned is pending. Whatever it uses can be freed then.
   *
   * May be called inside a handler, its own too: a promise does not block, and resolves after the handler.
   * @returns whether this call removed it
   * @throws TimeoutError when the time is over, the signal's reason when it aborts: it *is* removed then
   */
  unregisterWait(handler: HandlerId | Fn, options?: WaitOptions): Promise<boolean>;
  /** Removes all handlers. @returns how many there were */
  clear(): number;
  /**
   * Makes many changes and publishes them as one: all or nothing. When the callback throws, or one item
   * is refused, nothing has changed. The callback must not be async.
   */
  edit<Result>(change: (edit: Edit<Events, Fn, Flavour>) => Result): Result;

  /**
   * Installs or replaces the one callback that failures go to; null takes it away, and failures are process
   * warnings again. Looked up at each failure. While it runs, failures of this registry go to the warnings
   * and are counted in `stats().unreported`; when it fails itself, that is swallowed and counted.
   */
  onPanic(callback: ((failure: Failure) => unknown) | null): this;

  /** How many handlers `emit(name, …)` would call. */
  listenerCount(name: EventName<Events>): number;
  readonly count: number;
  readonly isEmpty: boolean;
  readonly closed: boolean;
  readonly parent: this | undefined;
  /** O(1). False from the moment a `once` handler is claimed. @throws ForeignError */
  contains(id: HandlerId): boolean;
  /** The handlers in the order in which they are called. */
  handlers(): HandlerInfo[];
  stats(): Statistics;

  /**
   * While a registry is muted its own handlers are skipped and counted so; its parents still run. With a
   * function: for as long as that runs, also when it is async. Without: until the result is disposed.
   */
  muted<Result>(scope: () => Result): Result;
  muted(): Disposable;
  /**
   * While a registry is paused its events are held back, in order, and delivered at the end of the pause.
   * `maxHeld` (default 65536) bounds them: notify throws a LimitError beyond it.
   */
  paused<Result>(scope: () => Result, options?: { maxHeld?: number }): Result;
  paused(options?: { maxHeld?: number }): Disposable;
  /** Registers a handler for as long as a function runs, also when it is async. Without one: a guard. */
  connected<Result>(handler: Fn, scope: () => Result, options?: HandlerOptions): Result;
  connected(handler: Fn, options?: HandlerOptions): Subscription;

  /** The next event of a name or pattern. @throws TimeoutError, the signal's reason, ClosedError */
  waitFor<Name extends EventName<Events>>(
    name: Name,
    options?: WaitOptions & { filter?: (event: Events[Name]) => boolean },
  ): Promise<Events[Name]>;
  waitFor<Pattern extends EventPattern>(
    name: Pattern,
    options?: WaitOptions & { filter?: (event: Events[Matching<Events, Pattern>]) => boolean },
  ): Promise<Events[Matching<Events, Pattern>]>;

  /** Events of a name or pattern as they come, from this call on, in a bounded buffer. Ends when the registry closes. */
  events<Name extends EventName<Events>>(name: Name, options?: EventsOptions): EventsIterator<Events[Name]>;
  events<Pattern extends EventPattern>(
    name: Pattern,
    options?: EventsOptions,
  ): EventsIterator<Events[Matching<Events, Pattern>]>;

  /**
   * An external of the registry's part in C (`tally_registry *`, type tag TALLY_REGISTRY_TAG), for an addon
   * that notifies from its own threads through `capi()`.
   *
   * Native handlers then run inline on that thread. JavaScript handlers run later on this one, in priority
   * order: the data is copied into a ring of `options.ring`, and the event loop is woken once for many
   * events. An event that is too long or finds the ring full is dropped for them and counted in
   * `stats().ring`. A handler gets a copy (a Buffer); one with `{ batch: true }` gets views.
   *
   * From this call on the registry is kept until it is closed, since others may notify it.
   */
  handle(): unknown;
  /** Whether native events that may still come keep the process alive. They do not until `ref()` is called. */
  ref(): this;
  unref(): this;

  /**
   * Removes all handlers and refuses further work. Idempotent; also inside a handler: what has not started
   * does not start. Parents and children stay as they are.
   */
  close(): void;
  [Symbol.dispose](): void;
  /** Closes, and resolves when nothing is inside a handler any more. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * An ordered set of handlers that are called inline.
 *
 * Works with `events.once` and `events.on` of Node.
 */
export class Registry<Events extends object = EventMap> {
  constructor(options?: RegistryOptions);

  /**
   * Calls every handler that is registered for no particular name with `event`.
   *
   * A Buffer, TypedArray, DataView or ArrayBuffer is seen by native handlers as data; any other event has
   * length 0 for them. Nesting is allowed up to 64 deep, over all registries; notifies that native handlers make
   * from C are counted there, up to 64 as well: one count for both would cost every notify a crossing into C.
   * @throws ClosedError, DepthError, HandlerError (policy raise and fail-fast)
   */
  notify(event: AnyEvent<Events>, options?: NotifyOptions<EventName<Events>>): Notified;
  /** Calls every handler that is registered for this name, for a pattern that fits, or for all. */
  emit<Name extends EventName<Events>>(
    name: Name,
    ...event: undefined extends Events[Name] ? [event?: Events[Name]] : [event: Events[Name]]
  ): Notified;
  /** Notifies, and says what each handler returned or threw. Under `isolate` failures are reported as usual too;
   * under the other policies they are only here. */
  collect(event: AnyEvent<Events>, options?: NotifyOptions<EventName<Events>>): Outcome[];

  /** A registry whose notifies go on to this one, as it was when the child's notify began. */
  child<ChildEvents extends object = Events>(options?: RegistryOptions): Registry<ChildEvents>;
}

export interface Registry<Events extends object = EventMap> extends RegistryBase<Events, AnyHandler<Events>, 'sync'> {}

/** What `capture` recorded. */
export interface Capture<Events extends object = EventMap> extends Disposable {
  /** The events, oldest first. */
  readonly events: AnyEvent<Events>[];
  /** The names under which they came. */
  readonly names: (EventName<Events> | undefined)[];
  readonly count: number;
  readonly last: AnyEvent<Events> | undefined;
  /** Only those of one name or pattern. */
  of<Name extends EventName<Events>>(name: Name): Events[Name][];
  of(pattern: EventPattern): AnyEvent<Events>[];
  /** Forgets what was recorded. */
  clear(): void;
  /** Ends the recording; what was recorded stays. */
  stop(): void;
}

/**
 * Records what passes through a registry, for tests. It runs before all other handlers.
 *
 * ```js
 * using seen = capture(orders, 'order.*')
 * placeOrder()
 * assert.deepEqual(seen.names, ['order.placed', 'order.paid'])
 * ```
 */
export function capture<Events extends object>(
  registry: RegistryBase<Events, any, any>,
  name?: EventName<Events> | EventPattern,
): Capture<Events>;
