import type { AnyEvent, EventName } from './events';
import type { NativeHandler } from './native';

/**
 * What a handler returns to say: done, and no handler after me shall run. Only in a registry with
 * `allowStop: true`; elsewhere it is a failure, so that it is never ignored silently.
 */
export const STOP: unique symbol;

/**
 * A handler of all events or of several names. `name` is undefined for `notify(event)` without a kind.
 *
 * It runs with `this` undefined. It may do everything: register, unregister (itself too), emit, clear and
 * close. A promise that it returns to a {@link Registry} is not awaited; should it reject later, that is
 * reported like a throw, but is no longer in the numbers that notify returned. To await handlers, use
 * AsyncRegistry.
 */
export type Handler<Events> = (event: AnyEvent<Events>, name: EventName<Events> | undefined) => unknown;

/** A handler of exactly one name. It gets the event and nothing else. */
export type NamedHandler<Event> = (event: Event) => unknown;

/**
 * Names one registration: opaque, frozen, never reused, not even by another registry of this process.
 * `String(id)` is good for logs and for nothing else.
 */
export class HandlerId {
  private constructor();
  toString(): string;
}

/** How a handler is registered. */
export interface HandlerOptions {
  /** Higher runs first; a whole 32-bit integer. Default 0. */
  priority?: number;
  /** Run at most once, whatever is nested: the handler leaves the registry just before it is called. */
  once?: boolean;
  /** For reports; at most 127 bytes. Default: the function's own name. */
  name?: string;
  /**
   * Run only for these names and patterns; events without a kind are then passed over.
   * Counted as skipped where it does not run. Default: every event.
   */
  kinds?: string | readonly string[];
  /** Leave the registry after this many failures in total. Default: never. */
  maxFailures?: number;
  /** Unregisters when it aborts. A signal that is already aborted registers nothing. */
  signal?: AbortSignal;
  /** Get a {@link Batch} instead of an event; see there. Worth it for events from native threads. */
  batch?: boolean;
}

/** `on` and `once` take the name as an argument, so they have no `kinds`; `once` has no `once`. */
export type OnOptions = Omit<HandlerOptions, 'kinds'>;

/**
 * What `on`, `once`, `guard` and `connected` return: a guard of one registration.
 *
 * Calling it, or disposing of it, unregisters the handler and never calls it. Harmless when the handler
 * is gone, when it was called before, and when the registry is closed.
 *
 * ```js
 * using subscription = orders.on('order.paid', pay)     // gone at the end of the block
 * ```
 */
export interface Subscription extends Disposable, AsyncDisposable {
  /** Unregisters. `true` when this call removed the handler. */
  (): boolean;
  readonly id: HandlerId;
  /** Lets go without unregistering: from now on calling or disposing does nothing. */
  forget(): HandlerId;
}

/** What one notify did. Frozen, and the same object again while nothing unusual happens. */
export interface Notified {
  /** Handlers that ran, failed ones included. */
  readonly fired: number;
  /** Of those, how many failed. Promises that reject later are not in here. */
  readonly failed: number;
  /**
   * Handlers that did not run: removed meanwhile, lost `once`, filtered out by their kinds, muted, or
   * behind a stop. `fired + skipped` is the number of handlers in the snapshot.
   */
  readonly skipped: number;
  /** A handler returned {@link STOP}. */
  readonly stopped: boolean;
  /** A parent was closed: the notify ended at the child. */
  readonly orphaned: boolean;
  /** The registry is paused: the event is held back and will be delivered at the end of the pause. */
  readonly held: boolean;
}

/** What `onPanic` is told about a handler that failed. */
export interface Failure {
  readonly id: HandlerId;
  /** The handler's name, or `""`. */
  readonly name: string;
  /** The text of what was thrown. */
  readonly message: string;
  /** What was thrown, whatever it is; a HandlerError for a native handler. */
  readonly error: unknown;
  /** What a native handler returned; 0 for a JavaScript one. */
  readonly code: number;
  /** The event it failed on; for an event of a native thread, undefined. */
  readonly event: unknown;
  /** The name it was emitted under. */
  readonly kind: string | undefined;
}

/** What `collect` says about one handler that ran. */
export type Outcome =
  | { readonly id: HandlerId; readonly ok: true; readonly value: unknown }
  | { readonly id: HandlerId; readonly ok: false; readonly error: unknown };

/** One row of `handlers()`. Text and numbers only; never an exception object, which would keep things alive. */
export interface HandlerInfo {
  readonly id: HandlerId;
  readonly name: string;
  readonly priority: number;
  readonly once: boolean;
  /** The names and patterns it is registered for; undefined for every event. */
  readonly kinds: readonly string[] | undefined;
  /** Runs in C. */
  readonly native: boolean;
  /** Failures in total, late promises included; always exact. */
  readonly failed: number;
  readonly lastError: { readonly message: string; readonly code: string | number | undefined } | undefined;
  /** How often it ran. Only with `count: true`; otherwise unknown and undefined, never 0. */
  readonly fired: number | undefined;
  /** Time spent in it, in nanoseconds. Only with `count: true`. */
  readonly latencyTotalNs: number | undefined;
  readonly latencyMaxNs: number | undefined;
}

/**
 * What a handler with `{ batch: true }` gets: several events at once, without a copy of their data.
 *
 * Events from a native thread arrive in batches, and each handler gets the whole batch before the next
 * handler does. Everything in a batch is valid **during the call only**: its memory is used again for the
 * next one. An event of this thread is a batch of one.
 *
 * ```js
 * registry.register(batch => {
 *   const { bytes, offsets, lengths } = batch
 *   for (let i = 0; i < batch.length; i++) total += bytes[offsets[i]]
 * }, { batch: true })
 * ```
 */
export interface Batch extends Iterable<unknown> {
  /** How many events. */
  readonly length: number;
  /** The data of all of them, for events of a native thread; undefined for an event of this thread. */
  readonly bytes: Uint8Array | undefined;
  /** Where event `i` begins in `bytes`, in bytes: a multiple of 8. */
  readonly offsets: Uint32Array;
  /** How long event `i` is, in bytes. */
  readonly lengths: Uint32Array;
  /** Event `i`: a view of its data (a Buffer), or, for an event of this thread, the event itself. */
  at(index: number): unknown;
  /** The name of event `i`, or undefined. */
  kindAt(index: number): string | undefined;
}

/** A handler with `{ batch: true }`. */
export type BatchHandler = (batch: Batch) => unknown;

/** A function, or something that runs in C; see `types/native.d.ts`. */
export type AnyHandler<Events> = Handler<Events> | NativeHandler;
