"""Async: AsyncRegistry, what its notify does and returns."""

import asyncio
import contextlib
import decimal
import fractions
import gc
import threading
import time
import weakref

import pytest

import tallystick
from tallystick import AsyncRegistry, capture


@pytest.fixture
def registry():
    made = AsyncRegistry()
    yield made
    made.close()


@pytest.fixture
def failures(registry):
    seen = []
    registry.on_panic(seen.append)
    return seen


def run(coroutine):
    return asyncio.run(coroutine, debug=False)


def steps(calls, name, count=2, then=None):
    """A handler that notes its beginning and its end, and suspends `count` times between them."""

    async def handler(event):
        calls.append(f"{name} begins")
        for _ in range(count):
            await asyncio.sleep(0)
        calls.append(f"{name} ends")
        if then is not None:
            raise then

    return handler


def test_handlers_start_in_priority_order_and_run_concurrently(registry, calls):
    registry.register(steps(calls, "low", 1), priority=-1)
    registry.register(steps(calls, "high", 3), priority=1)
    registry.register(steps(calls, "mid", 2))
    assert run(registry.notify("event")) == (3, 0, 0, 0)
    assert calls == ["high begins", "mid begins", "low begins", "low ends", "mid ends", "high ends"]


def test_sequential_awaits_each_before_the_next(registry, calls):
    for name in "abc":
        registry.register(steps(calls, name))
    assert run(registry.notify_sequential("event")) == (3, 0, 0, 0)
    assert calls == [f"{name} {what}" for name in "abc" for what in ("begins", "ends")]


def test_plain_handlers_run_inline_between_the_others(registry, calls):
    registry.register(steps(calls, "a"))
    registry.register(lambda event: calls.append(event))
    registry.register(steps(calls, "b", 0))
    assert run(registry.notify("plain")) == (3, 0, 0, 0)
    assert calls == ["a begins", "plain", "b begins", "b ends", "a ends"]


def test_the_snapshot_is_taken_at_the_call(registry, calls):
    async def main():
        old = registry.register(steps(calls, "old", 0))
        registry.register(steps(calls, "kept", 0))
        notification = registry.notify("event")
        registry.register(steps(calls, "new", 0))
        registry.unregister(old)
        return await notification

    assert run(main()) == (1, 0, 1, 0)
    assert calls == ["kept begins", "kept ends"]


def test_nothing_runs_before_it_is_awaited_and_dropping_it_warns(registry, calls):
    registry.register(steps(calls, "a", 0))
    with pytest.warns(RuntimeWarning, match="never awaited"):
        registry.notify("event")
    assert calls == []
    registry.notify("event").close()


def test_a_dropped_notify_does_not_spend_once(registry, calls):
    registry.register(steps(calls, "once", 0), once=True)
    with pytest.warns(RuntimeWarning, match="never awaited"):
        registry.notify("event")
    assert run(registry.notify("event")) == (1, 0, 0, 0)
    assert run(registry.notify("event")) == (0, 0, 0, 0)


def test_each_answer_can_be_awaited_once(registry):
    async def main():
        notification = registry.notify("event")
        await notification
        with pytest.raises(RuntimeError, match="awaited already"):
            await notification

    run(main())


def test_the_answer_goes_where_coroutines_go(registry, calls):
    registry.register(steps(calls, "a"))

    async def main():
        first = await asyncio.create_task(registry.notify(1))
        second = await asyncio.wait_for(registry.notify(2), 5)
        third, fourth = await asyncio.gather(registry.notify(3), registry.notify(4))
        return [first, second, third, fourth]

    assert run(main()) == [(1, 0, 0, 0)] * 4


def test_the_result_has_names_and_is_immutable(registry, calls):
    registry.register(steps(calls, "a", 0))
    result = run(registry.notify("event"))
    assert (result.fired, result.failed, result.skipped, result.cancelled) == (1, 0, 0, 0)
    with pytest.raises((AttributeError, TypeError)):
        result.fired = 2


