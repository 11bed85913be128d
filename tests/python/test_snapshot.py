"""Semantics 4 and 5: one snapshot per notify, and everything allowed inside a handler."""

import pytest

import tallystick
from tallystick import Registry


def test_a_handler_registered_meanwhile_waits_for_the_next_notify(registry, make, calls):
    registry.register(make("old", lambda event: registry.register(make("new"))), once=True)
    assert registry.notify(1).fired == 1
    assert calls == ["old"]
    registry.notify(2)
    assert calls == ["old", "new"]


def test_a_handler_removed_meanwhile_is_skipped(registry, make, calls):
    registry.register(make("first", lambda event: registry.unregister(later)))
    later = registry.register(make("later"))
    assert registry.notify(1) == (1, 0, 1)
    assert calls == ["first"]
    assert registry.notify(2) == (1, 0, 0)


def test_a_handler_that_removes_itself_finishes_and_is_gone(registry, make, calls):
    identity = registry.register(make("self", lambda event: registry.unregister(identity)))
    registry.register(make("other"))
    assert registry.notify(1) == (2, 0, 0)
    assert registry.notify(2) == (1, 0, 0)
    assert calls == ["self", "other", "other"]


def test_clear_inside_a_handler_skips_the_rest(registry, make, calls):
    registry.register(make("first", lambda event: registry.clear()))
    registry.register(make("second"))
    assert registry.notify(1) == (1, 0, 1)
    assert len(registry) == 0
    assert registry.notify(2) == (0, 0, 0)


def test_close_inside_a_handler_skips_the_rest_and_closes(make, calls):
    registry = Registry()
    registry.register(make("first", lambda event: registry.close()))
    registry.register(make("second"))
    assert registry.notify(1) == (1, 0, 1)
    assert registry.closed
    with pytest.raises(tallystick.ClosedError):
        registry.notify(2)


def test_a_nested_notify_sees_the_newest_list(registry, make, calls):
    def first(event):
        if event == "outer":
            registry.register(make("new"))
            registry.notify("inner")

    registry.register(make("first", first))
    registry.register(make("last"))
    registry.notify("outer")
    assert calls == ["first", "first", "last", "new", "last"]


def test_none_runs_twice_when_the_list_changes_under_the_notify(registry, make, calls):
    def shuffle(event):
        for index in range(20):
            registry.register(make(f"new {index}"), priority=index)

    registry.register(make("shuffle", shuffle), priority=100)
    for name in range(10):
        registry.register(make(name), priority=50 - name)
    registry.notify(1)
    assert calls == ["shuffle", *range(10)]


def test_depth_says_how_deep_a_thread_is(registry):
    seen = []

    def dig(event):
        seen.append(tallystick.depth())
        if event > 0:
            registry.notify(event - 1)

    registry.register(dig)
    registry.notify(2)
    assert seen == [1, 2, 3]
    assert tallystick.depth() == 0


def test_notify_nested_deeper_than_64_is_an_error(registry):
    depths = []

    def dig(event):
        depths.append(tallystick.depth())
        registry.notify(event)

    registry.register(dig)
    failures = []
    registry.on_panic(failures.append)
    assert registry.notify("event") == (1, 0, 0)
    assert max(depths) == 64
    assert [type(failure.exception) for failure in failures] == [tallystick.DepthError]
    assert isinstance(failures[0].exception, RecursionError)


def test_depth_counts_over_all_registries():
    with Registry(policy="fail-fast") as one, Registry(policy="fail-fast") as two:
        depths = []

        def bounce(event):
            depths.append(tallystick.depth())
            (two if event % 2 else one).notify(event + 1)

        one.register(bounce)
        two.register(bounce)
        with pytest.raises(tallystick.DepthError):
            one.notify(0)
        assert max(depths) == 64


def test_an_exception_of_an_inner_notify_belongs_to_the_handler_that_made_it(registry, make):
    with Registry(policy="fail-fast") as inner:

        def fail(event):
            raise KeyError(event)

        inner.register(fail)
        registry.register(inner.notify)
        failures = []
        registry.on_panic(failures.append)
        assert registry.notify("event") == (1, 1, 0)
        assert isinstance(failures[0].exception, KeyError)


def test_everything_may_be_registered_from_inside_a_handler(registry, make, calls):
    def grow(event):
        with registry.edit() as edit:
            edit.register(make("edited"))
        registry.on("kind", make("on"))
        registry.guard(make("guarded")).forget()
        registry.on_panic(print)
        registry.on_panic(None)
        assert len(registry.handlers()) == 4

    identity = registry.register(grow)
    registry.notify("event")
    registry.unregister(identity)
    registry.emit("kind")
    assert calls == ["edited", "on", "guarded"]
