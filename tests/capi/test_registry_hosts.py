"""What a registry offers to a host: log, lock, observers, watches, parts, failures that come later, platforms."""

from __future__ import annotations

from .library import Box, CData, check, constant, ffi, lib, name_of, notify
from .registry import MAY_BLOCK, ONCE, nothing, statistics, told, unregister


def log_of(box: Box) -> tuple[CData, list[tuple[int, str]]]:
    seen: list[tuple[int, str]] = []
    log = box.callback(
        "void(void *, const tally_log_record *)",
        lambda _, record: seen.append((record.what, ffi.string(record.message).decode())),
    )
    return box.struct("tally_registry_host", log=log), seen


def test_a_registry_that_grows_large_warns_once(box: Box) -> None:
    host, seen = log_of(box)
    registry = box.registry(host=host)
    handler = box.handler(nothing)
    for _ in range(constant("TALLY_REGISTRY_LEAK_WARNING") - 1):
        box.register(registry, handler)
    assert seen == []
    for _ in range(3):
        box.register(registry, handler)
    assert [what for what, _ in seen] == [constant("TALLY_LOG_LEAK")]


def test_a_failing_on_panic_is_logged(box: Box) -> None:
    host, seen = log_of(box)
    registry = box.registry(host=host)
    panic = box.callback("tally_panic_handler", lambda *_: 5, 1)
    check(lib.tally_registry_on_panic(registry, panic, ffi.NULL, ffi.NULL, ffi.NULL))
    box.register(registry, box.handler(lambda notice: -1))
    assert notify(registry) == (1, 1, 0)
    assert [what for what, _ in seen] == [constant("TALLY_LOG_PANIC_FAILED")]
    assert statistics(box, registry).panics_failed == 1


def test_without_host_and_on_panic_a_failure_is_counted(box: Box) -> None:
    registry = box.registry()
    box.register(registry, box.handler(lambda notice: -1))
    notify(registry)
    assert statistics(box, registry).unreported == 1


def test_the_hosts_lock_is_given_up_once_for_a_run_that_may_block(box: Box) -> None:
    order: list[str] = []
    token = box.new("int *")

    def enter(_: CData, given: CData) -> None:
        assert given == token
        order.append("enter")

    host = box.struct(
        "tally_registry_host",
        leave=box.callback("void *(void *)", lambda _: order.append("leave") or token),
        enter=box.callback("void(void *, void *)", enter),
    )
    registry = box.registry(host=host)
    for name, flags in (("a", 0), ("b", MAY_BLOCK), ("c", MAY_BLOCK), ("d", 0), ("e", MAY_BLOCK)):
        box.register(registry, box.handler(lambda notice, name=name: order.append(name) or 0), flags=flags)
    check(lib.tally_registry_notify(registry, ffi.new("tally_notice *", {"context": token}), ffi.NULL, ffi.NULL))
    assert order == ["a", "leave", "b", "c", "enter", "d", "leave", "e", "enter"]
    order.clear()
    check(lib.tally_registry_notify(registry, ffi.new("tally_notice *"), ffi.NULL, ffi.NULL))
    assert order == ["a", "b", "c", "d", "e"], "who is no host has no lock to give up"


def test_an_observer_sees_every_answer(box: Box) -> None:
    registry = box.registry(policy=constant("TALLY_POLICY_RAISE"))
    ids = [box.register(registry, box.handler(lambda notice, code=code: code)) for code in (0, -1, 0, -2)]
    seen: list[tuple[int, int, bool]] = []
    kind = "void(void *, tally_handler_id, int32_t, const tally_failure *)"
    outcome = box.callback(
        kind, lambda _, identity, code, failure: seen.append((identity.handler, code, failure != ffi.NULL))
    )
    observer = box.struct("tally_observer", outcome=outcome)
    status = lib.tally_registry_notify_observed(registry, ffi.new("tally_notice *"), observer, ffi.NULL, ffi.NULL)
    assert name_of(status) == "E_HANDLER"
    assert seen == [(one.handler, code, code != 0) for one, code in zip(ids, (0, -1, 0, -2), strict=True)]


def test_a_watched_word_is_raised_by_every_change(box: Box) -> None:
    registry = box.registry(host=box.struct("tally_registry_host"))
    word = box.new("uint32_t *", 2**32 - 1)
    check(lib.tally_registry_watch(registry, word, ffi.NULL))
    identity = box.register(registry, box.handler(nothing))
    after_one = word[0]
    assert after_one != 2**32 - 1
    notify(registry)
    assert word[0] == after_one
    unregister(registry, identity)
    assert word[0] != after_one
    check(lib.tally_registry_unwatch(registry, word, ffi.NULL))
    after_two = word[0]
    box.register(registry, box.handler(nothing))
    assert word[0] == after_two


def test_who_has_no_host_has_nothing_to_watch(box: Box) -> None:
    word = box.new("uint32_t *")
    assert name_of(lib.tally_registry_watch(box.registry(), word, ffi.NULL)) == "E_ARGUMENT"


def test_a_part_of_the_list_can_be_called(box: Box) -> None:
    registry = box.registry()
    order: list[int] = []
    ids = [
        box.register(registry, box.handler(lambda notice, n=n: order.append(n) or 0), flags=ONCE if n == 3 else 0)
        for n in range(5)
    ]
    numbers = box.new("uint64_t[]", [one.handler for one in ids])
    unregister(registry, ids[2])
    box.register(registry, box.handler(lambda notice: order.append(99) or 0))

    def run(first: int, count: int) -> tuple[int, int, int]:
        part = box.struct("tally_part", order=numbers, order_count=5, first=first, count=count)
        out = ffi.new("tally_notified *")
        notice = ffi.new("tally_notice *")
        check(lib.tally_registry_notify_part(registry, notice, part, ffi.NULL, out, ffi.NULL))
        return out.fired, out.failed, out.skipped

    assert run(1, 3) == (2, 0, 1)
    assert order == [1, 3]
    assert run(1, 3) == (1, 0, 2)
    assert run(0, 0) == (0, 0, 0)
    assert order == [1, 3, 1]


def test_a_failure_that_comes_later_is_reported_and_counted(box: Box) -> None:
    registry = box.registry()
    seen = told(box, registry)
    name = box.new("char[]", b"slow")
    identity = box.register(registry, box.handler(nothing), name=name, name_length=4, max_failures=2)
    notice = ffi.new("tally_notice *")
    for _ in range(2):
        check(lib.tally_registry_report(registry, identity, notice, -8, b"later", 5, ffi.NULL, ffi.NULL))
    assert seen == [(-8, "later", "slow")] * 2
    assert notify(registry) == (0, 0, 0), "it used up its failures"
    check(lib.tally_registry_report(registry, identity, notice, 0, b"gone", 4, ffi.NULL, ffi.NULL))
    assert seen[2] == (-1, "gone", "")


def test_a_world_in_memory_has_its_own_clock(box: Box) -> None:
    platform = box.memory_platform()
    now, os_error = ffi.new("int64_t *"), ffi.new("int32_t *")
    check(platform.wall_clock_us(platform.context, now, os_error))
    assert now[0] == 1577836800000000
    check(lib.tally_platform_memory_advance(platform, 5000000))
    check(lib.tally_platform_memory_advance(platform, -1))
    check(platform.wall_clock_us(platform.context, now, os_error))
    assert now[0] == 1577836804999999
    registry = box.registry(platform=platform)
    box.register(registry, box.handler(nothing))
    assert notify(registry) == (1, 0, 0)
