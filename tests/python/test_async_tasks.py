"""Async: a handler that finishes without suspending costs no task, and yet four things stay true for
all of them. Each is checked against what asyncio does with a task per coroutine."""

import asyncio
import contextvars
import functools
import gc
import sys
import types

import pytest

import tallystick
from tallystick import AsyncRegistry

variable = contextvars.ContextVar("variable", default="unset")


@pytest.fixture
def registry():
    made = AsyncRegistry()
    made.on_panic(lambda failure: pytest.fail(f"a handler failed: {failure.message}"))
    yield made
    made.close()


async def notify_all(registry, *handlers, event="event"):
    for handler in handlers:
        registry.register(handler)
    return await registry.notify(event)


# -------------------------------------------------- 1: current_task() in the first step is the owner


def test_current_task_is_the_same_in_all_steps(registry):
    seen = []

    async def handler(event):
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())
        await asyncio.sleep(0.001)
        seen.append(asyncio.current_task())

    async def main():
        own = asyncio.current_task()
        await notify_all(registry, handler)
        assert asyncio.current_task() is own
        return own

    own = asyncio.run(main())
    assert seen[0] is seen[1] is seen[2]
    assert seen[0] is not own
    assert isinstance(seen[0], asyncio.Task)


def test_two_handlers_that_suspend_have_two_tasks(registry):
    seen = []

    async def handler(event):
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)

    asyncio.run(notify_all(registry, handler, handler))
    assert seen[0] is not seen[1]


def test_a_plain_handler_sees_the_task_of_the_caller(registry):
    seen = []

    async def suspends(event):
        await asyncio.sleep(0)

    async def main():
        await notify_all(registry, suspends, lambda event: seen.append(asyncio.current_task()), suspends)
        return asyncio.current_task()

    assert seen == [asyncio.run(main())]


def test_the_task_that_a_handler_keeps_ends_with_it(registry):
    kept = []

    async def finishes(event):
        kept.append(asyncio.current_task())

    async def suspends(event):
        kept.append(asyncio.current_task())
        await asyncio.sleep(0)

    async def main():
        await notify_all(registry, finishes, suspends, finishes)
        await asyncio.wait(kept, timeout=5)

    asyncio.run(main())
    assert len(set(kept)) == 3
    assert all(task.done() and not task.cancelled() for task in kept)


def test_a_callback_on_the_task_of_a_handler_that_does_not_suspend_runs(registry):
    ended = []

    async def handler(event):
        asyncio.current_task().add_done_callback(lambda task: ended.append(event))

    async def main():
        await notify_all(registry, handler)
        for _ in range(5):
            await asyncio.sleep(0)

    asyncio.run(main())
    assert ended == ["event"]


def test_the_spare_is_nobodys_business(registry):
    async def quick(event):
        pass

    async def main():
        for _ in range(3):
            await registry.notify("event")
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

    registry.register(quick)
    asyncio.run(main())


def test_a_handler_that_suspends_is_among_all_tasks(registry):
    async def handler(event):
        await asyncio.sleep(0.01)

    async def main():
        registry.register(handler)
        task = asyncio.create_task(registry.notify("event"))
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 3
        await task

    asyncio.run(main())


def test_an_idle_spare_dies_quietly_with_its_loop(registry, caplog):
    async def quick(event):
        pass

    registry.register(quick)
    for _ in range(3):
        asyncio.run(registry.notify("event"))
        gc.collect()
    assert caplog.records == []


# ------------------------------------------------------------ 2: its own context in all of its steps


def test_each_handler_has_its_own_copy_of_the_callers_context_in_all_steps(registry):
    seen = []

    async def handler(event):
        seen.append(variable.get())
        name = f"handler {len(seen)}"
        variable.set(name)
        for _ in range(3):
            await asyncio.sleep(0)
            assert variable.get() == name

    async def main():
        variable.set("caller")
        await notify_all(registry, handler, handler)
        assert variable.get() == "caller"

    asyncio.run(main())
    assert seen == ["caller", "caller"]


def test_handlers_that_do_not_suspend_leave_no_trace_in_the_context(registry):
    async def quick(event):
        variable.set("quick")

    def plain(event):
        variable.set("plain")

    async def main():
        variable.set("caller")
        await notify_all(registry, quick, plain)
        assert variable.get() == "caller"

    asyncio.run(main())


def test_the_context_is_that_of_the_call_not_of_the_first_notify(registry):
    seen = []

    async def handler(event):
        seen.append(variable.get())
        await asyncio.sleep(0)
        seen.append(variable.get())

    async def main():
        registry.register(handler)
        for value in "ab":
            variable.set(value)
            await registry.notify("event")

    asyncio.run(main())
    assert seen == ["a", "a", "b", "b"]


