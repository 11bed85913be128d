"""What every declared function is made of. A function without a row here fails test_table.py, and every row goes
through every rule that is about one of its parts."""

from __future__ import annotations

from .library import ffi, kind_number
from .roles import (
    Buffer,
    Closes,
    Data,
    Detail,
    Function,
    Given,
    Good,
    Handle,
    Items,
    Length,
    Opens,
    Out,
    Plain,
    Role,
    Row,
    Symbol,
    Text,
    Word,
)


def row(**roles: Role) -> Row:
    return Row(roles)


def pure(**roles: Role) -> Row:
    """Returns a number or a text, and cannot fail."""
    return Row(roles, returns="value")


def native(kind: str) -> Row:
    """A handler function of native.h: a failure with the code of TALLY_E_CLOSED, never a crash."""
    roles = {kind: Handle(kind), "notice": Given("tally_notice", optional=True)}
    return Row(roles, returns="value", answer=lambda code: code == -5)


def edits(good: Good) -> object:
    made = good.box.new("tally_edit[2]")
    made[0].operation = 2
    made[0].id = good.id
    made[1].operation = 1
    made[1].handler = good.handler
    return made


ERROR = Detail()
REGISTRY = Handle("registry")
NOTICE = Given("tally_notice")
ID = Plain(lambda good: good.id)
HANDLER = Function(lambda good: good.handler)
NOTIFIED = Out(optional=True)
OPTIONS = Given("tally_registry_options", optional=True)
PLATFORM = Given("tally_platform", optional=True)

