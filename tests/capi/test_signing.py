"""Stores whose heads are signed, through the exported functions: what is refused of tally_signing, and proofs that a
reader who knows nothing of the library checks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .library import Box, CData, check, constant, ffi, lib, name_of

CHECKER = Path(__file__).resolve().parent.parent / "verifier" / "check_proof.py"
NULL_TEXT = {"bytes": ffi.NULL, "length": 5}


def outcome(box: Box, **members: Any) -> str:
    """What opening a new store with this tally_signing gives."""
    path = box.folder().encode() + b"/signing"
    handle, error = ffi.new("tally_store **"), box.new("tally_error *")
    options = box.store_options(signing=box.struct("tally_signing", **members))
    status = lib.tally_store_open(path, len(path), options, handle, error)
    assert (handle[0] == ffi.NULL) == (status != 0)
    assert error.status == status
    assert status == 0 or ffi.string(error.message)
    if status == 0:
        check(lib.tally_store_close(handle))
    return name_of(status)


def text(box: Box, data: bytes) -> Any:
    return box.text(data)


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ({"flags": 4}, "E_OPTION"),
        ({"flags": 0x80000000}, "E_OPTION"),
        ({"reserved": 1}, "E_OPTION"),
        ({"verify_key_count": 1}, "E_NULL"),
        ({"verify_key_count": 17}, "E_LIMIT"),
        ({"verify_key_count": 2**64 - 1}, "E_LIMIT"),
        ({"flags": 1}, "E_UNSIGNED"),
        *(
            ({member: NULL_TEXT}, "E_NULL")
            for member in ("key_path", "key_text", "state_path", "remembered", "remembered_path", "mirror_path")
        ),
        ({"signer_key": NULL_TEXT}, "E_NULL"),
    ],
)
def test_a_wrong_member_is_refused(members: dict[str, Any], name: str, box: Box) -> None:
    assert outcome(box, **members) == name


@pytest.mark.parametrize(
    "member", ["key_path", "key_text", "state_path", "remembered", "remembered_path", "mirror_path"]
)
def test_a_text_that_is_too_long_is_refused(member: str, box: Box) -> None:
    for length in (2**63, 2**64 - 1, constant("TALLY_NOTE_BYTES_MAX") + 1):
        assert outcome(box, **{member: {"bytes": box.fenced.put(b"x"), "length": length}}) == "E_LENGTH"


def test_one_of_three_keys_is_given(box: Box) -> None:
    signer = box.callback("tally_signer", lambda *_: 0, 1)
    assert outcome(box, key_path=text(box, b"a"), key_text=text(box, b"b")) == "E_OPTION"
    assert outcome(box, signer=signer) == "E_OPTION"
    assert outcome(box, signer_key=text(box, b"b")) == "E_OPTION"
    assert outcome(box, key_text=text(box, b"b"), signer=signer, signer_key=text(box, b"b")) == "E_OPTION"
    assert outcome(box, key_text=text(box, b"no key")) == "E_KEY"
    assert outcome(box, remembered=text(box, b"no note")) in ("E_FORMAT", "E_ORIGIN")


def prove(store: CData, position: int) -> tuple[bytes, bytes]:
    room, needed = ffi.new("char[]", 65536), ffi.new("size_t *")
    check(lib.tally_store_prove(store, position, room, 65536, needed, ffi.NULL))
    proof = bytes(ffi.buffer(room, needed[0]))
    check(lib.tally_store_get_stored(store, position, room, 65536, needed, ffi.NULL))
    return proof, bytes(ffi.buffer(room, needed[0]))


def test_proofs_are_checked_without_the_library(box: Box, tmp_path: Path) -> None:
    store = box.signed_store()
    state = ffi.new("tally_signing_state *")
    check(lib.tally_store_signing_get(store, state, ffi.NULL))
    vkey = ffi.string(state.vkey).decode()
    for i in range(20):
        check(lib.tally_store_append(store, box.draft(data=b"%d" % i), ffi.NULL, ffi.NULL, ffi.NULL))
    for position in (0, 7, 20):
        proof, stored = prove(store, position)
        (tmp_path / "proof").write_bytes(proof)
        (tmp_path / "data").write_bytes(stored)
        command = [sys.executable, CHECKER, tmp_path / "proof", vkey, tmp_path / "data"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr + done.stdout
        proven = json.loads(done.stdout)
        assert (proven["position"], proven["stream"]) == (position, "capi/1")
        (tmp_path / "data").write_bytes(stored[:-1] + b"?")
        assert subprocess.run(command, capture_output=True).returncode == 1