# ------------------------------------------------------------------------------------------ failures


@pytest.mark.parametrize("suspensions", [0, 1, 3])
def test_a_failing_handler_stops_nobody_and_is_reported_with_all_there_is_to_know(
    registry, failures, calls, suspensions
):
    identity = registry.register(steps(calls, "bad", suspensions, ValueError("no")), name="the one")
    registry.register(steps(calls, "good", 2))
    assert run(registry.notify("event", "some.kind")) == (2, 1, 0, 0)
    assert "good ends" in calls
    (failure,) = failures
    assert (failure.id, failure.name, failure.message) == (identity, "the one", "ValueError: no")
    assert (failure.event, failure.kind) == ("event", "some.kind")
    assert isinstance(failure.exception, ValueError)
    assert registry.handlers()[0].failed == 1
    assert registry.handlers()[0].last_message == "ValueError: no"


def test_a_failure_is_reported_when_it_happens(registry, calls):
    registry.on_panic(lambda failure: calls.append("reported"))
    registry.register(steps(calls, "bad", 1, ValueError()))
    registry.register(steps(calls, "good", 5))
    run(registry.notify("event"))
    assert calls.index("reported") < calls.index("good ends")


def test_a_plain_handler_that_fails_is_a_failure_too(registry, failures, calls):
    def fail(event):
        raise KeyError(event)

    registry.register(fail)
    registry.register(steps(calls, "good", 1))
    assert run(registry.notify("event")) == (2, 1, 0, 0)
    assert failures[0].name.endswith("fail")


def test_max_failures_detaches(registry, failures, calls):
    registry.register(steps(calls, "bad", 1, ValueError()), max_failures=2)
    for _ in range(2):
        assert len(registry) == 1
        run(registry.notify("event"))
    assert len(registry) == 0


def test_a_once_handler_that_fails_is_reported_by_its_name(registry, failures, calls):
    registry.register(steps(calls, "bad", 1, ValueError()), once=True)
    run(registry.notify("event"))
    assert failures[0].name.endswith("handler")


def test_without_on_panic_failures_are_logged(registry, calls, caplog):
    registry.register(steps(calls, "bad", 1, ValueError("logged")), name="the one")
    run(registry.notify("event"))
    assert "handler 'the one' failed: ValueError: logged" in caplog.text


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("suspensions", [0, 1])
def test_what_is_no_failure_cancels_the_others_and_propagates(registry, failures, calls, error, suspensions):
    cancelled = []

    async def long(event):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(event)
            raise

    registry.register(long)
    registry.register(steps(calls, "exits", suspensions, error()))
    registry.register(steps(calls, "never", 0), priority=-1)
    with pytest.raises(error):
        run(registry.notify("event"))
    assert cancelled == ["event"]
    assert failures == []


# -------------------------------------------------------------------------- cancelling and bounding


def test_cancelling_cancels_the_unfinished_and_reports_what_failed(registry, failures, calls):
    async def cleanup_fails(event):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise ValueError("while cancelled") from None

    async def slow_to_end(event):
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            calls.append("cleaned up")

    async def main():
        registry.register(cleanup_fails)
        registry.register(slow_to_end)
        registry.register(steps(calls, "failed before", 1, KeyError()))
        task = asyncio.create_task(registry.notify("event"))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())
    assert "cleaned up" in calls
    assert [failure.message for failure in failures] == ["KeyError", "ValueError: while cancelled"]


def test_cancelling_twice_still_waits_for_the_handlers(registry, calls):
    async def slow_to_end(event):
        try:
            await asyncio.sleep(60)
        finally:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.05)
            calls.append("ended")

    async def main():
        registry.register(slow_to_end)
        task = asyncio.create_task(registry.notify("event"))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert calls == ["ended"]

    run(main())


def test_a_timeout_cancels_and_counts(registry, calls):
    registry.register(steps(calls, "quick", 1))
    registry.register(steps(calls, "endless", 10**9))
    began = time.monotonic()
    assert run(registry.notify("event", timeout=0.05)) == (2, 0, 0, 1)
    assert time.monotonic() - began < 5


