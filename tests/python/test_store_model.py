"""The store against a plain list, operation by operation, reopened in between (Hypothesis, stateful)."""

import shutil
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import tallystick as tally

STREAMS = st.sampled_from(["a", "a/1", "a/2", "b/1", "ab", "zoë/☃"])
TYPES = st.sampled_from(["order.paid", "order.placed", "order", "stock.taken"])
TAGS = st.sets(st.sampled_from(["x:1", "x:2", "y", "z:é"]), max_size=3)
DATA = st.one_of(st.none(), st.integers(), st.text(max_size=20), st.binary(max_size=3000), st.just({"k": [1, None]}))
LEVELS = st.sampled_from(["buffered", "buffered", "written", "durable"])
PATTERNS = st.lists(st.sampled_from(["order.*", "order.paid", "order", "stock.*", "none"]), max_size=2)


@dataclass
class Known:
    """What the model remembers of one event."""

    stream: str
    type: str
    data: Any
    tags: tuple[str, ...]
    version: int
    id: uuid.UUID
    key: str | None = None
    hash: bytes = b""
    causation: uuid.UUID | None = None


@dataclass
class Query:
    options: dict[str, Any] = field(default_factory=dict)

    def matches(self, position: int, event: Known) -> bool:
        option = self.options.get
        types = option("types") or []
        return (
            (option("stream") is None or event.stream == option("stream"))
            and event.stream.startswith(option("prefix") or "")
            and (not types or any(self.is_type(event.type, pattern) for pattern in types))
            and set(option("tags") or ()) <= set(event.tags)
            and position >= (option("from_position") or 0)
            and (option("to_position") is None or position < option("to_position"))
            and (option("from_version") is None or event.version >= option("from_version"))
        )

    @staticmethod
    def is_type(name: str, pattern: str) -> bool:
        return name.startswith(pattern[:-1]) if pattern.endswith(".*") else name == pattern


