"""Rule 7: what a program was compiled with holds for every later library of the same major version. A change of a
struct, a constant or a prototype is announced by writing tests/vectors/abi.json anew, and read in review."""

import json
import re
import subprocess

import pytest

from . import header
from .library import LIBRARY, address, ffi, lib

GOLDEN = json.loads((header.ROOT / "tests" / "vectors" / "abi.json").read_text(encoding="utf-8"))
HOW = "if it is meant: out/venv/bin/python tests/vectors/make_abi.py"
STRUCTS = header.structs()


@pytest.mark.parametrize("part", ["structs", "constants", "functions"])
def test_the_abi_is_the_announced_one(part: str) -> None:
    now, announced = header.abi()[part], GOLDEN[part]
    gone = sorted(set(announced) - set(now))
    new = sorted(set(now) - set(announced))
    changed = {name: (announced[name], now[name]) for name in set(now) & set(announced) if now[name] != announced[name]}
    assert (gone, new, changed) == ([], [], {}), HOW


def test_the_pins_that_a_compiler_checks_are_the_announced_ones() -> None:
    pinned = (header.ROOT / "csrc" / "base" / "abi.h").read_text(encoding="utf-8")
    sizes = {name: int(size) for name, size in re.findall(r"^SIZE\((\w+), (\d+)\);$", pinned, re.MULTILINE)}
    places = {(name, member): int(at) for name, member, at in re.findall(r"^AT\((\w+), (\w+), (\d+)\);$", pinned, re.M)}
    assert sizes == {name: row["size"] for name, row in GOLDEN["structs"].items()}, HOW
    members = {
        (name, key): value[0] for name, row in GOLDEN["structs"].items() for key, value in row["members"].items()
    }
    assert places == members, HOW


@pytest.mark.parametrize("name", STRUCTS)
def test_a_struct_lies_in_memory_as_its_compiler_says(name: str) -> None:
    """Read by another implementation of the ABI: cffi's."""
    seen = header.compiled()["structs"][name]
    assert ffi.sizeof(name) == seen["size"]
    assert ffi.alignof(name) == seen["align"]
    for member, (offset, size) in seen["members"].items():
        assert ffi.offsetof(name, member) == offset
        assert ffi.sizeof(dict(ffi.typeof(name).fields)[member].type) == size


@pytest.mark.parametrize("name", STRUCTS)
def test_a_struct_has_no_hidden_padding(name: str) -> None:
    """Padding would be unknown bytes in what callers compare, copy and zero."""
    end = 0
    for offset, size in header.compiled()["structs"][name]["members"].values():
        assert offset == end
        end = offset + size
    assert end == header.compiled()["structs"][name]["size"]


@pytest.mark.parametrize("name", [name for name, struct in STRUCTS.items() if struct.is_sized])
def test_an_option_struct_leaves_room_to_grow(name: str) -> None:
    assert ffi.sizeof(name) <= header.compiled()["macros"]["TALLY_STRUCT_SIZE_MAX"] // 2
    assert header.compiled()["structs"][name]["members"]["size"] == [0, 8]


def symbols() -> list[str]:
    return (header.ROOT / "csrc" / "exports.txt").read_text(encoding="utf-8").split()


def test_the_exported_symbols_are_the_announced_ones() -> None:
    done = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True, text=True, check=True)
    exported = [line.split()[2] for line in done.stdout.splitlines()]
    # Builds with sanitizers or coverage export what those need.
    assert sorted(name for name in exported if name.startswith("tally_")) == sorted(symbols())
    assert set(symbols()) == set(header.functions())


def test_every_declared_function_is_in_this_build() -> None:
    for name in header.functions():
        assert address(ffi.addressof(lib, name)) != 0


# ------------------------------------------------------------------------------------ the table for extensions


def test_the_table_for_extensions_has_the_functions_of_its_members_names() -> None:
    table = lib.tally_api_table()
    assert table.size == ffi.sizeof("tally_api")
    assert table.version == lib.tally_version()
    assert table.reserved == 0
    functions = [member for member in STRUCTS["tally_api"].members if "(*" in member.type]
    assert len(functions) >= 19
    for member in functions:
        assert address(getattr(table, member.name)) == address(ffi.addressof(lib, f"tally_{member.name}")), member.name


def test_the_table_for_extensions_is_always_the_same() -> None:
    assert lib.tally_api_table() == lib.tally_api_table() != ffi.NULL


def test_the_version_of_the_library_is_that_of_its_headers() -> None:
    macros = header.compiled()["macros"]
    assert lib.tally_version() == macros["TALLY_VERSION"]
    text = ffi.string(lib.tally_version_text()).decode()
    assert f'"{text}"' == header.macros()["TALLY_VERSION_TEXT"]
    parts = [macros[f"TALLY_VERSION_{part}"] for part in ("MAJOR", "MINOR", "PATCH")]
    assert text == ".".join(map(str, parts))
    assert macros["TALLY_VERSION"] == parts[0] * 1000000 + parts[1] * 1000 + parts[2]
