"""An independent reader of Merkle proofs and proofs of events, written from RFC 6962, 2.1, C2SP tlog-proof and
docs/FORMAT.md, with the standard library only.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import sha256

from format1 import BODY_FIXED, BODY_MAX, CORE_BYTES, ZERO, FormatError, digest, read_body
from notes1 import (
    EMPTY_ROOT,
    Checkpoint,
    Note,
    Policy,
    RejectedError,
    Signed,
    from_base64,
    from_decimal,
    hash_of,
    need,
    read_checkpoint,
    read_note,
    verify_note,
)

PROOF_BYTES = 262144
HASHES = 64
FIRST = "c2sp.org/tlog-proof@v1"

# ----------------------------------------------------------------------------------------------------------- trees


def leaf_of(entry: bytes) -> bytes:
    return sha256(b"\0" + entry).digest()


def node_of(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def split_of(size: int) -> int:
    """The largest power of two below a size, which is above 1."""
    return 1 << (size - 1).bit_length() - 1


def root_of(leaves: list[bytes]) -> bytes:
    """MTH over leaf hashes."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    middle = split_of(len(leaves))
    return node_of(root_of(leaves[:middle]), root_of(leaves[middle:]))


def path_of(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH."""
    if len(leaves) == 1:
        return []
    middle = split_of(len(leaves))
    if index < middle:
        return [*path_of(index, leaves[:middle]), root_of(leaves[middle:])]
    return [*path_of(index - middle, leaves[middle:]), root_of(leaves[:middle])]


def growth_of(size: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    """PROOF and SUBPROOF, for sizes above 0."""
    if size == len(leaves):
        return [] if whole else [root_of(leaves)]
    middle = split_of(len(leaves))
    if size <= middle:
        return [*growth_of(size, leaves[:middle], whole), root_of(leaves[middle:])]
    return [*growth_of(size - middle, leaves[middle:], False), root_of(leaves[:middle])]


class _Hashes:
    """Taken from the top of the tree, which is the end of a proof."""

    def __init__(self, hashes: list[bytes]) -> None:
        self.left = list(hashes)

    def take(self) -> bytes:
        need(bool(self.left), "E_PROOF", "too few hashes")
        return self.left.pop()

    def end(self) -> None:
        need(not self.left, "E_PROOF", "too many hashes")


def _climb(leaf: bytes, index: int, size: int, hashes: _Hashes) -> bytes:
    if size == 1:
        return leaf
    sibling, middle = hashes.take(), split_of(size)
    if index < middle:
        return node_of(_climb(leaf, index, middle, hashes), sibling)
    return node_of(sibling, _climb(leaf, index - middle, size - middle, hashes))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> None:
    need(index < size, "E_RANGE", "the tree has no such leaf")
    hashes = _Hashes(proof)
    found = _climb(leaf, index, size, hashes)
    hashes.end()
    need(found == root, "E_PROOF", "another root")


def _grow(old: int, new: int, known: bytes | None, hashes: _Hashes) -> tuple[bytes, bytes]:
    """The roots of both trees; `known` is that of the old one while it is the left end of the new one."""
    if old == new:
        found = hashes.take() if known is None else known
        return found, found
    sibling, middle = hashes.take(), split_of(new)
    if old <= middle:
        before, after = _grow(old, middle, known, hashes)
        return before, node_of(after, sibling)
    before, after = _grow(old - middle, new - middle, None, hashes)
    return node_of(sibling, before), node_of(sibling, after)


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]) -> None:
    need(old <= new, "E_RANGE", "the older tree is larger")
    hashes = _Hashes(proof)
    if old == 0:
        hashes.end()
        need(old_root == EMPTY_ROOT and (new > 0 or new_root == EMPTY_ROOT), "E_PROOF", "the root of an empty tree")
        return
    before, after = _grow(old, new, old_root, hashes)
    hashes.end()
    need((before, after) == (old_root, new_root), "E_PROOF", "other roots")


# ----------------------------------------------------------------------------------------------- proofs of an event


@dataclass
class Proof:
    extra: bytes | None
    index: int
    hashes: list[bytes]
    note: Note
    checkpoint: Checkpoint


@dataclass
class Proven:
    index: int
    size: int
    root: bytes
    event_hash: bytes
    signed: Signed
    event: dict[str, object] | None = None


def take_line(raw: bytes, at: int) -> tuple[str, int]:
    end = raw.find(b"\n", at)
    need(end >= 0, "E_FORMAT", "the proof ends before its checkpoint")
    return raw[at:end].decode("latin-1"), end + 1


def read_proof(raw: bytes) -> Proof:
    need(0 < len(raw) <= PROOF_BYTES, "E_LENGTH", "the length of the proof")
    line, at = take_line(raw, 0)
    need(line == FIRST, "E_FORMAT", "the first line")
    line, at = take_line(raw, at)
    extra: bytes | None = None
    broken = False
    if line.startswith("extra "):
        need(line != "extra ", "E_FORMAT", "an extra line without extra data")
        extra = from_base64(line.removeprefix("extra "))
        broken = extra is None
        line, at = take_line(raw, at)
    index = from_decimal(line.removeprefix("index ")) if line.startswith("index ") else None
    need(index is not None, "E_FORMAT", "the index line")
    assert index is not None
    hashes: list[bytes] = []
    line, at = take_line(raw, at)
    while line != "":
        need(len(hashes) < HASHES, "E_LIMIT", "too many hashes")
        found = hash_of(line)
        need(found is not None, "E_FORMAT", "a line that is no hash")
        assert found is not None
        hashes.append(found)
        line, at = take_line(raw, at)
    note = read_note(raw[at:])
    # Extra data that are no base64 are looked at when the signatures are good; they mean nothing before.
    return Proof(b"" if broken else extra, index, hashes, note, read_checkpoint(note.text))


def read_core(core: bytes) -> dict[str, object]:
    form, algorithm, flags, lane, position, version, time_us, logical, number, count, zero = struct.unpack_from(
        "<BBHIQQqIIII", core
    )
    need(form == 1 and algorithm in (1, 2) and flags & ~7 == 0 and lane == 0 and zero == 0, "E_FORMAT", "the core")
    need(version <= position and time_us >= 0 and 1 <= count <= 65536 and number < count, "E_DAMAGED", "the core")
    need(version != 0 or core[48:80] == ZERO, "E_DAMAGED", "a first event that names one before it")
    return {
        "digest": algorithm, "flags": flags, "position": position, "version": version, "time_us": time_us,
        "time_logical": logical, "batch": [number, count], "stream_prev": core[48:80],
    }  # fmt: skip


def read_extra(extra: bytes | None, index: int) -> dict[str, object]:
    need(extra is not None, "E_FORMAT", "no extra line, so the event is not known")
    assert extra is not None
    need(CORE_BYTES + BODY_FIXED <= len(extra) <= CORE_BYTES + BODY_MAX, "E_FORMAT", "extra is no core and body")
    core, body = extra[:CORE_BYTES], extra[CORE_BYTES:]
    event = read_core(core)
    need(event["position"] == index, "E_DAMAGED", "the core of another position")
    algorithm = core[1]
    need(core[80:112] == digest(algorithm, 2, body), "E_DAMAGED", "the body of another core")
    try:
        event |= read_body(body, CORE_BYTES)
    except FormatError as problem:
        raise RejectedError("E_DAMAGED", problem.reason) from None
    return event


def check_data(event: dict[str, object], stored: bytes) -> None:
    algorithm = event["digest"]
    assert isinstance(algorithm, int)
    same = len(stored) == event["stored"] and digest(algorithm, 3, stored) == event["data_digest"]
    need(same, "E_DAMAGED", "the data of another event")


def verify_proof(raw: bytes, policy: Policy, stored: bytes | None = None, event_hash: bytes | None = None) -> Proven:
    """With `event_hash` the event is known already, and `extra` is not looked at."""
    proof = read_proof(raw)
    size, root = proof.checkpoint.size, proof.checkpoint.root
    signed = verify_note(proof.note, proof.checkpoint, policy)
    event: dict[str, object] | None = None
    if event_hash is None:
        event = read_extra(proof.extra, proof.index)
        assert proof.extra is not None
        event_hash = leaf_of(proof.extra[:CORE_BYTES])
    need(proof.index < size, "E_PROOF", "the checkpoint does not reach the event")
    verify_inclusion(event_hash, proof.index, size, proof.hashes, root)
    if event is not None and stored is not None:
        check_data(event, stored)
    return Proven(proof.index, size, root, event_hash, signed, event)
