"""Semantics 12 to 14: options at registration, looking, many changes at once."""

import functools
import gc
import threading
import time

import pytest

import tallystick
from tallystick import Registry


def fail(event):
    raise ValueError(event)


# ---------------------------------------------------------------------------------------------- once


def test_once_runs_once_and_is_gone_from_then_on(registry, make, calls):
    identity = registry.register(make("once", lambda event: calls.append(identity in registry)), once=True)
    assert identity in registry
    assert len(registry) == 1
    assert registry.notify(1) == (1, 0, 0)
    assert registry.notify(2) == (0, 0, 0)
    assert calls == ["once", False]
    assert len(registry) == 0
    assert identity not in registry
    assert registry.unregister(identity) is False


def test_once_is_lost_by_a_nested_notify(registry, make, calls):
    registry.register(make("outer", lambda event: registry.notify("inner") if event == "outer" else None))
    registry.register(make("once"), once=True)
    assert registry.notify("outer") == (1, 0, 1)
    assert calls == ["outer", "outer", "once"]


def test_exactly_one_of_concurrent_notifies_runs_it():
    for _ in range(100):
        with Registry() as registry:
            ran = []
            registry.register(ran.append, once=True)
            start = threading.Barrier(4)

            def race(registry=registry, start=start):
                start.wait()
                registry.notify("event")

            threads = [threading.Thread(target=race) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert ran == ["event"]


def test_once_is_not_spent_on_an_event_that_its_filter_refuses(registry, make, calls):
    registry.register(make("once"), once=True, kinds="wanted")
    registry.emit("other")
    registry.emit("wanted")
    registry.emit("wanted")
    assert calls == ["once"]


def test_a_once_handler_is_released_after_its_notify(registry):
    class Canary:
        def __call__(self, event):
            pass

    import weakref

    canary = Canary()
    gone = weakref.ref(canary)
    registry.register(canary, once=True)
    del canary
    registry.notify("event")
    gc.collect()
    assert gone() is None


# --------------------------------------------------------------------------------------------- kinds


def test_a_filtered_handler_runs_for_its_kinds_only(registry, make, calls):
    registry.register(make("paid"), kinds="order.paid")
    registry.register(make("two"), kinds=["order.paid", "order.sent"])
    registry.register(make("all"))
    assert registry.emit("order.paid") == (3, 0, 0)
    assert registry.emit("order.sent") == (2, 0, 1)
    assert registry.notify("event") == (1, 0, 2)
    assert calls == ["paid", "two", "all", "two", "all", "all"]


def test_a_pattern_stands_for_what_begins_with_it_at_any_depth(registry, make, calls):
    registry.on("order.*", make("order"))
    registry.on("order.item.*", make("item"))
    registry.on("*", make("all"))
    for name in ("order.paid", "order.item.added", "order", "orders.paid"):
        registry.emit(name)
    assert calls == ["order", "all", "order", "item", "all", "all", "all"]


def test_emit_and_notify_with_a_kind_are_the_same(registry, make, calls):
    seen = []
    registry.on("order.paid", seen.append)
    registry.emit("order.paid", 1)
    registry.notify(2, "order.paid")
    registry.notify(3, kind="order.paid")
    registry.notify(event=4, kind="order.paid")
    registry.emit(name="order.paid", event=5)
    registry.emit("order.paid")
    registry.notify(7, kind=None)
    assert seen == [1, 2, 3, 4, 5, None]


def test_error_is_an_ordinary_name(registry, make, calls):
    registry.on("error", make("error"))
    assert registry.emit("error", ValueError("ordinary")) == (1, 0, 0)
    assert calls == ["error"]


def test_on_decorates_and_returns_the_function(registry, calls):
    @registry.on("order.*", priority=3, name="decorated")
    def handler(order):
        calls.append(order)

    registry.emit("order.paid", 42)
    handler(43)
    assert calls == [42, 43]
    assert registry.handlers()[0][:5] == (registry.handlers()[0].id, "decorated", handler, 3, ("order.*",))
    assert registry.unregister(handler) is True


def test_a_star_among_kinds_is_no_filter(registry, make):
    registry.register(make("all"), kinds=["order.paid", "*"])
    assert registry.notify("event") == (1, 0, 0)
    assert registry.handlers()[0].kinds is None


@pytest.mark.parametrize("name", ["", "a*", "*.a", "a.*.b", "a.**", "tab\there", "del\x7f", "x" * 513])
def test_a_name_that_is_none_is_refused(registry, make, name):
    with pytest.raises(ValueError, match=r"."):
        registry.on(name, make("a"))
    with pytest.raises(ValueError, match=r"."):
        registry.emit(name)
    assert len(registry) == 0


def test_a_pattern_cannot_be_notified(registry):
    with pytest.raises(tallystick.NameError, match="pattern"):
        registry.emit("order.*")
    with pytest.raises(tallystick.NameError):
        registry.notify(1, "order.*")


@pytest.mark.parametrize("kind", [5, b"order", ("order",)])
def test_all_kinds_are_checked_also_beside_a_star(registry, make, kind):
    for kinds in (["*", kind], [kind, "*"]):
        with pytest.raises(TypeError, match="a kind is a text"):
            registry.register(make("a"), kinds=kinds)
    with pytest.raises(tallystick.NameError):
        registry.register(make("a"), kinds=["*", "a*"])
    assert len(registry) == 0


@pytest.mark.parametrize("kind", [1, b"order", object(), ["order"]])
def test_a_kind_is_text(registry, make, kind):
    with pytest.raises(TypeError):
        registry.emit(kind)
    with pytest.raises(TypeError):
        registry.on(kind, make("a"))


def test_names_with_nul_or_lone_surrogates_are_refused(registry):
    with pytest.raises(tallystick.NulError):
        registry.emit("a\0b")
    with pytest.raises(UnicodeEncodeError):
        registry.emit("\ud800")


# -------------------------------------------------------------------------------------- max_failures


def test_max_failures_detaches_after_that_many_in_total(registry):
    registry.on_panic(lambda failure: None)
    identity = registry.register(fail, max_failures=3)
    for _ in range(2):
        assert registry.notify("event") == (1, 1, 0)
    assert identity in registry
    registry.notify("event")
    assert identity not in registry
    assert registry.notify("event") == (0, 0, 0)


@pytest.mark.parametrize("wrong", [0, -1, 2**32])
def test_max_failures_is_one_or_more(registry, wrong):
    with pytest.raises(tallystick.RangeError):
        registry.register(fail, max_failures=wrong)


# ---------------------------------------------------------------------------------------------- weak


def test_a_weak_function_goes_with_its_last_reference(registry, calls):
    def handler(event):
        calls.append(event)

    identity = registry.register(handler, weak=True)
    registry.notify(1)
    assert handler in registry
    del handler
    gc.collect()
    assert registry.notify(2) == (0, 0, 1)
    assert calls == [1]
    assert identity not in registry


def test_a_weak_method_goes_with_its_object(registry, calls):
    class Listener:
        def hear(self, event):
            calls.append(event)

    listener = Listener()
    registry.register(listener.hear, weak=True)
    registry.notify(1)
    assert listener.hear in registry
    assert registry.handlers()[0].function == listener.hear
    assert registry.handlers()[0].weak
    del listener
    gc.collect()
    registry.notify(2)
    assert calls == [1]
    assert len(registry) == 0


@pytest.mark.parametrize(
    "handler",
    [lambda event: None, functools.partial(print, end=""), print, [].append, type("C", (), {"__call__": print})()],
)
def test_what_would_be_gone_at_once_cannot_be_weak(registry, handler):
    with pytest.raises(TypeError, match="weak"):
        registry.register(handler, weak=True)
    assert len(registry) == 0


def test_a_weak_handler_is_removed_by_itself(registry):
    class Listener:
        def hear(self, event):
            pass

    def function(event):
        pass

    listener = Listener()
    registry.register(listener.hear, weak=True)
    registry.register(function, weak=True)
    assert registry.unregister(listener.hear) is True
    assert registry.unregister(function) is True


# ------------------------------------------------------------------------------------- wrong options


@pytest.mark.parametrize("priority", [2**31, -(2**31) - 1, 10**30, -(10**30)])
def test_a_priority_out_of_range_is_refused(registry, make, priority):
    with pytest.raises(tallystick.RangeError, match="priority is between -2147483648 and 2147483647"):
        registry.register(make("a"), priority=priority)
    assert len(registry) == 0


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("priorty", "priority"), ("Once", "once"), ("kids", "kinds"), ("max_failure", "max_failures"), ("nam", "name")],
)
def test_a_misspelt_option_is_refused_with_the_right_spelling(registry, make, wrong, right):
    for attempt in (registry.register, registry.guard, lambda h, **o: registry.on("k", h, **o)):
        with pytest.raises(TypeError, match=f"did you mean '{right}'"):
            attempt(make("a"), **{wrong: 1})
    with pytest.raises(TypeError, match=f"did you mean '{right}'"), registry.edit() as edit:
        edit.register(make("a"), **{wrong: 1})
    assert len(registry) == 0


