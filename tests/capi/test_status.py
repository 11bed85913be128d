"""Rule 2: one list of statuses. The header's text, the library, the golden vectors that the bindings are compared with,
and the page in docs/ say the same."""

import json
import subprocess
import sys

import pytest

from . import header
from .library import SIZE_MAX, ffi, lib, name_of

ROWS = header.statuses()
GOLDEN = json.loads((header.ROOT / "tests" / "vectors" / "status.json").read_text(encoding="utf-8"))
each = pytest.mark.parametrize("row", ROWS, ids=[row.symbol for row in ROWS])


def test_the_list_was_read_whole() -> None:
    assert len(ROWS) == header.text_of("status.h").count("    X(") >= 38


@each
def test_the_library_says_what_the_list_says(row: header.Status) -> None:
    assert ffi.string(lib.tally_status_name(row.code)).decode() == row.symbol
    assert ffi.string(lib.tally_status_message(row.code)).decode() == row.message
    assert lib.tally_status_class_of(row.code) == header.compiled()["macros"][f"TALLY_CLASS_{row.handling}"]
    assert getattr(lib, row.symbol) == row.code


@each
def test_a_message_is_one_sentence_without_a_full_stop(row: header.Status) -> None:
    assert row.message == row.message.strip()
    assert row.message[0].islower()
    assert not row.message.endswith(".")
    assert len(row.message) < 120


def test_codes_are_dense_negative_and_in_order() -> None:
    assert [row.code for row in ROWS] == [-index for index in range(len(ROWS))]
    assert len({row.symbol for row in ROWS}) == len(ROWS)


def test_walking_gives_the_list_and_ends() -> None:
    status = ffi.new("tally_status *")
    seen = []
    while name_of(lib.tally_status_at(len(seen), status)) == "OK":
        seen.append(status[0])
    assert seen == [row.code for row in ROWS]
    for index in (len(ROWS), len(ROWS) + 1, SIZE_MAX):
        assert name_of(lib.tally_status_at(index, status)) == "E_RANGE"
        assert status[0] == 0


@pytest.mark.parametrize("stranger", [1, 2, -len(ROWS), -1000, 2**31 - 1, -(2**31), -(2**31) + 1])
def test_a_number_that_is_no_status_is_unknown_and_a_bug(stranger: int) -> None:
    assert ffi.string(lib.tally_status_name(stranger)) == b"TALLY_E_UNKNOWN"
    assert lib.tally_status_class_of(stranger) == header.compiled()["macros"]["TALLY_CLASS_BUG"]
    assert len(ffi.string(lib.tally_status_message(stranger))) > 5


def test_the_classes_are_those_of_the_headers_table() -> None:
    macros = {name.removeprefix("TALLY_CLASS_") for name in header.macros() if name.startswith("TALLY_CLASS_")}
    assert {row.handling for row in ROWS} == macros
    for name in macros:
        assert f"| `{name}`" in header.text_of("status.h")


def test_the_golden_vectors_are_the_list() -> None:
    """What tests/python and tests/node compare the classes of their errors with."""
    assert [(row["symbol"], row["code"], row["class"].upper(), row["message"]) for row in GOLDEN] == [
        (row.symbol, row.code, row.handling, row.message) for row in ROWS
    ]


def test_the_page_in_the_documentation_is_current() -> None:
    script = header.ROOT / "scripts" / "status_table.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "ok docs/STATUS.md is current\n")
