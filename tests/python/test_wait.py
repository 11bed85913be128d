"""Semantic 6: removal that is over, and 7: guards."""

import gc
import signal
import threading
import time
import warnings

import pytest

import tallystick
from tallystick import Registry


class Stuck:
    """A handler that stays inside until it is let go, notified from a thread of its own."""

    def __init__(self, registry):
        self.entered = threading.Event()
        self.leave = threading.Event()
        self.left = False
        self.id = registry.register(self)
        self.thread = threading.Thread(target=registry.notify, args=("stuck",))
        self.thread.start()
        self.entered.wait()

    def __call__(self, event):
        self.entered.set()
        self.leave.wait()
        self.left = True

    def release(self):
        self.leave.set()
        self.thread.join()


@pytest.fixture
def stuck(registry):
    stuck = Stuck(registry)
    yield stuck
    stuck.release()


def test_unregister_wait_returns_when_nobody_is_inside(registry, stuck):
    timer = threading.Timer(0.1, stuck.leave.set)
    timer.start()
    assert registry.unregister_wait(stuck.id) is True
    assert stuck.left
    timer.join()


def test_unregister_wait_is_quick_when_nobody_is_inside(registry, make):
    identity = registry.register(make("idle"))
    began = time.perf_counter()
    assert registry.unregister_wait(identity, timeout=10) is True
    assert time.perf_counter() - began < 1.0


def test_a_timeout_removes_all_the_same(registry, stuck):
    began = time.monotonic()
    with pytest.raises(tallystick.TimeoutError) as caught:
        registry.unregister_wait(stuck.id, timeout=0.12)
    assert 0.1 <= time.monotonic() - began < 5
    assert isinstance(caught.value, TimeoutError)
    assert stuck.id not in registry
    assert registry.notify("again") == (0, 0, 0)


def test_a_timeout_of_zero_looks_once(registry, stuck):
    with pytest.raises(tallystick.TimeoutError):
        registry.unregister_wait(stuck.id, timeout=0)


def test_waiting_again_for_what_is_removed_waits_again(registry, stuck):
    assert registry.unregister(stuck.id) is True
    with pytest.raises(tallystick.TimeoutError):
        registry.unregister_wait(stuck.id, timeout=0.05)
    stuck.release()
    assert registry.unregister_wait(stuck.id, timeout=5) is False


def test_it_waits_for_that_one_handler_only(registry, stuck, make):
    other = registry.register(make("other"))
    assert registry.unregister_wait(other, timeout=5) is True


@pytest.mark.parametrize("timeout", [-1, -0.001, float("nan"), float("-inf")])
def test_a_senseless_timeout_is_refused_and_removes_nothing(registry, make, timeout):
    identity = registry.register(make("a"))
    with pytest.raises(tallystick.RangeError):
        registry.unregister_wait(identity, timeout=timeout)
    assert identity in registry
    with pytest.raises(TypeError):
        registry.unregister_wait(identity, timeout="1")


def test_an_infinite_timeout_is_none(registry, make):
    assert registry.unregister_wait(registry.register(make("a")), timeout=float("inf"))


def test_inside_a_handler_it_removes_and_does_not_wait(registry, make):
    outcome = []

    def wait_for_myself(event):
        with pytest.raises(tallystick.WouldBlockError):
            registry.unregister_wait(identity)
        outcome.append(identity in registry)

    identity = registry.register(wait_for_myself)
    assert registry.notify("event") == (1, 0, 0)
    assert outcome == [False]


def test_inside_a_handler_of_another_registry_it_does_not_wait_either(registry, make):
    outcome = []
    with Registry() as other:

        def wait_for_other(event):
            with pytest.raises(tallystick.WouldBlockError):
                registry.unregister_wait(identity)
            outcome.append(identity in registry)

        identity = registry.register(make("a"))
        other.register(wait_for_other)
        assert other.notify("event") == (1, 0, 0)
    assert outcome == [False]


