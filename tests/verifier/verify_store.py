"""An independent verifier of whole stores, written from docs/FORMAT.md alone, with the standard library only.

`python tests/verifier/verify_store.py DIR VKEY...` says how many events are right and how many of them a signed head
covers; what does not fit ends the program with the reason. It reads the store as read_store.py does, then makes the
tree over the cores, and compares `tree/` and every head in `CHECKPOINTS` with it.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from format1 import crc32c, pad8
from notes1 import Checkpoint, Policy, RejectedError, read_checkpoint, read_note, verify_checkpoint
from proofs1 import node_of, root_of
from read_store import Store, StoreError, read_store

NOTE_BYTES = 65536
STEP = 4


@dataclass
class Verified:
    events: int
    covered: int
    root: bytes


def read_records(raw: bytes, clean: bool) -> list[bytes]:
    """The notes of CHECKPOINTS. A torn last record is what a crash leaves, so not behind a clean close."""
    notes: list[bytes] = []
    at = 0
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 3], "little")
        end = at + pad8(8 + length)
        note = raw[at + 8 : at + 8 + length]
        whole = len(raw) - at >= 8 and 1 <= length <= NOTE_BYTES and end <= len(raw)
        whole = whole and not any(raw[at + 8 + length : end])
        if not whole or crc32c(raw[at : at + 4] + note) != struct.unpack_from("<I", raw, at + 4)[0]:
            if clean:
                raise StoreError("CHECKPOINTS", at, "a record does not check")
            break
        notes.append(note)
        at = end
    return notes


def rotations_of(store: Store) -> list[tuple[int, int, str]]:
    """Position, first size, key: as the library's own events say."""
    found = []
    for event in store.events():
        if event.flags & 1 and (event.stream, event.type) == ("$keys", "tally.key.rotated"):
            said = json.loads(event.data)
            found.append((event.position, said["first"], said["vkey"]))
    return found


class Judge:
    """Heads by rising size: a change of keys is believed when a head that covers it is by a key believed before."""

    def __init__(self, origin: str, keys: Sequence[str], rotations: list[tuple[int, int, str]]) -> None:
        self.origin, self.keys, self.waiting = origin, list(keys), rotations
        self.active: list[tuple[int, str]] = []

    def judge(self, note: bytes, checkpoint: Checkpoint) -> None:
        for rotation in list(self.waiting):
            position, first, vkey = rotation
            if position < checkpoint.size and self.is_by(note, self.keys):
                self.active.append((first, vkey))
                self.keys.append(vkey)
                self.waiting.remove(rotation)
        verify_checkpoint(note, Policy(self.keys, origin=self.origin))
        now = [vkey for first, vkey in self.active if first <= checkpoint.size]
        if now:
            verify_checkpoint(note, Policy(now[-1:], origin=self.origin))

    def is_by(self, note: bytes, keys: Sequence[str]) -> bool:
        try:
            verify_checkpoint(note, Policy(keys, origin=self.origin))
        except RejectedError:
            return False
        return True


def compare_tree(directory: Path, leaves: list[bytes]) -> None:
    """What tree/ has must be so; it may be short."""
    level, nodes = 0, leaves
    while nodes:
        path = directory / "tree" / f"{level}.tile"
        raw = path.read_bytes() if path.exists() else b""
        for index in range(min(len(raw) // 32, len(nodes))):
            if raw[32 * index : 32 * index + 32] != nodes[index]:
                raise StoreError(f"tree/{level}.tile", 32 * index, "another node than the events make")
        for _ in range(STEP):
            nodes = [node_of(nodes[i], nodes[i + 1]) for i in range(0, len(nodes) - 1, 2)]
        level += STEP


def compare_head(note: bytes, leaves: list[bytes], judge: Judge | None) -> Checkpoint:
    checkpoint = read_checkpoint(read_note(note, unsigned_too=True).text)
    if judge is not None:
        judge.judge(note, checkpoint)
    if checkpoint.size > len(leaves):
        raise StoreError("CHECKPOINTS", 0, f"a head over {checkpoint.size} events, and {len(leaves)} are there")
    if root_of(leaves[: checkpoint.size]) != checkpoint.root:
        raise StoreError("CHECKPOINTS", 0, f"the head over {checkpoint.size} events has another root")
    return checkpoint


def verify_store(directory: Path, keys: Sequence[str] = (), since: bytes | None = None) -> Verified:
    """Everything; StoreError or RejectedError when something is wrong."""
    store = read_store(directory)
    leaves = [event.event_hash for event in store.events()]
    covered = 0
    compare_tree(directory, leaves)
    path = directory / "CHECKPOINTS"
    if path.exists() and store.segments:
        header = store.segments[0].header
        origin = f"{header.name}/{header.lineage.hex()}"
        judge = Judge(origin, keys, rotations_of(store)) if keys else None
        notes = read_records(path.read_bytes(), store.segments[-1].clean)
        for note in sorted(notes, key=lambda note: read_checkpoint(read_note(note, unsigned_too=True).text).size):
            checkpoint = compare_head(note, leaves, judge)
            if checkpoint.origin != origin:
                raise StoreError("CHECKPOINTS", 0, "a head of another log")
            covered = checkpoint.size if keys else 0
    if since is not None:
        compare_head(since, leaves, None)
    return Verified(len(leaves), covered, root_of(leaves))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("vkey", nargs="*")
    arguments = parser.parse_args()
    try:
        verified = verify_store(arguments.directory, arguments.vkey)
    except (StoreError, RejectedError, OSError) as problem:
        print(f"{arguments.directory}: {problem}", file=sys.stderr)
        return 1
    print(f"{verified.events} events, {verified.covered} covered, root {verified.root.hex()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
