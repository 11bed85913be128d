"""What goes wrong, one class per status of the core; see errors.py for how they come about.

`code` and `symbol` are the core's (`TALLY_E_CLOSED`). `handling` says what can be done: "caller" fix the
call, "conflict" read again and retry, "transient" retry, "damaged" data is not what was written, "fatal"
reopen or change the system, "bug" report it. `hint` says what to try; it is also a note of the exception.
"""

import builtins

class TallyError(Exception):
    """What every error of tallystick is."""

    code: int
    symbol: str
    handling: str
    hint: str | None
    path: str | None
    """The file that is meant."""
    position: int | None
    """The position, offset or index that is meant."""
    os_error: int
    """errno, or the code of the first handler that failed; 0 when there is none."""

    def __init__(
        self, message: str = "", *, path: str | None = None, position: int | None = None, os_error: int = 0
    ) -> None: ...

class ArgumentError(TallyError, ValueError):
    """An argument has a value that is not accepted."""

class NullError(TallyError, ValueError):
    """A pointer is NULL where a value is needed."""

class HandleError(TallyError, ValueError):
    """The pointer is not a handle of this library."""

class TypeError(TallyError, builtins.TypeError):
    """The handle is of another kind."""

class ClosedError(TallyError, ValueError):
    """The handle is closed or closing."""

class ForkedError(TallyError):
    """The handle was inherited through fork; open a new one in the child."""

class ForeignError(TallyError, ValueError):
    """The id belongs to another object."""

class StructSizeError(TallyError, ValueError):
    """The size member of a struct is not one this library knows."""

class OptionError(TallyError, ValueError):
    """An option has an unknown value."""

class LengthError(TallyError, ValueError):
    """A length is out of bounds."""

class Utf8Error(TallyError, ValueError):
    """The text is not valid UTF-8."""

class NulError(TallyError, ValueError):
    """The text contains a NUL byte."""

class NameError(TallyError, ValueError):
    """The name contains a character or form that names may not have."""

class RangeError(TallyError, ValueError, IndexError):
    """A number is out of range."""

class AlignmentError(TallyError, ValueError):
    """A pointer is misaligned."""

class SpaceError(TallyError):
    """The result buffer is too small; the size needed was returned."""

class DepthError(TallyError, RecursionError):
    """Notify is nested deeper than the limit."""

class WouldBlockError(TallyError):
    """Waiting here could wait for itself; the wait was not made."""

class TimeoutError(TallyError, builtins.TimeoutError):
    """The time allowed has passed."""

class HandlerError(TallyError):
    """A handler failed."""

class AbortedError(TallyError):
    """A handler ended the fan-out on behalf of its host."""

class UnsupportedError(TallyError):
    """This build or this system does not offer it."""

class LimitError(TallyError):
    """A documented limit is reached."""

class NoMemoryError(TallyError, MemoryError):
    """Out of memory."""

class OverflowError(TallyError, builtins.OverflowError):
    """A size or count does not fit."""

class NotFoundError(TallyError, KeyError):
    """There is no such thing."""

class ExistsError(TallyError):
    """It exists already."""

class IoError(TallyError, OSError):
    """The system reported an input or output error."""

class NoSpaceError(TallyError, OSError):
    """No space is left on the device."""

class DeniedError(TallyError, PermissionError):
    """The system denied access."""

class LockedError(TallyError, BlockingIOError):
    """Another process or handle holds the lock."""

class InterruptedError(TallyError, builtins.InterruptedError):
    """The call was interrupted."""

class TruncatedError(TallyError, EOFError):
    """The bytes end too early."""

class ClockError(TallyError):
    """The clock is out of its range."""

class PanicError(TallyError):
    """An internal invariant is broken; the handle is poisoned."""

class FormatError(TallyError):
    """The bytes are of a format or use a feature that this library does not know."""

class DamagedError(TallyError):
    """The bytes are not what was written."""

class ConflictError(TallyError):
    """An expected version or an append condition does not hold. `position` is the stream's next version, or
    the position of the event that conflicts."""

class ReusedError(TallyError):
    """The idempotency key was used for another event, at `position`."""

class RefusedError(TallyError):
    """A gate refused the events; `os_error` is the gate's own code. A gate may raise it itself."""

class BusyError(TallyError, BlockingIOError):
    """It cannot be done without waiting, or another thread uses the object."""

class PoisonedError(TallyError, OSError):
    """An earlier write or sync failed; nothing more is acknowledged: reopen."""

class ReadOnlyError(TallyError):
    """The store was opened for reading only."""

class WorkLimitError(TallyError):
    """The work limit was reached; call again to go on from there."""

class SignatureError(TallyError):
    """A signature does not check."""

class UnknownKeyError(TallyError):
    """No key that is believed has signed it."""

class OriginError(TallyError):
    """It belongs to another log."""

class KeyTextError(TallyError, ValueError):
    """The text is no key, or a key for something else."""

class ProofError(TallyError):
    """The proof does not prove it."""

class RollbackError(TallyError):
    """The history does not extend what was signed or remembered."""

class UnsignedError(TallyError):
    """The policy requires a signing key."""

def class_name(symbol: str) -> str: ...
def make_error(code: int, message: str, path: str | None, position: int | None, os_error: int) -> TallyError: ...
def raise_group(failures: list[Exception]) -> None: ...
def unknown_option(function: str, name: str, allowed: list[str]) -> None: ...
def unknown_choice(value: object, allowed: list[str | None]) -> str: ...

__all__ = [
    "AbortedError",
    "AlignmentError",
    "ArgumentError",
    "BusyError",
    "ClockError",
    "ClosedError",
    "ConflictError",
    "DamagedError",
    "DeniedError",
    "DepthError",
    "ExistsError",
    "ForeignError",
    "ForkedError",
    "FormatError",
    "HandleError",
    "HandlerError",
    "InterruptedError",
    "IoError",
    "KeyTextError",
    "LengthError",
    "LimitError",
    "LockedError",
    "NameError",
    "NoMemoryError",
    "NoSpaceError",
    "NotFoundError",
    "NulError",
    "NullError",
    "OptionError",
    "OriginError",
    "OverflowError",
    "PanicError",
    "PoisonedError",
    "ProofError",
    "RangeError",
    "ReadOnlyError",
    "RefusedError",
    "ReusedError",
    "RollbackError",
    "SignatureError",
    "SpaceError",
    "StructSizeError",
    "TallyError",
    "TimeoutError",
    "TruncatedError",
    "TypeError",
    "UnknownKeyError",
    "UnsignedError",
    "UnsupportedError",
    "Utf8Error",
    "WorkLimitError",
    "WouldBlockError",
]
