"""One exception class per status of the core, made from the core's own table when this is imported.

`TALLY_E_WOULD_BLOCK` is `WouldBlockError`, and so on. All are TallyError; those that mean what a
builtin exception means are that too, so `except TimeoutError` and `except ValueError` work. The
classes are listed in errors.pyi.
"""

import builtins
from typing import Any

from . import _core

# What a status is in Python's own terms. Statuses that are not here are TallyError only.
_BUILTINS: dict[str, type[Exception] | tuple[type[Exception], ...]] = {
    "ARGUMENT": ValueError,
    "NULL": ValueError,
    "HANDLE": ValueError,
    "TYPE": TypeError,
    "CLOSED": ValueError,
    "FOREIGN": ValueError,
    "STRUCT_SIZE": ValueError,
    "OPTION": ValueError,
    "LENGTH": ValueError,
    "UTF8": ValueError,
    "NUL": ValueError,
    "NAME": ValueError,
    "RANGE": (ValueError, IndexError),
    "ALIGNMENT": ValueError,
    "DEPTH": RecursionError,
    "TIMEOUT": TimeoutError,
    "NO_MEMORY": MemoryError,
    "OVERFLOW": OverflowError,
    "NOT_FOUND": KeyError,
    "IO": OSError,
    "NO_SPACE": OSError,
    "DENIED": PermissionError,
    "LOCKED": BlockingIOError,
    "INTERRUPTED": InterruptedError,
    "TRUNCATED": EOFError,
    "BUSY": BlockingIOError,
    "POISONED": OSError,
    "KEY": ValueError,
}

# What to try. Only where the message does not say it already.
_HINTS = {
    "CLOSED": "open a new one, or look at `closed` first",
    "FOREIGN": "an id is good only in the registry whose register() returned it",
    "DEPTH": "does a handler notify the registry that it is in?",
    "WOULD_BLOCK": "do the waiting outside of handlers, or do without it",
    "TIMEOUT": "allow more time, or look for what does not finish",
    "EXISTS": "read again, then decide",
    "LIMIT": "is something registered or sent in a loop that should be done once?",
    "UNSUPPORTED": "a sandbox may forbid the system call that this needs",
    "CONFLICT": "read again from `position`, decide anew, and append with what is true now",
    "LOCKED": "one process writes at a time: close the other one, or open with mode='r'",
    "FORKED": "open the store again in the child",
    "POISONED": "close this store and open it again: that finds out what is really there",
    "DAMAGED": "tallystick.fsck(path) says what is damaged, tallystick.salvage copies what is whole",
    "READ_ONLY": "open it without mode='r'",
    "NO_SPACE": "make room and try again: nothing was appended",
    "SIGNATURE": "the text was altered, or signed with another key: do not believe it",
    "UNKNOWN_KEY": "is this the public key of this log, and is it the current one?",
    "ROLLBACK": "an older copy was put back, or two histories exist: compare with what is remembered elsewhere",
    "PANIC": "this is a defect of tallystick: please report it; the object cannot be used any more",
}

_HANDLING = {
    _core.constant(f"TALLY_CLASS_{name.upper()}"): name
    for name in ("none", "caller", "conflict", "transient", "damaged", "fatal", "bug")
}


class TallyError(Exception):
    """What every error of tallystick is. `str()` says what failed; notes say what to try."""

    code: int = 0
    symbol: str = ""
    handling: str = "bug"
    hint: str | None = None

    def __init__(
        self, message: str = "", *, path: str | None = None, position: int | None = None, os_error: int = 0
    ) -> None:
        super().__init__(message)
        self.path = path
        self.position = position
        self.os_error = os_error
        if isinstance(self, OSError):
            self.errno = os_error or None
            self.filename = path
        if self.hint is not None:
            self.add_note(f"hint: {self.hint}")

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        # The notes are made again by __init__.
        return _remake, (type(self), str(self), self.path, self.position, self.os_error)


def _remake(kind: type[TallyError], message: str, path: str | None, position: int | None, os_error: int) -> TallyError:
    return kind(message, path=path, position=position, os_error=os_error)


# Where the name of the status would hide a builtin that programs catch every day.
_NAMES = {"TALLY_E_KEY": "KeyTextError"}


def class_name(symbol: str) -> str:
    """TALLY_E_WOULD_BLOCK -> WouldBlockError."""
    if symbol in _NAMES:
        return _NAMES[symbol]
    return symbol.removeprefix("TALLY_E_").title().replace("_", "") + "Error"


def _make_classes() -> dict[int, type[TallyError]]:
    classes: dict[int, type[TallyError]] = {}
    for code, symbol, message, handling in _core.status_table():
        if code == 0:
            continue
        key = symbol.removeprefix("TALLY_E_")
        builtin = _BUILTINS.get(key)
        members = {
            "__module__": __name__,
            "__doc__": f"{symbol}: {message}.",
            "code": code,
            "symbol": symbol,
            "handling": _HANDLING[handling],
            "hint": _HINTS.get(key),
        }
        builtins_of = builtin if isinstance(builtin, tuple) else (builtin,) if builtin is not None else ()
        bases = (TallyError, *builtins_of)
        classes[code] = type(class_name(symbol), bases, members)
    return classes


_CLASSES = _make_classes()
globals().update({kind.__name__: kind for kind in _CLASSES.values()})
__all__ = ["TallyError", *sorted(kind.__name__ for kind in _CLASSES.values())]


def make_error(code: int, message: str, path: str | None, position: int | None, os_error: int) -> TallyError:
    return _CLASSES.get(code, TallyError)(message, path=path, position=position, os_error=os_error)


def raise_group(failures: list[Exception]) -> None:
    """Under policy "raise"."""
    plural = "s" if len(failures) != 1 else ""
    raise ExceptionGroup(f"{len(failures)} handler{plural} failed", failures)


def unknown_option(function: str, name: str, allowed: list[str]) -> None:
    """Refuses a misspelt option, with the right spelling."""
    import difflib

    near = difflib.get_close_matches(name, allowed, 1, 0.5)
    advice = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(allowed) or 'none'}"
    raise builtins.TypeError(f"{function}() has no option {name!r}; {advice}")


def unknown_choice(value: object, allowed: list[str | None]) -> str:
    """ "'rw', 'existing', 'x' or 'r', not 'rx'"."""
    import difflib

    texts = [text for text in allowed if text is not None]
    said = ", ".join(repr(text) for text in texts[:-1]) + f" or {texts[-1]!r}, not {value!r}"
    near = difflib.get_close_matches(value, texts, 1, 0.6) if isinstance(value, str) else []
    return f"{said}; did you mean {near[0]!r}?" if near else said


_core._helpers().update(
    unknown_choice=unknown_choice, make_error=make_error, raise_group=raise_group, unknown_option=unknown_option
)
