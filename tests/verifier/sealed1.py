"""The end of a sealed segment, and HEAD: trailer, section table, pages. Written from docs/FORMAT.md alone."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from format1 import HEADER_BYTES, crc32c, need

TRAILER_BYTES = 128
ENTRY_BYTES = 32
PAGE_BYTES = 4096
PAGE_CONTENT = 4092
SLOT_BYTES = 2048


@dataclass
class Trailer:
    data_end: int
    table_offset: int
    first_position: int
    last_position: int
    commits: int
    first_time_us: int
    last_time_us: int
    new_streams: int


@dataclass
class Section:
    tag: str
    version: int
    flags: int
    content: bytes


@dataclass
class Head:
    sequence: int
    writer_epoch: int
    boot_id: bytes
    process_id: int
    state: int
    manifest_generation: int
    shred_counter: int
    segment: int
    generation: int
    end_offset: int
    written: int
    durable: int


def has_trailer(raw: bytes, salt: bytes) -> bool:
    end = raw[-TRAILER_BYTES:]
    if len(raw) < HEADER_BYTES + TRAILER_BYTES or end[:8] != b"TALLYEND":
        return False
    return end[124:] == struct.pack("<I", crc32c(end[:124], salt))


def read_pages(raw: bytes, offset: int, length: int, salt: bytes) -> bytes:
    content = b""
    for at in range(offset, offset + -(-length // PAGE_CONTENT) * PAGE_BYTES, PAGE_BYTES):
        page = raw[at : at + PAGE_CONTENT]
        crc = struct.pack("<I", crc32c(struct.pack("<Q", at) + page, salt))
        need(crc == raw[at + PAGE_CONTENT : at + PAGE_BYTES], at, "checksum of a page")
        content += page
    need(not any(content[length:]), offset, "padding of a section")
    return content[:length]


def read_sections(raw: bytes, trailer: Trailer, table: bytes, salt: bytes) -> list[Section]:
    sections, used = [], trailer.data_end
    for at in range(0, len(table), ENTRY_BYTES):
        entry = table[at : at + ENTRY_BYTES]
        tag, version, flags, offset, length, crc, reserved = struct.unpack("<4sHHQQII", entry)
        place = trailer.table_offset + at
        need(crc == crc32c(entry[:24], salt) and reserved == 0, place, "an entry of the section table")
        need(offset % PAGE_BYTES == 0 and offset >= used, place + 8, "sections overlap")
        need(not any(raw[used:offset]), used, "bytes between sections")
        content = read_pages(raw, offset, length, salt)
        used = offset + -(-length // PAGE_CONTENT) * PAGE_BYTES
        need(used <= trailer.table_offset, place + 8, "a section behind the table")
        sections.append(Section(tag.decode("ascii"), version, flags, content))
    need(not any(raw[used : trailer.table_offset]), used, "bytes behind the sections")
    return sections


def read_sealed(raw: bytes, salt: bytes) -> tuple[Trailer, list[Section]]:
    """Of a segment that has_trailer."""
    start = len(raw) - TRAILER_BYTES
    end = raw[start:]
    data_end, table_offset, count, table_crc, first, last, commits, t0, t1, new = struct.unpack_from(
        "<QQIIQQQqqQ", end, 8
    )
    need(not any(end[80:124]), start + 80, "reserved members of the trailer")
    need(count <= 64 and HEADER_BYTES <= data_end <= table_offset <= start, start + 8, "places of the trailer")
    behind = table_offset + count * ENTRY_BYTES
    need(table_offset % 8 == 0 and behind <= start and not any(raw[behind:start]), start + 16, "table of sections")
    table = raw[table_offset:behind]
    need(table_crc == crc32c(table, salt), start + 28, "checksum of the section table")
    trailer = Trailer(data_end, table_offset, first, last, commits, t0, t1, new)
    return trailer, read_sections(raw, trailer, table, salt)


def read_head(raw: bytes) -> Head | None:
    """The newer valid slot, or None."""
    found = []
    for number in (0, 1):
        slot = raw[number * SLOT_BYTES : number * SLOT_BYTES + 128]
        if len(slot) < 128 or slot[124:] != struct.pack("<I", crc32c(slot[:124])):
            continue
        sequence, epoch, boot, pid, state, layout, *rest = struct.unpack_from("<QQ16sQIIQQQQQQQ", slot)
        head = Head(sequence, epoch, boot, pid, state, *rest)
        if layout == 1 and sequence % 2 == number and state in (1, 2, 3) and head.durable <= head.written:
            found.append(head)
    return max(found, key=lambda head: head.sequence, default=None)
