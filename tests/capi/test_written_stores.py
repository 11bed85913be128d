"""Stores that the core has just written: it and the independent reader agree about every event."""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import time
from pathlib import Path

import pytest

from .library import check, constant, ffi, lib
from .stores import STORES, StoreError, append_many, crc32c, open_store, raw_path, read_by_both, read_store


def test_a_store_that_was_just_written_reads_the_same_by_both(tmp_path: Path) -> None:
    path = tmp_path / "store"
    for opened in range(2):
        store = open_store(path, "OPEN_OR_CREATE", segment_bytes=constant("TALLY_SEGMENT_BYTES_MIN"))
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


def write_until_killed(path: Path) -> None:
    store = open_store(path, "OPEN_OR_CREATE", segment_bytes=constant("TALLY_SEGMENT_BYTES_MIN"))
    while True:
        append_many(store, 10)


def test_what_a_killed_writer_leaves_reads_the_same_by_both_before_and_after_recovery(tmp_path: Path) -> None:
    path = tmp_path / "store"
    child = os.fork()
    if child == 0:
        try:
            write_until_killed(path)
        finally:
            os._exit(1)
    while not (path / "00000004.00.seg").exists():
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    before, independent = read_by_both(path)
    assert before == independent
    assert len(before) > 100
    store = open_store(path, "EXISTING")
    append_many(store, 5)
    check(lib.tally_store_close(store))
    after, independent = read_by_both(path)
    assert after == independent
    assert after[: len(before)] == before
    assert len(after) - len(before) in (15, 16)  # the record of the cut, when something was cut


def test_sections_and_runs_that_were_just_written_agree_with_the_frames(tmp_path: Path) -> None:
    path = tmp_path / "store"
    sizes = {"segment_bytes": constant("TALLY_SEGMENT_BYTES_MIN"), "flags": constant("TALLY_STORE_NO_THREAD")}
    store = open_store(path, "NEW", **sizes)
    more = ffi.new("int32_t *", 1)
    append_many(store, 220)
    while more[0]:
        check(lib.tally_store_tick(store[0], more, ffi.NULL))
    check(lib.tally_store_close(store))
    found = read_store(path)
    assert found.runs >= 1
    assert found.notes == []
    assert [segment.trailer is None for segment in found.segments] == [False] * (len(found.segments) - 1) + [True]
    core, independent = read_by_both(path)
    assert core == independent
    run = next(path.glob("runs/*.run"))
    raw = bytearray(run.read_bytes())
    raw[4096 + 4] ^= 1  # the first reference, under a checksum that agrees
    page = struct.pack("<Q", 4096) + bytes(raw[4096 : 4096 + 4092])
    raw[4096 + 4092 : 8192] = struct.pack("<I", crc32c(page, bytes(raw[16:32])))
    run.write_bytes(raw)
    with pytest.raises(StoreError, match="references"):
        read_store(path)


def test_a_backup_reads_the_same_by_both(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store", "NEW", segment_bytes=constant("TALLY_SEGMENT_BYTES_MIN"))
    append_many(store, 120)
    check(lib.tally_store_sync(store[0], ffi.NULL))
    check(lib.tally_store_backup(store[0], *raw_path(tmp_path / "copy"), ffi.NULL, ffi.NULL, ffi.NULL))
    check(lib.tally_store_close(store))
    core, independent = read_by_both(tmp_path / "copy")
    assert core == independent == read_by_both(tmp_path / "store")[0]


def test_what_salvage_makes_of_a_damaged_store_reads_the_same_by_both(tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(STORES / "sealed", tmp_path / "damaged"))
    path = damaged / "00000001.00.seg"
    event = read_store(damaged).segments[1].events[5]
    raw = bytearray(path.read_bytes())
    raw[event.offset + 140] ^= 1
    path.write_bytes(raw)
    report = ffi.new("tally_salvage_report *")
    check(lib.tally_salvage(*raw_path(damaged), *raw_path(tmp_path / "new"), ffi.NULL, report, ffi.NULL))
    core, independent = read_by_both(tmp_path / "new")
    assert core == independent
    record = json.loads(bytes.fromhex(str(core[0]["data"])))
    assert (core[0]["stream"], core[0]["type"], core[0]["system"]) == ("$log", "tally.salvaged", True)
    assert record["gaps"] == [[event.position, event.position + 1]]
    assert report.copied == 119
    before = [member["id"] for member in map(json.loads, (STORES / "sealed.jsonl").read_text().splitlines())]
    assert [member["id"] for member in core[1:]] == [name for name in before if name != str(event.id)]


def test_events_at_the_limits_read_the_same_by_both(tmp_path: Path) -> None:
    """Longest names, most tags, more prefixes than are indexed, a commit larger than a segment."""
    sizes = {"segment_bytes": constant("TALLY_SEGMENT_BYTES_MIN"), "flags": constant("TALLY_STORE_NO_THREAD")}
    store = open_store(tmp_path / "store", "NEW", digest=constant("TALLY_STORE_BLAKE2B"), **sizes)
    names = [b"/" * 512, b"a." * 256, "é".encode() * 256, b"x" * 512, b"s"]
    tags = ffi.new("tally_text[]", 32)
    words = [ffi.from_buffer(b"%02d" % number + b"t" * (510 if number < 5 else number)) for number in range(32)]
    for number, word in enumerate(words):
        tags[number].bytes, tags[number].length = word, len(word)
    drafts, kept = ffi.new("tally_draft[]", 5), [ffi.from_buffer(name) for name in names]
    data, content_type = ffi.from_buffer(bytes(range(256)) * 200), ffi.from_buffer(b"c" * 255)
    for number, draft in enumerate(drafts):
        draft.size = ffi.sizeof("tally_draft")
        draft.stream.bytes, draft.stream.length = kept[number], len(names[number])
        draft.type.bytes, draft.type.length = kept[-1 - number], len(names[-1 - number])
        draft.content_type.bytes, draft.content_type.length = content_type, 255 * (number % 2)
        draft.data, draft.length = data, (0, 1, 7, 8, len(data))[number]
        draft.tags, draft.tag_count = tags, (32, 0, 1, 2, 31)[number]
        draft.schema_version = 2**32 - 1
        draft.flags, draft.occurred_us = constant("TALLY_DRAFT_OCCURRED"), -(2**63)
        draft.idempotency_key.bytes, draft.idempotency_key.length = kept[number], len(names[number])
    more = ffi.new("int32_t *", 1)
    for _ in range(3):
        check(lib.tally_store_append_many(store[0], drafts, 5, ffi.NULL, ffi.NULL, ffi.NULL))
        for draft in drafts:
            draft.idempotency_key.length = 0
    while more[0]:
        check(lib.tally_store_tick(store[0], more, ffi.NULL))
    check(lib.tally_store_close(store))
    core, independent = read_by_both(tmp_path / "store")
    assert core == independent
    assert len(core) == 15
    assert {segment.trailer is None for segment in read_store(tmp_path / "store").segments} == {False, True}
