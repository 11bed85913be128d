"""The compiled half of tallystick: the registry, its handlers and what they report.

This file is the manual. Everything in it is exported by `tallystick` itself; import it from there.

Four rules hold everywhere. Every method may be called from any thread at any time, unless its text
says otherwise. A wrong call raises one of the classes of `tallystick.errors`, each with `code`,
`symbol` and `hint`, and changes nothing. Times that go in are seconds, times that come out are named
with their unit. Records that come out are struct sequences: immutable tuples with attributes, without
the methods of a NamedTuple.
"""

from asyncio import AbstractEventLoop, Future, Task
from collections.abc import Callable, Coroutine, Generator, Iterable
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias, TypeVar, final, overload, type_check_only

from _typeshed import structseq
from typing_extensions import disjoint_base

from ._delivery import Delivery, StandIn
from ._events import Events
from ._scopes import Edit, Guard

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
