"""Rules 4 and 5: the sizes of option structs, unknown flags and values, reserved members, and what structs point to, at
every place where a struct reaches a function."""

from collections.abc import Iterator
from typing import Any

import pytest

from . import header
from .attempt import Attempt
from .library import TOO_LONG, Box, CData, address, constant, ffi
from .roles import Given
from .structs import SHAPES, NameMember, Shape, Site, build, first_size, image, sites, struct_of
from .table import TABLE

MOST = constant("TALLY_STRUCT_SIZE_MAX")
SITES = [(name, site) for name in SHAPES for site in sites(name)]
SIZED = [(name, site) for name, site in SITES if header.structs()[struct_of(name)].is_sized]


# The handlers of native.h get a notice that notify has looked at.
CHECKED = [(name, site) for name, site in SITES if TABLE[site.function].returns == "status"]


def labels(cases: list[tuple[str, Site]]) -> list[str]:
    return [f"{name}-{site.label}" for name, site in cases]


each = pytest.mark.parametrize(("name", "site"), SITES, ids=labels(SITES))
each_checked = pytest.mark.parametrize(("name", "site"), CHECKED, ids=labels(CHECKED))
each_sized = pytest.mark.parametrize(("name", "site"), SIZED, ids=labels(SIZED))


class Try:
    """A call at a site with a struct of our making."""

    def __init__(self, name: str, site: Site, box: Box) -> None:
        self.name, self.site, self.box = name, site, box
        self.shape: Shape = SHAPES[name]
        self.attempt = Attempt(site.function, box)
        self.good = self.attempt.good

    def pointer(self, data: bytes) -> CData:
        """Aligned; ends where memory ends, or at most seven bytes before."""
        return self.box.fenced.put(data + bytes(-len(data) % 8), f"{struct_of(self.name)} *")

    def expect(self, outcome: str | set[str], pointer: CData) -> None:
        """A set: any of these."""
        changes = self.site.place(self.good, pointer)
        if self.attempt.row.returns != "status":
            assert self.attempt.call(**changes) == 0 or outcome != "OK"
        elif outcome == "OK":
            self.attempt.succeed(**changes)
        else:
            self.attempt.refuse(outcome, **changes)

    def with_members(self, outcome: str | set[str], /, **members: Any) -> None:
        self.expect(outcome, build(self.good, self.name, **members))

    def image(self, size: int, tail: bytes = b"") -> bytes:
        return image(self.good, self.name, size, tail)


@each_sized
def test_a_struct_of_the_known_size_is_accepted_and_nothing_behind_it_is_read(name: str, site: Site, box: Box) -> None:
    case = Try(name, site, box)
    case.expect("OK", case.pointer(case.image(ffi.sizeof(struct_of(name)))))


@each_sized
def test_a_size_below_the_first_version_or_above_the_maximum_is_refused_unread(name: str, site: Site, box: Box) -> None:
    case = Try(name, site, box)
    known = first_size(name)
    for size in (0, 1, 8, known - 8, known - 1, MOST + 1, 2**31, 2**63, 2**64 - 1):
        only_the_size = case.pointer(size.to_bytes(8, "little"))
        case.expect("E_STRUCT_SIZE", only_the_size)


@each_sized
def test_a_struct_of_the_first_version_is_accepted(name: str, site: Site, box: Box) -> None:
    case = Try(name, site, box)
    known = first_size(name)
    whole = bytearray(case.image(known)[:known])
    whole[:8] = known.to_bytes(8, "little")
    case.expect("OK", case.pointer(bytes(whole)))


@each_sized
def test_a_larger_struct_with_a_zero_tail_is_accepted(name: str, site: Site, box: Box) -> None:
    case = Try(name, site, box)
    known = ffi.sizeof(struct_of(name))
    for size in (known + 1, known + 8, MOST):
        case.expect("OK", case.pointer(case.image(size, bytes(size - known))))


@each_sized
def test_a_larger_struct_with_another_tail_is_refused(name: str, site: Site, box: Box) -> None:
    case = Try(name, site, box)
    known = ffi.sizeof(struct_of(name))
    for size in (known + 1, known + 8, MOST):
        tail = bytes(size - known - 1) + b"\1"
        case.expect(case.shape.tail, case.pointer(case.image(size, tail)))
    case.expect(case.shape.tail, case.pointer(case.image(known + 8, b"\1" + bytes(7))))


@each_sized
def test_a_misaligned_struct_is_refused(name: str, site: Site, box: Box) -> None:
    case = Try(name, site, box)
    for offset in (1, 4, 7):
        whole = case.pointer(bytes(offset) + case.image(ffi.sizeof(struct_of(name))))
        case.expect("E_ALIGNMENT", ffi.cast(f"{struct_of(name)} *", address(whole) + offset))


@each
def test_no_struct_means_the_defaults_or_is_refused(name: str, site: Site, box: Box) -> None:
    case = Try(name, site, box)
    role = TABLE[site.function].roles.get(site.label.split(".")[1])
    nested = site.label.count(".") > 1
    if isinstance(role, Given):
        case.expect(
            "OK" if (role.optional or nested) and not site.counted else "E_NULL", ffi.cast(f"{struct_of(name)} *", 0)
        )


def refusals() -> Iterator[Any]:
    for name, site in CHECKED:
        for number, (member, value, error) in enumerate(SHAPES[name].refused):
            yield pytest.param(name, site, member, value, error, id=f"{site.label}.{member}-{number}")


