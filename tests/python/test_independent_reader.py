"""The independent reader of whole stores: on the golden stores, and on what can happen to them."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STORES = ROOT / "tests" / "vectors" / "stores"
NAMES = ("empty", "unsealed", "recovered", "sealed", "blake2b")
sys.path.insert(0, str(ROOT / "tests" / "verifier"))

from format1 import HEADER_BYTES, crc32c  # noqa: E402
from read_store import Store, StoreError, event_as_json, read_store, shorten  # noqa: E402


def events(store: Store) -> list[dict[str, object]]:
    return [shorten(event_as_json(event)) for event in store.events()]


def golden(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (STORES / f"{name}.jsonl").read_text().splitlines()]


@pytest.fixture
def copy(tmp_path: Path):
    def copy_of(name: str) -> Path:
        return Path(shutil.copytree(STORES / name, tmp_path / name, dirs_exist_ok=True))

    return copy_of


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_store_reads_as_it_is_described(name: str) -> None:
    assert events(read_store(STORES / name)) == golden(name)


def test_the_program_prints_a_line_for_each_event_and_fails_for_what_is_no_store(tmp_path: Path) -> None:
    program = [sys.executable, str(ROOT / "tests" / "verifier" / "read_store.py")]
    done = subprocess.run([*program, str(STORES / "unsealed")], capture_output=True, text=True)
    assert done.returncode == 0
    assert [json.loads(line) for line in done.stdout.splitlines()] == golden("unsealed")
    assert "5 events" in done.stderr
    (tmp_path / "photo.jpg").write_bytes(b"no")
    done = subprocess.run([*program, str(tmp_path)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no store" in done.stderr


def test_golden_stores_hold_what_they_are_for() -> None:
    stores = {name: read_store(STORES / name) for name in NAMES}
    assert stores["empty"].position == 0
    assert not stores["unsealed"].segments[0].clean
    assert stores["unsealed"].durable == 4
    assert stores["recovered"].segments[-1].clean
    assert [event["type"] for event in events(stores["recovered"]) if event["system"]] == ["tally.recovered"]
    sealed = stores["sealed"]
    assert sum(segment.trailer is not None for segment in sealed.segments) >= 2
    assert sealed.segments[-1].trailer is None
    assert sealed.segments[0].compared == ["OFFS", "TIME", "IDIX", "IDEM", "HASH", "NAME"]
    assert len({commit.mark.writer_epoch for segment in sealed.segments for commit in segment.commits}) == 2
    found = events(sealed)
    assert any(event["idempotency"] for event in found)
    assert any(event["occurred_us"] is not None for event in found)
    assert any(event["tags"] for event in found)
    assert {event["digest"] for event in found} == {1}
    assert {event["digest"] for event in golden("blake2b")} == {2}
    for name in NAMES:
        assert stores[name].notes == []


# ---------------------------------------------------------------------------------------------- damage


def prefix_or_error(directory: Path, whole: list[dict[str, object]]) -> int | None:
    """How many events are read; None when the store is refused."""
    try:
        found = events(read_store(directory))
    except StoreError:
        return None
    assert found == whole[: len(found)]
    return len(found)


def test_no_flipped_bit_changes_an_event(copy) -> None:
    directory = copy("unsealed")
    path = directory / "00000000.00.seg"
    raw = path.read_bytes()
    end = read_store(directory).segments[0].end
    durable = read_store(directory).durable
    for at in range(0, end, 7):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :])
        found = prefix_or_error(directory, golden("unsealed"))
        assert found is None or found < 5 or at >= end - 64
        assert found is None or at < HEADER_BYTES or found >= 0
    assert durable == 4


def test_a_store_cut_anywhere_shows_whole_commits(copy) -> None:
    directory = copy("unsealed")
    path = directory / "00000000.00.seg"
    raw = path.read_bytes()
    segment = read_store(directory).segments[0]
    ends = {commit.end: commit.mark.first_position + commit.mark.count for commit in segment.commits}
    for length in range(HEADER_BYTES, segment.end + 8, 24):
        path.write_bytes(raw[:length])
        expected = max((count for end, count in ends.items() if end <= length), default=0)
        assert prefix_or_error(directory, golden("unsealed")) == expected


def test_a_sealed_segment_that_was_changed_is_refused(copy) -> None:
    directory = copy("sealed")
    path = directory / "00000000.00.seg"
    raw = path.read_bytes()
    for at in (100, HEADER_BYTES + 9, HEADER_BYTES + 20_000, len(raw) // 2, len(raw) - 4096 - 200):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 4]) + raw[at + 1 :])
        with pytest.raises(StoreError) as caught:
            read_store(directory)
        assert caught.value.file == path.name


@pytest.mark.parametrize("tag", [b"OFFS", b"TIME", b"IDIX", b"IDEM", b"NAME", b"HASH", b"POST"])
def test_an_index_that_lies_is_found_by_comparing_it(copy, tag: bytes) -> None:
    """With a checksum that agrees: the page's numbers are wrong, not its bytes."""
    directory = copy("sealed")
    path = directory / "00000000.00.seg"
    raw = bytearray(path.read_bytes())
    salt = bytes(raw[40:56])
    table = struct.unpack_from("<Q", raw, len(raw) - 128 + 16)[0]
    entry = raw.index(tag, table)
    offset, length = struct.unpack_from("<QQ", raw, entry + 8)
    raw[offset + min(length, 4092) - 1] ^= 1
    raw[offset + 4092 : offset + 4096] = struct.pack(
        "<I", crc32c(struct.pack("<Q", offset) + bytes(raw[offset : offset + 4092]), salt)
    )
    path.write_bytes(raw)
    with pytest.raises(StoreError, match=r"section (NAME|HASH|OFFS|TIME|IDIX|IDEM)"):
        read_store(directory)


