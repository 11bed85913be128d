"""Threads: churn, blocking native handlers, and threads of C that Python has never seen."""

import ctypes
import sys
import threading
import time

import pytest

import tallystick
from tallystick import Registry


def run_threads(count, target):
    errors = []

    def guarded(number):
        try:
            target(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.fixture(autouse=True)
def switch_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_sixteen_threads_count_exactly(registry):
    counters = [tallystick.Counter() for _ in range(2)]
    ran = [[0] for _ in range(16)]
    for counter in counters:
        registry.register(counter)
    registry.register(lambda number: ran[number].__setitem__(0, ran[number][0] + 1))

    def notify(number):
        for _ in range(500):
            assert registry.notify(number).failed == 0

    run_threads(16, notify)
    assert [counter.events for counter in counters] == [8000, 8000]
    assert ran == [[500]] * 16


def test_sixteen_threads_under_churn(registry):
    start, stop = threading.Barrier(16), threading.Event()
    kept = [0]
    registry.register(lambda event: kept.__setitem__(0, kept[0] + 1), priority=5)

    def churn(number):
        start.wait()
        if number < 4:
            try:
                for _ in range(200):
                    identity = registry.register(lambda event: None, priority=number)
                    with registry.edit() as edit:
                        edit.register(lambda event: None)
                        edit.unregister(identity)
                    assert registry.unregister(edit.ids[0]) is True
            finally:
                if number == 0:
                    stop.set()
        else:
            while not stop.is_set():
                result = registry.notify("event")
                assert result.fired >= 1

    run_threads(16, churn)
    assert len(registry) == 1
    assert kept[0] > 0


def test_handlers_register_remove_and_notify_from_many_threads():
    with Registry(count=True) as registry:
        removed = []

        def handler(event):
            if event > 0:
                identity = registry.register(lambda event: None, once=True)
                registry.notify(event - 1)
                removed.append(registry.unregister(identity))

        registry.register(handler)
        run_threads(8, lambda number: [registry.notify(3) for _ in range(50)])
        assert len(registry) == 1
        assert len(removed) == 8 * 50 * 3


def test_a_result_belongs_to_its_own_notify():
    with Registry() as registry:
        registry.on("one", lambda event: None)
        registry.on("two", lambda event: None)
        registry.on("two", lambda event: None)
        wrong = []

        def notify(number):
            name, expected = (("one", (1, 0, 2)), ("two", (2, 0, 1)))[number % 2]
            wrong.extend(result for _ in range(2000) if (result := registry.emit(name, 1)) != expected)

        run_threads(8, notify)
        assert wrong == []


def test_open_and_close_from_many_threads():
    def cycle(number):
        for _ in range(200):
            with Registry() as registry:
                identity = registry.register(lambda event: None)
                assert registry.notify(1) == (1, 0, 0)
                registry.unregister_wait(identity)

    run_threads(8, cycle)


def test_close_races_with_everything():
    for _ in range(30):
        registry = Registry()

        def work(number, registry=registry):
            try:
                if number == 0:
                    time.sleep(0.001)
                    registry.close()
                    return
                while True:
                    identity = registry.register(lambda event: None)
                    registry.notify(1)
                    registry.handlers()
                    registry.unregister(identity)
            except tallystick.ClosedError:
                pass

        run_threads(6, work)
        assert registry.closed


# ------------------------------------------------------------- a C library that tests are written in


def test_another_thread_makes_progress_during_a_blocking_native_handler(registry, native):
    blocker = native.blocker()
    registry.register(blocker)
    thread = threading.Thread(target=registry.notify, args=(b"event",))
    thread.start()
    deadline = time.monotonic() + 10
    while not native.blocked() and time.monotonic() < deadline:
        pass
    progress = sum(1 for _ in range(1000))
    assert progress == 1000
    assert thread.is_alive()
    native.release()
    thread.join()


def test_the_gil_is_kept_around_quick_native_handlers(registry, native):
    registry.register(native.quick())
    registry.notify(b"event")
    assert native.had_gil() == 1


def test_the_gil_is_given_up_once_around_a_run_of_blocking_ones(registry, native):
    for _ in range(3):
        registry.register(native.slow())
    registry.register(lambda event: None, priority=-1)
    registry.notify(b"event")
    assert native.had_gil() == 0
    assert native.calls() == 3


def test_a_native_thread_notifies_python_handlers(registry, native):
    seen = []
    registry.register(lambda event: seen.append((event, threading.get_ident())))
    native.notify_from_thread(registry.c_handle(), b"from C", 100)
    assert [event for event, _ in seen] == [b"from C"] * 100
    assert len({ident for _, ident in seen} - {threading.get_ident()}) == 1


def test_many_native_threads_come_and_go(registry, native):
    seen = []
    registry.register(seen.append)
    before = threading.active_count()
    for _ in range(20):
        native.notify_from_thread(registry.c_handle(), b"x", 5)
    assert len(seen) == 100
    assert threading.active_count() <= before + 20


def test_failures_on_a_native_thread_reach_on_panic(registry, native):
    told = []
    registry.on_panic(told.append)

    def handler(event):
        raise ValueError(event)

    registry.register(handler, name="h")
    native.notify_from_thread(registry.c_handle(), b"bytes", 3)
    assert [failure.message for failure in told] == ["ValueError: b'bytes'"] * 3
    assert all(isinstance(failure.exception, ValueError) and failure.event == b"bytes" for failure in told)


def test_failures_on_a_native_thread_are_logged(registry, native, caplog):
    def handler(event):
        raise ValueError(event)

    registry.register(handler)
    native.notify_from_thread(registry.c_handle(), b"bytes", 1)
    assert "ValueError: b'bytes'" in caplog.text


def test_an_exit_on_a_native_thread_ends_that_notify_and_is_shown(registry, native, make, calls):
    shown = []

    def handler(event):
        raise SystemExit(3)

    before, sys.unraisablehook = sys.unraisablehook, lambda info: shown.append(info.exc_type)
    try:
        registry.register(handler)
        registry.register(make("after"))
        native.notify_from_thread(registry.c_handle(), b"bytes", 1)
    finally:
        sys.unraisablehook = before
    assert shown == [SystemExit]
    assert calls == []


def test_a_native_thread_is_inside_for_unregister_wait(registry, native):
    entered, leave = threading.Event(), threading.Event()

    def handler(event):
        entered.set()
        leave.wait()

    identity = registry.register(handler)
    notifier = threading.Thread(target=native.notify_from_thread, args=(registry.c_handle(), b"", 1))
    notifier.start()
    entered.wait()
    with pytest.raises(tallystick.TimeoutError):
        registry.unregister_wait(identity, timeout=0.1)
    leave.set()
    notifier.join()


def test_native_handlers_nested_in_a_run_without_the_gil_come_back_into_python(registry, native):
    with Registry() as inner:
        seen = []
        inner.register(seen.append)
        registry.register(native.forwarder(inner.c_handle()))
        assert registry.notify(b"event") == (1, 0, 0)
        assert seen == [b"event"]


def test_a_native_handler_that_fails_says_code_and_message(registry, native):
    told = []
    registry.on_panic(told.append)
    registry.register(native.failing(), name="native")
    assert registry.notify(b"abc") == (1, 1, 0)
    (failure,) = told
    assert (failure.code, failure.message, failure.name) == (-7, "native says no", "native")
    assert failure.exception is None
    assert failure.event == b"abc"


def test_the_destructor_of_a_native_handler_runs_once_after_the_last_registration(registry, native):
    capsule = native.counted()
    one, two = registry.register(capsule), registry.register(capsule)
    registry.unregister(one)
    assert native.destroyed() == 0
    registry.unregister(two)
    assert native.destroyed() == 1


def test_the_c_api_is_the_library_that_is_loaded(native):
    assert native.version() == tallystick._core.constant("TALLY_VERSION")
    pythonapi = ctypes.pythonapi
    pythonapi.PyCapsule_IsValid.argtypes = [ctypes.py_object, ctypes.c_char_p]
    assert pythonapi.PyCapsule_IsValid(tallystick._core.C_API, b"tallystick._core.C_API")


def test_other_capsules_are_refused(registry, native):
    for wrong in (tallystick._core.C_API, native.wrong_magic(), native.wrong_size(), native.wrong_flags()):
        with pytest.raises(TypeError, match=r"native.handler"):
            registry.register(wrong)
    assert len(registry) == 0


def test_a_handle_keeps_the_registry_alive_but_not_open(native):
    import gc
    import weakref

    registry = Registry()
    handle = registry.c_handle()
    gone = weakref.ref(registry)
    registry.close()
    del registry
    gc.collect()
    assert gone() is not None
    del handle
    gc.collect()
    assert gone() is None


def test_a_handler_that_c_registers_is_listed_and_sees_bytes(registry, native):
    native.register_directly(registry.c_handle())
    registry.notify(b"12345")
    (row,) = registry.handlers()
    assert row.function is None
    assert native.last_length() == 5
    assert registry.unregister(row.id) is True