@pytest.mark.parametrize(("name", "site", "member", "value", "error"), list(refusals()))
def test_an_unknown_value_is_refused(name: str, site: Site, member: str, value: Any, error: str, box: Box) -> None:
    case = Try(name, site, box)
    if member in SHAPES[name].aligned:
        value = box.new("uint32_t[1]", [value])
    case.with_members(error, **{member: value})
    case.with_members("OK")


@each_checked
def test_a_length_in_a_struct_is_bounded_and_needs_its_pointer(name: str, site: Site, box: Box) -> None:
    case = Try(name, site, box)
    for member, rule in case.shape.lengths:
        for length in TOO_LONG:
            array = {rule.pointer: box.new("tally_text[1]")} if rule.given and rule.pointer else {}
            case.with_members(rule.too_long, **{member: length}, **array)
        if rule.pointer is not None:
            for length in (1, 7):
                case.with_members(rule.null, **{member: length, rule.pointer: ffi.NULL})
            case.with_members(rule.empty, **{**emptied(case.shape), rule.pointer: ffi.NULL, member: 0})


def emptied(shape: Shape) -> dict[str, int]:
    """A part of an empty order is empty itself."""
    return {member: 0 for member, rule in shape.lengths if rule.pointer is None}


@each
def test_a_text_in_a_struct_is_a_name(name: str, site: Site, box: Box) -> None:
    case = Try(name, site, box)
    for member, rule in case.shape.texts:

        def given(data: bytes, member: str = member, length: str = rule.length) -> dict[str, Any]:
            return {member: box.fenced.put(data, "char *"), length: len(data)}

        for data, error in (
            (b"\xff", "E_UTF8"),
            (b"a\xc3", "E_UTF8"),
            (b"a\0b", "E_NUL"),
            (b"a\nb", "E_NAME"),
            (b"a\xc2\x85b", "E_NAME"),
            (b"x" * (rule.maximum + 1), "E_LENGTH"),
        ):
            case.with_members(error, **given(data))
        case.with_members("OK", **given(b"x" * rule.maximum))
        case.with_members("OK", **given("日本語".encode()))


def wrong_names(rule: NameMember) -> list[tuple[bytes, str]]:
    wrong = [(b"x" * (rule.maximum + 1), "E_LENGTH")]
    if not rule.raw:
        wrong += [(b"\xff", "E_UTF8"), (b"a\xc3", "E_UTF8"), (b"\xed\xa0\x80", "E_UTF8"), (b"a\0b", "E_NUL")]
        wrong += [(b"a\nb", "E_NAME"), (b"a\xc2\x85b", "E_NAME"), (b"\x7f", "E_NAME")]
    if rule.minimum > 0:
        wrong += [(b"", "E_LENGTH")]
    if rule.owned:
        wrong += [(b"$", "E_NAME"), (b"$log", "E_NAME"), (b"tally.", "E_NAME"), (b"tally.made", "E_NAME")]
    return wrong


def right_names(rule: NameMember) -> list[bytes]:
    right = [b"x" * rule.maximum, *(name.encode() for name in rule.good)]
    if rule.raw:
        right += [b"\0", b"\xff\n"]
    if rule.owned:
        right += [b"a$", b"tally", b"Tally.x"]
    return right


@each_checked
def test_a_name_in_a_struct_is_checked(name: str, site: Site, box: Box) -> None:
    case = Try(name, site, box)
    for member, rule in case.shape.names.items():
        for data, error in wrong_names(rule):
            if rule.alone != "E_ARGUMENT":
                others = {rule.alone, "E_NAME" if rule.ascii else error} - {"OK"}
                case.with_members({error} | others, **{member: box.text(data)})
        for data in right_names(rule):
            case.with_members(rule.alone, **{member: box.text(data)})
        if rule.minimum == 0:
            later = site.function.endswith("_async")  # a conflict comes with the completion
            case.with_members("OK" if later or rule.alone != "OK" else rule.empty, **{member: box.text(b"")})
        case.with_members({"E_NULL", rule.alone} - {"OK"}, **{member: {"bytes": ffi.NULL, "length": 5}})
        for length in TOO_LONG:
            refused = {"bytes": box.fenced.put(b"x"), "length": length}
            case.with_members({"E_LENGTH", rule.alone} - {"OK"}, **{member: refused})


@each_checked
def test_a_name_in_a_list_in_a_struct_is_checked(name: str, site: Site, box: Box) -> None:
    case = Try(name, site, box)
    for member, count, rule in case.shape.lists:

        def given(*names: bytes, member: str = member, count: str = count) -> dict[str, Any]:
            array = box.new("tally_text[]", [box.text(data) for data in names])
            return {member: array, count: len(names)}

        for data, error in wrong_names(rule):
            case.with_members(error, **given(data))
            case.with_members(error, **given(b"good", data))
        case.with_members("OK", **given(*right_names(rule)))
        case.with_members("OK", **given(b"twice", b"twice"))
        case.with_members("E_NULL", **{**given(b"x"), member: box.new("tally_text[1]", [{"length": 3}])})


@each
def test_numbers_behind_a_pointer_are_aligned(name: str, site: Site, box: Box) -> None:
    case = Try(name, site, box)
    for member in case.shape.aligned:
        pointer = case.shape.good(case.good)[member]
        kind = ffi.typeof(pointer)
        case.with_members("E_ALIGNMENT", **{member: ffi.cast(kind, address(pointer) - 1)})
