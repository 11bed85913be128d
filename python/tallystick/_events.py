"""Waiting for events: `wait_for`, and bounded asynchronous iteration with `events`."""

import os
import threading
import time
import weakref
from collections import deque
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NoReturn, Self

from . import _core
from ._core import HandlerId, Registry
from ._scopes import AnyRegistry
from .errors import ClosedError, RangeError, TimeoutError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

_SLICE_SECONDS = 0.05


def wait_for(self: Registry, kind: str | None = None, timeout: float | None = None) -> Any:
    timeout = _core._seconds(timeout)
    arrived: SimpleQueue[Any] = SimpleQueue()  # a signal handler on this very thread may bring the event
    take = arrived.put
    deadline = None if timeout is None else time.monotonic() + timeout
    identity = self.register(take, once=True, kinds=kind, priority=2**31 - 1)
    try:
        while True:
            try:
                return arrived.get(timeout=_slice(deadline))
            except Empty:
                pass
            if self.closed or identity not in self:
                return _give_up(arrived, "the registry was closed or cleared while an event was waited for")
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"no event{_of(kind)} came within {timeout} s")
    finally:
        if not self.closed:
            self.unregister(identity)


def _slice(deadline: float | None) -> float:
    if deadline is None:
        return _SLICE_SECONDS
    return min(_SLICE_SECONDS, max(0.0, deadline - time.monotonic()))


def _of(kind: str | None) -> str:
    return "" if kind is None else f" of {kind!r}"


def _give_up(arrived: "SimpleQueue[Any]", message: str) -> Any:
    """Unless the event is just arriving: `once` takes a handler off the list before it runs."""
    try:
        return arrived.get(timeout=_SLICE_SECONDS)
    except Empty:
        raise ClosedError(message) from None


_buffers: "weakref.WeakSet[_Buffer]" = weakref.WeakSet()


def _renew_locks() -> None:
    """In the child of a fork: a thread that is gone may have held them."""
    for buffer in _buffers:
        buffer.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


class _Buffer:
    """What the notifying threads and the iterating task share."""

    __slots__ = ("__weakref__", "dropped", "ended", "events", "lock", "loop", "maxsize", "waiter")

    def __init__(self, maxsize: int) -> None:
        self.events: deque[Any] = deque()
        self.maxsize = maxsize
        self.dropped = 0
        self.ended = False
        # Re-entrant: the garbage collector or a signal handler may notify while this thread pushes.
        self.lock = threading.RLock()
        _buffers.add(self)
        self.loop: AbstractEventLoop | None = None
        self.waiter: Future[None] | None = None

    def push(self, event: Any) -> None:
        with self.lock:
            if len(self.events) >= self.maxsize:
                self.dropped += 1
                return
            self.events.append(event)
            self._wake()

    def end(self) -> None:
        with self.lock:
            self.ended = True
            self._wake()

    def _wake(self) -> None:
        """Under the lock; one wake-up for any number of events."""
        waiter, self.waiter = self.waiter, None
        if waiter is None or self.loop is None or self.loop.is_closed():
            return
        self.loop.call_soon_threadsafe(_resolve, waiter)


def _resolve(waiter: "Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


class _Sink:
    """The handler. The registry is its only owner, so its end is the end of the events."""

    __slots__ = ("__weakref__", "_buffer")

    def __init__(self, buffer: _Buffer) -> None:
        self._buffer = buffer

    def __call__(self, event: Any) -> None:
        self._buffer.push(event)


class Events:
    """Events as they come, for `async for`; bounded, from any thread, for one task at a time.

        async with registry.events("order.*", maxsize=100) as orders:
            async for order in orders:
                ...

    It listens from the moment it is made. When `maxsize` events wait, a new one is dropped and counted
    in `dropped`: notify never waits. It ends, after what waits has been taken, when it is closed,
    when the registry is closed, or when its handler is removed.
    """

    def __init__(self, registry: AnyRegistry, kind: str | None = None, maxsize: int = 1024) -> None:
        if not isinstance(maxsize, int) or maxsize < 1:
            raise RangeError(f"maxsize is 1 or more events, not {maxsize!r}")
        self._buffer = _Buffer(maxsize)
        self._registry = weakref.ref(registry)
        sink = _Sink(self._buffer)
        self._id: HandlerId = registry.register(sink, kinds=kind)
        weakref.finalize(sink, self._buffer.end).atexit = False

    @property
    def dropped(self) -> int:
        """How many events found no room."""
        return self._buffer.dropped

    def __len__(self) -> int:
        """How many events wait."""
        return len(self._buffer.events)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        import asyncio

        buffer = self._buffer
        while True:
            with buffer.lock:
                if buffer.events:
                    return buffer.events.popleft()
                if buffer.ended:
                    raise StopAsyncIteration
                if buffer.waiter is not None:
                    raise RuntimeError("another task is waiting for these events already")
                buffer.loop = asyncio.get_running_loop()
                waiter = buffer.waiter = buffer.loop.create_future()
            try:
                await waiter
            finally:
                with buffer.lock:
                    if buffer.waiter is waiter:
                        buffer.waiter = None

    def close(self) -> None:
        """Stops listening; what waits can still be taken."""
        registry = self._registry()
        if registry is not None and not registry.closed:
            registry.unregister(self._id)
        self._buffer.end()

    async def aclose(self) -> None:
        """close, and drop what waits."""
        self.close()
        self._buffer.events.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    def __reduce_ex__(self, protocol: object, /) -> NoReturn:
        raise TypeError("Events are neither copied nor pickled: two of them would each end the one registration")

    def __del__(self) -> None:
        if hasattr(self, "_id"):
            self.close()


def events(self: Registry, kind: str | None = None, maxsize: int = 1024) -> Events:
    return Events(self, kind, maxsize)
