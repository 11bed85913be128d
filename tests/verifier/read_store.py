"""An independent reader of whole stores, written from docs/FORMAT.md alone, with the standard library only.

`python tests/verifier/read_store.py DIR` prints one line of JSON for each event, in the order of the log, and at
the end, on stderr, what else was found. Everything that can be compared is compared; what does not fit ends the
program with the file, the offset and the reason. Bytes behind the last whole commit, as a crash leaves them,
are told and are no failure.
"""

from __future__ import annotations

import argparse
import json
import re
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from format1 import HEADER_BYTES, MARK_BYTES, Commit, Event, FormatError, Header, Order, need, read_commit, read_header
from runs1 import compare_run
from sealed1 import Head, Section, Trailer, has_trailer, read_head, read_sealed
from sections1 import compare_sections

SEGMENT = re.compile(r"(\d{8}|[1-9]\d{8,})\.(\d{2}|[1-9]\d{2,})\.seg")
RUN = re.compile(r"(\d{8,})-(\d{8,})\.run")
SHORT = 64
OURS = re.compile(r"LOCK|HEAD|runs|tree|KEYRING|CHECKPOINTS|.*\.new")


@dataclass
class Segment:
    """A segment as it was read."""

    name: str
    header: Header
    commits: list[Commit]
    end: int
    """behind the last whole commit"""
    trailer: Trailer | None = None
    sections: list[Section] = field(default_factory=list)
    compared: list[str] = field(default_factory=list)
    """the sections that were compared with the frames"""
    torn: FormatError | None = None
    """why there is no commit at `end`; None for zeros, or the end"""

    @property
    def events(self) -> list[Event]:
        return [event for commit in self.commits for event in commit.events]

    @property
    def clean(self) -> bool:
        return bool(self.commits) and self.torn is None and bool(self.commits[-1].mark.flags & 1)


class StoreError(Exception):
    """What is wrong, in which file, at which offset."""

    def __init__(self, file: str, offset: int, reason: str) -> None:
        super().__init__(f"{file}, offset {offset}: {reason}")
        self.file, self.offset, self.reason = file, offset, reason


@dataclass
class Store:
    segments: list[Segment]
    head: Head | None
    notes: list[str]
    runs: int = 0
    """that were compared"""

    def events(self) -> Iterator[Event]:
        for segment in self.segments:
            yield from segment.events

    @property
    def durable(self) -> int:
        """What marks and HEAD prove to have been durable."""
        proven = [commit.mark.durable_position for segment in self.segments for commit in segment.commits]
        if self.segments and self.segments[-1].clean:
            proven.append(self.position)
        return max([*proven, self.head.durable if self.head else 0], default=0)

    @property
    def position(self) -> int:
        return sum(len(segment.events) for segment in self.segments)


def segment_files(directory: Path, notes: list[str]) -> list[Path]:
    """In the order of their numbers."""
    found: dict[int, Path] = {}
    for path in directory.iterdir():
        match = SEGMENT.fullmatch(path.name)
        if match is not None:
            if int(match[2]) != 0:
                raise StoreError(path.name, 0, "a generation of a later version")
            found[int(match[1])] = path
        elif not OURS.fullmatch(path.name):
            notes.append(f"{path.name}: no file of a store")
    if not found and notes:
        raise StoreError(directory.name, 0, "no store")
    if sorted(found) != list(range(len(found))):
        raise StoreError(directory.name, 0, f"segments are missing: there are {sorted(found)}")
    return [found[number] for number in sorted(found)]


def compare_header(segment: Segment, first: Header, order: Order) -> None:
    header = segment.header
    match = SEGMENT.fullmatch(segment.name)
    assert match is not None
    need((header.number, header.generation) == (int(match[1]), int(match[2])), 56, "another segment's file")
    need((header.lineage, header.name) == (first.lineage, first.name), 24, "a segment of another store")
    need((header.first_position, header.first_commit) == (order.position, order.commit), 72, "does not go on")
    need(header.event_before == order.last_hash, 96, "another event before")


def compare_trailer(segment: Segment) -> None:
    trailer, events = segment.trailer, segment.events
    assert trailer is not None
    first = segment.header.first_position
    times = (events[0].time_us, events[-1].time_us) if events else (0, 0)
    need(trailer.data_end == segment.end, 8, "the trailer's end of the data")
    need(trailer.first_position == first, 32, "the trailer's first position")
    need(trailer.last_position == (first + len(events) - 1) % 2**64, 40, "the trailer's last position")
    need(trailer.commits == len(segment.commits), 48, "the trailer's commits")
    need((trailer.first_time_us, trailer.last_time_us) == times, 56, "the trailer's times")
    need(trailer.new_streams == sum(event.version == 0 for event in events), 72, "the trailer's streams")


