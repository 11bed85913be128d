"""The same spoiled directories, judged by the core and by the independent verifier: they agree on each."""

from __future__ import annotations

import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .library import CData, check, constant, ffi, lib, text
from .proofs import Texts
from .stores import ROOT, STORES, StoreError, crc32c, open_store, raw_path

sys.path.insert(0, str(ROOT / "tests" / "verifier"))

from format1 import HEADER_BYTES, digest
from notes1 import RejectedError
from read_store import read_store
from verify_store import verify_store

EVENTS = 12


def append(store: CData, number: int) -> None:
    texts = Texts()
    draft = ffi.new("tally_draft *")
    draft.size = ffi.sizeof("tally_draft")
    draft.stream, draft.type = texts.one(f"stream/{number % 3}"), texts.one("thing.happened")
    data = ffi.new("char[]", f"data of event {number}".encode())
    draft.data, draft.length = data, len(data) - 1
    draft.tags, draft.tag_count = texts.list([f"k:{number % 2}"]), 1
    check(lib.tally_store_append(store[0], draft, ffi.NULL, ffi.NULL, ffi.NULL))


def make_key(store: CData, path: Path) -> str:
    state = ffi.new("tally_signing_state *")
    check(lib.tally_store_signing_get(store[0], state, ffi.NULL))
    texts = Texts()
    skey, vkey = ffi.new("char[]", 512), ffi.new("char[]", 512)
    origin = texts.one(text(state.origin))
    check(lib.tally_key_make(ffi.NULL, origin, constant("TALLY_KEY_OF_LOG"), skey, vkey, ffi.NULL))
    path.write_bytes(ffi.string(skey))
    path.chmod(0o600)
    return text(vkey)


def checkpoint(store: CData) -> bytes:
    note, needed = ffi.new("char[]", 65536), ffi.new("size_t *")
    check(lib.tally_store_checkpoint(store[0], note, 65536, needed, ffi.NULL))
    return bytes(ffi.buffer(note, needed[0]))


class Made:
    """A signed store: a first checkpoint over half of its events, and one over all."""

    def __init__(self, place: Path) -> None:
        self.place, self.path = place, place / "store"
        store = open_store(self.path, "NEW")
        self.vkey = make_key(store, place / "key")
        check(lib.tally_store_close(store))
        self.texts = Texts()
        signing = ffi.new("tally_signing *")
        signing.size = ffi.sizeof("tally_signing")
        signing.key_path = self.texts.one(str(place / "key"))
        self.signing = signing
        store = open_store(self.path, "EXISTING", signing=signing)
        for number in range(EVENTS // 2):
            append(store, number)
        self.first = checkpoint(store)
        for number in range(EVENTS // 2, EVENTS):
            append(store, number)
        check(lib.tally_store_close(store))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("tampered"))


@pytest.fixture
def copy(made: Made, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made.path, tmp_path / "store"))


def judged_by_core(path: Path, vkeys: list[str], since: bytes = b"") -> tuple[str, int, int]:
    """The reason, how many events, how many are covered."""
    texts = Texts()
    options, report = ffi.new("tally_verify_options *"), ffi.new("tally_verify_report *")
    options.size = ffi.sizeof("tally_verify_options")
    options.keys, options.key_count = texts.list(vkeys) if vkeys else ffi.NULL, len(vkeys)
    kept = ffi.new("char[]", since)
    if since:
        options.since = {"bytes": kept, "length": len(since)}
    check(lib.tally_verify(*raw_path(path), options, report, ffi.NULL))
    return text(lib.tally_reason_name(report.reason)), report.events, report.covered


def judged_by_other(path: Path, vkeys: list[str], since: bytes | None = None) -> tuple[str, int, int]:
    try:
        verified = verify_store(path, vkeys, since)
    except (StoreError, RejectedError) as problem:
        return f"refused: {problem}", 0, 0
    return "none", verified.events, verified.covered


def agree(path: Path, vkeys: list[str]) -> str:
    core, other = judged_by_core(path, vkeys), judged_by_other(path, vkeys)
    assert (core[0] == "none") == (other[0] == "none"), (core, other)
    if core[0] == "none":
        assert core == other
    return core[0]