TABLE: dict[str, Row] = {
    # base.h
    "tally_version": pure(),
    "tally_version_text": pure(),
    "tally_handle_count": pure(),
    "tally_handle_generation": Row({"handle": Data()}, returns="value"),
    # status.h
    "tally_status_name": pure(status=Plain(0)),
    "tally_status_message": pure(status=Plain(0)),
    "tally_status_class_of": pure(status=Plain(0)),
    "tally_status_at": row(index=Length(None, too_long="E_RANGE"), status=Out()),
    # constant.h
    "tally_constant_get": row(name=Symbol("TALLY_VERSION"), value=Out()),
    "tally_constant_at": row(index=Length(None, too_long="E_RANGE"), name=Out(), value=Out()),
    # platform.h
    "tally_platform_default": pure(),
    "tally_platform_memory_open": row(seed=Plain(1), platform=Opens("platform"), error=ERROR),
    "tally_platform_memory_close": row(platform=Closes("platform")),
    "tally_platform_memory_advance": row(
        platform=Handle("platform"), microseconds=Plain(1, refused=((2**63 - 1, "E_RANGE"),))
    ),
    "tally_platform_check": row(platform=Given("tally_platform"), error=ERROR),
    # kind.h
    "tally_kind_intern": row(
        name=Text("length", good="capi.kind", minimum=1, maximum=512), length=Length("name"), kind=Out(), error=ERROR
    ),
    "tally_kind_name": row(
        kind=Plain(
            lambda _: kind_number("capi.kind"),
            refused=((0, "E_NOT_FOUND"), (2**31 - 1, "E_NOT_FOUND"), (2**31, "E_NOT_FOUND")),
        ),
        name=Out(),
        length=Out(optional=True),
        error=ERROR,
    ),
    # handler.h
    "tally_handler_fail": pure(
        code=Plain(-7), message=Text("length", lenient=True), length=Length("message"), payload=Data()
    ),
    # registry.h
    "tally_registry_open": row(options=OPTIONS, registry=Opens("registry"), error=ERROR),
    "tally_registry_child": row(parent=REGISTRY, options=OPTIONS, child=Opens("registry"), error=ERROR),
    "tally_registry_close": row(registry=Closes("registry")),
    "tally_registry_abandon": row(registry=Closes("registry")),
    "tally_registry_number": Row({"registry": REGISTRY}, returns="value", answer=lambda number: number == 0),
    "tally_registry_register": row(
        registry=REGISTRY,
        handler=HANDLER,
        user_data=Data(),
        options=Given("tally_handler_options", optional=True),
        id=Out(),
        error=ERROR,
    ),
    "tally_registry_unregister": row(registry=REGISTRY, id=ID, removed=Out(optional=True), error=ERROR),
    "tally_registry_unregister_wait": row(
        registry=REGISTRY, id=ID, timeout_ms=Plain(0), removed=Out(optional=True), error=ERROR
    ),
    "tally_registry_edit": row(registry=REGISTRY, edits=Items(edits), count=Length("edits", good=2), error=ERROR),
    "tally_registry_clear": row(registry=REGISTRY, removed=Out(optional=True), error=ERROR),
    "tally_registry_find": row(
        registry=REGISTRY,
        handler=Function(lambda good: good.id and good.handler),
        user_data=Data(),
        id=Out(),
        error=ERROR,
    ),
    "tally_registry_notify": row(registry=REGISTRY, notice=NOTICE, out=NOTIFIED, error=ERROR),
    "tally_registry_notify_observed": row(
        registry=REGISTRY, notice=NOTICE, observer=Given("tally_observer"), out=NOTIFIED, error=ERROR
    ),
    "tally_registry_notify_part": row(
        registry=REGISTRY,
        notice=NOTICE,
        part=Given("tally_part"),
        observer=Given("tally_observer", optional=True),
        out=NOTIFIED,
        error=ERROR,
    ),
    "tally_registry_depth": pure(),
    "tally_registry_on_panic": row(
        registry=REGISTRY,
        on_panic=Function(lambda good: good.box.callback("tally_panic_handler", lambda *_: 0, 1), optional=True),
        user_data=Data(),
        destructor=Function(lambda good: ffi.NULL, optional=True),
        error=ERROR,
    ),
    "tally_registry_report": row(
        registry=REGISTRY,
        id=ID,
        notice=NOTICE,
        code=Plain(-7),
        message=Text("length", lenient=True),
        length=Length("message"),
        payload=Data(),
        error=ERROR,
    ),
    "tally_registry_mute": row(registry=REGISTRY, error=ERROR),
    "tally_registry_unmute": row(registry=REGISTRY, error=ERROR),
    "tally_registry_count": row(registry=REGISTRY, count=Out(), error=ERROR),
    "tally_registry_is_empty": row(registry=REGISTRY, is_empty=Out(), error=ERROR),
    "tally_registry_contains": row(registry=REGISTRY, id=ID, contains=Out(), error=ERROR),
    "tally_registry_handlers": Row(
        {
            "registry": REGISTRY,
            "items": Buffer("tally_handler_info", 4),
            "capacity": Length("items", good=4),
            "count": Out(),
            "error": ERROR,
        },
        kept={"E_SPACE": {"count"}},
    ),
    "tally_registry_statistics_get": row(
        registry=REGISTRY, statistics=Given("tally_registry_statistics", both_ways=True), error=ERROR
    ),
    "tally_registry_watch": row(registry=REGISTRY, word=Word(), error=ERROR),
    "tally_registry_unwatch": row(registry=REGISTRY, word=Word(optional=True, aligned=False), error=ERROR),
    "tally_registry_reclaim": row(registry=REGISTRY, pending=Out(optional=True), error=ERROR),
    "tally_reclaim": row(pending=Out(optional=True), error=ERROR),
    "tally_guard_close": row(guard=Given("tally_guard")),
    # native.h
    "tally_counter_open": row(platform=PLATFORM, counter=Opens("counter"), error=ERROR),
    "tally_counter_close": row(counter=Closes("counter")),
    "tally_counter_handler": native("counter"),
    "tally_counter_read": row(
        counter=Handle("counter"), events=Out(optional=True), bytes=Out(optional=True), error=ERROR
    ),
    "tally_ring_open": row(options=Given("tally_ring_options", optional=True), ring=Opens("ring"), error=ERROR),
    "tally_ring_close": row(ring=Closes("ring")),
    "tally_ring_handler": native("ring"),
    "tally_ring_drain": row(
        ring=Handle("ring"),
        events=Buffer("tally_ring_event", 4),
        capacity=Length("events", good=4),
        data=Buffer("char", 64),
        data_capacity=Length("data", good=64),
        count=Out(),
        error=ERROR,
    ),
    "tally_ring_count": row(ring=Handle("ring"), counts=Out(), error=ERROR),
    "tally_mask_open": row(options=Given("tally_mask_options"), mask=Opens("mask"), error=ERROR),
    "tally_mask_close": row(mask=Closes("mask")),
    "tally_mask_handler": native("mask"),
    "tally_mask_count": row(
        mask=Handle("mask"), matched=Out(optional=True), passed_over=Out(optional=True), error=ERROR
    ),
    # api.h
    "tally_api_table": pure(),
}
