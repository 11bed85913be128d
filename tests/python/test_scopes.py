"""Semantic 17: collect, scopes, waiting, async iteration, capture, delivery elsewhere."""

import asyncio
import concurrent.futures
import copy
import functools
import gc
import pickle
import signal
import sys
import threading
import time
import types
import weakref

import pytest

import tallystick
from tallystick import Failure, Registry, capture


def fail(event):
    raise ValueError(event)


# ------------------------------------------------------------------------------------------- collect


def test_collect_returns_what_each_handler_returned(registry, make):
    one = registry.register(lambda event: event * 2)
    two = registry.register(lambda event: None)
    assert registry.collect(21) == [(one, 42), (two, None)]
    assert registry.collect(21, kind="a") == [(one, 42), (two, None)]


def test_collect_gives_failures_as_such_and_reports_them_too(registry):
    told = []
    registry.on_panic(told.append)
    good = registry.register(lambda event: ValueError("returned"))
    bad = registry.register(fail)
    (_, value), (second, failure) = registry.collect("event")
    assert isinstance(value, ValueError)
    assert good != second == bad
    assert isinstance(failure, Failure)
    assert str(failure.exception) == "event"
    assert len(told) == 1


@pytest.mark.parametrize("policy", ["raise", "fail-fast"])
def test_collect_raises_no_failure(policy, make):
    with Registry(policy) as registry:
        told = []
        registry.on_panic(told.append)
        registry.register(fail)
        registry.register(make("after"))
        rows = registry.collect("event")
        assert isinstance(rows[0][1], Failure)
        assert told == []
        assert len(rows) == (2 if policy == "raise" else 1)


def test_collect_leaves_out_what_did_not_run(registry, make):
    registry.on("other", make("filtered"))
    ran = registry.register(lambda event: registry.clear())
    registry.register(make("removed"))
    assert registry.collect("event") == [(ran, 3)]


# -------------------------------------------------------------------------------------------- scopes


def test_connected_registers_for_the_block(registry, make, calls):
    scope = registry.connected(make("a"), priority=3)
    assert len(registry) == 0
    with scope as identity:
        assert identity in registry
        registry.notify(1)
    registry.notify(2)
    assert calls == ["a"]


def test_muted_skips_and_nests(registry, make, calls):
    registry.register(make("a"))
    with registry.muted() as same, registry.muted():
        assert same is registry
        assert registry.notify(1) == (0, 0, 1)
    assert registry.notify(2) == (1, 0, 0)
    with pytest.raises(KeyError), registry.muted():
        raise KeyError
    assert registry.notify(3) == (1, 0, 0)


def test_muted_holds_on_all_threads(registry, make, calls):
    registry.register(make("a"))
    with registry.muted():
        thread = threading.Thread(target=registry.notify, args=(1,))
        thread.start()
        thread.join()
    assert calls == []


def test_paused_events_come_in_order_when_it_ends(registry):
    seen = []
    registry.register(seen.append)
    registry.on("k", lambda event: seen.append((event, "k")))
    with registry.paused():
        assert registry.notify(1) == (0, 0, 2)
        registry.emit("k", 2)
        assert seen == []
    assert seen == [1, 2, (2, "k")]
    registry.notify(3)
    assert seen[-1] == 3


def test_paused_is_bounded(registry):
    with registry.paused(limit=2):
        registry.notify(1)
        registry.notify(2)
        with pytest.raises(tallystick.LimitError, match="2 events wait"):
            registry.notify(3)
    for wrong in (0, -1):
        with pytest.raises(tallystick.RangeError), registry.paused(limit=wrong):
            pass


def test_paused_does_not_nest_and_the_outer_one_stays(registry, make, calls):
    registry.register(make("a"))
    with registry.paused():
        with pytest.raises(tallystick.ExistsError), registry.paused():
            pass
        registry.notify(1)
        assert calls == []
    assert calls == ["a"]


def test_a_pause_without_a_bound_is_refused_and_ends_no_other(registry, make, calls):
    registry.register(make("a"))
    with registry.paused():
        registry.notify(1)
        with pytest.raises(TypeError, match="limit is an integer"), registry.paused(None):
            pass
        assert calls == []
    assert calls == ["a"]


