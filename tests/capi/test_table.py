"""Nothing escapes: each declared function has a row, each parameter a part that fits its type, each struct a shape."""

import re

import pytest

from . import header
from .attempt import Attempt
from .library import Box, ffi
from .roles import (
    Buffer,
    Bytes,
    Closes,
    Data,
    Detail,
    Form,
    Function,
    Given,
    Handle,
    Items,
    Key,
    Length,
    Name,
    Opens,
    Out,
    Path,
    Plain,
    Role,
    Row,
    Symbol,
    Text,
    Value,
    Word,
)
from .structs import NESTED, NEVER_IN, SHAPES, sites, struct_of
from .table import TABLE

FUNCTIONS = header.functions()
STRUCTS = header.structs()
OPAQUE = set(re.findall(r"typedef struct (\w+) \1;", header.declarations()))
CALLBACKS = set(re.findall(r"typedef [^;{}]*\(\*(\w+)\)", header.declarations()))


def fitting(type_: str) -> set[type[Role]]:
    """The parts that a parameter of a type can play."""
    pointed = type_.removesuffix("*").removeprefix("const ").strip()
    if type_ == "tally_error *":
        return {Detail}
    if type_.endswith("**"):
        return {Out} if "char" in type_ else {Opens, Closes, Out}
    if pointed in OPAQUE:
        return {Handle}
    if type_ == "tally_platform *":
        return {Handle}
    if type_ in CALLBACKS or "(*)" in type_:
        return {Function}
    if type_ == "size_t":
        return {Length}
    if type_ == "const char *":
        return {Text, Symbol, Path, Form, Bytes}
    if type_ == "tally_text":
        return {Name, Key}
    if type_ in ("const tally_uuid *", "const tally_event *", "const tally_signing *"):
        return {Value}
    if type_ == "const tally_hash *":
        return {Value, Items}
    if type_ == "const tally_text *":
        return {Items}
    if type_ == "const tally_draft *":
        return {Given, Items}
    if pointed == "void" and type_ != pointed:
        return {Handle, Data, Buffer, Bytes}
    if type_.startswith("const ") and pointed in SHAPES:
        return {Given}
    if pointed == "tally_edit":
        return {Items}
    if pointed == "uint32_t" and "*" in type_:
        return {Out, Word}
    if "*" in type_:
        return {Given} if pointed in SHAPES else {Out, Buffer}
    return {Plain}


def test_every_declared_function_has_a_row_and_no_other_has() -> None:
    assert set(TABLE) == set(FUNCTIONS)


@pytest.mark.parametrize("name", TABLE)
def test_a_row_names_each_parameter_in_order_with_a_part_that_fits(name: str) -> None:
    function = FUNCTIONS[name]
    assert list(TABLE[name].roles) == [item.name for item in function.parameters]
    for item in function.parameters:
        assert type(TABLE[name].roles[item.name]) in fitting(item.type), item


@pytest.mark.parametrize("name", TABLE)
def test_a_fallible_function_returns_a_status_and_takes_an_error_last(name: str) -> None:
    function, row = FUNCTIONS[name], TABLE[name]
    assert (function.returns == "tally_status") == (row.returns == "status")
    details = [parameter for parameter, role in row.roles.items() if isinstance(role, Detail)]
    assert details in ([], ["error"])
    if details:
        assert list(row.roles)[-1] == "error"
    takes_handle = any(isinstance(role, Handle) for role in row.roles.values())
    assert not takes_handle or row.returns == "status" or row.answer is not None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_called_tally_noun_verb(name: str) -> None:
    assert re.fullmatch(r"tally(_[a-z]+)+", name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_signature_has_an_enum_a_bool_or_a_type_of_changing_width(name: str) -> None:
    prototype = FUNCTIONS[name].prototype
    words = set(re.findall(r"\w+", prototype))
    assert not words & {"enum", "bool", "_Bool", "int", "long", "short", "unsigned", "float", "double"}
    assert not words & header.enum_types()


@pytest.mark.parametrize("name", STRUCTS)
def test_no_struct_has_an_enum_a_bool_or_a_type_of_changing_width(name: str) -> None:
    for member in STRUCTS[name].members:
        words = set(re.findall(r"\w+", member.type))
        assert not words & {"enum", "bool", "_Bool", "int", "long", "short", "unsigned", "float", "double"}, member
        assert not words & header.enum_types(), member


def test_every_struct_has_a_shape_or_a_reason_to_have_none() -> None:
    assert {struct_of(name) for name in SHAPES} | set(NEVER_IN) == set(STRUCTS)
    assert not set(SHAPES) & set(NEVER_IN)


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_reaches_a_function(name: str) -> None:
    assert list(sites(name))


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_has_all_that_the_rules_look_at(name: str) -> None:
    shape = SHAPES[name]
    refused = {member for member, _, _ in shape.refused}
    lengths = dict(shape.lengths)
    for member in STRUCTS[struct_of(name)].members:
        pointed = member.type.removesuffix("*").removeprefix("const ").strip()
        if member.name in ("flags", "reserved", "policy", "operation"):
            assert member.name in refused, f"{member.name}: which values are refused?"
        if member.type == "size_t" and member.name != "size":
            assert member.name in lengths, f"{member.name}: what does a length above PTRDIFF_MAX get?"
        if member.type == "const char *" and name != "tally_platform":
            assert member.name in dict(shape.texts), f"{member.name}: what text is refused?"
        if "*" in member.type and pointed in SHAPES:
            nested = {(outer, key, inner) for outer, key, inner, _ in NESTED}
            assert (name, member.name, pointed) in nested, f"{member.name} is a way in for {pointed}"
        if member.type == "tally_text":
            assert member.name in shape.names, f"{member.name}: what is refused of it?"
        if "@" not in name and re.fullmatch(r"uint\d+_t", pointed) and member.type.endswith("*"):
            assert member.name in shape.aligned, f"{member.name}: what does a misaligned one get?"


@pytest.mark.parametrize("name", [name for name in TABLE if TABLE[name].returns == "status"])
def test_the_good_arguments_of_a_row_are_good(name: str, box: Box) -> None:
    Attempt(name, box).succeed()


@pytest.mark.parametrize("name", [name for name in TABLE if TABLE[name].returns == "status"])
def test_no_detail_is_needed_for_success(name: str, box: Box) -> None:
    attempt = Attempt(name, box)
    if "error" in attempt.row.roles:
        attempt.succeed(error=ffi.NULL)


def test_a_function_that_is_not_in_the_table_would_be_found() -> None:
    stranger = Row({"registry": Handle("registry")})
    assert set({**TABLE, "tally_registry_explode": stranger}) != set(FUNCTIONS)
    assert fitting("tally_registry *") == {Handle}
    assert fitting("const tally_part *") == {Given}
