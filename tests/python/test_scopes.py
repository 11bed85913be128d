"""Semantic 17: collect, scopes, waiting, async iteration, capture, delivery elsewhere."""

import asyncio
import concurrent.futures
import gc
import signal
import threading
import time
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
