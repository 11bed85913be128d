/** A text such as `"0191b2c3-…"`: 8-4-4-4-12 lower case digits. */
export type Uuid = string;

/** How far an event has come: in this process, handed to the kernel, on the device. */
export type Durability = 'buffered' | 'written' | 'durable';

/** Whether an event's data is there. `shredded`: its subject's key was destroyed, for ever. */
export type DataState = 'readable' | 'shredded' | 'key-missing' | 'damaged';

/**
 * An event as it was stored. Everything is made when it is asked for: an event that nobody looks into costs
 * nothing to read. Events of one page share memory of some 64 KiB, which lives as long as one of them does.
 */
export class Event<Data = any> {
  private constructor();
  /** Its place in the whole log, dense from 0. */
  readonly position: number;
  /** Its place in its stream, dense from 0. */
  readonly version: number;
  readonly stream: string;
  readonly type: string;
  readonly id: Uuid;
  /** Its own id, unless another one was given. */
  readonly correlation: Uuid;
  /** The event that caused it. */
  readonly causation: Uuid | undefined;
  /** When it was stored, to the millisecond; never goes back along the log. */
  readonly time: Date;
  /** The same in microseconds, exactly … */
  readonly timeUs: number;
  /** … and the counter that tells apart events of one microsecond. */
  readonly logical: number;
  /** When it happened outside, if that was said. */
  readonly occurred: Date | undefined;
  readonly occurredUs: number | undefined;
  readonly schema: number;
  /** Sorted by their bytes. */
  readonly tags: string[];
  readonly contentType: string;
  /**
   * By the content type: JSON parsed, text as a string, what a codec of the store made, otherwise a Buffer.
   * `undefined` without data, and where `dataState` is `shredded` or `key-missing`. Made once.
   * @throws DamagedError where `dataState` is `damaged`
   */
  readonly data: Data;
  /** The data as it is stored. Long data lies in memory that the event shares: do not write to it. */
  readonly bytes: Buffer;
  readonly dataState: DataState;
  /** SHA-256 of the event's core, as 64 digits: what receipts and the next event of the stream carry. */
  readonly hash: string;
  /** Its index in the batch that it was appended with, and how many that has. */
  readonly batchIndex: number;
  readonly batchCount: number;
  /** The library itself made it; its stream begins with "$". */
  readonly isSystem: boolean;
  /** Its data is sealed under a subject's key in the file. */
  readonly isSealed: boolean;
  toJSON(): object;
}

/** What an append returns: enough to find the event again. */
export class Receipt {
  private constructor();
  readonly position: number;
  readonly version: number;
  readonly id: Uuid;
  readonly time: Date;
  readonly timeUs: number;
  readonly logical: number;
  /** The level that was reached. */
  readonly durability: Durability;
  /** The idempotency key was used before for an equal event: this is its receipt, nothing was appended. */
  readonly repeated: boolean;
  /** The event's `hash`. */
  readonly hash: string;
  toJSON(): object;
}

/** How data that is neither JSON nor bytes is written and read. */
export interface Codec<Data = any> {
  /** Stored with each event; events of this type are decoded by it. */
  contentType: string;
  encode(data: Data): string | Uint8Array;
  decode(bytes: Buffer): Data;
}

/** What an event may have besides stream, type and data. */
export interface EventOptions {
  /** Default: `application/json`, `application/octet-stream` for bytes, none without data. */
  contentType?: string | undefined;
  codec?: Codec | undefined;
  /** At most 32, `"key:value"` by custom. */
  tags?: string | readonly string[] | undefined;
  /** A UUID of the caller's. Default: a new UUIDv7. */
  id?: Uuid | undefined;
  /** Default: the event's own id, or its cause's correlation in a batch. */
  correlation?: Uuid | undefined;
  /** The id of the event that caused this one. */
  causation?: Uuid | undefined;
  /** When it happened outside: a Date, or whole microseconds since 1970. */
  occurred?: Date | number | undefined;
  /** Of the type. Default 0: unversioned. */
  schema?: number | undefined;
  /** Within the store's window an equal event with the same key is not appended again. */
  key?: string | Uint8Array | undefined;
}

/**
 * What a stream must be like when the commit happens: `'no-stream'` has no event yet, `'exists'` has one, a
 * number is the version of its last event.
 */
export type Expected = 'any' | 'no-stream' | 'exists' | number;

/** An event at `from` or later that has any of the types and all of the tags is a conflict. */
export interface Condition {
  /** Exact, or a pattern `"order.*"`. */
  types?: string | readonly string[] | undefined;
  tags?: string | readonly string[] | undefined;
  /** Default 0. Having read up to position n, pass n + 1. */
  from?: number | undefined;
}

/** How a commit is made; the Sync twins have no `signal`. */
export interface CommitOptions {
  /** How far it waits. Default: the store's, which is `durable`. */
  durability?: Durability | undefined;
  /** Of the first event's stream. */
  expect?: Expected | undefined;
  /** Of other streams, or of several. */
  expectations?: readonly { stream?: string | undefined; expect: Expected }[] | undefined;
  conditions?: readonly Condition[] | undefined;
}

export interface AsyncCommitOptions extends CommitOptions {
  /**
   * Rejects with the signal's reason. A commit that waited for its turn is not made then; one that was given
   * to the store is made or not, and the answer is found by an id of your own.
   */
  signal?: AbortSignal | undefined;
}
