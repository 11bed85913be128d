"""Semantics 1 to 3: order, ids, removal."""

import random
import threading

import pytest

import tallystick
from tallystick import Registry


def test_higher_priority_runs_first(registry, make, calls):
    for priority in (0, 10, -5):
        registry.register(make(priority), priority=priority)
    registry.notify("event")
    assert calls == [10, 0, -5]


def test_equal_priority_runs_in_the_order_of_registration(registry, make, calls):
    for name in ("alpha", "beta", "gamma"):
        registry.register(make(name))
    registry.notify("event")
    assert calls == ["alpha", "beta", "gamma"]


def test_the_default_priority_is_zero(registry, make, calls):
    registry.register(make(-5), priority=-5)
    registry.register(make("default"))
    registry.register(make(5), priority=5)
    registry.notify("event")
    assert calls == [5, "default", -5]


def test_the_whole_int32_range_is_legal(registry, make, calls):
    for priority in (-(2**31), 0, 2**31 - 1):
        registry.register(make(priority), priority=priority)
    registry.notify("event")
    assert calls == [2**31 - 1, 0, -(2**31)]


def test_inserting_in_the_middle_keeps_the_groups(registry, make, calls):
    for name, priority in (("high_1", 10), ("low_1", 1), ("high_2", 10), ("mid_1", 5)):
        registry.register(make(name), priority=priority)
    registry.notify("event")
    assert calls == ["high_1", "high_2", "mid_1", "low_1"]


def test_removing_the_first_keeps_the_order_of_the_rest(registry, make, calls):
    first = registry.register(make("first"), priority=3)
    for name, priority in (("second", 2), ("third", 1)):
        registry.register(make(name), priority=priority)
    registry.unregister(first)
    registry.notify("event")
    assert calls == ["second", "third"]


def test_many_random_priorities_run_sorted_and_stable(registry, make, calls):
    rows = [(random.Random(index).randrange(-3, 4), index) for index in range(200)]
    for priority, index in rows:
        registry.register(make((priority, index)), priority=priority)
    registry.notify("event")
    assert calls == sorted(rows, key=lambda row: (-row[0], row[1]))


def test_the_same_function_twice_is_two_handlers(registry, make, calls):
    handler = make("twice")
    assert registry.register(handler) != registry.register(handler)
    assert registry.notify("event").fired == 2
    assert calls == ["twice", "twice"]


def test_the_event_is_passed_as_it_is(registry):
    seen = []
    registry.register(seen.append)
    event = object()
    registry.notify(event)
    assert seen[0] is event


def test_ids_are_opaque(registry, make):
    one, two = registry.register(make(1)), registry.register(make(2))
    assert one == one
    assert one != two
    assert hash(one) == hash(one)
    assert len({one, two, one}) == 2
    assert "HandlerId" in repr(one)
    assert one != 1
    assert one != (1, 1)
    with pytest.raises(TypeError):
        one < two  # noqa: B015
    with pytest.raises(TypeError):
        tallystick.HandlerId()
    with pytest.raises(TypeError):
        int(one)
    with pytest.raises(AttributeError):
        one.registry  # noqa: B018


def test_ids_never_repeat(registry, make):
    seen = set()
    for _ in range(3):
        seen |= {registry.register(make(0)) for _ in range(100)}
        registry.clear()
    assert len(seen) == 300


def test_an_id_of_another_registry_is_foreign(registry, make):
    with Registry() as other:
        foreign = other.register(make("other"))
        for attempt in (registry.unregister, registry.unregister_wait, registry.contains, registry.__contains__):
            with pytest.raises(tallystick.ForeignError, match="belongs to"):
                attempt(foreign)
        with pytest.raises(ValueError, match="belongs to"), registry.edit() as edit:
            edit.unregister(foreign)
        assert foreign in other


def test_a_used_id_is_false(registry, make):
    identity = registry.register(make("a"))
    assert registry.unregister(identity) is True
    assert registry.unregister(identity) is False
    assert registry.unregister_wait(identity) is False
    assert identity not in registry
    assert registry.contains(identity) is False


def test_a_used_id_stays_false_when_others_came_after_it(registry, make):
    identity = registry.register(make("a"))
    registry.unregister(identity)
    others = [registry.register(make("b")) for _ in range(50)]
    assert registry.unregister(identity) is False
    assert all(other in registry for other in others)


def test_unregister_takes_the_function_that_is_registered_once(registry, make, calls):
    handler = make("a")
    registry.register(handler)
    assert handler in registry
    assert registry.unregister(handler) is True
    assert registry.unregister(handler) is False
    assert handler not in registry
    registry.notify("event")
    assert calls == []


def test_unregister_takes_a_bound_method(registry):
    class Listener:
        def hear(self, event):
            pass

    one, two = Listener(), Listener()
    registry.register(one.hear)
    registry.register(two.hear)
    assert registry.unregister(one.hear) is True
    assert registry.unregister(one.hear) is False
    assert two.hear in registry
    assert registry.unregister([].append) is False


def test_unregister_takes_a_method_of_a_builtin(registry):
    seen = []
    registry.register(seen.append)
    assert registry.unregister(seen.append) is True


def test_a_function_that_is_registered_twice_is_ambiguous(registry, make):
    handler = make("a")
    one = registry.register(handler)
    registry.register(handler)
    with pytest.raises(tallystick.ExistsError, match="more than once"):
        registry.unregister(handler)
    registry.unregister(one)
    assert registry.unregister(handler) is True


def test_exactly_one_of_racing_callers_removes(make):
    for _ in range(50):
        with Registry() as registry:
            identity = registry.register(make("a"))
            start = threading.Barrier(8)
            results = []

            def race(identity=identity, registry=registry, start=start, results=results):
                start.wait()
                results.append(registry.unregister(identity))

            threads = [threading.Thread(target=race) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(results) == [False] * 7 + [True]


def test_clear_removes_all_and_does_not_reuse_ids(registry, make):
    before = [registry.register(make(0)) for _ in range(20)]
    assert registry.clear() == 20
    assert len(registry) == 0
    assert not registry
    assert registry.register(make(0)) not in before
