"""Writes segment-v1.seg and segment-v1.json, the golden segment, from docs/FORMAT.md alone.

Run it only when the format changes knowingly, before 1.0: `python3 tests/vectors/make_segment.py`.
"""

from __future__ import annotations

import json
import struct
import sys
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "verifier"))
from format1 import ZERO, as_json, crc32c, digest, pad8, read_segment  # noqa: E402

SALT = bytes(range(16))


def uuid_bytes(number: int) -> bytes:
    return bytes.fromhex("0190a0b0c0d07000800000000000") + number.to_bytes(2, "big")


def padded(raw: bytes) -> bytes:
    return raw + bytes(pad8(len(raw)) - len(raw))


def body(number: int, stream: str, kind: str, content: str, data: bytes, *, tags=(), ext=b"", algorithm=1, cause=0):
    stored = bytes([number] * 16) + data
    names = [text.encode() for text in (stream, kind, content)]
    raw = uuid_bytes(number) + uuid_bytes(number) + (uuid_bytes(cause) if cause else bytes(16))
    raw += struct.pack("<IBBBBQQ", number, 0, 0, len(tags), 0, len(data), len(stored)) + digest(algorithm, 3, stored)
    raw += struct.pack("<HHHH", *map(len, names), len(ext)) + b"".join(names)
    for tag in tags:
        raw += struct.pack("<H", len(tag.encode())) + tag.encode()
    return raw + ext, stored


def core(algorithm, position, version, time_us, index, count, previous, raw_body) -> bytes:
    fixed = struct.pack("<BBHIQQqIIII", 1, algorithm, 0, 0, position, version, time_us, index, index, count, 0)
    return fixed + previous + digest(algorithm, 2, raw_body)


def frame(raw_core: bytes, raw_body: bytes, stored: bytes) -> tuple[bytes, bytes]:
    crc_data = crc32c(stored, SALT)
    meta = b"tF\x01\x00" + struct.pack("<IIQ", len(raw_body), crc_data, len(stored)) + raw_core + padded(raw_body)
    crc_meta = crc32c(meta, SALT)
    return struct.pack("<I", crc_meta) + meta + padded(stored), struct.pack("<II", crc_meta, crc_data)


def mark(flags, commit, first, count, crcs, offset, durable, epoch) -> bytes:
    rest = b"tF\x02" + struct.pack(
        "<BQQIIQQQQ", flags, commit, first, count, crc32c(crcs, SALT), offset, durable, 0, epoch
    )
    return struct.pack("<I", crc32c(rest, SALT)) + rest


def header() -> bytes:
    name = b"example"
    raw = b"TALLYSEG" + struct.pack("<HHIII", 1, 0, 0, 0, 0) + bytes(range(32, 48)) + SALT
    raw += struct.pack("<QQQQq", 0, 0, 0, 0, 1_700_000_000_000_000) + ZERO + struct.pack("<H", len(name)) + name
    raw += bytes(4096 - len(raw))
    return raw[:20] + struct.pack("<I", crc32c(raw)) + raw[24:]


def segment() -> bytes:
    raw = header()
    when = 1_700_000_000_000_001
    body0, stored0 = body(1, "account/42", "account.opened", "application/json", b'{"plan":"pro"}')
    core0 = core(1, 0, 0, when, 0, 1, ZERO, body0)
    frame0, crcs0 = frame(core0, body0, stored0)
    raw += frame0 + mark(0, 0, 0, 1, crcs0, 4096, 0, 1)
    start = len(raw)
    ext = struct.pack("<HH", 1, 16) + bytes(range(16)) + struct.pack("<HHq", 2, 8, when - 5)
    body1, stored1 = body(
        2, "account/42", "account.renamed", "", b"", tags=("actor:ada", "region:eu"), ext=ext, algorithm=2, cause=1
    )
    core1 = core(2, 1, 1, when + 1, 0, 2, sha256(b"\0" + core0).digest(), body1)
    frame1, crcs1 = frame(core1, body1, stored1)
    body2, stored2 = body(3, "ordre/é", "order.paid", "application/octet-stream", bytes(range(7)))
    core2 = core(1, 2, 0, when + 1, 1, 2, ZERO, body2)
    frame2, crcs2 = frame(core2, body2, stored2)
    raw += frame1 + frame2 + mark(0, 1, 1, 2, crcs1 + crcs2, start, 1, 1)
    return raw + mark(1, 2, 3, 0, b"", len(raw), 3, 1) + bytes(512)


if __name__ == "__main__":
    raw = segment()
    (HERE / "segment-v1.seg").write_bytes(raw)
    (HERE / "segment-v1.json").write_text(json.dumps(as_json(*read_segment(raw)), indent=1) + "\n")
