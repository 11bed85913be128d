"""The compiled half of tallystick: the registry, its handlers and what they report; and the store.

This file is the manual. Everything in it is exported by `tallystick` itself; import it from there.

Four rules hold everywhere. Every method may be called from any thread at any time, unless its text
says otherwise. A wrong call raises one of the classes of `tallystick.errors`, each with `code`,
`symbol` and `hint`, and changes nothing. Times that go in are seconds, times that come out are named
with their unit. Records that come out are struct sequences: immutable tuples with attributes, without
the methods of a NamedTuple.
"""

from asyncio import AbstractEventLoop, Future, Task
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from os import PathLike
from types import TracebackType
from typing import Any, Final, Literal, Protocol, Self, TypeAlias, TypeVar, final, overload, type_check_only
from uuid import UUID

from _typeshed import structseq
from typing_extensions import disjoint_base

from ._batch import Batch
from ._delivery import Delivery, StandIn
from ._events import Events
from ._gates import Draft
from ._proofs import Checkpoint, Consistency, Proof, Report, Signing, SigningState
from ._reading import EventList
from ._scopes import Edit, Guard
from ._store import Ancestors, Condition
from ._upkeep import BackupReport

_Policy: TypeAlias = Literal["isolate", "raise", "fail-fast"]
_Handler: TypeAlias = Callable[[Any], object]
_F = TypeVar("_F", bound=Callable[..., object])
_Owner = TypeVar("_Owner")

@type_check_only
class _NativeCapsule:
    """A capsule "tallystick.handler.v1" that another extension made; see handler.h."""

_Target: TypeAlias = _Handler | Counter | Ring | Mask | _NativeCapsule

C_API: Final[object]
"""Capsule "tallystick._core.C_API": `const tally_api *`, for other extensions; see api.h."""

@final
class Stop:
    """The type of STOP. It has one instance and cannot be called."""

STOP: Final[Stop]
"""What a handler returns to keep the handlers after it from running, in a registry with allow_stop.
Elsewhere returning it is a failure of that handler."""

@final
class HandlerId:
    """Names one registration. Opaque: compare it, hash it, hand it back; it has no order and no
    constructor. An id never returns, so one that is out of date is never mistaken for another."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: object, /) -> Self: ...

@final
class Notified(structseq[Any], tuple[int, int, int]):
    """What one notify did: `fired + skipped` is the number of handlers in its snapshot.

    A tuple of three, so `fired, failed, skipped = registry.notify(event)` works. `stopped` and
    `orphan` are attributes beside it. Immutable; equal results of a registry may be one object.
    """

    __match_args__: Final = ("fired", "failed", "skipped")
    @property
    def fired(self) -> int:
        """Handlers that ran, failed ones included."""
    @property
    def failed(self) -> int:
        """Of those, how many failed."""
    @property
    def skipped(self) -> int:
        """Removed meanwhile, lost `once`, filtered out, gone, muted, or behind a stop."""
    @property
    def stopped(self) -> bool:
        """A handler, or fail-fast, kept the rest from running."""
    @property
    def orphan(self) -> bool:
        """A parent was closed; the notify ended at the child."""

@final
class AsyncNotified(structseq[Any], tuple[int, int, int, int]):
    """What one notify of an AsyncRegistry did; `fired + skipped` is the size of its snapshot."""

    __match_args__: Final = ("fired", "failed", "skipped", "cancelled")
    @property
    def fired(self) -> int:
        """Handlers that were started, failed and cancelled ones included."""
    @property
    def failed(self) -> int: ...
    @property
    def skipped(self) -> int:
        """Removed before they started, lost `once`, filtered out, gone, muted, or behind a timeout."""
    @property
    def cancelled(self) -> int: ...

@final
class Failure(structseq[Any], tuple[HandlerId, str, int, str, str | None, Any, Exception | None]):
    """One failure of one handler, as on_panic and `collect` see it."""

    __match_args__: Final = ("id", "name", "code", "message", "kind", "event", "exception")
    @property
    def id(self) -> HandlerId: ...
    @property
    def name(self) -> str:
        """The handler's name, or the qualified name of its function, or ""."""
    @property
    def code(self) -> int:
        """What the handler returned to the core; -1 for an exception."""
    @property
    def message(self) -> str:
        """Such as "ValueError: no such account", at most 255 bytes of it."""
    @property
    def kind(self) -> str | None: ...
    @property
    def event(self) -> Any: ...
    @property
    def exception(self) -> Exception | None:
        """None when a native handler failed."""

@final
class HandlerInfo(structseq[Any], tuple[Any, ...]):
    """One row of `Registry.handlers()`. Counts are exact; what is not counted is None, never 0."""

    __match_args__: Final = (
        "id",
        "name",
        "function",
        "priority",
        "kinds",
        "once",
        "weak",
        "failed",
        "last_code",
        "last_message",
        "fired",
        "latency_total_ns",
        "latency_max_ns",
    )
    @property
    def id(self) -> HandlerId: ...
    @property
    def name(self) -> str | None: ...
    @property
    def function(self) -> object:
        """As registered; None for a handler that another extension registered in C."""
    @property
    def priority(self) -> int: ...
    @property
    def kinds(self) -> tuple[str, ...] | None: ...
    @property
    def once(self) -> bool: ...
    @property
    def weak(self) -> bool: ...
    @property
    def failed(self) -> int: ...
    @property
    def last_code(self) -> int:
        """Of the last failure; 0 when there was none."""
    @property
    def last_message(self) -> str: ...
    @property
    def fired(self) -> int | None:
        """None unless the registry was opened with count=True; so are the next two."""
    @property
    def latency_total_ns(self) -> int | None: ...
    @property
    def latency_max_ns(self) -> int | None: ...

@final
class Statistics(structseq[Any], tuple[int, ...]):
    """Numbers about a whole registry, from `Registry.stats()`."""

    __match_args__: Final = (
        "handlers",
        "unreported",
        "panics_failed",
        "memory_bytes",
        "retired_bytes",
        "retired_handlers",
        "mutes",
    )
    @property
    def handlers(self) -> int: ...
    @property
    def unreported(self) -> int:
        """Failures that neither an on_panic nor a log received."""
    @property
    def panics_failed(self) -> int:
        """Failures of on_panic itself."""
    @property
    def memory_bytes(self) -> int:
        """Of the core, without the functions themselves."""
    @property
    def retired_bytes(self) -> int: ...
    @property
    def retired_handlers(self) -> int:
        """Removed handlers whose function a thread may still be running."""
    @property
    def mutes(self) -> int: ...