def test_a_scope_that_was_not_entered_ends_nothing(registry, make, calls):
    registry.register(make("a"))
    with registry.paused(), registry.muted():
        for scope in (registry.paused(), registry.muted()):
            scope.__exit__(None, None, None)
        assert registry.notify(1) == (0, 0, 1)
        assert registry.stats().mutes == 1
    assert calls == ["a"]


def test_collect_waits_for_the_end_of_a_pause_too(registry):
    seen = []
    registry.register(seen.append)
    with registry.paused(limit=2):
        registry.notify(1)
        assert registry.collect(2, kind="k") == []
        with pytest.raises(tallystick.LimitError):
            registry.collect(3)
        assert seen == []
    assert seen == [1, 2]


def test_failures_after_a_pause_are_raised_together():
    with Registry("fail-fast") as registry:
        registry.register(fail)
        scope = registry.paused()
        scope.__enter__()
        registry.notify(1)
        registry.notify(2)
        with pytest.raises(ExceptionGroup, match="2 of 2") as caught:
            scope.__exit__(None, None, None)
        assert [str(error) for error in caught.value.exceptions] == ["1", "2"]


def test_closing_a_paused_or_muted_registry_drops_what_waits(make, calls):
    registry = Registry()
    registry.register(make("a"))
    with registry.paused(), registry.muted():
        registry.notify(1)
        registry.close()
    assert calls == []


# ------------------------------------------------------------------------------- pauses and children


@pytest.fixture
def family():
    """A child, its parent and its grandparent; each notes who it is and what it saw."""
    with Registry() as oldest, oldest.child() as parent, parent.child() as child:
        seen = []
        for name, registry in (("child", child), ("parent", parent), ("oldest", oldest)):
            registry.register(lambda event, name=name: seen.append((name, event)))
        yield child, parent, oldest, seen


def test_a_paused_parent_holds_back_its_part_of_a_childs_notify(family):
    child, parent, oldest, seen = family
    with parent.paused():
        assert child.notify(1) == (1, 0, 1)
        assert [value for _, value in child.collect(2)] == [None]
        oldest.notify(3)
        assert seen == [("child", 1), ("child", 2), ("oldest", 3)]
        seen.clear()
    assert seen == [("parent", 1), ("oldest", 1), ("parent", 2), ("oldest", 2)]


def test_a_paused_grandparent_holds_back_its_part_only(family):
    child, _, oldest, seen = family
    with oldest.paused():
        assert child.emit("k", 1) == (2, 0, 1)
        assert seen == [("child", 1), ("parent", 1)]
    assert seen[2:] == [("oldest", 1)]


def test_a_full_pause_of_a_parent_refuses_before_anything_runs(family):
    child, parent, _, seen = family
    with parent.paused(limit=1):
        child.notify(1)
        with pytest.raises(tallystick.LimitError):
            child.notify(2)
        assert seen == [("child", 1)]


def test_a_pause_that_a_handler_of_the_child_ends_holds_nothing_back(family):
    child, parent, _, seen = family
    scope = parent.paused()
    scope.__enter__()
    child.register(lambda event: scope.__exit__(None, None, None), priority=1)
    assert child.notify(1) == (4, 0, 0)
    assert seen == [("child", 1), ("parent", 1), ("oldest", 1)]


def test_a_paused_parent_that_a_handler_of_the_child_closes_hears_nothing(family):
    child, parent, _, seen = family
    child.register(lambda event: parent.close(), priority=1)
    with parent.paused():
        assert child.notify(1) == (2, 0, 0)
    assert seen == [("child", 1)]


def test_what_the_child_does_not_pass_on_does_not_wait(make, calls):
    with Registry() as parent, parent.child(allow_stop=True) as child:
        parent.register(make("parent"))
        child.register(make("child", lambda event: tallystick.STOP))
        with parent.paused():
            result = child.notify(1)
            assert result == (1, 0, 1)
            assert result.stopped
        assert calls == ["child"]


def test_an_interrupt_in_the_child_ends_the_notify_before_a_paused_parent(make, calls):
    def interrupt(event):
        raise KeyboardInterrupt

    with Registry() as parent, parent.child() as child:
        parent.register(make("parent"))
        child.register(interrupt)
        with parent.paused(), pytest.raises(KeyboardInterrupt):
            child.notify(1)
        assert calls == []


