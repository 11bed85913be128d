"""What the types of the store promise, and what they refuse, according to mypy."""

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "python"

GOOD = """
import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Any, assert_type
from uuid import UUID
import tallystick as tally
from tallystick import Condition, Draft, Event, EventList, Listed, Reader, Receipt, Store, aio

class Codec:
    content_type = "application/x"
    def dumps(self, value: Any) -> bytes: return b""
    def loads(self, data: bytes) -> Any: ...

with tally.open("x", durability="written", codec=Codec(), sync_interval=0.5) as store:
    assert_type(store, Store)
    assert_type(store.append("s", "t", {"a": 1}, tags=["x"], key="k", expect=3), Receipt)
    assert_type(store.append_many([("s", "t"), ("s", "t", 1), {"stream": "s", "type": "t"}]), list[Receipt])
    assert_type(store.read("s", types="a.*", backwards=True), Reader)
    for event in store:
        assert_type(event, Event)
        assert_type(event.id, UUID)
        assert_type(event.time, datetime)
        assert_type(event.occurred, datetime | None)
        assert_type(event.tags, tuple[str, ...])
    assert_type(store[0], Event)
    assert_type(store[0:5], EventList)
    assert_type(store.streams(), Iterator[Listed])
    assert_type(store.watermarks().durable, int)
    assert_type(store.head("s").last_position, int | None)
    assert_type(store.follow(0, timeout=1), Iterator[Event])
    store.append("s", "t", conditions=[Condition(types="a", tags=["b"], from_position=1)], causation=store[0])

    @store.on("a.*", priority=3)
    def handler(event: Event) -> None: ...
    handler(store[0])

    @store.gate
    def one(drafts: tuple[Draft, ...]) -> None: ...

    @store.gate(name="two", record=True)
    def two(drafts: tuple[Draft, ...]) -> None: ...
    store.remove_gate(two)

    with store.batch(expect={"s": "exists"}) as batch:
        first = batch.append("s", "t")
        batch.append("s", "t", causation=first)
    assert_type(first.receipt, Receipt)
    assert_type(tally.fsck("x").findings, list[tally.Finding])

    def sign(request: tally.SignRequest) -> bytes: return b""
    tally.Signing(signer=sign, verify_key="k", state_path="p", mirror=print)
    assert_type(store.append("s", "t").proof(), tally.Proof)
    proven = store.prove(3).verify("key", store.get_stored(3))
    assert_type(proven.event, Event | None)
    assert_type(store.verify("quick", keys=["k"], since=store.checkpoint()), tally.Report)
    assert_type(store.consistency(store.checkpoint(), 7).hashes, tuple[bytes, ...])
    assert_type(tally.verify_checkpoint(store.checkpoint(), tally.Policy("k", needed=1))[1], tally.Signed)
    assert_type(store.signing().vkey, str | None)

async def main() -> None:
    async with aio.open("x") as store:
        assert_type(store, aio.AsyncStore)
        assert_type(await store.append("s", "t"), Receipt)
        async for event in store.read("s"):
            assert_type(event, Event)
        async for event in store.follow():
            assert_type(event, Event)
        async with store.batch() as batch:
            batch.append("s", "t")
        assert_type(await store.prove(3), tally.Proof)
        assert_type(await store.verify("quick", keys="k"), tally.Report)
        assert_type(await aio.ask_witness("http://x", store, "k"), tally.WitnessAnswer)
    assert_type(await aio.open("x", signing=tally.Signing("k")), aio.AsyncStore)

try:
    store.get(1)
except tally.RangeError as error:
    assert_type(error.position, int | None)
except tally.ConflictError:
    pass
"""

BAD = [
    'tally.open("x", mode="w")',
    'tally.open("x", durabilty="written")',
    "tally.open(7)",
    'tally.open("x", signing="key")',
    'tally.Signing("x", signer=lambda: b"")',
    'store.verify("fast")',
    "store.prove(None)",
    'astore.verify(key="k")',
    'tally.verify_proof("x")',
    'tally.open("x", codec=object())',
    'store.append("s")',
    'aio.open("x", mod="r")',
    'astore.append("s", "t", tag="x")',
    'astore.read("s", streem="x")',
    'batch.append("s", "t", shema=1)',
    'store.append("s", "t", None, "tags")',
    'store.append("s", "t", durability="often")',
    'store.append("s", "t", expect="none")',
    'store.append("s", "t", tag="x")',
    "store.append_many([7])",
    'store.read(since="yesterday")',
    "store.read(streem='x')",
    "store[0].position = 3",
    "store.wait(None)",
    "store.on(7, print)",
]


def mypy(tmp_path: Path, code: str) -> str:
    pytest.importorskip("mypy")
    (tmp_path / "example.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(tmp_path), "example.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"MYPYPATH": str(PACKAGE), "PATH": ""},
    )
    return done.stdout + done.stderr


def test_what_the_types_promise(tmp_path: Path) -> None:
    assert mypy(tmp_path, GOOD) == ""


def test_what_the_types_refuse(tmp_path: Path) -> None:
    head = (
        "import tallystick as tally\nfrom tallystick import Batch, Store, aio\n"
        'store: Store = tally.open("x")\nastore: aio.AsyncStore\nbatch: Batch = store.batch()\n'
    )
    said = mypy(tmp_path, head + "\n".join(BAD) + "\n")
    first = head.count("\n") + 1
    for number, line in enumerate(BAD, first):
        assert f"example.py:{number}: error:" in said, line
