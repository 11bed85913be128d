"""Rule 19: the destructor of a user_data runs exactly once, when it is safe, on no hot path."""

from __future__ import annotations

import pytest

from .library import Box, CData, check, ffi, lib, name_of, notify
from .registry import Ends, nothing, unregister


@pytest.fixture
def ends(box: Box) -> Ends:
    return Ends(box)


def test_unregister_ends_the_user_data_before_it_returns(box: Box, ends: Ends) -> None:
    registry = box.registry()
    identity = box.register(registry, box.handler(nothing), ends.data(5), destructor=ends.function)
    assert unregister(registry, identity)
    assert ends.seen == [5]
    assert not unregister(registry, identity)
    assert ends.seen == [5]


def test_inside_a_notify_no_destructor_runs(box: Box, ends: Ends) -> None:
    registry = box.registry()
    ids: list[CData] = []

    def remove(notice: CData) -> int:
        assert unregister(registry, ids[1])
        assert unregister(registry, ids[0])
        assert ends.seen == []
        assert name_of(lib.tally_registry_reclaim(registry, ffi.NULL, ffi.NULL)) == "E_WOULD_BLOCK"
        return 0

    ids.append(box.register(registry, box.handler(remove), ends.data(1), destructor=ends.function))
    ids.append(box.register(registry, box.handler(nothing), ends.data(2), destructor=ends.function))
    assert notify(registry) == (1, 0, 1)
    assert ends.seen == []
    pending = ffi.new("uint64_t *")
    check(lib.tally_registry_reclaim(registry, pending, ffi.NULL))
    assert sorted(ends.seen) == [1, 2]
    assert pending[0] == 0


def test_a_refused_registration_leaves_the_user_data_to_the_caller(box: Box, ends: Ends) -> None:
    registry = box.registry()
    options = box.struct("tally_handler_options", flags=1 << 9, destructor=ends.function)
    identity = ffi.new("tally_handler_id *")
    handler = box.handler(nothing)
    status = lib.tally_registry_register(registry, handler, ends.data(9), options, identity, ffi.NULL)
    assert name_of(status) == "E_OPTION"
    check(lib.tally_registry_close(ffi.new("tally_registry **", registry)))
    assert ends.seen == []


def test_close_ends_all_user_data_once(box: Box, ends: Ends) -> None:
    registry = box.registry()
    handler = box.handler(nothing)
    for number in range(1, 6):
        box.register(registry, handler, ends.data(number), destructor=ends.function)
    check(lib.tally_registry_close(ffi.new("tally_registry **", registry)))
    assert sorted(ends.seen) == [1, 2, 3, 4, 5]


def test_a_destructor_may_use_and_close_its_registry(box: Box) -> None:
    registry = box.registry()
    handler = box.handler(nothing)
    seen: list[str] = []

    def end(data: CData) -> None:
        check(lib.tally_registry_close(ffi.new("tally_registry **", registry)))
        seen.append("closed")

    identity = box.register(registry, handler, ffi.NULL, destructor=box.callback("tally_destructor", end))
    assert unregister(registry, identity)
    assert seen == ["closed"]
    check(lib.tally_reclaim(ffi.NULL, ffi.NULL))


def test_the_user_data_of_on_panic_ends_when_it_is_replaced(box: Box, ends: Ends) -> None:
    registry = box.registry()
    panic = box.callback("tally_panic_handler", lambda *_: 0, 1)
    check(lib.tally_registry_on_panic(registry, panic, ends.data(1), ends.function, ffi.NULL))
    check(lib.tally_registry_on_panic(registry, panic, ends.data(2), ends.function, ffi.NULL))
    assert ends.seen == [1]
    check(lib.tally_registry_on_panic(registry, ffi.NULL, ffi.NULL, ffi.NULL, ffi.NULL))
    assert ends.seen == [1, 2]


def test_user_data_without_a_panic_handler_is_an_argument_error(box: Box, ends: Ends) -> None:
    registry = box.registry()
    status = lib.tally_registry_on_panic(registry, ffi.NULL, ends.data(1), ffi.NULL, ffi.NULL)
    assert name_of(status) == "E_ARGUMENT"
    status = lib.tally_registry_on_panic(registry, ffi.NULL, ffi.NULL, ends.function, ffi.NULL)
    assert name_of(status) == "E_ARGUMENT"
