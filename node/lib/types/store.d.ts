import type { EventMap, EventName, EventPattern, Matching } from './events';
import type { Failure, OnOptions, Subscription } from './handler';
import type {
  Consistency,
  Proof,
  ProofText,
  SigningKey,
  SigningOptions,
  SigningState,
  VerifyOptions,
  VerifyReport,
  VerifySyncOptions,
} from './proof';
import type { AsyncCommitOptions, Codec, CommitOptions, Durability, Event, EventOptions, Receipt } from './storeEvent';

/** How a store is opened. Whatever is left out has the core's default. */
export interface OpenSyncOptions {
  /** Default `open-or-create`. `read-only` takes no lock and writes nothing; any number of processes may. */
  mode?: 'open-or-create' | 'existing' | 'new' | 'read-only' | undefined;
  /** Of a new store. Default `"store"`. */
  name?: string | undefined;
  /** Of a new store. `blake2b` is for machines without SHA instructions. */
  digest?: 'sha256' | 'blake2b' | undefined;
  /** When the checksum of an event is compared. Default `first-touch`. */
  check?: 'first-touch' | 'always' | 'never' | undefined;
  /** Which segments are mapped into memory; a media error under a map kills the process. Default `sealed`. */
  map?: 'sealed' | 'never' | undefined;
  /** Permission bits of new files. Default 0o600. */
  fileMode?: number | undefined;
  /** A network file system is accepted; its locks and syncs may lie. */
  allowRemote?: boolean | undefined;
  segmentBytes?: number | undefined;
  queueBytes?: number | undefined;
  /** The background syncs at so many events, bytes, or milliseconds; Infinity: never because of that. */
  syncEvents?: number | undefined;
  syncBytes?: number | undefined;
  syncIntervalMs?: number | undefined;
  /** How long a key is remembered. */
  idempotencyEvents?: number | undefined;
  idempotencyAgeS?: number | undefined;
  /** What appends wait for unless they say otherwise. Default `durable`. */
  durability?: Durability | undefined;
  /** How data is written unless an append says otherwise, and read where the content type is its own. */
  codec?: Codec | undefined;
  /** More codecs, for reading. */
  codecs?: readonly Codec[] | undefined;
  /** How its heads are signed and remembered. Default: it is unsigned. */
  signing?: SigningOptions | undefined;
}

export interface OpenOptions extends OpenSyncOptions {
  signal?: AbortSignal | undefined;
}

/**
 * Opens the store in a directory, and makes it when there is none.
 *
 * ```js
 * const store = await open('audit.tally')                       // Node 24: await using store = …
 * await store.append('account/42', 'account.opened', { plan: 'pro' })
 * for await (const event of store.read({ stream: 'account/42' })) console.log(event.type, event.data)
 * await store.close()
 * ```
 *
 * @throws LockedError another process, or this one, has it open for writing; FormatError, DamagedError, …
 */
export function open<Events extends object = EventMap>(
  path: string | URL,
  options?: OpenOptions,
): Promise<Store<Events>>;
export function openSync<Events extends object = EventMap>(
  path: string | URL,
  options?: OpenSyncOptions,
): Store<Events>;

/** One event of `appendMany`. */
export type Draft<Events extends object = EventMap> = {
  [Name in EventName<Events>]: EventOptions & {
    stream: string;
    type: Name;
    data?: Events[Name];
    /** The index of an earlier event of the same batch that caused this one. */
    cause?: number | undefined;
  };
}[EventName<Events>];

/** What to read: an event must match all that is given. Nothing given: everything, forwards. */
export interface SyncQuery {
  stream?: string | undefined;
  /** All streams that begin with it; not with `stream`. */
  prefix?: string | undefined;
  /** Any of them: exact, or `"order.*"`. */
  types?: string | readonly string[] | undefined;
  /** All of them. */
  tags?: string | readonly string[] | undefined;
  subject?: string | undefined;
  /** The first position that counts, and the first that does not: the log as of it. */
  from?: number | undefined;
  to?: number | undefined;
  /** Versions of `stream`, in the same way. */
  fromVersion?: number | undefined;
  toVersion?: number | undefined;
  /** Times, in the same way: a Date, or microseconds. */
  fromTime?: Date | number | undefined;
  toTime?: Date | number | undefined;
  /** Newest first. */
  backwards?: boolean | undefined;
  /** Only what is durable. */
  durableOnly?: boolean | undefined;
  /** At most so many events. */
  limit?: number | undefined;
  /** Told of each damaged event, which is passed over then. Without it reading ends with a DamagedError. */
  onDamage?: ((error: Error) => void) | undefined;
}

export interface Query extends SyncQuery {
  signal?: AbortSignal | undefined;
}

