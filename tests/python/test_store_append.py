"""Appending: what a receipt says, what an append takes, and what it refuses."""

import datetime
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tallystick as tally
from tallystick import Condition, Store

UTC = datetime.UTC


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with tally.open(tmp_path / "log", durability="buffered") as made:
        yield made


def test_a_receipt_is_enough_to_find_the_event_again(store: Store) -> None:
    receipt = store.append("account/42", "account.opened", {"plan": "pro"})
    event = store.get(receipt.position)
    assert (event.position, event.version) == (receipt.position, receipt.version) == (0, 0)
    assert event.id == receipt.id
    assert store.get(receipt.id) == store.get(receipt) == store[0] == event
    assert event.time == receipt.time
    assert (event.time_us, event.logical) == (receipt.time_us, receipt.logical)
    assert event.hash == receipt.event_hash
    assert (receipt.durability, receipt.repeated) == ("buffered", False)
    assert repr(receipt) == "<Receipt of position 0, version 0, buffered>"
    assert repr(event) == "<Event 0, 'account.opened' of 'account/42' version 0>"


def test_all_that_an_append_takes_comes_back(store: Store) -> None:
    own, correlation, cause = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    occurred = datetime.datetime(2001, 2, 3, 4, 5, 6, 789012, tzinfo=datetime.timezone(datetime.timedelta(hours=-7)))
    store.append(
        "s", "t", b"\x00\xff", tags=["b:2", "a:1", "b:2"], id=own, correlation=correlation, causation=cause,
        occurred=occurred, schema=7, content_type="image/png",
    )  # fmt: skip
    event = store[0]
    assert (event.id, event.correlation, event.causation) == (own, correlation, cause)
    assert event.occurred == occurred
    assert event.occurred_us == 981198306789012
    assert (event.tags, event.schema, event.content_type) == (("a:1", "b:2"), 7, "image/png")
    assert (event.data, event.raw) == (b"\x00\xff", b"\x00\xff")
    assert not event.is_system


def test_what_is_not_given_is_none(store: Store) -> None:
    store.append("s", "t")
    event = store[0]
    assert (event.data, event.raw, event.content_type) == (None, b"", "")
    assert (event.causation, event.occurred, event.occurred_us, event.tags, event.schema) == (None, None, None, (), 0)
    assert event.correlation == event.id
    assert event.id.version == 7
    assert abs(event.time - datetime.datetime.now(UTC)) < datetime.timedelta(seconds=60)


def test_ids_are_taken_in_every_form(store: Store) -> None:
    one = uuid.uuid4()
    store.append("s", "t", id=str(one))
    store.append("s", "t", causation=store[0])
    store.append("s", "t", causation=one.bytes, correlation=one)
    assert [event.causation for event in store] == [None, one, one]
    assert store[1].correlation == store[0].correlation, "an Event as the cause says what belongs together"
    assert one in store
    assert uuid.uuid4() not in store


def test_an_id_that_exists_is_refused_with_its_place(store: Store) -> None:
    receipt = store.append("s", "t")
    store.append("s", "t")
    with pytest.raises(tally.ExistsError) as caught:
        store.append("other", "t", id=receipt.id)
    assert caught.value.position == receipt.position
    assert len(store) == 2


@pytest.mark.parametrize(
    ("arguments", "options", "kind"),
    [
        (("", "t"), {}, tally.LengthError),
        (("s", ""), {}, tally.LengthError),
        (("s" * 513, "t"), {}, tally.LengthError),
        (("s", "t" * 513), {}, tally.LengthError),
        (("$log", "t"), {}, tally.NameError),
        (("s", "tally.t"), {}, tally.NameError),
        (("a\nb", "t"), {}, tally.NameError),
        (("a\0b", "t"), {}, tally.NulError),
        (("a\ud800", "t"), {}, tally.Utf8Error),
        ((b"s", "t"), {}, TypeError),
        ((None, "t"), {}, TypeError),
        (("s", 7), {}, TypeError),
        (("s", "t"), {"tags": [7]}, TypeError),
        (("s", "t"), {"tags": 7}, TypeError),
        (("s", "t"), {"tags": [""]}, tally.LengthError),
        (("s", "t"), {"tags": ["x" * 513]}, tally.LengthError),
        (("s", "t"), {"tags": [f"k:{n}" for n in range(33)]}, tally.TallyError),
        (("s", "t"), {"id": "no uuid"}, ValueError),
        (("s", "t"), {"id": b"short"}, TypeError),
        (("s", "t"), {"id": 7}, TypeError),
        (("s", "t"), {"id": uuid.UUID(int=0)}, tally.ArgumentError),
        (("s", "t"), {"causation": 0}, tally.RangeError),
        (("s", "t"), {"occurred": datetime.datetime(2020, 1, 1)}, tally.ArgumentError),
        (("s", "t"), {"occurred": "yesterday"}, TypeError),
        (("s", "t"), {"schema": -1}, tally.RangeError),
        (("s", "t"), {"schema": 2**32}, tally.RangeError),
        (("s", "t"), {"schema": True}, TypeError),
        (("s", "t"), {"key": 7}, TypeError),
        (("s", "t"), {"key": "k" * 513}, tally.LengthError),
        (("s", "t", {1, 2}), {}, TypeError),
        (("s", "t", float("nan")), {}, ValueError),
        (("s", "t", {}), {"content_type": "image/png"}, TypeError),
        (("s", "t", b""), {"content_type": "x" * 256}, tally.LengthError),
        (("s", "t"), {"expect": "nothing"}, tally.OptionError),
        (("s", "t"), {"expect": -2}, tally.RangeError),
        (("s", "t"), {"expect": 1.5}, TypeError),
        (("s", "t"), {"conditions": ["order.*"]}, TypeError),
        (("s", "t"), {"conditions": [Condition()]}, tally.TallyError),
        (("s", "t"), {"durability": "durabel"}, tally.OptionError),
        (("s", "t"), {"durability": 3}, tally.OptionError),
        (("s", "t"), {"stream": "twice"}, TypeError),
        (("s",), {}, TypeError),
        (("s", "t", None, "tags"), {}, TypeError),
    ],
)
def test_a_wrong_append_is_refused_and_changes_nothing(store: Store, arguments: Any, options: Any, kind: Any) -> None:
    with pytest.raises(kind):
        store.append(*arguments, **options)
    assert len(store) == 0