class Store(RuleBasedStateMachine):
    @initialize(segment=st.sampled_from([65536, 1 << 20]), check=st.sampled_from(["first", "always"]))
    def open(self, segment: int, check: Any) -> None:
        self.folder = tempfile.mkdtemp(prefix="tally")
        self.path = str(Path(self.folder) / "log")
        self.options: dict[str, Any] = {"segment_bytes": segment, "check": check, "durability": "buffered"}
        self.store = tally.open(self.path, **self.options)
        self.events: list[Known] = []

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.folder)

    # ------------------------------------------------------------------------------------- the model

    def version_of(self, stream: str) -> int:
        return sum(event.stream == stream for event in self.events) - 1

    def know(self, receipt: tally.Receipt, stream: str, type: str, data: Any, tags: Any, **more: Any) -> None:
        known = Known(stream, type, data, tuple(sorted(tags, key=str.encode)), self.version_of(stream) + 1, receipt.id)
        known.__dict__.update(more)
        known.hash = receipt.event_hash
        assert (receipt.position, receipt.version) == (len(self.events), known.version)
        self.events.append(known)

    def check(self, event: tally.Event, position: int) -> None:
        known = self.events[position]
        assert (event.position, event.version, event.stream, event.type) == (
            position,
            known.version,
            known.stream,
            known.type,
        )
        assert (event.data, event.tags, event.id) == (known.data, known.tags, known.id)
        assert event.hash == known.hash
        assert event.causation == known.causation

    # --------------------------------------------------------------------------------------- writing

    @rule(stream=STREAMS, type=TYPES, data=DATA, tags=TAGS, level=LEVELS)
    def append(self, stream: str, type: str, data: Any, tags: Any, level: Any) -> None:
        receipt = self.store.append(stream, type, data, tags=tags, durability=level)
        self.know(receipt, stream, type, data, tags)

    @rule(rows=st.lists(st.tuples(STREAMS, TYPES, DATA), min_size=1, max_size=40), level=LEVELS)
    def append_many(self, rows: list[Any], level: Any) -> None:
        for receipt, row in zip(self.store.append_many(rows, durability=level), rows, strict=True):
            self.know(receipt, *row, ())

    @rule(stream=STREAMS, type=TYPES, tags=TAGS)
    def batch(self, stream: str, type: str, tags: Any) -> None:
        with self.store.batch() as batch:
            first = batch.append(stream, type, tags=tags)
            batch.append("effect", "t", causation=first)
        assert batch.receipts is not None
        self.know(batch.receipts[0], stream, type, None, tags)
        self.know(batch.receipts[1], "effect", "t", None, (), causation=first.receipt.id)

    @rule(stream=STREAMS, off=st.sampled_from([0, 0, 1, -1]))
    def append_expecting(self, stream: str, off: int) -> None:
        actual = self.version_of(stream)
        expected = max(-1, actual + off)
        if expected == actual:
            self.know(self.store.append(stream, "order", expect=expected), stream, "order", None, ())
            return
        with pytest.raises(tally.ConflictError) as caught:
            self.store.append(stream, "order", expect=expected)
        assert caught.value.position == actual + 1

    @rule(patterns=PATTERNS, tags=TAGS, back=st.integers(0, 5))
    def append_under_a_condition(self, patterns: list[str], tags: Any, back: int) -> None:
        if not patterns and not tags:
            return
        start = max(0, len(self.events) - back)
        query = Query({"types": patterns, "tags": tags, "from_position": start})
        conflict = any(query.matches(n, event) for n, event in enumerate(self.events))
        condition = tally.Condition(patterns, tags, start)
        if not conflict:
            self.know(self.store.append("c", "t", conditions=condition), "c", "t", None, ())
            return
        with pytest.raises(tally.ConflictError) as caught:
            self.store.append("c", "t", conditions=[condition])
        assert caught.value.position is not None
        assert query.matches(caught.value.position, self.events[caught.value.position])

    @rule(key=st.sampled_from(["k1", "k2", "k3"]), data=st.sampled_from([1, 2]))
    def append_once(self, key: str, data: int) -> None:
        first = next((n for n, event in enumerate(self.events) if event.key == key), None)
        if first is None:
            self.know(self.store.append("once", "t", data, key=key), "once", "t", data, (), key=key)
        elif self.events[first].data == data:
            receipt = self.store.append("once", "t", data, key=key)
            assert (receipt.repeated, receipt.position) == (True, first)
            assert receipt.event_hash == self.events[first].hash
        else:
            with pytest.raises(tally.ReusedError) as caught:
                self.store.append("once", "t", data, key=key)
            assert caught.value.position == first

    @precondition(lambda self: self.events)
    @rule(data=st.data())
    def append_an_id_again(self, data: st.DataObject) -> None:
        position = data.draw(st.integers(0, len(self.events) - 1))
        with pytest.raises(tally.ExistsError) as caught:
            self.store.append("s", "t", id=self.events[position].id)
        assert caught.value.position == position

    @rule()
    def sync(self) -> None:
        self.store.sync()
        assert self.store.watermarks() == (len(self.events),) * 3

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = tally.open(self.path, mode="existing", **self.options)
        assert not self.store.info.recovery.happened

    # --------------------------------------------------------------------------------------- reading

    @rule(
        stream=st.none() | STREAMS,
        prefix=st.none() | st.sampled_from(["a", "a/", "b", "zo", "none"]),
        types=PATTERNS,
        tags=TAGS,
        bounds=st.lists(st.integers(0, 400), min_size=2, max_size=2),
        versions=st.none() | st.integers(0, 20),
        backwards=st.booleans(),
        limit=st.none() | st.integers(0, 30),
    )
    def read(
        self, stream: Any, prefix: Any, types: Any, tags: Any, bounds: Any, versions: Any, backwards: bool, limit: Any
    ) -> None:
        options: dict[str, Any] = {
            "types": types,
            "tags": tags,
            "from_position": min(bounds),
            "to_position": max(bounds),
        }
        if stream is not None:
            options |= {"stream": stream, "from_version": versions}
        else:
            options["prefix"] = prefix
        query = Query(options)
        expected = [n for n, event in enumerate(self.events) if query.matches(n, event)]
        if backwards:
            expected.reverse()
        events = list(self.store.read(**options, backwards=backwards, limit=limit))
        assert [event.position for event in events] == expected[:limit]
        for event in events:
            self.check(event, event.position)

    @precondition(lambda self: self.events)
    @rule(data=st.data())
    def get(self, data: st.DataObject) -> None:
        position = data.draw(st.integers(0, len(self.events) - 1))
        known = self.events[position]
        self.check(self.store.get(position), position)
        self.check(self.store[known.id], position)
        assert self.store.find_version(known.stream, known.version) == position
        chain = [n for n, event in enumerate(self.events[: position + 1]) if event.stream == known.stream]
        assert self.store.ancestors(position) == chain[::-1]

    @rule()
    def list(self) -> None:
        counts: dict[str, int] = {}
        for event in self.events:
            counts[event.stream] = counts.get(event.stream, 0) + 1
        expected = sorted(counts.items(), key=lambda row: row[0].encode())
        assert [(row.name, row.count) for row in self.store.streams()] == expected
        tags = {tag for event in self.events for tag in event.tags}
        assert [row.name for row in self.store.tags()] == sorted(tags, key=str.encode)

    @rule()
    def read_from_outside(self) -> None:
        with tally.open(self.path, mode="r") as other:
            seen = len(other)
            assert self.store.watermarks().written >= seen >= self.store.watermarks().durable
            for event in other.read(from_position=max(0, seen - 20)):
                self.check(event, event.position)

    @invariant()
    def length(self) -> None:
        if hasattr(self, "store"):
            assert len(self.store) == len(self.events)


TestModel = Store.TestCase
TestModel.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