def test_a_timeout_skips_what_has_not_started(registry, calls):
    for name in ("endless", "never"):
        registry.register(steps(calls, name, 10**9))
    assert run(registry.notify_sequential("event", timeout=0.05)) == (1, 0, 1, 1)
    assert calls == ["endless begins"]


def test_at_most_limit_handlers_run_at_a_time(registry):
    running, most = 0, 0

    async def handler(event):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1

    for _ in range(10):
        registry.register(handler)
    assert run(registry.notify("event", limit=3)) == (10, 0, 0, 0)
    assert most == 3


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": -1}, {"timeout": -1}, {"timeout": float("nan")}])
def test_senseless_bounds_are_refused(registry, wrong):
    with pytest.raises(tallystick.RangeError):
        registry.notify("event", **wrong)


def test_a_handler_removed_meanwhile_is_skipped_if_it_has_not_started(registry, calls):
    async def main():
        async def first(event):
            registry.unregister(second)
            await asyncio.sleep(0)
            registry.unregister(third)

        registry.register(first)
        second = registry.register(steps(calls, "second"))
        third = registry.register(steps(calls, "third"))
        registry.register(steps(calls, "fourth", 0))
        return await registry.notify_sequential("event")

    assert run(main()) == (2, 0, 2, 0)
    assert calls == ["fourth begins", "fourth ends"]


def test_a_handler_that_cancels_itself_counts_as_cancelled(registry, failures):
    async def at_once(event):
        asyncio.current_task().cancel()

    async def later(event):
        asyncio.current_task().cancel()
        await asyncio.sleep(60)

    async def raises(event):
        raise asyncio.CancelledError

    for handler in (at_once, later, raises):
        registry.register(handler)
    assert run(registry.notify("event")) == (3, 0, 0, 3)
    assert run(registry.notify("event")) == (3, 0, 0, 3)
    assert failures == []


# ---------------------------------------------------------------------------------- register, remove


def test_filters_names_and_patterns_work_as_in_registry(registry, calls):
    @registry.on("order.*", priority=1)
    async def order(event):
        calls.append(("order", event))

    registry.on("*", lambda event: calls.append(("all", event)))

    async def main():
        await registry.emit("order.paid", 1)
        await registry.emit("other", 2)

    run(main())
    assert calls == [("order", 1), ("all", 1), ("all", 2)]
    assert registry.unregister(order) is True
    with pytest.raises(tallystick.NameError):
        registry.emit("order.*")


def test_once_runs_once_among_concurrent_notifies(registry, calls):
    registry.register(steps(calls, "once"), once=True)

    async def main():
        return await asyncio.gather(*[registry.notify(number) for number in range(5)])

    results = run(main())
    assert sorted(results) == [(0, 0, 1, 0)] * 4 + [(1, 0, 0, 0)]
    assert len(registry) == 0


def test_weak_handlers_go_with_their_object(registry, calls):
    class Listener:
        async def hear(self, event):
            calls.append(event)

    listener = Listener()
    registry.register(listener.hear, weak=True)
    run(registry.notify(1))
    del listener
    gc.collect()
    assert run(registry.notify(2)) == (0, 0, 1, 0)
    assert calls == [1]
    assert len(registry) == 0
    for wrong in (lambda event: None, print):
        with pytest.raises(TypeError, match="weak"):
            registry.register(wrong, weak=True)


def test_the_subject_is_listed_and_found(registry, calls):
    handler = steps(calls, "a")
    identity = registry.register(handler, priority=3, once=True, name="named", kinds="a.b")
    (row,) = registry.handlers()
    assert (row.id, row.name, row.function, row.priority, row.kinds) == (identity, "named", handler, 3, ("a.b",))
    assert handler in registry
    assert identity in registry
    assert registry.contains(handler)
    assert registry.unregister(handler) is True
    assert handler not in registry
    assert not registry
    assert registry.is_empty()