def test_a_misspelt_option_is_refused_with_the_right_spelling(store: Store) -> None:
    append: Any = store.append
    with pytest.raises(TypeError, match=r"append\(\) has no option 'tag'; did you mean 'tags'\?"):
        append("s", "t", tag="x")
    with pytest.raises(TypeError, match="did you mean 'durability'"):
        append("s", "t", durabilty="written")
    with pytest.raises(tally.OptionError, match="did you mean 'durable'"):
        append("s", "t", durability="durabel")
    batch: Any = store.batch
    with pytest.raises(TypeError, match="did you mean 'expect'"):
        batch(expct=1)
    with store.batch() as b, pytest.raises(TypeError, match="did you mean 'schema'"):
        b.append("s", "t", shema=1)


def test_a_subject_waits_for_the_keyring(store: Store) -> None:
    with pytest.raises(tally.UnsupportedError):
        store.append("s", "t", subject="person/ada")


@pytest.mark.parametrize("length", [0, 1, 4096, 4097, 300_000, 5_000_000])
def test_data_of_any_length_comes_back(store: Store, length: int) -> None:
    data = os.urandom(length)
    store.append("s", "t", data)
    store.append("s", "t", bytearray(data))
    store.append("s", "t", memoryview(data)[: length // 2])
    assert [event.raw for event in store] == [data, data, data[: length // 2]]
    assert store[0].content_type == "application/octet-stream"


# ----------------------------------------------------------------------------------------- append_many


def test_many_are_one_commit(store: Store) -> None:
    receipts = store.append_many(
        [
            ("a", "x"),
            ("b", "y", [1]),
            ["a", "x", None],
            {"stream": "a", "type": "z", "tags": "t", "causation": 1, "schema": 3},
        ]
    )
    assert [(receipt.position, receipt.version) for receipt in receipts] == [(0, 0), (1, 0), (2, 1), (3, 2)]
    events = list(store)
    assert [(event.batch_index, event.batch_count) for event in events] == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert events[3].causation == events[1].id
    assert events[3].correlation == events[1].correlation
    assert (events[3].tags, events[3].schema, events[1].data) == (("t",), 3, [1])


@pytest.mark.parametrize(
    "events",
    [
        [],
        7,
        ["ab"],
        [("a",)],
        [("a", "b", None, None)],
        [("a", "x"), ("b", 7)],
        [("a", "x"), ("", "x")],
        [{"stream": "a"}],
        [{"stream": "a", "type": "x", "expect": 1}],
        [{"stream": "a", "type": "x", 7: 1}],
        [{"stream": "a", "type": "x", "causation": 0}],
        [("a", "x"), {"stream": "a", "type": "x", "causation": 1}],
        [("a", "x", object())],
    ],
)
def test_a_batch_that_is_wrong_anywhere_changes_nothing(store: Store, events: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        store.append_many(events)
    assert len(store) == 0


def test_a_batch_may_come_from_an_iterator(store: Store) -> None:
    assert len(store.append_many((f"s/{n}", "t", n) for n in range(1000))) == 1000
    assert [event.data for event in store.read(limit=3)] == [0, 1, 2]


def test_an_iterator_that_fails_appends_nothing(store: Store) -> None:
    def events() -> Iterator[tuple[str, str]]:
        yield "s", "t"
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        store.append_many(events())
    assert len(store) == 0


def test_too_many_events_are_refused(store: Store) -> None:
    with pytest.raises(tally.LengthError, match="65536"):
        store.append_many([("s", "t")] * 65_537)


# ---------------------------------------------------------------------------------------------- batches


def test_a_batch_is_appended_when_its_block_ends(store: Store) -> None:
    with store.batch() as batch:
        first = batch.append("order/1", "order.paid", {"amount": 9}, tags=["k:v"])
        second = batch.append("stock/7", "stock.taken", causation=first)
        assert len(store) == 0
        assert len(batch) == 2
        with pytest.raises(tally.ArgumentError):
            first.receipt  # noqa: B018
        assert repr(batch) == "<Batch of 2 events, not appended>"
    assert batch.receipts is not None
    assert [first.receipt, second.receipt] == batch.receipts
    assert store[1].causation == first.receipt.id == store[0].id
    assert repr(batch) == "<Batch of 2 events, appended>"
    with pytest.raises(tally.ArgumentError):
        batch.append("s", "t")


def test_nothing_is_appended_when_the_block_raises(store: Store) -> None:
    batch = store.batch()

    def block() -> None:
        with batch:
            batch.append("s", "t")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        block()
    assert len(store) == 0
    assert batch.receipts is None


def test_an_empty_batch_is_no_commit(store: Store) -> None:
    with store.batch() as batch:
        pass
    assert batch.receipts == []


def test_a_cause_of_another_batch_is_refused(store: Store) -> None:
    with store.batch() as one:
        event = one.append("s", "t")
    with store.batch() as other, pytest.raises(tally.ArgumentError):
        other.append("s", "t", causation=event)


def test_a_batch_takes_expectations(store: Store) -> None:
    with pytest.raises(tally.ConflictError), store.batch(expect={"s": "exists"}) as batch:
        batch.append("s", "t")
    assert len(store) == 0


# --------------------------------------------------------------------------------------- expectations


def test_an_expected_version_is_that_of_the_last_event(store: Store) -> None:
    assert store.stream_version("s") == -1
    store.append("s", "t", expect=store.stream_version("s"))
    store.append("s", "t", expect=0)
    store.append("s", "t", expect="exists")
    store.append("s", "t", expect="any")
    store.append("new", "t", expect="no_stream")
    with pytest.raises(tally.ConflictError) as caught:
        store.append("s", "t", expect=1)
    assert caught.value.position == 4, "the stream's next version"
    with pytest.raises(tally.ConflictError):
        store.append("s", "t", expect="no_stream")
    with pytest.raises(tally.ConflictError) as caught:
        store.append("other", "t", expect={"other": -1, "s": 9})
    assert caught.value.handling == "conflict"
    assert store.stream_version("s") == 3


def test_a_condition_is_about_events_after_a_position(store: Store) -> None:
    store.append("c/1", "course.booked", tags=["course:math", "pupil:ada"])
    seen = len(store)
    booked = Condition(types="course.*", tags="course:math", from_position=seen)
    store.append("c/1", "course.booked", tags="course:math", conditions=booked)
    with pytest.raises(tally.ConflictError) as caught:
        store.append("c/1", "course.booked", conditions=[Condition(types=["none"]), booked])
    assert caught.value.position == 1
    store.append("c/1", "t", conditions=[Condition(tags=["course:math", "pupil:bob"])])


# ------------------------------------------------------------------------------------------ idempotency


def test_a_key_that_is_used_again_for_an_equal_event_gives_the_first_receipt(store: Store) -> None:
    first = store.append("s", "t", {"n": 1}, key="order-1")
    again = store.append("s", "t", {"n": 1}, key=b"order-1")
    assert again == first
    assert hash(again) == hash(first)
    assert (first.repeated, again.repeated) == (False, True)
    assert repr(again).endswith("repeated>")
    with pytest.raises(tally.ReusedError) as caught:
        store.append("s", "t", {"n": 2}, key="order-1")
    assert caught.value.position == 0
    assert len(store) == 1


# --------------------------------------------------------------------------------------------- levels


def test_each_level_is_reached_when_append_returns(tmp_path: Path) -> None:
    with tally.open(tmp_path / "log") as store:
        assert store.durability == "durable"
        assert store.append("s", "t").durability == "durable"
        assert store.watermarks().durable == 1
        store.append("s", "t", durability="written")
        assert store.watermarks().written == 2
        store.append("s", "t", durability="buffered")
        assert store.watermarks().buffered == 3
        store.sync()
        assert store.watermarks() == (3, 3, 3)
        store.wait(2)
        receipt = store.append("s", "t", durability="buffered")
        store.wait(receipt, durability="buffered")
        with pytest.raises(tally.TimeoutError):
            store.wait(99, timeout=0.05)
        with pytest.raises(TimeoutError):
            store.wait(99, timeout=0)
        with pytest.raises(TypeError):
            store.wait(None)  # type: ignore[arg-type]
        with pytest.raises(tally.RangeError):
            store.wait(1, timeout=-1)