@pytest.mark.parametrize("policy", ["raise", "fail-fast"])
def test_failures_of_the_child_are_raised_although_the_parent_is_paused(policy, make, calls):
    with Registry() as parent, parent.child(policy) as child:
        parent.register(make("parent"))
        child.register(fail)
        with parent.paused(), pytest.raises(ExceptionGroup if policy == "raise" else ValueError):
            child.notify("event")
        assert calls == (["parent"] if policy == "raise" else [])


def test_filters_once_and_order_hold_below_a_paused_parent(make, calls):
    with Registry() as parent, parent.child() as child, parent.paused():
        child.register(make("low"), priority=-1)
        child.register(make("once"), once=True)
        child.on("k", make("k"), priority=1)
        child.on("other", make("other"))
        assert child.emit("k", 1) == (3, 0, 1)
        assert child.emit("k", 2) == (2, 0, 1)
        assert calls == ["k", "once", "low", "k", "low"]


# ----------------------------------------------------------------------------------------- interrupts


def interrupted_from(step, use):
    """Runs `use`, and from the `step`-th instruction of Python outside of it on raises KeyboardInterrupt at each. False
    when there were not so many."""
    left = step

    def trace(frame, what, argument):
        nonlocal left
        if frame.f_code is use.__code__:
            return None
        frame.f_trace_opcodes = True
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        use()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return left < 0


@pytest.mark.parametrize("what", ["muted", "paused"])
def test_a_storm_of_interrupts_leaves_no_scope_half_entered(registry, what):
    def use():
        with getattr(registry, what)():
            registry.notify(1)

    step = 0
    while interrupted_from(step, use) and step < 1000:
        step += 1
        assert registry.stats().mutes == 0
        with registry.paused():  # ExistsError if one were left
            pass
    assert step < 1000


# -------------------------------------------------------------------------------------------- guards


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, pickle.dumps])
def test_what_ends_a_registration_is_not_copied(registry, make, way):
    with registry.guard(make("a")) as guard:
        for one in (guard, registry.events()):
            with pytest.raises(TypeError, match="copied"):
                way(one)
        gc.collect()
        assert guard.active


def test_a_guard_of_nonsense_is_refused_and_silent(registry, make, monkeypatch):
    said = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    identity = registry.register(make("a"))
    with Registry() as other, pytest.raises(tallystick.ForeignError):
        tallystick.Guard(other, identity)
    with pytest.raises(TypeError, match="HandlerId"):
        tallystick.Guard(registry, 5)
    with pytest.raises((TypeError, AttributeError)):
        tallystick.Guard(5, identity)
    with pytest.raises(TypeError):
        tallystick.Guard()
    gc.collect()
    assert said == []
    assert identity in registry


# ------------------------------------------------------------------------------------------ wait_for


def test_wait_for_returns_the_next_event_of_a_kind(registry):
    timer = threading.Timer(0.05, lambda: (registry.emit("other", 1), registry.emit("wanted", 2)))
    timer.start()
    assert registry.wait_for("wanted", timeout=5) == 2
    timer.join()
    assert len(registry) == 0


def test_wait_for_times_out_and_leaves_nothing(registry):
    began = time.monotonic()
    with pytest.raises(tallystick.TimeoutError, match="'wanted'"):
        registry.wait_for("wanted", timeout=0.1)
    assert 0.1 <= time.monotonic() - began < 5
    assert len(registry) == 0


def test_wait_for_ends_when_the_registry_is_closed(registry):
    timer = threading.Timer(0.05, registry.close)
    timer.start()
    with pytest.raises(tallystick.ClosedError):
        registry.wait_for()
    timer.join()


