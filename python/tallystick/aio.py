"""For asyncio: `open`, whose store has the same names as `tallystick.open`'s, awaited (see _aio_store.py):

    async with aio.open("audit.tally") as store:
        receipt = await store.append("account/42", "account.opened", {"plan": "pro"})
        async for event in store.read(stream="account/42"):
            ...

And AsyncRegistry: the registry whose handlers may be coroutine functions.

    registry = AsyncRegistry()

    @registry.on("order.paid")
    async def ship(order): ...

    result = await registry.emit("order.paid", order)

`notify` is awaited on an event loop; one registry may serve several loops in several threads.
Everything else may be called from anywhere.
"""

import asyncio
import builtins
import weakref
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Self, TypeAlias, TypeVar, overload

from . import _core, _log, _scopes
from ._aio_store import AsyncBatch, AsyncReader, AsyncStore, ask_witness, open, verify
from ._core import AsyncNotified, Failure, HandlerId, HandlerInfo, Registry, Statistics
from ._delivery import StandIn, refuse_generator
from ._events import Events
from ._run import Run, abandon
from ._scopes import Edit, Guard
from ._stage import SPARES, Stage
from .errors import ClosedError, TimeoutError, WouldBlockError

__all__ = ["AsyncBatch", "AsyncHandler", "AsyncReader", "AsyncRegistry", "AsyncStore", "ask_witness", "open", "verify"]

_F = TypeVar("_F", bound=Callable[..., object])
AsyncHandler: TypeAlias = Callable[[Any], Awaitable[object] | object]


class _Entry(StandIn):
    """One registration. `handler` is what to call; None when `claim` has to be asked for it."""

    __slots__ = ("_once", "_registry", "_weak", "handler")

    def __init__(
        self, registry: Registry, handler: Any, once: bool = False, weak: bool = False, name: Any = None
    ) -> None:
        if not callable(handler):
            raise TypeError(f"a handler is callable with one argument, not {handler!r}")
        refuse_generator(handler)
        super().__init__(None if weak else handler, name)
        self._registry = weakref.ref(registry)
        self._once = once
        self._weak = _weak_reference(handler) if weak else None
        self.handler = None if weak or once else handler

    def claim(self) -> AsyncHandler | None:
        """The handler, if it is still there and, for `once`, nobody was faster."""
        handler: AsyncHandler | None = self.subject if self._weak is None else self._weak()
        registry = self._registry()
        if registry is None or registry.closed:
            return None
        if (self._once or handler is None) and not (self.id is not None and registry.unregister(self.id)):
            return None
        return handler


def _weak_reference(handler: Any) -> Any:
    if hasattr(handler, "__self__") and hasattr(handler, "__func__"):
        return weakref.WeakMethod(handler)
    if not hasattr(handler, "__code__") or handler.__name__ == "<lambda>":
        raise TypeError(f"weak=True takes a function or a bound method; {handler!r} would be gone at once")
    return weakref.ref(handler)


