"""The golden stores, and stores that the core has just written: the core and the independent reader agree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .library import check, constant, ffi, lib
from .stores import ROOT, event_as_json, events_of, open_store, read_store, shorten

STORES = ROOT / "tests" / "vectors" / "stores"
NAMES = ("empty", "unsealed", "recovered", "sealed", "blake2b")


def without_key(event: dict[str, object]) -> dict[str, object]:
    """The digest of an idempotency key is in the body alone."""
    return {member: value for member, value in event.items() if member != "idempotency"}


def read_by_both(path: Path) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    independent = [without_key(event_as_json(event)) for event in read_store(path).events()]
    store = open_store(path, "READ_ONLY")
    core = list(events_of(store))
    check(lib.tally_store_close(store))
    return core, independent


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_store_reads_as_it_is_described(name: str) -> None:
    lines = (STORES / f"{name}.jsonl").read_text().splitlines()
    core, independent = read_by_both(STORES / name)
    assert core == independent
    assert [shorten(event) for event in core] == [without_key(json.loads(line)) for line in lines]


def test_reading_a_golden_store_changes_nothing_in_it() -> None:
    before = {path: path.read_bytes() for path in STORES.rglob("*") if path.is_file()}
    for name in NAMES:
        read_by_both(STORES / name)
    assert {path: path.read_bytes() for path in STORES.rglob("*") if path.is_file()} == before


def append_many(store, rounds: int) -> None:
    drafts = ffi.new("tally_draft[]", 5)
    tags = ffi.new("tally_text[]", 2)
    kept = [ffi.from_buffer(word) for word in (b"even:yes", b"all", b"order.paid", b"note")]
    for number in range(2):
        tags[number].bytes, tags[number].length = kept[number], len(kept[number])
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
        check(lib.tally_store_append_many(store[0], drafts, 1 + turn % 5, options, ffi.NULL, ffi.NULL))


def test_a_store_that_was_just_written_reads_the_same_by_both(tmp_path: Path) -> None:
    options = ffi.new("tally_store_options *")
    options.size = ffi.sizeof("tally_store_options")
    options.segment_bytes = constant("TALLY_SEGMENT_BYTES_MIN")
    path = tmp_path / "store"
    raw = str(path).encode()
    for opened in range(2):
        store = ffi.new("tally_store **")
        check(lib.tally_store_open(raw, len(raw), options, store, ffi.NULL))
        append_many(store, 120)
        check(lib.tally_store_sync(store[0], ffi.NULL))
        if opened == 0:
            core, independent = read_by_both(path)  # while the writer has it open
            assert core == independent
        check(lib.tally_store_close(store))
    core, independent = read_by_both(path)
    assert core == independent
    assert len(core) == 2 * 24 * 15
    assert len(list(path.glob("*.seg"))) > 3
