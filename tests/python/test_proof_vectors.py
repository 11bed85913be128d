"""The pure functions: golden vectors, what the independent verifier says of the same, and hostile arguments."""

from __future__ import annotations

import copy
import json
import pickle
import random
from pathlib import Path
from typing import Any

import pytest
from proof_logs import ROOT, notes1, proofs1

import tallystick as tally
from tallystick import Policy, TallyError

Case = dict[str, Any]
VECTORS = json.loads((ROOT / "tests" / "vectors" / "proof.json").read_text(encoding="utf-8"))
LOG, NEXT, OTHER, ONE, TWO = (VECTORS["signers"][name] for name in ("log", "next", "other", "one", "two"))
NOTE = VECTORS["good_note"]
GOOD = next(case for case in VECTORS["proofs"] if case["status"] == "OK" and "stored" in case)


def each(section: str) -> pytest.MarkDecorator:
    rows = VECTORS[section]
    return pytest.mark.parametrize("case", rows, ids=[row.get("name", str(at)) for at, row in enumerate(rows)])


def policy_of(case: Case) -> Policy:
    return Policy(case["keys"], case.get("witnesses", ()), needed=case.get("needed", 0), origin=case.get("origin"))


def status_of(call: Any, *args: Any, **options: Any) -> tuple[str, Any]:
    try:
        return "OK", call(*args, **options)
    except TallyError as error:
        return error.symbol.removeprefix("TALLY_"), None


# ------------------------------------------------------------------------------------------------- vectors


@each("keys")
def test_the_text_of_a_key(case: Case) -> None:
    if case.get("private"):
        assert status_of(tally.public_key, case["text"]) == (case["status"], case.get("vkey") or None)
        return
    status, _ = status_of(tally.verify_checkpoint, NOTE, [LOG["vkey"], case["text"]])
    assert status == case["status"] or (case["status"] == "OK" and status == "E_KEY" and "witness" in case["name"])


@each("checkpoints")
def test_a_checkpoint(case: Case) -> None:
    text = bytes.fromhex(case["note_hex"]) if "note_hex" in case else case["note"]
    status, found = status_of(tally.verify_checkpoint, text, policy_of(case))
    assert status == case["status"]
    if found is None:
        return
    head, signed = found
    assert (head.origin, head.size, head.root.hex()) == (case["origin_read"], case["size"], case["root"])
    counted = signed.by_log, signed.by_witnesses, signed.unknown, signed.witnessed_s
    assert counted == (case["by_log"], case["by_witnesses"], case["unknown"], case["witnessed"])
    assert tally.read_checkpoint(text) == head
    assert head.verify(policy_of(case)) == signed


@each("merkle")
def test_a_root(case: Case) -> None:
    leaves = [proofs1.leaf_of(bytes.fromhex(entry)) for entry in case["leaves"]]
    assert tally.merkle_root(leaves).hex() == case["root"]


def hashes_of(case: Case) -> list[bytes]:
    return [bytes.fromhex(one) for one in case["hashes"]]


@each("inclusion")
def test_an_inclusion_proof(case: Case) -> None:
    leaf, root = bytes.fromhex(case["leaf"]), bytes.fromhex(case["root"])
    status, _ = status_of(tally.verify_inclusion, leaf, case["index"], case["size"], hashes_of(case), root)
    assert status == case["status"]


@each("consistency")
def test_a_consistency_proof(case: Case) -> None:
    old, new = bytes.fromhex(case["old_root"]), bytes.fromhex(case["new_root"])
    status, _ = status_of(tally.verify_consistency, case["old"], old, case["new"], new, hashes_of(case))
    assert status == case["status"]


@each("proofs")
def test_a_proof_of_an_event(case: Case) -> None:
    stored = bytes.fromhex(case["stored"]) if "stored" in case else None
    known = bytes.fromhex(case["event_hash"]) if "event_hash" in case else None
    status, proven = status_of(tally.verify_proof, case["proof"], policy_of(case), stored, event_hash=known)
    assert status == case["status"]
    if proven is None:
        return
    assert (proven.position, proven.tree_size) == (case["index"], case["size"])
    assert (proven.root.hex(), proven.event_hash.hex()) == (case["root"], case["leaf"])
    assert (proven.event is not None, proven.data_given) == ("stream" in case, stored is not None)
    if proven.event is not None:
        event = proven.event
        assert (event.stream, event.type, event.version) == (case["stream"], case["type"], case["version"])
        assert (event.time_us, event.position, list(event.tags)) == (case["time_us"], case["index"], case["tags"])
        assert str(event.id) == case["id"]
        assert event.hash == proven.event_hash
        assert event.data_state == ("readable" if stored else "key missing")
        assert event.data == (json.loads(stored[16:]) if stored else None)