/** What to follow, from a position on; default: what comes from now on. */
export type FollowQuery = Pick<
  Query,
  'stream' | 'prefix' | 'types' | 'tags' | 'subject' | 'from' | 'durableOnly' | 'signal' | 'onDamage'
>;

/**
 * Events of a query, as the log was when the first one was asked for. Pages are read off the event loop, one
 * ahead. Ends by itself, or by `return` (leaving a `for await`); each can be iterated once.
 */
export interface Reader<Item> extends AsyncIterableIterator<Item>, AsyncDisposable {
  next(): Promise<IteratorResult<Item, undefined>>;
  return(value?: any): Promise<IteratorResult<Item, any>>;
  toArray(): Promise<Item[]>;
  [Symbol.asyncIterator](): Reader<Item>;
}

export interface SyncReader<Item> extends IterableIterator<Item>, Disposable {
  next(): IteratorResult<Item, undefined>;
  return(value?: any): IteratorResult<Item, any>;
  toArray(): Item[];
  [Symbol.iterator](): SyncReader<Item>;
}

/** One name of a list. */
export interface Listed {
  readonly name: string;
  readonly count: number;
  readonly firstPosition: number;
  readonly lastPosition: number;
}

export interface ListOptions {
  /** Only names that begin with it. */
  prefix?: string | undefined;
  /** Only names behind this one, in the order of their bytes. */
  after?: string | undefined;
}

/** Counts of events that have reached a level: `durable <= written <= buffered`, as of one moment. */
export interface Watermarks {
  readonly buffered: number;
  readonly written: number;
  readonly durable: number;
}

/** The end of a stream. */
export interface StreamHead {
  /** The number of its events; 0: no such stream. */
  readonly nextVersion: number;
  readonly lastPosition: number | undefined;
}

/** The chain of a stream from an event back, each step checked by its hash. */
export interface Ancestors {
  /** The given position first. */
  readonly positions: number[];
  /** Why it ended. */
  readonly ended: 'genesis' | 'limit' | 'dropped' | 'unreadable';
}

/** What the last open for writing found and did. */
export interface Recovery {
  /** There was no clean close. */
  readonly happened: boolean;
  /** Bytes that were never acknowledged as durable were cut. */
  readonly cut: boolean;
  readonly cutPosition: number;
  readonly cutSegment: number;
  readonly cutOffset: number;
  readonly cutBytes: number;
  readonly scannedBytes: number;
  readonly rewrittenBytes: number;
}

export interface StoreInfo {
  /** Random; another one for each new store. */
  readonly lineage: string;
  readonly name: string;
  readonly mode: NonNullable<OpenOptions['mode']>;
  readonly digest: NonNullable<OpenOptions['digest']>;
  /** One more with each open for writing. */
  readonly writerEpoch: number;
  readonly recovery: Recovery;
}

/** Figures as they are now; counts since the open where not said otherwise. */
export interface StoreStatistics {
  /** In the log. */
  readonly events: number;
  readonly commits: number;
  readonly segments: number;
  readonly sealedSegments: number;
  readonly runs: number;
  readonly fileBytes: number;
  readonly logBytes: number;
  readonly dataBytes: number;
  readonly heapBytes: number;
  readonly mappedBytes: number;
  readonly appends: number;
  readonly appendedEvents: number;
  readonly repeats: number;
  readonly conflicts: number;
  readonly writes: number;
  readonly writtenBytes: number;
  readonly syncs: number;
  readonly syncNsTotal: number;
  readonly syncNsMax: number;
  readonly seals: number;
  readonly sealNsTotal: number;
  readonly notifiedEvents: number;
  readonly queueBytes: number;
  readonly readers: number;
}

/** An event on its way into the log, as a gate sees it: it has no position and no version yet. */
export interface GateDraft {
  readonly stream: string;
  readonly type: string;
  readonly contentType: string;
  readonly tags: readonly string[];
  readonly schema: number;
  readonly bytes: Buffer;
  readonly data: any;
}

export interface GateOptions {
  /** For messages and records. Default: the function's name. */
  name?: string | undefined;
  /** Record refusals as events of stream `"$gates"`, never with data. */
  record?: boolean | undefined;
}

/** Removes the gate; `true` when this call did. */
export interface RemoveGate extends Disposable, AsyncDisposable {
  (): boolean;
}

export interface WaitLevelOptions {
  /** Default `durable`. */
  level?: Durability | undefined;
  timeoutMs?: number | undefined;
}

export interface ProgressOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface BackupReport {
  readonly events: number;
  readonly segments: number;
  readonly bytes: number;
}

