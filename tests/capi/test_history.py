"""The checker of histories rejects what cannot have happened, and histories of many threads on real stores pass it."""

from __future__ import annotations

import copy
import itertools
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from . import header
from .history import RULES, Call, History, broken


def good() -> History:
    """Three threads, as they could have been: A appends 0; B a batch 1, 2 while A appends 3; C looks."""
    return [
        append(1, 2, [[0, 0, 100]], level=3),
        append(3, 8, [[1, 0, 200], [2, 1, 201]], stream="b", level=2),
        append(4, 6, [[3, 1, 101]], level=1, expected=0),
        read(5, 7, 0, [[0, 100, 0, 1], [1, 200, 0, 2], [2, 201, 1, 2]]),
        read(9, 10, 2, [[2, 201, 1, 2], [3, 101, 0, 1]]),
        read(11, 12, 0, [[0, 100, 0, 1]], durable=True),
        marks(13, 14, 4, 4, 1),
        conflict(15, 16, expected=0, next_=2),
        append(17, 18, [[4, 2, 102]], level=3, expected=1),
        marks(19, 20, 5, 5, 5),
        read(21, 22, 5, []),
    ]


def append(
    begin: int, end: int, events: list[list[int]], stream: str = "a", level: int = 1, expected: int | None = None
) -> Call:
    return {
        "do": "append",
        "begin": begin,
        "end": end,
        "level": level,
        "ok": True,
        "stream": stream,
        "expected": expected,
        "events": events,
    }


def conflict(begin: int, end: int, expected: int, next_: int, stream: str = "a") -> Call:
    return {
        "do": "append",
        "begin": begin,
        "end": end,
        "level": 1,
        "ok": False,
        "stream": stream,
        "expected": expected,
        "next": next_,
        "events": [],
    }


def read(begin: int, end: int, from_: int, events: list[list[int]], durable: bool = False) -> Call:
    view = from_ + len(events)
    return {"do": "read", "begin": begin, "end": end, "from": from_, "view": view, "durable": durable, "events": events}


def marks(begin: int, end: int, buffered: int, written: int, durable: int) -> Call:
    return {"do": "marks", "begin": begin, "end": end, "buffered": buffered, "written": written, "durable": durable}


def change(number: int, **members: object) -> Callable[[History], None]:
    return lambda history: history[number].update(members)


def add(call: Call) -> Callable[[History], None]:
    return lambda history: history.append(call)