@each("answers")
def test_the_answer_of_a_witness(case: Case) -> None:
    status, answer = status_of(tally.witness_answer, case["http"], case["body"], NOTE, case["witnesses"])
    assert status == case["status"]
    if answer is not None:
        outcomes = {1: "signed", 2: "behind", 3: "refused", 4: "try later"}
        assert (answer.outcome, answer.old_size) == (outcomes[case["outcome"]], case.get("old", 0))
        assert answer.note == (NOTE + case["added"] if answer else None)
        assert bool(answer) == (case["outcome"] == 1)


@pytest.mark.parametrize("who", ["one", "two"])
def test_a_cosignature_is_the_one_that_the_verifier_makes(who: str) -> None:
    lines = VECTORS["witness_lines"]
    skey = VECTORS["signers"][who]["skey"]
    assert tally.cosign(NOTE, skey, lines[f"{who}_time"]) == lines[who]
    assert tally.cosign(tally.read_checkpoint(NOTE.encode()), skey.encode(), lines[f"{who}_time"]) == lines[who]


# -------------------------------------------------------------------------------------------- independence


def altered(text: str, seed: int) -> bytes:
    rng = random.Random(seed)
    raw = bytearray(text.encode())
    at = rng.randrange(len(raw))
    match rng.randrange(4):
        case 0:
            raw[at] ^= 1 << rng.randrange(8)
        case 1:
            del raw[at : at + rng.randrange(1, 60)]
        case 2:
            raw[at:at] = raw[at : at + rng.randrange(1, 60)]
        case _:
            raw[at] = rng.choice(b"0 \n+=A")
    return bytes(raw)


@pytest.mark.parametrize("part", range(4))
def test_the_core_and_the_verifier_agree_on_altered_proofs(part: int) -> None:
    trust = notes1.Policy([LOG["vkey"]], [], 0, "")
    for seed in range(part * 40, part * 40 + 40):
        raw = altered(GOOD["proof"], seed)
        ours, _ = status_of(tally.verify_proof, raw, LOG["vkey"], bytes.fromhex(GOOD["stored"]))
        try:
            proofs1.verify_proof(raw, trust, bytes.fromhex(GOOD["stored"]))
            theirs = "OK"
        except notes1.RejectedError:
            theirs = "rejected"
        assert (ours == "OK") == (theirs == "OK"), raw


def test_a_key_that_is_made_is_read_by_the_verifier() -> None:
    for name, witness in (("acme/é", False), ("w", True)):
        key = tally.make_key(name, witness=witness)
        read, _ = notes1.read_skey(key.private)
        assert (read.name, read.kind) == (name, 4 if witness else 1)
        assert notes1.read_vkey(key.public) == read
        assert tally.public_key(key.private) == tally.public_key(key.private.encode() + b"\n") == key.public


# ------------------------------------------------------------------------------------------------- secrets