/** Events that are collected, to be appended as one commit. */
export interface StoreBatch<Events extends object = EventMap> {
  readonly length: number;
  /** @returns its index, for `cause` */
  append<Name extends EventName<Events>>(
    stream: string,
    type: Name,
    data?: Events[Name],
    options?: EventOptions & { cause?: number | undefined },
  ): number;
  commit(options?: AsyncCommitOptions): Promise<Receipt[]>;
  commitSync(options?: CommitOptions): Receipt[];
}

/** What names one event: its id, what has its id, or a version of a stream. */
export type EventKey = string | Receipt | Event | { stream: string; version: number };

/** Gives up with the signal's reason; what was begun goes on. */
export interface SignalOptions {
  signal?: AbortSignal | undefined;
}

/** The type of the events that a pattern or a name stands for. */
type EventsOf<Events, Name extends string> =
  Name extends EventName<Events> ? Event<Events[Name]> : Event<Events[Matching<Events, Name> & EventName<Events>]>;

/**
 * An open store. Every call that may touch a file has two forms: one that promises, works off the event loop
 * and never blocks it, and a twin with `Sync` that blocks.
 *
 * Events get their positions in the order of the calls; a Sync call does not wait for promised ones that are
 * still under way. What an event loop is kept alive for: calls under way, followers, and handlers that have not
 * yet seen what was appended here; not an open store alone. At the end of the process, and of a worker, open
 * stores are closed and nothing that was appended is lost.
 */
export class Store<Events extends object = EventMap> implements Disposable, AsyncDisposable {
  private constructor();
  readonly path: string;
  readonly readOnly: boolean;
  readonly closed: boolean;

  /**
   * Appends one event; resolves when it has reached the level asked for.
   * @throws ConflictError an expectation or condition fails (`position` says where), ExistsError the id,
   * ReusedError the key, RefusedError a gate (`cause` is what it threw), NoSpaceError, PoisonedError, …
   */
  append<Name extends EventName<Events>>(
    stream: string,
    type: Name,
    data?: Events[Name],
    options?: EventOptions & AsyncCommitOptions,
  ): Promise<Receipt>;
  appendSync<Name extends EventName<Events>>(
    stream: string,
    type: Name,
    data?: Events[Name],
    options?: EventOptions & CommitOptions,
  ): Receipt;
  /** All or nothing, for readers, crashes and recovery. At most 65 536 events. */
  appendMany(events: Iterable<Draft<Events>>, options?: AsyncCommitOptions): Promise<Receipt[]>;
  appendManySync(events: Iterable<Draft<Events>>, options?: CommitOptions): Receipt[];
  batch(): StoreBatch<Events>;

  /**
   * Adds a function that sees each commit of this Store object before it is made, and refuses it by throwing
   * (a `gateCode` of what it throws is kept). It runs at once, on this thread, must be synchronous, and may read
   * but not append. Commits that other code makes through the C library do not pass it.
   */
  gate(gate: (drafts: GateDraft[]) => void, options?: GateOptions): RemoveGate;

  read(query?: Query): Reader<Event<Events[EventName<Events>]>>;
  readSync(query?: SyncQuery): SyncReader<Event<Events[EventName<Events>]>>;
  /**
   * Events from a position on, and then those that come, until the signal aborts, `return` is called, or the
   * store is closed. In a read-only store: those of the writing process.
   */
  follow(query?: FollowQuery): Reader<Event<Events[EventName<Events>]>>;

  /** One event, by position, id, receipt, or version of a stream. @throws OutOfRangeError, NotFoundError */
  get(which: number | EventKey, options?: SignalOptions): Promise<Event>;
  getSync(which: number | EventKey): Event;
  /** The position of an event; undefined when there is none. */
  find(which: EventKey, options?: SignalOptions): Promise<number | undefined>;
  findSync(which: EventKey): number | undefined;
  head(stream: string, options?: SignalOptions): Promise<StreamHead>;
  headSync(stream: string): StreamHead;
  /** At most `limit` of them, by default 1000. */
  ancestors(position: number, options?: SignalOptions & { limit?: number | undefined }): Promise<Ancestors>;
  ancestorsSync(position: number, options?: { limit?: number | undefined }): Ancestors;

  /** Names with their figures, in the order of their bytes. */
  streams(options?: ListOptions & SignalOptions): Reader<Listed>;
  streamsSync(options?: ListOptions): SyncReader<Listed>;
  types(options?: ListOptions & SignalOptions): Reader<Listed>;
  typesSync(options?: ListOptions): SyncReader<Listed>;
  tags(options?: ListOptions & SignalOptions): Reader<Listed>;
  tagsSync(options?: ListOptions): SyncReader<Listed>;

