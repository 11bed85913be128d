"""Batches: `with store.batch() as b`, all or nothing."""

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ._core import Receipt, Store
from .errors import ArgumentError, unknown_option

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Unpack

    from ._options import PendingOptions

_NOT_YET = "the batch is not appended yet: its block has not ended"


class Pending:
    """An event of a batch, before and after it is appended: a later event's `causation`, and its receipt."""

    __slots__ = ("_batch", "index")

    def __init__(self, batch: "Batch | Any", index: int) -> None:
        self._batch = batch
        self.index = index

    @property
    def receipt(self) -> Receipt:
        """Once the block has ended well."""
        receipts: list[Receipt] | None = self._batch.receipts
        if receipts is None:
            raise ArgumentError(_NOT_YET)
        return receipts[self.index]

    def __repr__(self) -> str:
        return f"<Pending {self.index} of a batch>" if self._batch.receipts is None else f"<{self.receipt!r}>"


_NAMES = (
    "tags",
    "subject",
    "id",
    "correlation",
    "causation",
    "occurred",
    "schema",
    "key",
    "content_type",
)


class Drafts:
    """What a batch gathers, for Batch and its asynchronous twin."""

    __slots__ = ("_events", "_options", "receipts")

    def __init__(self, options: dict[str, Any]) -> None:
        self._events: list[tuple[Any, ...] | dict[str, Any]] = []
        self._options = options
        self.receipts: list[Receipt] | None = None

    def append(self, stream: str, type: str, data: Any = None, **options: "Unpack[PendingOptions]") -> Pending:
        """As Store.append, later. `causation` may be what an earlier append of this batch returned."""
        if self.receipts is not None:
            raise ArgumentError("the batch has been appended already")
        for name in options:
            if name not in _NAMES:
                unknown_option("append", name, ["stream", "type", "data", *_NAMES])
        cause = options.get("causation")
        if isinstance(cause, Pending):
            if cause._batch is not self:
                raise ArgumentError("causation belongs to another batch; give its receipt")
            options["causation"] = cause.index
        event = {"stream": stream, "type": type, "data": data, **options} if options else (stream, type, data)
        self._events.append(event)
        return Pending(self, len(self._events) - 1)

    def extend(self, events: "Iterable[tuple[Any, ...] | dict[str, Any]]") -> None:
        """Events as append_many takes them."""
        self._events.extend(events)

    def __len__(self) -> int:
        return len(self._events)

    def __repr__(self) -> str:
        count = len(self._events)
        done = "not appended" if self.receipts is None else "appended"
        return f"<{type(self).__name__} of {count} event{'s' if count != 1 else ''}, {done}>"


class Batch(Drafts):
    """See Store.batch."""

    __slots__ = ("_store",)

    def __init__(self, store: Store, options: dict[str, Any]) -> None:
        super().__init__(options)
        self._store = store

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        if kind is None and self.receipts is None:
            self.receipts = self._store.append_many(self._events, **self._options) if self._events else []
