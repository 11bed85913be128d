"""The rows of table.py for proof.h. What texts of keys, notes and proofs are refused is in the golden vectors."""

from __future__ import annotations

from .library import CData, constant
from .proofs import LOG_KEY, VECTORS
from .roles import Buffer, Bytes, Detail, Given, Good, Items, Key, Length, Out, Plain, Row, Value

ERROR = Detail()
WITNESS = VECTORS["signers"]["one"]
COSIGNATURE = VECTORS["witness_lines"]["one"]
PROOF_OF_ONE = next(case for case in VECTORS["proofs"] if case["name"] == "with its data")


def bytes_of(text: str) -> Bytes:
    return Bytes("length", lambda _: text.encode())


def leaf(good: Good) -> CData:
    return good.box.new("tally_hash *", {"bytes": bytes.fromhex(VECTORS["leaves"][0])})


def second(good: Good) -> CData:
    return good.box.new("tally_hash[1]", [{"bytes": bytes.fromhex(VECTORS["leaves"][1])}])


def root_of_two(good: Good) -> CData:
    case = next(case for case in VECTORS["consistency"] if case["name"] == "1 to 2")
    return good.box.new("tally_hash *", {"bytes": bytes.fromhex(case["new_root"])})


def witness_keys(good: Good) -> CData:
    return good.box.new("tally_text[1]", [good.box.text(WITNESS["vkey"].encode())])


NOTE = bytes_of(VECTORS["good_note"])
NOTE_LENGTH = Length("note")
POLICY = Given("tally_policy")
ROOM = 4096

PROOF: dict[str, Row] = {
    "tally_key_make": Row(
        {
            "platform": Given("tally_platform", optional=True),
            "name": Key("capi/key"),
            "kind": Plain(constant("TALLY_KEY_OF_WITNESS"), refused=((2, "E_OPTION"), (2**31, "E_OPTION"))),
            "skey": Out(room=constant("TALLY_KEY_TEXT_BYTES")),
            "vkey": Out(room=constant("TALLY_KEY_TEXT_BYTES")),
            "error": ERROR,
        }
    ),
    "tally_key_public": Row(
        {"skey": Key(LOG_KEY["skey"]), "vkey": Out(room=constant("TALLY_KEY_TEXT_BYTES")), "error": ERROR}
    ),
    "tally_checkpoint_verify": Row(
        {
            "note": NOTE,
            "length": NOTE_LENGTH,
            "policy": POLICY,
            "checkpoint": Out(),
            "signatures": Out(optional=True),
            "error": ERROR,
        }
    ),
    "tally_checkpoint_read": Row({"note": NOTE, "length": NOTE_LENGTH, "checkpoint": Out(), "error": ERROR}),
    "tally_merkle_root": Row({"leaves": Items(second, "tally_hash"), "count": Length("leaves", good=1), "root": Out()}),
    "tally_inclusion_verify": Row(
        {
            "leaf": Value(leaf),
            "index": Plain(0, refused=((2, "E_RANGE"), (1, "E_PROOF"), (2**64 - 1, "E_RANGE"))),
            "size": Plain(2, refused=((0, "E_RANGE"), (1, "E_PROOF"), (3, "E_PROOF"), (2**64 - 1, "E_PROOF"))),
            "hashes": Items(second, "tally_hash", empty="E_PROOF"),
            "count": Length("hashes", good=1),
            "root": Value(root_of_two),
            "error": ERROR,
        }
    ),
    "tally_consistency_verify": Row(
        {
            "old_size": Plain(1, refused=((3, "E_RANGE"), (0, "E_PROOF"), (2, "E_PROOF"), (2**64 - 1, "E_RANGE"))),
            "old_root": Value(leaf),
            "new_size": Plain(2, refused=((0, "E_RANGE"), (1, "E_PROOF"), (3, "E_PROOF"), (2**64 - 1, "E_PROOF"))),
            "new_root": Value(root_of_two),
            "hashes": Items(second, "tally_hash", empty="E_PROOF"),
            "count": Length("hashes", good=1),
            "error": ERROR,
        }
    ),
    "tally_proof_verify": Row(
        {
            "proof": bytes_of(PROOF_OF_ONE["proof"]),
            "length": Length("proof"),
            "stored": Bytes("stored_length", lambda _: bytes.fromhex(PROOF_OF_ONE["stored"])),
            "stored_length": Length("stored"),
            "policy": POLICY,
            "buffer": Buffer("char", ROOM),
            "capacity": Length("buffer", good=ROOM),
            "proven": Out(),
            "error": ERROR,
        }
    ),
    "tally_proof_verify_hash": Row(
        {
            "proof": bytes_of(PROOF_OF_ONE["proof"]),
            "length": Length("proof"),
            "event_hash": Value(
                lambda good: good.box.new("tally_hash *", {"bytes": bytes.fromhex(PROOF_OF_ONE["leaf"])})
            ),
            "policy": POLICY,
            "proven": Out(),
            "error": ERROR,
        }
    ),
    "tally_witness_cosign": Row(
        {
            "note": NOTE,
            "length": NOTE_LENGTH,
            "skey": Key(WITNESS["skey"]),
            "time_s": Plain(7, refused=((2**63, "E_RANGE"), (2**64 - 1, "E_RANGE"))),
            "line": Buffer("char", ROOM),
            "capacity": Length("line", good=ROOM),
            "needed": Out(),
            "error": ERROR,
        },
        kept={"E_SPACE": {"needed"}},
    ),
    "tally_witness_request": Row(
        {
            "old_size": Plain(1, refused=((12, "E_RANGE"), (0, "E_RANGE"), (11, "E_RANGE"))),
            "hashes": Items(second, "tally_hash"),
            "count": Length("hashes", good=1, too_long="E_LIMIT"),
            "note": NOTE,
            "length": NOTE_LENGTH,
            "body": Buffer("char", ROOM),
            "capacity": Length("body", good=ROOM),
            "needed": Out(),
            "error": ERROR,
        },
        kept={"E_SPACE": {"needed"}},
    ),
    "tally_witness_answer": Row(
        {
            "http_status": Plain(200, refused=((0, "E_RANGE"), (99, "E_RANGE"), (600, "E_RANGE"), (2**31, "E_RANGE"))),
            "body": Bytes("body_length", lambda _: COSIGNATURE.encode()),
            "body_length": Length("body"),
            "note": NOTE,
            "length": NOTE_LENGTH,
            "witnesses": Items(witness_keys, "tally_text", empty="E_UNKNOWN_KEY"),
            "witness_count": Length("witnesses", good=1, too_long="E_LIMIT"),
            "outcome": Out(),
            "old_size": Out(),
            "signed_note": Buffer("char", ROOM),
            "capacity": Length("signed_note", good=ROOM),
            "needed": Out(),
            "error": ERROR,
        },
        kept={"E_SPACE": {"needed"}},
    ),
}
