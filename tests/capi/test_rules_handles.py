"""Rule 9: NULL, garbage, misaligned, never opened, closed, of another kind, poisoned: each has its own error for every
function that takes a handle, and none is a crash. Rules 2 and 17 for every function that closes one."""

from collections.abc import Callable

import pytest

from .attempt import Attempt
from .library import Box, CData, address, check, ffi, in_child, lib, name_of
from .roles import Closes, Handle
from .table import TABLE
from .whitebox import poisoned

SLOT_BYTES = 64
KINDS = ("registry", "counter", "ring", "mask", "store", "reader", "completions")
OWNS_FILES = ("store", "reader")
GARBAGE = (1, 8, 64, 4096, 2**47, 2**63, 2**64 - 64, 2**64 - 1, 0xDDDDDDDDDDDDDDDD)
TAKES = [
    (name, parameter, role.kind)
    for name, row in TABLE.items()
    for parameter, role in row.roles.items()
    if isinstance(role, Handle) and role.kind != "platform"
]
CLOSES = [
    (name, role.kind)
    for name, row in TABLE.items()
    for role in row.roles.values()
    if isinstance(role, Closes) and role.kind != "platform"
]
takes = pytest.mark.parametrize(("name", "parameter", "kind"), TAKES)
closes = pytest.mark.parametrize(("name", "kind"), CLOSES)


def strangers(box: Box) -> dict[str, CData]:
    """Pointers that are no handles at all."""
    there = box.open("registry")
    inside = {f"{offset} bytes into a slot": address(there) + offset for offset in (1, 4, 8, 63)}
    mine = {"memory of the caller": address(box.new("uint64_t[16]"))}
    fenced = {"memory with an end": address(box.fenced.put(bytes(8)))}
    code = {"a function": address(ffi.addressof(lib, "tally_version"))}
    values = {f"{value:#x}": value for value in GARBAGE} | inside | mine | fenced | code
    return {label: ffi.cast("void *", value) for label, value in values.items()}


def never_opened(box: Box) -> CData:
    """A slot behind those that a test opens."""
    there = address(box.open("registry"))
    for step in range(100, 4096):
        slot = ffi.cast("void *", there + step * SLOT_BYTES)
        if lib.tally_handle_generation(slot) == 0:
            return slot
    raise AssertionError("no unused slot is near")


def closed(kind: str) -> CData:
    box = Box()
    stale = box.handle(kind)
    box.end()
    return stale


def test_every_noun_is_looked_at() -> None:
    assert {kind for _, _, kind in TAKES} == set(KINDS) == {kind for _, kind in CLOSES}


@takes
def test_null_is_refused(name: str, parameter: str, kind: str, box: Box) -> None:
    Attempt(name, box).refuse("E_NULL", **{parameter: ffi.NULL})


@takes
def test_what_is_no_handle_is_refused(name: str, parameter: str, kind: str, box: Box) -> None:
    attempt = Attempt(name, box)
    for pointer in strangers(box).values():
        attempt.refuse("E_HANDLE", **{parameter: pointer})


@takes
def test_a_slot_that_was_never_opened_is_refused(name: str, parameter: str, kind: str, box: Box) -> None:
    Attempt(name, box).refuse("E_HANDLE", **{parameter: never_opened(box)})


@takes
def test_a_closed_handle_is_refused(name: str, parameter: str, kind: str, box: Box) -> None:
    Attempt(name, box).refuse("E_CLOSED", **{parameter: closed(kind)})


@takes
def test_a_handle_of_another_kind_is_refused(name: str, parameter: str, kind: str, box: Box) -> None:
    attempt = Attempt(name, box)
    for other in KINDS:
        if other != kind:
            attempt.refuse("E_TYPE", **{parameter: attempt.good.handle(other)})


@takes
def test_a_closed_handle_of_another_kind_is_refused_as_of_another_kind(
    name: str, parameter: str, kind: str, box: Box
) -> None:
    other = next(other for other in KINDS if other != kind)
    Attempt(name, box).refuse("E_TYPE", **{parameter: closed(other)})


# A native handler looks only whether its object is there.
@pytest.mark.parametrize(("name", "parameter", "kind"), [case for case in TAKES if not case[0].endswith("_handler")])
def test_a_poisoned_handle_says_so(name: str, parameter: str, kind: str, box: Box) -> None:
    attempt = Attempt(name, box)
    good = attempt.good.handle(kind)
    attempt.succeed() if TABLE[name].returns == "status" else attempt.call()
    with poisoned(good):
        attempt.refuse("E_PANIC", **{parameter: good})


@pytest.mark.parametrize(("name", "parameter", "kind"), [case for case in TAKES if case[2] in OWNS_FILES])
def test_a_forked_handle_says_so(name: str, parameter: str, kind: str, box: Box) -> None:
    attempt = Attempt(name, box)
    good = attempt.good.handle(kind)
    attempt.call()  # makes what the call needs, here and not in the child

    def refused() -> None:
        attempt.refuse("E_FORKED", **{parameter: good})

    in_child(refused)
    assert name_of(attempt.call()) != "E_FORKED"


