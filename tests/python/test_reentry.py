"""What an adversary found: user code that runs where nobody expects it. Each of these crashed or hung once."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import threading

import pytest

import tallystick
from tallystick import AsyncRegistry, Counter, Mask, Registry


def on_another_thread(work) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_the_leak_warning_may_clear_the_registry_on_another_thread() -> None:
    registry = Registry()

    class Clear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            on_another_thread(registry.clear)

    handler = Clear()
    logging.getLogger("tallystick").addHandler(handler)
    try:
        for _ in range(1000):
            registry.register(lambda event: None)
        other = registry = Registry()
        with other.edit() as edit:
            for _ in range(1000):
                edit.register(lambda event: None)
    finally:
        logging.getLogger("tallystick").removeHandler(handler)
    assert len(other) == 0


def test_looking_for_a_function_runs_no_destructor_of_another_registry() -> None:
    one, two, three = Registry(), Registry(), Registry()

    def wanted(event: object) -> None: ...

    class Dying:
        def __call__(self, event: object) -> None: ...

        def __del__(self) -> None:
            on_another_thread(one.clear)

    one.register(wanted)
    for _ in range(5):
        one.register(lambda event: None)
    two.register(Dying())
    three.register(lambda event: two.close())
    one.register(wanted)
    three.notify(1)
    with pytest.raises(tallystick.TallyError):
        one.unregister(wanted)


def interrupt_often(seconds: float, work, come_between) -> None:
    """`work` on this thread, while `come_between` does so 0.2 ms after it has last ended: on a fixed beat it would
    interrupt nothing but itself on a machine that is busy, and never end."""
    stop = threading.Event()

    def handle(number: int, frame: object) -> None:
        come_between()
        signal.setitimer(signal.ITIMER_REAL, 0 if stop.is_set() else 0.0002)

    before = signal.signal(signal.SIGALRM, handle)
    threading.Timer(seconds, stop.set).start()
    signal.setitimer(signal.ITIMER_REAL, 0.0002)
    try:
        while not stop.is_set():
            work()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_signal_handler_may_notify_while_a_failure_is_logged_and_events_are_pushed(caplog) -> None:
    registry = Registry()
    registry.register(lambda event: 1 / 0)
    events = registry.events(maxsize=10)
    interrupt_often(1.0, lambda: registry.notify("loop"), lambda: registry.notify("signal"))
    assert len(events) == 10
    events.close()


def test_a_signal_handler_may_bring_the_event_that_is_waited_for() -> None:
    registry = Registry()
    before = signal.signal(signal.SIGALRM, lambda number, frame: registry.notify("signal"))
    try:
        for _ in range(100):
            signal.setitimer(signal.ITIMER_REAL, 0.001)
            assert registry.wait_for(timeout=10) == "signal"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("timeout", [math.nan, -1.0])
def test_a_time_that_is_none_is_refused(timeout: float) -> None:
    with pytest.raises(tallystick.errors.RangeError):
        Registry().wait_for(timeout=timeout)


class Boom(BaseException):
    pass


def test_what_is_no_exception_ends_an_async_notify_also_after_a_suspension() -> None:
    async def handler(event: object) -> None:
        await asyncio.sleep(0)
        raise Boom

    async def main() -> None:
        registry = AsyncRegistry()
        registry.register(handler)
        with pytest.raises(Boom):
            await asyncio.wait_for(registry.notify(1), 5)

    asyncio.run(main())


def test_an_on_panic_that_interrupts_ends_an_async_notify_instead_of_hanging_it() -> None:
    async def handler(event: object) -> None:
        await asyncio.sleep(0)
        raise ValueError

    def on_panic(failure: tallystick.Failure) -> None:
        raise Boom

    async def main() -> None:
        registry = AsyncRegistry()
        registry.register(handler)
        registry.on_panic(on_panic)
        with pytest.raises(Boom):
            await asyncio.wait_for(registry.notify(1), 5)

    asyncio.run(main())


def test_start_before_the_first_await_is_refused() -> None:
    async def handler(event: object) -> None: ...

    async def main() -> None:
        registry = AsyncRegistry()
        registry.register(handler)
        notification = registry.notify(1)
        with pytest.raises(RuntimeError, match="await"):
            notification.start(1)
        assert (await notification).fired == 1

    asyncio.run(main())


def test_masks_hand_on_to_at_most_sixteen_masks() -> None:
    mask: Counter | Mask = Counter()
    for _ in range(16):
        mask = Mask(mask, mask=1, match=0, width=1)
    with pytest.raises(tallystick.errors.LimitError):
        Mask(mask, mask=1, match=0, width=1)
    registry = Registry()
    registry.register(mask)
    assert registry.notify(b"\0" * 9).fired == 1


def test_a_text_may_rename_the_type_of_its_exception() -> None:
    def text(self: Exception) -> str:
        type(self).__name__ = type(self).__qualname__ = "Other"
        return "A" * 40

    def handler(event: object) -> None:
        raise type("E" + "x" * 50, (Exception,), {"__str__": text})()

    messages: list[str] = []
    registry = Registry()
    registry.register(handler)
    registry.on_panic(lambda failure: messages.append(failure.message))
    registry.notify(1)
    assert messages == ["E" + "x" * 50 + ": " + "A" * 40]
