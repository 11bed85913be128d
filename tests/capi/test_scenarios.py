"""The scenarios that all languages share, played in C. tests/vectors/README.md says what they are made of."""

from __future__ import annotations

from typing import Any

import pytest
from scenarios import EXPECTED, TABLE, Play, exceptions, scenarios

from . import header
from .driver import CDriver
from .library import Box

EXCEPT = exceptions("c")


def parameters() -> list[Any]:
    marks = {name: [pytest.mark.skip(reason=why)] for name, why in EXCEPT.items()}
    return [pytest.param(row, id=row["name"], marks=marks.get(row["name"], [])) for row in scenarios()]


@pytest.mark.parametrize("scenario", parameters())
def test_scenario(scenario: dict[str, Any], box: Box) -> None:
    Play(CDriver(box), scenario).run()


# ---------------------------------------------------------------------------------------- the table itself


def test_c_plays_all_but_what_it_cannot_express() -> None:
    assert len(EXCEPT) == 2
    assert len(scenarios()) - len(EXCEPT) >= 140


def test_a_difference_is_found(box: Box) -> None:
    """A runner that cannot fail proves nothing."""
    good = [{"do": "register", "handler": "a"}, {"do": "notify", "calls": ["a"], "result": [1, 0, 0]}]
    Play(CDriver(box), {"steps": good}).run()
    wrong = (
        {"calls": ["b"]},
        {"calls": []},
        {"result": [1, 1, 0]},
        {"error": "TALLY_E_CLOSED"},
        {"raises": ["m"]},
        {"panics": [["p", "a", "m"]]},
        {"stopped": True},
        {"orphan": True},
        {"saw": ["x"]},
        {"call_counts": {"a": 2}},
    )
    for expectation in wrong:
        steps = [good[0], {"do": "notify", **expectation}]
        with pytest.raises(AssertionError):
            Play(CDriver(box), {"steps": steps}).run()
        nested = [{"do": "register", "handler": "b", "then": [{"do": "notify", "registry": "s", **expectation}]}]
        other = [{"do": "open", "registry": "s"}, {"do": "register", "registry": "s", "handler": "a"}]
        with pytest.raises(AssertionError):
            Play(CDriver(box), {"steps": [*other, *nested, {"do": "notify"}]}).run()


def test_a_step_with_an_unknown_word_is_refused(box: Box) -> None:
    for step in ({"do": "dance"}, {"do": "notify", "cals": []}, {"do": "count", "are": 0}):
        with pytest.raises(AssertionError):
            Play(CDriver(box), {"steps": [step]}).run()


def steps_of(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All of them, those inside handlers too."""
    found = []
    for step in steps:
        found.append(step)
        found += steps_of(step.get("then", []))
        for part in step.get("script", []):
            found += steps_of(part)
    return found


def test_scenarios_have_names_of_their_own_and_known_semantics() -> None:
    rows = scenarios()
    assert len({row["name"] for row in rows}) == len(rows)
    for row in rows:
        assert set(row) <= {"name", "semantics", "except", "steps"}
        assert row["semantics"]
        assert set(row.get("except", {})) <= {"c", "python", "node"}
        assert all(len(why) > 20 for why in row.get("except", {}).values())


def test_every_semantic_has_scenarios_or_a_place_elsewhere() -> None:
    covered = {str(number) for row in scenarios() for number in row["semantics"]}
    assert covered == set(TABLE["semantics"])
    assert set(TABLE["semantics"]) | set(TABLE["elsewhere"]) == {str(number) for number in range(1, 20)}


def test_a_notify_outside_of_handlers_says_what_it_expects() -> None:
    for row in scenarios():
        for step in row["steps"]:
            if step["do"] in ("notify", "emit"):
                assert "error" in step or ({"calls", "call_counts"} & set(step) and "result" in step), row["name"]


def test_every_expectation_is_used_somewhere() -> None:
    used = {key for row in scenarios() for step in steps_of(row["steps"]) for key in step}
    assert used >= EXPECTED


def test_errors_in_the_table_are_statuses() -> None:
    symbols = {row.symbol for row in header.statuses()}
    for row in scenarios():
        for step in steps_of(row["steps"]):
            assert {step.get("error", "TALLY_OK"), step.get("may_fail", "TALLY_OK")} <= symbols