def test_the_handler_may_need_the_gil_while_it_is_waited_for(registry):
    entered = threading.Event()
    worked = []

    def busy(event):
        entered.set()
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            worked.append(sum(range(100)))

    identity = registry.register(busy)
    thread = threading.Thread(target=registry.notify, args=("event",))
    thread.start()
    entered.wait()
    assert registry.unregister_wait(identity, timeout=10) is True
    done = len(worked)
    time.sleep(0.02)
    assert len(worked) == done
    thread.join()


def test_control_c_ends_the_wait_within_100_ms(registry, stuck):
    began = []

    def interrupt():
        began.append(time.monotonic())
        signal.raise_signal(signal.SIGINT)

    timer = threading.Timer(0.1, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        registry.unregister_wait(stuck.id)
    assert time.monotonic() - began[0] < 0.1
    timer.join()


def test_control_c_ends_close_within_100_ms(registry, stuck):
    began = []

    def interrupt():
        began.append(time.monotonic())
        signal.raise_signal(signal.SIGINT)

    timer = threading.Timer(0.1, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        registry.close()
    assert time.monotonic() - began[0] < 0.1
    timer.join()
    assert registry.notify("event") == (0, 0, 0)


def test_close_waits_until_nobody_is_inside(registry, stuck):
    threading.Timer(0.1, stuck.leave.set).start()
    registry.close()
    assert stuck.left


def test_concurrent_closes_return_after_the_real_one(registry, stuck):
    left_at_return = []

    def close():
        registry.close()
        left_at_return.append(stuck.left)

    threads = [threading.Thread(target=close) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    assert left_at_return == []
    stuck.leave.set()
    for thread in threads:
        thread.join()
    assert left_at_return == [True] * 4


# ------------------------------------------------------------------------------------------- guards


def test_leaving_the_block_unregisters(registry, make, calls):
    with registry.guard(make("guarded"), priority=3) as guard:
        assert guard.id in registry
        assert guard.active
        registry.notify(1)
    registry.notify(2)
    assert calls == ["guarded"]
    assert not guard.active


def test_closing_unregisters_once_and_never_fires(registry, make, calls):
    guard = registry.guard(make("guarded"))
    assert guard.close() is True
    assert guard.close() is False
    assert len(registry) == 0
    assert calls == []


def test_a_forgotten_guard_keeps_the_handler(registry, make, calls):
    with registry.guard(make("kept")) as guard:
        identity = guard.forget()
    registry.notify(1)
    assert calls == ["kept"]
    assert guard.id == identity
    assert registry.unregister(identity) is True


def test_a_guard_that_outlives_its_registry_is_harmless(make):
    registry = Registry()
    closed, dropped = registry.guard(make("a")), Registry().guard(make("b"))
    registry.close()
    gc.collect()
    assert closed.close() is False
    assert dropped.close() is False
    assert not dropped.active
    assert "done" in repr(dropped)


def test_a_guard_keeps_no_registry_alive(make):
    import weakref

    registry = Registry()
    guard = registry.guard(make("a"))
    gone = weakref.ref(registry)
    del registry
    gc.collect()
    assert gone() is None
    guard.close()


def test_a_guard_whose_handler_is_gone_is_harmless(registry, make):
    guard = registry.guard(make("a"))
    registry.clear()
    assert guard.close() is False


def test_guards_close_in_any_order(registry, make):
    guards = [registry.guard(make(index)) for index in range(3)]
    for expected, guard in zip((2, 1, 0), (guards[1], guards[2], guards[0]), strict=True):
        guard.close()
        assert len(registry) == expected


def test_a_dropped_guard_unregisters_and_says_so(registry, make):
    with pytest.warns(ResourceWarning, match="dropped"):
        registry.guard(make("dropped"))
    assert len(registry) == 0


def test_closing_a_guard_inside_its_handler_works(registry, make, calls):
    with registry.guard(make("a", lambda event: guard.close())) as guard:
        registry.notify(1)
        registry.notify(2)
    assert calls == ["a"]


def test_a_guard_that_is_done_is_dropped_silently(registry, make):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registry.guard(make("a")).close()
        registry.guard(make("b")).forget()
        gc.collect()
    assert len(registry) == 1