@final
class Registry:
    """An ordered set of handlers. `notify` calls all of them with one event.

    >>> registry = Registry()
    >>> seen = []
    >>> identity = registry.register(seen.append)
    >>> registry.notify("an event")
    tallystick.Notified(fired=1, failed=0, skipped=0)

    Handlers run inline on the thread that notifies, higher priority first, equal priority in the
    order of registration. A notify takes one snapshot of the list when it begins: a handler
    registered meanwhile waits for the next one, a handler removed meanwhile is skipped unless it has
    started. Handlers may do everything, registering, removing, notifying and closing included; only
    waiting for a handler inside a handler is refused.

    A handler that raises an Exception hurts nobody else: the others run, and `policy` says where the
    failure goes. KeyboardInterrupt, SystemExit and everything else that is not an Exception (a
    CancelledError too) end the notify and propagate whatever the policy.

    Args:
        policy: "isolate": failures go to on_panic, or to the logger "tallystick" when there is none;
            "raise": all handlers run, then one ExceptionGroup of all failures is raised;
            "fail-fast": the first failure is raised as it is (HandlerError from a native handler).
        allow_stop: a handler may return STOP.
        count: count calls and latency of each handler; costs time on every call.
        capacity: how many handlers to make room for now.

    A registry is also a context manager that closes itself. One that is dropped open is closed
    silently: it holds nothing but its handlers.
    """

    def __new__(
        cls, policy: _Policy = "isolate", *, allow_stop: bool = False, count: bool = False, capacity: int = 0
    ) -> Self: ...
    @property
    def policy(self) -> _Policy: ...
    @property
    def parent(self) -> Registry | None: ...
    @property
    def closed(self) -> bool: ...
    def notify(self, event: Any, kind: str | None = None) -> Notified:
        """Calls every handler with `event`, in order, on this thread.

        A bytes-like event is lent to native handlers for the whole call; other events they see as
        length 0. Raises what `policy` says, DepthError when notifies are nested deeper than 64,
        ClosedError, BufferError when a native handler is there and the event's bytes are not
        contiguous, LimitError while paused with a full queue.
        """
    def emit(self, name: str, event: Any = None) -> Notified:
        """`notify(event, kind=name)`, by name first. Names are remembered until the process ends:
        emit the names of your program, not text that a stranger sends."""
    def collect(self, event: Any, kind: str | None = None) -> list[tuple[HandlerId, Any]]:
        """Notifies, and returns what each handler that ran returned: (id, result), or (id, Failure).
        Under "isolate" failures are reported as usual too; under the others they are only here."""
    def register(
        self,
        handler: _Target,
        *,
        priority: int = 0,
        once: bool = False,
        name: str | None = None,
        kinds: str | Iterable[str] | None = None,
        max_failures: int | None = None,
        weak: bool = False,
    ) -> HandlerId:
        """Adds a handler: a callable of one argument, a Counter, Ring or Mask, or a native capsule.

        The same function twice is two handlers. What it returns is ignored, except STOP and in
        `collect`. An `async def` function is refused: that is what AsyncRegistry is for.

        Args:
            priority: higher runs first; any 32-bit integer.
            once: exactly one of any concurrent or nested notifies runs it; it is gone from then on.
            name: for reports; at most 127 bytes without control characters.
            kinds: run only for these names. "order.*" stands for every name that begins with
                "order.", "*" for every event.
            max_failures: removed after that many failures in total.
            weak: do not keep the function alive, or the object of a bound method. Only those two:
                a lambda or a partial would be gone at once, and is refused.
        """
    @overload
    def on(
        self,
        kind: str,
        handler: None = None,
        *,
        loop: AbstractEventLoop | Executor | Delivery | None = None,
        priority: int = 0,
        once: bool = False,
        name: str | None = None,
        max_failures: int | None = None,
        weak: bool = False,
    ) -> Callable[[_F], _F]: ...
    @overload
    def on(
        self,
        kind: str,
        handler: _Target,
        *,
        loop: AbstractEventLoop | Executor | Delivery | None = None,
        priority: int = 0,
        once: bool = False,
        name: str | None = None,
        max_failures: int | None = None,
        weak: bool = False,
    ) -> HandlerId:
        """`register(handler, kinds=kind, …)`. Without a handler it decorates one and returns it
        unchanged:

            @registry.on("order.*", priority=10)
            def audit(order): ...

        With `loop` the handler does not run inside notify: notify hands it to an event loop, an
        Executor, or any function that is called with (handler, event), and counts it as fired. On an
        event loop it may be an `async def`; with an Executor that is a TypeError. A failure that comes
        later goes to on_panic and counts for the handler, under every policy.
        """
    def unregister(self, handler: HandlerId | object, /) -> bool:
        """Removes a handler, by its id or by the very thing that was registered, when it is
        registered exactly once (else ExistsError). True for exactly one of any number of racing
        callers. It does not start again; one that is running on another thread goes on.
        ForeignError for an id of another registry."""
    def unregister_wait(self, handler: HandlerId | object, /, timeout: float | None = None) -> bool:
        """Removes a handler, then waits until no thread is inside it.

        Waits without the GIL and looks at signals every 50 ms. TimeoutError when `timeout` seconds
        have passed, WouldBlockError at once inside a handler (of any registry: it could wait for
        itself). In both cases the handler is removed.
        """
    def clear(self) -> int:
        """Removes all handlers; returns how many."""
    def contains(self, handler: HandlerId | object, /) -> bool:
        """Whether it is registered. O(1) for an id; `in` does the same."""
    def __contains__(self, handler: object, /) -> bool: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool:
        """Whether a notify would find a handler here; False when closed. Never raises."""
    def is_empty(self) -> bool: ...
    def handlers(self) -> list[HandlerInfo]:
        """The handlers, in the order in which notify calls them."""
    def stats(self) -> Statistics: ...
    def on_panic(self, callback: Callable[[Failure], object] | None, /) -> Callable[[Failure], object] | None:
        """Installs or replaces the one callback that failures go to; None takes it away. It is
        looked up at each failure. Returns its argument, so that it decorates.

        It runs on the thread where a handler failed, before the next handler. Failures while it runs
        go to the log, and so does its own."""
    def guard(
        self,
        handler: _Target,
        *,
        priority: int = 0,
        once: bool = False,
        name: str | None = None,
        kinds: str | Iterable[str] | None = None,
        max_failures: int | None = None,
        weak: bool = False,
    ) -> Guard:
        """Registers, and ties the registration to the returned guard; see Guard."""
    def connected(
        self,
        handler: _Target,
        *,
        priority: int = 0,
        once: bool = False,
        name: str | None = None,
        kinds: str | Iterable[str] | None = None,
        max_failures: int | None = None,
        weak: bool = False,
    ) -> AbstractContextManager[HandlerId]:
        """A scope in which the handler is registered: nothing happens before `with`, and it is
        removed when the block ends."""
    def edit(self) -> Edit:
        """A scope that collects changes and publishes them as one snapshot; see Edit."""
    def muted(self) -> AbstractContextManager[Self]:
        """A scope in which this registry's handlers are skipped, on all threads. Nests."""
    def paused(self, limit: int = 65536) -> AbstractContextManager[Self]:
        """A scope in which events wait, on all threads, and are notified in order when it ends. The
        paused notify returns (0, 0, number of handlers); more than `limit` events are a LimitError.
        `collect` waits too, and returns no results; a notify of a child runs the child's handlers, and
        what would go on to here waits. A notify from C does not wait. Pauses do not nest."""
    def child(
        self, policy: _Policy = "isolate", *, allow_stop: bool = False, count: bool = False, capacity: int = 0
    ) -> Registry:
        """A registry whose notifies go on to this one: first the child's handlers, then the
        parent's as they were when the child's notify began. Results add up, a stop stops both, each
        applies its own policy to its own handlers. Closing a child detaches it and nothing else."""
    def wait_for(self, kind: str | None = None, timeout: float | None = None) -> Any:
        """Blocks until the next event of that kind and returns it. TimeoutError after `timeout`
        seconds, ClosedError when the registry is closed meanwhile."""
    def events(self, kind: str | None = None, maxsize: int = 1024) -> Events:
        """Events from now on, for `async for`; see Events."""
    def reclaim(self) -> int:
        """Drops removed handlers that nobody runs any more; returns how many still wait. Never
        needed: every register and unregister does the same. WouldBlockError inside a handler."""
    def close(self) -> None:
        """No handler starts after it; returns when no thread is inside a handler. Inside a handler
        it returns at once. May be called twice, and from several threads; Ctrl-C ends the wait."""
    def c_handle(self) -> object:
        """A capsule "tallystick.registry.v1" with the `tally_registry *`, for an extension that
        registers or notifies from C. It keeps this registry alive; it does not keep it open."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    def _repr_html_(self) -> str: ...
    def _edit(self, operations: Iterable[tuple[Any, ...]], /) -> list[HandlerId | bool]: ...
    def _find(self, handler: HandlerId | object, /) -> HandlerId | None: ...
    def _muted_for(self, owner: _Owner, /) -> AbstractContextManager[_Owner]: ...
    def _report(self, stand_in: StandIn, event: Any, kind: str | None, exception: Exception, /) -> None: ...

@final
class Counter:
    """A native handler that counts events and their bytes without entering Python."""

    def __new__(cls) -> Self: ...
    def __call__(self, event: Any) -> None: ...
    @property
    def events(self) -> int: ...
    @property
    def bytes(self) -> int:
        """The sum of the lengths of the events that were bytes-like, or came from C."""

@final
class RingEvent(structseq[Any], tuple[int, str | None, bytes]):
    """One event out of a Ring."""

    __match_args__: Final = ("sequence", "kind", "data")
    @property
    def sequence(self) -> int:
        """Counts the events that the ring kept, from 0."""
    @property
    def kind(self) -> str | None: ...
    @property
    def data(self) -> bytes: ...

@final
class RingCounts(structseq[Any], tuple[int, int, int, int]):
    """What a Ring has counted since it was made."""

    __match_args__: Final = ("pushed", "drained", "dropped_full", "dropped_long")
    @property
    def pushed(self) -> int: ...
    @property
    def drained(self) -> int: ...
    @property
    def dropped_full(self) -> int: ...
    @property
    def dropped_long(self) -> int: ...

@final
class Ring:
    """A native handler that copies the bytes of events into fixed slots, to be drained later.

    Never blocks and never grows: an event that finds no slot, or is longer than one, is counted and
    dropped.

    Args:
        slots: how many events fit; rounded up to a power of two.
        slot_bytes: the longest event kept; rounded up to 8.
    """

    def __new__(cls, slots: int = 1024, slot_bytes: int = 256) -> Self: ...
    def __call__(self, event: Any) -> None: ...
    def drain(self, limit: int | None = None) -> list[RingEvent]:
        """Takes events out, oldest first, at most `limit`."""
    def counts(self) -> RingCounts: ...

@final
class Mask:
    """A native handler that hands on only events with certain bits, to another native handler.

    Looks at the little-endian number of `width` bytes (1, 2, 4 or 8) at `offset` of the event:
    `number & mask == match`. Events too short to hold it do not match.
    """

    def __new__(
        cls, handler: Counter | Ring | Mask | _NativeCapsule, *, mask: int, match: int, offset: int = 0, width: int = 8
    ) -> Self: ...
    def __call__(self, event: Any) -> None: ...
    @property
    def matched(self) -> int: ...
    @property
    def passed_over(self) -> int: ...

@final
class Notification(Coroutine[Any, Any, AsyncNotified]):
    """What AsyncRegistry.notify returns: await it, once. For `_finish` it is also the state of the run."""

    stage: Stage
    event: Any
    timeout: float | None
    limit: int
    failed: int
    cancelled: int
    @property
    def left(self) -> int:
        """How many handlers have not been started."""
    @property
    def kind(self) -> str | None: ...
    def start(self, room: int, /) -> list[tuple[Future[Any], StandIn]]:
        """Starts handlers until `room` of them have suspended; the tasks of those that have."""
    def skip(self) -> None:
        """What has not been started will not be."""
    def result(self) -> AsyncNotified: ...
    def send(self, value: Any, /) -> Any: ...
    def throw(self, *error: Any) -> Any: ...
    def close(self) -> None: ...
    def __await__(self) -> Generator[Any, Any, AsyncNotified]: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Any: ...

@final
class Scope:
    """What muted and paused return: a context manager that no KeyboardInterrupt can leave half done."""

    def __enter__(self) -> Any: ...
    def __exit__(self, *error: object) -> None: ...

@disjoint_base
class Stage:
    """The C half of `_stage.Stage`: an event loop and the idle task that handlers start in."""

    loop: AbstractEventLoop
    task: Task[Any] | None
    adapter: Coroutine[Any, Any, Any] | None
    current: Any
    running: Callable[[], AbstractEventLoop | None]
    cancelled: type[BaseException]

# ------------------------------------------------------------------------------------------- the store

_Path: TypeAlias = str | bytes | PathLike[str] | PathLike[bytes]
_Mode: TypeAlias = Literal["rw", "r", "x", "existing"]
_Durability: TypeAlias = Literal["buffered", "written", "durable"]
_Time: TypeAlias = datetime | int
"""An aware datetime, or microseconds since 1970 in UTC."""
_Texts: TypeAlias = str | Iterable[str]
_Id: TypeAlias = UUID | str | bytes | Event | Receipt
"""A UUID, its text or its 16 bytes; or an event or receipt whose id is meant."""
_Place: TypeAlias = int | Event | Receipt
_Expect: TypeAlias = int | Literal["any", "no_stream", "exists"]
_Draft: TypeAlias = tuple[str, str] | tuple[str, str, Any] | Mapping[str, Any]
"""(stream, type), (stream, type, data), or a dict of append's parameters up to `content_type`."""
_G = TypeVar("_G", bound=Callable[[tuple[Draft, ...]], None])

