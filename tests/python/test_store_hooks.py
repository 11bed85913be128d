"""Handlers of committed events, and gates."""

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import tallystick as tally
from tallystick import Draft, Event, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with tally.open(tmp_path / "log", durability="buffered") as made:
        yield made


# --------------------------------------------------------------------------------------------- handlers


def test_a_handler_is_called_after_the_commit_with_the_event(store: Store) -> None:
    seen: list[Event] = []

    @store.on("account.*")
    def note(event: Event) -> None:
        assert event in store
        seen.append(event)

    store.append("account/42", "account.opened", {"plan": "pro"})
    store.append("order/1", "order.paid")
    store.append_many([("account/42", "account.used"), ("account/7", "account.opened")])
    assert [(event.position, event.type) for event in seen] == [
        (0, "account.opened"),
        (2, "account.used"),
        (3, "account.opened"),
    ]
    assert seen == [store[0], store[2], store[3]]
    assert seen[0].data == {"plan": "pro"}


@pytest.mark.parametrize("durability", ["buffered", "written", "durable"])
def test_a_handler_runs_before_append_returns(store: Store, durability: Any) -> None:
    seen: list[int] = []
    store.on("*", lambda event: seen.append(event.position))
    for n in range(5):
        assert store.append("s", "t", durability=durability).position == n
        assert seen == list(range(n + 1))


def test_the_options_are_those_of_the_registry(store: Store) -> None:
    seen: list[str] = []

    class Listener:
        def hear(self, event: Event) -> None:
            seen.append("weak")

    listener = Listener()
    store.on("*", lambda event: seen.append("low"), priority=-1)
    store.on("*", lambda event: seen.append("high"), priority=1)
    store.on("t", lambda event: seen.append("once"), once=True)
    store.on("*", listener.hear, weak=True)
    store.append("s", "t")
    del listener
    gc.collect()
    store.append("s", "t")
    assert seen == ["high", "once", "weak", "low", "high", "low"]
    with pytest.raises(TypeError, match="did you mean 'priority'"):
        store.on("*", print, priorty=1)  # type: ignore[call-overload]


def test_handlers_are_removed_and_listed_at_the_registry(store: Store) -> None:
    seen: list[Event] = []
    identity = store.on("*", seen.append)
    assert [row.id for row in store.registry.handlers()] == [identity]
    store.append("s", "t")
    assert store.registry.unregister(identity)
    store.append("s", "t")
    with store.registry.muted():
        store.append("s", "t")
    assert [event.position for event in seen] == [0]
    assert store.registry is store.registry


def test_a_handler_that_fails_hurts_nobody(store: Store) -> None:
    seen: list[int] = []
    failures: list[tally.Failure] = []
    store.registry.on_panic(failures.append)

    @store.on("*", priority=1)
    def broken(event: Event) -> None:
        raise ValueError("no")

    store.on("*", lambda event: seen.append(event.position))
    assert store.append("s", "t").position == 0
    assert seen == [0]
    assert [str(failure.exception) for failure in failures] == ["no"]


@pytest.mark.parametrize("durability", ["buffered", "durable"])
def test_an_interrupt_in_a_handler_reaches_whoever_appended(store: Store, durability: Any) -> None:
    @store.on("*", once=True)
    def interrupt(event: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.append("s", "t", durability=durability)
    assert len(store) == 1
    store.append("s", "t", durability=durability)
    assert len(store) == 2


def test_a_handler_may_append_and_read(store: Store) -> None:
    order: list[str] = []

    @store.on("order.paid")
    def ship(event: Event) -> None:
        order.append("paid")
        store.append(event.stream, "order.shipped", causation=event)
        with pytest.raises(tally.WouldBlockError):
            store.append(event.stream, "order.shipped", durability="durable")

    store.on("order.shipped", lambda event: order.append("shipped"))
    store.append("order/1", "order.paid")
    assert order == ["paid", "shipped"]
    assert store[1].causation == store[0].id


def test_a_handler_may_close_the_store(tmp_path: Path) -> None:
    store = tally.open(tmp_path / "log", durability="buffered")
    store.on("*", lambda event: store.close())
    store.append("s", "t", 1)
    assert store.closed
    with tally.open(tmp_path / "log") as again:
        assert again[0].data == 1


def test_a_handler_may_drop_the_last_reference(tmp_path: Path) -> None:
    box = [tally.open(tmp_path / "log", durability="buffered")]

    def drop(event: Event) -> None:
        box.clear()

    box[0].on("*", drop)
    with pytest.warns(ResourceWarning):
        box[0].append_many([("s", "t", n) for n in range(3)])
    assert not box
    with tally.open(tmp_path / "log", mode="r") as again:
        assert len(again) == 3


def test_handlers_run_in_order_of_positions_whoever_appends(store: Store) -> None:
    seen: list[int] = []
    store.on("*", lambda event: seen.append(event.position))

    def append(name: str) -> None:
        for n in range(200):
            store.append(name, "t", n, durability="written" if n % 10 == 0 else None)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(append, "abcd"))
    deadline = time.monotonic() + 5
    while len(seen) < 800 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert seen == list(range(800))


def test_handlers_may_run_on_a_loop_or_in_a_pool(store: Store) -> None:
    seen: list[Any] = []

    async def main() -> None:
        @store.on("*", loop=asyncio.get_running_loop())
        async def later(event: Event) -> None:
            await asyncio.sleep(0)
            seen.append(event.data)

        await asyncio.to_thread(store.append, "s", "t", 1)
        while not seen:
            await asyncio.sleep(0.001)

    asyncio.run(main())
    assert seen == [1]


