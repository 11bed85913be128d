"""Registrations that end with a scope: guards, connected, edit. muted and paused are in C, see ext/scope.c."""

import warnings
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NoReturn, Protocol, Self

from . import _core
from ._core import HandlerId, Registry
from .errors import ClosedError


class AnyRegistry(Protocol):
    """What Registry and AsyncRegistry have in common; what is written once for both takes this."""

    @property
    def closed(self) -> bool: ...
    def register(self, handler: Any, *, priority: int = 0, kinds: Any = None, name: str | None = None) -> HandlerId: ...
    def unregister(self, handler: object, /) -> bool: ...
    def __contains__(self, handler: object, /) -> bool: ...
    def _edit(self, operations: Iterable[tuple[Any, ...]], /) -> list[HandlerId | bool]: ...


class Guard:
    """Ties one registration to a scope.

    Closing it, or leaving its `with` block, unregisters the handler; it never calls it. Harmless
    when the handler is gone already, when the registry is closed or dropped, and when done twice. A
    guard that is dropped without either unregisters too, with a ResourceWarning, since that is
    rarely meant. Does not keep the registry alive.
    """

    __slots__ = ("__weakref__", "_id", "_registry")

    def __init__(self, registry: AnyRegistry, id: HandlerId) -> None:
        self._registry: weakref.ref[AnyRegistry] | None = None
        if not isinstance(id, HandlerId):
            raise TypeError(f"a guard is of a registration, by its HandlerId, not {id!r}")
        if not registry.closed:
            _ = id in registry  # ForeignError now, not when it is dropped
        self._id = id
        self._registry = weakref.ref(registry)

    @property
    def id(self) -> HandlerId:
        return self._id

    @property
    def active(self) -> bool:
        """Whether closing would still do something."""
        registry = self._registry() if self._registry is not None else None
        try:
            return registry is not None and self._id in registry
        except ClosedError:
            return False

    def close(self) -> bool:
        """Unregisters; True when this call removed the handler."""
        registry = self._registry() if self._registry is not None else None
        self._registry = None
        try:
            return registry is not None and registry.unregister(self._id)
        except ClosedError:
            return False

    def forget(self) -> HandlerId:
        """Lets go: the handler stays until somebody unregisters it. Returns its id."""
        self._registry = None
        return self._id

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        self.close()

    def __reduce_ex__(self, protocol: object, /) -> NoReturn:
        raise TypeError("a Guard is neither copied nor pickled: two of them would each end the one registration")

    def __del__(self) -> None:
        if getattr(self, "_registry", None) is not None and self.active:
            warnings.warn(f"{self!r} was dropped: close() or forget() it", ResourceWarning, stacklevel=2, source=self)
            self.close()

    def __repr__(self) -> str:
        return f"<Guard of {self._id!r}, {'active' if self.active else 'done'}>"


def guard(self: Registry, handler: Any, **options: Any) -> Guard:
    return Guard(self, self.register(handler, **options))


@contextmanager
def connected(self: AnyRegistry, handler: Any, **options: Any) -> Iterator[HandlerId]:
    with Guard(self, self.register(handler, **options)) as tie:
        yield tie.id


def _replay(registry: Registry, waiting: list[tuple[Any, str | None]]) -> None:
    """After a pause: all that waited, whatever fails; then what failed."""
    failures: list[Exception] = []
    for event, kind in waiting:
        try:
            registry.notify(event, kind)
        except Exception as error:
            failures.append(error)
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {len(waiting)} events that had waited failed", failures)


_core._helpers()["replay"] = _replay


class Edit:
    """Collects changes and publishes them as one snapshot when the `with` block ends.

        with registry.edit() as edit:
            edit.register(first, priority=10)
            edit.register(second)
            edit.unregister(old)
        identity, _ = edit.ids

    All or nothing: when one is refused, or the block raises, nothing changes. Registering N handlers
    this way costs O(N log N) instead of O(N²).
    """

    def __init__(self, registry: AnyRegistry) -> None:
        self._registry = registry
        self._operations: list[tuple[Any, ...]] = []
        self.ids: list[HandlerId] = []
        """The ids of what was registered, in order; empty until the block has ended."""
        self.removed: list[bool] = []
        """For each unregister, in order, whether this edit removed it."""

    def register(self, handler: Any, **options: Any) -> None:
        """As Registry.register, but the id comes later."""
        self._operations.append((handler, options))

    def unregister(self, handler: Any) -> None:
        """As Registry.unregister; not for what this edit registers."""
        self._operations.append((handler,))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        operations, self._operations = self._operations, []
        if kind is not None:
            return
        for result in self._registry._edit(operations):
            if isinstance(result, HandlerId):
                self.ids.append(result)
            else:
                self.removed.append(result)


def edit(self: Registry) -> Edit:
    return Edit(self)