@type_check_only
class _Codec(Protocol):
    """How data that is not bytes is written and read: the json module's shape, with a media type."""

    @property
    def content_type(self) -> str: ...
    @property
    def dumps(self) -> Callable[[Any], bytes | str]: ...
    @property
    def loads(self) -> Callable[[bytes], Any]: ...

def open(
    path: _Path,
    *,
    mode: _Mode = "rw",
    name: str | None = None,
    durability: _Durability = "durable",
    codec: _Codec | None = None,
    thread: bool = True,
    allow_remote: bool = False,
    check: Literal["first", "always", "never"] = "first",
    map: Literal["sealed", "never"] = "sealed",
    digest: Literal["sha256", "blake2b"] = "sha256",
    file_mode: int | None = None,
    segment_bytes: int | None = None,
    queue_bytes: int | None = None,
    sync_events: int | float | None = None,
    sync_bytes: int | float | None = None,
    sync_interval: float | timedelta | None = None,
    key_events: int | float | None = None,
    key_age: float | timedelta | None = None,
    signing: Signing | None = None,
) -> Store:
    """Opens the store in the directory `path`.

        with tallystick.open("audit.tally") as store: ...

    Data is JSON unless it is bytes, compact, in UTF-8, members in the order in which they are given. With a
    `codec` (an object with `dumps`, `loads` and `content_type`) it is written by that; what was written as
    JSON is read as JSON all the same.

    Args:
        mode: "rw" write, made when there is none; "existing" write, NotFoundError when there is none; "x"
            write, ExistsError when there is one; "r" read only: takes no lock, writes nothing.
        name: of a new store: letters, digits and `._/-`; "store" if not given.
        durability: what appends wait for that do not say themselves.
        thread: False: no background thread, and you call `tick`.
        allow_remote: accepts a network file system, whose locks and syncs may lie.
        check: when an event's checksum is compared: at its first reading, at each, or never.
        map: whether full segments are mapped into memory. A media error under a map ends the process.
        digest: of a new store; "blake2b" for machines without SHA instructions.
        file_mode: permissions of new files, 0o600.
        segment_bytes: size of new files, 64 MiB.
        queue_bytes: what may be appended and not yet written, 16 MiB.
        sync_events, sync_bytes, sync_interval: the thread syncs after so many events (10 000) or bytes
            (16 MiB), or when the oldest is so many seconds old (1). math.inf: never by this.
        key_events, key_age: an idempotency key is remembered for so many events (1 000 000) and seconds (7
            days). math.inf: no limit.
        signing: how its heads are signed and remembered; without it the store is unsigned. A key has the name of
            the store's origin, so a new store is opened without it once: see Store.signing.

    Raises RollbackError when the history does not extend what was signed or remembered, OriginError for another
    log's key, UnsignedError; LockedError when it is open for writing already, DamagedError, FormatError, NotFoundError,
    ExistsError, DeniedError, ClockError.
    """