@pytest.mark.parametrize("wrong", [{"priorty": 1}, {"priority": 2**40}, {"kinds": []}, {"name": 5}])
def test_wrong_options_are_refused(registry, calls, wrong):
    with pytest.raises((TypeError, ValueError)):
        registry.register(steps(calls, "a"), **wrong)
    with pytest.raises(TypeError):
        registry.register(5)
    with pytest.raises(TypeError):
        AsyncRegistry(policy="raise")
    assert len(registry) == 0


def test_scopes_work_as_in_registry(registry, calls):
    async def main():
        with registry.guard(steps(calls, "guarded", 0)) as guard:
            assert guard.id in registry
        with registry.connected(steps(calls, "connected", 0)):
            await registry.notify(1)
            with registry.muted():
                assert await registry.notify(1) == (0, 0, 1, 0)
        with registry.edit() as edit:
            edit.register(steps(calls, "edited", 0), once=True, priority=2)
            edit.register(lambda event: calls.append("plain"))
        assert await registry.notify(1) == (2, 0, 0, 0)
        with capture(registry) as seen:
            await registry.notify("captured")
        assert seen == ["captured"]
        assert edit.ids[0] not in registry

    run(main())
    assert calls == ["connected begins", "connected ends", "edited begins", "edited ends", "plain", "plain"]


def test_wait_for_and_events(registry):
    async def main():
        loop = asyncio.get_running_loop()
        loop.call_later(0.01, lambda: loop.create_task(registry.emit("wanted", 1)))
        assert await registry.wait_for("wanted", timeout=5) == 1
        with pytest.raises(tallystick.TimeoutError):
            await registry.wait_for(timeout=0.01)
        async with registry.events() as events:
            await registry.notify(2)
            assert await anext(events) == 2
        loop.call_later(0.01, registry.close)
        with pytest.raises(tallystick.ClosedError):
            await registry.wait_for()

    run(main())


def test_unregister_wait_waits_for_the_runs(registry, calls):
    handler = steps(calls, "a", 5)

    async def main():
        identity = registry.register(handler)
        task = asyncio.create_task(registry.notify("event"))
        await asyncio.sleep(0)
        with pytest.raises(tallystick.TimeoutError):
            await registry.unregister_wait(handler, timeout=0)
        assert calls == ["a begins"]
        assert await registry.unregister_wait(identity) is False
        assert calls == ["a begins", "a ends"]
        await task
        assert await registry.unregister_wait(registry.register(handler)) is True

    run(main())


class Same:
    """Equal to all others of its kind, and not the same."""

    def __init__(self, calls):
        self.calls = calls

    def __call__(self, event):
        self.calls.append(self)

    def hear(self, event):
        self.calls.append("heard")

    def __eq__(self, other):
        return isinstance(other, Same)

    __hash__ = None


def test_unregister_wait_finds_what_unregister_finds(registry, calls):
    first, second = Same(calls), Same(calls)

    async def main():
        registry.register(first)
        kept = registry.register(second)
        assert await registry.unregister_wait(Same(calls)) is False
        assert await registry.unregister_wait(second) is True
        assert kept not in registry
        registry.register(first.hear)
        assert await registry.unregister_wait(second.hear) is False
        assert await registry.unregister_wait(first.hear) is True
        registry.register(first)
        with pytest.raises(tallystick.ExistsError):
            await registry.unregister_wait(first)
        with pytest.raises(TypeError):
            await registry.unregister_wait("neither")

    run(main())


