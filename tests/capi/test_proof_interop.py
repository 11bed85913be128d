"""Interoperability with Go's sumdb/note, transparency-dev/merkle and transparency-dev/formats: what we believe they
believe, what they sign we believe. tests/interop is built where Go is; without Go, or without the modules, all of this
is skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from typing import Any

import pytest

from . import proofs
from .library import constant, ffi, lib
from .proofs import ROOT, VECTORS, Policy, Texts

SOURCE = ROOT / "tests" / "interop"
PROGRAM = ROOT / "out" / "interop" / "check"
Case = dict[str, Any]

# What Go believes and we do not: it looks at the first line of a key only, and not at all at the order of R.
LAXER = {"a bad line behind a good one", "R of order 1"}
SAME_TEXT = {"E_SIGNATURE", "E_UNKNOWN_KEY"}


@cache
def program() -> str:
    """Why there is none, or ""."""
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if go is None:
        return "Go is not on this machine"
    PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    done = subprocess.run(
        [go, "build", "-o", PROGRAM, "."], cwd=SOURCE, env=environment, capture_output=True, text=True, timeout=300
    )
    return "" if done.returncode == 0 else f"tests/interop cannot be built here: {done.stderr.strip()[-300:]}"


@pytest.fixture(autouse=True)
def _needs_go() -> None:
    missing = program()
    if missing:
        pytest.skip(missing)


def ask(**tasks: list[Any]) -> dict[str, list[str]]:
    done = subprocess.run([PROGRAM], input=json.dumps(tasks), capture_output=True, text=True, check=True)
    answers: dict[str, list[str]] = json.loads(done.stdout)
    return {name.lower(): found or [] for name, found in answers.items()}


def compared(section: str, task: str, cases: list[Case]) -> list[tuple[Case, str]]:
    return list(zip(cases, ask(**{task: cases})[section], strict=True))


def test_keys_that_we_take_are_keys_there() -> None:
    cases = [case for case in VECTORS["keys"] if case["status"] == "OK" and not case.get("private")]
    assert ask(Keys=[case["text"] for case in cases])["keys"] == [""] * len(cases)


def test_a_key_that_is_made_here_signs_there() -> None:
    texts, skey, vkey = Texts(), ffi.new("char[512]"), ffi.new("char[512]")
    for kind in ("TALLY_KEY_OF_LOG", "TALLY_KEY_OF_WITNESS"):
        name = texts.one("acme/0123456789abcdef0123456789abcdef")
        assert lib.tally_key_make(ffi.NULL, name, constant(kind), skey, vkey, ffi.NULL) == 0
        text = "acme/0123456789abcdef0123456789abcdef\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
        witness = kind.endswith("WITNESS")
        task = {"Skey": ffi.string(skey).decode(), "Text": text, "Witness": witness}
        note = ask(Sign=[task])["signed"][0]
        public = ffi.string(vkey).decode()
        if witness:
            log = VECTORS["signers"]["log"]
            policy = Policy([log["vkey"]], [public], 0)
            assert proofs.checkpoint_verify(note.encode(), policy)[0] == "E_UNKNOWN_KEY", "the log did not sign"
            altered = note.replace("\n3\n", "\n4\n")
            assert proofs.checkpoint_verify(altered.encode(), policy)[0] == "E_SIGNATURE"
        else:
            assert proofs.checkpoint_verify(note.encode(), Policy([public]))[0] == "OK"


def test_a_note_that_is_signed_there_is_ours_to_the_byte() -> None:
    log = VECTORS["signers"]["log"]
    text = VECTORS["good_note"].partition("\n\n")[0] + "\n"
    assert ask(Sign=[{"Skey": log["skey"], "Text": text}])["signed"] == [VECTORS["good_note"]]


def test_a_cosignature_of_there_is_believed_here() -> None:
    one = VECTORS["signers"]["one"]
    text = VECTORS["good_note"].partition("\n\n")[0] + "\n"
    signed = ask(Sign=[{"Skey": one["skey"], "Text": text, "Witness": True}])["signed"][0]
    note = VECTORS["good_note"] + signed.partition("\n\n")[2]
    policy = Policy([VECTORS["signers"]["log"]["vkey"]], [one["vkey"]], 1)
    status, _, counted, _ = proofs.checkpoint_verify(note.encode(), policy)
    assert (status, counted.by_witnesses) == ("OK", 1)
    assert counted.witnessed_s > 1_700_000_000


def test_checkpoints_that_we_believe_are_believed_there() -> None:
    cases = [case for case in VECTORS["checkpoints"] if case["status"] == "OK" and "origin" not in case]
    for case, said in compared("notes", "Notes", cases):
        assert said == "", case["name"]


def test_checkpoints_that_are_not_believed_there_are_not_believed_here() -> None:
    cases = [case for case in VECTORS["checkpoints"] if case["status"] in SAME_TEXT and "note" in case]
    cases = [case for case in cases if not case.get("witnesses")]
    believed = {case["name"] for case, said in compared("notes", "Notes", cases) if said == ""}
    assert believed == LAXER


def test_inclusion_is_the_same_there() -> None:
    for case, said in compared("inclusion", "Inclusion", VECTORS["inclusion"]):
        assert (said == "") == (case["status"] == "OK"), case["name"]


def test_consistency_is_the_same_there() -> None:
    # From size 0 that package asks for nothing at all; we ask for the root of the empty tree.
    cases = [case for case in VECTORS["consistency"] if case["old"] != 0]
    for case, said in compared("consistency", "Consistency", cases):
        assert (said == "") == (case["status"] == "OK"), case["name"]


def test_proofs_of_events_that_we_believe_are_believed_there() -> None:
    cases = [case for case in VECTORS["proofs"] if case["status"] == "OK"]
    assert len(cases) > 8
    for case, said in compared("proofs", "Proofs", cases):
        assert said == "", case["name"]


def test_proofs_that_lead_to_another_root_do_so_there() -> None:
    cases = [case for case in VECTORS["proofs"] if case["status"] in ("E_PROOF", "E_SIGNATURE", "E_UNKNOWN_KEY")]
    for case, said in compared("proofs", "Proofs", [case for case in cases if not case.get("witnesses")]):
        assert said != "", case["name"]