def test_a_private_key_is_shown_nowhere(tmp_path: Path) -> None:
    key = tally.make_key("acme/log")
    secret = key.private.split("+")[-1]
    signing = tally.Signing(key=key.private, verify_keys=key.public, required=True)
    assert secret not in repr(key) + str(key) + repr(signing) + str(signing)
    assert repr(signing) == "Signing(key=…, required=True)"
    for thing in (key, signing):
        for leak in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="not pickled"):
                leak(thing)
    bad = key.private[:-3] + "???"
    calls: list[Any] = [
        lambda: tally.public_key(bad),
        lambda: tally.public_key(bad + "\udc80"),
        lambda: tally.Signing(key=bad + "\udc80"),
        lambda: tally.Signing(key=[bad]),  # type: ignore[arg-type]
        lambda: tally.open(tmp_path / "new", signing=tally.Signing(key=bad)),
        lambda: tally.cosign(NOTE, bad),
        lambda: tally.verify_checkpoint(NOTE, bad),
        lambda: tally.Signing(bad),
        lambda: tally.Signing(Path(bad)),
        lambda: tally.Signing(state_path=bad),
        lambda: tally.Signing(verify_key=bad.encode()),
        lambda: tally.Signing(verify_keys=[bad]),
        lambda: tally.Signing(remembered=bad),
        lambda: tally.verify_checkpoint(NOTE, key.private),
        lambda: tally.verify_checkpoint(NOTE, key),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises((TallyError, TypeError)) as caught:
            call()
        error: BaseException | None = caught.value
        while error is not None:
            said = repr(error) + str(error) + "".join(getattr(error, "__notes__", []))
            assert bad[-20:-3] not in said
            error = error.__cause__ or error.__context__


def test_a_key_is_saved_for_its_owner_alone(tmp_path: Path) -> None:
    key, path = tally.make_key("acme/log"), tmp_path / "audit.key"
    key.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == key.private + "\n"
    with pytest.raises(FileExistsError):
        key.save(path)
    assert tally.Key(path.read_bytes()).public == key.public


# ------------------------------------------------------------------------------------------------- hostile


NONSENSE: list[Any] = [
    None,
    7,
    -1,
    1.5,
    [],
    {},
    object(),
    "\udc80",
    b"\xff",
    "x" * 70000,
    memoryview(b"x"),
    [None],
    True,
]


@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: repr(value)[:20])
def test_nonsense_is_refused_with_an_exception(value: Any) -> None:
    vkey, root = LOG["vkey"], b"\0" * 32
    calls: list[Any] = [
        lambda: tally.make_key(value),
        lambda: tally.public_key(value),
        lambda: tally.Key(value),
        lambda: tally.verify_checkpoint(value, vkey),
        lambda: tally.verify_checkpoint(NOTE, value),
        lambda: tally.verify_checkpoint(NOTE, Policy(vkey, value, needed=1)),
        lambda: tally.verify_checkpoint(NOTE, Policy(vkey, needed=value if value is not None else "no")),
        lambda: tally.verify_proof(value, vkey),
        lambda: tally.verify_proof(GOOD["proof"], vkey, event_hash=value if value is not None else 0),
        lambda: tally.verify_proof(GOOD["proof"], vkey, codec=value if value is not None else 0),
        lambda: tally.verify_inclusion(value, 0, 1, [], root),
        lambda: tally.verify_inclusion(root, value, value, [], root),
        lambda: tally.verify_inclusion(root, 0, 1, value, b"\1" * 32),
        lambda: tally.verify_consistency(1, value, 1, value, []),
        lambda: tally.verify_consistency(1, root, 1, root, value if value != [] and value != {} else [root]),
        lambda: tally.merkle_root([value]),
        lambda: tally.cosign(value, ONE["skey"]),
        lambda: tally.cosign(NOTE, value),
        lambda: tally.witness_request(value if value is not True else -1, (), value),
        lambda: tally.witness_request(0, value if value != [] and value != {} else [root], NOTE),
        lambda: tally.witness_answer(value, "", NOTE, ONE["vkey"]),
        lambda: tally.witness_answer(200, value, NOTE, ONE["vkey"]),
        lambda: tally.witness_answer(200, "", NOTE, value),
        lambda: tally.open("never", signing=value if value is not None else 0),
        lambda: tally.Signing(signer=value if value is not None else 0),
        lambda: tally.Signing(mirror=value if value is not None else 0),
        lambda: tally.Signing(
            verify_keys=value if value not in ([], {}) and not isinstance(value, (str, bytes)) else 0
        ),
        lambda: tally.Signing(required=value if value is not True else 1),
    ]
    for at, call in enumerate(calls):
        with pytest.raises((TallyError, TypeError, ValueError, OverflowError)):
            print(at, call())
    assert not Path("never").exists()


def test_async_callbacks_are_refused() -> None:
    async def sign(request: tally.SignRequest) -> bytes:
        return b""

    with pytest.raises(TypeError, match="async"):
        tally.Signing(signer=sign, verify_key=LOG["vkey"])  # type: ignore[arg-type]


def test_more_hashes_than_any_tree_has_prove_nothing() -> None:
    root = b"\0" * 32
    with pytest.raises(tally.errors.ProofError):
        tally.verify_inclusion(root, 0, 2, [root] * 65, root)
    with pytest.raises(tally.errors.ProofError):
        tally.verify_consistency(1, root, 2, root, [root] * 1000)


def test_a_proof_says_what_it_is_about_before_it_is_believed() -> None:
    proof = tally.Proof(GOOD["proof"])
    assert (proof.position, proof.checkpoint.size) == (GOOD["index"], GOOD["size"])
    assert str(proof) == GOOD["proof"]
    assert len(repr(proof)) < 40
    assert proof.verify([NEXT["vkey"], LOG["vkey"]]).signed.key_index == 1
    for text in ("", "index", "a\nb\nindex -1\n", "index 1e3", "index ٣"):
        with pytest.raises(tally.errors.FormatError):
            _ = tally.Proof(text).position


def test_stored_data_may_be_any_bytes() -> None:
    stored = bytes.fromhex(GOOD["stored"])
    for form in (stored, bytearray(stored), memoryview(stored)):
        assert tally.verify_proof(GOOD["proof"], LOG["vkey"], form).data_given
    for wrong in (b"", stored + b"\0", stored[1:]):
        with pytest.raises(tally.errors.DamagedError):
            tally.verify_proof(GOOD["proof"], LOG["vkey"], wrong)
    with pytest.raises(TypeError):
        tally.verify_proof(GOOD["proof"], LOG["vkey"], "text")
