import type { ProgressOptions, Store } from './store';
import type { Codec, Event } from './storeEvent';

/**
 * Proofs: that an event is in a log, that a log only grew, that nothing in it was changed. Who checks holds
 * public keys and texts in published formats (C2SP checkpoints and proofs, RFC 6962 trees), and needs neither the
 * store nor this library.
 *
 * ```js
 * const { origin } = store.signing()                     // a key is made for the origin of one store
 * const { privateKey, publicKey } = makeKey(origin)      // privateKey into a file of mode 0600, outside the store
 * // … close, and open again with { signing: { keyPath } }
 *
 * const proof = await store.prove(receipt)               // `${proof}` is the text to hand out
 * verifyProof(text, publicKey).event                     // what it proves, or an error: never a quiet no
 * (await store.verify({ keys: publicKey })).intact       // the whole log
 * ```
 *
 * Functions that check throw when something does not check: SignatureError, UnknownKeyError, OriginError,
 * ProofError, DamagedError, FormatError, … Hashes are 64 hexadecimal digits; 32 bytes are taken too.
 */

/** A text, or its bytes as they came from a file. */
export type ProofText = string | Uint8Array;
/** 64 hexadecimal digits, or 32 bytes. */
export type HashText = string | Uint8Array;

/* ---------------------------------------------------------------------------------------------- keys */

export interface KeyPair {
  /** Secret. It is a string, which nobody can wipe: write it to a file of mode 0600 and let go of it. */
  readonly privateKey: string;
  /** `"<name>+<8 digits>+<base64>"`: what verifiers are given. */
  readonly publicKey: string;
}

/**
 * Makes an Ed25519 key pair. For a store's log the name is its origin, `store.signing().origin`. `witness`: one that
 * cosigns.
 */
export function makeKey(name: string, options?: { witness?: boolean | undefined }): KeyPair;
/** The public key of a private one. @throws KeyTextError */
export function publicKey(privateKey: ProofText): string;

/** Whose signatures are asked for. A text stands for `{ keys: text }`, an array of them for `{ keys: array }`. */
export interface ProofPolicy {
  /** Public keys of the log: one valid signature by any of them is needed. */
  keys: ProofText | readonly ProofText[];
  /** Public keys of witnesses … */
  witnesses?: ProofText | readonly ProofText[] | undefined;
  /** … and how many of them must have signed. Default: all; 0: they are only counted. */
  needed?: number | undefined;
  /** Default: the name of the key that signed. */
  origin?: string | undefined;
}

export type PolicyLike = ProofText | readonly ProofText[] | ProofPolicy;

/** How the signatures of a note came out. A bad one of a known key rejects the note. */
export interface Signatures {
  readonly byLog: number;
  readonly byWitnesses: number;
  /** Lines of keys that the policy does not name; they prove nothing. */
  readonly unknown: number;
  /** The key of the policy that signed. */
  readonly publicKey: string;
  /** By then all counted witnesses had seen it. */
  readonly witnessed: Date | undefined;
}

/* --------------------------------------------------------------------------------------- checkpoints */

export interface Checkpoint {
  readonly origin: string;
  /** Events. */
  readonly size: number;
  readonly root: string;
}

export interface VerifiedCheckpoint extends Checkpoint {
  readonly signatures: Signatures;
}

/** What a checkpoint says, its signatures unseen: for showing, never for believing. */
export function readCheckpoint(note: ProofText): Checkpoint;
/** Checks the signatures of a checkpoint. */
export function verifyCheckpoint(note: ProofText, policy: PolicyLike): VerifiedCheckpoint;

/** The root of a tree over leaf hashes. */
export function merkleRoot(leaves: readonly HashText[]): string;
/** Returns when the leaf is number `index` of the tree. @throws ProofError, OutOfRangeError */
export function verifyInclusion(
  leaf: HashText,
  index: number,
  size: number,
  hashes: readonly HashText[],
  root: HashText,
): void;
/** Returns when the newer tree begins with the older one. @throws ProofError, OutOfRangeError */
export function verifyConsistency(
  oldSize: number,
  oldRoot: HashText,
  newSize: number,
  newRoot: HashText,
  hashes: readonly HashText[],
): void;

/* ------------------------------------------------------------------------------------ proofs of events */

