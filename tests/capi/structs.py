"""The structs that a caller hands in: what good ones hold, which values of which members are refused, which members are
lengths of what. A struct of the headers that is in neither table below fails test_table.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from . import header
from .library import CData, constant, ffi, kind_number
from .proofs import LOG_KEY
from .roles import Given, Good, Items
from .table import TABLE

FUNCTION = "a function pointer"


@dataclass(frozen=True)
class LengthMember:
    pointer: str | None
    too_long: str = "E_LENGTH"
    null: str = "E_NULL"
    # Too many are told when there is an array at all.
    given: bool = False
    empty: str = "OK"


@dataclass(frozen=True)
class TextMember:
    length: str
    maximum: int


@dataclass(frozen=True)
class NameMember:
    """A tally_text. `alone`: what a good one gets in a store like ours, where it is not OK."""

    maximum: int
    minimum: int = 0
    # The library's own names are refused: E_NAME.
    owned: bool = False
    # Of few letters, so that all others are E_NAME.
    ascii: bool = False
    # Any bytes at all.
    raw: bool = False
    good: tuple[str, ...] = ("a", "é", "日本語", "a b")
    alone: str = "OK"
    # What the empty one gets, where it is a name at all.
    empty: str = "OK"


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
    # The first member that the struct's first version did not have.
    later: str | None = None
    names: dict[str, NameMember] = field(default_factory=dict)
    # Arrays of names: (member, count, what each is).
    lists: tuple[tuple[str, str, NameMember], ...] = ()


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


def store_options(good: Good) -> dict[str, Any]:
    return {"platform": good.box.memory(), "name": good.box.text(b"capi/store"), "segment_bytes": 1 << 20}


def draft(good: Good) -> dict[str, Any]:
    made = good.box.draft(content_type=good.box.text(b"text/plain"))
    members = [member.name for member in header.structs()["tally_draft"].members]
    return {name: getattr(made, name) for name in members if name != "size"}


def append_options(good: Good) -> dict[str, Any]:
    """Two conditions that hold."""
    expectation = good.box.new("tally_expectation *", expectation_members(good))
    condition = good.box.new("tally_append_condition *", condition_members(good))
    return {
        "expectations": expectation,
        "expectation_count": 1,
        "conditions": condition,
        "condition_count": 1,
        "durability": constant("TALLY_WRITTEN"),
    }


def expectation_members(good: Good) -> dict[str, Any]:
    return {"stream": good.box.text(b"capi/none"), "expect": constant("TALLY_EXPECT_NO_STREAM")}


def condition_members(good: Good) -> dict[str, Any]:
    types = good.box.new("tally_text[1]", [good.box.text(b"capi.never")])
    return {"types": types, "type_count": 1}


def completions_options(good: Good) -> dict[str, Any]:
    return {"wake": good.box.callback("void(void *)", lambda _: None), "platform": good.box.memory()}


def policy(good: Good) -> dict[str, Any]:
    return {"keys": good.box.new("tally_text[1]", [good.box.text(LOG_KEY["vkey"].encode())]), "key_count": 1}


def upkeep_options(good: Good) -> dict[str, Any]:
    progress = good.box.callback("tally_progress", lambda *_: 0, 1)
    return {"progress": progress, "platform": good.box.memory()}


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
    "tally_handler_options@store": Shape(
        lambda good: {"name": good.box.fenced.put(b"a name", "char *"), "name_length": 6, "priority": -1},
        (*bits("flags", 3), RESERVED, ("kind_count", 1, "E_OPTION")),
        (
            ("name_length", LengthMember("name")),
            ("kind_count", LengthMember("kinds", too_long="E_OPTION", null="E_OPTION")),
        ),
        (("name", TextMember("name_length", constant("TALLY_HANDLER_NAME_MAX"))),),
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
    "tally_store_options": Shape(
        store_options,
        (
            ("mode", 4, "E_OPTION"),
            ("mode", 2**32 - 1, "E_OPTION"),
            *bits("flags", 3),
            ("digest", 3, "E_OPTION"),
            ("digest", 2**31, "E_OPTION"),
            ("check", 3, "E_OPTION"),
            ("map", 2, "E_OPTION"),
            ("mode_of_files", 0o10000, "E_OPTION"),
            ("segment_bytes", 1, "E_RANGE"),
            ("segment_bytes", constant("TALLY_SEGMENT_BYTES_MIN") - 1, "E_RANGE"),
            ("segment_bytes", constant("TALLY_SEGMENT_BYTES_MAX") + 1, "E_RANGE"),
        ),
        later="signing",
        names={
            "name": NameMember(constant("TALLY_STORE_NAME_MAX"), ascii=True, good=("a", "A.b/c_d-9")),
        },
    ),
    "tally_store_statistics": Shape(nothing, tail="OK"),
    "tally_draft": Shape(
        draft,
        (
            *bits("flags", 3),
            RESERVED,
            ("length", constant("TALLY_DATA_MAX") + 1, "E_LENGTH"),
            ("tag_count", constant("TALLY_TAGS_MAX") + 1, "E_NULL"),
        ),
        (("length", LengthMember("data")), ("tag_count", LengthMember("tags", too_long="E_LIMIT", given=True))),
        names={
            "stream": NameMember(constant("TALLY_STREAM_MAX"), 1, owned=True),
            "type": NameMember(constant("TALLY_TYPE_MAX"), 1, owned=True),
            "content_type": NameMember(constant("TALLY_CONTENT_TYPE_MAX")),
            "subject": NameMember(constant("TALLY_SUBJECT_MAX"), alone="E_UNSUPPORTED"),
            "idempotency_key": NameMember(constant("TALLY_IDEMPOTENCY_KEY_MAX"), raw=True, good=()),
        },
        lists=(("tags", "tag_count", NameMember(constant("TALLY_TAG_MAX"), 1, owned=True)),),
    ),
    "tally_append_options": Shape(
        append_options,
        (
            ("durability", 4, "E_OPTION"),
            ("durability", 2**31, "E_OPTION"),
            *bits("flags", 1),
            ("flags", 1, "E_OPTION"),  # TRY waits for no disk
            ("expectation_count", constant("TALLY_CONDITIONS_MAX") + 1, "E_LIMIT"),
            ("condition_count", constant("TALLY_CONDITIONS_MAX") + 1, "E_LIMIT"),
        ),
        (
            ("expectation_count", LengthMember("expectations", too_long="E_LIMIT")),
            ("condition_count", LengthMember("conditions", too_long="E_LIMIT")),
        ),
    ),
    "tally_expectation": Shape(
        expectation_members,
        (("expect", 4, "E_OPTION"), ("expect", 2**31, "E_OPTION"), RESERVED),
        names={"stream": NameMember(constant("TALLY_STREAM_MAX"), good=("é", "日本語", "a b"), empty="E_CONFLICT")},
    ),
    "tally_append_condition": Shape(
        condition_members,
        (("type_count", 0, "E_ARGUMENT"), ("type_count", constant("TALLY_QUERY_NAMES_MAX") + 1, "E_LIMIT")),
        (
            ("type_count", LengthMember("types", too_long="E_LIMIT", empty="E_ARGUMENT")),
            ("tag_count", LengthMember("tags", too_long="E_LIMIT", given=True)),
        ),
        lists=(
            ("types", "type_count", NameMember(constant("TALLY_TYPE_MAX"), 1)),
            ("tags", "tag_count", NameMember(constant("TALLY_TAG_MAX"), 1)),
        ),
    ),
    "tally_gate_options": Shape(
        lambda good: {"name": good.box.text(b"capi"), "record": 1},
        (RESERVED, ("record", 2, "E_OPTION"), ("record", 2**31, "E_OPTION")),
        names={"name": NameMember(127)},
    ),
    "tally_completions_options": Shape(completions_options),
    "tally_query": Shape(
        lambda good: {"stream": good.box.text(b"capi/1")},
        (
            *bits("flags", 7),
            RESERVED,
            ("from_version", 1, "E_ARGUMENT"),
            ("to_version", 1, "E_ARGUMENT"),
            ("stream_prefix", {"bytes": ffi.from_buffer(b"capi"), "length": 4}, "E_ARGUMENT"),
        ),
        (
            ("type_count", LengthMember("types", too_long="E_LIMIT")),
            ("tag_count", LengthMember("tags", too_long="E_LIMIT")),
        ),
        names={
            "stream": NameMember(constant("TALLY_STREAM_MAX")),
            "stream_prefix": NameMember(constant("TALLY_STREAM_MAX"), alone="E_ARGUMENT"),
            "subject": NameMember(constant("TALLY_SUBJECT_MAX"), alone="E_UNSUPPORTED"),
        },
        lists=(
            ("types", "type_count", NameMember(constant("TALLY_TYPE_MAX"), 1)),
            ("tags", "tag_count", NameMember(constant("TALLY_TAG_MAX"), 1)),
        ),
    ),
    "tally_upkeep_options": Shape(upkeep_options),
    "tally_verify_options": Shape(
        upkeep_options,
        (("mode", 3, "E_OPTION"), ("mode", 2**31, "E_OPTION")),
        (("key_count", LengthMember("keys", too_long="E_LIMIT", given=True)),),
        names={"since": NameMember(constant("TALLY_NOTE_BYTES_MAX"), alone="E_FORMAT")},
    ),
    "tally_policy": Shape(
        policy,
        (
            ("key_count", constant("TALLY_SIGNATURES_MAX") + 1, "E_LIMIT"),
            ("witness_count", constant("TALLY_SIGNATURES_MAX") + 1, "E_LIMIT"),
            ("witnesses_needed", 1, "E_RANGE"),
        ),
        (
            ("key_count", LengthMember("keys", too_long="E_LIMIT", empty="E_ARGUMENT")),
            ("witness_count", LengthMember("witnesses", too_long="E_LIMIT")),
            ("witnesses_needed", LengthMember(None, too_long="E_RANGE")),
        ),
        names={"origin": NameMember(constant("TALLY_ORIGIN_MAX"), raw=True, alone="E_ORIGIN")},
    ),
}
NEVER_IN: dict[str, str] = {
    "tally_error": "receives",
    "tally_signing": "its texts are paths, keys and notes; test_signing.py",
    "tally_sign_request": "handed to callbacks",
    "tally_signing_state": "receives",
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
    "tally_text": "a part of others; the rules about texts are theirs",
    "tally_uuid": "any 16 bytes are one",
    "tally_hash": "receives",
    "tally_event": "lent by the library",
    "tally_receipt": "receives",
    "tally_watermarks": "receives",
    "tally_recovery": "receives",
    "tally_store_info": "receives",
    "tally_completion": "receives",
    "tally_refusal": "filled in by a gate",
    "tally_reader_place": "receives",
    "tally_stream_head": "receives",
    "tally_listed": "receives",
    "tally_backup_report": "receives",
    "tally_fsck_report": "receives",
    "tally_verify_report": "receives",
    "tally_salvage_report": "receives",
    "tally_finding": "handed to callbacks",
    "tally_checkpoint": "receives",
    "tally_signed": "receives",
    "tally_proven": "receives",
}
# Members that point to another struct of the tables: (outer, member, inner, what else is to be set).
NESTED: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("tally_registry_options", "host", "tally_registry_host", {}),
    ("tally_registry_options", "platform", "tally_platform", {}),
    ("tally_ring_options", "platform", "tally_platform", {}),
    ("tally_mask_options", "platform", "tally_platform", {}),
    ("tally_edit", "options", "tally_handler_options", {}),
    ("tally_store_options", "host", "tally_registry_host", {}),
    ("tally_store_options", "platform", "tally_platform", {}),
    ("tally_completions_options", "platform", "tally_platform", {}),
    ("tally_upkeep_options", "platform", "tally_platform", {}),
    ("tally_verify_options", "platform", "tally_platform", {}),
    ("tally_append_options", "expectations", "tally_expectation", {"expectation_count": 1}),
    ("tally_append_options", "conditions", "tally_append_condition", {"condition_count": 1}),
)


def struct_of(name: str) -> str:
    """The struct of a shape."""
    return name.split("@")[0]


def first_size(name: str) -> int:
    """Of the struct's first version."""
    later = SHAPES[name].later
    return ffi.sizeof(struct_of(name)) if later is None else ffi.offsetof(struct_of(name), later)


