/**
 * Errors: one class per status of the core, made from the core's own table when the library is loaded.
 *
 * ```js
 * try { registry.notify(event) } catch (error) {
 *   if (error.code === 'TALLY_E_CLOSED') return            // or: error instanceof ClosedError
 *   throw error
 * }
 * ```
 */

/**
 * What can be done about an error: `caller` fix the call; `conflict` read again, then retry; `transient`
 * retry; `damaged` data is not what was written; `fatal` reopen, or change the system; `bug` report it.
 */
export type Handling = 'caller' | 'conflict' | 'transient' | 'damaged' | 'fatal' | 'bug';

/** The base of them all. `instanceof TallyError` is true for errors of other loaded copies too. */
export class TallyError extends Error {
  protected constructor();
  /** The symbol of the status, such as `"TALLY_E_CLOSED"`: stable, made for comparing. */
  readonly code: string;
  /** The status itself: negative. */
  readonly status: number;
  readonly handling: Handling;
  /** What to try. */
  readonly hint: string;
  /** What caused it, when something did. */
  readonly cause?: unknown;
  /** The system's error number, when a system call failed. */
  readonly osError?: number;
  /** The file that is meant. */
  readonly path?: string;
  /** The position, offset or index that is meant. */
  readonly position?: number;
}

/**
 * Handlers failed under `policy: 'raise'`: an AggregateError *and* a TallyError. `errors` is what was thrown, in
 * order; `cause` is the first of it. Also what stands for the failure of one native handler, without `errors`.
 */
export class HandlerError extends AggregateError {
  private constructor();
  readonly code: 'TALLY_E_HANDLER';
  readonly status: number;
  readonly handling: Handling;
  readonly hint: string;
  /** What the notify did, like the value it would have returned. */
  readonly result: import('./handler').Notified | import('./asyncRegistry').AsyncNotified | undefined;
  /** What a native handler returned, in an error that stands for one. */
  readonly handlerCode: number | undefined;
}

export class ArgumentError extends TallyError {}
export class NullError extends TallyError {}
export class HandleError extends TallyError {}
export class TypeMismatchError extends TallyError {}
export class ClosedError extends TallyError {}
export class ForkedError extends TallyError {}
export class ForeignError extends TallyError {}
export class StructSizeError extends TallyError {}
export class OptionError extends TallyError {}
export class LengthError extends TallyError {}
export class Utf8Error extends TallyError {}
export class NulError extends TallyError {}
export class NameError extends TallyError {}
export class OutOfRangeError extends TallyError {}
export class AlignmentError extends TallyError {}
export class SpaceError extends TallyError {}
export class DepthError extends TallyError {}
export class WouldBlockError extends TallyError {}
export class TimeoutError extends TallyError {}
export class AbortedError extends TallyError {}
export class UnsupportedError extends TallyError {}
export class LimitError extends TallyError {}
export class NoMemoryError extends TallyError {}
export class OverflowError extends TallyError {}
export class NotFoundError extends TallyError {}
export class ExistsError extends TallyError {}
export class IoError extends TallyError {}
export class NoSpaceError extends TallyError {}
export class DeniedError extends TallyError {}
export class LockedError extends TallyError {}
export class InterruptedError extends TallyError {}
export class TruncatedError extends TallyError {}
export class ClockError extends TallyError {}
export class PanicError extends TallyError {}
export class FormatError extends TallyError {}
export class DamagedError extends TallyError {}
/** `position`: the stream's next version, or the position of the event that a condition does not allow. */
export class ConflictError extends TallyError {}
export class ReusedError extends TallyError {}
/** `cause` is what the gate threw. */
export class RefusedError extends TallyError {}
export class BusyError extends TallyError {}
export class PoisonedError extends TallyError {}
export class ReadOnlyError extends TallyError {}
export class WorkLimitError extends TallyError {}
export class SignatureError extends TallyError {}
export class UnknownKeyError extends TallyError {}
export class OriginError extends TallyError {}
export class KeyTextError extends TallyError {}
export class ProofError extends TallyError {}
export class RollbackError extends TallyError {}
export class UnsignedError extends TallyError {}
