"""Stores through the C functions, as dictionaries like those of tests/verifier/read_store.py."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

from .library import CData, check, constant, ffi, lib, name_of, text

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "verifier"))

from format1 import crc32c  # noqa: E402
from read_store import StoreError, event_as_json, read_store, shorten  # noqa: E402

__all__ = [
    "NAMES",
    "ROOT",
    "STORES",
    "StoreError",
    "append_many",
    "crc32c",
    "events_of",
    "open_store",
    "raw_path",
    "read_by_both",
    "read_store",
    "shorten",
    "whole_events",
    "without_key",
]

STORES = ROOT / "tests" / "vectors" / "stores"
NAMES = ("empty", "unsealed", "recovered", "sealed", "blake2b")

PAGE = 16


def open_store(path: Path, mode: str, **more: int) -> CData:
    options = ffi.new("tally_store_options *")
    options.size = ffi.sizeof("tally_store_options")
    options.mode = constant(f"TALLY_STORE_{mode}")
    for member, value in more.items():
        setattr(options, member, value)
    raw = str(path).encode()
    store = ffi.new("tally_store **")
    error = ffi.new("tally_error *")
    status = lib.tally_store_open(raw, len(raw), options, store, error)
    assert status == 0, f"{text(lib.tally_status_name(status))}: {text(error.message)}"
    return store


def identity(raw: CData) -> str:
    return str(uuid.UUID(bytes=bytes(ffi.buffer(raw.bytes))))


def as_json(event: CData) -> dict[str, object]:
    digest = ffi.new("tally_hash *")
    check(lib.tally_event_hash(ffi.addressof(event), digest))
    causation = identity(event.causation)
    occurred = event.flags & constant("TALLY_EVENT_OCCURRED")
    assert event.data_state == constant("TALLY_DATA_READABLE")
    return {
        "position": event.position,
        "version": event.version,
        "time_us": event.time_us,
        "time_logical": event.time_logical,
        "id": identity(event.id),
        "correlation": identity(event.correlation),
        "causation": None if causation == str(uuid.UUID(int=0)) else causation,
        "stream": text(event.stream.bytes, event.stream.length),
        "type": text(event.type.bytes, event.type.length),
        "content_type": text(event.content_type.bytes, event.content_type.length),
        "schema": event.schema_version,
        "tags": [text(tag.bytes, tag.length) for tag in event.tags[0 : event.tag_count]],
        "data": bytes(ffi.buffer(event.data, event.length)).hex() if event.length else "",
        "occurred_us": event.occurred_us if occurred else None,
        "batch": [event.batch_index, event.batch_count],
        "system": bool(event.flags & constant("TALLY_EVENT_SYSTEM")),
        "digest": event.core[1],
        "event_hash": bytes(ffi.buffer(digest.bytes)).hex(),
    }


def events_of(store: CData) -> Iterator[dict[str, object]]:
    reader = ffi.new("tally_reader **")
    check(lib.tally_reader_open(store[0], ffi.NULL, reader, ffi.NULL))
    events = ffi.new("tally_event[]", PAGE)
    count = ffi.new("size_t *", 1)
    while count[0]:
        check(lib.tally_reader_next(reader[0], events, PAGE, count, ffi.NULL))
        for number in range(count[0]):
            yield as_json(events[number])
    check(lib.tally_reader_close(reader))


def raw_path(path: Path) -> tuple[bytes, int]:
    return str(path).encode(), len(str(path).encode())


def without_key(event: dict[str, object]) -> dict[str, object]:
    """The digest of an idempotency key is in the body alone."""
    return {member: value for member, value in event.items() if member != "idempotency"}


def read_by_both(path: Path) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    independent = [without_key(event_as_json(event)) for event in read_store(path).events()]
    store = open_store(path, "READ_ONLY")
    core = list(events_of(store))
    check(lib.tally_store_close(store))
    return core, independent


def whole_events(path: Path) -> list[dict[str, object]]:
    """All that can be read of a store that may be damaged, one by one; [] when it does not open."""
    options = ffi.new("tally_store_options *")
    options.size = ffi.sizeof("tally_store_options")
    options.mode = constant("TALLY_STORE_READ_ONLY")
    store, reader = ffi.new("tally_store **"), ffi.new("tally_reader **")
    event, count = ffi.new("tally_event[]", 1), ffi.new("size_t *", 1)
    if lib.tally_store_open(*raw_path(path), options, store, ffi.NULL) != 0:
        return []
    check(lib.tally_reader_open(store[0], ffi.NULL, reader, ffi.NULL))
    found: list[dict[str, object]] = []
    for _ in range(1000):
        status = lib.tally_reader_next(reader[0], event, 1, count, ffi.NULL)
        assert name_of(status) in ("OK", "E_DAMAGED")
        if status == 0 and count[0] == 0:
            break
        if status == 0 and event[0].data_state == constant("TALLY_DATA_READABLE"):
            found.append(as_json(event[0]))
    else:
        raise AssertionError("the reader does not end")
    check(lib.tally_reader_close(reader))
    check(lib.tally_store_close(store))
    return found


def append_many(store: CData, rounds: int) -> None:
    drafts = ffi.new("tally_draft[]", 5)
    tags = ffi.new("tally_text[]", 2)
    kept = [ffi.from_buffer(word) for word in (b"even:yes", b"all", b"order.paid", b"note")]
    for number in range(2):
        tags[number].bytes, tags[number].length = kept[number], len(kept[number])
    error = ffi.new("tally_error *")
    options = ffi.new("tally_append_options *")
    options.size = ffi.sizeof("tally_append_options")
    options.durability = constant("TALLY_BUFFERED")
    for turn in range(rounds):
        streams = [ffi.from_buffer(f"order/{turn % 7}/{number}".encode()) for number in range(5)]
        data = ffi.from_buffer(bytes([turn % 251]) * (turn * 13 % 900))
        for number in range(5):
            draft = drafts[number]
            draft.size = ffi.sizeof("tally_draft")
            draft.stream.bytes, draft.stream.length = streams[number], len(streams[number])
            draft.type.bytes, draft.type.length = kept[2 + number % 2], len(kept[2 + number % 2])
            draft.data, draft.length = data, len(data)
            draft.tags, draft.tag_count = tags, turn % 3
        status = lib.tally_store_append_many(store[0], drafts, 1 + turn % 5, options, ffi.NULL, error)
        assert status == 0, f"append {turn}: {text(error.message)}"
