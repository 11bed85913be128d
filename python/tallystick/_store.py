"""The methods of Store and Reader that are written in Python, put where they belong (as _methods.py does
for Registry), and the stores that are open when the interpreter ends."""

import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, NamedTuple

from . import _batch, _core, _data, _gates, _proofs, _reading, _upkeep
from ._core import Event, Listed, Reader, Store
from .errors import ClosedError, TimeoutError, unknown_option

del _data


class Condition(NamedTuple):
    """An event at `from_position` or later that has any of `types` and all of `tags` is a conflict. No
    types: any type. No tags: any tags; not both.

        seen = store.head("course/math").next_version
        store.append(…, conditions=[Condition(tags="course:math", from_position=len(store))])
    """

    types: str | Iterable[str] = ()
    tags: str | Iterable[str] = ()
    from_position: int = 0


class Ancestors(list[int]):
    """Positions of a stream's events, each the one before; `ended` says why there are no more: "genesis",
    "limit", "dropped" or "unreadable"."""

    __slots__ = ("ended",)

    def __init__(self, positions: Iterable[int], ended: str) -> None:
        super().__init__(positions)
        self.ended = ended

    def __repr__(self) -> str:
        return f"<Ancestors {list(self)!r}, ended by {self.ended}>"


# ---------------------------------------------------------------------------------------------- streams


def _listed(store: Store, what: Literal["streams", "types", "tags"], prefix: str | None) -> Iterator[Listed]:
    after = None
    while rows := store._list(what, prefix, after):
        yield from rows
        after = rows[-1].name


def streams(self: Store, prefix: str | None = None) -> Iterator[Listed]:
    return _listed(self, "streams", prefix)


def types(self: Store, prefix: str | None = None) -> Iterator[Listed]:
    return _listed(self, "types", prefix)


def tags(self: Store, prefix: str | None = None) -> Iterator[Listed]:
    return _listed(self, "tags", prefix)


def stream_version(self: Store, stream: str, /) -> int:
    return self.head(stream).next_version - 1


def ancestors(self: Store, position: Any, /, *, limit: int = 10_000) -> Ancestors:
    return Ancestors(*self._ancestors(position, limit))


# ---------------------------------------------------------------------------------------------- reading


def to_records(self: Store, **query: Any) -> list[dict[str, Any]]:
    return [_reading.record(event) for event in self.read(**query)]


def follow(
    self: Store,
    from_position: int | None = None,
    *,
    timeout: float | None = None,
    durable_only: bool = False,
    **query: Any,
) -> Iterator[Event]:
    timeout = _core._seconds(timeout)
    for name in ("backwards", "to_position", "as_of", "limit"):
        if query.get(name):
            raise TypeError(f"follow() has no end, so no {name}")
    if from_position is None and query.get("from_version") is None:
        from_position = len(self)
    reader = self.read(from_position=from_position, durable_only=durable_only, **query)
    level = "durable" if durable_only else "written" if self.read_only else "buffered"
    return _follow(self, reader, level, timeout)


def _follow(store: Store, reader: Reader, level: Any, timeout: float | None) -> Iterator[Event]:
    with reader:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            for event in reader:
                yield event
                deadline = None if timeout is None else time.monotonic() + timeout
            try:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                store.wait(reader.end_position, durability=level, timeout=left)
                reader.refresh()
            except TimeoutError:
                return
            except ClosedError:
                if store.closed:
                    return
                raise


# ------------------------------------------------------------------------------------- batches, handlers


def batch_options(options: dict[str, Any]) -> dict[str, Any]:
    allowed = ["expect", "conditions", "durability"]
    for name in options:
        if name not in allowed:
            unknown_option("batch", name, allowed)
    return options


def batch(self: Store, **options: Any) -> _batch.Batch:
    return _batch.Batch(self, batch_options(options))


def on(self: Store, kind: str, handler: Any = None, **options: Any) -> Any:
    return self.registry.on(kind, handler, **options)


# ------------------------------------------------------------------------------------------- notebooks


def repr_html(self: Store) -> str:
    from html import escape

    title = f"<b>{escape(repr(self))}</b>"
    if self.closed:
        return title
    marks, facts, info = self.watermarks(), self.stats(), self.info
    rows = {
        "name": info.name,
        "lineage": info.lineage,
        "durable": f"{marks.durable} of {marks.buffered} events",
        "segments": f"{facts.segments}, {facts.sealed_segments} sealed",
        "files": f"{facts.file_bytes / 1048576:.1f} MiB",
        "heads": _heads(self),
        "memory": f"{facts.heap_bytes / 1048576:.1f} MiB",
    }
    body = "".join(f"<tr><th>{name}</th><td>{escape(str(value))}</td></tr>" for name, value in rows.items())
    last = _reading.EventList(self.read(backwards=True, limit=5))
    return f"{title}<table>{body}</table>{_reading.table(last, len(last)) if last else ''}"


def _heads(store: Store) -> str:
    state = store.signing()
    guard = "" if state.is_guarded or store.read_only else ", unguarded signer"
    return f"signed up to {state.signed_size} events{guard}" if state.is_signed else "unsigned"


# ----------------------------------------------------------------------------------------------- the end

_open: "weakref.WeakSet[Store]" = weakref.WeakSet()


def close_all() -> None:
    """What is still buffered when the interpreter ends is not lost; that nobody closed it is said."""
    for store in list(_open):
        if not store.closed:
            store._forget()


_core._helpers().update(condition=Condition, store_opened=_open.add)

_METHODS: dict[type, dict[str, Callable[..., Any]]] = {
    Store: {
        "batch": batch,
        "follow": follow,
        "to_records": to_records,
        "streams": streams,
        "types": types,
        "tags": tags,
        "stream_version": stream_version,
        "ancestors": ancestors,
        "on": on,
        "gate": _gates.gate,
        "remove_gate": _gates.remove_gate,
        "backup": _upkeep.backup,
        "signing": _proofs.signing,
        "checkpoint": _proofs.checkpoint,
        "prove": _proofs.prove,
        "consistency": _proofs.consistency,
        "keep_note": _proofs.keep_note,
        "verify": _proofs.store_verify,
        "_repr_html_": repr_html,
    },
    Reader: {"page": _reading.page, "to_list": _reading.to_list, "to_records": _reading.to_records},
    Event: {"_repr_html_": _reading.event_html},
}

for _type, _functions in _METHODS.items():
    for _name, _function in _functions.items():
        _function.__name__ = _name
        _function.__qualname__ = f"{_type.__name__}.{_name}"
        setattr(_type, _name, _function)