# What is done to the good history, and the rules that must say so.
BAD: dict[str, tuple[Callable[[History], None], str]] = {
    "a position is missing": (change(8, events=[[5, 2, 102]]), "dense"),
    "a position is given twice": (change(2, events=[[2, 1, 101]]), "dense"),
    "a batch is torn apart": (change(1, events=[[1, 0, 200], [4, 1, 201]]), "dense"),
    "a version is given twice": (change(8, events=[[4, 1, 102]]), "versions_dense"),
    "versions go back": (change(2, events=[[3, 7, 101]]), "versions_dense"),
    "an append overtakes one that was acknowledged": (change(0, begin=30, end=31), "real_time_order"),
    "an event is read as another one": (
        change(4, events=[[2, 201, 1, 2], [3, 999, 0, 1]]),
        "what_is_read_was_appended",
    ),
    "an event is read that nobody appended": (
        add(read(40, 41, 4, [[4, 102, 0, 1], [5, 7, 0, 1]])),
        "what_is_read_was_appended",
    ),
    "a batch is read as two": (
        change(3, events=[[0, 100, 0, 1], [1, 200, 0, 1], [2, 201, 0, 1]]),
        "what_is_read_was_appended",
    ),
    "a read has a hole": (
        change(3, events=[[0, 100, 0, 1], [2, 201, 1, 2]], view=3),
        "a_read_is_a_prefix",
    ),
    "a read forgets its end": (change(4, events=[[2, 201, 1, 2]]), "a_read_is_a_prefix"),
    "a read goes beyond its view": (change(4, view=3), "a_read_is_a_prefix"),
    "a read is out of order": (change(4, events=[[3, 101, 0, 1], [2, 201, 1, 2]]), "a_read_is_a_prefix"),
    "half a batch is seen": (change(3, events=[[0, 100, 0, 1], [1, 200, 0, 2]], view=2), "batches_are_whole"),
    "an acknowledged event is not seen": (change(4, events=[[2, 201, 1, 2]], view=3), "acknowledged_is_visible"),
    "a durable event is not in a durable read": (change(5, events=[], view=0), "acknowledged_is_visible"),
    "an event is seen before it was appended": (
        add(read(2, 3, 0, [[0, 100, 0, 1], [1, 200, 0, 2], [2, 201, 1, 2], [3, 101, 0, 1]])),
        "nothing_comes_from_the_future",
    ),
    "a watermark is ahead of what was appended": (change(6, buffered=5), "nothing_comes_from_the_future"),
    "a later read sees less": (
        lambda history: history.extend(
            [
                append(60, 90, [[5, 3, 103]]),
                read(61, 62, 5, [[5, 103, 0, 1]]),
                read(63, 64, 5, []),
            ]
        ),
        "views_grow",
    ),
    "a later read of another process sees less": (
        lambda history: history.extend(
            [read(61, 62, 0, [[0, 100, 0, 1]]) | {"other": True}, read(63, 64, 0, []) | {"other": True}]
        ),
        "views_grow",
    ),
    "another process sees what nobody has appended yet": (
        add(read(1, 2, 0, [[0, 100, 0, 1], [1, 200, 0, 2], [2, 201, 1, 2]]) | {"other": True}),
        "nothing_comes_from_the_future",
    ),
    "another process sees half a batch": (
        add(read(30, 31, 0, [[0, 100, 0, 1], [1, 200, 0, 2]]) | {"other": True}),
        "batches_are_whole",
    ),
    "durable is ahead of written": (change(6, written=0), "watermarks"),
    "written is ahead of buffered": (change(9, buffered=4), "watermarks"),
    "a watermark goes back": (change(9, durable=0), "watermarks"),
    "durable was promised and is not": (change(9, durable=4), "watermarks"),
    "written was promised and is not": (change(6, written=2, durable=1), "watermarks"),
    "a durable read sees what is not durable": (
        change(5, events=[[0, 100, 0, 1], [1, 200, 0, 2], [2, 201, 1, 2]], view=3),
        "durable_views_are_durable",
    ),
    "an expected version that did not hold": (change(8, expected=0), "conditions"),
    "a conflict although the version was right": (change(7, next=1), "conditions"),
    "a conflict with a version from nowhere": (change(7, next=9), "conditions"),
    "a conflict with a version of the past": (change(7, next=0), "conditions"),
}


def test_a_good_history_passes() -> None:
    assert broken(good()) == {}
    assert broken([*good(), read(30, 31, 0, [[0, 100, 0, 1]]) | {"other": True}]) == {}, "another process may be behind"
    assert broken([]) == {}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_history_is_rejected(name: str) -> None:
    spoil, rule = BAD[name]
    history = copy.deepcopy(good())
    spoil(history)
    assert rule in broken(history)


def test_every_rule_rejects_something() -> None:
    assert {rule for _, rule in BAD.values()} == {rule.__name__ for rule in RULES}


def program() -> Path:
    """The newest build of tests/c/stress_history.c."""
    found = [header.ROOT / "out" / variant / "tests" / "stress_history" for variant in ("release", "debug", "asan")]
    built = sorted((path for path in found if path.exists()), key=lambda path: path.stat().st_mtime)
    if not built:
        pytest.skip("stress_history is not built: make out/debug/tests/stress_history")
    return built[-1]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_many_threads_did_can_have_happened_one_after_the_other(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "history"
    environment = {**os.environ, "TALLY_HISTORY": str(path), "TALLYSTICK_SEED": str(seed)}
    done = subprocess.run([program()], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    history = [json.loads(line) for line in path.read_text().splitlines()]
    assert sum(call["do"] == "append" and call["ok"] for call in history) > 200
    assert sum(call["do"] == "read" and len(call["events"]) > 0 for call in history) > 50
    assert sum(call["do"] == "append" and not call["ok"] for call in history) > 0
    assert sum(call["do"] == "read" and call["other"] and len(call["events"]) > 0 for call in history) > 10
    overlapping = sorted((call["begin"], call["end"]) for call in history if call["do"] == "append")
    assert any(one[1] > two[0] for one, two in itertools.pairwise(overlapping)), "nothing overlapped"
    assert broken(history) == {}
