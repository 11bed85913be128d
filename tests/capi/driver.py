"""How the shared scenarios are said in C; see tests/vectors/README.md."""

from __future__ import annotations

from typing import Any

from scenarios import Driver, Play, RefusedError, Result, Row

from .library import Box, CData, check, constant, ffi, lib, name_of, text

POLICIES = {
    "isolate": constant("TALLY_POLICY_ISOLATE"),
    "raise": constant("TALLY_POLICY_RAISE"),
    "fail-fast": constant("TALLY_POLICY_FAIL_FAST"),
}
UNKNOWN = constant("TALLY_COUNT_UNKNOWN")


def accept(status: int) -> None:
    if status != 0:
        raise RefusedError(f"TALLY_{name_of(status)}")


class CDriver(Driver):
    """Handlers without user_data: in C the identity of a registration is its function."""

    play: Play

    def __init__(self, box: Box) -> None:
        self.box = box
        self.error = ffi.new("tally_error *")
        self.handles: dict[str, CData] = {}
        self.functions: dict[str, CData] = {}
        self.panics: dict[str, CData] = {}
        self.natives: dict[str, tuple[str, CData]] = {}
        self.guards: dict[str, CData] = {}
        self.log: list[str] = []
        log = box.callback("void(void *, const tally_log_record *)", lambda _, record: self.log.append(said(record)))
        self.host = box.struct("tally_registry_host", log=log)

    # ------------------------------------------------------------------------------------------- registries

    def open(self, label: str, parent: str | None, options: dict[str, Any]) -> None:
        flags = (options.get("allow_stop", False) and constant("TALLY_REGISTRY_ALLOW_STOP")) | (
            options.get("count", False) and constant("TALLY_REGISTRY_COUNT")
        )
        policy = POLICIES.get(options.get("policy", "isolate"), 99)
        given = self.box.struct("tally_registry_options", policy=policy, flags=flags, host=self.host)
        handle = self.box.new("tally_registry **")
        if parent is None:
            accept(lib.tally_registry_open(given, handle, self.error))
        else:
            accept(lib.tally_registry_child(self.handles[parent], given, handle, self.error))
        self.handles[label] = handle[0]

    def close(self, registry: str) -> None:
        # A copy of the pointer: what others hold stays, and is found closed.
        accept(lib.tally_registry_close(ffi.new("tally_registry **", self.handles[registry])))

    def end(self) -> None:
        for label in reversed(self.handles):
            self.close(label)
        for kind, handle in reversed(self.natives.values()):
            check(getattr(lib, f"tally_{kind}_close")(ffi.new(f"tally_{kind} **", handle)))

    # --------------------------------------------------------------------------------------------- handlers

    def function(self, label: str) -> CData:
        if label not in self.functions:

            def run(notice: CData) -> int:
                data = ffi.buffer(ffi.cast("char *", notice.data), notice.length)[:] if notice.length else b""
                return self.answer(*self.play.handler_ran(label, data))

            self.functions[label] = self.box.handler(run)
        return self.functions[label]

    @staticmethod
    def answer(what: str, message: str) -> int:
        if what == "fail":
            said = message.encode()
            return int(lib.tally_handler_fail(-7, said, len(said), ffi.NULL))
        return constant("TALLY_HANDLER_STOP") if what == "stop" else constant("TALLY_HANDLER_DONE")

    def options(self, options: dict[str, Any]) -> CData:
        options = dict(options)
        given: dict[str, Any] = {"priority": options.pop("priority", 0), "max_failures": options.pop("max_failures", 0)}
        given["flags"] = constant("TALLY_HANDLER_ONCE") if options.pop("once", False) else 0
        if "name" in options:
            name = options.pop("name").encode()
            given |= {"name": self.box.new("char[]", name), "name_length": len(name)}
        kinds = options.pop("kinds", ["*"])
        if kinds != ["*"]:
            numbers = [self.kind(name) for name in kinds]
            given |= {"kinds": self.box.new("uint32_t[]", numbers), "kind_count": len(numbers)}
        assert not options, options
        return self.box.struct("tally_handler_options", **given)

    def kind(self, name: str) -> int:
        number = ffi.new("uint32_t *")
        accept(lib.tally_kind_intern(name.encode(), len(name.encode()), number, self.error))
        return int(number[0])

    def target(self, function: str | None, native: str | None) -> tuple[CData, CData]:
        if native is not None:
            kind, handle = self.natives[native]
            return ffi.addressof(lib, f"tally_{kind}_handler"), handle
        assert function is not None
        return self.function(function), ffi.NULL

    def register(self, registry: str, function: str | None, native: str | None, options: dict[str, Any]) -> CData:
        identity = ffi.new("tally_handler_id *")
        handler, user_data = self.target(function, native)
        accept(
            lib.tally_registry_register(
                self.handles[registry], handler, user_data, self.options(options), identity, self.error
            )
        )
        return self.box.keep(identity)[0]

    def key(self, identity: Any) -> object:
        return identity.registry, identity.handler

    def unregister(self, registry: str, identity: object) -> bool:
        removed = ffi.new("int32_t *")
        accept(lib.tally_registry_unregister(self.handles[registry], identity, removed, self.error))
        return bool(removed[0])

    def unregister_function(self, registry: str, function: str) -> bool:
        identity = ffi.new("tally_handler_id *")
        status = lib.tally_registry_find(
            self.handles[registry], self.function(function), ffi.NULL, identity, self.error
        )
        if name_of(status) == "E_NOT_FOUND":
            return False
        accept(status)
        return self.unregister(registry, identity[0])

    def unregister_wait(self, registry: str, identity: object) -> bool:
        removed = ffi.new("int32_t *")
        accept(lib.tally_registry_unregister_wait(self.handles[registry], identity, 10000, removed, self.error))
        return bool(removed[0])

    def clear(self, registry: str) -> int:
        removed = ffi.new("uint64_t *")
        accept(lib.tally_registry_clear(self.handles[registry], removed, self.error))
        return int(removed[0])

    def edit(self, registry: str, changes: list[tuple[str, Any, dict[str, Any]]]) -> tuple[list[object], list[bool]]:
        edits = self.box.new(f"tally_edit[{len(changes)}]")
        for edit, (what, subject, options) in zip(edits, changes, strict=True):
            if what == "register":
                edit.operation = constant("TALLY_EDIT_REGISTER")
                edit.handler = self.function(subject)
                edit.options = self.options(options)
            else:
                edit.operation, edit.id = constant("TALLY_EDIT_UNREGISTER"), subject
        accept(lib.tally_registry_edit(self.handles[registry], edits, len(changes), self.error))
        added = [edit.id for edit in edits if edit.operation == constant("TALLY_EDIT_REGISTER")]
        return added, [bool(edit.removed) for edit in edits if edit.operation == constant("TALLY_EDIT_UNREGISTER")]

    # ----------------------------------------------------------------------------------------------- notify

    def notice(self, kind: str | None, data: bytes) -> CData:
        number = 0 if kind is None else self.kind(kind)
        buffer = self.box.new("char[]", data) if data else ffi.NULL
        return self.box.new("tally_notice *", {"kind": number, "data": buffer, "length": len(data)})

    def notify(self, registry: str, kind: str | None, data: bytes, by_name: bool) -> Result:
        # Handlers that notify from inside have their own memory for results.
        out, error = ffi.new("tally_notified *"), ffi.new("tally_error *")
        status = lib.tally_registry_notify(self.handles[registry], self.notice(kind, data), out, error)
        raises = []
        if name_of(status) == "E_HANDLER":
            raises = [ffi.string(error.message).decode()]
        else:
            accept(status)
        stopped = bool(out.flags & constant("TALLY_NOTIFIED_STOPPED"))
        orphan = bool(out.flags & constant("TALLY_NOTIFIED_ORPHAN"))
        return Result((out.fired, out.failed, out.skipped), stopped, orphan, raises, tells_first=True)

    def collect(self, registry: str, data: bytes) -> list[tuple[object, bool]]:
        seen: list[tuple[object, bool]] = []

        def outcome(_: CData, identity: CData, code: int, failure: CData) -> None:
            seen.append((self.box.new("tally_handler_id *", identity)[0], failure == ffi.NULL))

        kind = "void(void *, tally_handler_id, int32_t, const tally_failure *)"
        observer = self.box.struct("tally_observer", outcome=self.box.callback(kind, outcome))
        out = ffi.new("tally_notified *")
        handle = self.handles[registry]
        accept(lib.tally_registry_notify_observed(handle, self.notice(None, data), observer, out, self.error))
        return seen

    def on_panic(self, registry: str, label: str | None) -> None:
        function = ffi.NULL
        if label is not None:

            def run(_: CData, failure: CData) -> int:
                identity = self.box.new("tally_handler_id *", failure.id)[0]
                message = text(failure.message, failure.message_length)
                name = text(failure.name, failure.name_length)
                what, _ = self.play.panic_ran(label, identity, message, name)
                return 1 if what == "fail" else 0

            function = self.panics.setdefault(label, self.box.callback("tally_panic_handler", run, 1))
        accept(lib.tally_registry_on_panic(self.handles[registry], function, ffi.NULL, ffi.NULL, self.error))

    def mute(self, registry: str, on: bool) -> None:
        change = lib.tally_registry_mute if on else lib.tally_registry_unmute
        accept(change(self.handles[registry], self.error))

    def pause(self, registry: str, on: bool) -> None:
        raise NotImplementedError

    def guard(self, registry: str, label: str, function: str, options: dict[str, Any]) -> object:
        identity = self.register(registry, function, None, options)
        self.guards[label] = self.box.new("tally_guard *", {"registry": self.handles[registry], "id": identity})
        return identity

    def close_guard(self, label: str, forget: bool) -> None:
        if forget:
            ffi.memmove(self.guards[label], bytes(ffi.sizeof("tally_guard")), ffi.sizeof("tally_guard"))
        else:
            accept(lib.tally_guard_close(self.guards[label]))

    # ---------------------------------------------------------------------------------------------- looking

    def ask(self, function: str, kind: str, *arguments: Any) -> int:
        value = ffi.new(f"{kind} *")
        accept(getattr(lib, function)(*arguments, value, self.error))
        return int(value[0])

    def contains(self, registry: str, identity: object) -> bool:
        return bool(self.ask("tally_registry_contains", "int32_t", self.handles[registry], identity))

    def count(self, registry: str) -> int:
        return self.ask("tally_registry_count", "uint64_t", self.handles[registry])

    def is_empty(self, registry: str) -> bool:
        return bool(self.ask("tally_registry_is_empty", "int32_t", self.handles[registry]))

    def handlers(self, registry: str) -> list[Row]:
        rows = ffi.new("tally_handler_info[64]")
        count = ffi.new("size_t *")
        accept(lib.tally_registry_handlers(self.handles[registry], rows, 64, count, self.error))
        return [
            Row(
                self.key(row.id),
                row.priority,
                text(row.name, row.name_length),
                row.failed,
                text(row.last_message, row.last_message_length) if row.last_code else None,
                None if row.fired == UNKNOWN else row.fired,
            )
            for row in rows[0 : count[0]]
        ]

    def statistics(self, registry: str) -> dict[str, int]:
        found = self.box.struct("tally_registry_statistics")
        accept(lib.tally_registry_statistics_get(self.handles[registry], found, self.error))
        return {name: getattr(found, name) for name in ("handlers", "unreported", "panics_failed", "mutes")}

    def depth(self) -> int:
        return int(lib.tally_registry_depth())

    def logged(self) -> list[str]:
        found, self.log = self.log, []
        return found

    # ---------------------------------------------------------------------------------------------- natives

    def native(self, label: str, kind: str, options: dict[str, Any]) -> None:
        handle = ffi.new(f"tally_{kind} **")
        given = ffi.NULL
        if kind == "mask":
            handler, user_data = self.target(None, options["to"])
            fields = {name: value for name, value in options.items() if name != "to"}
            given = self.box.struct("tally_mask_options", handler=handler, user_data=user_data, **fields)
        elif options:
            given = self.box.struct(f"tally_{kind}_options", **options)
        accept(getattr(lib, f"tally_{kind}_open")(given, handle, self.error))
        self.natives[label] = (kind, handle[0])

    def numbers_of(self, native: str) -> dict[str, int]:
        kind, handle = self.natives[native]
        if kind == "ring":
            counts = ffi.new("tally_ring_counts *")
            accept(lib.tally_ring_count(handle, counts, self.error))
            return {name: getattr(counts, name) for name, _ in ffi.typeof("tally_ring_counts").fields}
        function = {"counter": lib.tally_counter_read, "mask": lib.tally_mask_count}[kind]
        names = {"counter": ("events", "bytes"), "mask": ("matched", "passed_over")}[kind]
        first, second = ffi.new("uint64_t *"), ffi.new("uint64_t *")
        accept(function(handle, first, second, self.error))
        return {names[0]: first[0], names[1]: second[0]}

    def drain(self, native: str) -> list[tuple[str | None, bytes]]:
        events, data = ffi.new("tally_ring_event[16]"), ffi.new("char[4096]")
        count = ffi.new("size_t *")
        accept(lib.tally_ring_drain(self.natives[native][1], events, 16, data, 4096, count, self.error))
        found = []
        for event in events[0 : count[0]]:
            kind = None
            if event.kind:
                name, length = ffi.new("const char **"), ffi.new("size_t *")
                accept(lib.tally_kind_name(event.kind, name, length, self.error))
                kind = text(name[0], length[0])
            found.append((kind, ffi.buffer(data + event.offset, event.length)[:]))
        return found


def said(record: CData) -> str:
    failure = record.failure
    return text(record.message) + (f": {text(failure.message)}" if failure != ffi.NULL else "")
