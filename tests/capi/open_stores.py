"""A store on a real disk, through the exported functions, in few words: for the tests of its behaviour."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from .library import Box, CData, constant, ffi, lib, name_of, text

NOBODY = constant("TALLY_POSITION_NONE")
SEGMENT = 65536


class Refused(Exception):
    """A call that failed, with everything that it said."""

    def __init__(self, error: CData) -> None:
        self.status = name_of(error.status)
        self.position = int(error.position)
        self.os_error = int(error.os_error)
        self.message = ffi.string(error.message).decode()
        self.path = ffi.string(error.path).decode()
        super().__init__(f"{self.status}: {self.message} ({self.path})")


def call(function: str, *arguments: Any) -> None:
    """Calls with an error at the end; raises what it says. On success it says nothing."""
    error = ffi.new("tally_error *")
    status = getattr(lib, function)(*arguments, error)
    assert status == error.status
    if status != 0:
        assert len(ffi.string(error.message)) > 8
        raise Refused(error)


def copied(event: CData) -> SimpleNamespace:
    def said(name: CData) -> str:
        return text(name.bytes, name.length)

    return SimpleNamespace(
        position=event.position,
        version=event.version,
        stream=said(event.stream),
        type=said(event.type),
        tags=[said(event.tags[i]) for i in range(event.tag_count)],
        data=bytes(ffi.buffer(event.data, event.length)) if event.length else b"",
        data_state=event.data_state,
    )


class Store:
    """One open store. What is made for a call lives as long as the box."""

    def __init__(self, box: Box, path: Path | str, mode: str = "OPEN_OR_CREATE", **options: Any) -> None:
        self.box = box
        self.path = Path(path)
        given = box.struct("tally_store_options", mode=constant(f"TALLY_STORE_{mode}"), **options)
        self.handle = ffi.new("tally_store **")
        raw = str(path).encode()
        call("tally_store_open", raw, len(raw), given, self.handle)
        box.opened.append((lib.tally_store_close, self.handle))

    def close(self) -> None:
        assert name_of(lib.tally_store_close(self.handle)) == "OK"

    # ----------------------------------------------------------------------------------------------- appending

    def draft(
        self, data: bytes = b"data", stream: str = "s/1", type_: str = "t.made", tags: Sequence[str] = (), **more: Any
    ) -> CData:
        box = self.box
        key = more.pop("key", None)
        if key is not None:
            more["idempotency_key"] = box.text(key)
        if "id" in more:
            more["id"] = {"bytes": more["id"].bytes}
        return box.struct(
            "tally_draft",
            stream=box.text(stream.encode()),
            type=box.text(type_.encode()),
            data=box.new("char[]", data) if data else ffi.NULL,
            length=len(data),
            tags=box.new("tally_text[]", [box.text(tag.encode()) for tag in tags]) if tags else ffi.NULL,
            tag_count=len(tags),
            **more,
        )

    def append(
        self, *arguments: Any, level: str = "DURABLE", options: dict[str, Any] | None = None, **more: Any
    ) -> CData:
        """Appends one event; its receipt."""
        return self.append_many([self.draft(*arguments, **more)], level, options)[0]

    def append_many(
        self, drafts: list[CData], level: str = "DURABLE", options: dict[str, Any] | None = None
    ) -> list[CData]:
        given = self.box.struct("tally_append_options", durability=constant(f"TALLY_{level}"), **(options or {}))
        array = ffi.new("tally_draft[]", [draft[0] for draft in drafts])
        receipts = self.box.new(f"tally_receipt[{len(drafts)}]")
        call("tally_store_append_many", self.handle[0], array, len(drafts), given, receipts)
        return [receipts[i] for i in range(len(drafts))]

    def expecting(self, expect: str, version: int = 0, stream: str = "") -> dict[str, Any]:
        named = self.box.text(stream.encode())
        expectation = {"stream": named, "expect": constant(f"TALLY_EXPECT_{expect}"), "version": version}
        return {"expectations": self.box.new("tally_expectation[1]", [expectation]), "expectation_count": 1}

    def unless(self, from_position: int, types: Sequence[str] = (), tags: Sequence[str] = ()) -> dict[str, Any]:
        box = self.box
        condition = {
            "types": box.new("tally_text[]", [box.text(name.encode()) for name in types]) if types else ffi.NULL,
            "type_count": len(types),
            "tags": box.new("tally_text[]", [box.text(name.encode()) for name in tags]) if tags else ffi.NULL,
            "tag_count": len(tags),
            "from_position": from_position,
        }
        return {"conditions": box.new("tally_append_condition[1]", [condition]), "condition_count": 1}

    # ------------------------------------------------------------------------------------------------ looking

    def read(self, page: int = 16, **query: Any) -> Iterator[tuple[int, bytes]]:
        """Position and data of each event."""
        for event in self.events(page, **query):
            yield event.position, event.data

    def events(self, page: int = 16, **query: Any) -> Iterator[SimpleNamespace]:
        """Copies: what a reader lends lives only until it is asked again."""
        reader = ffi.new("tally_reader **")
        for key in ("stream", "stream_prefix", "subject"):
            if key in query:
                query[key] = self.box.text(query[key].encode())
        for key in ("types", "tags"):
            if key in query:
                names = query[key]
                query[key] = self.box.new("tally_text[]", [self.box.text(name.encode()) for name in names])
                query[f"{key[:-1]}_count"] = len(names)
        call("tally_reader_open", self.handle[0], self.box.struct("tally_query", **query), reader)
        try:
            events, count = ffi.new("tally_event[]", page), ffi.new("size_t *", 1)
            while count[0]:
                call("tally_reader_next", reader[0], events, page, count)
                yield from [copied(events[i]) for i in range(count[0])]
        finally:
            assert name_of(lib.tally_reader_close(reader)) == "OK"

    def get(self, position: int) -> bytes | None:
        """The data; None when they are damaged."""
        buffer = ffi.new("char[]", 1 << 20)
        needed, event = ffi.new("size_t *"), ffi.new("tally_event *")
        call("tally_store_get", self.handle[0], position, buffer, 1 << 20, needed, event)
        if event.data_state == constant("TALLY_DATA_DAMAGED"):
            assert (event.data, event.length) == (ffi.NULL, 0)
            return None
        assert event.data_state == constant("TALLY_DATA_READABLE")
        return bytes(ffi.buffer(event.data, event.length)) if event.length else b""

    def find(self, identity: uuid.UUID) -> int:
        position = ffi.new("uint64_t *")
        raw = ffi.new("tally_uuid *", {"bytes": identity.bytes})
        call("tally_store_find_id", self.handle[0], raw, position)
        return int(position[0])

    def listed(self, what: str = "STREAMS", prefix: str = "") -> list[tuple[str, int]]:
        items, count = ffi.new("tally_listed[]", 64), ffi.new("size_t *")
        room = ffi.new("char[]", 1 << 16)
        named, after = self.box.text(prefix.encode()), self.box.text(b"")
        kind = constant(f"TALLY_LIST_{what}")
        call("tally_store_list", self.handle[0], kind, named, after, items, 64, room, 1 << 16, count)
        return [(text(items[i].name.bytes, items[i].name.length), items[i].count) for i in range(count[0])]

    @property
    def marks(self) -> tuple[int, int, int]:
        found = ffi.new("tally_watermarks *")
        call("tally_store_watermarks", self.handle[0], found)
        return found.buffered, found.written, found.durable

    @property
    def info(self) -> CData:
        found = self.box.new("tally_store_info *")
        call("tally_store_info_get", self.handle[0], found)
        return found

    def sync(self) -> None:
        call("tally_store_sync", self.handle[0])

    def wait(self, level: str, position: int, timeout_ms: int) -> None:
        call("tally_store_wait", self.handle[0], constant(f"TALLY_{level}"), position, timeout_ms)

    def work(self) -> None:
        """What the background thread would do, to the end."""
        more = ffi.new("int32_t *", 1)
        for _ in range(1000):
            call("tally_store_tick", self.handle[0], more)
            if not more[0]:
                return
        raise AssertionError("the work does not end")


def fsck(path: Path, finding: Callable[[CData], int] | None = None) -> dict[str, int]:
    report = ffi.new("tally_fsck_report *")
    told = ffi.NULL
    if finding is not None:
        told = ffi.callback("int32_t(void *, const tally_finding *)", lambda _, found: finding(found), error=1)
    raw = str(path).encode()
    call("tally_fsck", raw, len(raw), ffi.NULL, told, report)
    return {name: getattr(report, name) for name in ("events", "notes", "indexes", "bad_events", "structure")}


def salvage(path: Path, to: Path) -> CData:
    report = ffi.new("tally_salvage_report *")
    call("tally_salvage", str(path).encode(), len(str(path)), str(to).encode(), len(str(to)), ffi.NULL, report)
    return report


def segments(path: Path) -> list[Path]:
    return sorted(path.glob("*.seg"))
