"""Plays registry_scenarios.json against a language that Python can drive; README.md says what the steps mean.

A language is a Driver: it does one thing at a time and says how it went. Everything that is compared is compared here.
tests/node/scenarios.test.js is the same in JavaScript.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

TABLE: dict[str, Any] = json.loads((Path(__file__).parent / "registry_scenarios.json").read_text(encoding="utf-8"))
# What every step may expect; all else are arguments of the step.
EXPECTED = {"calls", "call_counts", "saw", "panics", "raises", "error", "may_fail", "result", "stopped", "orphan"}

Step = dict[str, Any]


class RefusedError(Exception):
    """A call failed with a status."""

    def __init__(self, symbol: str) -> None:
        super().__init__(symbol)
        self.symbol = symbol


@dataclass
class Result:
    """What a notify did; None: the language does not say. `raises` are the messages of the failures that it raised, of
    which a language may tell only the first."""

    numbers: tuple[int, int, int] | None
    stopped: bool | None = None
    orphan: bool | None = None
    raises: list[str] = field(default_factory=list)
    tells_first: bool = False


@dataclass
class Row:
    """One row of a list of handlers."""

    key: object
    priority: int
    name: str
    failed: int
    last_message: str | None
    fired: int | None


class Driver(Protocol):
    """One language. Registries, functions, guards and natives are known by their labels, handlers by what `register`
    returned; `play` is told when handlers run. Whatever fails raises RefusedError."""

    play: Play

    def open(self, label: str, parent: str | None, options: dict[str, Any]) -> None: ...
    def close(self, registry: str) -> None: ...
    def register(self, registry: str, function: str | None, native: str | None, options: dict[str, Any]) -> object: ...
    def key(self, identity: object) -> object: ...
    def unregister(self, registry: str, identity: object) -> bool: ...
    def unregister_function(self, registry: str, function: str) -> bool: ...
    def unregister_wait(self, registry: str, identity: object) -> bool: ...
    def clear(self, registry: str) -> int: ...
    def edit(
        self, registry: str, changes: list[tuple[str, Any, dict[str, Any]]]
    ) -> tuple[list[object], list[bool]]: ...
    def notify(self, registry: str, kind: str | None, data: bytes, by_name: bool) -> Result: ...
    def collect(self, registry: str, data: bytes) -> list[tuple[object, bool]]: ...
    def on_panic(self, registry: str, label: str | None) -> None: ...
    def mute(self, registry: str, on: bool) -> None: ...
    def pause(self, registry: str, on: bool) -> None: ...
    def guard(self, registry: str, label: str, function: str, options: dict[str, Any]) -> object: ...
    def close_guard(self, label: str, forget: bool) -> None: ...
    def contains(self, registry: str, identity: object) -> bool: ...
    def count(self, registry: str) -> int: ...
    def is_empty(self, registry: str) -> bool: ...
    def handlers(self, registry: str) -> list[Row]: ...
    def statistics(self, registry: str) -> dict[str, int]: ...
    def depth(self) -> int: ...
    def logged(self) -> list[str]: ...
    def native(self, label: str, kind: str, options: dict[str, Any]) -> None: ...
    def numbers_of(self, native: str) -> dict[str, int]: ...
    def drain(self, native: str) -> list[tuple[str | None, bytes]]: ...
    def end(self) -> None: ...


def scenarios() -> list[dict[str, Any]]:
    return list(TABLE["scenarios"])


def exceptions(language: str) -> dict[str, str]:
    """Scenario → why this language cannot express it."""
    return {row["name"]: row["except"][language] for row in scenarios() if language in row.get("except", {})}


@dataclass
class Behaviour:
    then: list[Step] | None
    script: list[list[Step]]
    ran: int = 0

    def next(self) -> list[Step]:
        self.ran += 1
        if self.then is not None:
            return self.then
        return self.script[self.ran - 1] if self.ran <= len(self.script) else []


def differ(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise AssertionError(f"{what}: {found!r}, expected {wanted!r}")


def same_texts(what: str, found: list[str | None], wanted: list[str | None]) -> None:
    """Languages put the class of an error before its message."""
    fits = len(found) == len(wanted) and all(
        full is None if end is None else full is not None and full.endswith(end)
        for full, end in zip(found, wanted, strict=True)
    )
    if not fits:
        raise AssertionError(f"{what}: {found!r}, expected {wanted!r}")


class Play:
    """One scenario, played once."""

    def __init__(self, driver: Driver, scenario: dict[str, Any]) -> None:
        self.driver = driver
        self.scenario = scenario
        self.behaviours: dict[str, Behaviour] = {}
        self.identities: dict[str, object] = {}
        self.labels: dict[object, str] = {}
        self.calls: list[tuple[str, bytes]] = []
        self.panics: list[tuple[str, str, str, str]] = []
        self.problems: list[BaseException] = []
        driver.play = self

    def run(self) -> None:
        try:
            self.driver.open("r", None, {})
            for number, step in enumerate(self.scenario["steps"], 1):
                try:
                    self.step(step, outside=True)
                except Exception as error:
                    self.problems.insert(0, error)
                if self.problems:
                    raise AssertionError(f"step {number}, {json.dumps(step)}\n{self.problems[0]}") from self.problems[0]
        finally:
            self.driver.end()

    # ------------------------------------------------------------------------------------ what drivers call

    def handler_ran(self, function: str, data: bytes) -> tuple[str, str]:
        """What the handler shall do: ("ok", ""), ("stop", "") or ("fail", message)."""
        self.calls.append((function, data))
        return self._behave(function)

    def panic_ran(self, panic: str, identity: object, message: str, name: str) -> tuple[str, str]:
        self.panics.append((panic, self.labels.get(self.driver.key(identity), "?"), message, name))
        return self._behave(f"panic {panic}")

    def _behave(self, label: str) -> tuple[str, str]:
        for step in self.behaviours[label].next():
            if step["do"] == "stop":
                return "stop", ""
            if step["do"] == "fail":
                return "fail", step["message"]
            try:
                self.step(step, outside=False)
            except Exception as error:  # a handler's own exception would only be a failure of that handler
                self.problems.append(AssertionError(f"inside {label}, {json.dumps(step)}: {error}"))
        return "ok", ""

    # ------------------------------------------------------------------------------------------- one step

    def step(self, step: Step, outside: bool) -> None:
        arguments = {name: value for name, value in step.items() if name not in EXPECTED and name != "do"}
        expected = {name: value for name, value in step.items() if name in EXPECTED}
        arguments.setdefault("registry", "r")
        begin, begin_panics = len(self.calls), len(self.panics)
        outcome: object = None
        error = None
        try:
            outcome = getattr(self, f"do_{step['do']}")(**arguments)
        except RefusedError as refused:
            error = refused.symbol
        if "may_fail" not in expected or error is None:
            differ("error", error, expected.get("error"))
        elif error != expected["may_fail"]:
            differ("error", error, expected["may_fail"])
        if isinstance(outcome, Result):
            self._compare_result(outcome, expected)
        else:
            assert not expected.keys() & {"result", "raises", "stopped", "orphan"}, "nothing here gives a result"
        self._compare_calls(self.calls[begin:], expected)
        if outside or "panics" in expected:
            self._compare_panics(self.panics[begin_panics:], expected.get("panics", []))

    def _compare_result(self, found: Result, expected: Step) -> None:
        raises = expected.get("raises", [])
        same_texts("raises", list(found.raises), raises[:1] if found.tells_first else raises)
        if "result" in expected and found.numbers is not None:
            differ("result", list(found.numbers), expected["result"])
        for name in ("stopped", "orphan"):
            if name in expected and getattr(found, name) is not None:
                differ(name, getattr(found, name), expected[name])

    def _compare_calls(self, found: list[tuple[str, bytes]], expected: Step) -> None:
        labels = [label for label, _ in found]
        if "calls" in expected:
            differ("calls", labels, expected["calls"])
        if "call_counts" in expected:
            differ("call_counts", dict(Counter(labels)), expected["call_counts"])
        if "saw" in expected:
            differ("saw", [data.decode() for _, data in found], expected["saw"])

    @staticmethod
    def _compare_panics(found: list[tuple[str, str, str, str]], wanted: list[list[str | None]]) -> None:
        differ("panics", [list(row[:2]) for row in found], [row[:2] for row in wanted])
        for (_, _, message, name), row in zip(found, wanted, strict=True):
            if row[2] is not None:
                same_texts("message of a panic", [message], [row[2]])
            if len(row) > 3:
                differ("name in a panic", name, row[3])

    # -------------------------------------------------------------------------------------------- the steps

    def do_open(self, registry: str, **options: Any) -> None:
        self.driver.open(registry, None, options)

    def do_child(self, registry: str, parent: str, **options: Any) -> None:
        self.driver.open(registry, parent, options)

    def do_close(self, registry: str) -> None:
        self.driver.close(registry)

    def _behaviour(self, label: str, then: list[Step] | None, script: list[list[Step]] | None) -> None:
        if then is not None or script is not None or label not in self.behaviours:
            self.behaviours[label] = Behaviour(then, script or [])

    def _know(self, label: str, identity: object) -> None:
        self.identities[label] = identity
        self.labels[self.driver.key(identity)] = label

    def do_register(
        self,
        registry: str,
        handler: str,
        function: str | None = None,
        native: str | None = None,
        then: list[Step] | None = None,
        script: list[list[Step]] | None = None,
        **options: Any,
    ) -> None:
        function = handler if function is None and native is None else function
        if function is not None:
            self._behaviour(function, then, script)
        self._know(handler, self.driver.register(registry, function, native, options))

    def do_guard(self, registry: str, guard: str, handler: str, then: list[Step] | None = None, **options: Any) -> None:
        self._behaviour(handler, then, None)
        self._know(handler, self.driver.guard(registry, guard, handler, options))

    def do_close_guard(self, registry: str, guard: str) -> None:
        self.driver.close_guard(guard, forget=False)

    def do_forget_guard(self, registry: str, guard: str) -> None:
        self.driver.close_guard(guard, forget=True)

    def do_unregister(self, registry: str, handler: str, removed: bool | None = None) -> None:
        differ("removed", self.driver.unregister(registry, self.identities[handler]), removed)

    def do_unregister_function(self, registry: str, function: str, removed: bool | None = None) -> None:
        differ("removed", self.driver.unregister_function(registry, function), removed)

    def do_unregister_wait(self, registry: str, handler: str, removed: bool | None = None) -> None:
        differ("removed", self.driver.unregister_wait(registry, self.identities[handler]), removed)

    def do_clear(self, registry: str, removed: int) -> None:
        differ("removed", self.driver.clear(registry), removed)

    def do_edit(self, registry: str, changes: list[dict[str, Any]], removed: list[bool] | None = None) -> None:
        work: list[tuple[str, Any, dict[str, Any]]] = []
        labels = []
        for change in changes:
            if "unregister" in change:
                work.append(("unregister", self.identities[change["unregister"]], {}))
            else:
                label = change["register"]
                labels.append(label)
                self._behaviour(label, None, None)
                work.append(("register", label, {name: value for name, value in change.items() if name != "register"}))
        identities, found = self.driver.edit(registry, work)
        for label, identity in zip(labels, identities, strict=True):
            self._know(label, identity)
        differ("removed", found, removed)

    def do_notify(self, registry: str, kind: str | None = None, data: str = "") -> Result:
        return self.driver.notify(registry, kind, data.encode(), by_name=False)

    def do_emit(self, registry: str, name: str, data: str = "") -> Result:
        return self.driver.notify(registry, name, data.encode(), by_name=True)

    def do_collect(self, registry: str, outcomes: list[list[Any]], data: str = "") -> None:
        found = self.driver.collect(registry, data.encode())
        differ("outcomes", [[self.labels.get(self.driver.key(one), "?"), good] for one, good in found], outcomes)

    def do_on_panic(
        self, registry: str, panic: str, then: list[Step] | None = None, script: list[list[Step]] | None = None
    ) -> None:
        self._behaviour(f"panic {panic}", then, script)
        self.driver.on_panic(registry, panic)

    def do_clear_on_panic(self, registry: str) -> None:
        self.driver.on_panic(registry, None)

    def do_mute(self, registry: str) -> None:
        self.driver.mute(registry, True)

    def do_unmute(self, registry: str) -> None:
        self.driver.mute(registry, False)

    def do_pause(self, registry: str) -> None:
        self.driver.pause(registry, True)

    def do_resume(self, registry: str) -> None:
        self.driver.pause(registry, False)

    # `is` is a keyword in Python: looking takes its expectation from a dictionary.
    def do_contains(self, registry: str, handler: str, **wanted: bool) -> None:
        found = self.driver.contains(registry, self.identities[handler])
        differ("contains", {"is": found}, wanted)

    def do_count(self, registry: str, **wanted: int) -> None:
        differ("count", {"is": self.driver.count(registry)}, wanted)

    def do_is_empty(self, registry: str, **wanted: bool) -> None:
        differ("is_empty", {"is": self.driver.is_empty(registry)}, wanted)

    def do_depth(self, registry: str, **wanted: int) -> None:
        differ("depth", {"is": self.driver.depth()}, wanted)

    def do_handlers(self, registry: str, **wanted: list[Any]) -> None:
        rows = self.driver.handlers(registry)
        found: dict[str, list[Any]] = {
            "is": [self.labels.get(row.key, "?") for row in rows],
            "priorities": [row.priority for row in rows],
            "names": [row.name for row in rows],
            "failed": [row.failed for row in rows],
            "fired": [row.fired for row in rows],
        }
        same_texts(
            "last_messages",
            [row.last_message for row in rows],
            wanted.pop("last_messages", None) or [row.last_message for row in rows],
        )
        differ("handlers", {name: found[name] for name in wanted}, wanted)

    def do_statistics(self, registry: str, **wanted: int) -> None:
        found = self.driver.statistics(registry)
        differ("statistics", {name: found[name] for name in wanted}, wanted)

    def do_logged(self, registry: str, **wanted: list[str]) -> None:
        """What was said since the last time, by all registries. Languages may say more than the message."""
        found = self.driver.logged()
        fits = len(found) == len(wanted["is"])
        fits = fits and all(end in full for full, end in zip(found, wanted["is"], strict=True))
        assert fits, f"logged: {found!r}, expected {wanted['is']!r}"

    def do_native(self, registry: str, native: str, type: str, **options: Any) -> None:
        self.driver.native(native, type, options)

    def do_counter(self, registry: str, native: str, **wanted: int) -> None:
        differ("counter", self.driver.numbers_of(native), wanted)

    do_ring_counts = do_mask_counts = do_counter

    def do_drain(self, registry: str, native: str, kinds: list[str | None], **wanted: list[str]) -> None:
        found = self.driver.drain(native)
        differ("drained", {"is": [data.decode() for _, data in found]}, wanted)
        differ("kinds", [kind for kind, _ in found], kinds)
