"""`capture`: what a registry was told, as a list, for tests."""

import os
import threading
import weakref
from types import TracebackType
from typing import Any, Self

from ._core import HandlerId
from ._scopes import AnyRegistry
from .errors import TimeoutError

_captures: "weakref.WeakValueDictionary[int, Capture]" = weakref.WeakValueDictionary()
"""By address: a list has no hash."""


def _renew_locks() -> None:
    """In the child of a fork: a thread that is gone may have held them."""
    for made in list(_captures.values()):
        made._changed = threading.Condition()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


class Capture(list[Any]):
    """The events of a registry since the `with` block began; a list, so compare it with one.

        with capture(registry, "order.*") as orders:
            place_order()
        assert orders == [{"id": 1}]

    Listens before all other handlers, so that none can stop an event before it is seen.
    """

    def __init__(self, registry: AnyRegistry, kind: str | None = None) -> None:
        super().__init__()
        self._registry = registry
        self._kind = kind
        self._id: HandlerId | None = None
        self._changed = threading.Condition()
        _captures[id(self)] = self

    def _take(self, event: Any) -> None:
        with self._changed:
            self.append(event)
            self._changed.notify_all()

    def __enter__(self) -> Self:
        if self._id is None:
            self._id = self._registry.register(self._take, kinds=self._kind, priority=2**31 - 1, name="capture")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        identity, self._id = self._id, None
        if identity is not None and not self._registry.closed:
            self._registry.unregister(identity)

    def wait(self, count: int, timeout: float = 5.0) -> Self:
        """Returns when at least `count` events have come, for code that notifies from other threads."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self) >= count, timeout):
                raise TimeoutError(f"{len(self)} of {count} events came within {timeout} s: {list(self)!r}")
        return self

    __hash__ = None


def capture(registry: AnyRegistry, kind: str | None = None) -> Capture:
    """See Capture."""
    return Capture(registry, kind)
