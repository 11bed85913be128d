"""Semantic 16: children."""

import gc
import weakref

import pytest

import tallystick
from tallystick import STOP, Registry


def fail(event):
    raise ValueError(event)


def test_a_notify_goes_on_to_the_parent_and_results_add_up(registry, make, calls):
    child = registry.child()
    registry.register(make("parent"), priority=100)
    child.register(make("child"), priority=-100)
    assert child.notify(1) == (2, 0, 0)
    assert calls == ["child", "parent"]
    assert registry.notify(2) == (1, 0, 0)
    child.close()


def test_a_chain_runs_from_youngest_to_oldest(registry, make, calls):
    chain = [registry]
    for _ in range(3):
        chain.append(chain[-1].child())
    for depth, member in enumerate(chain):
        member.register(make(depth))
    assert chain[-1].notify(1) == (4, 0, 0)
    assert calls == [3, 2, 1, 0]
    assert chain[-1].parent is chain[-2]
    assert registry.parent is None


def test_the_parent_is_as_it_was_when_the_notify_of_the_child_began(registry, make, calls):
    child = registry.child()
    child.register(make("child", lambda event: registry.register(make("late"))))
    registry.register(make("parent"))
    assert child.notify(1) == (2, 0, 0)
    assert calls == ["child", "parent"]


def test_a_stop_in_the_child_stops_the_parents(registry, make, calls):
    child = registry.child(allow_stop=True)
    child.register(make("child", lambda event: STOP))
    registry.register(make("parent"))
    result = child.notify(1)
    assert result == (1, 0, 1)
    assert result.stopped
    assert calls == ["child"]


def test_each_applies_its_own_policy_and_on_panic(registry, make):
    parent_told, child_told = [], []
    child = registry.child(policy="raise")
    registry.on_panic(parent_told.append)
    child.on_panic(child_told.append)
    registry.register(fail)
    child.register(fail)
    with pytest.raises(ExceptionGroup) as caught:
        child.notify("event")
    assert len(caught.value.exceptions) == 1
    assert (len(parent_told), len(child_told)) == (1, 0)


def test_a_parent_that_raises_raises_through_an_isolating_child():
    with Registry("fail-fast") as parent, parent.child() as child:
        parent.register(fail)
        with pytest.raises(ValueError, match="event"):
            child.notify("event")
    with Registry("raise") as parent, parent.child() as child:
        parent.register(fail)
        with pytest.raises(ExceptionGroup):
            child.notify("event")


def test_filters_hold_for_their_own_handlers(registry, make, calls):
    child = registry.child()
    registry.on("a.*", make("parent"))
    child.on("b.*", make("child"))
    assert child.emit("a.x") == (1, 0, 1)
    assert child.emit("b.x") == (1, 0, 1)
    assert calls == ["parent", "child"]


def test_a_closed_parent_ends_the_notify_at_the_child(make, calls):
    parent = Registry()
    child = parent.child()
    parent.register(make("parent"))
    child.register(make("child"))
    parent.close()
    result = child.notify(1)
    assert result == (1, 0, 0)
    assert result.orphan
    assert calls == ["child"]
    child.close()
    with pytest.raises(tallystick.ClosedError):
        parent.child()


def test_closing_a_child_detaches_it_and_nothing_else(registry, make, calls):
    child = registry.child()
    registry.register(make("parent"))
    child.register(make("child"))
    child.close()
    with pytest.raises(tallystick.ClosedError):
        child.notify(1)
    assert registry.notify(2) == (1, 0, 0)
    assert calls == ["parent"]


def test_a_child_keeps_its_parent_alive(make, calls):
    parent = Registry()
    parent.register(make("parent"))
    gone = weakref.ref(parent)
    child = parent.child()
    del parent
    gc.collect()
    assert gone() is not None
    child.notify(1)
    assert calls == ["parent"]
    del child
    gc.collect()
    assert gone() is None


def test_a_chain_longer_than_16_is_refused(registry):
    chain = [registry]
    for _ in range(15):
        chain.append(chain[-1].child())
    with pytest.raises(tallystick.LimitError):
        chain[-1].child()


def test_muting_the_child_leaves_the_parent(registry, make, calls):
    child = registry.child()
    registry.register(make("parent"))
    child.register(make("child"))
    with child.muted():
        assert child.notify(1) == (1, 0, 1)
    assert calls == ["parent"]


def test_an_id_of_the_parent_is_foreign_to_the_child(registry, make):
    child = registry.child()
    identity = registry.register(make("parent"))
    with pytest.raises(tallystick.ForeignError):
        child.unregister(identity)