@final
class Store:
    """An open store: one directory with one log of events. `tallystick.open` makes it.

    Events have positions from 0 in the whole log: `store[7]`, `store[-1]`, `store[10:20]`, `len(store)`,
    `for event in store`, `id in store`. Closing is idempotent; a store that is forgotten open warns
    (ResourceWarning) and is closed, also when the interpreter ends. In the child of a fork it raises
    ForkedError.
    """

    # ----------------------------------------------------------------------------------- append

    def append(
        self,
        stream: str,
        type: str,
        data: Any = None,
        *,
        tags: _Texts | None = (),
        subject: str | None = None,
        id: _Id | None = None,
        correlation: _Id | None = None,
        causation: _Id | None = None,
        occurred: _Time | None = None,
        schema: int = 0,
        key: str | bytes | None = None,
        content_type: str | None = None,
        expect: _Expect | Mapping[str, _Expect] | None = None,
        conditions: Condition | Iterable[Condition] = (),
        durability: _Durability | None = None,
    ) -> Receipt:
        """Appends one event and returns when it has reached `durability`.

            store.append("account/42", "account.opened", {"plan": "pro"}, tags=["region:eu"])

        Args:
            data: None is no data at all; bytes, bytearray and memoryview are stored as they are; anything
                else is JSON, or the store's codec's. A str is a JSON text too, unless `content_type` says
                "text/…".
            tags: up to 32 texts, "key:value" by custom.
            subject: whose data it is. Needs a keyring, which this release does not have.
            id: a UUIDv7 is made if not given. One that exists is ExistsError.
            correlation: the event's own id if not given, or that of `causation` when that is an Event.
            causation: the event that caused this one.
            occurred: when it happened outside; the store's own time is always kept besides.
            schema: the version of the type; 0 is unversioned.
            key: idempotency key: with one that was used for an equal event, the first receipt comes back and
                nothing is appended; for another event, ReusedError.
            expect: the version of the stream's last event, -1 for no stream (so `stream_version` fits), or
                "any", "no_stream", "exists"; or a dict of them by stream. ConflictError.
            conditions: an event that matches any of them is a ConflictError.

        Raises RefusedError for a gate's refusal, its exception being the cause; NoSpaceError, which changes
        nothing; PoisonedError after a failed write or sync.
        """
    def append_many(
        self,
        events: Iterable[_Draft],
        *,
        expect: _Expect | Mapping[str, _Expect] | None = None,
        conditions: Condition | Iterable[Condition] = (),
        durability: _Durability | None = None,
    ) -> list[Receipt]:
        """Appends up to 65 536 events as one commit, all or nothing. All of them have a `key`, or none has.

        store.append_many([("order/1", "order.placed", {"total": 9}), ("order/2", "order.placed")])
        store.append_many([{"stream": "a", "type": "x", "tags": ["k:v"]},
                           {"stream": "b", "type": "y", "causation": 0}])     # caused by the first
        """
    def batch(
        self,
        *,
        expect: _Expect | Mapping[str, _Expect] | None = None,
        conditions: Condition | Iterable[Condition] = (),
        durability: _Durability | None = None,
    ) -> Batch:
        """append_many as a block; when it raises, nothing is appended.

        with store.batch() as b:
            paid = b.append("order/1", "order.paid")
            b.append("stock/7", "stock.taken", causation=paid)
        print(paid.receipt, b.receipts)
        """

    # ------------------------------------------------------------------------------------- read

    def read(
        self,
        stream: str | None = None,
        *,
        prefix: str | None = None,
        types: _Texts | None = None,
        tags: _Texts | None = None,
        subject: str | None = None,
        from_position: _Place | None = None,
        to_position: int | None = None,
        as_of: int | None = None,
        from_version: int | None = None,
        to_version: int | None = None,
        since: _Time | None = None,
        until: _Time | None = None,
        backwards: bool = False,
        durable_only: bool = False,
        limit: int | None = None,
    ) -> Reader:
        """Events that match all that is given, as they are now, one after the other.

        Args:
            prefix: streams that begin with it.
            types: any of them: exact, or "order.*".
            tags: all of them.
            from_position, from_version, since: the first that counts.
            to_position, to_version, until: the first that does not. `as_of` is another name of to_position:
                the log as it was then.
            from_version, to_version: of `stream`.
            backwards: newest first.
        """
    def follow(
        self,
        from_position: int | None = None,
        *,
        timeout: float | None = None,
        durable_only: bool = False,
        stream: str | None = None,
        prefix: str | None = None,
        types: _Texts | None = None,
        tags: _Texts | None = None,
        subject: str | None = None,
        from_version: int | None = None,
        since: _Time | None = None,
    ) -> Iterator[Event]:
        """Events from a position on (from now on, if not given), then each new one as it comes.

        Ends when none came for `timeout` seconds, or the store is closed. Ctrl-C interrupts it.
        """
    def get(self, key: int | _Id, /) -> Event:
        """The event at a position, or with an id. RangeError (an IndexError), NotFoundError (a KeyError)."""
    def find(self, id: _Id, /) -> int:
        """The position of the event with an id. NotFoundError."""
    def find_version(self, stream: str, version: int) -> int:
        """The position of a stream's event. NotFoundError."""
    @overload
    def __getitem__(self, key: int | _Id, /) -> Event: ...
    @overload
    def __getitem__(self, key: slice, /) -> EventList: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __iter__(self) -> Reader: ...
    def __len__(self) -> int:
        """The number of events that can be read."""
    def __bool__(self) -> bool:
        """True, also without events."""
    def head(self, stream: str, /) -> StreamHead:
        """The end of a stream; a stream without events has next_version 0."""
    def stream_version(self, stream: str, /) -> int:
        """The version of the stream's last event, -1 without one: what `expect` takes."""
    def streams(self, prefix: str | None = None) -> Iterator[Listed]:
        """All streams in the order of their bytes, with counts; also after new ones have come."""
    def types(self, prefix: str | None = None) -> Iterator[Listed]:
        """All types; see streams."""
    def tags(self, prefix: str | None = None) -> Iterator[Listed]:
        """All tags; see streams."""
    def ancestors(self, position: _Place, /, *, limit: int = 10_000) -> Ancestors:
        """The positions from an event back to its stream's beginning, each link checked by its hash."""
    def to_records(
        self,
        *,
        stream: str | None = None,
        prefix: str | None = None,
        types: _Texts | None = None,
        tags: _Texts | None = None,
        subject: str | None = None,
        from_position: _Place | None = None,
        to_position: int | None = None,
        as_of: int | None = None,
        from_version: int | None = None,
        to_version: int | None = None,
        since: _Time | None = None,
        until: _Time | None = None,
        backwards: bool = False,
        durable_only: bool = False,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """read as a list of dicts: `pandas.DataFrame.from_records(store.to_records(limit=1000))`."""

    # ---------------------------------------------------------------------------------- levels

    def watermarks(self) -> Watermarks:
        """How many events have come how far; one moment, at once."""
    def sync(self) -> None:
        """Returns when everything appended before is durable."""
    def wait(self, position: _Place, *, durability: _Durability = "durable", timeout: float | None = None) -> None:
        """Waits until the event at `position`, which may lie in the future, has come so far. TimeoutError.
        Ctrl-C interrupts it."""
    def tick(self) -> bool:
        """For a store with thread=False: about a millisecond of what the thread would do. True: there is more."""

    # ------------------------------------------------------------------------- handlers and gates

    @overload
    def on(
        self,
        kind: str,
        handler: None = None,
        *,
        loop: AbstractEventLoop | Executor | Delivery | None = None,
        priority: int = 0,
        once: bool = False,
        name: str | None = None,
        max_failures: int | None = None,
        weak: bool = False,
    ) -> Callable[[_F], _F]: ...
    @overload
    def on(
        self,
        kind: str,
        handler: _Target,
        *,
        loop: AbstractEventLoop | Executor | Delivery | None = None,
        priority: int = 0,
        once: bool = False,
        name: str | None = None,
        max_failures: int | None = None,
        weak: bool = False,
    ) -> HandlerId:
        """Calls `handler(event)` after each commit, for events of a type, of a pattern ("order.*") or of all
        ("*"), once each, in the order of positions. Without a handler it decorates one.

        It runs on the thread that appended, before append returns, or on another one that is notifying
        already. It may read and append (buffered or written; waiting for durable is WouldBlockError). The
        options are Registry.on's; failures too.
        """
    @property
    def registry(self) -> Registry:
        """The handlers of this store: to unregister, mute, list or wait for. The store notifies it, you do not."""
    @overload
    def gate(self, function: _G, /, *, name: str | None = None, record: bool = False) -> _G: ...
    @overload
    def gate(self, function: None = None, /, *, name: str | None = None, record: bool = False) -> Callable[[_G], _G]:
        """Decorates a function that sees each batch before it is committed, a tuple of Draft, and refuses it by
        raising: append raises RefusedError from that.

            @store.gate
            def no_debts(drafts):
                if any(draft.data["amount"] < 0 for draft in drafts): raise ValueError("no debts")

        It runs on the thread that appends; gates run in the order in which they were added. It may read the
        store, not append.

        Args:
            name: for messages and records; the function's if not given.
            record: a refusal is recorded as an event of stream "$gates": gate, code, stream and type.
        """
    def remove_gate(self, function: Callable[..., object], /) -> bool:
        """Removes a gate, and returns when no other thread is inside it. False: there was none."""

    # ------------------------------------------------------------------------------------ prove

    def signing(self) -> SigningState:
        """How its heads stand, and its origin, which is the name that its key must have.

        with tally.open("audit.tally") as store:
            tally.make_key(store.signing().origin).save("/etc/acme/audit.key")
        store = tally.open("audit.tally", signing=tally.Signing("/etc/acme/audit.key"))
        """
    def checkpoint(self) -> Checkpoint:
        """The head of the log, made now: syncs, and signs when there is a key. A store that only reads gives the
        newest one there is, NotFoundError without any.

        Raises RollbackError when this log does not extend what its signer has signed, SignatureError from what a
        signing callback raised.
        """
    def prove(self, position: int | Event | Receipt, /) -> Proof:
        """A proof, for whoever has the public key, that an event is in this log.

            proof = store.prove(store.append("account/42", "account.opened", {"plan": "pro"}))
            print(proof.verify(public_key).event.type)

        By the newest signed checkpoint that covers the event; one is made when none does. RangeError for what is
        not in this log, also a receipt whose event was lost before it was durable; UnsignedError without a key;
        else as checkpoint.
        """
    def consistency(self, old: int | Checkpoint, new: int | Checkpoint, /) -> Consistency:
        """The proof that the log of a size begins with that of an older one, and both roots. RangeError beyond what
        is durable; ProofError for a checkpoint that is no head of this log."""
    def get_stored(self, position: int | Event | Receipt, /) -> bytes:
        """An event's data as they are stored and bound (salt or nonce in front): what Proof.verify takes."""
    def keep_note(self, note: str | bytes | Checkpoint, witnesses: str | bytes | Iterable[str | bytes] = ()) -> None:
        """Keeps a note with cosignatures (see ask_witness). ProofError when it is no head of this log,
        SignatureError, UnknownKeyError, OriginError."""
    def rotate_key(self, signing: Signing, /) -> None:
        """Changes the signing key: an event of stream "$keys" names the new one; the head that covers it and the
        next carry both signatures, later ones by the old key are unknown. KeyTextError, OriginError."""
    def verify(
        self,
        mode: Literal["full", "quick"] = "full",
        *,
        keys: str | bytes | Iterable[str | bytes] = (),
        since: str | bytes | Checkpoint | None = None,
        threads: int | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Report:
        """Verifies what is durable, while others append; see tallystick.verify. Ctrl-C ends it.

        report = store.verify(keys=public_key)
        print(report)
        if not report: ...
        """

    # -------------------------------------------------------------------------------------- look

    @property
    def info(self) -> StoreInfo: ...
    def stats(self) -> StoreStatistics: ...
    def backup(self, path: _Path, *, progress: Callable[[int, int], object] | None = None) -> BackupReport:
        """Copies what is durable into a new directory, while others append."""
    @property
    def path(self) -> str | bytes: ...
    @property
    def durability(self) -> _Durability:
        """What appends wait for that do not say themselves."""
    @property
    def read_only(self) -> bool: ...
    @property
    def closed(self) -> bool: ...
    def close(self) -> None:
        """Makes everything durable and closes; its readers too. Again: nothing."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    def _repr_html_(self) -> str: ...
    def _forget(self) -> None: ...
    def _list(
        self, what: Literal["streams", "types", "tags", "subjects"], prefix: str | None, after: str | None
    ) -> list[Listed]: ...
    def _ancestors(self, position: _Place, limit: int) -> tuple[list[int], str]: ...
    def _backup(self, path: _Path, progress: Callable[[int, int], object] | None) -> tuple[int, int, int]: ...
    def _signing(self) -> tuple[Any, ...]: ...
    def _checkpoint(self) -> str: ...
    def _prove(self, position: _Place, /) -> str: ...
    def _consistency(self, old_size: int, new_size: int, /) -> tuple[bytes, bytes, tuple[bytes, ...]]: ...
    def _keep_note(self, note: str | bytes, witnesses: tuple[str | bytes, ...], /) -> None: ...
    def _verify(
        self,
        mode: str,
        threads: int | None,
        keys: tuple[str | bytes, ...],
        since: str | bytes | None,
        progress: object,
    ) -> tuple[Any, ...]: ...
    def _gate_add(self, gate: Callable[..., object], name: str | None, record: bool) -> int: ...
    def _gate_remove(self, number: int, /) -> None: ...
    def _gates(self) -> dict[int, Callable[..., object]]: ...
    def _submit(
        self,
        completions: Completions,
        future: Future[Any],
        on_loop: bool,
        /,
        stream: str,
        type: str,
        *args: Any,
        **options: Any,
    ) -> bool: ...
    def _submit_many(
        self, completions: Completions, future: Future[Any], on_loop: bool, /, events: Iterable[_Draft], **options: Any
    ) -> bool: ...
    def _submit_wait(
        self, completions: Completions, future: Future[Any], durability: _Durability, position: _Place | None
    ) -> None: ...

@final
class Event:
    """One event. Immutable; equal when it is the same event of the same log."""

    @property
    def position(self) -> int:
        """In the whole log, from 0."""
    @property
    def version(self) -> int:
        """In its stream, from 0."""
    @property
    def stream(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def schema(self) -> int: ...
    @property
    def data(self) -> Any:
        """What was appended: decoded when it is first asked for, by its content type (JSON, text, the store's
        codec, else bytes). None without data, and when its key is gone; see data_state. DamagedError when the
        data is damaged; all the rest of the event is whole then."""
    @property
    def raw(self) -> bytes:
        """The data as bytes; empty when its key is gone. DamagedError."""
    @property
    def content_type(self) -> str: ...
    @property
    def data_state(self) -> Literal["readable", "shredded", "key missing", "damaged"]: ...
    @property
    def tags(self) -> tuple[str, ...]:
        """Sorted, each once."""
    @property
    def id(self) -> UUID: ...
    @property
    def correlation(self) -> UUID | None: ...
    @property
    def causation(self) -> UUID | None: ...
    @property
    def time(self) -> datetime:
        """When it was appended, in UTC; never goes back along the log."""
    @property
    def time_us(self) -> int:
        """The same in microseconds since 1970; `logical` tells events within one microsecond apart."""
    @property
    def logical(self) -> int: ...
    @property
    def occurred(self) -> datetime | None: ...
    @property
    def occurred_us(self) -> int | None: ...
    @property
    def is_system(self) -> bool:
        """The library itself made it."""
    @property
    def batch_index(self) -> int:
        """Its place among the `batch_count` events that were appended together."""
    @property
    def batch_count(self) -> int: ...
    @property
    def hash(self) -> bytes:
        """SHA-256 over a zero byte and `core`: what its receipt and the next event of its stream carry."""
    @property
    def core(self) -> bytes: ...
    @property
    def body(self) -> bytes: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: object, /) -> Self: ...
    def _repr_html_(self) -> str: ...

@final
class Receipt:
    """What an append returns: enough to find the event again. Equal for one event, however durable."""

    @property
    def position(self) -> int: ...
    @property
    def version(self) -> int: ...
    @property
    def id(self) -> UUID: ...
    @property
    def time(self) -> datetime: ...
    @property
    def time_us(self) -> int: ...
    @property
    def logical(self) -> int: ...
    @property
    def durability(self) -> _Durability:
        """How far the event had come when append returned."""
    @property
    def repeated(self) -> bool:
        """The key was used before for an equal event; nothing was appended."""
    @property
    def event_hash(self) -> bytes: ...
    def proof(self) -> Proof:
        """As `store.prove(receipt)`, for as long as the Store lives that gave it. ClosedError afterwards, and for
        receipts of an AsyncStore: those are awaited, `await store.prove(receipt)`."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: object, /) -> Self: ...

@final
class Reader:
    """A view of the log as it was when `read` was called, with a place in it. Events are fetched by pages.

    For one thread at a time: a second one gets BusyError. A damaged event raises DamagedError with its
    position; the next call goes on behind it.
    """

    def __iter__(self) -> Self: ...
    def __next__(self) -> Event: ...
    def page(self, count: int) -> EventList:
        """The next `count` events, fewer at the end."""
    def to_list(self) -> EventList:
        """All that are left."""
    def to_records(self) -> list[dict[str, Any]]: ...
    def refresh(self) -> None:
        """Moves the end of a forward view to the end of the log as it is now; iteration can go on."""
    @property
    def next_position(self) -> int:
        """Where another `read` goes on: its from_position, or its to_position when backwards."""
    @property
    def end_position(self) -> int:
        """Of the view: the number of events in it."""
    @property
    def examined(self) -> int:
        """Events looked at so far."""
    @property
    def closed(self) -> bool: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    def _page(self, count: int, /) -> list[Event]: ...

@final
class Watermarks(structseq[Any], tuple[int, int, int]):
    """How many events are buffered (in this process), written (handed to the system) and durable (on the device)."""

    __match_args__: Final = ("buffered", "written", "durable")
    @property
    def buffered(self) -> int: ...
    @property
    def written(self) -> int: ...
    @property
    def durable(self) -> int: ...

@final
class StreamHead(structseq[Any], tuple[int, int | None]):
    """The end of a stream."""

    __match_args__: Final = ("next_version", "last_position")
    @property
    def next_version(self) -> int:
        """The number of its events."""
    @property
    def last_position(self) -> int | None: ...

@final
class Listed(structseq[Any], tuple[str, int, int, int]):
    """One stream, type or tag with its figures."""

    __match_args__: Final = ("name", "count", "first_position", "last_position")
    @property
    def name(self) -> str: ...
    @property
    def count(self) -> int: ...  # type: ignore[override]
    @property
    def first_position(self) -> int: ...
    @property
    def last_position(self) -> int: ...

@final
class StoreInfo(structseq[Any], tuple[Any, ...]):
    """Constant facts about an open store."""

    __match_args__: Final = ("name", "lineage", "mode", "digest", "writer_epoch", "recovery")
    @property
    def name(self) -> str: ...
    @property
    def lineage(self) -> UUID:
        """Another one for each new store, and after salvage."""
    @property
    def mode(self) -> _Mode: ...
    @property
    def digest(self) -> Literal["sha256", "blake2b"]: ...
    @property
    def writer_epoch(self) -> int:
        """One more with each open for writing."""
    @property
    def recovery(self) -> Recovery: ...

@final
class Recovery(structseq[Any], tuple[Any, ...]):
    """What the open found and did; `happened` is False after a clean close."""

    __match_args__: Final = (
        "happened",
        "cut",
        "cut_position",
        "cut_segment",
        "cut_offset",
        "cut_bytes",
        "scanned_bytes",
        "rewritten_bytes",
    )
    @property
    def happened(self) -> bool: ...
    @property
    def cut(self) -> bool:
        """Bytes that were never acknowledged as durable were cut."""
    @property
    def cut_position(self) -> int: ...
    @property
    def cut_segment(self) -> int: ...
    @property
    def cut_offset(self) -> int: ...
    @property
    def cut_bytes(self) -> int: ...
    @property
    def scanned_bytes(self) -> int: ...
    @property
    def rewritten_bytes(self) -> int: ...

@final
class StoreStatistics(structseq[Any], tuple[int, ...]):
    """Figures about a store now; counts are since the open where not said otherwise."""

    __match_args__: Final = (
        "events",
        "commits",
        "segments",
        "sealed_segments",
        "runs",
        "file_bytes",
        "log_bytes",
        "data_bytes",
        "heap_bytes",
        "mapped_bytes",
        "appends",
        "appended_events",
        "repeats",
        "conflicts",
        "writes",
        "written_bytes",
        "syncs",
        "sync_ns_total",
        "sync_ns_max",
        "seals",
        "seal_ns_total",
        "notified_events",
        "queue_bytes",
        "readers",
    )
    @property
    def events(self) -> int:
        """In the log."""
    @property
    def commits(self) -> int:
        """In the log."""
    @property
    def segments(self) -> int: ...
    @property
    def sealed_segments(self) -> int: ...
    @property
    def runs(self) -> int: ...
    @property
    def file_bytes(self) -> int: ...
    @property
    def log_bytes(self) -> int: ...
    @property
    def data_bytes(self) -> int: ...
    @property
    def heap_bytes(self) -> int: ...
    @property
    def mapped_bytes(self) -> int: ...
    @property
    def appends(self) -> int:
        """Calls that were acknowledged."""
    @property
    def appended_events(self) -> int: ...
    @property
    def repeats(self) -> int:
        """Appends answered by an idempotency key."""
    @property
    def conflicts(self) -> int:
        """Appends refused by a condition, an id or a key."""
    @property
    def writes(self) -> int: ...
    @property
    def written_bytes(self) -> int: ...
    @property
    def syncs(self) -> int: ...
    @property
    def sync_ns_total(self) -> int: ...
    @property
    def sync_ns_max(self) -> int: ...
    @property
    def seals(self) -> int: ...
    @property
    def seal_ns_total(self) -> int: ...
    @property
    def notified_events(self) -> int: ...
    @property
    def queue_bytes(self) -> int:
        """Appended and not yet written, now."""
    @property
    def readers(self) -> int: ...

@final
class Completions:
    """Where asynchronous appends report, for AsyncStore; its length is how many have not."""

    def __new__(cls, descriptor: int) -> Self: ...
    def take(self) -> list[tuple[Future[Any], Any, Exception | None]]: ...
    def close(self) -> None: ...
    def __len__(self) -> int: ...

def _decode(codec: object, content_type: str, raw: bytes, /) -> Any: ...
def _fsck(path: _Path, finding: Callable[..., object], progress: object, /) -> tuple[int, ...]: ...
def _salvage(source: _Path, target: _Path, progress: object, /) -> tuple[int, int, int, bool]: ...
def _key_make(name: str, kind: int, /) -> tuple[str, str]: ...
def _key_public(private: str | bytes, /) -> str: ...
def _checkpoint_read(note: str | bytes, /) -> tuple[str, int, bytes]: ...
def _checkpoint_verify(
    note: str | bytes, policy: tuple[Any, ...], /
) -> tuple[str, int, bytes, tuple[int, int, int, int, int]]: ...
def _merkle_root(leaves: bytes, /) -> bytes: ...
def _inclusion_verify(leaf: bytes, index: int, size: int, hashes: Iterable[bytes], root: bytes, /) -> None: ...
def _consistency_verify(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, hashes: Iterable[bytes], /
) -> None: ...
def _proof_verify(
    proof: str | bytes, policy: tuple[Any, ...], stored: object, event_hash: bytes | None, codec: object, /
) -> tuple[int, int, bytes, bytes, Event | None, bool, tuple[int, int, int, int, int]]: ...
def _witness_cosign(note: str | bytes, private: str | bytes, time: int, /) -> str: ...
def _witness_request(old_size: int, hashes: Iterable[bytes], note: str | bytes, /) -> str: ...
def _witness_answer(
    http_status: int, body: str | bytes, note: str | bytes, witnesses: tuple[str | bytes, ...], /
) -> tuple[int, int, str]: ...
def _verify(
    path: _Path,
    mode: str,
    threads: int | None,
    keys: tuple[str | bytes, ...],
    since: str | bytes | None,
    progress: object,
    /,
) -> tuple[Any, ...]: ...

version: Final[str]

def depth() -> int:
    """How deep this thread is inside handlers: 0 outside, 1 inside a handler, …"""

def reclaim() -> int:
    """`Registry.reclaim` for all registries of the process, closed ones included."""

def status_table() -> list[tuple[int, str, str, int]]:
    """(code, symbol, message, class) of every status of the core."""

def constant(name: str, /) -> int:
    """The value of a numeric macro of the headers; KeyError when there is none."""

def _ended() -> None: ...
def _asynchronous(handler: object, /) -> Literal["coroutine", "generator"] | None:
    """What calling it would only make, if it is not run by calling it."""

def _helpers() -> dict[str, Any]: ...
def _seconds(timeout: float | None, /) -> float | None:
    """A timeout as a float; RangeError for what is none."""

def _notification(
    owner: object, registry: Registry, event: Any, kind: str | None, limit: int | None, timeout: float | None, /
) -> Notification: ...
