"""Lists of events, and what of Reader is Python."""

from collections.abc import Iterable
from itertools import islice
from typing import Any, SupportsIndex, overload

from ._core import Event, Reader, Store, _helpers

_ROWS_MAX = 50


def record(event: Event) -> dict[str, Any]:
    """One event as a flat row, for pandas.DataFrame.from_records and the like."""
    return {
        "position": event.position,
        "version": event.version,
        "time": event.time,
        "stream": event.stream,
        "type": event.type,
        "schema": event.schema,
        "data": event.data,
        "content_type": event.content_type,
        "tags": event.tags,
        "id": event.id,
        "correlation": event.correlation,
        "causation": event.causation,
        "occurred": event.occurred,
    }


class EventList(list[Event]):
    """A list of events that notebooks show as a table."""

    __slots__ = ()

    def to_records(self) -> list[dict[str, Any]]:
        """One dict per event."""
        return [record(event) for event in self]

    @overload
    def __getitem__(self, key: SupportsIndex, /) -> Event: ...
    @overload
    def __getitem__(self, key: slice, /) -> "EventList": ...
    def __getitem__(self, key: Any, /) -> Any:
        found = super().__getitem__(key)
        return EventList(found) if isinstance(key, slice) else found

    def _repr_html_(self) -> str:
        return table(self, len(self))


def table(events: Iterable[Event], count: int) -> str:
    from html import escape

    def row(tag: str, cells: Iterable[object]) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    head = row("th", ("position", "time (UTC)", "stream", "version", "type", "data", "tags"))
    body = "".join(
        row(
            "td",
            (
                event.position,
                f"{event.time:%Y-%m-%d %H:%M:%S.%f}",
                event.stream,
                event.version,
                event.type,
                short(event),
                ", ".join(event.tags),
            ),
        )
        for event in islice(events, _ROWS_MAX)
    )
    more = f"<br>and {count - _ROWS_MAX} more" if count > _ROWS_MAX else ""
    return f"<table>{head}{body}</table>{more}"


def short(event: Event) -> str:
    """The beginning of an event's data, as text."""
    if event.data_state != "readable":
        return f"({event.data_state})"
    if event.content_type == "application/octet-stream" or len(event.raw) > 4096:
        return f"{len(event.raw)} bytes"
    text = event.raw.decode("utf-8", "replace")
    return text if len(text) <= 80 else text[:79] + "…"


def event_html(self: Event) -> str:
    return table([self], 1)


def page(self: Reader, count: int) -> EventList:
    return EventList(self._page(count))


def to_list(self: Reader) -> EventList:
    return EventList(self)


def to_records(self: Reader) -> list[dict[str, Any]]:
    return [record(event) for event in self]


def slice_of(store: Store, key: slice) -> EventList:
    """store[a:b]: events by position, as a list would give them."""
    start, stop, step = key.indices(len(store))
    if step == 1:
        return EventList(store.read(from_position=start, to_position=stop)) if start < stop else EventList()
    if step == -1:
        if start <= stop:
            return EventList()
        return EventList(store.read(from_position=stop + 1, to_position=start + 1, backwards=True))
    return EventList(store.get(position) for position in range(start, stop, step))


_helpers().update(store_slice=slice_of)
