"""The options of calls that take them as `**options`, for type checkers only: never imported when it runs."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias, TypedDict
from uuid import UUID

from ._batch import Pending
from ._core import Event, Receipt
from ._proofs import Checkpoint, Signing
from ._store import Condition

Mode: TypeAlias = Literal["rw", "r", "x", "existing"]
Durability: TypeAlias = Literal["buffered", "written", "durable"]
Time: TypeAlias = datetime | int
Texts: TypeAlias = str | Iterable[str]
Id: TypeAlias = UUID | str | bytes | Event | Receipt
Expect: TypeAlias = int | Literal["any", "no_stream", "exists"]
Draft: TypeAlias = tuple[str, str] | tuple[str, str, Any] | Mapping[str, Any]


class DraftOptions(TypedDict, total=False):
    """Of Store.append, without what is about the commit."""

    tags: Texts | None
    subject: str | None
    id: Id | None
    correlation: Id | None
    causation: Id | None
    occurred: Time | None
    schema: int
    key: str | bytes | None
    content_type: str | None


class PendingOptions(TypedDict, total=False):
    """Of an append in a batch."""

    tags: Texts | None
    subject: str | None
    id: Id | None
    correlation: Id | None
    causation: Id | Pending | int | None
    occurred: Time | None
    schema: int
    key: str | bytes | None
    content_type: str | None


class CommitOptions(TypedDict, total=False):
    """Of append_many and batch."""

    expect: Expect | Mapping[str, Expect] | None
    conditions: Condition | Iterable[Condition]
    durability: Durability | None


class AppendOptions(DraftOptions, CommitOptions):
    """Of Store.append."""


class FilterOptions(TypedDict, total=False):
    """Of Store.follow."""

    stream: str | None
    prefix: str | None
    types: Texts | None
    tags: Texts | None
    subject: str | None
    from_version: int | None
    since: Time | None


class QueryOptions(TypedDict, total=False):
    """Of Store.read, after `stream`."""

    prefix: str | None
    types: Texts | None
    tags: Texts | None
    subject: str | None
    from_position: int | Event | Receipt | None
    to_position: int | None
    as_of: int | None
    from_version: int | None
    to_version: int | None
    since: Time | None
    until: Time | None
    backwards: bool
    durable_only: bool
    limit: int | None


class HandlerOptions(TypedDict, total=False):
    """Of AsyncStore.on."""

    priority: int
    once: bool
    name: str | None
    max_failures: int | None


class VerifyOptions(TypedDict, total=False):
    """Of AsyncStore.verify and aio.verify."""

    keys: str | bytes | Iterable[str | bytes]
    since: str | bytes | Checkpoint | None
    threads: int | None
    progress: Callable[[int, int], object] | None


class WitnessOptions(TypedDict, total=False):
    """Of aio.ask_witness."""

    note: str | bytes | Checkpoint | None
    old_size: int
    timeout: float
    keep: bool


class OpenOptions(TypedDict, total=False):
    """Of tallystick.open."""

    mode: Mode
    name: str | None
    durability: Durability
    codec: Any
    thread: bool
    allow_remote: bool
    check: Literal["first", "always", "never"]
    map: Literal["sealed", "never"]
    digest: Literal["sha256", "blake2b"]
    file_mode: int | None
    segment_bytes: int | None
    queue_bytes: int | None
    sync_events: int | float | None
    sync_bytes: int | float | None
    sync_interval: float | timedelta | None
    key_events: int | float | None
    key_age: float | timedelta | None
    signing: Signing | None
