"""One notify of an AsyncRegistry from the moment when a handler has suspended."""

import asyncio
import functools
from typing import TYPE_CHECKING, Any

from . import _core, _log
from ._delivery import StandIn

if TYPE_CHECKING:
    from .aio import AsyncRegistry


class Run:
    """Waits for the handlers that suspended, starts those that are left as there is room, and ends all
    of them when the notify is cancelled or its time is over."""

    __slots__ = ("_active", "_broken", "_change", "_expired", "_note", "_owner")

    def __init__(self, owner: "AsyncRegistry", note: _core.Notification) -> None:
        self._owner = owner
        self._note = note
        self._active: dict[asyncio.Future[Any], StandIn] = {}
        self._change: asyncio.Future[None] | None = None
        self._expired = False
        self._broken: BaseException | None = None
        """What is no failure and so ends the notify: it came out of a handler, or of on_panic."""

    async def run(self) -> _core.AsyncNotified:
        note = self._note
        timer = note.stage.loop.call_later(note.timeout, self._expire) if note.timeout is not None else None
        try:
            self._take(note.start(0))
            while self._active or note.left:
                if note.left and len(self._active) < note.limit:
                    self._take(note.start(note.limit - len(self._active)))
                else:
                    await self._changed()
                if self._broken is not None:
                    raise self._broken
        except GeneratorExit:
            self._cancel()
            raise
        except BaseException:
            self._cancel()
            await self._drain()
            raise
        finally:
            if timer is not None:
                timer.cancel()
        return note.result()

    def _take(self, started: list[tuple[asyncio.Future[Any], StandIn]]) -> None:
        for task, entry in started:
            self._active[task] = entry
            self._owner._started(task, entry)
            task.add_done_callback(self._done)
            if self._expired:
                task.cancel()

    async def _changed(self) -> None:
        self._change = self._note.stage.loop.create_future()
        try:
            await self._change
        finally:
            self._change = None

    def _wake(self) -> None:
        if self._change is not None and not self._change.done():
            self._change.set_result(None)

    def _done(self, task: "asyncio.Future[Any]") -> None:
        """At once, not when all have finished: a failure is reported when it happens."""
        entry = self._active.pop(task)
        self._owner._ended(task, entry)
        note = self._note
        try:
            if task.cancelled():
                note.cancelled += 1
            elif isinstance(error := task.exception(), Exception):
                note.failed += 1
                self._owner._failed(entry, note.event, note.kind, error)
            elif error is not None:
                self._broken = self._broken or error
        except BaseException as error:
            self._broken = self._broken or error
        if not self._active or note.left or self._broken is not None:
            self._wake()

    def _expire(self) -> None:
        self._expired = True
        self._cancel()
        self._wake()

    def _cancel(self) -> None:
        self._note.skip()
        for task in list(self._active):
            task.cancel()

    async def _drain(self) -> None:
        """A handler may take its time to end, and we are its only witness."""
        while self._active:
            try:
                await self._changed()
            except asyncio.CancelledError:
                self._cancel()


def abandon(started: list[tuple["asyncio.Future[Any]", StandIn]]) -> None:
    """Something else than a failure came out of a handler before these were waited for."""
    for task, entry in started:
        task.add_done_callback(functools.partial(_log_abandoned, entry))
        task.cancel()


def _log_abandoned(entry: StandIn, task: "asyncio.Future[Any]") -> None:
    error = None if task.cancelled() else task.exception()
    if isinstance(error, Exception):
        _log.late(entry.label, error)