def test_a_segment_whose_sealing_was_interrupted_is_scanned(copy) -> None:
    directory = copy("sealed")
    path = directory / "00000000.00.seg"
    path.write_bytes(path.read_bytes()[:-1])
    store = read_store(directory)
    assert store.segments[0].trailer is None
    assert events(store) == golden("sealed")
    assert any("interrupted sealing" in note for note in store.notes)


def test_a_segment_that_is_missing_or_another_stores_is_refused(copy) -> None:
    directory = copy("sealed")
    (directory / "00000001.00.seg").rename(directory / "kept")
    with pytest.raises(StoreError, match="missing"):
        read_store(directory)
    shutil.copy(STORES / "blake2b" / "00000001.00.seg", directory)
    with pytest.raises(StoreError, match="another store"):
        read_store(directory)


def test_a_newest_segment_without_a_header_never_existed(copy) -> None:
    directory = copy("recovered")
    (directory / "00000001.00.seg").write_bytes(bytes(65536))
    store = read_store(directory)
    assert events(store) == golden("recovered")
    assert any("never existed" in note for note in store.notes)


def test_what_head_says_was_durable_must_be_there(copy) -> None:
    directory = copy("unsealed")

    def head(durable: int) -> bytes:
        slot = struct.pack("<QQ16sQIIQQQQQQQ", 2, 1, bytes(16), 7, 1, 1, 1, 0, 0, 0, 4096, durable, durable) + bytes(20)
        return slot + struct.pack("<I", crc32c(slot)) + bytes(4096 - 128)

    (directory / "HEAD").write_bytes(head(5))
    assert read_store(directory).durable == 5
    (directory / "HEAD").write_bytes(head(6))
    with pytest.raises(StoreError, match="had been durable"):
        read_store(directory)
    (directory / "HEAD").write_bytes(head(6)[:-1].replace(b"\x06", b"\x07"))
    assert read_store(directory).durable == 4