def test_control_c_ends_wait_for_within_100_ms(registry):
    began = []

    def interrupt():
        began.append(time.monotonic())
        signal.raise_signal(signal.SIGINT)

    timer = threading.Timer(0.1, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        registry.wait_for()
    assert time.monotonic() - began[0] < 0.1
    timer.join()
    assert len(registry) == 0


# -------------------------------------------------------------------------------------------- events


def test_events_are_iterated_as_they_come(registry):
    async def main():
        async with registry.events("order.*") as events:
            registry.emit("order.paid", 1)
            registry.emit("other", 2)
            timer = threading.Timer(0.02, registry.emit, ("order.sent", 3))
            timer.start()
            return [await anext(events), await anext(events)]

    assert asyncio.run(main()) == [1, 3]
    assert len(registry) == 0


def test_events_end_when_the_registry_is_closed(registry):
    async def main():
        events = registry.events()
        registry.notify(1)
        asyncio.get_running_loop().call_later(0.02, registry.close)
        return [event async for event in events]

    assert asyncio.run(main()) == [1]


def test_events_end_when_they_are_closed_elsewhere(registry):
    async def main():
        events = registry.events()
        threading.Timer(0.02, events.close).start()
        return [event async for event in events]

    assert asyncio.run(main()) == []


def test_events_that_find_no_room_are_dropped_and_counted(registry):
    async def main():
        async with registry.events(maxsize=2) as events:
            for index in range(5):
                registry.notify(index)
            assert len(events) == 2
            assert events.dropped == 3
            return [await anext(events), await anext(events)]

    assert asyncio.run(main()) == [0, 1]
    with pytest.raises(tallystick.RangeError):
        registry.events(maxsize=0)


def test_cancelling_the_wait_for_events_loses_none(registry):
    async def main():
        async with registry.events() as events:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(events), 0.02)
            registry.notify(1)
            return await anext(events)

    assert asyncio.run(main()) == 1


def test_two_tasks_cannot_wait_for_the_same_events(registry):
    async def main():
        async with registry.events() as events:
            first = asyncio.create_task(anext(events))
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="another task"):
                await anext(events)
            registry.notify(1)
            assert await first == 1

    asyncio.run(main())


def test_dropped_events_stop_listening(registry):
    events = registry.events()
    assert len(registry) == 1
    del events
    gc.collect()
    assert len(registry) == 0


def test_many_threads_feed_one_iteration(registry):
    async def main():
        got = []
        async with registry.events(maxsize=10_000) as events:
            threads = [threading.Thread(target=lambda: [registry.notify(n) for n in range(500)]) for _ in range(4)]
            for thread in threads:
                thread.start()
            async for event in events:
                got.append(event)
                if len(got) == 2000:
                    break
            for thread in threads:
                thread.join()
        return got

    assert sorted(asyncio.run(main())) == sorted(list(range(500)) * 4)


# ------------------------------------------------------------------------------------------- capture


def test_capture_is_a_list_of_what_was_told(registry, make):
    with capture(registry, "order.*") as orders:
        registry.emit("order.paid", 1)
        registry.emit("other", 2)
        assert orders == [1]
    registry.emit("order.paid", 3)
    assert orders == [1]
    assert len(registry) == 0


def test_capture_sees_what_others_stop(calls):
    with Registry(allow_stop=True) as registry:
        registry.register(lambda event: tallystick.STOP, priority=2**31 - 2)
        with capture(registry) as seen:
            registry.notify(1)
        assert seen == [1]


def test_capture_waits_for_other_threads(registry):
    with capture(registry) as seen:
        threading.Timer(0.02, registry.notify, (1,)).start()
        assert seen.wait(1) == [1]
        with pytest.raises(tallystick.TimeoutError, match="1 of 2"):
            seen.wait(2, timeout=0.02)


# ------------------------------------------------------------------------------------------ delivery


def test_delivery_on_an_event_loop_runs_there(registry):
    async def main():
        loop = asyncio.get_running_loop()
        ran = asyncio.Event()
        seen = []

        def handler(event):
            seen.append((event, threading.get_ident()))
            ran.set()

        identity = registry.on("k", handler, loop=loop)
        thread = threading.Thread(target=registry.emit, args=("k", 1))
        thread.start()
        await asyncio.wait_for(ran.wait(), 5)
        thread.join()
        assert seen == [(1, threading.get_ident())]
        assert registry.unregister(handler) is True
        assert identity not in registry

    asyncio.run(main())


def test_delivery_of_a_coroutine_and_its_late_failure(registry):
    async def main():
        told = []
        registry.on_panic(told.append)

        @registry.on("k", loop=asyncio.get_running_loop(), max_failures=2)
        async def handler(event):
            await asyncio.sleep(0)
            raise ValueError(event)

        assert registry.emit("k", "late") == (1, 0, 0)
        while not told:
            await asyncio.sleep(0.001)
        (failure,) = told
        assert failure.message == "ValueError: late"
        assert failure.event == "late"
        assert failure.kind == "k"
        assert failure.name.endswith("handler")
        assert failure.id == registry.handlers()[0].id
        assert registry.handlers()[0].failed == 1
        assert registry.handlers()[0].function is handler
        registry.emit("k", "again")
        while len(told) < 2:
            await asyncio.sleep(0.001)
        assert len(registry) == 0

    asyncio.run(main())


