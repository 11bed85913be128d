"""What every declared function is made of. A function without a row here fails test_table.py, and every row goes
through every rule that is about one of its parts."""

from __future__ import annotations

from .library import constant, ffi, kind_number
from .roles import (
    Buffer,
    Closes,
    Data,
    Detail,
    Form,
    Function,
    Given,
    Good,
    Handle,
    Items,
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
from .table_checkpoint import CHECKPOINT
from .table_proof import PROOF


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


def drafts(good: Good) -> object:
    return good.box.new("tally_draft[2]", [good.box.draft()[0], good.box.draft(b"capi/2")[0]])


def first_id(good: Good) -> object:
    return good.box.new("tally_uuid *", good.event.id)


def other_path(good: Good) -> str:
    """Another one each time: what a call that worked has made is there."""
    good.copies += 1
    return f"{good.path}-{good.copies}"


def stored(good: Good) -> str:
    """Where the good store lies: in memory, and the like of it on the disk."""
    return good.box.place_of_both(good.store)


ERROR = Detail()
REGISTRY = Handle("registry")
NOTICE = Given("tally_notice")
ID = Plain(lambda good: good.id)
HANDLER = Function(lambda good: good.handler)
NOTIFIED = Out(optional=True)
OPTIONS = Given("tally_registry_options", optional=True)
PLATFORM = Given("tally_platform", optional=True)
STORE = Handle("store")
READER = Handle("reader")
LEVELS = ((4, "E_OPTION"), (2**31, "E_OPTION"))
FINDING = "int32_t(void *, const tally_finding *)"

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
    "tally_registry_edit": row(
        registry=REGISTRY, edits=Items(edits, "tally_edit"), count=Length("edits", good=2), error=ERROR
    ),
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
    # event.h
    "tally_event_hash": row(event=Value(lambda good: good.event), hash=Out()),
    "tally_uuid_format": row(id=Value(lambda good: good.box.new("tally_uuid *")), text=Out(room=37)),
    "tally_uuid_read": row(
        text=Form("length", good="00112233-4455-6677-8899-aabbccddeeff"), length=Length("text"), id=Out(), error=ERROR
    ),
    # store.h
    "tally_store_open": row(
        path=Path("path_length", lambda good: good.path),
        path_length=Length("path"),
        options=Given("tally_store_options", optional=True),
        store=Opens("store"),
        error=ERROR,
    ),
    "tally_store_close": row(store=Closes("store")),
    "tally_store_tick": row(store=STORE, more=Out(optional=True), error=ERROR),
    "tally_store_watermarks": row(store=STORE, watermarks=Out(), error=ERROR),
    "tally_store_sync": row(store=STORE, error=ERROR),
    "tally_store_wait": row(
        store=STORE,
        level=Plain(constant("TALLY_WRITTEN"), refused=LEVELS),
        position=Plain(0, refused=((2**40, "E_TIMEOUT"),)),
        timeout_ms=Plain(0),
        error=ERROR,
    ),
    "tally_store_on": row(
        store=STORE,
        type=Name("capi.*"),
        handler=HANDLER,
        user_data=Data(),
        options=Given("tally_handler_options@store", optional=True),
        id=Out(),
        error=ERROR,
    ),
    "tally_store_registry": row(store=STORE, registry=Out(), error=ERROR),
    "tally_store_info_get": row(store=STORE, info=Out(), error=ERROR),
    "tally_store_statistics_get": row(
        store=STORE, statistics=Given("tally_store_statistics", both_ways=True), error=ERROR
    ),
    # append.h
    "tally_store_append": row(
        store=STORE,
        draft=Given("tally_draft"),
        options=Given("tally_append_options", optional=True),
        receipt=Out(optional=True),
        error=ERROR,
    ),
    "tally_store_append_many": row(
        store=STORE,
        drafts=Items(drafts, "tally_draft", empty="E_RANGE"),
        count=Length("drafts", good=1, too_long="E_RANGE"),
        options=Given("tally_append_options", optional=True),
        receipts=Out(optional=True),
        error=ERROR,
    ),
    "tally_store_gate_add": row(
        store=STORE,
        gate=Function(lambda good: good.box.callback("tally_gate", lambda *_: 0, 1)),
        user_data=Data(),
        options=Given("tally_gate_options", optional=True),
        number=Out(),
        error=ERROR,
    ),
    "tally_store_gate_remove": row(
        store=STORE,
        number=Plain(lambda good: good.gate, refused=((0, "E_NOT_FOUND"), (2**63, "E_NOT_FOUND"))),
        error=ERROR,
    ),
    "tally_completions_open": row(
        options=Given("tally_completions_options", optional=True), completions=Opens("completions"), error=ERROR
    ),
    "tally_completions_take": row(
        completions=Handle("completions"),
        items=Buffer("tally_completion", 4),
        capacity=Length("items", good=4, zero="E_RANGE"),
        count=Out(),
        error=ERROR,
    ),
    "tally_completions_close": row(completions=Closes("completions")),
    "tally_store_append_async": row(
        store=STORE,
        drafts=Items(drafts, "tally_draft", empty="E_RANGE"),
        count=Length("drafts", good=1, too_long="E_RANGE"),
        options=Given("tally_append_options", optional=True),
        completions=Handle("completions"),
        token=Plain(7),
        receipts=Out(optional=True),
        error=ERROR,
    ),
    "tally_store_wait_async": row(
        store=STORE,
        level=Plain(0, refused=LEVELS),
        position=Plain(0),
        completions=Handle("completions"),
        token=Plain(7),
        error=ERROR,
    ),
    # reader.h
    "tally_reader_open": row(
        store=STORE, query=Given("tally_query", optional=True), reader=Opens("reader"), error=ERROR
    ),
    "tally_reader_next": row(
        reader=READER,
        events=Buffer("tally_event", 2),
        capacity=Length("events", good=2, too_long="E_RANGE", zero="E_RANGE"),
        count=Out(),
        error=ERROR,
    ),
    "tally_reader_place_get": row(reader=READER, place=Out(), error=ERROR),
    "tally_reader_refresh": row(reader=READER, error=ERROR),
    "tally_reader_close": row(reader=Closes("reader")),
    "tally_store_get": Row(
        {
            "store": STORE,
            "position": Plain(0, refused=((1000, "E_RANGE"), (2**64 - 1, "E_RANGE"))),
            "buffer": Buffer("char", 4096),
            "capacity": Length("buffer", good=4096),
            "needed": Out(),
            "event": Out(),
            "error": ERROR,
        },
        kept={"E_SPACE": {"needed"}},
    ),
    "tally_store_find_id": row(store=STORE, id=Value(first_id), position=Out(), error=ERROR),
    "tally_store_find_version": row(
        store=STORE,
        stream=Name("capi/1", minimum=1),
        version=Plain(0, refused=((1, "E_NOT_FOUND"), (2**64 - 1, "E_NOT_FOUND"))),
        position=Out(),
        error=ERROR,
    ),
    "tally_store_stream_head": row(store=STORE, stream=Name("capi/1", minimum=1), head=Out(), error=ERROR),
    "tally_store_list": row(
        store=STORE,
        what=Plain(constant("TALLY_LIST_STREAMS"), refused=((0, "E_OPTION"), (5, "E_OPTION"), (2**31, "E_OPTION"))),
        prefix=Name("capi"),
        after=Name("a"),
        items=Buffer("tally_listed", 4),
        capacity=Length("items", good=4, zero="E_RANGE"),
        text=Buffer("char", 1024),
        text_capacity=Length("text", good=1024),
        count=Out(),
        error=ERROR,
    ),
    "tally_store_ancestors": row(
        store=STORE,
        position=Plain(0, refused=((1000, "E_RANGE"), (2**64 - 1, "E_RANGE"))),
        positions=Buffer("uint64_t", 4),
        capacity=Length("positions", good=4, zero="E_RANGE"),
        count=Out(),
        ended=Out(),
        error=ERROR,
    ),
    # upkeep.h
    "tally_store_backup": row(
        store=STORE,
        path=Path("path_length", other_path),
        path_length=Length("path"),
        options=Given("tally_upkeep_options", optional=True),
        report=Out(optional=True),
        error=ERROR,
    ),
    "tally_fsck": row(
        path=Path("path_length", stored),
        path_length=Length("path"),
        options=Given("tally_upkeep_options", optional=True),
        finding=Function(lambda good: good.box.callback(FINDING, lambda *_: 0, 1), optional=True),
        report=Out(),
        error=ERROR,
    ),
    "tally_salvage": row(
        **{"from": Path("from_length", stored)},
        from_length=Length("from"),
        to=Path("to_length", other_path),
        to_length=Length("to"),
        options=Given("tally_upkeep_options", optional=True),
        report=Out(optional=True),
        error=ERROR,
    ),
    **PROOF,
    **CHECKPOINT,
    "tally_reason_name": pure(reason=Plain(0)),
    "tally_store_verify": row(
        store=STORE,
        options=Given("tally_verify_options", optional=True),
        report=Out(),
        error=ERROR,
    ),
    "tally_verify": row(
        path=Path("path_length", stored),
        path_length=Length("path"),
        options=Given("tally_verify_options", optional=True),
        report=Out(),
        error=ERROR,
    ),
}
