"""AsyncStore: the same names awaited; nothing blocks the loop, and nothing is lost by a cancellation."""

import asyncio
import math
import threading
import time
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import tallystick as tally
from tallystick import aio


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 30))


def test_append_and_read(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.open(tmp_path / "log") as store:
            receipt = await store.append("account/42", "account.opened", {"plan": "pro"}, tags="a:b")
            assert (receipt.position, receipt.durability) == (0, "durable")
            receipts = await store.append_many([("account/42", "account.used", n) for n in range(100)])
            assert [one.position for one in receipts] == list(range(1, 101))
            assert [event.data async for event in store.read("account/42", types="account.used")] == list(range(100))
            assert [event.position async for event in store.read(limit=2)] == [0, 1]
            assert [event.position async for event in store] == list(range(101))
            event = await store.get(receipt)
            assert (event.id, event.data) == (receipt.id, {"plan": "pro"})
            assert await store.find(receipt.id) == 0
            assert await store.find_version("account/42", 3) == 3
            assert await store.stream_version("account/42") == 100
            assert await store.head("none") == (0, None)
            assert (await store.ancestors(2)) == [2, 1, 0]
            assert [row.name async for row in store.streams()] == ["account/42"]
            assert [row.count async for row in store.types()] == [1, 100]
            assert [row.name async for row in store.tags()] == ["a:b"]
            assert len(await store.to_records(limit=3)) == 3
            assert (await store.stats()).events == len(store) == 101
            assert await store.watermarks() == (101, 101, 101)
            await store.sync()
            assert store.info.name == "store"
            assert (await store.backup(tmp_path / "copy")).events == 101
            assert repr(store).startswith("<AsyncStore ")
            assert "AsyncStore" in store._repr_html_()
            assert (store.durability, store.read_only, store.path) == ("durable", False, str(tmp_path / "log"))
            assert store
        assert store.closed

    run(main)


def test_open_is_awaited_or_entered(tmp_path: Path) -> None:
    async def main() -> None:
        store = await aio.open(tmp_path / "log", mode="x")
        await store.close()
        await store.close()
        with pytest.raises(tally.ExistsError):
            await aio.open(tmp_path / "log", mode="x")
        with pytest.raises(TypeError, match="did you mean 'durability'"):
            await aio.open(tmp_path / "log", durabilty="x")
        with pytest.raises(tally.OptionError):
            await aio.open(tmp_path / "log", thread=False)
        with pytest.raises(tally.ClosedError):
            await store.append("s", "t")
        with pytest.raises(tally.ClosedError):
            await store.get(0)

    run(main)


@pytest.mark.parametrize("durability", ["buffered", "written", "durable"])
def test_many_tasks_append_at_once(tmp_path: Path, durability: Any) -> None:
    async def main() -> None:
        async with aio.open(tmp_path / "log", durability=durability) as store:

            async def one(name: str) -> list[int]:
                return [(await store.append(name, "t", n)).version for n in range(50)]

            versions = await asyncio.gather(*(one(f"s/{n}") for n in range(20)))
            assert versions == [list(range(50))] * 20
            assert len(store) == 1000
            assert len(store._completions) == 0

    run(main)


def test_errors_come_where_they_are_awaited(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.open(tmp_path / "log", durability="buffered") as store:
            await store.append("s", "t", expect="no_stream")
            with pytest.raises(tally.ConflictError) as caught:
                await store.append("s", "t", expect="no_stream")
            assert caught.value.position == 1
            with pytest.raises(tally.NameError):
                await store.append("$s", "t")
            with pytest.raises(TypeError, match="did you mean 'tags'"):
                await store.append("s", "t", tag="x")
            with pytest.raises(TypeError):
                await store.append("s", "t", object())
            with pytest.raises(tally.RangeError):
                await store.get(99)
            with pytest.raises(tally.ArgumentError):
                async for _ in store.read(stream="a", prefix="b"):
                    pass
            with pytest.raises(tally.TimeoutError):
                await store.wait(99, timeout=0.02)
            assert len(store) == 1
            assert len(store._completions) == 1, "the wait for 99 is still in the books"
        assert len(store._completions) == 0

    run(main)


def test_a_batch(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.open(tmp_path / "log", durability="buffered") as store:
            async with store.batch(expect="no_stream") as batch:
                first = batch.append("a", "x")
                batch.append("b", "y", causation=first)
            assert batch.receipts is not None
            assert first.receipt.position == 0
            assert (await store.get(1)).causation == first.receipt.id

            async def broken() -> None:
                async with store.batch() as batch:
                    batch.append("a", "x")
                    raise RuntimeError("no")

            with pytest.raises(RuntimeError, match="no"):
                await broken()
            assert len(store) == 2

    run(main)


def test_a_cancelled_append_stays_in_the_books_until_it_is_answered(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.open(tmp_path / "log") as store:
            ids = [uuid.uuid4() for _ in range(200)]
            tasks = [asyncio.create_task(store.append("s", "t", n, id=one)) for n, one in enumerate(ids)]
            await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(one, asyncio.CancelledError) for one in done[::2])
            assert all(isinstance(one, tally.Receipt) for one in done[1::2])
            await store.sync()
            assert len(store._completions) == 0
            assert all([(await store.find(one)) is not None for one in ids[1::2]])
            events = {event.id for event in await store.read().to_list()}
            assert events <= set(ids)
            assert len(events) == len(store)

    run(main)


def test_closing_completes_what_is_under_way(tmp_path: Path) -> None:
    async def main() -> None:
        store = await aio.open(tmp_path / "log")
        tasks = [asyncio.create_task(store.append("s", "t", n)) for n in range(100)]
        await asyncio.sleep(0)
        await asyncio.gather(store.close(), store.close())
        done = await asyncio.gather(*tasks)
        assert [receipt.durability for receipt in done] == ["durable"] * 100
        with tally.open(tmp_path / "log", mode="r") as again:
            assert len(again) == 100

    run(main)


def test_a_full_queue_is_waited_for_without_blocking(tmp_path: Path) -> None:
    async def main() -> None:
        options: dict[str, Any] = {"queue_bytes": 1 << 20, "sync_interval": math.inf}
        async with aio.open(tmp_path / "log", durability="written", **options) as store:
            ticks = 0

            async def tick() -> None:
                nonlocal ticks
                while True:
                    ticks += 1
                    await asyncio.sleep(0.001)

            ticking = asyncio.create_task(tick())
            data = b"x" * 200_000
            receipts = await asyncio.gather(*(store.append("s", "t", data) for _ in range(60)))
            ticking.cancel()
            assert sorted(receipt.position for receipt in receipts) == list(range(60))
            assert ticks > 0

    run(main)


def test_much_data_does_not_block_the_loop(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.open(tmp_path / "log", durability="written") as store:
            await store.append("s", "t", b"x")
            loop_thread = threading.get_ident()
            gated: list[int] = []
            store.gate(lambda drafts: gated.append(threading.get_ident()))
            data = b"y" * (30 << 20)
            receipt = await store.append("s", "t", data)
            assert (await store.get(receipt)).raw == data
            await store.append("s", "t", b"small")
            assert gated[0] != loop_thread
            assert gated[1] == loop_thread

    run(main)


def test_a_read_that_is_cancelled_loses_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.open(tmp_path / "log", durability="buffered") as store:
            await store.append_many([("s", "t", n) for n in range(2000)])
            reader = store.read()
            seen = []
            for attempt in range(100_000):
                task = asyncio.create_task(reader.__anext__())
                for _ in range(attempt % 3):
                    await asyncio.sleep(0)
                if not task.done():
                    task.cancel()
                try:
                    seen.append((await task).data)
                except asyncio.CancelledError:
                    continue
                except StopAsyncIteration:
                    break
                if len(seen) == 2000:
                    break
            assert seen == list(range(2000))
            await reader.aclose()
            with pytest.raises(tally.ClosedError):
                await reader.__anext__()

    run(main)


def test_pages_lists_and_records(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.open(tmp_path / "log", durability="buffered") as store:
            await store.append_many([("s", "t", n) for n in range(1000)])
            async with store.read("s", backwards=True) as reader:
                assert [event.data for event in await reader.page(3)] == [999, 998, 997]
                assert len(await reader.to_list()) == 997
                assert await reader.page(1) == []
            assert [row["data"] for row in await store.read(limit=2).to_records()] == [0, 1]
            reader = store.read()
            await reader.page(1)
            await reader.aclose()

    run(main)


def test_a_follower(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.open(tmp_path / "log", durability="buffered") as store:
            seen: list[Any] = []

            async def follow() -> None:
                async for event in store.follow(types="even"):
                    seen.append(event.data)
                    if len(seen) == 10:
                        return

            task = asyncio.create_task(follow())
            await asyncio.sleep(0.02)
            for n in range(20):
                await store.append("s", "even" if n % 2 == 0 else "odd", n)
                await asyncio.sleep(0.001)
            await task
            assert seen == list(range(0, 20, 2))
            assert [event.data async for event in store.follow(18, timeout=0.02)] == [18, 19]
            for _ in range(50):
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(store.wait(10**6), 0.001)
            assert len(store._completions) <= 2, "waiting again for the same leaves nothing behind"
            with pytest.raises(TypeError):
                await anext(store.follow(limit=1))

    run(main)


def test_a_follower_ends_with_its_store(tmp_path: Path) -> None:
    async def main() -> None:
        store = await aio.open(tmp_path / "log", durability="buffered")
        await store.append("s", "t", 1)
        asyncio.get_running_loop().call_later(0.1, lambda: asyncio.ensure_future(store.close()))
        assert [event.data async for event in store.follow(0)] == [1]

    run(main)


def test_a_read_only_store(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.open(tmp_path / "log") as writer, aio.open(tmp_path / "log", mode="r") as reader:
            await writer.append("s", "t", 1)
            await reader.wait(0, durability="written", timeout=5)
            assert [event.data async for event in reader] == [1]
            with pytest.raises(tally.ReadOnlyError):
                await reader.append("s", "t")
            with pytest.raises(tally.TimeoutError):
                await reader.wait(5, timeout=0.1)

            async def later() -> None:
                await asyncio.sleep(0.05)
                await writer.append("s", "t", 2)

            task = asyncio.create_task(later())
            following = reader.follow(0, timeout=2)
            assert [(await anext(following)).data for _ in range(2)] == [1, 2]
            await following.aclose()  # type: ignore[attr-defined]
            await task

    run(main)


def test_handlers_run_on_the_loop(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.open(tmp_path / "log", durability="buffered") as store:
            seen: list[Any] = []
            both = asyncio.Event()

            @store.on("*")
            async def asynchronous(event: tally.Event) -> None:
                await asyncio.sleep(0)
                seen.append(("async", event.data, threading.get_ident()))
                if len(seen) == 2:
                    both.set()

            store.on("t", lambda event: seen.append(("plain", event.data, threading.get_ident())), priority=1)
            await store.append("s", "t", 1)
            await asyncio.wait_for(both.wait(), 5)
            me = threading.get_ident()
            assert seen == [("plain", 1, me), ("async", 1, me)]
            assert len(store.registry) == 2
            await store.append_many([("s", "t", n) for n in range(1000)])
            await asyncio.to_thread(store._store.append, "s", "t", 1000)
            while len(seen) < 2004:
                await asyncio.sleep(0.001)
            assert [data for kind, data, _ in seen[2:] if kind == "async"] == list(range(1001))
            assert store.registry.unregister(asynchronous)

    run(main)


def test_handlers_of_a_read_only_store_and_of_one_that_is_forgotten(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.open(tmp_path / "log") as writer:
            reader = await aio.open(tmp_path / "log", mode="r")
            came = asyncio.Event()
            reader.on("*", lambda event: came.set())
            await writer.append("s", "t")
            await asyncio.wait_for(came.wait(), 5)
            await reader.close()
        for mode in ("rw", "r"):
            forgotten = await aio.open(tmp_path / "log", mode=mode)  # type: ignore[misc]
            forgotten.on("*", print)
            await asyncio.sleep(0.01)
            warned = pytest.warns(ResourceWarning)
            warned.__enter__()
            del forgotten
            while len(asyncio.all_tasks()) > 2:
                await asyncio.sleep(0.01)
            warned.__exit__(None, None, None)

    run(main)


def test_handlers_go_on_when_the_registry_cannot_take_an_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with aio.open(tmp_path / "log", durability="buffered") as store:
            seen: list[Any] = []
            store.on("*", lambda event: seen.append(event.data))
            with store.registry.paused(2):
                await store.append_many([("s", "t", n) for n in range(5)])
                await asyncio.sleep(0.1)
            await store.append("s", "t", "after")
            while "after" not in seen:
                await asyncio.sleep(0.005)
            assert seen == [0, 1, "after"]

    run(main)
    assert "handlers of a store" in caplog.text


def test_gates_are_asked_on_the_loop(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.open(tmp_path / "log", durability="buffered") as store:

            @store.gate
            def no(drafts: Any) -> None:
                if drafts[0].type == "bad":
                    raise ValueError("bad")

            with pytest.raises(tally.RefusedError) as caught:
                await store.append("s", "bad")
            assert isinstance(caught.value.__cause__, ValueError)
            await store.append("s", "good")
            assert store.remove_gate(no)
            await store.append("s", "bad")

            async def wrong(drafts: Any) -> None: ...

            with pytest.raises(TypeError, match="async"):
                store.gate(wrong)
            assert len(store) == 2

    run(main)


def test_another_loop_is_refused(tmp_path: Path) -> None:
    stores = []

    async def first() -> None:
        stores.append(await aio.open(tmp_path / "log", durability="buffered"))
        await stores[0].append("s", "t")

    async def second() -> None:
        with pytest.raises(RuntimeError, match="another event loop"):
            await stores[0].append("s", "t")

    run(first)
    run(second)
    with pytest.warns(ResourceWarning, match="was not closed"):
        stores.clear()


def test_a_forgotten_store_warns_and_is_closed(tmp_path: Path) -> None:
    async def main() -> None:
        store = await aio.open(tmp_path / "log", durability="buffered")
        await store.append("s", "t", 1)
        with pytest.warns(ResourceWarning, match="was not closed"):
            del store
        await asyncio.sleep(0)
        async with aio.open(tmp_path / "log") as again:
            assert (await again.get(0)).data == 1

    run(main)


def test_an_open_that_is_cancelled_leaves_no_lock(tmp_path: Path) -> None:
    async def main() -> None:
        for _ in range(20):
            task = asyncio.ensure_future(aio.open(tmp_path / "log")._open())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        deadline = time.monotonic() + 10
        while True:
            try:
                store = await aio.open(tmp_path / "log")
                break
            except tally.LockedError:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.01)
        await store.close()

    run(main)


def test_threads_may_append_to_the_store_underneath(tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.open(tmp_path / "log", durability="written") as store:

            def append() -> None:
                for _ in range(100):
                    store._store.append("thread", "t")

            thread = threading.Thread(target=append)
            thread.start()
            for _ in range(100):
                await store.append("task", "t")
            await asyncio.to_thread(thread.join)
            assert [await store.stream_version(name) for name in ("thread", "task")] == [99, 99]

    run(main)
