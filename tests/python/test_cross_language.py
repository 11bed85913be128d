"""One store, four readers: Python, Node, C through its exported functions, and the independent reader in plain Python
give the same answers, byte for byte, about a store that Python wrote, and about one that was closed by none."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

import tallystick

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = Path(os.environ.get("TALLYSTICK_LIBRARY", ROOT / "out" / "libtallystick.so"))
# What only a reader of the bodies knows, or only one of the languages.
NOT_COMPARED = ("idempotency", "digest")

BY_C = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from capi.library import check, lib
from capi.stores import events_of, open_store
store = open_store(Path(sys.argv[2]), "READ_ONLY")
for event in events_of(store):
    print(json.dumps(event))
check(lib.tally_store_close(store))
"""

BY_NODE = """
const { openSync } = require(process.argv[1]);
const store = openSync(process.argv[2], { mode: 'read-only' });
for (const event of store.readSync()) {
  console.log(JSON.stringify({
    position: event.position, version: event.version, time_us: event.timeUs, time_logical: event.logical, id: event.id,
    correlation: event.correlation, causation: event.causation ?? null, stream: event.stream, type: event.type,
    content_type: event.contentType, schema: event.schema, tags: event.tags,
    data: Buffer.from(event.bytes ?? []).toString('hex'), occurred_us: event.occurredUs ?? null,
    batch: [event.batchIndex, event.batchCount], system: event.isSystem, event_hash: event.hash,
  }));
}
store.closeSync();
"""


def rows(output: str) -> list[dict[str, object]]:
    found = [json.loads(line) for line in output.splitlines()]
    return [{key: value for key, value in row.items() if key not in NOT_COMPARED} for row in found]


def run(*command: object, **more: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def by_python(path: Path) -> list[dict[str, object]]:
    with tallystick.open(path, mode="r") as store:
        return [
            {
                "position": event.position,
                "version": event.version,
                "time_us": event.time_us,
                "time_logical": event.logical,
                "id": str(event.id),
                "correlation": str(event.correlation),
                "causation": None if event.causation is None else str(event.causation),
                "stream": event.stream,
                "type": event.type,
                "content_type": event.content_type or "",
                "schema": event.schema,
                "tags": list(event.tags),
                "data": bytes(event.raw or b"").hex(),
                "occurred_us": event.occurred_us,
                "batch": [event.batch_index, event.batch_count],
                "system": event.is_system,
                "event_hash": event.hash.hex(),
            }
            for event in store.read()
        ]


def by_the_independent_reader(path: Path) -> list[dict[str, object]]:
    return rows(run(sys.executable, "tests/verifier/read_store.py", path))


def by_c(path: Path) -> list[dict[str, object]]:
    if not LIBRARY.exists():
        pytest.skip("the library is not built")
    return rows(run(sys.executable, "-c", BY_C, ROOT / "tests", path))


def by_node(path: Path) -> list[dict[str, object]]:
    if not (ROOT / "build" / "Release" / "tallystick.node").exists():
        pytest.skip("the Node addon is not built")
    return rows(run("node", "-e", BY_NODE, ROOT, path))


READERS = [by_the_independent_reader, by_c, by_node]
NAMES = ["a", "a/1", "b/long/name", "é/1", "日本語", "😀", "x" * 512, "a b"]


def write(path: Path, seed: int, count: int = 120) -> None:
    chance = random.Random(seed)
    with tallystick.open(
        path, segment_bytes=65536, durability="buffered", digest=["sha256", "blake2b"][seed % 2]
    ) as store:
        for number in range(count):
            data = chance.choice(
                [
                    None,
                    {"n": number, "text": "ü😀"},
                    [1, 2.5, None],
                    "text",
                    chance.randbytes(chance.choice([1, 7, 300, 9000])),
                ]
            )
            receipt = store.append(
                chance.choice(NAMES),
                chance.choice(["order.paid", "order.made", "é", "y" * 512]),
                data,
                tags=chance.sample(["k:1", "k:2", "é", "z" * 512, "q"], chance.randrange(4)),
                occurred=chance.choice([None, 0, 1_600_000_000]),
                schema=chance.choice([0, 1, 2**32 - 1]),
                key=f"key {number}" if number % 7 == 0 else None,
                correlation=chance.choice([None, uuid.UUID(int=number + 1)]),
                causation=chance.choice([None, uuid.UUID(int=2**127 + number)]),
            )
            assert receipt.position == number
        store.sync()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_store_that_python_wrote_is_read_the_same_by_all(seed: int, reader: object, tmp_path: Path) -> None:
    write(tmp_path / "store", seed)
    expected = by_python(tmp_path / "store")
    assert len(expected) == 120
    found = reader(tmp_path / "store")  # type: ignore[operator]
    for one, other in zip(expected, found, strict=True):
        assert one == other


KILLED = """
import os, sys, tallystick
store = tallystick.open(sys.argv[1], segment_bytes=65536)
for number in range(300):
    store.append(f"s/{number % 5}", "t", {"n": number}, durability="written")
print("there", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("reader", READERS)
def test_a_store_whose_writer_was_killed_is_read_the_same_by_all(reader: object, tmp_path: Path) -> None:
    path = tmp_path / "store"
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "there\n"
        writer.send_signal(signal.SIGKILL)
    expected = by_python(path)
    assert [row["data"] for row in expected] == [b'{"n":%d}'.replace(b"%d", b"%d" % n).hex() for n in range(300)]
    assert reader(path) == expected  # type: ignore[operator]


def test_a_store_that_c_wrote_is_read_the_same_by_python(tmp_path: Path) -> None:
    if not LIBRARY.exists():
        pytest.skip("the library is not built")
    code = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from capi.library import Box
from capi.open_stores import Store
box = Box()
store = Store(box, Path(sys.argv[2]), segment_bytes=65536)
for number in range(200):
    store.append(b"%d" % number * 50, f"s/{number % 3}", "t.made", ["b", "a"], level="BUFFERED", key=b"%d" % number)
store.close()
box.end()
"""
    run(sys.executable, "-c", code, ROOT / "tests", tmp_path / "store")
    expected = by_python(tmp_path / "store")
    assert [bytes.fromhex(str(row["data"])) for row in expected] == [b"%d" % n * 50 for n in range(200)]
    assert by_c(tmp_path / "store") == expected == by_the_independent_reader(tmp_path / "store")
