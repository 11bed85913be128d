"""Semantics 3, 6, 18, 19 with threads: who waits for whom, who wins a race, what a forked child has."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from .library import Box, CData, check, constant, ffi, in_child, lib, name_of, notify
from .registry import ONCE, Ends, nothing, unregister

FOREVER = constant("TALLY_WAIT_FOREVER")


@pytest.fixture
def ends(box: Box) -> Ends:
    return Ends(box)


class Held:
    """A handler in which a thread stays until it is let go."""

    def __init__(self, box: Box, registry: CData) -> None:
        self.inside, self.go = threading.Event(), threading.Event()
        self.registry = registry

        def stay(notice: CData) -> int:
            self.inside.set()
            assert self.go.wait(30)
            return 0

        self.handler = box.handler(stay)
        self.thread = threading.Thread(target=lambda: notify(registry))

    def __enter__(self) -> Held:
        self.thread.start()
        assert self.inside.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self.go.set()
        self.thread.join()


def test_a_removal_that_waits_waits_for_that_handler(box: Box, ends: Ends) -> None:
    registry = box.registry()
    held = Held(box, registry)
    identity = box.register(registry, held.handler, ends.data(3), destructor=ends.function)
    other = box.register(registry, box.handler(nothing))
    removed = ffi.new("int32_t *")
    with held:
        check(lib.tally_registry_unregister_wait(registry, other, FOREVER, removed, ffi.NULL))
        assert removed[0] == 1, "nobody is inside the other one"
        status = lib.tally_registry_unregister_wait(registry, identity, 0, removed, ffi.NULL)
        assert (name_of(status), removed[0]) == ("E_TIMEOUT", 1)
        status = lib.tally_registry_unregister_wait(registry, identity, 30, removed, ffi.NULL)
        assert (name_of(status), removed[0]) == ("E_TIMEOUT", 0)
        assert ends.seen == []
        threading.Timer(0.05, held.go.set).start()
        check(lib.tally_registry_unregister_wait(registry, identity, FOREVER, removed, ffi.NULL))
        assert ends.seen == [3]


def test_close_waits_for_the_threads_inside(box: Box) -> None:
    registry = box.registry()
    held = Held(box, registry)
    box.register(registry, held.handler)
    with held:
        threading.Timer(0.05, held.go.set).start()
        check(lib.tally_registry_close(ffi.new("tally_registry **", registry)))
        assert held.go.is_set()
        assert lib.tally_handle_count() == 0 or lib.tally_registry_number(registry) == 0


def test_abandon_waits_for_nobody(box: Box, ends: Ends) -> None:
    registry = box.registry()
    held = Held(box, registry)
    box.register(registry, held.handler, ends.data(4), destructor=ends.function)
    with held:
        check(lib.tally_registry_abandon(ffi.new("tally_registry **", registry)))
        assert ends.seen == []
        assert name_of(lib.tally_registry_notify(registry, ffi.new("tally_notice *"), ffi.NULL, ffi.NULL)) == "E_CLOSED"
    check(lib.tally_reclaim(ffi.NULL, ffi.NULL))
    assert ends.seen == [4]


def race(count: int, run: Callable[[int], None]) -> None:
    start = threading.Barrier(count)

    def one(number: int) -> None:
        start.wait()
        run(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_one_of_racing_removals_removes(box: Box) -> None:
    registry = box.registry()
    handler = box.handler(nothing)
    for _ in range(50):
        identity = box.register(registry, handler)
        answers: list[bool] = []
        race(4, lambda _, identity=identity, answers=answers: answers.append(unregister(registry, identity)))
        assert sorted(answers) == [False, False, False, True]


def test_once_runs_once_for_racing_notifies(box: Box) -> None:
    registry = box.registry()
    ran: list[int] = []
    handler = box.handler(lambda notice: ran.append(1) or 0)
    for round_ in range(50):
        box.register(registry, handler, flags=ONCE)
        race(4, lambda _: notify(registry) and None)
        assert len(ran) == round_ + 1


def test_racing_closes_all_return_after_the_real_one(box: Box) -> None:
    registry = box.registry()
    held = Held(box, registry)
    box.register(registry, held.handler)
    with held:
        threading.Timer(0.05, held.go.set).start()
        after: list[bool] = []

        def close(number: int) -> None:
            check(lib.tally_registry_close(ffi.new("tally_registry **", registry)))
            after.append(held.go.is_set())

        race(3, close)
        assert after == [True] * 3


def test_a_registry_goes_on_in_a_forked_child(box: Box) -> None:
    registry = box.registry()
    held = Held(box, registry)
    ran: list[int] = []
    stays = box.register(registry, held.handler)
    box.register(registry, box.handler(lambda notice: ran.append(1) or 0))
    with held:

        def child() -> None:
            # The thread that was inside does not exist here: nobody waits for it.
            check(lib.tally_registry_unregister_wait(registry, stays, 10000, ffi.NULL, ffi.NULL))
            assert notify(registry) == (1, 0, 0)
            box.register(registry, box.handler(nothing))
            assert notify(registry) == (2, 0, 0)
            assert len(ran) == 2
            check(lib.tally_registry_close(ffi.new("tally_registry **", registry)))

        in_child(child)
    assert notify(registry) == (2, 0, 0)
    assert len(ran) == 2