def build(good: Good, name: str, /, **changes: Any) -> CData:
    members = {**SHAPES[name].good(good), **changes}
    return good.box.struct(struct_of(name), **members)


def image(good: Good, name: str, size: int, tail: bytes = b"") -> bytes:
    """The bytes of a good struct that says it is `size` long, cut or with a longer tail."""
    made = build(good, name)
    whole = bytearray(ffi.buffer(made, ffi.sizeof(struct_of(name)))[:])
    whole[:8] = size.to_bytes(8, "little")
    return bytes(whole) + tail


@dataclass(frozen=True)
class Site:
    """One way in which a struct reaches a function."""

    label: str
    function: str
    place: Callable[[Good, CData], dict[str, Any]]  # the changed arguments of the call
    counted: bool = False  # it is in an array, with a count that says that it is there


def sites(name: str) -> Iterator[Site]:
    for function, row in TABLE.items():
        for parameter, role in row.roles.items():
            if isinstance(role, Given) and role.struct == name:
                yield Site(f"{function}.{parameter}", function, lambda _, pointer, at=parameter: {at: pointer})
            if isinstance(role, Items) and role.struct == name:
                count = next(key for key, other in row.roles.items() if getattr(other, "of", None) == parameter)
                yield Site(
                    f"{function}.{parameter}",
                    function,
                    lambda _, pointer, at=parameter, length=count: {at: pointer, length: 1},
                )
    for outer, member, inner, also in NESTED:
        if inner != name:
            continue
        for site in sites(outer):

            def place(
                good: Good,
                pointer: CData,
                site: Site = site,
                outer: str = outer,
                at: str = member,
                also: dict[str, Any] = also,
            ) -> Any:
                return site.place(good, build(good, outer, **{at: pointer}, **also))

            yield Site(f"{site.label}.{member}", site.function, place, bool(also))
