"""An independent reader of keys, signed notes and checkpoints, written from the texts of C2SP signed-note,
tlog-checkpoint and tlog-cosignature, with the standard library only. It shares no code with the core.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import ed25519

NOTE_BYTES = 65536
TEXT_BYTES = 4096
LINES = 64
NAME_BYTES = 153
LOG, WITNESS = 1, 4
EMPTY_ROOT = hashlib.sha256(b"").digest()


class RejectedError(Exception):
    """Why a text is not believed; `status` is the core's symbol for it, without TALLY_."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status


def need(condition: bool, status: str, reason: str) -> None:
    if not condition:
        raise RejectedError(status, reason)


def from_base64(text: str) -> bytes | None:
    """RFC 4648, 4, in its one spelling: what is decoded is written like that again."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    return raw if raw and base64.b64encode(raw).decode() == text else None


def from_decimal(text: str) -> int | None:
    if not text.isascii() or not text.isdigit() or len(text) > 19 or text != str(int(text)) or int(text) >= 2**63:
        return None
    return int(text)


def hash_of(text: str) -> bytes | None:
    raw = from_base64(text)
    return raw if raw is not None and len(raw) == 32 else None


# ------------------------------------------------------------------------------------------------------------- keys


@dataclass(frozen=True)
class Key:
    name: str
    id: bytes
    kind: int
    public: bytes


def is_plain_name(name: str) -> bool:
    return name != "" and "+" not in name and not any(letter.isspace() or ord(letter) < 0x20 for letter in name)


def is_own_name(name: str) -> bool:
    control = any(ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 for letter in name)
    return is_plain_name(name) and not control and len(name.encode()) <= NAME_BYTES


def key_id(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def parts_of(text: str) -> tuple[str, bytes, bytes]:
    """Name, id, and what is in base64: a byte that says the kind, and 32 bytes."""
    name, _, rest = text.partition("+")
    digits, _, encoded = rest.partition("+")
    raw = from_base64(encoded)
    need(raw is not None and len(raw) == 33, "E_KEY", "the key is not in base64, or has another length")
    need(len(digits) == 8 and all(c in "0123456789abcdef" for c in digits), "E_KEY", "the id is no 8 digits")
    need(is_own_name(name), "E_KEY", "the name of the key")
    assert raw is not None
    need(raw[0] in (LOG, WITNESS), "E_KEY", f"a key of type {raw[0]}")
    return name, bytes.fromhex(digits), raw


def read_vkey(text: str) -> Key:
    name, digits, raw = parts_of(text)
    need(digits == key_id(name, raw[0], raw[1:]), "E_KEY", "the id is that of another key")
    need(ed25519.is_key(raw[1:]), "E_KEY", "no point that is a key")
    return Key(name, digits, raw[0], raw[1:])


def vkey_of(name: str, kind: int, public: bytes) -> str:
    digits = key_id(name, kind, public).hex()
    return f"{name}+{digits}+{base64.b64encode(bytes([kind]) + public).decode()}"


def read_skey(text: str) -> tuple[Key, bytes]:
    """The key, and its seed."""
    need(text.startswith("PRIVATE+KEY+"), "E_KEY", "no private key")
    name, digits, raw = parts_of(text.removeprefix("PRIVATE+KEY+").removesuffix("\n").removesuffix("\r"))
    public = ed25519.public_key(raw[1:])
    need(digits == key_id(name, raw[0], public), "E_KEY", "the id is that of another key")
    return Key(name, digits, raw[0], public), raw[1:]


def skey_of(name: str, kind: int, seed: bytes) -> str:
    digits = key_id(name, kind, ed25519.public_key(seed)).hex()
    return f"PRIVATE+KEY+{name}+{digits}+{base64.b64encode(bytes([kind]) + seed).decode()}"


# ------------------------------------------------------------------------------------------------------------ notes


@dataclass(frozen=True)
class Line:
    name: str
    id: bytes
    signature: bytes


@dataclass
class Note:
    text: str
    lines: list[Line]


def read_line(line: str) -> Line:
    mark, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    raw = from_base64(encoded)
    need(mark == "—" and is_plain_name(name), "E_FORMAT", "no signature line")
    need(raw is not None and len(raw) > 4, "E_FORMAT", "a signature that is no base64 of an id and more")
    assert raw is not None
    return Line(name, raw[:4], raw[4:])


def read_lines(text: str) -> list[Line]:
    need(text.endswith("\n") or text == "", "E_FORMAT", "the last line is cut")
    lines = text.split("\n")[:-1]
    found: list[Line] = []
    for line in lines:
        need(len(found) < LINES, "E_LIMIT", "too many signature lines")
        found.append(read_line(line))
    return found


def read_note(raw: bytes, unsigned_too: bool = False) -> Note:
    need(0 < len(raw) <= NOTE_BYTES, "E_LENGTH", "the length of the note")
    first = next((at for at, byte in enumerate(raw) if byte < 0x20 and byte != 0x0A), len(raw))
    try:
        text = raw.decode()
    except UnicodeDecodeError as problem:
        status = "E_UTF8" if problem.start < first else "E_FORMAT"
        raise RejectedError(status, "not UTF-8, or a control character") from None
    need(first == len(raw), "E_FORMAT", "a control character")
    need(text.endswith("\n"), "E_FORMAT", "the last line is cut")
    split = text.rfind("\n\n")
    if split < 0 and unsigned_too:
        return Note(text, [])
    need(split >= 0 and split + 2 < len(text), "E_FORMAT", "no signature lines")
    return Note(text[: split + 1], read_lines(text[split + 2 :]))


def cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def is_by(line: Line, key: Key) -> bool:
    return (line.name, line.id) == (key.name, key.id)


def check_line(line: Line, text: str, key: Key) -> int | None:
    """The time that a good line states (0: none), or None."""
    if key.kind == LOG:
        return 0 if ed25519.verify(key.public, text.encode(), line.signature) else None
    time = int.from_bytes(line.signature[:8], "big")
    if len(line.signature) != 72 or time >= 2**63:
        return None
    return time if ed25519.verify(key.public, cosigned(text, time), line.signature[8:]) else None


def line_of(key: Key, signature: bytes) -> str:
    return f"— {key.name} {base64.b64encode(key.id + signature).decode()}\n"


# ------------------------------------------------------------------------------------------------------ checkpoints


@dataclass
class Checkpoint:
    origin: str
    size: int
    root: bytes


@dataclass
class Policy:
    """Whose signatures are asked for; keys are texts."""

    keys: Sequence[str]
    witnesses: Sequence[str] = ()
    needed: int = 0
    origin: str = ""


@dataclass
class Signed:
    by_log: int = 0
    by_witnesses: int = 0
    unknown: int = 0
    witnessed: int = 0
    counted: set[bytes] = field(default_factory=set)


def read_checkpoint(text: str) -> Checkpoint:
    need(len(text.encode()) <= TEXT_BYTES, "E_LENGTH", "the text of the checkpoint is too long")
    lines = text.split("\n")[:-1]
    need(len(lines) >= 3 and all(lines), "E_FORMAT", "a checkpoint has three lines or more, and none is empty")
    size, root = from_decimal(lines[1]), hash_of(lines[2])
    need(size is not None, "E_FORMAT", "the size")
    need(root is not None, "E_FORMAT", "the root")
    assert size is not None
    assert root is not None
    need(size > 0 or root == EMPTY_ROOT, "E_FORMAT", "the root of an empty tree")
    return Checkpoint(lines[0], size, root)


def signatures_by(note: Note, key: Key, known: set[int]) -> int | None:
    """The newest time that good lines of a key state; None without one. A bad one rejects the note."""
    newest: int | None = None
    for number, line in enumerate(note.lines):
        if not is_by(line, key):
            continue
        known.add(number)
        time = check_line(line, note.text, key)
        need(time is not None, "E_SIGNATURE", f"line {number} by {key.name}")
        assert time is not None
        newest = time if newest is None else max(newest, time)
    return newest


def verify_note(note: Note, checkpoint: Checkpoint, policy: Policy) -> Signed:
    need(policy.origin in ("", checkpoint.origin), "E_ORIGIN", f"the origin is {checkpoint.origin}")
    signed, known, elsewhere = Signed(), set[int](), False
    for text in policy.keys:
        key = read_vkey(text)
        need(key.kind == LOG, "E_KEY", "the key of a witness among those of the log")
        if signatures_by(note, key, known) is None:
            continue
        if policy.origin == "" and key.name != checkpoint.origin:
            elsewhere = True
        elif key.public not in signed.counted:
            signed.counted.add(key.public)
            signed.by_log += 1
    signed.counted.clear()
    times: list[int] = []
    for text in policy.witnesses:
        key = read_vkey(text)
        need(key.kind == WITNESS, "E_KEY", "the key of a log among those of witnesses")
        time = signatures_by(note, key, known)
        if time is not None and key.public not in signed.counted:
            signed.counted.add(key.public)
            times.append(time)
    signed.by_witnesses, signed.witnessed = len(times), min(times, default=0)
    signed.unknown = len(note.lines) - len(known)
    need(signed.by_log > 0 or not elsewhere, "E_ORIGIN", "signed as the checkpoint of another log")
    need(signed.by_log > 0, "E_UNKNOWN_KEY", "no key of the policy has signed")
    need(signed.by_witnesses >= policy.needed, "E_UNKNOWN_KEY", "too few witnesses")
    return signed


def verify_checkpoint(raw: bytes, policy: Policy) -> tuple[Checkpoint, Signed]:
    note = read_note(raw)
    checkpoint = read_checkpoint(note.text)
    return checkpoint, verify_note(note, checkpoint, policy)