@pytest.mark.parametrize("policy", ["isolate", "raise", "fail-fast"])
def test_a_late_failure_is_reported_under_every_policy(policy):
    with Registry(policy) as registry, concurrent.futures.ThreadPoolExecutor(1) as executor:
        told = []
        registry.on_panic(told.append)
        registry.on("*", fail, loop=executor)
        assert registry.notify("event") == (1, 0, 0)
        executor.shutdown()
        assert [failure.message for failure in told] == ["ValueError: event"]
        assert told[0].name == "fail"


def test_a_late_failure_of_a_closed_registry_is_logged(caplog):
    registry = Registry()
    later = []
    registry.on("k", fail, loop=lambda handler, event: later.append((handler, event)))
    registry.emit("k", "event")
    registry.close()
    for handler, event in later:
        handler(event)
    assert "after its registry was closed" in caplog.text


def test_a_late_failure_without_on_panic_is_logged(registry, caplog):
    later = []
    registry.on("k", fail, loop=lambda handler, event: later.append((handler, event)))
    registry.emit("k", "event")
    registry.clear()
    for handler, event in later:
        handler(event)
    assert "ValueError: event" in caplog.text


def test_a_loop_that_is_closed_is_a_failure_at_once(registry):
    told = []
    registry.on_panic(told.append)
    loop = asyncio.new_event_loop()
    loop.close()
    registry.on("k", print, loop=loop)
    assert registry.emit("k") == (1, 1, 0)
    assert isinstance(told[0].exception, RuntimeError)


async def coroutine(event):
    pass


async def generator(event):
    yield


class Calling:
    async def __call__(self, event):
        pass

    async def method(self, event):
        pass


ASYNC = {
    "a function": coroutine,
    "a method": Calling().method,
    "an object": Calling(),
    "a partial": functools.partial(functools.partial(coroutine)),
    "a partial of an object": functools.partial(Calling()),
    "types.coroutine": types.coroutine(lambda event: (yield)),
}


@pytest.mark.parametrize("what", ASYNC)
def test_what_is_async_is_refused_by_an_executor_and_by_register(registry, what):
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        with pytest.raises(TypeError, match="never run it"):
            registry.on("k", ASYNC[what], loop=executor)
        with pytest.raises(TypeError, match="is async"):
            registry.register(ASYNC[what])
        registry.on("k", ASYNC[what], loop=lambda handler, event: handler(event).close())
    assert registry.emit("k") == (1, 0, 0)


@pytest.mark.parametrize("loop", [None, print, concurrent.futures.Executor()])
def test_an_asynchronous_generator_is_no_handler(registry, loop):
    for handler in (generator, functools.partial(generator)):
        with pytest.raises(TypeError, match="is an asynchronous generator"):
            registry.on("k", handler, loop=loop)
    assert len(registry) == 0


def test_delivery_of_a_generator_based_coroutine(registry):
    async def main():
        ran = asyncio.get_running_loop().create_future()

        @types.coroutine
        def handler(event):
            yield from asyncio.sleep(0).__await__()
            ran.set_result(event)

        registry.on("k", handler, loop=asyncio.get_running_loop())
        registry.emit("k", "event")
        return await asyncio.wait_for(ran, 5)

    assert asyncio.run(main()) == "event"


def test_wrong_deliveries_are_refused(registry):
    with pytest.raises(TypeError, match="loop is"):
        registry.on("k", print, loop=5)
    with pytest.raises(TypeError, match="weak and loop"):
        registry.on("k", fail, loop=print, weak=True)
    with pytest.raises(TypeError, match="callable"):
        registry.on("k", 5, loop=print)


def test_delivery_keeps_no_registry_alive():
    registry = Registry()
    later = []
    registry.on("k", fail, loop=lambda handler, event: later.append(handler))
    registry.emit("k")
    gone = weakref.ref(registry)
    del registry
    gc.collect()
    assert gone() is None
