"""`on(…, loop=…)`: handlers that run elsewhere, and their failures, which come later."""

import weakref
from collections.abc import Callable, Coroutine
from types import GeneratorType
from typing import TYPE_CHECKING, Any, TypeAlias

from . import _core, _log
from ._core import HandlerId, Registry

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task

Delivery: TypeAlias = Callable[[Callable[[Any], None], Any], object]
"""Runs a handler with an event some time, somewhere: `delivery(handler, event)`."""


class StandIn:
    """What is registered instead of `subject`, a handler that is run by other means than the core's. To
    the outside it is the subject: listed, found and named as that."""

    __slots__ = ("__weakref__", "id", "name", "subject")

    def __init__(self, subject: Any, name: str | None) -> None:
        self.subject = subject
        self.name = name
        self.id: HandlerId | None = None

    @property
    def label(self) -> str:
        """What reports call it."""
        return str(self.name or getattr(self.subject, "__qualname__", ""))

    def __call__(self, event: Any) -> None:
        raise NotImplementedError


_core._helpers()["stand_in"] = StandIn


def refuse_generator(handler: object) -> None:
    if _core._asynchronous(handler) == "generator":
        raise TypeError(f"{handler!r} is an asynchronous generator: calling it would run nothing of it")


_ITERABLE_COROUTINE = 0x100
"""inspect.CO_ITERABLE_COROUTINE, the mark of types.coroutine; inspect costs too much to import."""


async def _awaiting(awaitable: Any) -> Any:
    return await awaitable


class Deferred(StandIn):
    """Called by notify, it only hands over."""

    __slots__ = ("_deliver", "_kind", "_registry", "_tasks")

    def __init__(self, registry: Registry, handler: Callable[[Any], object], loop: Any, kind: str, name: Any) -> None:
        super().__init__(handler, name)
        self._registry = weakref.ref(registry)
        self._kind = kind if not kind.endswith("*") else None
        self._tasks: set[Task[Any]] = set()
        self._deliver = self._delivery_to(loop)

    def _delivery_to(self, loop: Any) -> Callable[[Any], object]:
        if hasattr(loop, "call_soon_threadsafe"):
            return lambda event: loop.call_soon_threadsafe(self._run_on_loop, loop, event)
        if hasattr(loop, "submit"):
            if _core._asynchronous(self.subject) is not None:
                raise TypeError(f"{self.subject!r} is async: an Executor would never run it, an event loop does")
            return lambda event: loop.submit(self._run, event)
        if callable(loop):
            return lambda event: loop(self._run, event)
        raise TypeError(f"loop is an event loop, an Executor or a function of (handler, event), not {loop!r}")

    def __call__(self, event: Any) -> None:
        self._deliver(event)

    def _run(self, event: Any) -> object:
        try:
            return self.subject(event)
        except Exception as error:
            self._failed(event, error)
            return None

    def _run_on_loop(self, loop: "AbstractEventLoop", event: Any) -> None:
        result = self._run(event)
        if isinstance(result, GeneratorType) and result.gi_code.co_flags & _ITERABLE_COROUTINE:
            result = _awaiting(result)
        if isinstance(result, Coroutine):
            task = loop.create_task(result)
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._finished(done, event))

    def _finished(self, task: "Task[Any]", event: Any) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._failed(event, error)

    def _failed(self, event: Any, error: Exception) -> None:
        registry = self._registry()
        if registry is not None and not registry.closed:
            registry._report(self, event, self._kind, error)
        else:
            _log.late(self.label, error)


def on(self: Registry, kind: str, handler: Any = None, *, loop: Any = None, **options: Any) -> Any:
    if not isinstance(kind, str):
        raise TypeError(f"on() takes the name of a kind first, such as 'order.paid', not {kind!r}")
    if handler is None:

        def decorate(function: Any) -> Any:
            on(self, kind, function, loop=loop, **options)
            return function

        return decorate
    if loop is None:
        return self.register(handler, kinds=kind, **options)
    if options.get("weak"):
        raise TypeError("weak and loop do not go together: what is on its way must be kept")
    if not callable(handler):
        raise TypeError(f"a handler is callable with one argument, not {handler!r}")
    refuse_generator(handler)
    deferred = Deferred(self, handler, loop, kind, options.get("name"))
    deferred.id = self.register(deferred, kinds=kind, **options)
    return deferred.id
