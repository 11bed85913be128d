"""Semantics 8 to 10: isolation, policies, and what notify returns."""

import asyncio
import gc
import logging
import sys
import threading

import pytest

import tallystick
from tallystick import STOP, Registry, _log


def fail(event):
    raise ValueError(f"no {event}")


@pytest.fixture
def failures(registry):
    seen = []
    registry.on_panic(seen.append)
    return seen


@pytest.fixture
def log(caplog):
    _log.flush()
    caplog.clear()
    caplog.set_level(logging.WARNING, "tallystick")
    yield caplog
    _log.flush()


def test_a_failing_handler_stops_neither_its_siblings_nor_the_caller(registry, failures, make, calls):
    registry.register(make("before"))
    failing = registry.register(fail)
    registry.register(make("after"))
    assert registry.notify("event") == (3, 1, 0)
    assert calls == ["before", "after"]
    assert failing in registry


def test_a_failure_is_reported_once_at_once_with_all_there_is_to_know(registry, make, calls):
    def note(failure):
        calls.append(failure)

    identity = registry.register(fail, name="the one")
    registry.register(make("after"))
    registry.on_panic(note)
    registry.notify("event", "some.kind")
    assert len(calls) == 2
    assert calls[1] == "after"
    failure = calls[0]
    assert failure.id == identity
    assert failure.name == "the one"
    assert failure.message == "ValueError: no event"
    assert failure.kind == "some.kind"
    assert failure.event == "event"
    assert failure.code == -1
    assert isinstance(failure.exception, ValueError)
    assert failure.exception.__traceback__.tb_frame.f_code is fail.__code__
    with pytest.raises((AttributeError, TypeError)):
        failure.name = "other"


def test_an_unnamed_handler_is_reported_by_its_function(registry, failures):
    registry.register(fail)
    registry.notify("event")
    assert failures[0].name == "fail"
    assert failures[0].kind is None


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError(), "ValueError"),
        (KeyError("k"), "KeyError: 'k'"),
        (UnicodeError("\ud800"), "UnicodeError (its text cannot be shown)"),
        (OSError(2, "gone"), "FileNotFoundError: [Errno 2] gone"),
    ],
)
def test_the_message_is_type_and_text(registry, failures, error, message):
    def handler(event):
        raise error

    registry.register(handler)
    registry.notify("event")
    assert failures[0].message == message
    assert failures[0].exception is error