def test_an_option_that_resembles_none_is_refused_with_all_of_them(registry, make):
    with pytest.raises(TypeError, match="it takes handler, priority"):
        registry.register(make("a"), zzz=1)
    with pytest.raises(TypeError, match="did you mean 'policy'"):
        Registry(polcy="raise")
    with pytest.raises(TypeError, match="did you mean 'kind'"):
        registry.notify(1, knd="a")
    with pytest.raises(TypeError, match="did you mean 'timeout'"):
        registry.unregister_wait(make("a"), timout=1)
    with pytest.raises(TypeError, match="did you mean 'slots'"):
        tallystick.Ring(slot=1)


@pytest.mark.parametrize(
    ("option", "value"),
    [("priority", 1.0), ("priority", "1"), ("priority", True), ("once", 1), ("weak", "no"), ("name", b"name"),
     ("kinds", 5), ("kinds", [5]), ("max_failures", 1.5)],
)  # fmt: skip
def test_an_option_of_the_wrong_type_is_refused(registry, make, option, value):
    with pytest.raises(TypeError):
        registry.register(make("a"), **{option: value})
    assert len(registry) == 0


@pytest.mark.parametrize("name", ["x" * 128, "tab\there", "new\nline", "nul\0"])
def test_a_name_that_reports_cannot_show_is_refused(registry, make, name):
    with pytest.raises(ValueError, match=r"."):
        registry.register(make("a"), name=name)