  /**
   * Calls a handler with each event that is committed from now on, in order, on the event loop, after the
   * commit has reached the level it was made with. Events reach it soon after, many at a time. One that fails
   * hurts nobody and is reported to `onPanic`, or as a process warning. In a read-only store: events of the
   * writing process.
   */
  on<Name extends EventName<Events> | EventPattern>(
    type: Name,
    handler: (event: EventsOf<Events, Name>, type: string) => unknown,
    options?: Omit<OnOptions, 'batch'>,
  ): Subscription;
  onPanic(handler: ((failure: Failure) => void) | null): this;

  /** How far the log has come, at once. */
  watermarks(): Watermarks;
  /** Resolves when everything that was appended before is durable. */
  sync(options?: SignalOptions): Promise<void>;
  syncSync(): void;
  /** Resolves when the event at a position, which may lie in the future, has reached a level. @throws TimeoutError */
  wait(position: number, options?: WaitLevelOptions & SignalOptions): Promise<void>;
  waitSync(position: number, options?: WaitLevelOptions): void;

  stats(): StoreStatistics;
  info(): StoreInfo;

  /** Copies what is durable into a new directory, while appending goes on. */
  backup(path: string | URL, options?: ProgressOptions): Promise<BackupReport>;
  backupSync(path: string | URL): BackupReport;

  /** How its heads stand, at once. */
  signing(): SigningState;
  /**
   * The newest checkpoint, made now: everything is durable and signed when it resolves. Unsigned, a text without
   * signature lines. Of a read-only store: the newest that is stored.
   * @throws RollbackError something was signed that this log does not extend
   */
  checkpoint(): Promise<string>;
  checkpointSync(): string;
  /**
   * A proof that an event is in the log. @throws UnsignedError the store has no key; OutOfRangeError it is not in this log: also when the event of a
   * receipt was lost, and another one has its place
   */
  prove(of: number | Receipt | Event): Promise<Proof>;
  proveSync(of: number | Receipt | Event): Proof;
  /** That the log of `newSize` events begins with the one of `oldSize`. @throws OutOfRangeError */
  consistency(oldSize: number, newSize: number): Promise<Consistency>;
  consistencySync(oldSize: number, newSize: number): Consistency;
  /** An event's data as they are stored, salt or nonce in front: what `verifyProof` takes as `stored`. */
  getStored(position: number): Promise<Buffer>;
  getStoredSync(position: number): Buffer;
  /** Keeps a note of this log with the signatures of witnesses. @throws SignatureError, OriginError, ProofError */
  keepNote(note: ProofText, witnesses?: ProofText | readonly ProofText[]): Promise<void>;
  keepNoteSync(note: ProofText, witnesses?: ProofText | readonly ProofText[]): void;
  /** Changes the signing key. The head that covers the change, and the next one, carry both signatures. */
  rotateKey(key: SigningKey): Promise<void>;
  rotateKeySync(key: SigningKey): void;
  /** Verifies what is durable when the call begins, while appending goes on. */
  verify(options?: VerifyOptions): Promise<VerifyReport>;
  verifySync(options?: VerifySyncOptions): VerifyReport;

  /** Writes and syncs everything. May be called again: the same promise. What is under way is finished first. */
  close(): Promise<void>;
  /** Blocks meanwhile. Appends that waited for their turn are rejected. */
  closeSync(): void;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What is wrong in one place. */
export interface Finding {
  /** The symbol of a status, such as `"TALLY_E_DAMAGED"`. */
  readonly code: string;
  /** `note`: nothing is lost; `index`: the next writer rebuilds it; `event`: one event; `structure`: more. */
  readonly severity: 'note' | 'index' | 'event' | 'structure';
  readonly file: string;
  readonly reason: string;
  readonly position?: number;
  readonly offset?: number;
}

export interface FsckReport {
  /** Neither an event nor the structure is damaged. */
  readonly isWhole: boolean;
  readonly segments: number;
  readonly commits: number;
  readonly events: number;
  readonly bytes: number;
  /** Findings by severity; `findings` has at most 10 000 of them. */
  readonly notes: number;
  readonly indexes: number;
  readonly badEvents: number;
  readonly structure: number;
  readonly findings: readonly Finding[];
}

/** Reads every byte of a store and compares everything that can be compared. Writes nothing. */
export function fsck(path: string | URL, options?: ProgressOptions): Promise<FsckReport>;
export function fsckSync(path: string | URL): FsckReport;

export interface SalvageReport {
  readonly copied: number;
  readonly lost: number;
  readonly gaps: number;
  /** Nothing was lost before the end: the copy continues the old store. */
  readonly sameLineage: boolean;
}

/** Copies what is whole into a new store. */
export function salvage(from: string | URL, to: string | URL, options?: ProgressOptions): Promise<SalvageReport>;
export function salvageSync(from: string | URL, to: string | URL): SalvageReport;
