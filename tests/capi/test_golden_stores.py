"""The golden stores, and stores that the core has just written: the core and the independent reader agree."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from .library import check, constant, ffi, lib, name_of, text
from .stores import ROOT, as_json, event_as_json, events_of, open_store, read_store, shorten

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


def raw_path(path: Path) -> tuple[bytes, int]:
    return str(path).encode(), len(str(path).encode())


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


@pytest.mark.parametrize("name", ["unsealed", "sealed"])
def test_whatever_bit_flips_the_core_tells_no_other_event(name: str, tmp_path: Path) -> None:
    golden = read_by_both(STORES / name)[0]
    directory = Path(shutil.copytree(STORES / name, tmp_path / name))
    chance = random.Random(7)
    paths = sorted(directory.glob("*.seg"))
    for turn in range(200):
        path = paths[turn % len(paths)]
        raw = path.read_bytes()
        end = raw.rindex(b"tF\x02") + 60 if name == "unsealed" else len(raw)
        low, high = [(0, 4300), (4096, end), (end - 9000, end)][turn % 3]
        at = chance.randrange(max(low, 0), min(high, end))
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :])
        found = whole_events(directory)
        for event in found:
            assert event == golden[int(str(event["position"]))], f"{path.name}, offset {at}"
        if at >= 4096 and path != paths[-1]:  # sealed: a frame costs its event, an index or a mark nothing
            assert len(found) >= len(golden) - 1, f"{path.name}, offset {at}"
        path.write_bytes(raw)
    assert whole_events(directory) == golden