@pytest.mark.parametrize("timeout", [10**400, -1, float("nan"), "5"])
def test_a_senseless_timeout_is_refused_before_anything_happens(registry, calls, timeout):
    async def main():
        identity = registry.register(steps(calls, "a"))
        for refused in (registry.unregister_wait(identity, timeout=timeout), registry.wait_for(timeout=timeout)):
            with pytest.raises((tallystick.RangeError, TypeError), match=r"timeout|real number"):
                await refused
        with pytest.raises((tallystick.RangeError, TypeError), match=r"timeout|real number"):
            registry.notify("event", timeout=timeout)
        assert identity in registry
        assert len(registry) == 1

    run(main())
    with tallystick.Registry() as plain, pytest.raises((tallystick.RangeError, TypeError)):
        plain.wait_for(timeout=timeout)
    with tallystick.Registry() as plain, pytest.raises((tallystick.RangeError, TypeError)):
        plain.unregister_wait(calls.append, timeout=timeout)


@pytest.mark.parametrize("timeout", [float("inf"), 1e300, 10**30, decimal.Decimal(5), fractions.Fraction(9, 2)])
def test_any_number_of_seconds_is_a_timeout(registry, calls, timeout):
    async def main():
        registry.register(steps(calls, "a"))
        assert await registry.notify("event", timeout=timeout) == (1, 0, 0, 0)

    run(main())


@pytest.mark.parametrize("suspensions", [0, 1])
def test_unregister_wait_inside_a_handler_does_not_wait(registry, calls, suspensions):
    async def handler(event):
        for _ in range(suspensions):
            await asyncio.sleep(0)
        with pytest.raises(tallystick.WouldBlockError):
            await registry.unregister_wait(identity)
        calls.append(identity in registry)

    identity = registry.register(handler)
    assert run(registry.notify("event")) == (1, 0, 0, 0)
    assert calls == [False]


def test_leaving_async_with_waits_for_what_runs(calls):
    async def main():
        async with AsyncRegistry() as registry:
            registry.register(steps(calls, "a", 3))
            task = asyncio.create_task(registry.notify("event"))
            await asyncio.sleep(0)
        assert calls == ["a begins", "a ends"]
        assert await task == (1, 0, 0, 0)
        with pytest.raises(tallystick.ClosedError):
            registry.notify("event")
        with pytest.raises(tallystick.ClosedError):
            registry.register(print)

    run(main())


def test_closing_inside_a_handler_keeps_the_rest_from_starting(registry, calls):
    async def closes(event):
        registry.close()

    registry.register(closes)
    registry.register(steps(calls, "never", 0))
    assert run(registry.notify("event")) == (1, 0, 1, 0)
    assert calls == []


def test_a_failure_after_the_close_is_logged(registry, calls, caplog):
    async def late(event):
        registry.close()
        await asyncio.sleep(0)
        raise ValueError("late")

    registry.register(late)
    assert run(registry.notify("event")) == (1, 1, 0, 0)
    assert "late" in caplog.text


def test_one_registry_serves_loops_of_many_threads(registry):
    seen = []

    async def handler(event):
        await asyncio.sleep(0)
        seen.append((event, threading.get_ident()))

    async def plain(event):
        pass

    registry.register(handler)
    registry.register(plain)

    async def main(number):
        for _ in range(50):
            assert await registry.notify(number) == (2, 0, 0, 0)

    threads = [threading.Thread(target=lambda n=number: run(main(n))) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 200
    assert len({(event, ident) for event, ident in seen}) == 4


def test_nothing_is_kept_alive(calls):
    async def main(owner):
        owner.registry = registry = AsyncRegistry()
        registry.register(owner.hear)
        registry.register(owner.hear, once=True)
        await registry.notify(owner)
        await registry.notify_sequential(owner)

    class Owner:
        async def hear(self, event):
            await asyncio.sleep(0)

    owner = Owner()
    run(main(owner))
    gone = weakref.ref(owner)
    del owner
    gc.collect()
    assert gone() is None


def test_asyncio_debug_mode_has_nothing_to_say(registry, calls, caplog):
    registry.register(steps(calls, "a", 0))
    registry.register(steps(calls, "b", 2))

    async def main():
        for _ in range(3):
            assert await registry.notify("event") == (2, 0, 0, 0)

    asyncio.run(main(), debug=True)
    gc.collect()
    assert caplog.records == []