def test_what_a_handler_schedules_runs_in_its_context(registry):
    seen = []

    async def handler(event):
        variable.set(event)
        asyncio.get_running_loop().call_soon(lambda: seen.append(variable.get()))
        await asyncio.create_task(self_check())

    async def self_check():
        seen.append(variable.get())

    asyncio.run(notify_all(registry, handler))
    assert seen == ["event", "event"]


# ---------------------------------------------- 3: what it awaits can be awaited by others meanwhile


def test_a_future_that_it_awaits_can_be_awaited_by_others(registry):
    async def main():
        future = asyncio.get_running_loop().create_future()
        got = []

        async def handler(event):
            got.append(await future)

        async def other():
            got.append(await future)

        registry.register(handler)
        registry.register(handler)
        notify = asyncio.create_task(registry.notify("event"))
        others = [asyncio.create_task(other()) for _ in range(2)]
        await asyncio.sleep(0)
        future.set_result("result")
        await asyncio.gather(notify, *others)
        return got

    assert asyncio.run(main()) == ["result"] * 4


def test_others_may_await_it_in_the_same_turn(registry):
    """Between the handler's first step and its task's next one."""

    async def main():
        future = asyncio.get_running_loop().create_future()
        got = []

        async def handler(event):
            got.append(await future)

        registry.register(handler)
        registry.register(handler)
        asyncio.get_running_loop().call_soon(future.set_result, "result")
        assert await registry.notify("event") == (2, 0, 0, 0)
        return got

    assert asyncio.run(main()) == ["result"] * 2


def test_a_future_that_is_done_before_the_loop_turns_is_seen(registry):
    async def main():
        future = asyncio.get_running_loop().create_future()
        got = []

        async def waits(event):
            got.append(await future)

        async def resolves(event):
            future.set_result("result")

        assert await notify_all(registry, waits, resolves) == (2, 0, 0, 0)
        return got

    assert asyncio.run(main()) == ["result"]


def test_an_exception_of_what_it_awaits_reaches_it(registry):
    async def main():
        future = asyncio.get_running_loop().create_future()
        caught = []

        async def waits(event):
            try:
                await future
            except ValueError as error:
                caught.append(str(error))

        async def fails(event):
            future.set_exception(ValueError("from the future"))

        await notify_all(registry, waits, fails)
        return caught

    assert asyncio.run(main()) == ["from the future"]


@pytest.mark.parametrize("primitive", ["event", "lock", "semaphore", "queue", "condition", "group", "gather", "shield"])
def test_the_tools_of_asyncio_work_from_the_first_step_on(registry, primitive):
    async def main():
        loop = asyncio.get_running_loop()
        done = []
        event, lock, semaphore, queue = asyncio.Event(), asyncio.Lock(), asyncio.Semaphore(1), asyncio.Queue()
        condition = asyncio.Condition()

        async def child():
            await asyncio.sleep(0)
            return 1

        async def handler(number):
            if primitive == "event":
                await event.wait()
            elif primitive == "lock":
                async with lock:
                    await asyncio.sleep(0)
            elif primitive == "semaphore":
                async with semaphore:
                    await asyncio.sleep(0)
            elif primitive == "queue":
                await queue.get()
            elif primitive == "condition":
                async with condition:
                    await condition.wait()
            elif primitive == "group":
                async with asyncio.TaskGroup() as group:
                    group.create_task(child())
                    group.create_task(child())
            elif primitive == "gather":
                assert await asyncio.gather(child(), child()) == [1, 1]
            elif primitive == "shield":
                assert await asyncio.shield(child()) == 1
            done.append(number)

        async def release():
            await asyncio.sleep(0.005)
            event.set()
            for _ in range(3):
                queue.put_nowait(None)
            async with condition:
                condition.notify_all()

        releasing = loop.create_task(release())
        assert await notify_all(registry, handler, handler, handler) == (3, 0, 0, 0)
        await releasing
        return done

    assert len(asyncio.run(main())) == 3


# ---------------------------------------------------------- 4: cancellation reaches what it awaits


def test_cancellation_reaches_what_it_awaits(registry):
    async def main():
        future = asyncio.get_running_loop().create_future()

        async def handler(event):
            await future

        registry.register(handler)
        task = asyncio.create_task(registry.notify("event"))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return future.cancelled()

    assert asyncio.run(main()) is True


