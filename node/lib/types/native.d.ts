/**
 * Handlers that never leave C. They run inline on whatever thread notifies, cost a few nanoseconds each,
 * and see the kind of an event and, when it is made of bytes, its data.
 *
 * ```js
 * const counter = new Counter()
 * registry.register(counter, { kinds: 'order.*' })
 * counter.read()                                        // { events: 2, bytes: 0 }
 * ```
 *
 * One object may serve many registrations and registries. A handler whose object was closed answers with a
 * failure. All are closed when they are collected; `close` does it at once.
 */

/** What `register` takes besides functions; an external is a tagged `tally_native_handler` of another addon. */
export type NativeHandler = Counter | Ring | Mask | NativeExternal;

/** A value that only an addon can make: see `tally_native_handler` in `tallystick/handler.h`. */
export interface NativeExternal {
  readonly __tally_native_handler?: never;
}

/** Counts events and their bytes. */
export class Counter implements Disposable {
  constructor();
  /** Exact while no other thread is inside notify. */
  read(): { events: number; bytes: number };
  close(): void;
  [Symbol.dispose](): void;
}

export interface RingOptions {
  /** How many events fit; rounded up to a power of two. Default 1024. */
  slots?: number;
  /** Longest event kept, in bytes. Default 256. */
  slotBytes?: number;
}

/** What a ring has counted since it was opened. */
export interface RingCounts {
  readonly pushed: number;
  readonly drained: number;
  /** Lost because no slot was free. */
  readonly droppedFull: number;
  /** Lost because longer than a slot. */
  readonly droppedLong: number;
}

export interface RingEvent {
  /** Counts kept events from 0. */
  readonly sequence: number;
  readonly kind: string | undefined;
  readonly data: Buffer;
}

/** Copies events into fixed slots, to be drained later. Bounded; never blocks. */
export class Ring implements Disposable {
  constructor(options?: RingOptions);
  /** Takes events out, oldest first; all of them unless `max` is given. The data of one call share memory. */
  drain(max?: number): RingEvent[];
  counts(): RingCounts;
  close(): void;
  [Symbol.dispose](): void;
}

export interface MaskOptions {
  /** Which bits count. Not 0. A bigint where `width` is 8. */
  mask: number | bigint;
  /** What they must be. Default: all of `mask` set. */
  match?: number | bigint;
  /** Where the little-endian number lies in the event's data. Default 0. */
  offset?: number;
  /** How wide it is, in bytes: 1, 2, 4 (default) or 8. */
  width?: 1 | 2 | 4 | 8;
  /** What gets the events that match. */
  handler: NativeHandler;
}

/** Hands on only the events that have certain bits. */
export class Mask implements Disposable {
  constructor(options: MaskOptions);
  counts(): { matched: number; passedOver: number };
  close(): void;
  [Symbol.dispose](): void;
}

/**
 * An external with a `const tally_api *`, type tag TALLY_API_TAG: the C functions of the very library that
 * is loaded here, for other addons. See `tallystick/api.h`, and `getInclude()` for where that is.
 */
export function capi(): unknown;
/** The folder of the C headers. */
export function getInclude(): string;
