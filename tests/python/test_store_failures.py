"""When the system fails: what is raised, what still works, and what reopening finds."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import tallystick as tally

Run = Callable[..., str]
pytest.importorskip("resource")


def test_a_failed_write_finishes_the_store_and_reading_goes_on(tmp_path: Path, run_script: Run) -> None:
    script = """
        import resource, sys, tallystick as tally
        store = tally.open(sys.argv[1], durability="durable", segment_bytes=1 << 20)
        for n in range(10): store.append("s", "t", n)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
        try:
            for n in range(100): store.append("s", "t", b"x" * 1000, durability="written")
            raise AssertionError
        except tally.IoError as error:
            assert isinstance(error, OSError)
            assert error.path and error.errno, (error.path, error.errno)
        for call in (lambda: store.append("s", "t"), store.sync, lambda: store.append_many([("s", "t")])):
            try: call()
            except tally.PoisonedError as error:
                assert isinstance(error, OSError)
                assert error.handling == "fatal" and error.hint
            else: raise AssertionError(call)
        assert [event.data for event in store.read(limit=10)] == list(range(10))
        assert store.get(3).data == 3
        store.close()
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        with tally.open(sys.argv[1]) as store:
            assert store.info.recovery.happened
            assert [event.data for event in store.read(stream="s", limit=10)] == list(range(10))
            store.append("s", "t", "after")
            print(store[-1].data)
    """
    assert run_script(script, str(tmp_path / "log")) == "after\n"


def test_a_failed_write_reaches_every_asynchronous_append(tmp_path: Path, run_script: Run) -> None:
    script = """
        import asyncio, resource, sys, tallystick as tally
        from tallystick import aio
        async def main():
            async with aio.open(sys.argv[1], segment_bytes=1 << 20) as store:
                await store.append("s", "t")
                resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
                tasks = [store.append("s", "t", b"x" * 1000) for n in range(100)]
                done = await asyncio.gather(*tasks, return_exceptions=True)
                kinds = {type(one) for one in done}
                assert kinds <= {tally.Receipt, tally.IoError, tally.PoisonedError}, kinds
                assert tally.IoError in kinds or tally.PoisonedError in kinds
                try: await store.sync()
                except (tally.PoisonedError, tally.IoError): pass
                assert (await store.get(0)).position == 0
        asyncio.run(main())
    """
    run_script(script, str(tmp_path / "log"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do everything")
def test_what_is_forbidden_is_denied(tmp_path: Path) -> None:
    with tally.open(tmp_path / "log"):
        pass
    os.chmod(tmp_path / "log", 0)
    with pytest.raises(tally.DeniedError) as caught:
        tally.open(tmp_path / "log")
    assert isinstance(caught.value, PermissionError)
    os.chmod(tmp_path / "log", 0o700)


def test_damaged_data_is_told_from_none(tmp_path: Path) -> None:
    with tally.open(tmp_path / "log", segment_bytes=65536) as store:
        for n in range(200):
            store.append("s", "t", {"n": n, "fill": "x" * 300})
    segment = min((tmp_path / "log").glob("*.seg"))
    data = bytearray(segment.read_bytes())
    data[data.index(b'{"n":7,') + 20] ^= 1
    segment.write_bytes(data)
    for mode in ("r", "rw"):
        with tally.open(tmp_path / "log", mode=mode) as store:  # type: ignore[arg-type]
            states = [event.data_state for event in store]
            assert [n for n, state in enumerate(states) if state != "readable"] == [7]
            event = store[7]
            assert (event.data_state, event.stream, event.version) == ("damaged", "s", 7)
            for read in ("data", "raw"):
                with pytest.raises(tally.DamagedError, match="the data of event 7"):
                    getattr(event, read)
            assert "(damaged)" in event._repr_html_()
    assert tally.fsck(tmp_path / "log").counts["event"] == 1