@pytest.mark.parametrize("what", ["future", "task", "sleep", "yield"])
def test_cancellation_before_the_loop_turns_reaches_it_too(registry, what):
    async def main():
        loop = asyncio.get_running_loop()
        tasks, outcome = [], []

        async def child():
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                outcome.append("child cancelled")
                raise

        future = loop.create_future()

        async def waits(event):
            tasks.append(asyncio.current_task())
            try:
                if what == "future":
                    await future
                elif what == "task":
                    await loop.create_task(child())
                elif what == "sleep":
                    await asyncio.sleep(60)
                else:
                    await asyncio.sleep(0)
                    outcome.append("not cancelled")
            except asyncio.CancelledError as error:
                outcome.append(error.args)
                raise

        async def cancels(event):
            tasks[0].cancel("because")

        assert await notify_all(registry, waits, cancels) == (2, 0, 0, 1)
        assert tasks[0].cancelled()
        if what == "future":
            assert future.cancelled()
        return outcome

    async def reference():
        """The same with a task."""
        loop = asyncio.get_running_loop()
        outcome = []
        future = loop.create_future()

        async def child():
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                outcome.append("child cancelled")
                raise

        async def waits():
            try:
                if what == "future":
                    await future
                elif what == "task":
                    await loop.create_task(child())
                elif what == "sleep":
                    await asyncio.sleep(60)
                else:
                    await asyncio.sleep(0)
                    outcome.append("not cancelled")
            except asyncio.CancelledError as error:
                outcome.append(error.args)
                raise

        task = loop.create_task(waits())
        await asyncio.sleep(0)
        task.cancel("because")
        with pytest.raises(asyncio.CancelledError):
            await task
        return outcome

    got, expected = asyncio.run(main()), asyncio.run(reference())
    # A child that has not begun when its task is cancelled never begins.
    assert got[-1] == expected[-1]


def test_a_timeout_in_the_first_step_ends_the_handler_and_nobody_else(registry):
    ended = []

    async def impatient(event):
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
        except TimeoutError:
            ended.append("timed out")

    async def patient(event):
        await asyncio.sleep(0.03)
        ended.append("done")

    assert asyncio.run(notify_all(registry, impatient, patient)) == (2, 0, 0, 0)
    assert ended == ["timed out", "done"]


def test_a_timeout_that_is_over_at_once_works(registry):
    ended = []

    async def handler(event):
        try:
            async with asyncio.timeout(0):
                await asyncio.sleep(60)
        except TimeoutError:
            ended.append("timed out")

    assert asyncio.run(notify_all(registry, handler)) == (1, 0, 0, 0)
    assert ended == ["timed out"]


def test_a_handler_may_refuse_to_be_cancelled(registry):
    ended = []

    async def stubborn(event):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()
            await asyncio.sleep(0.001)
        ended.append("finished")

    async def main():
        registry.register(stubborn)
        return await registry.notify("event", timeout=0.005)

    assert asyncio.run(main()) == (1, 0, 0, 0)
    assert ended == ["finished"]


def test_wait_for_around_what_a_handler_awaits_times_out(registry):
    ended = []

    async def handler(event):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(60), 0.005)
        ended.append(event)

    assert asyncio.run(notify_all(registry, handler)) == (1, 0, 0, 0)
    assert ended == ["event"]


# ------------------------------------------------------------------------------------ and the rest


@pytest.mark.parametrize("suspensions", [0, 1])
def test_handlers_notify_their_own_registry(registry, suspensions):
    calls = []

    async def handler(event):
        calls.append(event)
        for _ in range(suspensions):
            await asyncio.sleep(0)
        if event > 0:
            task = asyncio.current_task()
            assert await registry.notify(event - 1) == (2, 0, 0, 0)
            assert asyncio.current_task() is task

    async def other(event):
        await asyncio.sleep(0)

    assert asyncio.run(notify_all(registry, handler, other, event=3)) == (2, 0, 0, 0)
    assert calls == [3, 2, 1, 0]


def test_a_handler_may_return_any_awaitable(registry):
    done = []

    async def coroutine(event):
        await asyncio.sleep(0)
        done.append(event)

    class Awaitable:
        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            done.append("awaitable")

    async def main():
        loop = asyncio.get_running_loop()
        return await notify_all(
            registry,
            lambda event: coroutine("from a lambda"),
            lambda event: loop.create_task(coroutine("task")),
            lambda event: Awaitable(),
        )

    assert asyncio.run(main()) == (3, 0, 0, 0)
    assert sorted(done) == ["awaitable", "from a lambda", "task"]


