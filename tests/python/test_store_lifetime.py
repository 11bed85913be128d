"""Lifetimes: forgotten stores, the end of the interpreter, fork, threads, Ctrl-C, and leaks."""

import gc
import os
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import tallystick as tally

Run = Callable[..., str]


def test_a_forgotten_store_warns_and_is_closed(tmp_path: Path) -> None:
    store = tally.open(tmp_path / "log", durability="buffered")
    store.append("s", "t", 1)
    with pytest.warns(ResourceWarning, match="a store was not closed: <Store"):
        del store
    with tally.open(tmp_path / "log") as again:
        assert again[0].data == 1


def test_a_closed_store_does_not_warn(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with tally.open(tmp_path / "log") as store:
            reader = store.read()
        del store, reader
        gc.collect()


def test_a_reader_keeps_its_store_open(tmp_path: Path) -> None:
    store = tally.open(tmp_path / "log", durability="buffered")
    store.append("s", "t", 1)
    reader = iter(store)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del store
        gc.collect()
    assert next(reader).data == 1
    with pytest.warns(ResourceWarning):
        del reader


def test_an_event_keeps_nothing_open(tmp_path: Path) -> None:
    with tally.open(tmp_path / "log", durability="buffered") as store:
        store.append("s", "t", {"a": 1})
        event = store[0]
    assert event.data == {"a": 1}


def test_what_is_buffered_at_the_end_of_the_interpreter_is_kept(tmp_path: Path, run_script: Run) -> None:
    script = """
        import sys, tallystick
        store = tallystick.open(sys.argv[1], durability="buffered")
        for n in range(1000): store.append("s", "t", n)
        store.on("*", print)
        reader = store.read(); next(reader)
    """
    run_script(script, str(tmp_path / "log"))
    with tally.open(tmp_path / "log", mode="existing") as store:
        assert not store.info.recovery.happened, "it was closed cleanly"
        assert len(store) == 1000


def test_a_store_that_is_open_at_the_end_is_reported(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = "import sys, tallystick; store = tallystick.open(sys.argv[1])"
    environment = os.environ | {"PYTHONPATH": os.path.dirname(os.path.dirname(tally.__file__))}
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", script, str(tmp_path / "log")],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0
    assert "ResourceWarning: a store was not closed" in done.stderr


def test_the_interpreter_ends_while_threads_are_at_work(tmp_path: Path, run_script: Run) -> None:
    script = """
        import sys, threading, time, tallystick
        store = tallystick.open(sys.argv[1], durability="written")
        store.on("*", lambda event: None)
        def append():
            try:
                while True: store.append("s", "t", b"x" * 5000)
            except tallystick.ClosedError: pass
        def read():
            try:
                while True: list(store.read(limit=50))
            except tallystick.ClosedError: pass
        def wait():
            try: store.wait(10**9)
            except tallystick.ClosedError: pass
        for target in (append, append, read, wait):
            threading.Thread(target=target, daemon=True).start()
        time.sleep(0.2)
    """
    for attempt in range(3):
        run_script(script, str(tmp_path / f"log{attempt}"))
        assert tally.fsck(tmp_path / f"log{attempt}")


def test_the_interpreter_ends_with_asynchronous_work_queued(tmp_path: Path, run_script: Run) -> None:
    script = """
        import asyncio, sys
        from tallystick import aio
        async def main():
            global store
            store = await aio.open(sys.argv[1])
            tasks = [asyncio.ensure_future(store.append("s", "t", n)) for n in range(200)]
            await asyncio.sleep(0)
            for task in tasks: task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        asyncio.run(main())
    """
    run_script(script, str(tmp_path / "log"))
    with tally.open(tmp_path / "log") as store:
        assert not store.info.recovery.happened


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_of_a_fork_cannot_harm_the_parents_store(tmp_path: Path, run_script: Run) -> None:
    script = """
        import gc, os, sys, warnings, tallystick
        warnings.simplefilter("error")
        store = tallystick.open(sys.argv[1], durability="buffered")
        store.append("s", "t", 1)
        reader = store.read()
        child = os.fork()
        if child == 0:
            for call in (lambda: store.append("s", "t", 2), store.sync, lambda: store.get(0), store.read,
                         lambda: next(reader), lambda: len(store), lambda: store.wait(0), store.stats):
                try: call()
                except tallystick.ForkedError as error: assert error.hint
                else: os._exit(3)
            assert "parent" in repr(store)
            del reader
            store.close()
            del store
            gc.collect()
            with tallystick.open(sys.argv[2], durability="buffered") as own:
                own.append("s", "t", "child")
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        store.append("s", "t", 3)
        assert [event.data for event in store] == [1, 3]
        store.close()
        with tallystick.open(sys.argv[1]) as again: assert len(again) == 2 and not again.info.recovery.happened
        with tallystick.open(sys.argv[2]) as again: assert again[0].data == "child"
    """
    run_script(script, str(tmp_path / "log"), str(tmp_path / "other"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_that_forgets_the_parents_store_ends_quietly(tmp_path: Path, run_script: Run) -> None:
    script = """
        import os, sys, warnings, tallystick
        warnings.simplefilter("error")
        store = tallystick.open(sys.argv[1], durability="buffered")
        store.append("s", "t", 1)
        child = os.fork()
        if child == 0: sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert store[0].data == 1
        store.close()
    """
    run_script(script, str(tmp_path / "log"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_while_threads_read_and_append(tmp_path: Path, run_script: Run) -> None:
    script = """
        import os, sys, threading, warnings, tallystick
        warnings.simplefilter("ignore", DeprecationWarning)
        store = tallystick.open(sys.argv[1], durability="buffered")
        store.append_many([("s", "t", b"x" * 500)] * 2000)
        stop = False
        def read():
            while not stop: list(store.read())
        def append():
            while not stop: store.append("s", "t", b"x" * 5000)
        threads = [threading.Thread(target=target) for target in (read, read, append)]
        for thread in threads: thread.start()
        for attempt in range(20):
            child = os.fork()
            if child == 0:
                if attempt % 2: store.close()
                os._exit(0) if attempt % 3 == 0 else sys.exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        stop = True
        for thread in threads: thread.join()
        store.close()
        print(bool(tallystick.fsck(sys.argv[1])))
    """
    assert run_script(script, str(tmp_path / "log")) == "True\n"


# --------------------------------------------------------------------------------------------- threads


def test_threads_append_and_read_at_once(tmp_path: Path) -> None:
    with tally.open(tmp_path / "log", durability="buffered", segment_bytes=1 << 18) as store:

        def append(name: str) -> None:
            for n in range(0, 500, 5):
                store.append(name, "t", {"n": n})
                store.append_many([(name, "t", {"n": n + m}) for m in range(1, 4)])
                store.append(name, "t", {"n": n + 4, "fill": "x" * 6000}, durability="written")

        def read(_: int) -> None:
            for _ in range(30):
                events = list(store.read(stream="a"))
                assert [event.version for event in events] == list(range(len(events)))
                assert [event.data["n"] for event in events] == list(range(len(events)))

        with ThreadPoolExecutor(6) as pool:
            work = [pool.submit(append, name) for name in "abcd"] + [pool.submit(read, n) for n in range(2)]
            for one in work:
                one.result()
        assert len(store) == 2000
        assert sorted(row.count for row in store.streams()) == [500] * 4


def test_a_store_is_closed_while_others_use_it(tmp_path: Path) -> None:
    for attempt in range(10):
        store = tally.open(tmp_path / f"log{attempt}", durability="buffered", segment_bytes=65536)
        store.append_many([("s", "t", b"x" * 300) for _ in range(1000)])
        started = threading.Barrier(5)
        wrong: list[BaseException] = []

        def use(call: Callable[[], object], started: Any = started, wrong: Any = wrong) -> None:
            started.wait()
            try:
                while True:
                    call()
            except tally.ClosedError:
                pass
            except BaseException as error:
                wrong.append(error)

        calls: list[Callable[[], object]] = [
            lambda store=store: list(store.read()),  # type: ignore[misc]
            lambda store=store: store.append("s", "t", b"y" * 10_000),  # type: ignore[misc]
            lambda store=store: store.get(500),  # type: ignore[misc]
            lambda store=store: store.wait(10**9),  # type: ignore[misc]
        ]
        threads = [threading.Thread(target=use, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        started.wait()
        store.close()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()
        assert wrong == []


def test_whoever_closes_returns_when_it_is_closed(tmp_path: Path) -> None:
    for attempt in range(5):
        path = tmp_path / f"log{attempt}"
        store = tally.open(path, durability="buffered")
        store.append_many([("s", "t", b"x" * 1000)] * 5000)
        start = threading.Barrier(4)

        def close(store: Any = store, start: Any = start, path: Path = path) -> bool:
            start.wait()
            store.close()
            return bool(tally.fsck(path))

        with ThreadPoolExecutor(4) as pool:
            closing = [pool.submit(close) for _ in range(4)]
            assert all(one.result() for one in closing)
        with tally.open(path) as again:
            assert not again.info.recovery.happened
            assert len(again) == 5000


def test_the_gil_is_free_while_a_durable_append_waits(tmp_path: Path) -> None:
    with tally.open(tmp_path / "log") as store:
        ticks = 0
        stop = False

        def tick() -> None:
            nonlocal ticks
            while not stop:
                ticks += 1

        thread = threading.Thread(target=tick)
        thread.start()
        for _ in range(50):
            store.append("s", "t")
        stop = True
        thread.join()
        assert ticks > 1000


# ------------------------------------------------------------------------------------------------ leaks


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="measures memory as Linux does")
@pytest.mark.skipif("TALLYSTICK_UNDER_SANITIZER" in os.environ, reason="a sanitizer keeps what is freed")
@pytest.mark.parametrize(
    "work",
    [
        "store.append('s', 't', {'n': n, 'fill': 'x' * 500}, tags=['a:b', 'c:d'], key=str(n), causation=store[0])",
        "store.append_many([{'stream': 's', 'type': 't', 'data': [n], 'tags': ['a']}, ('s', 't', b'x')])",
        "[(e.data, e.tags, e.id, e.time, e.stream, e.type, e.raw, e.hash) for e in store.read(limit=20)]",
        "[refused(lambda: store.append('s', 't', object())), refused(lambda: store.read(streem=1)),"
        " refused(lambda: store.append('s', 't', expect=10**9)), refused(lambda: store.append('$', 't', {}))]",
        "list(store.streams()), list(store.types()), store.head('s'), store.watermarks(), store.stats(), store.info",
        "tallystick.open(path + 'r', durability='buffered').close()",
        "store.remove_gate(store.gate(lambda drafts: None)), store.registry.unregister(store.on('*', lambda e: e))",
    ],
)
def test_nothing_leaks(tmp_path: Path, run_script: Run, work: str) -> None:
    script = f"""
        import gc, os, sys, tallystick
        path = sys.argv[1]
        def refused(call):
            try: call()
            except Exception: return
            raise AssertionError
        def resident():
            gc.collect()
            with open('/proc/self/statm') as statm: return int(statm.read().split()[1]) * 4096
        store = tallystick.open(path, durability='buffered', segment_bytes=1 << 20, key_events=100)
        store.append_many([('s', 't', n) for n in range(100)])
        def rounds(count):
            for n in range(count):
                {work}
        slow = 10 if 'open(' in {work!r} else 1
        rounds(300 // slow)
        before, objects = resident(), len(gc.get_objects())
        rounds(1500 // slow)
        grown, more = resident() - before, len(gc.get_objects()) - objects
        store.close()
        assert more < 200, more
        print(grown)
    """
    assert int(run_script(script, str(tmp_path / "log"))) < 8_000_000


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="counts descriptors as Linux does")
def test_descriptors_and_threads_are_given_back(tmp_path: Path, run_script: Run) -> None:
    script = """
        import os, sys, tallystick
        for n in range(100):
            with tallystick.open(sys.argv[1], durability="buffered") as store:
                store.append("s", "t")
                reader = store.read()
                next(reader)
            del reader
            if n == 30: before = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
        assert (len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))) == before
        print("done")
    """
    assert run_script(script, str(tmp_path / "log"), timeout=120) == "done\n"
