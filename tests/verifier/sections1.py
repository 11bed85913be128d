"""The sections of a sealed segment against its frames. Written from docs/FORMAT.md alone.

Sections of another version, and of unknown tags, are passed over, as the document says.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from format1 import Event, FormatError, need
from sealed1 import Section

STREAM, STREAM_PREFIX, TYPE, TYPE_PREFIX, TAG = 1, 2, 3, 4, 5
NONE, ARRAY, BITMAP = 0, 1, 2
PREFIXES_MAX = 16
RECORD = "<IHBBQIIII"
LOW = 2**64 - 1


def fold(a: int, b: int) -> int:
    product = a * b
    return (product & LOW) ^ (product >> 64)


def hash_of_value(salt: bytes, value: bytes) -> int:
    s, t = struct.unpack("<QQ", salt)
    a, b = struct.unpack("<QQ", value)
    return fold(a ^ s, b ^ t) >> 32


def hash_of_name(salt: bytes, kind: int, name: bytes) -> int:
    s, t = struct.unpack("<QQ", salt)
    state = s ^ (kind + 256 * len(name))
    for at in range(0, len(name), 8):
        state = fold(state ^ int.from_bytes(name[at : at + 8], "little"), t | 1)
    return fold(state, 0x9E3779B97F4A7C15) >> 32


def prefixes(name: bytes, ends: bytes) -> list[bytes]:
    return [name[: at + 1] for at in range(len(name)) if name[at] in ends][:PREFIXES_MAX]


Keys = dict[tuple[int, bytes], list[int]]


def keys_of(events: list[Event]) -> Keys:
    """What has to be found by which name: ordinals, in the order of NAME."""
    keys: Keys = {}
    for ordinal, event in enumerate(events):
        stream, kind = event.stream.encode(), event.type.encode()
        names = [(STREAM, stream), (TYPE, kind)]
        names += [(STREAM_PREFIX, prefix) for prefix in prefixes(stream, b"/.")]
        names += [(TYPE_PREFIX, prefix) for prefix in prefixes(kind, b".")]
        names += [(TAG, tag.encode()) for tag in event.tags]
        for name in names:
            keys.setdefault(name, []).append(ordinal)
    return dict(sorted(keys.items()))


def hashed(content: bytes, pairs: list[tuple[int, int]], values: list[bytes], what: str) -> None:
    count = len(pairs)
    least, most = (min(values), max(values)) if values else (bytes(16), bytes(16))
    need(content[:36] == struct.pack("<I", count) + least + most, 0, f"the head of {what}")
    expected = sorted(pairs)
    hashes = struct.unpack_from(f"<{count}I", content, 36)
    need(list(hashes) == [first for first, _ in expected], 36, f"the hashes of {what}")
    found = list(zip(hashes, struct.unpack_from(f"<{count}I", content, 36 + 4 * count), strict=True))
    need(sorted(found) == expected and len(content) == 36 + 8 * count, 36, f"what {what} leads to")


def postings(form: int, at: int, count: int, events: int, content: bytes) -> list[int]:
    if form == ARRAY:
        return list(struct.unpack_from(f"<{count}I", content, 4 * at))
    words = struct.unpack_from(f"<{-(-events // 64)}Q", content, 4 * at)
    return [64 * word + bit for word, bits in enumerate(words) for bit in range(64) if bits >> bit & 1]


def names(content: bytes, posted: bytes, keys: Keys, events: list[Event]) -> None:
    count, _ = struct.unpack_from("<II", content)
    need(count == len(keys), 0, "how many names NAME has")
    text = 8 + 32 * count
    for number, ((kind, name), ordinals) in enumerate(keys.items()):
        at = 8 + 32 * number
        start, length, its_kind, form, version, events_of, first, last, place = struct.unpack_from(RECORD, content, at)
        need((its_kind, content[text + start : text + start + length]) == (kind, name), at, "a name")
        need((events_of, first, last) == (len(ordinals), ordinals[0], ordinals[-1]), at, f"what is known of {name!r}")
        need(version == (events[first].version if kind == STREAM else 0), at + 8, f"the first version of {name!r}")
        dense = kind != STREAM and 32 * len(ordinals) > len(events)
        need(form == (NONE if len(ordinals) <= 2 else BITMAP if dense else ARRAY), at + 7, f"the form of {name!r}")
        if form != NONE:
            need(postings(form, place, len(ordinals), len(events), posted) == ordinals, at, f"postings of {name!r}")


def compare_sections(salt: bytes, sections: list[Section], events: list[Event]) -> list[str]:
    """Raises FormatError; returns the tags that were compared."""
    known = {section.tag: section.content for section in sections if section.version == 1}
    keys = keys_of(events)
    ids = [event.id.bytes for event in events]
    digests = [(event.extensions[1], ordinal) for ordinal, event in enumerate(events) if 1 in event.extensions]
    every64 = [event.time_us for event in events[::64]]
    checks: dict[str, Callable[[bytes], None]] = {
        "OFFS": lambda content: need(
            content == b"".join(struct.pack("<I", event.offset // 8) for event in events), 0, "offsets"
        ),
        "TIME": lambda content: need(content == struct.pack(f"<{len(every64)}q", *every64), 0, "times"),
        "IDIX": lambda content: hashed(
            content, [(hash_of_value(salt, value), ordinal) for ordinal, value in enumerate(ids)], ids, "IDIX"
        ),
        "IDEM": lambda content: hashed(
            content,
            [(hash_of_value(salt, value), ordinal) for value, ordinal in digests],
            [value for value, _ in digests],
            "IDEM",
        ),
        "HASH": lambda content: hashed(
            content, [(hash_of_name(salt, *key), number) for number, key in enumerate(keys)], [], "HASH"
        ),
        "NAME": lambda content: names(content, known.get("POST", b""), keys, events),
    }
    compared = [tag for tag in checks if tag in known]
    for tag in compared:
        try:
            checks[tag](known[tag])
        except struct.error as problem:
            raise FormatError(0, f"section {tag}: {problem}") from None
        except FormatError as problem:
            raise FormatError(problem.offset, f"section {tag}: {problem.reason}") from None
    return compared
