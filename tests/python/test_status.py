"""The exception classes against the golden vectors: tests/vectors/status.json."""

import builtins
import json
from pathlib import Path
from typing import Any

import pytest

import tallystick
from tallystick import _core, errors

ROWS = json.loads((Path(__file__).resolve().parent.parent / "vectors" / "status.json").read_text(encoding="utf-8"))
FAILURES = [row for row in ROWS if row["code"] != 0]
each = pytest.mark.parametrize("row", FAILURES, ids=[row["symbol"] for row in FAILURES])
CLASSES = ["none", "caller", "conflict", "transient", "damaged", "fatal", "bug"]


def test_the_core_lists_the_golden_statuses() -> None:
    numbers = {name: _core.constant(f"TALLY_CLASS_{name.upper()}") for name in CLASSES}
    assert _core.status_table() == [(row["code"], row["symbol"], row["message"], numbers[row["class"]]) for row in ROWS]


@each
def test_a_status_has_its_class(row: dict[str, Any]) -> None:
    kind = getattr(errors, row["python"])
    assert issubclass(kind, tallystick.TallyError)
    assert (kind.code, kind.symbol, kind.handling) == (row["code"], row["symbol"], row["class"])
    assert kind.__name__ == row["python"]
    assert row["message"] in (kind.__doc__ or "")


@each
def test_a_class_inherits_what_means_the_same_in_python(row: dict[str, Any]) -> None:
    kind = getattr(errors, row["python"])
    others = [base for base in kind.__bases__ if base is not tallystick.TallyError]
    assert others == [getattr(builtins, name) for name in (row.get("builtin") or "").split(", ") if name]


@each
def test_an_error_of_the_core_is_of_its_class(row: dict[str, Any]) -> None:
    made = errors.make_error(row["code"], "a message", "a path", 7, 2)
    assert type(made) is getattr(errors, row["python"])
    assert (str(made), made.path, made.position, made.os_error) == ("a message", "a path", 7, 2)


def test_there_are_no_other_classes() -> None:
    assert set(errors.__all__) == {"TallyError", *(row["python"] for row in FAILURES)}