class AsyncRegistry:
    """An ordered set of handlers, plain ones and coroutine functions; `notify` runs all of them.

    Handlers start in priority order and run concurrently, each in its own copy of the caller's
    context. Plain ones run inline. A handler that finishes without suspending costs no task; one that
    suspends goes on in a task, which is `current_task()` from its first line on.

    A failing handler hurts nobody else. It is reported when it fails, also while the notify is being
    cancelled, to on_panic, or to the logger "tallystick" when there is none. What is not an Exception
    (KeyboardInterrupt, SystemExit) cancels the others and propagates.

    Closing it keeps handlers from starting; those that run go on. `async with` waits for them.
    """

    __slots__ = ("__weakref__", "_inner", "_runs", "_stage", "_stages")

    def __init__(self, *, capacity: int = 0) -> None:
        self._inner = Registry(capacity=capacity)
        self._stages: dict[asyncio.AbstractEventLoop, Stage] = {}
        self._stage: Stage | None = None  # of the last notify
        # Tasks of handlers that suspended, by handler.
        self._runs: dict[HandlerId | None, set[asyncio.Future[Any]]] = {}

    # ------------------------------------------------------------------------------------- notify

    def notify(
        self, event: Any, kind: str | None = None, *, timeout: float | None = None, limit: int | None = None
    ) -> "_core.Notification":
        """Takes a snapshot of the handlers now, and runs them when the answer is awaited, once.

        Dropped without being awaited it warns and runs nothing. Cancelling whoever awaits it cancels
        the handlers that have not finished, and waits for them.

        Args:
            timeout: seconds after which handlers that have not finished are cancelled, and counted so.
            limit: how many handlers may run at a time.

        Returns: awaited, AsyncNotified(fired, failed, skipped, cancelled). `fired + skipped` is the
            number of handlers in the snapshot; failed and cancelled ones are among the fired.
        """
        return _core._notification(self, self._inner, event, kind, limit, timeout)

    def notify_sequential(
        self, event: Any, kind: str | None = None, *, timeout: float | None = None
    ) -> "_core.Notification":
        """notify with limit=1: each handler has finished before the next one starts."""
        return self.notify(event, kind, timeout=timeout, limit=1)

    def emit(
        self, name: str, event: Any = None, *, timeout: float | None = None, limit: int | None = None
    ) -> "_core.Notification":
        """`notify(event, kind=name)`, by name first."""
        return self.notify(event, name, timeout=timeout, limit=limit)

    # ----------------------------------------------------------------------- register and remove

    def register(
        self,
        handler: AsyncHandler,
        *,
        priority: int = 0,
        once: bool = False,
        name: str | None = None,
        kinds: str | Iterable[str] | None = None,
        max_failures: int | None = None,
        weak: bool = False,
    ) -> HandlerId:
        """As Registry.register. A weak handler is removed by its id only."""
        entry = _Entry(self._inner, handler, once, weak, name)
        entry.id = self._inner.register(entry, priority=priority, name=name, kinds=kinds, max_failures=max_failures)
        return entry.id

    @overload
    def on(self, kind: str, handler: None = None, **options: Any) -> Callable[[_F], _F]: ...
    @overload
    def on(self, kind: str, handler: AsyncHandler, **options: Any) -> HandlerId: ...
    def on(self, kind: str, handler: AsyncHandler | None = None, **options: Any) -> Any:
        """`register(handler, kinds=kind, …)`; without a handler it decorates one."""
        if handler is not None:
            return self.register(handler, kinds=kind, **options)

        def decorate(function: _F) -> _F:
            self.register(function, kinds=kind, **options)
            return function

        return decorate

    def unregister(self, handler: HandlerId | object, /) -> bool:
        """As Registry.unregister: one that has started goes on."""
        return self._inner.unregister(handler)

    async def unregister_wait(self, handler: HandlerId | object, /, timeout: float | None = None) -> bool:
        """Removes a handler and waits until it does not run any more. Inside a handler it is removed
        and WouldBlockError raised; after `timeout` seconds TimeoutError."""
        timeout = _core._seconds(timeout)
        identity = self._inner._find(handler)
        removed = self._inner.unregister(identity) if identity is not None else False
        await self._until_finished(identity, timeout)
        return removed

    def clear(self) -> int:
        """As Registry.clear."""
        return self._inner.clear()

    def contains(self, handler: HandlerId | object, /) -> bool:
        """As Registry.contains."""
        return self._inner.contains(handler)

    def __contains__(self, handler: object, /) -> bool:
        return handler in self._inner

    def __len__(self) -> int:
        return len(self._inner)

    def __bool__(self) -> bool:
        return bool(self._inner)

    def is_empty(self) -> bool:
        return self._inner.is_empty()

    def handlers(self) -> list[HandlerInfo]:
        """As Registry.handlers; calls are not counted here."""
        return self._inner.handlers()

    def stats(self) -> Statistics:
        return self._inner.stats()

    def on_panic(self, callback: Callable[[Failure], object] | None, /) -> Callable[[Failure], object] | None:
        """As Registry.on_panic; a plain function, called on the loop where the handler failed."""
        return self._inner.on_panic(callback)

    # ------------------------------------------------------------------------------------- scopes

    def guard(self, handler: AsyncHandler, **options: Any) -> Guard:
        """As Registry.guard."""
        return Guard(self, self.register(handler, **options))

    def connected(self, handler: AsyncHandler, **options: Any) -> AbstractContextManager[HandlerId]:
        """As Registry.connected."""
        return _scopes.connected(self, handler, **options)

    def edit(self) -> Edit:
        """As Registry.edit."""
        return Edit(self)

    def muted(self) -> AbstractContextManager[Self]:
        """As Registry.muted; holds for notifies that are called in the block."""
        return self._inner._muted_for(self)

    async def wait_for(self, kind: str | None = None, timeout: float | None = None) -> Any:
        """The next event of that kind. TimeoutError; ClosedError when the registry is closed."""
        timeout = _core._seconds(timeout)
        async with self.events(kind, maxsize=1) as events:
            try:
                async with asyncio.timeout(timeout):
                    async for event in events:
                        return event
            except builtins.TimeoutError:
                raise TimeoutError(f"no event came within {timeout} s") from None
        raise ClosedError("the registry was closed or cleared while an event was waited for")

    def events(self, kind: str | None = None, maxsize: int = 1024) -> Events:
        """As Registry.events."""
        return Events(self, kind, maxsize)

    # -------------------------------------------------------------------------------------- close

    @property
    def closed(self) -> bool:
        return self._inner.closed

    def close(self) -> None:
        """No handler starts after it; those that run go on."""
        self._inner.close()

    async def aclose(self) -> None:
        """close, then waits for the handlers that run; inside one of them it does not wait."""
        self.close()
        if asyncio.current_task() not in SPARES:
            for identity in list(self._runs):
                await self._until_finished(identity, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return repr(self._inner).replace("<Registry", "<AsyncRegistry", 1).replace(", isolate", "", 1)

    def _repr_html_(self) -> str:
        return self._inner._repr_html_()

    # ---------------------------------------------------------------- for the other parts of this

    def _stage_now(self) -> Stage:
        loop = asyncio.get_running_loop()
        stage = self._stages.get(loop)
        if stage is None:
            stage = Stage(loop)
            open_ones = {other: its for other, its in self._stages.items() if not other.is_closed()}
            self._stages = open_ones | {loop: stage}
        self._stage = stage
        return stage

    async def _finish(self, note: "_core.Notification") -> AsyncNotified:
        return await Run(self, note).run()

    def _abandon(self, started: list[tuple["asyncio.Future[Any]", StandIn]]) -> None:
        abandon(started)

    def _started(self, task: "asyncio.Future[Any]", entry: StandIn) -> None:
        self._runs.setdefault(entry.id, set()).add(task)

    def _ended(self, task: "asyncio.Future[Any]", entry: StandIn) -> None:
        runs = self._runs.get(entry.id)
        if runs is not None:
            runs.discard(task)
            if not runs:
                self._runs.pop(entry.id, None)

    def _failed(self, entry: StandIn, event: Any, kind: str | None, error: Exception) -> None:
        if self._inner.closed:
            _log.late(entry.label, error)
        else:
            self._inner._report(entry, event, kind, error)

    async def _until_finished(self, identity: HandlerId | None, timeout: float | None) -> None:
        if asyncio.current_task() in SPARES:
            raise WouldBlockError("inside a handler this would wait for itself; the wait was not made")
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        while runs := self._runs.get(identity):
            left = None if deadline is None else deadline - loop.time()
            if left is not None and left <= 0:
                raise TimeoutError(f"the handler still ran after {timeout} s")
            here = [task for task in runs if task.get_loop() is loop]
            if here:
                await asyncio.wait(here, timeout=left)
                await asyncio.sleep(0)
            else:  # on another thread's loop, whose tasks cannot be awaited here
                await asyncio.sleep(0.005)

    def _edit(self, operations: Iterable[tuple[Any, ...]]) -> list[Any]:
        made: list[_Entry] = []
        inner_operations: list[tuple[Any, ...]] = []
        for operation in operations:
            if len(operation) == 2:
                options = dict(operation[1])
                once, weak = options.pop("once", False), options.pop("weak", False)
                made.append(_Entry(self._inner, operation[0], once, weak, options.get("name")))
                operation = (made[-1], options)
            inner_operations.append(operation)
        results = self._inner._edit(inner_operations)
        entries = iter(made)
        for result in results:
            if isinstance(result, HandlerId):
                next(entries).id = result
        return results
