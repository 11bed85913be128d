"""Random sequences of operations against a naive list, also from inside handlers."""

from dataclasses import dataclass, field

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

import tallystick
from tallystick import STOP, Registry

KINDS = [None, "a", "a.b", "a.b.c", "d"]
FILTERS = [None, ("a",), ("a.*",), ("a.b.*", "d"), ("*",), ("d",)]
ACTIONS = ["nothing", "nothing", "fail", "stop", "leave", "remove first", "remove last", "add", "clear", "notify"]


@dataclass(eq=False)
class Listed:
    """A handler as the model knows it."""

    name: int
    priority: int
    once: bool
    kinds: tuple[str, ...] | None
    max_failures: int | None
    action: str
    id: object = None
    failed: int = 0
    registered: bool = True


def matches(kinds, kind):
    if kinds is None or "*" in kinds:
        return True
    if kind is None:
        return False
    return any(kind == one or (one.endswith(".*") and kind.startswith(one[:-1])) for one in kinds)


@dataclass
class Model:
    """The whole semantics, without a thought for speed."""

    listed: list[Listed] = field(default_factory=list)
    calls: list[object] = field(default_factory=list)
    depth: int = 0
    muted: int = 0

    def add(self, handler):
        place = len([one for one in self.listed if one.priority >= handler.priority])
        self.listed.insert(place, handler)

    def remove(self, handler):
        if not handler.registered:
            return False
        handler.registered = False
        self.listed.remove(handler)
        return True

    def clear(self):
        count = len(self.listed)
        for handler in list(self.listed):
            self.remove(handler)
        return count

    def notify(self, kind):
        snapshot = [] if self.muted else list(self.listed)
        size = len(self.listed)
        fired = failed = 0
        stopped = False
        for handler in snapshot:
            if stopped or not handler.registered or not matches(handler.kinds, kind):
                continue
            if handler.once:
                self.remove(handler)
            fired += 1
            answer = self.act(handler, kind)
            if answer == "fail":
                failed += 1
                handler.failed += 1
                if handler.max_failures is not None and handler.failed >= handler.max_failures:
                    self.remove(handler)
            stopped = answer == "stop"
        return fired, failed, size - fired

    def act(self, handler, kind):
        self.calls.append((handler.name, kind))
        if handler.action == "leave":
            self.remove(handler)
        elif handler.action == "remove first" and self.listed:
            self.remove(self.listed[0])
        elif handler.action == "remove last" and self.listed:
            self.remove(self.listed[-1])
        elif handler.action == "add" and len(self.listed) < 30:
            self.add(Listed(-1, 0, False, None, None, "nothing"))
        elif handler.action == "clear":
            self.clear()
        elif handler.action == "notify" and self.depth < 2:
            self.depth += 1
            self.calls.append(self.notify(kind))
            self.depth -= 1
        return handler.action


class Machine(RuleBasedStateMachine):
    handlers = Bundle("handlers")

    def __init__(self):
        super().__init__()
        self.model = Model()
        self.registry = Registry(allow_stop=True)
        self.registry.on_panic(lambda failure: None)
        self.calls = []
        self.depth = 0

    def function(self, handler):
        """The real handler that does what the model's does."""
        registry = self.registry

        def call(event):
            self.calls.append((handler.name, event))
            action = handler.action
            if action == "fail":
                raise ValueError(event)
            if action == "stop":
                return STOP
            if action == "leave":
                registry.unregister(handler.id)
            elif action in ("remove first", "remove last"):
                rows = registry.handlers()
                if rows:
                    registry.unregister(rows[0 if action == "remove first" else -1].id)
            elif action == "add" and len(registry) < 30:
                registry.register(self.function(Listed(-1, 0, False, None, None, "nothing")))
            elif action == "clear":
                registry.clear()
            elif action == "notify" and self.depth < 2:
                self.depth += 1
                self.calls.append(tuple(registry.notify(event, event)))
                self.depth -= 1
            return None

        return call

    def options(self, handler):
        return {
            "priority": handler.priority,
            "once": handler.once,
            "kinds": handler.kinds,
            "max_failures": handler.max_failures,
            "name": str(handler.name),
        }

    listeds = st.builds(
        Listed,
        name=st.integers(0, 99),
        priority=st.sampled_from([-(2**31), -1, 0, 0, 0, 1, 2**31 - 1]),
        once=st.booleans(),
        kinds=st.sampled_from(FILTERS),
        max_failures=st.sampled_from([None, None, 1, 2]),
        action=st.sampled_from(ACTIONS),
    )

    @rule(target=handlers, handler=listeds)
    def register(self, handler):
        handler.id = self.registry.register(self.function(handler), **self.options(handler))
        self.model.add(handler)
        return handler

    @rule(target=handlers, new=st.lists(listeds, max_size=4), old=st.lists(handlers, max_size=3))
    def edit(self, new, old):
        expected = [self.model.remove(handler) for handler in old]
        with self.registry.edit() as edit:
            for handler in old:
                edit.unregister(handler.id)
            for handler in new:
                edit.register(self.function(handler), **self.options(handler))
        assert edit.removed == expected
        for handler, identity in zip(new, edit.ids, strict=True):
            handler.id = identity
            self.model.add(handler)
        return multiple(*new)

    @rule(handler=handlers)
    def unregister(self, handler):
        assert self.registry.unregister(handler.id) is self.model.remove(handler)

    @rule(handler=consumes(handlers))
    def unregister_wait(self, handler):
        assert self.registry.unregister_wait(handler.id, timeout=5) is self.model.remove(handler)

    @rule(handler=handlers)
    def contains(self, handler):
        assert (handler.id in self.registry) is handler.registered

    @rule()
    def clear(self):
        assert self.registry.clear() == self.model.clear()

    @rule(kind=st.sampled_from(KINDS))
    def notify(self, kind):
        assert self.registry.notify(kind, kind) == self.model.notify(kind)

    @rule(kind=st.sampled_from(KINDS))
    def collect(self, kind):
        rows = self.registry.collect(kind, kind)
        fired, failed, _ = self.model.notify(kind)
        assert len(rows) == fired
        assert len([value for _, value in rows if isinstance(value, tallystick.Failure)]) == failed

    @rule(kind=st.sampled_from(KINDS))
    def notify_muted(self, kind):
        self.model.muted += 1
        with self.registry.muted():
            assert self.registry.notify(kind, kind) == self.model.notify(kind)
        self.model.muted -= 1

    @rule(kinds=st.lists(st.sampled_from(KINDS), max_size=3))
    def notify_paused(self, kinds):
        with self.registry.paused():
            for kind in kinds:
                assert self.registry.notify(kind, kind) == (0, 0, len(self.model.listed))
        for kind in kinds:
            self.model.notify(kind)

    @rule()
    def reclaim(self):
        assert self.registry.reclaim() == 0

    @invariant()
    def the_same_handlers_ran(self):
        assert self.calls == self.model.calls
        self.calls.clear()
        self.model.calls.clear()

    @invariant()
    def the_same_handlers_are_listed(self):
        rows = self.registry.handlers()
        assert [(row.name, row.priority, row.failed) for row in rows if row.name is not None] == [
            (str(one.name), one.priority, one.failed) for one in self.model.listed if one.name != -1
        ]
        assert len(self.registry) == len(rows) == len(self.model.listed)
        assert bool(self.registry) is bool(rows)

    def teardown(self):
        self.registry.close()


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestModel = Machine.TestCase