WAITING = {
    "an awaitable": lambda wait: Awaiting(wait),
    "a task": lambda wait: asyncio.get_running_loop().create_task(wait()),
    "a generator": types.coroutine(lambda wait: (yield from wait().__await__())),
    "a coroutine": lambda wait: wait(),
}


class Awaiting:
    def __init__(self, wait):
        self.wait = wait

    def __await__(self):
        yield
        return (yield from self.wait().__await__())


@pytest.mark.parametrize("what", WAITING)
def test_whatever_a_handler_returned_does_not_wait_for_itself(registry, what):
    said = []

    async def wait():
        for leave in (lambda: registry.unregister_wait(identity), registry.aclose):
            try:
                said.append(await leave())
            except tallystick.WouldBlockError:
                said.append("would block")

    identity = registry.register(lambda event: WAITING[what](wait))
    assert asyncio.run(asyncio.wait_for(registry.notify("event"), 5)) == (1, 0, 0, 0)
    assert said == ["would block", None]


def test_a_generator_based_coroutine_runs(registry):
    tasks = []

    @types.coroutine
    def handler(event):
        tasks.append(asyncio.current_task())
        yield from asyncio.sleep(0).__await__()
        tasks.append(asyncio.current_task())
        if event == "bad":
            raise ValueError(event)

    told = []
    registry.on_panic(told.append)
    assert asyncio.run(notify_all(registry, handler)) == (1, 0, 0, 0)
    assert tasks[0] is tasks[1] is not None
    assert asyncio.run(registry.notify("bad")) == (1, 1, 0, 0)
    assert [failure.message for failure in told] == ["ValueError: bad"]


def test_a_plain_generator_is_an_answer_like_any_other(registry):
    def handler(event):
        yield event

    assert asyncio.run(notify_all(registry, handler)) == (1, 0, 0, 0)


def test_an_asynchronous_generator_is_refused_with_the_reason(registry):
    async def handler(event):
        yield

    for refused in (handler, functools.partial(handler)):
        with pytest.raises(TypeError, match="asynchronous generator: calling it would run nothing"):
            registry.register(refused)
        with pytest.raises(TypeError, match="asynchronous generator"), registry.edit() as edit:
            edit.register(refused)
    assert len(registry) == 0


def test_two_thousand_suspended_handlers(registry):
    async def handler(event):
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    with registry.edit() as edit:
        for _ in range(2000):
            edit.register(handler)
    registry.on_panic(None)
    assert asyncio.run(registry.notify("event")) == (2000, 0, 0, 0)


def test_closing_the_notify_closes_its_handlers(registry):
    ended = []

    async def handler(event):
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(event)

    async def main():
        registry.register(handler)
        notification = registry.notify("event")
        notification.send(None)
        notification.close()
        for _ in range(3):
            await asyncio.sleep(0)

    asyncio.run(main())
    assert ended == ["event"]


def test_handlers_cost_no_task_when_they_do_not_suspend(registry, monkeypatch):
    import tallystick._stage

    made = []
    renew = tallystick._stage.Stage.renew
    monkeypatch.setattr(tallystick._stage.Stage, "renew", lambda self: made.append(1) or renew(self))

    async def quick(event):
        pass

    async def main():
        for _ in range(4):
            registry.register(quick)
        for _ in range(100):
            assert await registry.notify("event") == (4, 0, 0, 0)

    asyncio.run(main())
    assert len(made) == 1


def test_nothing_leaks(run_script):
    script = """
        import asyncio, gc, sys
        from tallystick import AsyncRegistry

        async def quick(event): pass
        async def slow(event): await asyncio.sleep(0)
        async def bad(event):
            await asyncio.sleep(0)
            raise ValueError(event)

        async def everything(count):
            registry = AsyncRegistry()
            registry.on_panic(lambda failure: None)
            for handler in (quick, slow, bad, print.__self__.abs, quick):
                registry.register(handler)
            for number in range(count):
                registry.register(slow, once=True)
                await registry.notify(number)
                await registry.notify_sequential(number, timeout=5)
                task = asyncio.create_task(registry.notify(number))
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])

        def measure(count):
            asyncio.run(everything(count))
            gc.collect()
            return sys.getallocatedblocks()

        measure(500)
        before = measure(500)
        print(measure(1500) - before)
    """
    assert int(run_script(script)) < 500, "a block per notify would be 4500"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
def test_an_eager_task_factory_changes_nothing(registry):
    async def suspends(event):
        first = asyncio.current_task()
        await asyncio.sleep(0)
        assert asyncio.current_task() is first

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        assert await notify_all(registry, suspends, suspends) == (2, 0, 0, 0)

    asyncio.run(main())
