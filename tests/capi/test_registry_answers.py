"""What a handler may answer, and what becomes of a failure's code, message and payload."""

from __future__ import annotations

from typing import Any

import pytest

from .library import Box, CData, check, constant, ffi, kind_number, lib, name_of, notify, text
from .registry import fail, nothing, told


def test_a_handler_whose_target_is_gone_is_skipped_and_detached(box: Box) -> None:
    registry = box.registry()
    identity = box.register(registry, box.handler(lambda notice: constant("TALLY_HANDLER_GONE")))
    box.register(registry, box.handler(nothing))
    assert notify(registry) == (1, 0, 1)
    contains = ffi.new("int32_t *")
    check(lib.tally_registry_contains(registry, identity, contains, ffi.NULL))
    assert contains[0] == 0
    assert notify(registry) == (1, 0, 0)


def test_a_handler_may_end_the_notify_on_behalf_of_its_host(box: Box) -> None:
    registry = box.registry()
    box.register(registry, box.handler(nothing))
    box.register(registry, box.handler(lambda notice: constant("TALLY_HANDLER_ABORT")))
    box.register(registry, box.handler(nothing))
    out, error = ffi.new("tally_notified *"), ffi.new("tally_error *")
    status = lib.tally_registry_notify(registry, ffi.new("tally_notice *"), out, error)
    assert (name_of(status), name_of(error.status)) == ("E_ABORTED", "E_ABORTED")
    assert (out.fired, out.failed, out.skipped) == (2, 0, 1)


def test_any_other_number_is_a_failure_with_that_code(box: Box) -> None:
    registry = box.registry()
    seen = told(box, registry)
    for code in (-1, 2, 99, 2**31 - 1, -(2**31) + 2):
        box.register(registry, box.handler(lambda notice, code=code: code))
    assert notify(registry) == (5, 5, 0)
    assert [code for code, _, _ in seen] == [-1, 2, 99, 2**31 - 1, -(2**31) + 2]


@pytest.mark.parametrize("name", ["DONE", "STOP", "GONE", "ABORT"])
def test_a_failure_cannot_have_a_code_that_means_something_else(name: str, box: Box) -> None:
    registry = box.registry()
    seen = told(box, registry)
    box.register(registry, box.handler(lambda notice: fail("m", constant(f"TALLY_HANDLER_{name}"))))
    assert notify(registry) == (1, 1, 0)
    assert seen == [(-1, "m", "")]


def test_a_message_is_forgotten_when_the_handler_returns_something_else(box: Box) -> None:
    registry = box.registry()
    seen = told(box, registry)
    box.register(registry, box.handler(lambda notice: fail("ignored", -3) and 0))
    box.register(registry, box.handler(lambda notice: -3))
    assert notify(registry) == (2, 1, 0)
    assert seen == [(-3, "", "")]


def test_a_message_belongs_to_its_handler_not_to_a_nested_one(box: Box) -> None:
    outer, inner = box.registry(), box.registry()
    seen_outer, seen_inner = told(box, outer), told(box, inner)
    box.register(inner, box.handler(lambda notice: fail("inner", -3)))

    def run(notice: CData) -> int:
        assert notify(inner) == (1, 1, 0)
        return -3

    box.register(outer, box.handler(run))
    assert notify(outer) == (1, 1, 0)
    assert seen_inner == [(-3, "inner", "")]
    assert seen_outer == [(-3, "", "")]


def test_a_long_message_is_cut_at_a_character(box: Box) -> None:
    registry = box.registry()
    seen = told(box, registry)
    box.register(registry, box.handler(lambda notice: fail("é" * 200)))
    assert notify(registry) == (1, 1, 0)
    assert seen[0][1] == "é" * 127


def test_bytes_that_are_no_text_become_question_marks(box: Box) -> None:
    registry = box.registry()
    seen = told(box, registry)
    raw = b"a\xffb\0c\xc3"
    box.register(registry, box.handler(lambda notice: lib.tally_handler_fail(-7, raw, len(raw), ffi.NULL)))
    assert notify(registry) == (1, 1, 0)
    assert seen[0][1] == "a?b?c?"


@pytest.mark.parametrize("length", [2**63, 2**64 - 1])
def test_a_message_of_negative_length_is_none_and_is_not_read(length: int, box: Box) -> None:
    registry = box.registry()
    seen = told(box, registry)
    short = box.fenced.put(b"xy", "char *")
    box.register(registry, box.handler(lambda notice: lib.tally_handler_fail(-7, short, length, ffi.NULL)))
    assert notify(registry) == (1, 1, 0)
    assert seen == [(-7, "", "")]


def test_outside_of_handlers_a_failure_is_only_its_code() -> None:
    assert fail("nobody asks", -42) == -42
    assert fail("nobody asks", 0) == -1


def test_a_payload_reaches_on_panic(box: Box) -> None:
    registry = box.registry()
    payload = box.new("int *", 42)
    seen: list[Any] = []
    panic = box.callback("tally_panic_handler", lambda _, failure: seen.append(failure.payload) or 0, 1)
    check(lib.tally_registry_on_panic(registry, panic, ffi.NULL, ffi.NULL, ffi.NULL))
    box.register(registry, box.handler(lambda notice: lib.tally_handler_fail(-7, b"m", 1, payload)))
    box.register(registry, box.handler(lambda notice: -7))
    assert notify(registry) == (2, 2, 0)
    assert seen == [ffi.cast("void *", payload), ffi.NULL]


def test_the_first_failure_of_a_policy_is_in_the_error(box: Box) -> None:
    registry = box.registry(policy=constant("TALLY_POLICY_RAISE"))
    name = box.new("char[]", b"ledger")
    box.register(registry, box.handler(lambda notice: fail("first", -41)), name=name, name_length=6)
    box.register(registry, box.handler(lambda notice: fail("second", -42)))
    out, error = ffi.new("tally_notified *"), ffi.new("tally_error *")
    status = lib.tally_registry_notify(registry, ffi.new("tally_notice *"), out, error)
    assert name_of(status) == "E_HANDLER"
    assert (out.fired, out.failed, out.skipped) == (2, 2, 0)
    message = ffi.string(error.message).decode()
    assert "ledger" in message
    assert message.endswith("first")
    assert error.os_error == -41


def test_a_patterns_number_is_no_kind_of_an_event(box: Box) -> None:
    registry = box.registry()
    notice = ffi.new("tally_notice *", {"kind": kind_number("capi.*")})
    assert name_of(lib.tally_registry_notify(registry, notice, ffi.NULL, ffi.NULL)) == "E_ARGUMENT"
    never = ffi.new("tally_notice *", {"kind": 2**31 - 1})
    check(lib.tally_registry_notify(registry, never, ffi.NULL, ffi.NULL))


def test_the_same_name_has_the_same_number_and_back() -> None:
    numbers = {kind_number(name) for name in ("capi.x", "capi.y", "capi.*", "capi.é")}
    assert len(numbers) == 4
    assert kind_number("capi.x") in numbers
    assert bool(kind_number("capi.*") & constant("TALLY_KIND_PATTERN"))
    name, length = ffi.new("const char **"), ffi.new("size_t *")
    check(lib.tally_kind_name(kind_number("capi.é"), name, length, ffi.NULL))
    assert text(name[0], length[0]) == "capi.é" == ffi.string(name[0]).decode()
