"""What the tests of the registry share: small handlers, destructors that are counted, failures that are told."""

from __future__ import annotations

from .library import Box, CData, check, constant, ffi, lib, text

ONCE = constant("TALLY_HANDLER_ONCE")
MAY_BLOCK = constant("TALLY_HANDLER_MAY_BLOCK")


def nothing(notice: CData) -> int:
    return 0


def unregister(registry: CData, identity: CData) -> bool:
    removed = ffi.new("int32_t *")
    check(lib.tally_registry_unregister(registry, identity, removed, ffi.NULL))
    return bool(removed[0])


def statistics(box: Box, registry: CData) -> CData:
    found = box.struct("tally_registry_statistics")
    check(lib.tally_registry_statistics_get(registry, found, ffi.NULL))
    return found


def fail(message: str, code: int = -7) -> int:
    return int(lib.tally_handler_fail(code, message.encode(), len(message.encode()), ffi.NULL))


class Ends:
    """Counts the ends of user data."""

    def __init__(self, box: Box) -> None:
        self.seen: list[int] = []
        self.function = box.callback(
            "tally_destructor", lambda data: self.seen.append(int(ffi.cast("uintptr_t", data)))
        )

    def data(self, number: int) -> CData:
        return ffi.cast("void *", number)


def told(box: Box, registry: CData) -> list[tuple[int, str, str]]:
    seen: list[tuple[int, str, str]] = []

    def panic(_: CData, failure: CData) -> int:
        message = text(failure.message, failure.message_length)
        seen.append((failure.code, message, text(failure.name, failure.name_length)))
        assert ffi.string(failure.message).decode() == message
        return 0

    check(
        lib.tally_registry_on_panic(
            registry, box.callback("tally_panic_handler", panic, 1), ffi.NULL, ffi.NULL, ffi.NULL
        )
    )
    return seen
