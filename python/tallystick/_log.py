"""What a registry says when nobody asked: failures without an on_panic, through logging, coalesced.

The first failure of a handler is logged at once with its traceback. While it goes on failing there is
at most one more record per interval, which says how many failures it stands for; what is left over is
logged when the interpreter exits.
"""

import os
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from . import _core

if TYPE_CHECKING:
    import logging

LOGGER_NAME = "tallystick"
INTERVAL_SECONDS = 5.0
_REMEMBERED_MAX = 1024

_PANIC_FAILED = _core.constant("TALLY_LOG_PANIC_FAILED")


class _Repeats:
    """Failures of one handler since the last record about it. Keeps texts, not the failure: its
    exception would keep frames alive."""

    __slots__ = ("count", "logged_at", "text")

    def __init__(self, text: str, logged_at: float) -> None:
        self.text = text
        self.logged_at = logged_at
        self.count = 0


_repeats: OrderedDict[_core.HandlerId, _Repeats] = OrderedDict()
_lock = threading.Lock()
"""Never waited for while a failure is reported: the garbage collector, a signal handler or a fork may have
come in between on the thread that holds it. Who does not get it logs without counting."""


def _logger() -> "logging.Logger":
    import logging  # not at import: it costs more than all of this package

    return logging.getLogger(LOGGER_NAME)


def _who(failure: _core.Failure) -> str:
    return f"handler {failure.name!r}" if failure.name else repr(failure.id)


def _text(failure: _core.Failure) -> str:
    about = f" on {failure.kind!r}" if failure.kind is not None else ""
    return f"{_who(failure)} failed{about}: {failure.message or f'code {failure.code}'}"


def _more(count: int) -> str:
    return f" ({count} more failure{'s' if count != 1 else ''} since the last record)" if count else ""


def _information(error: BaseException | None) -> Any:
    return None if error is None else (type(error), error, error.__traceback__)


def log(what: int, registry: int, message: str, failure: _core.Failure | None, panic: Exception | None) -> None:
    """The core's log, for any thread."""
    if failure is None:
        _logger().warning("registry %d: %s", registry, message)
    elif what == _PANIC_FAILED:
        _logger().error("on_panic itself failed when told that %s failed", _who(failure), exc_info=_information(panic))
    else:
        _log_failure(failure)


def _log_failure(failure: _core.Failure) -> None:
    now = time.monotonic()
    text = _text(failure)
    repeated = 0
    if _lock.acquire(blocking=False):
        try:
            seen = _repeats.get(failure.id)
            if seen is not None and now - seen.logged_at < INTERVAL_SECONDS:
                seen.count += 1
                seen.text = text
                return
            repeated = seen.count if seen is not None else 0
            _repeats[failure.id] = _Repeats(text, now)
            _repeats.move_to_end(failure.id)
            if len(_repeats) > _REMEMBERED_MAX:
                _repeats.popitem(last=False)
        finally:
            _lock.release()
    _logger().error("%s%s", text, _more(repeated), exc_info=_information(failure.exception))


def late(label: str, error: Exception) -> None:
    """A failure that came when its registry was gone."""
    _logger().error("handler %r failed after its registry was closed: %s", label, error, exc_info=_information(error))


def flush() -> None:
    """Logs what has been counted since the last record of each handler."""
    if not _lock.acquire(timeout=1):
        return
    try:
        left = [seen for seen in _repeats.values() if seen.count]
        _repeats.clear()
    finally:
        _lock.release()
    for seen in left:
        _logger().error("%s%s", seen.text, _more(seen.count))


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
_core._helpers().update(log=log, late=late)