def test_empty_kinds_are_refused(registry, make):
    with pytest.raises(tallystick.OptionError, match="never run"):
        registry.register(make("a"), kinds=[])


@pytest.mark.parametrize("handler", [None, 5, "print", b"x", object(), [], tallystick.Registry])
def test_what_is_not_callable_is_refused(registry, handler):
    if callable(handler):
        assert registry.register(handler)
        return
    with pytest.raises(TypeError, match="callable"):
        registry.register(handler)
    with pytest.raises(TypeError):
        registry.unregister(handler)


def test_an_async_function_is_refused_with_the_way_to_go(registry):
    async def handler(event):
        pass

    class Listener:
        async def hear(self, event):
            pass

    for refused in (handler, Listener().hear):
        with pytest.raises(TypeError, match="AsyncRegistry"):
            registry.register(refused)


def test_wrong_arguments_of_the_registry_itself():
    for wrong in ({"policy": "ignore"}, {"policy": 1}, {"capacity": -1}, {"capacity": 2**40}):
        with pytest.raises((tallystick.OptionError, tallystick.RangeError)):
            Registry(**wrong)
    for wrong in ({"allow_stop": 1}, {"count": None}, {"capacity": 1.0}):
        with pytest.raises(TypeError):
            Registry(**wrong)
    with pytest.raises(TypeError):
        Registry("raise", "isolate")
    with pytest.raises(TypeError):
        Registry.register()


# ------------------------------------------------------------------------------------------- looking


def test_handlers_are_listed_in_calling_order_with_all_there_is_to_know(registry, make):
    low = registry.register(make("low"), priority=-1)
    counter = tallystick.Counter()
    high = registry.register(counter, priority=1, name="high", once=True, kinds=("a.b", "c.*"))
    rows = registry.handlers()
    assert [row.id for row in rows] == [high, low]
    assert rows[0].name == "high"
    assert rows[1].name is None
    assert rows[0].function is counter
    assert rows[0].kinds == ("a.b", "c.*")
    assert rows[1].kinds is None
    assert (rows[0].once, rows[1].once) == (True, False)
    assert (rows[0].failed, rows[0].last_code, rows[0].last_message) == (0, 0, "")


