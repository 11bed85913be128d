"""The scenarios that all languages share, played in Python. tests/vectors/README.md says what they are made of."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

import tallystick

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "vectors"))
from scenarios import Driver, Play, RefusedError, Result, Row, exceptions, scenarios

EXCEPT = exceptions("python")


class WantedError(Exception):
    """What a handler that shall fail raises."""


class Log(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@contextmanager
def refusals() -> Iterator[None]:
    try:
        yield
    except tallystick.TallyError as error:
        raise RefusedError(error.symbol) from error


class PythonDriver(Driver):
    play: Play

    def __init__(self) -> None:
        self.registries: dict[str, tallystick.Registry] = {}
        self.functions: dict[str, Callable[[bytes], object]] = {}
        self.natives: dict[str, Any] = {}
        self.guards: dict[str, tallystick.Guard] = {}
        self.scopes: dict[str, list[AbstractContextManager[Any]]] = {}
        self.log = Log()
        self.logger = logging.getLogger("tallystick")
        self.logger.addHandler(self.log)
        self.propagates, self.logger.propagate = self.logger.propagate, False

    # ------------------------------------------------------------------------------------------- registries

    def open(self, label: str, parent: str | None, options: dict[str, Any]) -> None:
        with refusals():
            make = tallystick.Registry if parent is None else self.registries[parent].child
            self.registries[label] = make(**options)

    def close(self, registry: str) -> None:
        self.registries[registry].close()

    def end(self) -> None:
        for guard in self.guards.values():
            guard.forget()
        for registry in reversed(self.registries.values()):
            registry.close()
        self.logger.removeHandler(self.log)
        self.logger.propagate = self.propagates

    # --------------------------------------------------------------------------------------------- handlers

    def function(self, label: str) -> Callable[[bytes], object]:
        def run(event: bytes) -> object:
            return self.answer(*self.play.handler_ran(label, event))

        return self.functions.setdefault(label, run)

    @staticmethod
    def answer(what: str, message: str) -> object:
        if what == "fail":
            raise WantedError(message)
        return tallystick.STOP if what == "stop" else None

    def register(self, registry: str, function: str | None, native: str | None, options: dict[str, Any]) -> object:
        target = self.natives[native] if native is not None else self.function(str(function))
        with refusals():
            return self.registries[registry].register(target, **options)

    def key(self, identity: object) -> object:
        return identity

    def unregister(self, registry: str, identity: Any) -> bool:
        with refusals():
            return self.registries[registry].unregister(identity)

    def unregister_function(self, registry: str, function: str) -> bool:
        return self.unregister(registry, self.function(function))

    def unregister_wait(self, registry: str, identity: Any) -> bool:
        with refusals():
            return self.registries[registry].unregister_wait(identity, 10)

    def clear(self, registry: str) -> int:
        with refusals():
            return self.registries[registry].clear()

    def edit(self, registry: str, changes: list[tuple[str, Any, dict[str, Any]]]) -> tuple[list[object], list[bool]]:
        with refusals(), self.registries[registry].edit() as edit:
            for what, subject, options in changes:
                if what == "register":
                    edit.register(self.function(subject), **options)
                else:
                    edit.unregister(subject)
        return list(edit.ids), edit.removed

    # ----------------------------------------------------------------------------------------------- notify

    def notify(self, registry: str, kind: str | None, data: bytes, by_name: bool) -> Result:
        target = self.registries[registry]
        try:
            with refusals():
                if by_name:
                    assert kind is not None
                    done = target.emit(kind, data)
                else:
                    done = target.notify(data, kind) if kind is not None else target.notify(data)
        except WantedError as error:
            return Result(None, raises=[str(error)])
        except ExceptionGroup as group:
            return Result(None, raises=[str(error) for error in group.exceptions])
        return Result((done.fired, done.failed, done.skipped), done.stopped, done.orphan)

    def collect(self, registry: str, data: bytes) -> list[tuple[object, bool]]:
        with refusals():
            found = self.registries[registry].collect(data)
        return [(identity, not isinstance(value, tallystick.Failure)) for identity, value in found]

    def on_panic(self, registry: str, label: str | None) -> None:
        def run(failure: tallystick.Failure) -> None:
            self.answer(*self.play.panic_ran(str(label), failure.id, failure.message, failure.name))

        with refusals():
            self.registries[registry].on_panic(None if label is None else run)

    def scope(self, registry: str, on: bool, make: Callable[[tallystick.Registry], Any]) -> None:
        scopes = self.scopes.setdefault(registry, [])
        with refusals():
            if on:
                scopes.append(make(self.registries[registry]))
                scopes[-1].__enter__()
            else:
                scopes.pop().__exit__(None, None, None)

    def mute(self, registry: str, on: bool) -> None:
        self.scope(registry, on, tallystick.Registry.muted)

    def pause(self, registry: str, on: bool) -> None:
        self.scope(registry, on, tallystick.Registry.paused)

    def guard(self, registry: str, label: str, function: str, options: dict[str, Any]) -> object:
        with refusals():
            self.guards[label] = self.registries[registry].guard(self.function(function), **options)
        return self.guards[label].id

    def close_guard(self, label: str, forget: bool) -> None:
        if forget:
            self.guards[label].forget()
        else:
            self.guards[label].close()

    # ---------------------------------------------------------------------------------------------- looking

    def contains(self, registry: str, identity: Any) -> bool:
        with refusals():
            return self.registries[registry].contains(identity)

    def count(self, registry: str) -> int:
        return len(self.registries[registry])

    def is_empty(self, registry: str) -> bool:
        target = self.registries[registry]
        assert target.is_empty() is not bool(target)
        return target.is_empty()

    def handlers(self, registry: str) -> list[Row]:
        return [
            Row(row.id, row.priority, row.name or "", row.failed, row.last_message if row.failed else None, row.fired)
            for row in self.registries[registry].handlers()
        ]

    def statistics(self, registry: str) -> dict[str, int]:
        found = self.registries[registry].stats()
        return {name: getattr(found, name) for name in ("handlers", "unreported", "panics_failed", "mutes")}

    def depth(self) -> int:
        return tallystick.depth()

    def logged(self) -> list[str]:
        found, self.log.texts = self.log.texts, []
        return found

    # ---------------------------------------------------------------------------------------------- natives

    def native(self, label: str, kind: str, options: dict[str, Any]) -> None:
        options = dict(options)
        if kind == "mask":
            self.natives[label] = tallystick.Mask(self.natives[options.pop("to")], **options)
        else:
            self.natives[label] = {"counter": tallystick.Counter, "ring": tallystick.Ring}[kind](**options)

    def numbers_of(self, native: str) -> dict[str, int]:
        target = self.natives[native]
        if isinstance(target, tallystick.Ring):
            counts = target.counts()
            return {name: getattr(counts, name) for name in ("pushed", "drained", "dropped_full", "dropped_long")}
        if isinstance(target, tallystick.Mask):
            return {"matched": target.matched, "passed_over": target.passed_over}
        return {"events": target.events, "bytes": target.bytes}

    def drain(self, native: str) -> list[tuple[str | None, bytes]]:
        return [(event.kind, event.data) for event in self.natives[native].drain()]


def parameters() -> list[Any]:
    marks = {name: [pytest.mark.skip(reason=why)] for name, why in EXCEPT.items()}
    return [pytest.param(row, id=row["name"], marks=marks.get(row["name"], [])) for row in scenarios()]


@pytest.mark.parametrize("scenario", parameters())
def test_scenario(scenario: dict[str, Any]) -> None:
    Play(PythonDriver(), scenario).run()


def test_python_plays_all_but_what_it_cannot_express() -> None:
    assert len(EXCEPT) == 1
    assert len(scenarios()) - len(EXCEPT) >= 140


def test_a_difference_is_found() -> None:
    """A runner that cannot fail proves nothing."""
    register = {"do": "register", "handler": "a", "then": [{"do": "count", "is": 7}]}
    with pytest.raises(AssertionError, match="'is': 1"):
        Play(PythonDriver(), {"steps": [register, {"do": "notify"}]}).run()
    for wrong in ({"calls": []}, {"result": [1, 0, 1]}, {"raises": ["m"]}, {"panics": [["p", "a", "m"]]}):
        with pytest.raises(AssertionError):
            Play(PythonDriver(), {"steps": [{"do": "register", "handler": "a"}, {"do": "notify", **wrong}]}).run()
