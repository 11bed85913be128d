"""Golden vectors of proofs, and what the core and the independent verifier say of texts that were altered."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from . import proofs
from .library import constant, ffi, lib, name_of
from .proofs import ROOT, VECTORS, Policy, Texts, hash_of, hashes_of, policy_of, raw_of, text_of

# After proofs, which says where the verifier lies.
import notes1  # isort: skip
import proofs1  # isort: skip

Case = dict[str, Any]


def each(section: str) -> pytest.MarkDecorator:
    rows = VECTORS[section]
    return pytest.mark.parametrize("case", rows, ids=[row.get("name", str(at)) for at, row in enumerate(rows)])


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> Any:
    yield
    proofs.LENT.clear()


# ------------------------------------------------------------------------------------------------------------- keys


@each("keys")
def test_the_text_of_a_key(case: Case) -> None:
    texts = Texts()
    made = ffi.new("char[512]", b"\xa5" * 512)
    if not case.get("private"):
        key = VECTORS["signers"]["log"]["vkey"]
        note = VECTORS["good_note"].encode()
        status, *_ = proofs.checkpoint_verify(note, Policy([key, case["text"]]))
        assert status == case["status"] or (case["status"] == "OK" and status == "E_KEY" and "witness" in case["name"])
        return
    error = ffi.new("tally_error *")
    status = lib.tally_key_public(texts.one(case["text"]), made, error)
    assert name_of(status) == case["status"]
    assert ffi.string(made).decode() == case["vkey"]


def test_a_key_that_is_made_is_read_again() -> None:
    for kind, name in (("TALLY_KEY_OF_LOG", "acme/é"), ("TALLY_KEY_OF_WITNESS", "w")):
        texts, skey, vkey, again = Texts(), ffi.new("char[512]"), ffi.new("char[512]"), ffi.new("char[512]")
        assert lib.tally_key_make(ffi.NULL, texts.one(name), constant(kind), skey, vkey, ffi.NULL) == 0
        assert lib.tally_key_public(texts.one(ffi.string(skey).decode()), again, ffi.NULL) == 0
        assert ffi.string(again) == ffi.string(vkey)
        key = notes1.read_vkey(ffi.string(vkey).decode())
        assert (key.name, key.kind) == (name, 1 if kind.endswith("LOG") else 4)
        assert notes1.read_skey(ffi.string(skey).decode())[0] == key


# ------------------------------------------------------------------------------------------------------ checkpoints


@each("checkpoints")
def test_a_checkpoint(case: Case) -> None:
    raw = bytes.fromhex(case["note_hex"]) if "note_hex" in case else case["note"].encode()
    status, checkpoint, signed, error = proofs.checkpoint_verify(raw, policy_of(case))
    assert status == case["status"], ffi.string(error.message)
    if status != "OK":
        assert bytes(ffi.buffer(checkpoint)) == bytes(ffi.sizeof("tally_checkpoint"))
        assert bytes(ffi.buffer(signed)) == bytes(ffi.sizeof("tally_signed"))
        return
    assert (text_of(checkpoint.origin), checkpoint.size) == (case["origin_read"], case["size"])
    assert raw_of(checkpoint.root).hex() == case["root"]
    counted = signed.by_log, signed.by_witnesses, signed.unknown, signed.witnessed_s
    assert counted == (case["by_log"], case["by_witnesses"], case["unknown"], case["witnessed"])


# ------------------------------------------------------------------------------------------------------------ trees


@each("merkle")
def test_a_root(case: Case) -> None:
    leaves = [proofs1.leaf_of(bytes.fromhex(entry)) for entry in case["leaves"]]
    root = ffi.new("tally_hash *")
    assert lib.tally_merkle_root(hashes_of(leaves), len(leaves), root) == 0
    assert raw_of(root).hex() == case["root"]


def path_in(case: Case) -> list[bytes]:
    return [bytes.fromhex(one) for one in case["hashes"]]


@each("inclusion")
def test_an_inclusion_proof(case: Case) -> None:
    path = path_in(case)
    leaf, root = hash_of(bytes.fromhex(case["leaf"])), hash_of(bytes.fromhex(case["root"]))
    status = lib.tally_inclusion_verify(
        leaf, case["index"], case["size"], hashes_of(path), len(path), root, ffi.new("tally_error *")
    )
    assert name_of(status) == case["status"]


@each("consistency")
def test_a_consistency_proof(case: Case) -> None:
    path = path_in(case)
    old, new = hash_of(bytes.fromhex(case["old_root"])), hash_of(bytes.fromhex(case["new_root"]))
    status = lib.tally_consistency_verify(
        case["old"], old, case["new"], new, hashes_of(path), len(path), ffi.new("tally_error *")
    )
    assert name_of(status) == case["status"]


# ----------------------------------------------------------------------------------------------- proofs of an event


@each("proofs")
def test_a_proof_of_an_event(case: Case) -> None:
    stored = bytes.fromhex(case["stored"]) if "stored" in case else None
    known = bytes.fromhex(case["event_hash"]) if "event_hash" in case else None
    status, proven = proofs.proof_verify(case["proof"].encode(), policy_of(case), stored, known)
    assert status == case["status"]
    if status != "OK":
        assert bytes(ffi.buffer(proven)) == bytes(ffi.sizeof("tally_proven"))
        return
    assert (proven.position, proven.tree_size) == (case["index"], case["size"])
    assert (raw_of(proven.root).hex(), raw_of(proven.event_hash).hex()) == (case["root"], case["leaf"])
    assert proven.has_event == ("stream" in case)
    assert proven.data_given == (stored is not None)
    if "stream" in case:
        event = proven.event
        assert (text_of(event.stream), text_of(event.type)) == (case["stream"], case["type"])
        assert (event.version, event.time_us, event.position) == (case["version"], case["time_us"], case["index"])
        assert [text_of(event.tags[at]) for at in range(event.tag_count)] == case["tags"]
        assert bytes(ffi.buffer(event.id.bytes)).hex() == case["id"].replace("-", "")
        data = bytes(ffi.buffer(event.data, event.length)) if event.length else b""
        assert data == (stored[16:] if stored else b"")
        state = "TALLY_DATA_READABLE" if stored else "TALLY_DATA_KEY_MISSING"
        assert event.data_state == constant(state)


# -------------------------------------------------------------------------------------------------------- witnesses


@each("answers")
def test_the_answer_of_a_witness(case: Case) -> None:
    texts, note = Texts(), VECTORS["good_note"].encode()
    outcome, old, needed = ffi.new("uint32_t *"), ffi.new("uint64_t *"), ffi.new("size_t *")
    body, room = case["body"].encode(), ffi.new("char[8192]")
    status = lib.tally_witness_answer(
        case["http"], body, len(body), note, len(note), texts.list(case["witnesses"]), len(case["witnesses"]),
        outcome, old, room, 8192, needed, ffi.new("tally_error *"),
    )  # fmt: skip
    assert name_of(status) == case["status"]
    assert (outcome[0], old[0]) == (case.get("outcome", 0), case.get("old", 0))
    if case.get("outcome") == constant("TALLY_WITNESS_SIGNED"):
        assert bytes(ffi.buffer(room, needed[0])) == note + case["added"].encode()
    else:
        assert needed[0] == 0


@pytest.mark.parametrize("who", ["one", "two"])
def test_a_cosignature_is_the_one_that_the_verifier_makes(who: str) -> None:
    texts, note = Texts(), VECTORS["good_note"].encode()
    line, needed = ffi.new("char[512]"), ffi.new("size_t *")
    lines = VECTORS["witness_lines"]
    status = lib.tally_witness_cosign(
        note, len(note), texts.one(VECTORS["signers"][who]["skey"]), lines[f"{who}_time"], line, 512, needed, ffi.NULL
    )
    assert status == 0
    assert bytes(ffi.buffer(line, needed[0])).decode() == lines[who]


# ------------------------------------------------------------------------------------------------------ independence


def mutations(raw: bytes, seed: int, count: int) -> list[bytes]:
    """Texts with a few bytes, or a line, changed, removed, doubled or moved."""
    source = random.Random(seed)
    made = []
    for _ in range(count):
        text = bytearray(raw)
        for _ in range(source.choice((1, 1, 1, 2))):
            at = source.randrange(len(text))
            what = source.randrange(6)
            lines = bytes(text).split(b"\n")
            if what == 0:
                text[at] ^= 1 << source.randrange(8)
            elif what == 1:
                text[at] = source.choice(b"\n +/=0123456789Aa\xe2\x80\x94\r\0-_")
            elif what == 2:
                del text[at]
            elif what == 3:
                text.insert(at, source.choice(b"\n +=0A\xe2\r"))
            elif what == 4:
                one, two = source.randrange(len(lines)), source.randrange(len(lines))
                lines[one], lines[two] = lines[two], lines[one]
                text = bytearray(b"\n".join(lines))
            else:
                line = source.randrange(len(lines))
                lines[line : line + 1] = source.choice(([], [lines[line]] * 2))
                text = bytearray(b"\n".join(lines))
            if not text:
                break
        made.append(bytes(text))
    return made


def verdict(run: Any) -> str:
    try:
        run()
    except notes1.RejectedError as problem:
        return problem.status
    return "OK"


def test_core_and_verifier_agree_on_altered_checkpoints() -> None:
    lines, signers = VECTORS["witness_lines"], VECTORS["signers"]
    policy = Policy([signers["log"]["vkey"]], [signers["one"]["vkey"], signers["two"]["vkey"]], 1)
    theirs = notes1.Policy(policy.keys, policy.witnesses, policy.needed)
    raw = (VECTORS["good_note"] + lines["one"] + lines["two"]).encode()
    seen = set()
    for text in mutations(raw, 1, 400):
        mine = proofs.checkpoint_verify(text, policy)[0]
        assert mine == verdict(lambda text=text: notes1.verify_checkpoint(text, theirs)), text
        seen.add(mine)
    assert seen >= {"E_FORMAT", "E_SIGNATURE", "E_UTF8"}


def test_core_and_verifier_agree_on_altered_proofs() -> None:
    case = next(row for row in VECTORS["proofs"] if row["name"] == "with its data")
    policy, stored = policy_of(case), bytes.fromhex(case["stored"])
    theirs = notes1.Policy(policy.keys)
    seen = set()
    for text in mutations(case["proof"].encode(), 2, 400):
        mine = proofs.proof_verify(text, policy, stored)[0]
        assert mine == verdict(lambda text=text: proofs1.verify_proof(text, theirs, stored)), text
        seen.add(mine)
    assert seen >= {"E_FORMAT", "E_SIGNATURE", "E_PROOF", "E_DAMAGED"}


def test_no_prefix_of_a_proof_is_a_proof() -> None:
    case = next(row for row in VECTORS["proofs"] if row["name"] == "with its data")
    raw = case["proof"].encode()
    for length in range(len(raw)):
        assert proofs.proof_verify(raw[:length], policy_of(case))[0] != "OK"


def test_the_verifier_checks_a_proof_from_the_command_line(tmp_path: Path) -> None:
    case = next(row for row in VECTORS["proofs"] if row["name"] == "with its data")
    (tmp_path / "proof").write_text(case["proof"], encoding="utf-8")
    (tmp_path / "data").write_bytes(bytes.fromhex(case["stored"]))
    script = ROOT / "tests" / "verifier" / "check_proof.py"

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, script, *map(str, arguments)], capture_output=True, text=True, check=False
        )

    done = run(tmp_path / "proof", case["keys"][0], tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert f'"position": {case["index"]}' in done.stdout
    assert run(tmp_path / "proof", VECTORS["signers"]["next"]["vkey"]).returncode == 1
    (tmp_path / "data").write_bytes(b"other")
    assert "E_DAMAGED" in run(tmp_path / "proof", case["keys"][0], tmp_path / "data").stderr