def read_commits(raw: bytes, segment: Segment, order: Order, limit: int) -> None:
    """A frame that checks but is out of order is damage; one that does not check is where the log ends."""
    while any(raw[segment.end : segment.end + MARK_BYTES]) and segment.end < limit:
        try:
            commit = read_commit(raw, segment.end, segment.header.salt)
        except FormatError as problem:
            segment.torn = problem
            return
        order.add(commit)
        segment.commits.append(commit)
        segment.end = commit.end
    if any(raw[segment.end : limit]):
        segment.torn = FormatError(segment.end, "bytes that are not zero")


def read_one(path: Path, raw: bytes, header: Header, first: Header, order: Order) -> Segment:
    segment = Segment(path.name, header, [], HEADER_BYTES)
    compare_header(segment, first, order)
    if has_trailer(raw, header.salt):
        segment.trailer, segment.sections = read_sealed(raw, header.salt)
        read_commits(raw, segment, order, segment.trailer.data_end)
        if segment.torn is not None:
            raise segment.torn
        compare_trailer(segment)
        segment.compared = compare_sections(header.salt, segment.sections, segment.events)
    else:
        read_commits(raw, segment, order, len(raw))
    return segment


def read_runs(directory: Path, store: Store) -> None:
    """Runs are compared when all their segments are there; others are left over, and no failure."""
    for path in sorted(directory.glob("runs/*")):
        match = RUN.fullmatch(path.name)
        covered = store.segments[int(match[1]) : int(match[2]) + 1] if match else []
        if match is None or len(covered) != int(match[2]) - int(match[1]) + 1 or not all(s.trailer for s in covered):
            store.notes.append(f"runs/{path.name}: left over")
            continue
        try:
            compare_run(path.read_bytes(), [(segment.header, segment.events) for segment in covered])
        except (FormatError, struct.error) as problem:
            raise StoreError(f"runs/{path.name}", getattr(problem, "offset", 0), str(problem)) from None
        store.runs += 1


def read_store(directory: Path) -> Store:
    """Reads and compares everything."""
    store = Store([], None, [])
    order = Order()
    head = directory / "HEAD"
    store.head = read_head(head.read_bytes()) if head.exists() else None
    files = segment_files(directory, store.notes)
    for path in files:
        raw = path.read_bytes()
        before = store.segments[-1] if store.segments else None
        try:
            try:
                header = read_header(raw)
            except FormatError as problem:
                if path != files[-1]:
                    raise
                store.notes.append(f"{path.name}: never existed ({problem.reason})")
                break
            store.segments.append(read_one(path, raw, header, store.segments[0].header if before else header, order))
        except FormatError as problem:
            raise StoreError(path.name, problem.offset, problem.reason) from None
        if before is not None and before.torn is not None:
            store.notes.append(f"{before.name}: an interrupted sealing behind {before.end}")
            before.torn = None
    if store.segments and store.segments[-1].torn is not None:
        torn = store.segments[-1].torn
        store.notes.append(f"{store.segments[-1].name}: the log ends at {torn.offset}: {torn.reason}")
    read_runs(directory, store)
    if store.durable > store.position:
        raise StoreError(directory.name, 0, f"{store.durable} events had been durable, {store.position} are there")
    return store


def shorten(event: dict[str, object]) -> dict[str, object]:
    """With long data as their digest, for descriptions of stores."""
    data = bytes.fromhex(str(event["data"]))
    return event if len(data) <= SHORT else event | {"data": f"SHA-256 {sha256(data).hexdigest()}"}


def event_as_json(event: Event) -> dict[str, object]:
    occurred = event.extensions.get(2)
    key = event.extensions.get(1)
    return {
        "position": event.position,
        "version": event.version,
        "time_us": event.time_us,
        "time_logical": event.time_logical,
        "id": str(event.id),
        "correlation": str(event.correlation),
        "causation": str(event.causation) if event.causation else None,
        "stream": event.stream,
        "type": event.type,
        "content_type": event.content_type,
        "schema": event.schema,
        "tags": event.tags,
        "data": event.data.hex(),
        "occurred_us": struct.unpack("<q", occurred)[0] if occurred is not None else None,
        "idempotency": key.hex() if key is not None else None,
        "batch": [event.batch_index, event.batch_count],
        "system": bool(event.flags & 1),
        "digest": event.digest_alg,
        "event_hash": event.event_hash.hex(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--short", action="store_true", help=f"data of more than {SHORT} bytes as their SHA-256")
    arguments = parser.parse_args()
    directory = arguments.directory
    try:
        store = read_store(directory)
    except (StoreError, OSError) as problem:
        print(f"{directory}: {problem}", file=sys.stderr)
        return 1
    for event in store.events():
        plain = event_as_json(event)
        print(json.dumps(shorten(plain) if arguments.short else plain, ensure_ascii=False))
    sealed = sum(segment.trailer is not None for segment in store.segments)
    notes = [f"{store.position} events, {store.durable} durable, {len(store.segments)} segments, {sealed} sealed"]
    for note in notes + store.notes:
        print(note, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
