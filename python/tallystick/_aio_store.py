"""AsyncStore: the store for asyncio; its names are Store's, its methods are awaited.

Appends and waits are handed to the store's own thread, which puts what became of them into a ring and
rings once (an eventfd that the loop reads). Reads run in threads, by pages. Nothing blocks the loop.

An append that is cancelled was committed or not; its place in the books is kept until the store has
answered, and whether it happened is found by its id.
"""

import asyncio
import builtins
import os
import time
import weakref
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from . import _core, _log, _proofs, _reading, _upkeep, _witness
from ._batch import Drafts
from ._core import Event, Listed, Reader, Receipt, Registry, Store, StoreInfo, StoreStatistics, StreamHead, Watermarks
from ._store import Ancestors, batch_options
from .errors import BusyError, ClosedError, DamagedError, OptionError, TimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Unpack

    from ._options import (
        AppendOptions,
        CommitOptions,
        Draft,
        Durability,
        FilterOptions,
        HandlerOptions,
        OpenOptions,
        QueryOptions,
        VerifyOptions,
        WitnessOptions,
    )
    from ._proofs import Mode, Text

_THREADS = 4
_FIRST_PAGE, _PAGE_MAX = 32, 512
_SLICE_SECONDS = 0.05


class _Bell:
    """What the store's thread rings and the loop hears."""

    __slots__ = ("_ears", "hand")

    def __init__(self) -> None:
        if hasattr(os, "eventfd"):
            self._ears = self.hand = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        else:
            self._ears, self.hand = os.pipe()
            os.set_blocking(self._ears, False)
            os.set_blocking(self.hand, False)

    def fileno(self) -> int:
        return self._ears

    def hush(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._ears, 4096)

    def close(self) -> None:
        os.close(self._ears)
        if self.hand != self._ears:
            os.close(self.hand)


def _wait_is_over(waits: "dict[Any, asyncio.Future[None]]", key: object, done: "asyncio.Future[None]") -> None:
    waits.pop(key, None)
    if not done.cancelled():
        done.exception()  # nobody may be waiting any more


def _drain(reference: "weakref.ref[AsyncStore]") -> None:
    """The loop's callback; it does not keep a forgotten store alive."""
    store = reference()
    if store is not None:
        store._drain()


