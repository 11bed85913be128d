"""The structs that a caller hands in: what good ones hold, which values of which members are refused, which members are
lengths of what. A struct of the headers that is in neither table below fails test_table.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from . import header
from .library import CData, constant, ffi, kind_number
from .roles import Given, Good, Items
from .table import TABLE

FUNCTION = "a function pointer"


@dataclass(frozen=True)
class LengthMember:
    pointer: str | None
    too_long: str = "E_LENGTH"
    null: str = "E_NULL"


@dataclass(frozen=True)
class TextMember:
    length: str
    maximum: int


@dataclass(frozen=True)
class Shape:
    good: Callable[[Good], dict[str, Any]]
    refused: tuple[tuple[str, Any, str], ...] = ()
    lengths: tuple[tuple[str, LengthMember], ...] = ()
    texts: tuple[tuple[str, TextMember], ...] = ()
    # Arrays of numbers that must be aligned.
    aligned: tuple[str, ...] = ()
    # What a larger struct with a tail that is not zero gets.
    tail: str = "E_STRUCT_SIZE"


def nothing(good: Good) -> dict[str, Any]:
    return {}


def observer(good: Good) -> dict[str, Any]:
    kind = "void(void *, tally_handler_id, int32_t, const tally_failure *)"
    return {"outcome": good.box.callback(kind, lambda *_: None)}


def part(good: Good) -> dict[str, Any]:
    order = good.box.fenced.put(int(good.id.handler).to_bytes(8, "little"), "uint64_t *")
    return {"order": order, "order_count": 1, "first": 0, "count": 1}


def handler_options(good: Good) -> dict[str, Any]:
    kinds = good.box.fenced.put(kind_number("capi.kind").to_bytes(4, "little"), "uint32_t *")
    name = good.box.fenced.put(b"a name", "char *")
    return {"name": name, "name_length": 6, "kinds": kinds, "kind_count": 1, "priority": -1}


def mask_options(good: Good) -> dict[str, Any]:
    return {"mask": 0xF0, "match": 0, "width": 1, "handler": good.handler}


def platform(good: Good) -> dict[str, Any]:
    members = [member.name for member in header.structs()["tally_platform"].members]
    return {name: getattr(good.platform, name) for name in members}


def bits(member: str, known: int, error: str = "E_OPTION") -> tuple[tuple[str, int, str], ...]:
    """Bits that nobody knows: the lowest and the highest."""
    lowest = known + 1 & ~known
    return (member, lowest, error), (member, 0x80000000, error), (member, known | 0x40000000, error)


RESERVED = ("reserved", 1, "E_OPTION")
SHAPES: dict[str, Shape] = {
    "tally_registry_options": Shape(
        nothing,
        (
            ("policy", 3, "E_OPTION"),
            ("policy", 2**32 - 1, "E_OPTION"),
            *bits("flags", 3),
            RESERVED,
            ("capacity", constant("TALLY_REGISTRY_HANDLERS_MAX") + 1, "E_RANGE"),
        ),
    ),
    "tally_registry_host": Shape(nothing),
    "tally_handler_options": Shape(
        handler_options,
        (*bits("flags", 3), RESERVED, ("kinds", 0, "E_NOT_FOUND")),
        (("name_length", LengthMember("name")), ("kind_count", LengthMember("kinds"))),
        (("name", TextMember("name_length", constant("TALLY_HANDLER_NAME_MAX"))),),
        ("kinds",),
    ),
    "tally_observer": Shape(observer, (("outcome", ffi.NULL, "E_NULL"),)),
    "tally_part": Shape(
        part,
        (("first", 2, "E_RANGE"), ("count", 2, "E_RANGE")),
        (
            ("order_count", LengthMember("order", too_long="E_RANGE")),
            ("first", LengthMember(None, too_long="E_RANGE")),
            ("count", LengthMember(None, too_long="E_RANGE")),
        ),
        aligned=("order",),
    ),
    "tally_ring_options": Shape(
        nothing,
        (
            ("slots", constant("TALLY_RING_SLOTS_MAX") + 1, "E_RANGE"),
            ("slot_bytes", constant("TALLY_RING_BYTES_MAX") + 1, "E_RANGE"),
            ("slot_bytes", 2**32 - 1, "E_RANGE"),
        ),
    ),
    "tally_mask_options": Shape(
        mask_options,
        (
            RESERVED,
            ("mask", 0, "E_RANGE"),
            ("mask", 0x100, "E_RANGE"),
            ("match", 0x01, "E_RANGE"),
            ("width", 0, "E_RANGE"),
            ("width", 3, "E_RANGE"),
            ("width", 16, "E_RANGE"),
            ("handler", ffi.NULL, "E_NULL"),
        ),
        (("offset", LengthMember(None, too_long="E_OVERFLOW")),),
    ),
    "tally_platform": Shape(
        platform,
        tuple(
            (member.name, ffi.NULL, "E_NULL")
            for member in header.structs()["tally_platform"].members
            if "(*" in member.type or member.name == "name"
        ),
        # A newer, larger table has functions that this library does not call.
        tail="OK",
    ),
    "tally_registry_statistics": Shape(nothing, tail="OK"),
    "tally_notice": Shape(
        lambda good: {"data": good.notice.data, "length": good.notice.length},
        (*bits("flags", 0, "E_ARGUMENT"), ("kind", kind_number("capi.*"), "E_ARGUMENT")),
        (("length", LengthMember("data")),),
    ),
    "tally_edit": Shape(
        lambda good: {"operation": 1, "handler": good.handler},
        (("operation", 0, "E_OPTION"), ("operation", 3, "E_OPTION"), RESERVED, ("handler", ffi.NULL, "E_NULL")),
    ),
    "tally_guard": Shape(nothing),
}
NEVER_IN: dict[str, str] = {
    "tally_error": "receives",
    "tally_handler_id": "by value; the rules about ids are tests of the registry",
    "tally_notified": "receives",
    "tally_failure": "handed to callbacks",
    "tally_log_record": "handed to callbacks",
    "tally_handler_info": "receives",
    "tally_ring_counts": "receives",
    "tally_ring_event": "receives",
    "tally_file_status": "of the platform table",
    "tally_slice": "of the platform table",
    "tally_mutex": "of the platform table",
    "tally_condition": "of the platform table",
    "tally_native_handler": "read by the bindings, tested there",
    "tally_api": "handed out by the library",
}
# Members that point to another struct of the tables: (outer, member, inner).
NESTED = (
    ("tally_registry_options", "host", "tally_registry_host"),
    ("tally_registry_options", "platform", "tally_platform"),
    ("tally_ring_options", "platform", "tally_platform"),
    ("tally_mask_options", "platform", "tally_platform"),
    ("tally_edit", "options", "tally_handler_options"),
)


def build(good: Good, name: str, /, **changes: Any) -> CData:
    members = {**SHAPES[name].good(good), **changes}
    return good.box.struct(name, **members)


def image(good: Good, name: str, size: int, tail: bytes = b"") -> bytes:
    """The bytes of a good struct that says it is `size` long, cut or with a longer tail."""
    made = build(good, name)
    whole = bytearray(ffi.buffer(made, ffi.sizeof(name))[:])
    whole[:8] = size.to_bytes(8, "little")
    return bytes(whole) + tail


@dataclass(frozen=True)
class Site:
    """One way in which a struct reaches a function."""

    label: str
    function: str
    place: Callable[[Good, CData], dict[str, Any]]  # the changed arguments of the call


def sites(name: str) -> Iterator[Site]:
    for function, row in TABLE.items():
        for parameter, role in row.roles.items():
            if isinstance(role, Given) and role.struct == name:
                yield Site(f"{function}.{parameter}", function, lambda _, pointer, at=parameter: {at: pointer})
            if isinstance(role, Items) and name == "tally_edit":
                count = next(key for key, other in row.roles.items() if getattr(other, "of", None) == parameter)
                yield Site(
                    f"{function}.{parameter}",
                    function,
                    lambda _, pointer, at=parameter, length=count: {at: pointer, length: 1},
                )
    for outer, member, inner in NESTED:
        if inner != name:
            continue
        for site in sites(outer):

            def place(good: Good, pointer: CData, site: Site = site, outer: str = outer, at: str = member) -> Any:
                return site.place(good, build(good, outer, **{at: pointer}))

            yield Site(f"{site.label}.{member}", site.function, place)