/** What a proof proves. */
export interface Proven<Data = any> {
  readonly position: number;
  readonly treeSize: number;
  readonly root: string;
  /** The event's `hash`, as receipts have it. */
  readonly hash: string;
  /**
   * What happened. Its data is there when it was given as `stored`; a proof does not carry data, and without them
   * `dataState` is `key-missing`. `undefined` when the proof was checked by a hash.
   */
  readonly event: Event<Data> | undefined;
  /** The data were given, and are the event's. */
  readonly dataGiven: boolean;
  readonly signatures: Signatures;
}

export interface VerifyProofOptions {
  /** The event's data as stored, from `getStored()`: they are checked too. */
  stored?: Uint8Array | ArrayBuffer | undefined;
  /** The event's `hash`, from a receipt: then the proof needs no line `extra`, which is not looked at. */
  hash?: HashText | undefined;
  /** How data of its content type is read. */
  codec?: Codec | undefined;
  codecs?: readonly Codec[] | undefined;
}

/** Checks a proof of an event with nothing but public keys. */
export function verifyProof(proof: ProofText | Proof, policy: PolicyLike, options?: VerifyProofOptions): Proven;

/** A proof of an event, from `store.prove()`. */
export class Proof {
  private constructor();
  /** C2SP tlog-proof: what is handed out. */
  readonly text: string;
  readonly position: number;
  readonly hash: string;
  /** The signed note that it leads to. */
  readonly checkpoint: string;
  verify(policy: PolicyLike, options?: VerifyProofOptions): Proven;
  /** The text. */
  toString(): string;
  toJSON(): string;
}

/* --------------------------------------------------------------------------------- a store that signs */

/**
 * A new key. The file has mode 0600 and lies outside the store, and so does the memory of what was signed last.
 * The key's name is the store's origin.
 */
export interface SigningKey {
  /** The file of the private key; not with `keyText`. */
  keyPath?: string | URL | undefined;
  /** The private key itself, as from an environment variable. Bytes are better than a string: wipe yours. */
  keyText?: ProofText | undefined;
  /** Where the last signed head is kept, so that two histories are never signed. Default: `keyPath` + ".signed". */
  statePath?: string | URL | undefined;
}

/**
 * How heads are signed: within 100 ms after something became durable, on request, and at close; no append waits
 * for it. A signing callback is not offered here: heads are signed off the event loop, where no JavaScript can run,
 * so `sign` and `verifyKey` throw UnsupportedError. The C interface has it.
 */
export interface SigningOptions extends SigningKey {
  /** Older public keys of this log. At most 16. */
  verifyKeys?: ProofText | readonly ProofText[] | undefined;
  /** A checkpoint that the history must extend; otherwise open throws RollbackError. */
  remembered?: ProofText | undefined;
  /** The same from a file outside the store, which is then kept up to date. */
  rememberedPath?: string | URL | undefined;
  /** Each new signed note is written there too, replacing the one before. Not with `mirror`. */
  mirrorPath?: string | URL | undefined;
  /**
   * Given new signed notes on the event loop, soon after; of several made meanwhile only the newest, which covers
   * the others. What it throws, or rejects with, is a process warning.
   */
  mirror?: ((note: string) => unknown) | undefined;
  /** Without a key, or with another log's, the store does not open: UnsignedError. */
  required?: boolean | undefined;
  /** A durable append also waits for its head to be signed. */
  everyCommit?: boolean | undefined;
}

/** How the heads of a store stand. */
export interface SigningState {
  readonly isSigned: boolean;
  /** The last signed head is kept outside the store: an older copy that is put back is noticed. */
  readonly isGuarded: boolean;
  /** `"<name>/<lineage>"`, also of an unsigned store: the name for its key. */
  readonly origin: string;
  /** The active key. */
  readonly publicKey: string | undefined;
  /** Events in the tree as far as it has been hashed. */
  readonly treeSize: number;
  /** Of the newest signed head; 0: there is none. */
  readonly signedSize: number;
  readonly failures: number;
  readonly mirrorFailures: number;
  /** Why the newest head that could not be signed was not. */
  readonly failure: string | undefined;
}

/** That a log of `newSize` events begins with the one of `oldSize`. For `verifyConsistency`. */
export interface Consistency {
  readonly oldSize: number;
  readonly newSize: number;
  readonly oldRoot: string;
  readonly newRoot: string;
  readonly hashes: readonly string[];
}

/* -------------------------------------------------------------------------------------- verifying a log */