def test_failures_are_counted_exactly_and_the_last_is_kept_as_text(registry):
    registry.on_panic(lambda failure: None)
    registry.register(fail)
    threads = [threading.Thread(target=lambda: [registry.notify(n) for n in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    registry.notify("last")
    (row,) = registry.handlers()
    assert (row.failed, row.last_code, row.last_message) == (2001, -1, "ValueError: last")


def test_calls_are_unknown_unless_counted(registry, make):
    registry.register(make("a"))
    registry.notify(1)
    (row,) = registry.handlers()
    assert row.fired is row.latency_total_ns is row.latency_max_ns is None
    with Registry(count=True) as counting:
        counting.register(lambda event: time.sleep(0.002))
        for _ in range(3):
            counting.notify(1)
        (row,) = counting.handlers()
        assert row.fired == 3
        assert row.latency_total_ns >= row.latency_max_ns >= 2_000_000


def test_length_truth_and_emptiness(registry, make):
    assert len(registry) == 0
    assert not registry
    assert registry.is_empty()
    registry.register(make("a"))
    assert len(registry) == 1
    assert registry
    assert not registry.is_empty()
    registry.close()
    assert not registry
    for closed in (len, Registry.is_empty, Registry.handlers, Registry.stats, Registry.clear):
        with pytest.raises(tallystick.ClosedError, match="the registry is closed"):
            closed(registry)


def test_reprs_are_short_and_true(registry, make):
    registry.register(make("<script>"), name="a<b")
    assert repr(registry).endswith("1 handler, isolate>")
    assert "a&lt;b" in registry._repr_html_()
    assert "<table>" in registry._repr_html_()
    registry.close()
    assert repr(registry).endswith("closed>")
    assert "<table>" not in registry._repr_html_()


def test_a_thousand_handlers_are_warned_of_once(registry, caplog):
    for _ in range(1500):
        registry.register(print)
    (record,) = caplog.records
    assert "1000 handlers" in record.getMessage()


def test_statistics_are_numbers_of_this_registry(registry, make):
    registry.register(make("a"))
    before = registry.stats()
    assert before.handlers == 1
    assert before.memory_bytes > 0
    assert before.retired_handlers == 0
    with registry.muted():
        assert registry.stats().mutes == 1
    assert registry.stats().mutes == 0


# --------------------------------------------------------------------------------------- batch edits


def test_an_edit_is_published_as_one(registry, make, calls):
    old = registry.register(make("old"))
    with registry.edit() as edit:
        edit.register(make("b"), priority=1)
        edit.register(make("a"), priority=2, once=True)
        edit.unregister(old)
        assert registry.notify(0) == (1, 0, 0)
        assert edit.ids == []
    assert registry.notify(1) == (2, 0, 0)
    assert calls == ["old", "a", "b"]
    assert edit.removed == [True]
    assert len(edit.ids) == 2
    assert edit.ids[0] in registry


def test_a_refused_edit_changes_nothing(registry, make):
    old = registry.register(make("old"))
    for wrong in ({"priority": 2**40}, {"name": "x" * 200}, {"kinds": "a*"}):
        edit = registry.edit()
        edit.unregister(old)
        edit.register(make("new"))
        edit.register(make("wrong"), **wrong)
        with pytest.raises(tallystick.TallyError), edit:
            pass
        assert len(registry) == 1
        assert old in registry
        assert edit.ids == []


def test_an_edit_whose_block_raises_changes_nothing(registry, make):
    edit = registry.edit()
    edit.register(make("new"))
    with pytest.raises(KeyError), edit:
        raise KeyError
    assert len(registry) == 0


def test_removing_what_is_not_there_is_a_miss_in_an_edit(registry, make):
    gone = registry.register(make("gone"))
    registry.unregister(gone)
    with registry.edit() as edit:
        edit.unregister(gone)
        edit.unregister(make("never"))
        edit.register(make("new"))
    assert edit.removed == [False, False]
    assert len(registry) == 1


def test_building_many_handlers_at_once_is_quick(registry, caplog):
    began = time.perf_counter()
    with registry.edit() as edit:
        for priority in range(20_000):
            edit.register(print, priority=priority % 7)
    assert len(registry) == 20_000
    assert len(set(edit.ids)) == 20_000
    assert time.perf_counter() - began < 5
