"""An independent reader of format 1, written from docs/FORMAT.md alone, with the standard library only.

It shares no code with the core. `python3 tests/verifier/format1.py FILE.seg` prints what a segment holds, as
JSON, or says at which offset it is not a segment of this format.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
import uuid
from dataclasses import dataclass
from itertools import pairwise

HEADER_BYTES = 4096
CORE_BYTES = 112
BODY_FIXED = 112
BODY_MAX = 22_447
MARK_BYTES = 64
DATA_MAX = 64 * 1024 * 1024
ZERO = bytes(32)


class FormatError(Exception):
    """What is wrong, and at which offset of the file."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"offset {offset}: {reason}")
        self.offset = offset
        self.reason = reason


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


_TABLE = _crc_table()


def crc32c(data: bytes, salt: bytes = b"") -> int:
    crc = 0xFFFFFFFF
    for byte in salt + data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def digest(algorithm: int, domain: int, data: bytes) -> bytes:
    if algorithm == 1:
        return hashlib.sha256(bytes([domain]) + data).digest()
    return hashlib.blake2b(bytes([domain]) + data, digest_size=32).digest()


def pad8(length: int) -> int:
    return -(-length // 8) * 8


def need(condition: bool, offset: int, reason: str) -> None:
    if not condition:
        raise FormatError(offset, reason)


def name_of(raw: bytes, low: int, high: int, offset: int, what: str) -> str:
    need(low <= len(raw) <= high, offset, f"{what} of {len(raw)} bytes")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError(offset, f"{what} is not UTF-8") from None
    need(not any(ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F for c in text), offset, f"{what} has control characters")
    return text


@dataclass
class Header:
    lineage: bytes
    salt: bytes
    number: int
    generation: int
    first_position: int
    first_commit: int
    created_us: int
    event_before: bytes
    name: str


@dataclass
class Mark:
    flags: int
    commit: int
    first_position: int
    count: int
    frames_crc: int
    first_offset: int
    durable_position: int
    keyring_slots: int
    writer_epoch: int


@dataclass
class Event:
    offset: int
    position: int
    version: int
    time_us: int
    time_logical: int
    flags: int
    digest_alg: int
    batch_index: int
    batch_count: int
    stream_prev: bytes
    event_hash: bytes
    id: uuid.UUID
    correlation: uuid.UUID
    causation: uuid.UUID | None
    schema: int
    seal: int
    keys: list[bytes]
    stream: str
    type: str
    content_type: str
    tags: list[str]
    extensions: dict[int, bytes]
    data: bytes
    crcs: tuple[int, int]


def read_header(raw: bytes) -> Header:
    need(len(raw) >= HEADER_BYTES, len(raw), "the file ends inside the header")
    raw = raw[:HEADER_BYTES]
    need(raw[:8] == b"TALLYSEG", 0, "not a segment")
    form, reserved, incompatible, _compatible, crc = struct.unpack_from("<HHIII", raw, 8)
    need(form == 1, 8, f"format {form}")
    need(crc == crc32c(raw[:20] + bytes(4) + raw[24:]), 20, "checksum of the header")
    need(incompatible == 0, 12, f"incompatible features {incompatible:#x}")
    lineage, salt = raw[24:40], raw[40:56]
    number, generation, position, commit, created = struct.unpack_from("<QQQQq", raw, 56)
    before = raw[96:128]
    (length,) = struct.unpack_from("<H", raw, 128)
    name = name_of(raw[130 : 130 + length], 1, 120, 130, "name")
    need(all(c.isascii() and (c.isalnum() or c in "._/-") for c in name), 130, "name has other characters")
    need(reserved == 0 and not any(raw[130 + length :]), 10, "reserved members are used")
    need((position == 0) == (before == ZERO), 96, "first position and event before do not fit")
    need(created >= 0, 88, "created before 1970")
    return Header(lineage, salt, number, generation, position, commit, created, before, name)


def read_mark(raw: bytes, at: int, salt: bytes) -> Mark:
    need(len(raw) >= at + MARK_BYTES, at, "the file ends inside a mark")
    mark = raw[at : at + MARK_BYTES]
    (crc,) = struct.unpack_from("<I", mark)
    need(crc == crc32c(mark[4:], salt), at, "checksum of a mark")
    flags, commit, first, count, frames_crc, offset, durable, slots, epoch = struct.unpack_from("<BQQIIQQQQ", mark, 7)
    need(flags & ~1 == 0, at + 7, "unknown flags of a mark")
    need(durable <= first + count, at + 40, "a mark says that later events are durable")
    return Mark(flags, commit, first, count, frames_crc, offset, durable, slots, epoch)


def read_extensions(raw: bytes, at: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    here = 0
    while here < len(raw):
        need(here + 4 <= len(raw), at + here, "extensions are cut")
        tag, length = struct.unpack_from("<HH", raw, here)
        value = raw[here + 4 : here + 4 + length]
        need(len(value) == length, at + here, "extensions are cut")
        need(not found or tag > max(found), at + here, "extensions are not sorted")
        need(tag in (1, 2) or tag < 0x8000, at + here, f"extension {tag:#x} must be understood")
        need(tag != 1 or length == 16, at + here, "idempotency extension")
        need(tag != 2 or length == 8, at + here, "occurred extension")
        found[tag] = value
        here += 4 + length
    return found


def read_body(body: bytes, at: int) -> dict[str, object]:
    need(len(body) >= BODY_FIXED, at, "the body is too short")
    schema, encoding, seal, tag_count, key_count, plain, stored = struct.unpack_from("<IBBBBQQ", body, 48)
    need(encoding == 0 and seal <= 1, at + 52, "unknown encoding or seal")
    need(tag_count <= 32 and key_count <= 16, at + 54, "too many tags or keys")
    need(plain <= DATA_MAX and stored == plain + (40 if seal else 16), at + 56, "data lengths")
    lengths = struct.unpack_from("<HHHH", body, 104)
    need(lengths[3] <= 4096, at + 110, "extensions are too long")
    here = BODY_FIXED

    def take(length: int) -> bytes:
        nonlocal here
        piece = body[here : here + length]
        need(len(piece) == length, at + here, "the body ends too early")
        here += length
        return piece

    keys = [take(32) for _ in range(key_count)]
    stream = name_of(take(lengths[0]), 1, 512, at + here, "stream")
    kind = name_of(take(lengths[1]), 1, 512, at + here, "type")
    content_type = name_of(take(lengths[2]), 0, 255, at + here, "content type")
    tags: list[bytes] = []
    for _ in range(tag_count):
        (length,) = struct.unpack("<H", take(2))
        tags.append(take(length))
        name_of(tags[-1], 1, 512, at + here, "tag")
    need(all(a < b for a, b in pairwise(tags)), at + here, "tags are not sorted, or not unique")
    extensions = read_extensions(take(lengths[3]), at + here - lengths[3])
    need(here == len(body), at + here, "bytes behind the body's end")
    cause = body[32:48]
    return {
        "id": uuid.UUID(bytes=body[:16]),
        "correlation": uuid.UUID(bytes=body[16:32]),
        "causation": uuid.UUID(bytes=cause) if any(cause) else None,
        "schema": schema,
        "seal": seal,
        "keys": keys,
        "stream": stream,
        "type": kind,
        "content_type": content_type,
        "tags": [tag.decode() for tag in tags],
        "extensions": extensions,
        "stored": stored,
        "data_digest": body[72:104],
    }


def read_event(raw: bytes, at: int, salt: bytes) -> tuple[Event, int]:
    need(len(raw) >= at + 136, at, "the file ends inside a frame")
    crc_meta, magic, kind, reserved, body_len, crc_data, data_len = struct.unpack_from("<I2sBBIIQ", raw, at)
    need(magic == b"tF" and reserved == 0, at + 4, "no frame")
    need(kind == 1, at + 6, f"frame of kind {kind}")
    need(BODY_FIXED <= body_len <= BODY_MAX and data_len <= DATA_MAX + 40, at + 8, "lengths of a frame")
    body_end = at + 136 + pad8(body_len)
    end = body_end + pad8(data_len)
    need(end <= len(raw), at, "the file ends inside a frame")
    need(crc_meta == crc32c(raw[at + 4 : body_end], salt), at, "checksum of a frame")
    need(not any(raw[at + 136 + body_len : body_end]), at, "padding of the body")
    stored = raw[body_end : body_end + data_len]
    need(crc_data == crc32c(stored, salt), body_end, "checksum of data")
    need(not any(raw[body_end + data_len : end]), body_end, "padding of data")

    core = raw[at + 24 : at + 136]
    form, algorithm, flags, lane, position, version, time_us, logical, index, count, zero = struct.unpack_from(
        "<BBHIQQqIIII", core
    )
    need(form == 1 and algorithm in (1, 2) and flags & ~7 == 0, at + 24, "core of an unknown form")
    need(lane == 0 and zero == 0, at + 28, "reserved members of the core")
    need(version <= position and time_us >= 0 and 1 <= count <= 65536 and index < count, at + 32, "numbers of the core")
    previous = core[48:80]
    need(version != 0 or previous == ZERO, at + 72, "a first event that names one before it")
    body = raw[at + 136 : at + 136 + body_len]
    need(core[80:112] == digest(algorithm, 2, body), at + 104, "digest of the body")
    parts = read_body(body, at + 136)
    need(parts.pop("stored") == data_len, at + 16, "stored length")
    need(parts.pop("data_digest") == digest(algorithm, 3, stored), body_end, "digest of the data")
    salt_bytes = 0 if parts["seal"] else 16
    event = Event(
        offset=at, position=position, version=version, time_us=time_us, time_logical=logical, flags=flags,
        digest_alg=algorithm, batch_index=index, batch_count=count, stream_prev=previous,
        event_hash=hashlib.sha256(b"\0" + core).digest(), data=stored[salt_bytes:], crcs=(crc_meta, crc_data),
        **parts,  # type: ignore[arg-type]
    )  # fmt: skip
    return event, end


@dataclass
class Commit:
    start: int
    end: int
    events: list[Event]
    mark: Mark


def read_commit(raw: bytes, at: int, salt: bytes) -> Commit:
    """The commit that begins at an offset, by itself; what came before is compared elsewhere."""
    start, events = at, []
    while raw[at + 4 : at + 7] == b"tF\x01":
        event, at = read_event(raw, at, salt)
        events.append(event)
    mark = read_mark(raw, at, salt)
    need(mark.count == len(events) and mark.first_offset == start, at, "mark and frames do not fit")
    crcs = b"".join(struct.pack("<II", *event.crcs) for event in events)
    need(mark.frames_crc == crc32c(crcs, salt), at + 28, "checksum over the frames")
    for number, event in enumerate(events):
        batch = (event.batch_index, event.batch_count)
        need(batch == (number, len(events)), event.offset, "an event of another batch")
        need(event.position == mark.first_position + number, event.offset, "position out of order")
    return Commit(start, at + MARK_BYTES, events, mark)


class Order:
    """What goes on along the whole log: positions, versions, links, times, commits, marks, ids."""

    def __init__(self) -> None:
        self.position = self.commit = self.epoch = self.durable = 0
        self.time = (-1, 0)
        self.last_hash = ZERO
        self.streams: dict[str, tuple[int, bytes]] = {}
        self.ids: set[uuid.UUID] = set()

    def begins(self, header: Header) -> None:
        """A segment that begins in the middle is believed about what came before it."""
        self.position, self.commit, self.last_hash = header.first_position, header.first_commit, header.event_before

    def add_event(self, event: Event, whole_log: bool) -> None:
        at = event.offset
        need(event.position == self.position, at, "position out of order")
        need((event.time_us, event.time_logical) >= self.time, at, "time goes back")
        known = (event.version, event.stream_prev)  # of an event that may be the first one seen of its stream
        expected = self.streams.get(event.stream, (0, ZERO) if whole_log else known)
        need((event.version, event.stream_prev) == expected, at, "broken stream link")
        need(event.id not in self.ids, at, "an id that exists already")
        library = event.stream.startswith("$")
        need(library == bool(event.flags & 1), at, "a stream of the library and its flag do not fit")
        self.streams[event.stream] = (event.version + 1, event.event_hash)
        self.ids.add(event.id)
        self.time = (event.time_us, event.time_logical)
        self.last_hash = event.event_hash
        self.position += 1

    def add(self, commit: Commit, whole_log: bool = True) -> None:
        mark, at = commit.mark, commit.end - MARK_BYTES
        need(mark.commit == self.commit and mark.first_position == self.position, at, "commit out of order")
        need(mark.writer_epoch >= self.epoch, at + 56, "an earlier writer")
        need(mark.durable_position >= self.durable, at + 40, "what was durable is so no more")
        for event in commit.events:
            self.add_event(event, whole_log)
        self.commit += 1
        self.epoch, self.durable = mark.writer_epoch, mark.durable_position


def read_segment(raw: bytes) -> tuple[Header, list[Event], list[Mark]]:
    """All commits of one unsealed segment. Stops at the zeros behind the last one; raises FormatError before."""
    header = read_header(raw)
    order = Order()
    order.begins(header)
    commits: list[Commit] = []
    at = HEADER_BYTES
    while any(raw[at : at + MARK_BYTES]):
        commits.append(read_commit(raw, at, header.salt))
        order.add(commits[-1], whole_log=header.first_position == 0)
        at = commits[-1].end
    need(not any(raw[at:]), at, "bytes behind the last commit")
    return header, [event for commit in commits for event in commit.events], [commit.mark for commit in commits]


def as_json(header: Header, events: list[Event], marks: list[Mark]) -> dict[str, object]:
    def plain(value: object) -> object:
        if isinstance(value, bytes):
            return value.hex()
        if isinstance(value, uuid.UUID):
            return str(value)
        if isinstance(value, dict):
            return {str(key): plain(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        return value

    return {
        "header": plain(vars(header)),
        "events": [plain(vars(event)) for event in events],
        "marks": [plain(vars(mark)) for mark in marks],
    }


if __name__ == "__main__":
    try:
        with open(sys.argv[1], "rb") as file:
            print(json.dumps(as_json(*read_segment(file.read())), indent=1))
    except FormatError as problem:
        sys.exit(f"{sys.argv[1]}: {problem}")
