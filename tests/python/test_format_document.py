"""docs/FORMAT.md, the golden segment and the independent reader say the same. Needs nothing but the checkout."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors"
sys.path[:0] = [str(ROOT / "tests" / "verifier"), str(VECTORS)]

import format1  # noqa: E402
import make_segment  # noqa: E402

GOLDEN = (VECTORS / "segment-v1.seg").read_bytes()


def test_the_golden_segment_is_what_the_document_says() -> None:
    assert make_segment.segment() == GOLDEN


def test_the_reader_reads_what_the_golden_description_says() -> None:
    found = format1.as_json(*format1.read_segment(GOLDEN))
    assert json.loads(json.dumps(found)) == json.loads((VECTORS / "segment-v1.json").read_text())


def test_the_example_in_the_document_is_the_first_core_of_the_golden_segment() -> None:
    text = (ROOT / "docs" / "FORMAT.md").read_text()
    lines = re.findall(r"^ *\d+  ((?:[0-9a-f]{2} ?){16})$", text, re.MULTILINE)
    assert bytes.fromhex("".join(lines)) == GOLDEN[4096 + 24 : 4096 + 136]
    _, events, _ = format1.read_segment(GOLDEN)
    assert events[0].event_hash.hex() in text


def test_the_worked_example_is_the_second_commit_of_the_golden_segment() -> None:
    text = (ROOT / "docs" / "FORMAT.md").read_text()
    lines = re.findall(r"^ *(\d+)  ((?:[0-9a-f]{2} ){1,16}) +\S", text, re.MULTILINE)
    _, _, marks = format1.read_segment(GOLDEN)
    at = marks[1].first_offset
    assert int(lines[0][0]) == at
    raw = b""
    for offset, digits in lines:
        assert int(offset) == at + len(raw)
        raw += bytes.fromhex(digits)
    assert raw == GOLDEN[at : at + 728]


def test_no_changed_byte_goes_unseen_by_the_reader() -> None:
    end = len(GOLDEN) - 512
    for at in [*range(0, 4096, 37), *range(4096, end)]:
        changed = bytearray(GOLDEN)
        changed[at] ^= 0x40
        with pytest.raises(format1.FormatError):
            format1.read_segment(bytes(changed))


def test_a_segment_that_ends_too_early_is_refused() -> None:
    for length in (0, 7, 4095, 4096 + 100, len(GOLDEN) - 512 - 1):
        with pytest.raises(format1.FormatError):
            format1.read_segment(GOLDEN[:length])
