"""Rules 4, 5, 10, 11, 15: out-parameters, lengths, texts, callbacks, numbers, for every function that has one."""

import pytest

from . import header
from .attempt import Attempt
from .library import TOO_LONG, Box, address, ffi, lib, name_of
from .roles import (
    Buffer,
    Closes,
    Form,
    Function,
    Items,
    Length,
    Name,
    Opens,
    Out,
    Path,
    Plain,
    Role,
    Symbol,
    Text,
    Value,
    Word,
)
from .table import TABLE


def having(*roles: type[Role], returns: str = "status") -> list[tuple[str, str]]:
    return [
        (name, parameter)
        for name, row in TABLE.items()
        for parameter, role in row.roles.items()
        if isinstance(role, roles) and row.returns == returns
    ]


def each(*roles: type[Role], returns: str = "status") -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("name", "parameter"), having(*roles, returns=returns))


# ---------------------------------------------------------------------------------------------- out-parameters


@each(Out, Opens)
def test_an_out_parameter_is_optional_only_where_the_table_says_so(name: str, parameter: str, box: Box) -> None:
    attempt = Attempt(name, box)
    if getattr(attempt.row.roles[parameter], "optional", False):
        attempt.succeed(**{parameter: ffi.NULL})
    else:
        attempt.refuse("E_NULL", **{parameter: ffi.NULL})


@each(Out, Opens)
def test_an_optional_out_parameter_is_called_so_in_the_header(name: str, parameter: str, box: Box) -> None:
    function = header.functions()[name]
    if getattr(TABLE[name].roles[parameter], "optional", False):
        assert "may be null" in function.comment.lower()


@each(Closes)
def test_what_closes_may_be_given_nothing(name: str, parameter: str, box: Box) -> None:
    assert getattr(lib, name)(ffi.NULL) == 0


# ----------------------------------------------------------------------------------------------------- lengths


@each(Length)
def test_a_length_above_ptrdiff_max_is_refused(name: str, parameter: str, box: Box) -> None:
    attempt = Attempt(name, box)
    role = attempt.row.roles[parameter]
    assert isinstance(role, Length)
    receives = {"receipts": ffi.NULL} if "receipts" in attempt.row.roles else {}  # as many as the length says
    for length in TOO_LONG:
        attempt.refuse(role.too_long, **{parameter: length}, **receives)


@each(Length)
def test_null_with_a_length_is_refused(name: str, parameter: str, box: Box) -> None:
    attempt = Attempt(name, box)
    role = attempt.row.roles[parameter]
    assert isinstance(role, Length)
    if role.of is not None:
        for length in (1, 4, 4096, *TOO_LONG):
            receives = {"receipts": ffi.NULL} if "receipts" in attempt.row.roles and length > 1 else {}
            attempt.refuse("E_NULL", **{role.of: ffi.NULL, parameter: length}, **receives)


@each(Items)
def test_null_with_length_zero_is_empty(name: str, parameter: str, box: Box) -> None:
    attempt = Attempt(name, box)
    count = next(key for key, role in attempt.row.roles.items() if getattr(role, "of", None) == parameter)
    role = attempt.row.roles[parameter]
    assert isinstance(role, Items)
    if role.empty == "OK":
        attempt.succeed(**{parameter: ffi.NULL, count: 0})
    else:
        receives = {"receipts": ffi.NULL} if "receipts" in attempt.row.roles else {}
        attempt.refuse({"E_NULL", role.empty}, **{parameter: ffi.NULL, count: 0}, **receives)
        attempt.refuse(role.empty, **{count: 0}, **receives)


def test_every_array_and_text_has_a_length() -> None:
    for name, row in TABLE.items():
        measured = {role.of for role in row.roles.values() if isinstance(role, Length)}
        for parameter, role in row.roles.items():
            if isinstance(role, Buffer | Items | Text | Path | Form):
                assert parameter in measured, (name, parameter)


# ------------------------------------------------------------------------------------------------------- texts