def test_a_read_only_store_tells_its_handlers_when_it_waits(store: Store) -> None:
    seen: list[Any] = []
    with tally.open(store.path, mode="r") as reader:  # type: ignore[type-var]
        reader.on("*", lambda event: seen.append(event.data))
        store.append("s", "t", 1, durability="written")
        reader.wait(0, durability="written", timeout=5)
        deadline = time.monotonic() + 5
        while not seen and time.monotonic() < deadline:
            reader.tick()
        assert seen == [1]


def test_wait_for_and_events_of_the_registry_work(store: Store) -> None:
    threading.Timer(0.05, lambda: store.append("s", "t", "there")).start()
    assert store.registry.wait_for("t", timeout=5).data == "there"
    with tally.capture(store.registry, "t") as captured:
        store.append("s", "t", 1)
        store.append("s", "u", 2)
    assert [event.data for event in captured] == [1]


# ------------------------------------------------------------------------------------------------ gates


def test_a_gate_sees_what_is_to_be_appended_and_refuses_by_raising(store: Store) -> None:
    seen: list[tuple[Draft, ...]] = []

    @store.gate
    def no_debts(drafts: tuple[Draft, ...]) -> None:
        seen.append(drafts)
        if any(draft.data and draft.data["amount"] < 0 for draft in drafts):
            raise ValueError("no debts")

    store.append("account/1", "paid", {"amount": 5}, tags=["b", "a"], schema=2)
    with pytest.raises(tally.RefusedError, match="no debts") as caught:
        store.append_many([("account/1", "paid", {"amount": 1}), ("account/1", "paid", {"amount": -1})])
    assert isinstance(caught.value.__cause__, ValueError)
    assert len(store) == 1
    (draft,) = seen[0]
    assert (draft.stream, draft.type, draft.data, draft.schema) == ("account/1", "paid", {"amount": 5}, 2)
    assert draft.raw == b'{"amount":5}'
    assert sorted(draft.tags) == ["a", "b"]
    assert draft.id is None or draft.id == store[0].id
    assert repr(draft) == "<Draft 'paid' of 'account/1'>"
    assert [len(drafts) for drafts in seen] == [1, 2]


@pytest.mark.parametrize("durability", ["buffered", "durable"])
def test_a_gate_may_refuse_with_a_code_of_its_own(store: Store, durability: Any) -> None:
    @store.gate(name="quota", record=True)
    def quota(drafts: tuple[Draft, ...]) -> None:
        if drafts[0].type == "big":
            raise tally.RefusedError("too much", os_error=7)

    with pytest.raises(tally.RefusedError, match="too much") as caught:
        store.append("s", "big", {"secret": 1}, durability=durability)
    assert caught.value.os_error == 7
    store.append("s", "small", durability=durability)
    recorded = list(store.read(stream="$gates"))
    assert len(recorded) == 1
    assert recorded[0].is_system
    assert recorded[0].data["gate"] == "quota"
    assert b"secret" not in recorded[0].raw


def test_gates_run_in_order_and_the_first_refusal_ends_it(store: Store) -> None:
    asked: list[str] = []

    @store.gate
    def one(drafts: tuple[Draft, ...]) -> None:
        asked.append("one")
        raise RuntimeError("one")

    store.gate(lambda drafts: asked.append("two"))
    with pytest.raises(tally.RefusedError):
        store.append("s", "t")
    assert asked == ["one"]
    assert store.remove_gate(one)
    assert not store.remove_gate(one)
    store.append("s", "t")
    assert asked == ["one", "two"]


def test_what_a_gate_must_not_do(store: Store) -> None:
    wrong: list[type[BaseException]] = []

    @store.gate
    def curious(drafts: tuple[Draft, ...]) -> None:
        for call in (lambda: store.append("s", "t"), lambda: store.append_many([("s", "t")])):
            try:
                call()
            except tally.TallyError as error:
                wrong.append(type(error))
        len(store)

    store.append("s", "t")
    assert wrong == [tally.WouldBlockError] * 2
    assert len(store) == 1


def test_a_gate_that_returns_something_is_a_mistake(store: Store) -> None:
    store.gate(lambda drafts: False)  # type: ignore[arg-type, return-value]
    with pytest.raises(tally.RefusedError) as caught:
        store.append("s", "t")
    assert isinstance(caught.value.__cause__, TypeError)


def test_an_interrupt_in_a_gate_reaches_whoever_appended(store: Store) -> None:
    @store.gate
    def interrupt(drafts: tuple[Draft, ...]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.append("s", "t")
    assert len(store) == 0


def test_a_gate_is_callable(store: Store) -> None:
    with pytest.raises(TypeError, match="a gate is callable"):
        store.gate(7)  # type: ignore[call-overload]
    with pytest.raises(tally.TallyError):
        store.gate(lambda drafts: None, name="x" * 200)


def test_gates_and_handlers_that_hold_the_store_are_collected(tmp_path: Path) -> None:
    import weakref

    def make() -> "weakref.ref[Store]":
        store = tally.open(tmp_path / "log", durability="buffered")
        store.on("*", lambda event: store)
        store.gate(lambda drafts: store.watermarks() and None)
        store.append("s", "t")
        store.close()
        return weakref.ref(store)

    reference = make()
    gc.collect()
    assert reference() is None
