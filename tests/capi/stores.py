"""Stores through the C functions, as dictionaries like those of tests/verifier/read_store.py."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

from .library import CData, check, constant, ffi, lib, text

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "verifier"))

from read_store import event_as_json, read_store, shorten  # noqa: E402

__all__ = ["ROOT", "event_as_json", "events_of", "open_store", "read_store", "shorten"]

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
