"""Proofs awaited: the same names, nothing blocks the loop, cancelling ends a verification."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest
from proof_logs import Log, make_log

import tallystick as tally
from tallystick import Signing, SignRequest, aio, errors


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return make_log(tmp_path)


def test_the_same_names_awaited(log: Log) -> None:
    async def main() -> None:
        async with aio.open(log.path, signing=Signing(log.key_path)) as store:
            old = await store.checkpoint()
            receipt = await store.append("account/42", "account.opened", {"plan": "pro"})
            proof = await store.prove(receipt)
            with pytest.raises(errors.ClosedError, match=r"store\.prove"):
                receipt.proof()
            proven = proof.verify(log.key.public, await store.get_stored(receipt))
            assert proven.event is not None
            assert proven.event.data == {"plan": "pro"}
            new = await store.checkpoint()
            (await store.consistency(old, new)).verify()
            await store.keep_note(new)
            assert (await store.signing()).signed_size == 4
            report = await store.verify(keys=log.key.public)
            assert report.covered == 4
            key = tally.make_key(new.origin)
            await store.rotate_key(Signing(key=key.private))
            assert (await store.signing()).vkey == key.public
            with pytest.raises(errors.RangeError):
                await store.prove(99)
            with pytest.raises(errors.OptionError):
                await store.verify("fast")  # type: ignore[arg-type]
            with pytest.raises(TypeError):
                await store.verify(progress=7)  # type: ignore[arg-type]
        assert (await aio.verify(log.path, "quick", keys=[log.key.public, key.public])).covered == 5
        with pytest.raises(errors.ClosedError):
            await store.verify()

    asyncio.run(main())


def test_a_slow_signer_does_not_block_the_loop(log: Log) -> None:
    loop_thread: list[int] = []

    def sign(request: SignRequest) -> bytes:
        assert threading.get_ident() not in loop_thread
        time.sleep(0.2)
        return log.sign(request)

    async def main() -> None:
        loop_thread.append(threading.get_ident())
        async with aio.open(log.path, signing=log.signer(sign)) as store:
            heads = asyncio.ensure_future(asyncio.gather(store.checkpoint(), store.prove(0)))
            slowest = 0.0
            while not heads.done():
                began = time.monotonic()
                await asyncio.sleep(0.001)
                slowest = max(slowest, time.monotonic() - began)
            assert slowest < 0.15
            assert (await heads)[0].size == 3

    asyncio.run(main())


def test_what_a_signer_raises_is_awaited_too(log: Log) -> None:
    def sign(request: SignRequest) -> bytes:
        raise ConnectionError("no HSM")

    async def main() -> None:
        async with aio.open(log.path, signing=log.signer(sign)) as store:
            with pytest.raises(errors.SignatureError, match="no HSM") as caught:
                await store.checkpoint()
            assert isinstance(caught.value.__cause__, ConnectionError)
            assert "no HSM" in str((await store.signing()).failure)

    asyncio.run(main())


def test_cancelling_ends_a_verification(log: Log) -> None:
    with tally.open(log.path, durability="buffered") as store:
        for _ in range(6):
            store.append_many([("s", "t", bytes(2000))] * 4000)

    async def main() -> None:
        calls: list[float] = []

        def progress(done: int, total: int) -> None:
            calls.append(time.monotonic())

        task = asyncio.ensure_future(aio.verify(log.path, progress=progress))
        while not calls:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        cancelled = time.monotonic()
        await asyncio.sleep(0.3)
        assert calls[-1] - cancelled < 0.2
        assert await aio.verify(log.path)

    asyncio.run(main())


def test_a_witness_is_asked_in_a_thread(log: Log) -> None:
    async def main() -> None:
        witness = tally.make_key("w", witness=True)
        async with aio.open(log.path, signing=Signing(log.key_path)) as store:
            with pytest.raises(errors.IoError):
                await aio.ask_witness("http://127.0.0.1:1", store, witness.public, timeout=1)
            with pytest.raises(errors.ArgumentError):
                await aio.ask_witness("file:///etc/passwd", store, witness.public)

    asyncio.run(main())
