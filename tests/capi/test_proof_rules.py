"""Which texts of keys and names proof.h refuses, beyond the golden vectors; what requests to witnesses look like."""

from __future__ import annotations

import base64

import pytest

from .attempt import Attempt
from .library import TOO_LONG, Box, ffi
from .proofs import LOG_KEY, VECTORS, hash_of, raw_of

NAMES = (
    (b"", "E_LENGTH"),
    (b"n" * 154, "E_LENGTH"),
    (b"a b", "E_NAME"),
    (b"a+b", "E_NAME"),
    ("a\u3000b".encode(), "E_NAME"),
    ("a\u2009b".encode(), "E_NAME"),
    ("a\u00a0b".encode(), "E_NAME"),
    (b"a\tb", "E_NAME"),
    (b"a\nb", "E_NAME"),
    (b"a\x7fb", "E_NAME"),
    ("a\u0085b".encode(), "E_NAME"),
    (b"a\0b", "E_NUL"),
    (b"\xff", "E_UTF8"),
    (b"\xed\xa0\x80", "E_UTF8"),
)


@pytest.mark.parametrize(("name", "error"), NAMES)
def test_a_name_that_no_key_may_have(name: bytes, error: str, box: Box) -> None:
    Attempt("tally_key_make", box).refuse(error, name=box.text(name))


@pytest.mark.parametrize("name", ["a", "n" * 153, "日誌/é", "acme/0123456789abcdef0123456789abcdef", "-", "a\ufeffb"])
def test_a_name_that_a_key_may_have(name: str, box: Box) -> None:
    attempt = Attempt("tally_key_make", box)
    attempt.succeed(name=box.text(name.encode()))
    assert ffi.string(attempt.values["vkey"]).decode().startswith(name + "+")


@pytest.mark.parametrize(
    ("function", "parameter"),
    [("tally_key_make", "name"), ("tally_key_public", "skey"), ("tally_witness_cosign", "skey")],
)
def test_a_key_without_bytes_is_refused(function: str, parameter: str, box: Box) -> None:
    attempt = Attempt(function, box)
    attempt.refuse("E_NULL", **{parameter: {"bytes": ffi.NULL, "length": 3}})
    other = "E_LENGTH" if parameter == "name" else "E_KEY"
    attempt.refuse(other, **{parameter: {"bytes": ffi.NULL, "length": 0}})
    if parameter == "name":
        for length in TOO_LONG:
            attempt.refuse("E_LENGTH", **{parameter: {"bytes": box.fenced.put(b"x"), "length": length}})


def test_a_log_does_not_cosign(box: Box) -> None:
    Attempt("tally_witness_cosign", box).refuse("E_KEY", skey=box.text(LOG_KEY["skey"].encode()))


def test_the_same_world_in_memory_makes_the_same_key(box: Box) -> None:
    made = []
    for _ in range(2):
        attempt = Attempt("tally_key_make", box)
        attempt.succeed(platform=box.memory_platform())
        made.append(ffi.string(attempt.values["skey"]))
    assert made[0] == made[1]


def test_keys_of_the_system_are_not_the_same(box: Box) -> None:
    attempt = Attempt("tally_key_make", box)
    attempt.succeed(platform=ffi.NULL)
    first = ffi.string(attempt.values["skey"])
    attempt.succeed(platform=ffi.NULL)
    assert ffi.string(attempt.values["skey"]) != first


def test_a_request_is_what_the_protocol_says(box: Box) -> None:
    attempt = Attempt("tally_witness_request", box)
    case = next(case for case in VECTORS["consistency"] if case["name"] == "7 to 11")
    hashes = box.new("tally_hash[]", [hash_of(bytes.fromhex(one))[0] for one in case["hashes"]])
    attempt.succeed(old_size=7, hashes=hashes, count=len(case["hashes"]))
    body = bytes(ffi.buffer(attempt.values["body"], attempt.values["needed"][0])).decode()
    head, _, note = body.partition("\n\n")
    lines = head.split("\n")
    assert (lines[0], note) == ("old 7", VECTORS["good_note"])
    assert [base64.b64decode(line).hex() for line in lines[1:]] == case["hashes"]


def test_a_request_from_nothing_has_no_hashes(box: Box) -> None:
    attempt = Attempt("tally_witness_request", box)
    attempt.succeed(old_size=0, hashes=ffi.NULL, count=0)
    body = bytes(ffi.buffer(attempt.values["body"], attempt.values["needed"][0])).decode()
    assert body == "old 0\n\n" + VECTORS["good_note"]


def test_a_request_has_at_most_63_hashes(box: Box) -> None:
    attempt = Attempt("tally_witness_request", box)
    attempt.succeed(hashes=box.new("tally_hash[63]"), count=63)
    attempt.refuse("E_LIMIT", hashes=box.new("tally_hash[64]"), count=64)


def test_a_checkpoint_is_read_without_signatures_too(box: Box) -> None:
    attempt = Attempt("tally_checkpoint_read", box)
    text = VECTORS["good_note"].partition("\n\n")[0].encode() + b"\n"
    attempt.succeed(note=box.fenced.put(text, "char *"), length=len(text))
    checkpoint = attempt.values["checkpoint"]
    assert checkpoint.size == 11
    assert raw_of(checkpoint.root).hex() == VECTORS["checkpoints"][0]["root"]
    attempt.refuse("E_FORMAT", note=box.fenced.put(text + b"\n", "char *"), length=len(text) + 1)


def test_what_is_wrong_has_its_place_in_the_whole_proof(box: Box) -> None:
    attempt = Attempt("tally_proof_verify", box)
    good = next(case for case in VECTORS["proofs"] if case["name"] == "with its data")["proof"].encode()
    for wrong, place in (
        (good.replace(b"index 4", b"index x"), good.index(b"index 4")),
        (good.replace(b"\n11\n", b"\n1x\n"), good.index(b"\n11\n") + 1),
        (good + b"x\n", len(good)),
        (good.replace(b"acme", b"acm\x01", 1), good.index(b"acme") + 3),
        (good.replace(b"acme", b"acm\xff", 1), good.index(b"acme") + 3),
    ):
        assert attempt.call(proof=box.fenced.put(wrong, "char *"), length=len(wrong)) != 0
        assert attempt.values["error"].position == place
