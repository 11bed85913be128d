"""A run against the segments that it covers. Written from docs/FORMAT.md alone."""

from __future__ import annotations

import struct

from format1 import Event, Header, crc32c, need
from sealed1 import read_pages
from sections1 import hash_of_name, hashed, keys_of

HEADER_BYTES = 4096
RECORD = "<IHBxIIQ"


def read_header(raw: bytes) -> tuple[bytes, tuple[int, ...], list[bytes]]:
    """Salt, the numbers of the header, and the four parts."""
    head = raw[:HEADER_BYTES]
    need(len(head) == HEADER_BYTES and head[:8] == b"TALLYRUN", 0, "not a run")
    form, reserved, crc = struct.unpack_from("<HHI", head, 8)
    need(form == 1 and reserved == 0, 8, "a run of another format")
    need(crc == crc32c(head[:12] + bytes(4) + head[16:]), 12, "checksum of the run's header")
    need(not any(head[128:]), 128, "reserved members of a run")
    salt = head[16:32]
    places = struct.unpack_from("<8Q", head, 64)
    parts = [read_pages(raw, places[at], places[at + 1], salt) for at in range(0, 8, 2)]
    return salt, struct.unpack_from("<QQQII", head, 32), parts


def compare_run(raw: bytes, segments: list[tuple[Header, list[Event]]]) -> None:
    """`segments` are those that the run's name says it covers."""
    salt, numbers, (references, records, text, hashes) = read_header(raw)
    first, last = segments[0], segments[-1]
    identity = crc32c(b"".join(header.salt for header, _ in segments))
    end = last[0].first_position + len(last[1])
    expected = (first[0].number, first[0].first_position, end, len(segments), identity)
    need(numbers == expected, 32, "a run of other segments")

    places: dict[tuple[int, bytes], list[tuple[int, int]]] = {}
    for number, (_, events) in enumerate(segments):
        for record, key in enumerate(keys_of(events)):
            places.setdefault(key, []).append((number, record))
    keys = sorted(places)
    need(len(records) == struct.calcsize(RECORD) * len(keys), 80, "how many names the run has")
    for number, key in enumerate(keys):
        start, length, kind, at, count, zero = struct.unpack_from(RECORD, records, 24 * number)
        need((kind, text[start : start + length]) == key and zero == 0, 80, f"a name of the run: {key[1]!r}")
        found = [struct.unpack_from("<II", references, 8 * (at + turn)) for turn in range(count)]
        need(found == places[key], 64, f"the references of {key[1]!r}")
    hashed(hashes, [(hash_of_name(salt, *key), number) for number, key in enumerate(keys)], [], "the run")