NOT_UTF8 = (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\xe2\x82", b"\x80")
CONTROLS = ("\x01", "\n", "\x1f", "\x7f", "\x80", "\x9f")


@each(Text)
def test_a_text_is_utf8_without_nul_and_control_characters(name: str, parameter: str, box: Box) -> None:
    attempt = Attempt(name, box)
    role = attempt.row.roles[parameter]
    assert isinstance(role, Text)

    def argument(data: bytes) -> dict[str, object]:
        return {parameter: box.fenced.put(data, "char *"), role.length: len(data)}

    wrong = [(data, "E_UTF8") for data in NOT_UTF8]
    wrong += [(b"a\0b", "E_NUL"), (b"\0", "E_NUL"), (b"abc\0", "E_NUL")]
    wrong += [(f"a{letter}b".encode(), "E_NAME") for letter in CONTROLS]
    for data, error in wrong:
        if role.lenient:
            attempt.succeed(**argument(data))
        else:
            attempt.refuse(error, **argument(data))
    for good in ("a", "é", "日本語", "😀", "\u00a0", "a b"):
        attempt.succeed(**argument(good.encode()))


@each(Text)
def test_a_text_has_its_bounds(name: str, parameter: str, box: Box) -> None:
    attempt = Attempt(name, box)
    role = attempt.row.roles[parameter]
    assert isinstance(role, Text)
    if role.maximum is None:
        attempt.succeed(**{parameter: box.fenced.put(b"x" * 5000, "char *"), role.length: 5000})
        return
    attempt.succeed(**{parameter: box.fenced.put(b"x" * role.maximum, "char *"), role.length: role.maximum})
    attempt.refuse(
        "E_LENGTH", **{parameter: box.fenced.put(b"x" * (role.maximum + 1), "char *"), role.length: role.maximum + 1}
    )
    if role.minimum > 0:
        attempt.refuse("E_LENGTH", **{parameter: ffi.NULL, role.length: 0})
        attempt.refuse("E_LENGTH", **{role.length: 0})


@each(Path)
def test_a_path_is_utf8_without_nul_and_has_its_bounds(name: str, parameter: str, box: Box) -> None:
    attempt = Attempt(name, box)
    role = attempt.row.roles[parameter]
    assert isinstance(role, Path)
    wrong = [(data, "E_UTF8") for data in NOT_UTF8] + [(b"/a\0b", "E_NUL"), (b"/\0", "E_NUL"), (b"", "E_LENGTH")]
    for data, error in [*wrong, (b"/" + b"x" * 400, "E_LENGTH")]:
        attempt.refuse(error, **{parameter: box.fenced.put(data, "char *"), role.length: len(data)})
    attempt.refuse({"E_NULL", "E_LENGTH"}, **{parameter: ffi.NULL, role.length: 0})


@each(Form)
def test_a_text_of_one_form_has_no_other(name: str, parameter: str, box: Box) -> None:
    attempt = Attempt(name, box)
    role = attempt.row.roles[parameter]
    assert isinstance(role, Form)
    for length in (0, 1, len(role.good) - 1, len(role.good) + 1):
        attempt.refuse("E_LENGTH", **{parameter: box.fenced.put(b"0" * length, "char *"), role.length: length})
    for at in range(len(role.good)):
        spoiled = role.good.encode()[:at] + b"\xff" + role.good.encode()[at + 1 :]
        attempt.refuse("E_ARGUMENT", **{parameter: box.fenced.put(spoiled, "char *")})
        assert attempt.values["error"] == ffi.NULL or attempt.values["error"].position == at


@each(Name)
def test_a_name_by_value_is_checked(name: str, parameter: str, box: Box) -> None:
    attempt = Attempt(name, box)
    role = attempt.row.roles[parameter]
    assert isinstance(role, Name)
    wrong = [(data, "E_UTF8") for data in NOT_UTF8] + [(b"a\0b", "E_NUL"), (b"\0", "E_NUL")]
    wrong += [(f"a{letter}b".encode(), "E_NAME") for letter in CONTROLS]
    wrong += [(b"x" * (role.maximum + 1), "E_LENGTH")] + ([(b"", "E_LENGTH")] if role.minimum else [])
    for data, error in wrong:
        attempt.refuse(error, **{parameter: box.text(data)})
    attempt.refuse("E_NULL", **{parameter: {"bytes": ffi.NULL, "length": 3}})
    for length in TOO_LONG:
        attempt.refuse("E_LENGTH", **{parameter: {"bytes": box.fenced.put(b"x"), "length": length}})
    unknown = {"OK", "E_NOT_FOUND"} if name == "tally_store_find_version" else {"OK"}
    for good in ("é", "日本語", "a b", "x" * role.maximum):
        assert name_of(attempt.call(**{parameter: box.text(good.encode())})) in unknown


@each(Value)
def test_a_value_is_needed(name: str, parameter: str, box: Box) -> None:
    Attempt(name, box).refuse("E_NULL", **{parameter: ffi.NULL})


@each(Length)
def test_room_for_nothing_is_refused_where_the_table_says_so(name: str, parameter: str, box: Box) -> None:
    attempt = Attempt(name, box)
    role = attempt.row.roles[parameter]
    assert isinstance(role, Length)
    if role.zero is not None:
        attempt.refuse(role.zero, **{parameter: 0})


@each(Symbol)
def test_a_symbol_is_found_or_refused(name: str, parameter: str, box: Box) -> None:
    attempt = Attempt(name, box)
    attempt.refuse("E_NULL", **{parameter: ffi.NULL})
    for stranger in (b"", b"TALLY", b"TALLY_VERSION_", b"tally_version", b"\xff"):
        attempt.refuse("E_NOT_FOUND", **{parameter: box.fenced.put(stranger + b"\0", "char *")})


# ---------------------------------------------------------------------------------- callbacks, numbers, pointers


@each(Function)
def test_a_callback_is_optional_only_where_the_table_says_so(name: str, parameter: str, box: Box) -> None:
    attempt = Attempt(name, box)
    role = attempt.row.roles[parameter]
    assert isinstance(role, Function)
    if role.optional:
        attempt.succeed(**{parameter: ffi.NULL})
    else:
        attempt.refuse("E_NULL", **{parameter: ffi.NULL})


@each(Plain)
def test_a_number_out_of_bounds_is_refused(name: str, parameter: str, box: Box) -> None:
    attempt = Attempt(name, box)
    role = attempt.row.roles[parameter]
    assert isinstance(role, Plain)
    for value, error in role.refused:
        attempt.refuse(error, **{parameter: value})


IDS = [(name, key) for name, key in having(Plain) if key == "id" and name.startswith("tally_registry_")]


@pytest.mark.parametrize(("name", "parameter"), IDS)
def test_an_id_of_another_registry_is_foreign_and_an_unknown_one_is_a_miss(name: str, parameter: str, box: Box) -> None:
    attempt = Attempt(name, box)
    own = lib.tally_registry_number(attempt.good.registry)
    stranger = box.register(box.open("registry"), attempt.good.handler)
    for registry, handler in ((stranger.registry, stranger.handler), (0, 0), (0, 1), (2**64 - 1, 1)):
        attempt.refuse("E_FOREIGN", **{parameter: {"registry": registry, "handler": handler}})
    for handler in (0, 2**63, 2**64 - 1):
        attempt.succeed(**{parameter: {"registry": own, "handler": handler}})


def test_there_are_functions_with_ids() -> None:
    assert len(IDS) >= 4


@each(Word)
def test_a_word_is_aligned(name: str, parameter: str, box: Box) -> None:
    attempt = Attempt(name, box)
    role = attempt.row.roles[parameter]
    assert isinstance(role, Word)
    words = box.new("uint32_t[4]")
    misaligned = [ffi.cast("uint32_t *", address(words) + offset) for offset in (1, 2, 3)]
    for word in misaligned:
        if role.aligned:
            attempt.refuse("E_ALIGNMENT", **{parameter: word})
        else:
            attempt.succeed(**{parameter: word})
    if role.optional:
        attempt.succeed(**{parameter: ffi.NULL})
    else:
        attempt.refuse("E_NULL", **{parameter: ffi.NULL})