def test_an_exception_whose_text_fails_is_reported_all_the_same(registry, failures):
    class Hostile(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    def handler(event):
        raise Hostile

    registry.register(handler)
    assert registry.notify("event") == (1, 1, 0)
    assert failures[0].message == "Hostile (its text cannot be shown)"


def test_a_long_message_is_cut_at_a_character(registry, failures):
    def handler(event):
        raise ValueError("é" * 1000)

    registry.register(handler)
    registry.notify("event")
    assert 240 < len(failures[0].message.encode()) <= 255
    assert set(failures[0].message.removeprefix("ValueError: ")) == {"é"}


def test_on_panic_is_looked_up_at_each_failure(registry):
    old, new = [], []

    def replace(event):
        registry.on_panic(new.append)

    registry.on_panic(old.append)
    registry.register(fail)
    registry.register(replace)
    registry.register(fail)
    registry.notify("event")
    assert (len(old), len(new)) == (1, 1)


def test_on_panic_returns_its_argument_so_that_it_decorates(registry):
    @registry.on_panic
    def told(failure):
        pass

    assert callable(told)
    assert registry.on_panic(None) is None
    with pytest.raises(TypeError):
        registry.on_panic("callback")


def test_a_replaced_on_panic_is_released(registry):
    def told(failure):
        pass

    before = sys.getrefcount(told)
    registry.on_panic(told)
    registry.on_panic(print)
    registry.on_panic(None)
    assert sys.getrefcount(told) == before


def test_without_on_panic_failures_are_logged(registry, log):
    registry.register(fail, name="the one")
    registry.notify("event", "some.kind")
    (record,) = log.records
    assert record.name == "tallystick"
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "handler 'the one' failed on 'some.kind': ValueError: no event"
    assert record.exc_info[0] is ValueError


def test_repeated_failures_of_a_handler_are_summarised(registry, log, monkeypatch):
    registry.register(fail)
    for _ in range(1000):
        registry.notify("event")
    assert len(log.records) == 1
    monkeypatch.setattr(_log, "INTERVAL_SECONDS", 0.0)
    registry.notify("event")
    assert log.records[1].getMessage().endswith("(999 more failures since the last record)")


def test_what_was_counted_is_logged_in_the_end(registry, log):
    registry.register(fail)
    for _ in range(3):
        registry.notify("event")
    _log.flush()
    assert log.records[-1].getMessage().endswith("ValueError: no event (2 more failures since the last record)")


def test_two_failing_handlers_are_both_logged(registry, log):
    registry.register(fail, name="one")
    registry.register(fail, name="two")
    registry.notify("event")
    assert [record.getMessage()[:13] for record in log.records] == ["handler 'one'", "handler 'two'"]


def test_failures_while_on_panic_runs_go_to_the_log(registry, log):
    told = []

    def panic(failure):
        told.append(failure.event)
        registry.notify("inner")

    registry.register(fail)
    registry.on_panic(panic)
    registry.notify("outer")
    assert told == ["outer"]
    assert "no inner" in log.records[0].getMessage()
    assert registry.stats().unreported == 1


def test_a_failing_on_panic_is_swallowed_counted_and_logged(registry, log, make, calls):
    def panic(failure):
        raise RuntimeError("on_panic is broken")

    registry.register(fail, name="the one")
    registry.register(make("after"))
    registry.on_panic(panic)
    assert registry.notify("event") == (2, 1, 0)
    assert calls == ["after"]
    assert registry.stats().panics_failed == 1
    (record,) = log.records
    assert "on_panic itself failed" in record.getMessage()
    assert "'the one'" in record.getMessage()
    assert record.exc_info[0] is RuntimeError


def test_on_panic_may_register_and_unregister_but_not_wait(registry, make):
    seen = []

    def panic(failure):
        registry.unregister(failure.id)
        identity = registry.register(make("new"))
        try:
            registry.unregister_wait(identity)
        except tallystick.WouldBlockError:
            seen.append("would block")

    registry.register(fail)
    registry.on_panic(panic)
    registry.notify("event")
    assert seen == ["would block"]
    assert len(registry) == 0


@pytest.mark.parametrize("policy", ["isolate", "raise", "fail-fast"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_what_is_not_an_exception_ends_the_fan_out_and_propagates(policy, error, make, calls):
    with Registry(policy) as registry:

        def handler(event):
            raise error("from inside")

        seen = []
        registry.on_panic(seen.append)
        registry.register(make("before"))
        registry.register(handler)
        registry.register(make("after"))
        with pytest.raises(error, match="from inside"):
            registry.notify("event")
        assert calls == ["before"]
        assert seen == []
        calls.clear()
        with pytest.raises(error):
            registry.collect("event")


def test_an_interrupt_inside_on_panic_or_a_text_propagates(registry, make, calls):
    class Hostile(Exception):
        def __str__(self):
            raise KeyboardInterrupt

    def interrupt(failure):
        raise KeyboardInterrupt

    def hostile(event):
        raise Hostile

    identity = registry.register(hostile)
    registry.register(make("after"))
    with pytest.raises(KeyboardInterrupt):
        registry.notify("event")
    registry.unregister(identity)
    registry.register(fail, priority=1)
    registry.on_panic(interrupt)
    with pytest.raises(KeyboardInterrupt):
        registry.notify("event")
    assert calls == []


def test_raise_runs_all_and_raises_one_group(make, calls):
    with Registry("raise") as registry:
        told = []
        registry.on_panic(told.append)
        registry.register(fail)
        registry.register(make("between"))
        registry.register(lambda event: 1 / 0)
        with pytest.raises(ExceptionGroup, match="2 handlers failed") as caught:
            registry.notify("event")
        assert [type(error) for error in caught.value.exceptions] == [ValueError, ZeroDivisionError]
        assert calls == ["between"]
        assert told == []
        assert registry.handlers()[0].failed == 1


def test_fail_fast_raises_the_first_as_it_is(make, calls):
    with Registry(policy="fail-fast") as registry:
        registry.register(make("before"))
        registry.register(fail)
        registry.register(make("after"))
        with pytest.raises(ValueError, match="no event"):
            registry.notify("event")
        assert calls == ["before"]


def test_a_failure_that_is_no_exception_is_a_handler_error():
    with Registry("raise", allow_stop=False) as registry:
        registry.register(lambda event: STOP)
        with pytest.raises(ExceptionGroup) as caught:
            registry.notify("event")
        (error,) = caught.value.exceptions
        assert isinstance(error, tallystick.HandlerError)


def test_the_caller_keeps_no_exception_alive(registry):
    class Canary:
        pass

    import weakref

    canary = Canary()
    gone = weakref.ref(canary)

    def handler(event):
        local = event  # noqa: F841
        raise ValueError

    registry.on_panic(lambda failure: None)
    registry.register(handler)
    registry.notify(canary)
    del canary
    gc.collect()
    assert gone() is None


# --------------------------------------------------------------------------------------- the result


def test_the_result_is_an_immutable_tuple_of_three(registry, make):
    registry.register(make("a"))
    result = registry.notify("event")
    fired, failed, skipped = result
    assert (fired, failed, skipped) == (1, 0, 0) == result
    assert result.stopped is False
    assert result.orphan is False
    with pytest.raises((AttributeError, TypeError)):
        result.fired = 2
    assert registry.notify("event") is result


def test_the_cached_result_never_lies(registry, make):
    registry.register(make("a"))
    first = registry.notify(1)
    registry.register(fail)
    registry.on_panic(lambda failure: None)
    second = registry.notify(2)
    registry.clear()
    third = registry.notify(3)
    assert (first, second, third) == ((1, 0, 0), (2, 1, 0), (0, 0, 0))


def test_stop_keeps_the_rest_from_running_where_it_is_allowed(make, calls):
    with Registry(allow_stop=True) as registry:
        registry.register(make("stop", lambda event: STOP))
        registry.register(make("after"))
        result = registry.notify("event")
        assert result == (1, 0, 1)
        assert result.stopped
        assert calls == ["stop"]


def test_stop_is_a_failure_where_it_is_not_allowed(registry, failures, make, calls):
    registry.register(make("stop", lambda event: STOP))
    registry.register(make("after"))
    result = registry.notify("event")
    assert result == (2, 1, 0)
    assert not result.stopped
    assert failures[0].code == 1
    assert failures[0].exception is None


def test_stop_is_one_object():
    import copy
    import pickle

    assert copy.deepcopy(STOP) is STOP
    assert pickle.loads(pickle.dumps(STOP)) is STOP
    assert repr(STOP) == "STOP"
    with pytest.raises(TypeError):
        type(STOP)()


@pytest.mark.parametrize("answer", [None, 0, 1, False, True, "STOP", object()])
def test_other_answers_are_ignored(registry, answer):
    registry.register(lambda event: answer)
    assert registry.notify("event") == (1, 0, 0)


def test_failures_on_other_threads_are_reported_there(registry):
    told = []
    registry.on_panic(lambda failure: told.append(threading.get_ident()))
    registry.register(fail)
    threads = [threading.Thread(target=registry.notify, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 8
    assert registry.handlers()[0].failed == 8
