"""The idle task that a handler of AsyncRegistry is given for its first step, and keeps if it suspends.

The spare is a Task whose coroutine is an Adapter. While it is idle it waits for a future of its own; a
handler that suspends on its first step is *adopted*: the adapter yields to the task what the handler
yielded, and from then on drives the handler. For the handler it is as if it had been that task's
coroutine from the start.
"""

import asyncio
import asyncio.tasks as tasks
import weakref
from collections.abc import Awaitable, Coroutine
from contextvars import Context
from typing import Any, cast

from . import _core

# From 3.12 there is a function; before, the dict that it hides.
_CURRENT: Any = getattr(tasks, "_swap_current_task", None) or tasks._current_tasks  # type: ignore[attr-defined]
_NOTHING = object()

SPARES: "weakref.WeakSet[asyncio.Future[Any]]" = weakref.WeakSet()
"""All spares and what became of them, and the tasks that handlers returned: whoever runs in one is inside a
handler."""


class Adapter(Coroutine[Any, None, Any]):
    """The coroutine of a spare task: idle, then a handler's, or retired before it was anybody's."""

    __slots__ = ("_context", "_handler", "_idle", "_loop", "_retired", "_yielded")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handler: Coroutine[Any, Any, Any] | None = None
        self._context = Context()
        self._yielded: Any = _NOTHING
        self._idle: asyncio.Future[None] | None = None
        self._retired = False

    def adopt(
        self, task: "asyncio.Task[Any]", handler: Coroutine[Any, Any, Any], context: Context, yielded: Any
    ) -> None:
        """`handler` has made its first step and yielded `yielded`: from now on this is its task."""
        self._handler = handler
        self._context = context
        self._yielded = yielded
        if getattr(yielded, "_asyncio_future_blocking", None):
            # Until the task hears of it, others may await the same future.
            yielded._asyncio_future_blocking = False
        task._log_destroy_pending = True  # type: ignore[attr-defined]
        tasks._register_task(task)
        self._wake()

    def retire(self) -> None:
        """A handler that did not suspend has left its mark on the task: the task ends, as its would have."""
        self._retired = True
        self._wake()

    def _wake(self) -> None:
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def send(self, value: Any) -> Any:
        if self._handler is None:
            if self._retired:
                raise StopIteration(None)
            self._idle = self._loop.create_future()
            return _await(self._idle)
        if self._yielded is not _NOTHING:
            yielded, self._yielded = self._yielded, _NOTHING
            if yielded is not None:
                return _await(yielded)
        return self._context.run(self._handler.send, value)

    def throw(self, error: Any, value: Any = None, traceback: Any = None) -> Any:
        if value is None:
            value = error() if isinstance(error, type) else error
        if self._handler is None:
            raise value
        if self._yielded is not _NOTHING:
            # Cancelled before the loop has turned: cancel what the handler awaits, as its task would.
            yielded, self._yielded = self._yielded, _NOTHING
            if hasattr(yielded, "cancel"):
                yielded.cancel(*value.args)
                return _await(yielded)
        return self._context.run(self._handler.throw, value)

    def close(self) -> None:
        if self._handler is not None:
            self._context.run(self._handler.close)

    def __await__(self) -> Any:
        raise RuntimeError("an adapter belongs to its task")


def _await(future: Any) -> Any:
    """What a coroutine yields for `await future`."""
    if hasattr(future, "_asyncio_future_blocking"):
        future._asyncio_future_blocking = True
    return future


class Stage(_core.Stage):
    """A loop and its spare. The C half takes the spare, and asks for a new one when it is gone."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.current = _CURRENT
        self.running = asyncio._get_running_loop
        self.cancelled = asyncio.CancelledError

    def renew(self) -> None:
        adapter = Adapter(self.loop)
        task: asyncio.Task[Any] = asyncio.Task(adapter, loop=self.loop, context=Context())
        # Nobody should see, cancel or complain about a task that is nobody's.
        tasks._unregister_task(task)
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        SPARES.add(task)
        self.adapter = adapter
        self.task = task

    def wrap(self, awaitable: Any) -> "asyncio.Future[Any]":
        """For what a handler returned that is no coroutine but can be awaited. Its task is the handler's."""
        if not asyncio.isfuture(awaitable):
            return self.loop.create_task(_inside(awaitable))
        if isinstance(awaitable, asyncio.Task):
            SPARES.add(awaitable)
        future: asyncio.Future[Any] = asyncio.ensure_future(awaitable, loop=self.loop)
        return future


async def _inside(awaitable: Awaitable[Any]) -> Any:
    # Here, not where the task is made: an eager one runs at once.
    SPARES.add(cast("asyncio.Task[Any]", asyncio.current_task()))
    return await awaitable