@pytest.mark.parametrize(("name", "kind"), [case for case in CLOSES if case[1] in OWNS_FILES])
def test_a_forked_handle_is_closed_without_harm(name: str, kind: str, box: Box) -> None:
    handle = slot_for(kind, opener(box, kind)())

    def close() -> None:
        assert name_of(getattr(lib, name)(handle)) in ("OK", "E_FORKED")

    in_child(close)
    assert lib.tally_handle_generation(handle[0]) != 0
    check(getattr(lib, name)(handle))


@pytest.mark.parametrize("parameter", ["platform"])
def test_only_worlds_in_memory_are_advanced(parameter: str, box: Box) -> None:
    attempt = Attempt("tally_platform_memory_advance", box)
    attempt.refuse("E_NULL", platform=ffi.NULL)
    attempt.refuse("E_TYPE", platform=ffi.cast("tally_platform *", lib.tally_platform_default()))


# -------------------------------------------------------------------------------------------------- closing


def opener(box: Box, kind: str) -> Callable[[], CData]:
    return lambda: box.handle(kind)


def slot_for(kind: str, value: CData) -> CData:
    return ffi.new(f"tally_{kind} **", ffi.cast(f"tally_{kind} *", value))


@closes
def test_close_accepts_null_and_a_pointer_to_null(name: str, kind: str) -> None:
    check(getattr(lib, name)(ffi.NULL))
    handle = ffi.new(f"tally_{kind} **")
    check(getattr(lib, name)(handle))


@closes
def test_close_sets_the_pointer_to_null_and_may_be_called_twice(name: str, kind: str, box: Box) -> None:
    handle = slot_for(kind, opener(box, kind)())
    again = slot_for(kind, handle[0])
    for pointer in (handle, again, handle):
        check(getattr(lib, name)(pointer))
        assert pointer[0] == ffi.NULL


@closes
def test_close_leaves_a_pointer_that_is_no_handle(name: str, kind: str, box: Box) -> None:
    for pointer in [*strangers(box).values(), never_opened(box)]:
        handle = slot_for(kind, pointer)
        assert name_of(getattr(lib, name)(handle)) == "E_HANDLE"
        assert handle[0] == pointer


@closes
def test_close_leaves_a_handle_of_another_kind(name: str, kind: str, box: Box) -> None:
    for other in KINDS:
        if other == kind:
            continue
        stranger = opener(box, other)()
        handle = slot_for(kind, stranger)
        assert name_of(getattr(lib, name)(handle)) == "E_TYPE"
        assert handle[0] == stranger
        generation = lib.tally_handle_generation(stranger)
        assert generation != 0


def test_a_world_in_memory_is_closed_once_and_nothing_else_is(box: Box) -> None:
    close = lib.tally_platform_memory_close
    check(close(ffi.NULL))
    check(close(ffi.new("tally_platform **")))
    world = ffi.new("tally_platform **")
    check(lib.tally_platform_memory_open(1, world, ffi.NULL))
    check(close(world))
    assert world[0] == ffi.NULL
    check(close(world))
    system = ffi.new("tally_platform **", ffi.cast("tally_platform *", lib.tally_platform_default()))
    assert name_of(close(system)) == "E_TYPE"
    assert system[0] == lib.tally_platform_default()


# -------------------------------------------------------------------------------------------------- generations


def test_the_generation_of_what_is_no_handle_is_zero(box: Box) -> None:
    for label, pointer in strangers(box).items():
        assert lib.tally_handle_generation(pointer) == 0, label
    assert lib.tally_handle_generation(ffi.NULL) == 0
    assert lib.tally_handle_generation(never_opened(box)) == 0


def test_a_slot_that_serves_again_has_another_generation() -> None:
    """A closed slot is reused last: all others are taken first. Then a stale handle tells itself by its generation."""
    in_child(use_a_slot_again)  # uses up all fresh slots


def use_a_slot_again() -> None:
    first = slot_for("registry", ffi.NULL)
    check(lib.tally_registry_open(ffi.NULL, first, ffi.NULL))
    stale = first[0]
    generation = lib.tally_handle_generation(stale)
    assert generation != 0
    check(lib.tally_registry_close(first))
    handles = []
    for _ in range(20000):
        handles.append(slot_for("counter", ffi.NULL))
        check(lib.tally_counter_open(ffi.NULL, handles[-1], ffi.NULL))
        if handles[-1][0] == stale:
            break
        assert lib.tally_handle_generation(stale) == generation
    assert handles[-1][0] == stale, "the slot was not used again"
    assert len(handles) > 1
    assert lib.tally_handle_generation(stale) not in (0, generation)
    count = ffi.new("uint64_t *")
    assert name_of(lib.tally_registry_count(ffi.cast("tally_registry *", stale), count, ffi.NULL)) == "E_TYPE"
    for handle in handles:
        check(lib.tally_counter_close(handle))
