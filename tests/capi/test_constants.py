"""Rule 6: every numeric macro of the headers is also in the library, with the same value."""

import pytest

from . import header
from .library import SIZE_MAX, Box, ffi, lib, name_of

NAMES = sorted(header.numeric_macros())


def table() -> dict[str, int]:
    name, value = ffi.new("const char **"), ffi.new("uint64_t *")
    rows: dict[str, int] = {}
    while name_of(lib.tally_constant_at(len(rows), name, value)) == "OK":
        rows[ffi.string(name[0]).decode()] = value[0]
    return rows


@pytest.mark.parametrize("name", NAMES)
def test_a_macro_is_found_by_its_name(name: str) -> None:
    value = ffi.new("uint64_t *")
    assert name_of(lib.tally_constant_get(name.encode(), value)) == "OK"
    assert value[0] == header.compiled()["macros"][name] % 2**64


def test_the_table_has_every_macro_and_nothing_else() -> None:
    assert sorted(table()) == NAMES


def test_the_table_has_the_values_that_are_found_by_name() -> None:
    assert table() == {name: value % 2**64 for name, value in header.compiled()["macros"].items()}


def test_the_walk_ends() -> None:
    name, value = ffi.new("const char **"), ffi.new("uint64_t *")
    for index in (len(NAMES), SIZE_MAX):
        assert name_of(lib.tally_constant_at(index, name, value)) == "E_RANGE"
        assert (name[0], value[0]) == (ffi.NULL, 0)


def test_the_macros_that_are_texts_are_few_and_known() -> None:
    assert set(header.macros()) - set(NAMES) == {"TALLY_VERSION_TEXT", "TALLY_NATIVE_HANDLER_CAPSULE"}


def test_a_name_that_is_not_terminated_in_memory_is_not_read_beyond_a_difference(box: Box) -> None:
    fenced = box.fenced.put(b"TALLY_VERSION_MAJOR_AND_MORE\0", "char *")
    value = ffi.new("uint64_t *")
    assert name_of(lib.tally_constant_get(fenced, value)) == "E_NOT_FOUND"