def test_they_agree_on_good_stores(made: Made, copy: Path) -> None:
    assert agree(copy, [made.vkey]) == "none"
    assert judged_by_core(copy, [made.vkey])[1:] == (EVENTS, EVENTS)
    assert judged_by_core(copy, [made.vkey], made.first)[1:] == (EVENTS // 2, EVENTS // 2)


@pytest.mark.parametrize("name", ["empty", "unsealed", "recovered", "sealed", "blake2b"])
def test_they_agree_on_golden_stores(name: str, tmp_path: Path) -> None:
    path = Path(shutil.copytree(STORES / name, tmp_path / name))
    assert agree(path, []) == "none"


@pytest.mark.parametrize("file", ["00000000.00.seg", "CHECKPOINTS", "tree/0.tile"])
def test_they_agree_on_flips(file: str, made: Made, copy: Path) -> None:
    raw = bytearray((copy / file).read_bytes())
    step = max(1, len(raw) // 120)
    seen = set()
    for at in range(0, len(raw), step):
        raw[at] ^= 0x10
        (copy / file).write_bytes(raw)
        seen.add(agree(copy, [made.vkey]))
        raw[at] ^= 0x10
    assert seen - {"none"}


def test_they_agree_on_flips_of_a_sealed_segment(tmp_path: Path) -> None:
    path = Path(shutil.copytree(STORES / "sealed", tmp_path / "sealed"))
    file = path / "00000000.00.seg"
    raw = bytearray(file.read_bytes())
    for at in range(0, len(raw), max(1, len(raw) // 60)):
        raw[at] ^= 1
        file.write_bytes(raw)
        agree(path, [])
        raw[at] ^= 1


def test_they_agree_on_cuts(made: Made, copy: Path) -> None:
    file = copy / "00000000.00.seg"
    raw = file.read_bytes()
    (copy / "HEAD").unlink()  # of another boot it says less; the independent reader knows no boots
    for length in range(HEADER_BYTES, len(raw), 61):
        file.write_bytes(raw[:length])
        reason = agree(copy, [made.vkey])
        assert reason == "none" if length > len(raw) - 64 else reason == "checkpoint_not_reached", length


# ------------------------------------------------------------------------------ with right checksums


def refit(raw: bytearray, salt: bytes, at: int) -> None:
    """The checksums of the commit whose only frame is at `at`."""
    body, data = struct.unpack_from("<I", raw, at + 8)[0], struct.unpack_from("<Q", raw, at + 16)[0]
    body_end = at + 136 + (body + 7) // 8 * 8
    mark = body_end + (data + 7) // 8 * 8
    struct.pack_into("<I", raw, at + 12, crc32c(bytes(raw[body_end : body_end + data]), salt))
    struct.pack_into("<I", raw, at, crc32c(bytes(raw[at + 4 : body_end]), salt))
    struct.pack_into("<I", raw, mark + 28, crc32c(bytes(raw[at : at + 4] + raw[at + 12 : at + 16]), salt))
    struct.pack_into("<I", raw, mark, crc32c(bytes(raw[mark + 4 : mark + 64]), salt))


def digests(raw: bytearray, at: int) -> None:
    body, data = struct.unpack_from("<I", raw, at + 8)[0], struct.unpack_from("<Q", raw, at + 16)[0]
    body_end = at + 136 + (body + 7) // 8 * 8
    raw[at + 136 + 72 : at + 136 + 104] = digest(raw[at + 25], 3, bytes(raw[body_end : body_end + data]))
    raw[at + 104 : at + 136] = digest(raw[at + 25], 2, bytes(raw[at + 136 : at + 136 + body]))


def flip(offset: int) -> Callable[[bytearray, int], None]:
    def edit(raw: bytearray, at: int) -> None:
        raw[at + offset] ^= 1

    return edit


def with_digests(edit: Callable[[bytearray, int], None]) -> Callable[[bytearray, int], None]:
    def both(raw: bytearray, at: int) -> None:
        edit(raw, at)
        digests(raw, at)

    return both


EDITS = {
    "data": (flip(136 + 160), {"data_changed", "body_changed"}),
    "body": (flip(136), {"body_changed"}),
    "position": (flip(24 + 8), {"event_added", "event_missing", "order_changed"}),
    "version": (flip(24 + 16), {"link_broken", "core_changed"}),
    "time": (flip(24 + 24), {"core_changed", "order_changed"}),
    "link": (flip(24 + 48), {"link_broken", "core_changed"}),
    "batch": (flip(24 + 36), {"core_changed", "event_missing", "order_changed"}),
    "id with digests": (with_digests(flip(136)), {"core_changed"}),
    "correlation with digests": (with_digests(flip(136 + 16)), {"core_changed"}),
    "key id count with digests": (with_digests(flip(136 + 55)), {"body_changed"}),
}


@pytest.mark.parametrize("name", EDITS)
def test_they_agree_on_edits_with_right_checksums(name: str, made: Made, copy: Path) -> None:
    file = copy / "00000000.00.seg"
    raw = bytearray(file.read_bytes())
    found = read_store(copy)
    edit, reasons = EDITS[name]
    at = list(found.events())[4].offset
    edit(raw, at)
    refit(raw, found.segments[0].header.salt, at)
    file.write_bytes(raw)
    assert agree(copy, [made.vkey]) in reasons


def test_they_agree_on_an_older_copy_and_a_remembered_head(made: Made, tmp_path: Path) -> None:
    other = Made(tmp_path)
    older = Path(shutil.copytree(other.path, tmp_path / "older"))
    store = open_store(other.path, "EXISTING", signing=other.signing)
    append(store, 99)
    remembered = checkpoint(store)
    check(lib.tally_store_close(store))
    assert agree(older, [other.vkey]) == "none"
    assert judged_by_core(older, [other.vkey], remembered)[0] == "rolled_back"
    assert judged_by_other(older, [other.vkey], remembered)[0].startswith("refused")
    # Heads and keys of another store.
    shutil.copy(made.path / "CHECKPOINTS", older / "CHECKPOINTS")
    assert agree(older, [other.vkey]) == "wrong_origin"
    shutil.copy(other.path / "CHECKPOINTS", older / "CHECKPOINTS")
    assert agree(older, [other.vkey]) == "checkpoint_not_reached"
    assert agree(other.path, [made.vkey]) == "unknown_key"


def test_they_agree_on_missing_and_swapped_segments(tmp_path: Path) -> None:
    path = Path(shutil.copytree(STORES / "sealed", tmp_path / "sealed"))
    first, second = path / "00000000.00.seg", path / "00000001.00.seg"
    a, b = first.read_bytes(), second.read_bytes()
    first.write_bytes(b)
    second.write_bytes(a)
    assert agree(path, []) == "order_changed"
    first.write_bytes(a)
    second.unlink()
    assert agree(path, []) == "event_missing"