/** Why a history is not believed; the first bad place decides. */
export type Reason =
  | 'none'
  | 'data_changed'
  | 'body_changed'
  | 'core_changed'
  | 'link_broken'
  | 'order_changed'
  | 'event_missing'
  | 'event_added'
  | 'tail_truncated'
  | 'checkpoint_not_reached'
  | 'bad_signature'
  | 'unknown_key'
  | 'wrong_origin'
  | 'rolled_back'
  | 'split_view'
  | 'wrong_key_id'
  | 'index_wrong'
  | 'unreadable';

export interface VerifySyncOptions {
  /**
   * `full` (the default) compares data, bodies, links, indexes, tree and signatures; `quick` hashes the cores and
   * compares them with the tree, and checks signatures.
   */
  mode?: 'full' | 'quick' | undefined;
  /** Public keys that are believed. None: signatures are not looked at, and the report says so. */
  keys?: ProofText | readonly ProofText[] | undefined;
  /** A checkpoint that was verified before: begins there, and checks that it is extended. */
  since?: ProofText | undefined;
  /** Default: as many as the machine has. */
  threads?: number | undefined;
}

export interface VerifyOptions extends VerifySyncOptions, ProgressOptions {}

export interface VerifyReport {
  /** Nothing is wrong in what was checked. */
  readonly intact: boolean;
  /** Of the first bad place; `none` when it is intact. */
  readonly reason: Reason;
  /** One sentence. */
  readonly message: string;
  readonly position?: number;
  readonly file?: string;
  readonly offset?: number;
  /** Events that were checked … */
  readonly events: number;
  /** … and how many of them a good signature of a believed key covers. */
  readonly covered: number;
  readonly signedHeads: number;
  readonly bytes: number;
  /** Over all events. */
  readonly root: string;
}

/** Verifies the store in a directory, at rest, a backup, or one that is being written. Writes nothing. */
export function verify(path: string | URL, options?: VerifyOptions): Promise<VerifyReport>;
export function verifySync(path: string | URL, options?: VerifySyncOptions): VerifyReport;

/* ------------------------------------------------------------------------------------------ witnesses */

/** Signs a checkpoint as a witness, with the time: one line, to be put at the end of the note. */
export function cosign(
  note: ProofText,
  privateKey: ProofText,
  /** A Date, or seconds since 1970. Default: now. */
  options?: { time?: Date | number | undefined },
): string;

/** The body of an add-checkpoint request. `hashes`: the consistency proof from `oldSize` on. */
export function witnessRequest(oldSize: number, hashes: readonly HashText[], note: ProofText): string;

export interface WitnessAnswer {
  /** `behind`: it knows another size, and the request is made again from there. */
  readonly outcome: 'signed' | 'behind' | 'refused' | 'try-later';
  /** When it is behind: the size that it knows. */
  readonly oldSize?: number;
  /** When it signed: the note with its lines. */
  readonly note?: string;
}

/**
 * Reads the answer of a witness: its HTTP status and body. Cosignatures of the witnesses named are verified,
 * lines of others left out.
 */
export function witnessAnswer(
  status: number,
  body: ProofText,
  note: ProofText,
  witnesses: ProofText | readonly ProofText[],
): WitnessAnswer;

export interface AskWitnessOptions {
  /** What is to be signed. Default: a new checkpoint of the store. */
  note?: ProofText | undefined;
  /** What the witness cosigned last. Default: as far as is known of this address, else 0; it says when it is not. */
  oldSize?: number | undefined;
  /** Keep the cosigned note in the store. Default true. */
  keep?: boolean | undefined;
  /** For each request. Default 10 000. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Asks a witness (C2SP tlog-witness) to sign the newest checkpoint, by `fetch`, and keeps what it signed. `url` is
 * the address in front of `/add-checkpoint`. A witness that knows another size is asked again from there.
 * @throws RollbackError the witness has signed another history, or a longer one than there is; IoError it cannot be
 * reached; TimeoutError; LimitError it names another size again and again; SignatureError, UnknownKeyError what it signed is not by `witnesses`
 */
export function askWitness(
  url: string | URL,
  store: Pick<Store<any>, 'checkpoint' | 'consistency' | 'keepNote' | 'watermarks'>,
  witnesses: ProofText | readonly ProofText[],
  options?: AskWitnessOptions,
): Promise<WitnessAnswer>;