class AsyncStore:
    """A store on one event loop. `await aio.open(path)`, or `async with aio.open(path) as store`."""

    __slots__ = (
        "__weakref__",
        "_bell",
        "_closing",
        "_completions",
        "_executor",
        "_feeder",
        "_hopeful",
        "_loop",
        "_registry",
        "_store",
        "_waits",
    )

    def __init__(self, store: Store, loop: asyncio.AbstractEventLoop, executor: ThreadPoolExecutor) -> None:
        """Of an open Store, whose owner it becomes; `open` is the way to it."""
        self._store = store
        self._loop = loop
        self._executor = executor
        self._bell = _Bell()
        self._completions = _core.Completions(self._bell.hand)
        self._closing: asyncio.Future[None] | None = None
        self._hopeful: list[asyncio.Future[None]] = []  # wait for room in the queue
        self._waits: dict[tuple[str, int], asyncio.Future[None]] = {}
        self._registry: Registry | None = None
        self._feeder: asyncio.Task[None] | None = None
        reference: weakref.ref[AsyncStore] = weakref.ref(self)
        loop.add_reader(self._bell.fileno(), _drain, reference)

    # -------------------------------------------------------------------------------------- machinery

    def _drain(self) -> None:
        self._bell.hush()
        for future, result, error in self._completions.take():
            if future.done():
                continue  # cancelled
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        hopeful, self._hopeful = self._hopeful, []
        for waiter in hopeful:
            if not waiter.done():
                waiter.set_result(None)

    def _check(self) -> None:
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeError("this store belongs to another event loop: open one for each")
        if self._closing is not None or self._store.closed:
            raise ClosedError("the store is closed")

    async def _run(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Any:
        """In a thread: for what may read files."""
        self._check()
        return await self._loop.run_in_executor(self._executor, partial(function, *args, **options))

    async def _submit(self, submit: Callable[..., bool | None], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        self._check()
        future: asyncio.Future[Any] = self._loop.create_future()
        try:
            while True:
                try:
                    if submit(self._completions, future, True, *args, **options) is False:
                        await self._run(submit, self._completions, future, False, *args, **options)
                    break
                except BusyError:
                    await self._room()
                    self._check()
            return await future
        except BaseException:
            future.cancel()  # in an executor's thread it may still be on its way into the books
            raise

    async def _room(self) -> None:
        """Until the queue may have room: something completed, or a moment has passed."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._hopeful.append(waiter)
        await asyncio.wait([waiter], timeout=0.005)

    # --------------------------------------------------------------------------------------- appending

    async def append(self, stream: str, type: str, data: Any = None, **options: "Unpack[AppendOptions]") -> Receipt:
        """As Store.append."""
        receipt: Receipt = await self._submit(self._store._submit, (stream, type, data), dict(options))
        return receipt

    async def append_many(self, events: "Iterable[Draft]", **options: "Unpack[CommitOptions]") -> list[Receipt]:
        """As Store.append_many."""
        receipts: list[Receipt] = await self._submit(self._store._submit_many, (events,), dict(options))
        return receipts

    def batch(self, **options: "Unpack[CommitOptions]") -> "AsyncBatch":
        """As Store.batch: `async with store.batch() as b: b.append(…)`; append of a batch is not awaited."""
        return AsyncBatch(self, batch_options(dict(options)))

    # ---------------------------------------------------------------------------------------- waiting

    async def sync(self) -> None:
        """As Store.sync."""
        self._check()
        if self._store.read_only:
            await self._run(self._store.sync)
            return
        future: asyncio.Future[None] = self._loop.create_future()
        self._store._submit_wait(self._completions, future, "durable", None)
        await future

    async def wait(
        self, position: int | Event | Receipt, *, durability: "Durability" = "durable", timeout: float | None = None
    ) -> None:
        """As Store.wait."""
        timeout = _core._seconds(timeout)
        self._check()
        place = position if isinstance(position, int) else position.position
        try:
            async with asyncio.timeout(timeout):
                if self._store.read_only:
                    await self._wait_by_looking(place, durability)
                else:
                    await asyncio.shield(self._shared_wait(place, durability))
        except builtins.TimeoutError:
            raise TimeoutError(f"position {place} has not come so far within {timeout} s") from None

    def _shared_wait(self, position: int, durability: Any) -> "asyncio.Future[None]":
        """Those who wait for the same share one call: cancelling and waiting again leaves nothing behind."""
        key = durability, position
        future = self._waits.get(key)
        if future is None:
            future = self._loop.create_future()
            self._store._submit_wait(self._completions, future, durability, position)
            self._waits[key] = future
            future.add_done_callback(partial(_wait_is_over, self._waits, key))
        return future

    async def _wait_by_looking(self, position: int, durability: str) -> None:
        """A store that only reads has no thread of its own."""
        while True:
            try:
                await self._run(self._store.wait, position, durability=durability, timeout=_SLICE_SECONDS)
                return
            except TimeoutError:
                pass

    async def watermarks(self) -> Watermarks:
        """As Store.watermarks."""
        return self._store.watermarks()

    # ---------------------------------------------------------------------------------------- reading

    def read(self, stream: str | None = None, **query: "Unpack[QueryOptions]") -> "AsyncReader":
        """As Store.read: `async for event in store.read(…)`. It is opened by the first use."""
        return AsyncReader(self, {"stream": stream, **query})

    def __aiter__(self) -> "AsyncReader":
        return self.read()

    async def follow(
        self,
        from_position: int | None = None,
        *,
        timeout: float | None = None,
        durable_only: bool = False,
        **query: "Unpack[FilterOptions]",
    ) -> AsyncIterator[Event]:
        """As Store.follow: `async for event in store.follow(…)`."""
        timeout = _core._seconds(timeout)
        for name in ("backwards", "to_position", "as_of", "limit"):
            if query.get(name):
                raise builtins.TypeError(f"follow() has no end, so no {name}")
        if from_position is None and query.get("from_version") is None:
            from_position = len(self._store)
        level: Durability = "durable" if durable_only else "written" if self._store.read_only else "buffered"
        reader = AsyncReader(self, {"from_position": from_position, "durable_only": durable_only, **query})
        async with reader:
            deadline = None if timeout is None else time.monotonic() + timeout
            while True:
                async for event in reader:
                    yield event
                    deadline = None if timeout is None else time.monotonic() + timeout
                try:
                    left = None if deadline is None else max(0.0, deadline - time.monotonic())
                    await self.wait(reader._end_position(), durability=level, timeout=left)
                    await reader.refresh()
                except TimeoutError:
                    return
                except ClosedError:
                    return

    async def get(self, key: Any, /) -> Event:
        """As Store.get."""
        event: Event = await self._run(self._store.get, key)
        return event

    async def find(self, id: Any, /) -> int:
        """As Store.find."""
        position: int = await self._run(self._store.find, id)
        return position

    async def find_version(self, stream: str, version: int) -> int:
        """As Store.find_version."""
        position: int = await self._run(self._store.find_version, stream, version)
        return position

    async def head(self, stream: str, /) -> StreamHead:
        """As Store.head."""
        head: StreamHead = await self._run(self._store.head, stream)
        return head

    async def stream_version(self, stream: str, /) -> int:
        """As Store.stream_version."""
        return (await self.head(stream)).next_version - 1

    async def ancestors(self, position: Any, /, *, limit: int = 10_000) -> Ancestors:
        """As Store.ancestors."""
        found: Ancestors = await self._run(self._store.ancestors, position, limit=limit)
        return found

    async def to_records(self, stream: str | None = None, **query: "Unpack[QueryOptions]") -> list[dict[str, Any]]:
        """As Store.to_records."""
        return await self.read(stream, **query).to_records()

    def streams(self, prefix: str | None = None) -> AsyncIterator[Listed]:
        """As Store.streams: `async for name in store.streams()`."""
        return self._listed("streams", prefix)

    def types(self, prefix: str | None = None) -> AsyncIterator[Listed]:
        """As Store.types."""
        return self._listed("types", prefix)

    def tags(self, prefix: str | None = None) -> AsyncIterator[Listed]:
        """As Store.tags."""
        return self._listed("tags", prefix)

    async def _listed(self, what: Any, prefix: str | None) -> AsyncIterator[Listed]:
        after = None
        while rows := await self._run(self._store._list, what, prefix, after):
            for row in rows:
                yield row
            after = rows[-1].name

    # ------------------------------------------------------------------------------- handlers and gates

    def on(self, kind: str, handler: Any = None, **options: "Unpack[HandlerOptions]") -> Any:
        """As Store.on, but on this loop: each event soon after its commit, coroutine functions as tasks."""
        return self.registry.on(kind, handler, loop=self._loop, **options)

    @property
    def registry(self) -> Registry:
        """As Store.registry. It is fed by a task that follows the log, so that the store's thread, which
        commits what is appended here, never enters Python."""
        if self._registry is None:
            self._check()
            registry = self._registry = Registry()
            feeding = _feed(weakref.ref(self), registry, len(self._store))
            self._feeder = self._loop.create_task(feeding, name=f"handlers of {self!r}")
        return self._registry

    def gate(self, function: Any = None, /, *, name: str | None = None, record: bool = False) -> Any:
        """As Store.gate: plain functions, asked on this loop."""
        if function is not None and _core._asynchronous(function) is not None:
            raise builtins.TypeError(f"{function!r} is async; a gate answers at once")
        return self._store.gate(function, name=name, record=record)

    def remove_gate(self, function: Any, /) -> bool:
        """As Store.remove_gate."""
        return self._store.remove_gate(function)

    # --------------------------------------------------------------------------------------- proving

    async def signing(self) -> _proofs.SigningState:
        """As Store.signing."""
        return self._store.signing()

    async def checkpoint(self) -> _proofs.Checkpoint:
        """As Store.checkpoint."""
        head: _proofs.Checkpoint = await self._run(self._store.checkpoint)
        return head

    async def prove(self, position: int | Event | Receipt, /) -> _proofs.Proof:
        """As Store.prove."""
        proof: _proofs.Proof = await self._run(self._store.prove, position)
        return proof

    async def consistency(self, old: int | _proofs.Checkpoint, new: int | _proofs.Checkpoint, /) -> _proofs.Consistency:
        """As Store.consistency."""
        proof: _proofs.Consistency = await self._run(self._store.consistency, old, new)
        return proof

    async def get_stored(self, position: int | Event | Receipt, /) -> bytes:
        """As Store.get_stored."""
        stored: bytes = await self._run(self._store.get_stored, position)
        return stored

    async def keep_note(self, note: "Text | _proofs.Checkpoint", witnesses: "Text | Iterable[Text]" = ()) -> None:
        """As Store.keep_note."""
        await self._run(self._store.keep_note, note, witnesses)

    async def rotate_key(self, signing: _proofs.Signing, /) -> None:
        """As Store.rotate_key."""
        await self._run(self._store.rotate_key, signing)

    async def verify(self, mode: "Mode" = "full", **options: "Unpack[VerifyOptions]") -> _proofs.Report:
        """As Store.verify; `progress` is called in a thread. Cancelling ends the work."""
        self._check()
        return await _verify(self._executor, partial(self._store.verify, mode), dict(options))

    # --------------------------------------------------------------------------------------- looking

    async def stats(self) -> StoreStatistics:
        """As Store.stats."""
        figures: StoreStatistics = await self._run(self._store.stats)
        return figures

    async def backup(self, path: Any, *, progress: Any = None) -> _upkeep.BackupReport:
        """As Store.backup; `progress` is called in a thread."""
        report: _upkeep.BackupReport = await self._run(self._store.backup, path, progress=progress)
        return report

    @property
    def info(self) -> StoreInfo:
        """As Store.info."""
        return self._store.info

    @property
    def path(self) -> str | bytes:
        return self._store.path

    @property
    def read_only(self) -> bool:
        return self._store.read_only

    @property
    def durability(self) -> str:
        return self._store.durability

    def __len__(self) -> int:
        return len(self._store)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return repr(self._store).replace("<Store", "<AsyncStore", 1)

    def _repr_html_(self) -> str:
        return self._store._repr_html_().replace("&lt;Store", "&lt;AsyncStore", 1)

    # ------------------------------------------------------------------------------------------ close

    @property
    def closed(self) -> bool:
        return self._store.closed

    async def close(self) -> None:
        """As Store.close: appends under way are completed, and their futures, before it returns."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        try:
            await self._loop.run_in_executor(self._executor, self._store.close)
        finally:
            self._release()

    def _release(self) -> None:
        """The store is closed, so everything has been answered."""
        self._drain()
        if self._feeder is not None:
            self._feeder.cancel()
        if not self._loop.is_closed():
            self._loop.remove_reader(self._bell.fileno())
        self._completions.close()
        self._bell.close()
        self._executor.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        await self.close()

    def __del__(self) -> None:
        if hasattr(self, "_waits") and self._closing is None:
            self._store._forget()
            self._completions.close()
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(_remove, self._loop, self._bell, self._feeder)
            else:
                self._bell.close()
            self._executor.shutdown(wait=False)


def _remove(loop: asyncio.AbstractEventLoop, bell: _Bell, feeder: "asyncio.Task[None] | None") -> None:
    loop.remove_reader(bell.fileno())
    bell.close()
    if feeder is not None:
        feeder.cancel()


async def _feed(reference: "weakref.ref[AsyncStore]", registry: Registry, position: int) -> None:
    """Tells handlers of each event from `position` on; while it waits, it keeps no store alive."""
    while (store := reference()) is not None and not store.closed:
        try:
            if len(store) > position:
                for event in await store.read(from_position=position).page(_PAGE_MAX):
                    position = event.position + 1
                    _tell(registry, event)
                continue
            waiting: Awaitable[object]
            if store.read_only:
                wait = store._store.wait
                waiting = store._run(wait, position, durability="written", timeout=_SLICE_SECONDS)
            else:
                waiting = asyncio.shield(store._shared_wait(position, "buffered"))
            del store
            await waiting
        except TimeoutError as error:
            error.__traceback__ = None  # leads to the store, and the thread that raised it may keep it a little
        except ClosedError:
            return
        except DamagedError as error:
            _log.late("the handlers of a store", error)
            position += 1


def _tell(registry: Registry, event: Event) -> None:
    """Failures of handlers are the registry's; what comes out is about the registry: its pause is full."""
    try:
        registry.notify(event, event.type)
    except Exception as error:
        _log.late("the handlers of a store", error)


class _Stopped(Exception):
    pass


async def _verify(executor: Any, call: Callable[..., Any], options: dict[str, Any]) -> _proofs.Report:
    """In a thread, which ends soon after the task was cancelled."""
    progress, stopped = options.get("progress"), False

    def go_on(done: int, total: int) -> None:
        if stopped:
            raise _Stopped
        if progress is not None:
            progress(done, total)

    if progress is None or callable(progress):
        options["progress"] = go_on
    work = asyncio.get_running_loop().run_in_executor(executor, partial(call, **options))
    try:
        report: _proofs.Report = await asyncio.shield(work)
    except asyncio.CancelledError:
        stopped = True
        work.add_done_callback(_forget)
        raise
    return report


def _forget(work: "asyncio.Future[Any]") -> None:
    if not work.cancelled():
        work.exception()


async def verify(
    path: "str | bytes | os.PathLike[str] | os.PathLike[bytes]",
    mode: "Mode" = "full",
    **options: "Unpack[VerifyOptions]",
) -> _proofs.Report:
    """As tallystick.verify; `progress` is called in a thread. Cancelling ends the work."""
    return await _verify(None, partial(_proofs.verify, path, mode), dict(options))


async def ask_witness(
    url: str, store: AsyncStore, witnesses: "Text | Iterable[Text]", **options: "Unpack[WitnessOptions]"
) -> _witness.WitnessAnswer:
    """As tallystick.ask_witness, in a thread."""
    answer: _witness.WitnessAnswer = await store._run(_witness.ask_witness, url, store._store, witnesses, **options)
    return answer


class AsyncBatch(Drafts):
    """See AsyncStore.batch."""

    __slots__ = ("_store",)

    def __init__(self, store: AsyncStore, options: dict[str, Any]) -> None:
        super().__init__(options)
        self._store = store

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        if kind is None and self.receipts is None:
            self.receipts = await self._store.append_many(self._events, **self._options) if self._events else []


class AsyncReader:
    """A view of the log, as Reader; for one task at a time. Pages are fetched by a thread."""

    __slots__ = ("__weakref__", "_events", "_fetching", "_page_size", "_query", "_reader", "_store")

    def __init__(self, store: AsyncStore, query: dict[str, Any]) -> None:
        self._store = store
        self._query = query
        self._reader: Reader | None = None
        self._events: deque[Event] = deque()
        self._fetching: asyncio.Future[Any] | None = None
        self._page_size = _FIRST_PAGE

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        if not self._events:
            await self._fetch()
        if not self._events:
            raise StopAsyncIteration
        return self._events.popleft()

    def _fetch_page(self) -> list[Event]:
        """In a thread."""
        if self._reader is None:
            self._reader = self._store._store.read(**self._query)
        return self._reader._page(self._page_size)

    async def _fetch(self) -> None:
        """A page that comes after its task was cancelled is kept for the next one."""
        self._store._check()
        if self._fetching is None:
            self._fetching = asyncio.ensure_future(self._store._run(self._fetch_page))
        fetching = self._fetching
        if not fetching.done():
            await asyncio.wait([fetching])
        if self._fetching is fetching:
            self._fetching = None
            self._events.extend(fetching.result())
            self._page_size = min(self._page_size * 2, _PAGE_MAX)

    async def page(self, count: int) -> _reading.EventList:
        """As Reader.page."""
        events = _reading.EventList()
        while len(events) < count:
            try:
                events.append(await self.__anext__())
            except StopAsyncIteration:
                break
        return events

    async def to_list(self) -> _reading.EventList:
        """As Reader.to_list."""
        return _reading.EventList([event async for event in self])

    async def to_records(self) -> list[dict[str, Any]]:
        """As Reader.to_records."""
        return [_reading.record(event) async for event in self]

    def _end_position(self) -> int:
        if self._reader is None:
            raise ClosedError("the reader is closed")
        return self._reader.end_position

    async def refresh(self) -> None:
        """As Reader.refresh."""
        if self._reader is not None:
            await self._store._run(self._reader.refresh)

    async def aclose(self) -> None:
        """Closes it; what a thread fetches just now is waited for."""
        fetching, self._fetching = self._fetching, None
        if fetching is not None:
            await asyncio.wait([fetching])
            if not fetching.cancelled():
                fetching.exception()
        self._events.clear()
        if self._reader is not None:
            self._reader.close()

    close = aclose

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()


class Opening:
    """What aio.open returns: to be awaited, or for `async with`."""

    __slots__ = ("_options", "_path", "_store")

    def __init__(self, path: Any, options: dict[str, Any]) -> None:
        self._path = path
        self._options = options
        self._store: AsyncStore | None = None

    def __await__(self) -> Generator[Any, None, AsyncStore]:
        return self._open().__await__()

    async def _open(self) -> AsyncStore:
        if self._options.get("thread") is False:
            raise OptionError("thread is False, but an asynchronous store is served by its thread")
        loop = asyncio.get_running_loop()
        executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="tallystick")
        opening = loop.run_in_executor(executor, partial(_core.open, self._path, **self._options))
        try:
            return AsyncStore(await asyncio.shield(opening), loop, executor)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_late)
            raise
        finally:
            if opening.done() and (opening.cancelled() or opening.exception() is not None):
                executor.shutdown(wait=False)

    async def __aenter__(self) -> AsyncStore:
        self._store = await self._open()
        return self._store

    async def __aexit__(self, *error: object) -> None:
        if self._store is not None:
            await self._store.close()


def _close_late(opening: "asyncio.Future[Store]") -> None:
    """Nobody wants it any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def open(path: "str | bytes | os.PathLike[str] | os.PathLike[bytes]", **options: "Unpack[OpenOptions]") -> Opening:
    """As tallystick.open: `store = await aio.open(path)` or `async with aio.open(path) as store`."""
    return Opening(path, dict(options))
