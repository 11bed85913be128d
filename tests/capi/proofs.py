"""Proofs through the C functions, in Python's terms: what they answer, as the symbol of a status, and what they say."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .library import CData, ffi, lib, name_of, text

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "verifier"))

VECTORS: dict[str, Any] = json.loads((ROOT / "tests" / "vectors" / "proof.json").read_text(encoding="utf-8"))
LOG_KEY: dict[str, str] = VECTORS["signers"]["log"]


class Texts:
    """tally_text values and what they lend from."""

    def __init__(self) -> None:
        self.kept: list[CData] = []

    def one(self, value: str) -> CData:
        raw = value.encode()
        made = ffi.new("char[]", raw)
        self.kept.append(made)
        return ffi.new("tally_text *", {"bytes": made, "length": len(raw)})[0]

    def list(self, values: Sequence[str]) -> CData:
        made = ffi.new("tally_text[]", [self.one(value) for value in values])
        self.kept.append(made)
        return made


@dataclass
class Policy:
    keys: Sequence[str]
    witnesses: Sequence[str] = ()
    needed: int = 0
    origin: str = ""

    def lend(self, texts: Texts) -> CData:
        made = ffi.new("tally_policy *")
        made.size = ffi.sizeof("tally_policy")
        made.keys, made.key_count = texts.list(self.keys), len(self.keys)
        made.witnesses, made.witness_count = texts.list(self.witnesses), len(self.witnesses)
        made.witnesses_needed, made.origin = self.needed, texts.one(self.origin)
        texts.kept.append(made)
        return made


def policy_of(case: dict[str, Any]) -> Policy:
    return Policy(case["keys"], case.get("witnesses", ()), case.get("needed", 0), case.get("origin", ""))


def exactly(raw: bytes) -> CData:
    """Not a byte more, so that a sanitizer sees a read behind the end."""
    return ffi.new("char[]", len(raw)) if not raw else ffi.from_buffer("char[]", bytearray(raw))


def hash_of(raw: bytes) -> CData:
    made = ffi.new("tally_hash *")
    made.bytes = raw
    return made


def hashes_of(hashes: Sequence[bytes]) -> CData:
    return ffi.new("tally_hash[]", [{"bytes": one} for one in hashes])


def raw_of(value: CData) -> bytes:
    return bytes(ffi.buffer(value.bytes))


def text_of(value: CData) -> str:
    return text(value.bytes, value.length)


def checkpoint_verify(raw: bytes, policy: Policy) -> tuple[str, CData, CData, CData]:
    texts = Texts()
    checkpoint, signed = ffi.new("tally_checkpoint *"), ffi.new("tally_signed *")
    error = ffi.new("tally_error *")
    note = exactly(raw)
    status = lib.tally_checkpoint_verify(note, len(raw), policy.lend(texts), checkpoint, signed, error)
    LENT.append((note, texts))
    return name_of(status), checkpoint, signed, error


def proof_verify(
    raw: bytes, policy: Policy, stored: bytes | None = None, event_hash: bytes | None = None
) -> tuple[str, CData]:
    texts = Texts()
    proven, error = ffi.new("tally_proven *"), ffi.new("tally_error *")
    proof, lent = exactly(raw), policy.lend(texts)
    if event_hash is not None:
        status = lib.tally_proof_verify_hash(proof, len(raw), hash_of(event_hash), lent, proven, error)
        return name_of(status), proven
    room = ffi.new("char[65536]")
    data = ffi.NULL if stored is None else exactly(stored)
    length = 0 if stored is None else len(stored)
    status = lib.tally_proof_verify(proof, len(raw), data, length, lent, room, 65536, proven, error)
    LENT.append((room, data, proof))
    return name_of(status), proven


# What results of the newest calls point into.
LENT: list[object] = []
