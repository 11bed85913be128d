"""The rows of table.py for the signed heads of a store (checkpoint.h). What is refused of tally_signing, whose texts
are paths, keys and notes, test_signing.py says."""

from __future__ import annotations

from .library import CData
from .roles import Buffer, Bytes, Detail, Good, Handle, Items, Length, Out, Plain, Row, Value

ERROR = Detail()
SIGNED = Handle("store", signed=True)
ROOM = 16384
NO_EVENT = ((1000, "E_RANGE"), (2**64 - 1, "E_RANGE"))


def note(good: Good) -> bytes:
    assert good.signed_store
    return good.note


def second_key(good: Good) -> CData:
    assert good.signed_store
    return good.box.struct("tally_signing", key_text=good.box.text(good.second_key))


CHECKPOINT: dict[str, Row] = {
    "tally_store_signing_get": Row({"store": SIGNED, "state": Out(), "error": ERROR}),
    "tally_store_checkpoint": Row(
        {
            "store": SIGNED,
            "note": Buffer("char", ROOM),
            "capacity": Length("note", good=ROOM),
            "needed": Out(),
            "error": ERROR,
        },
        kept={"E_SPACE": {"needed"}},
    ),
    "tally_store_prove": Row(
        {
            "store": SIGNED,
            "position": Plain(0, refused=NO_EVENT),
            "proof": Buffer("char", ROOM),
            "capacity": Length("proof", good=ROOM),
            "needed": Out(),
            "error": ERROR,
        },
        kept={"E_SPACE": {"needed"}},
    ),
    "tally_store_consistency": Row(
        {
            "store": SIGNED,
            "old_size": Plain(0, refused=((2, "E_RANGE"), (2**64 - 1, "E_RANGE"))),
            "new_size": Plain(0, refused=((1000, "E_RANGE"), (2**64 - 1, "E_RANGE"))),
            "hashes": Buffer("tally_hash", 65),
            "capacity": Length("hashes", good=65),
            "count": Out(),
            "roots": Out(optional=True, room=64),
            "error": ERROR,
        },
        kept={"E_SPACE": {"count"}},
    ),
    "tally_store_get_stored": Row(
        {
            "store": SIGNED,
            "position": Plain(0, refused=NO_EVENT),
            "buffer": Buffer("char", 4096),
            "capacity": Length("buffer", good=4096),
            "needed": Out(),
            "error": ERROR,
        },
        kept={"E_SPACE": {"needed"}},
    ),
    "tally_store_keep_note": Row(
        {
            "store": SIGNED,
            "note": Bytes("length", note),
            "length": Length("note"),
            "witnesses": Items(lambda good: good.box.new("tally_text[1]"), "tally_text"),
            "witness_count": Length("witnesses", good=0, too_long="E_LIMIT"),
            "error": ERROR,
        }
    ),
    "tally_store_rotate_key": Row({"store": SIGNED, "signing": Value(second_key), "error": ERROR}),
}
