"""The golden stores, through the exported functions: the same events as ever, and no others when bits flip."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from .stores import NAMES, STORES, read_by_both, shorten, whole_events, without_key


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_store_reads_as_it_is_described(name: str) -> None:
    lines = (STORES / f"{name}.jsonl").read_text().splitlines()
    core, independent = read_by_both(STORES / name)
    assert core == independent
    assert [shorten(event) for event in core] == [without_key(json.loads(line)) for line in lines]


def test_reading_a_golden_store_changes_nothing_in_it() -> None:
    before = {path: path.read_bytes() for path in STORES.rglob("*") if path.is_file()}
    for name in NAMES:
        read_by_both(STORES / name)
    assert {path: path.read_bytes() for path in STORES.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["unsealed", "sealed"])
def test_whatever_bit_flips_the_core_tells_no_other_event(name: str, tmp_path: Path) -> None:
    golden = read_by_both(STORES / name)[0]
    directory = Path(shutil.copytree(STORES / name, tmp_path / name))
    chance = random.Random(7)
    paths = sorted(directory.glob("*.seg"))
    for turn in range(200):
        path = paths[turn % len(paths)]
        raw = path.read_bytes()
        end = raw.rindex(b"tF\x02") + 60 if name == "unsealed" else len(raw)
        low, high = [(0, 4300), (4096, end), (end - 9000, end)][turn % 3]
        at = chance.randrange(max(low, 0), min(high, end))
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :])
        found = whole_events(directory)
        for event in found:
            assert event == golden[int(str(event["position"]))], f"{path.name}, offset {at}"
        if at >= 4096 and path != paths[-1]:  # sealed: a frame costs its event, an index or a mark nothing
            assert len(found) >= len(golden) - 1, f"{path.name}, offset {at}"
        path.write_bytes(raw)
    assert whole_events(directory) == golden
