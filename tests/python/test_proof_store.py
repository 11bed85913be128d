"""Heads and proofs of a store: signing, checkpoints, proofs of events, consistency, keys, memory of what was signed."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from proof_logs import Log, make_log, notes1, proofs1

import tallystick as tally
from tallystick import Checkpoint, Signing, errors


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return make_log(tmp_path)


# ------------------------------------------------------------------------------------------------ unsigned


def test_without_a_key_everything_says_unsigned(tmp_path: Path) -> None:
    with tally.open(tmp_path / "log", name="acme") as store:
        receipt = store.append("a", "b")
        state = store.signing()
        assert (state.is_signed, state.is_guarded, state.vkey, state.failure) == (False, False, None, None)
        assert state.origin == f"acme/{store.info.lineage.hex}"
        head = store.checkpoint()
        assert (head.origin, head.size, head.root) == (state.origin, 1, tally.merkle_root([receipt.event_hash]))
        assert "—" not in head.text
        assert "unsigned" in store._repr_html_()
        with pytest.raises(errors.UnsignedError):
            store.prove(receipt)
        with pytest.raises(errors.UnsupportedError):
            store.rotate_key(Signing(key=tally.make_key(state.origin).private))
    with pytest.raises(errors.UnsignedError):
        tally.open(tmp_path / "log", signing=Signing(required=True))


def test_a_new_store_has_no_origin_for_a_key_yet(tmp_path: Path) -> None:
    with pytest.raises(errors.OriginError):
        tally.open(tmp_path / "new", signing=Signing(key=tally.make_key("acme/x").private))


# ----------------------------------------------------------------------------------------------- receipts


def test_a_receipt_is_proven_to_whoever_has_the_public_key(log: Log) -> None:
    with log.open() as store:
        receipt = store.append("account/42", "account.opened", {"plan": "pro"}, tags=["region:eu"])
        proof = store.prove(receipt)
        stored = store.get_stored(receipt)
    assert proof.position == receipt.position == 3
    proven = tally.verify_proof(proof.text, log.key.public)
    assert (proven.position, proven.event_hash) == (3, receipt.event_hash)
    assert proven.event is not None
    assert (proven.event.stream, proven.event.type, proven.event.tags) == (
        "account/42",
        "account.opened",
        ("region:eu",),
    )
    assert (proven.event.data, proven.event.data_state) == (None, "key missing")
    shown = proof.verify(log.key.public, stored)
    assert shown.event is not None
    assert shown.event.data == {"plan": "pro"}
    assert shown.signed == tally.Proof(proof.text).checkpoint.verify(log.key.public)
    assert repr(shown) == "<Proven: position 3 of 4, account.opened in account/42>"


def test_a_receipt_knows_its_store_while_that_lives(log: Log) -> None:
    with log.open() as store:
        one, many = store.append("s", "t"), store.append_many([("s", "t")] * 2)
        assert one.proof().verify(log.key.public).event_hash == one.event_hash
        assert [receipt.proof().position for receipt in many] == [4, 5]
    with pytest.raises(errors.ClosedError):
        one.proof()
    del store
    with pytest.raises(errors.ClosedError, match=r"store\.prove\(receipt\)"):
        one.proof()


def test_the_independent_verifier_comes_to_the_same_answer(log: Log) -> None:
    with log.open() as store:
        for place in (0, store[1], store.append("s", "t", b"\0\1")):
            proof, stored = store.prove(place), store.get_stored(place)
            theirs = proofs1.verify_proof(proof.text.encode(), notes1.Policy([log.key.public], [], 0, ""), stored)
            ours = proof.verify(log.key.public, stored)
            assert (theirs.index, theirs.size, theirs.root, theirs.event_hash) == (
                ours.position,
                ours.tree_size,
                ours.root,
                ours.event_hash,
            )
            assert ours.event == store[ours.position]


def test_a_codec_reads_the_data_of_a_proof(log: Log) -> None:
    class Codec:
        content_type = "application/x"

        def dumps(self, value: Any) -> bytes:
            return repr(value).encode()

        def loads(self, data: bytes) -> Any:
            return ("loaded", data)

    with log.open(codec=Codec()) as store:
        receipt = store.append("s", "t", 7)
        proof, stored = store.prove(receipt), store.get_stored(receipt)
    event = proof.verify(log.key.public, stored, codec=Codec()).event
    assert event is not None
    assert event.data == ("loaded", b"7")


def test_a_proof_is_nothing_under_another_key_or_with_other_data(log: Log, tmp_path: Path) -> None:
    other = make_log(tmp_path, name="other")
    with log.open() as store:
        proof, stored = store.prove(1), store.get_stored(2)
    with pytest.raises(errors.UnknownKeyError):
        proof.verify(other.key.public)
    with pytest.raises(errors.DamagedError):
        proof.verify(log.key.public, stored)
    with pytest.raises(errors.OriginError):
        proof.verify(tally.Policy(log.key.public, origin="acme/other"))
    with pytest.raises(errors.UnknownKeyError):
        proof.verify(tally.Policy(log.key.public, [tally.make_key("w", witness=True).public]))
    altered = proof.text.replace(proof.text.split("\n")[3], proof.text.split("\n")[3][::-1])
    with pytest.raises((errors.ProofError, errors.FormatError)):
        tally.verify_proof(altered, log.key.public)


def test_what_is_not_in_this_log_is_not_proven(log: Log, tmp_path: Path) -> None:
    other = make_log(tmp_path, name="other")
    with other.open() as store:
        foreign, event = store.append("x", "y"), store[1]
        far = [store.append("x", "y") for _ in range(3)][-1]
    with log.open() as store:
        store.append("x", "y")
        for known in (foreign, event, far):
            with pytest.raises(errors.RangeError, match="not in this log"):
                store.prove(known)
        with pytest.raises(errors.RangeError, match="not in this log"):
            store.prove(len(store))
        for nonsense in (None, "0", -1, 1.5, True, 2**64, object()):
            for ask in (store.prove, store.get_stored):
                with pytest.raises((TypeError, ValueError, OverflowError)):
                    ask(nonsense)  # type: ignore[arg-type]


def test_large_data_and_many_tags_fit(log: Log) -> None:
    with log.open() as store:
        receipt = store.append("s" * 200, "t", bytes(300_000), tags=[f"tag:{n}{'x' * 200}" for n in range(32)])
        proof, stored = store.prove(receipt), store.get_stored(receipt)
    assert len(stored) >= 300_000
    event = proof.verify(log.key.public, stored).event
    assert event is not None
    assert (len(event.raw), len(event.tags)) == (300_000, 32)


# -------------------------------------------------------------------------------------------------- heads


def test_heads_are_signed_by_themselves_soon(log: Log) -> None:
    with log.open() as store:
        store.append("s", "t")
        ends = time.monotonic() + 5
        while store.signing().signed_size < 4 and time.monotonic() < ends:
            time.sleep(0.01)
        state = store.signing()
        assert (state.is_signed, state.is_guarded, state.signed_size, state.vkey) == (True, True, 4, log.key.public)
        assert (state.failures, state.failure) == (0, None)
        assert "signed up to 4 events" in store._repr_html_()


def test_every_commit_waits_for_its_head(log: Log) -> None:
    with log.open(Signing(log.key_path, every_commit=True)) as store:
        store.append("s", "t")
        assert store.signing().signed_size == 4


def test_a_checkpoint_is_made_now(log: Log) -> None:
    with log.open(durability="buffered") as store:
        store.append("s", "t")
        head = store.checkpoint()
        assert (head.size, store.watermarks().durable) == (4, 4)
        assert head.root == tally.merkle_root(event.hash for event in store)
        assert tally.verify_checkpoint(head.text, log.key.public) == (head, head.verify(log.key.public))
        assert repr(head) == f"<Checkpoint of {head.origin}, 4 events>"
        assert str(head) == head.text
    with tally.open(log.path, mode="r") as reader:
        assert reader.checkpoint() == head
        assert reader.prove(1).verify(log.key.public).tree_size == 4


def test_consistency_between_two_sizes(log: Log) -> None:
    with log.open() as store:
        old = store.checkpoint()
        for _ in range(9):
            store.append("s", "t")
        new = store.checkpoint()
        grown = store.consistency(old, new)
        grown.verify()
        assert (grown.old_root, grown.new_root) == (old.root, new.root)
        assert grown == store.consistency(old.size, new.size)
        proofs1.verify_consistency(3, old.root, 12, new.root, list(grown.hashes))
        with pytest.raises(errors.ProofError):
            grown._replace(new_root=bytes(32)).verify()
        with pytest.raises(errors.ProofError, match="no head of this log"):
            store.consistency(old._replace(root=bytes(32)), new)
        with pytest.raises(errors.RangeError):
            store.consistency(new, old)
        with pytest.raises(errors.RangeError):
            store.consistency(0, 13)
        for nonsense in (None, "1", -1, True, 1.0):
            with pytest.raises((TypeError, ValueError)):
                store.consistency(nonsense if nonsense is not None else "", 3)  # type: ignore[arg-type]


# --------------------------------------------------------------------------------------------------- keys


def test_a_key_from_the_environment_needs_a_place_for_its_memory(log: Log) -> None:
    with log.open(Signing(key=log.key.private)) as store:
        assert not store.signing().is_guarded
        assert "unguarded" in store._repr_html_()
    with log.open(Signing(key=log.key.private.encode(), state_path=log.key_path.with_suffix(".state"))) as store:
        assert store.signing().is_guarded


def test_keys_are_checked_at_open(log: Log, tmp_path: Path) -> None:
    other = make_log(tmp_path, name="other")
    with pytest.raises(errors.OriginError):
        log.open(Signing(other.key_path))
    with pytest.raises(errors.NotFoundError):
        log.open(Signing(tmp_path / "nowhere.key"))
    os.chmod(other.key_path, 0o644)
    with pytest.raises(errors.DeniedError):
        other.open()
    with pytest.raises(errors.OptionError):
        log.open(Signing(log.key_path, key=log.key.private))
    with pytest.raises(errors.OptionError):
        log.open(Signing(signer=log.sign))
    inside = log.path / "inside.key"
    shutil.copy(log.key_path, inside)
    with pytest.raises(errors.TallyError):
        log.open(Signing(inside))


def test_an_empty_text_is_refused_and_not_taken_for_none(log: Log) -> None:
    names = ["key_path", "key", "verify_key", "state_path", "remembered", "remembered_path", "mirror_path"]
    for name in names:
        for empty in ("", b""):
            with pytest.raises(errors.LengthError, match=name):
                log.open(Signing(**{name: empty}))  # type: ignore[arg-type]
    with log.open() as store:
        proof = store.prove(0)
        for call in (
            lambda: store.verify(since=""),
            lambda: proof.verify(tally.Policy(log.key.public, origin="")),
            lambda: store.verify(keys=""),
            lambda: proof.verify(""),
            lambda: proof.verify([]),
        ):
            with pytest.raises(errors.TallyError):
                call()


def test_an_event_without_data_is_proven_with_what_is_stored(log: Log) -> None:
    with log.open() as store:
        receipt = store.append("s", "t")
        proof, stored = receipt.proof(), store.get_stored(receipt)
    proven = proof.verify(log.key.public, stored)
    assert proven.data_given
    assert proven.event is not None
    assert (proven.event.data, proven.event.data_state) == (None, "readable")
    with pytest.raises(errors.DamagedError):
        proof.verify(log.key.public, stored + b"1")


def test_an_older_copy_is_refused(log: Log, tmp_path: Path) -> None:
    shutil.copytree(log.path, tmp_path / "older")
    with log.open() as store:
        store.append("s", "t")
        head = store.checkpoint()
    with pytest.raises(errors.RollbackError):
        tally.open(tmp_path / "older", signing=Signing(log.key_path))
    with pytest.raises(errors.RollbackError):
        tally.open(tmp_path / "older", mode="r", signing=Signing(remembered=head))
    with tally.open(log.path, mode="r", signing=Signing(remembered=head.text, verify_keys=log.key.public)) as store:
        assert len(store) == 4


def test_a_remembered_head_and_a_mirror_are_kept_up_to_date(log: Log, tmp_path: Path) -> None:
    seen: list[Checkpoint] = []
    remembered, mirrored = tmp_path / "remembered", tmp_path / "mirrored"
    with log.open(Signing(log.key_path, remembered_path=remembered, mirror=seen.append)) as store:
        heads = [store.checkpoint()]
        store.append("s", "t")
        heads.append(store.checkpoint())
    assert seen == heads
    assert remembered.read_text() == heads[-1].text
    with log.open(Signing(log.key_path, remembered_path=str(remembered), mirror_path=os.fsencode(mirrored))) as store:
        store.append("s", "t")
        assert store.checkpoint().text == mirrored.read_text() == remembered.read_text()


def test_a_rotation_is_signed_by_both_keys(log: Log, tmp_path: Path) -> None:
    new = tally.make_key(notes1.read_vkey(log.key.public).name)
    new.save(tmp_path / "new.key")
    with log.open() as store:
        store.rotate_key(Signing(tmp_path / "new.key"))
        event = store[-1]
        assert (event.stream, event.type, event.is_system) == ("$keys", "tally.key.rotated", True)
        assert event.data["vkey"] == new.public == store.signing().vkey
        head = store.checkpoint()
        assert head.verify([log.key.public, new.public]).by_log == 2
        for wrong in (None, "key", Signing()):
            with pytest.raises((TypeError, errors.KeyTextError)):
                store.rotate_key(wrong)  # type: ignore[arg-type]
        for _ in range(3):
            store.append("s", "t")
            head = store.checkpoint()
        assert head.verify(new.public).by_log == 1
        with pytest.raises(errors.UnknownKeyError):
            head.verify(log.key.public)


def test_a_closed_store_proves_nothing(log: Log) -> None:
    store = log.open()
    store.close()
    calls: list[Any] = [
        store.signing, store.checkpoint, lambda: store.prove(0), lambda: store.consistency(0, 1),
        lambda: store.get_stored(0), lambda: store.keep_note("x"), lambda: store.rotate_key(Signing()),
        store.verify,
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(errors.ClosedError):
            call()


def test_a_store_for_reading_is_neither_rotated_nor_given_notes(log: Log) -> None:
    with log.open() as store:
        note = store.checkpoint()
    with tally.open(log.path, mode="r") as store:
        for call in (lambda: store.keep_note(note), lambda: store.rotate_key(Signing(log.key_path))):
            with pytest.raises(errors.ReadOnlyError):
                call()
