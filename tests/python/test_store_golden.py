"""Stores that are kept, and stores that Python writes, read the same here and by the independent reader."""

from __future__ import annotations

import json
import shutil
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

import tallystick as tally

ROOT = Path(__file__).resolve().parents[2]
STORES = ROOT / "tests" / "vectors" / "stores"
sys.path.insert(0, str(ROOT / "tests" / "verifier"))

from read_store import event_as_json, read_store  # noqa: E402


def seen_by_us(event: tally.Event) -> dict[str, Any]:
    return {
        "position": event.position,
        "version": event.version,
        "time_us": event.time_us,
        "time_logical": event.logical,
        "id": str(event.id),
        "correlation": str(event.correlation),
        "causation": str(event.causation) if event.causation else None,
        "stream": event.stream,
        "type": event.type,
        "content_type": event.content_type,
        "schema": event.schema,
        "tags": list(event.tags),
        "data": event.raw.hex(),
        "occurred_us": event.occurred_us,
        "batch": [event.batch_index, event.batch_count],
        "system": event.is_system,
        "event_hash": event.hash.hex(),
    }


def seen_by_another(path: Path) -> list[dict[str, Any]]:
    rows = [event_as_json(event) for event in read_store(path).events()]
    return [{key: row[key] for key in row if key not in ("idempotency", "digest")} for row in rows]


@pytest.mark.parametrize("name", sorted(path.name for path in STORES.iterdir() if path.is_dir()))
def test_a_golden_store_is_read_as_the_independent_reader_does(name: str, tmp_path: Path) -> None:
    path = Path(shutil.copytree(STORES / name, tmp_path / name))
    with tally.open(path, mode="r") as store:
        events = [seen_by_us(event) for event in store]
        assert events == seen_by_another(path)
        for row, line in zip(events, (STORES / f"{name}.jsonl").read_text().splitlines(), strict=True):
            golden = json.loads(line)
            assert all(row[key] == golden[key] for key in row if key != "data")
        for event in store:
            assert store.get(event.id) == event
            assert store.find_version(event.stream, event.version) == event.position
            event.data  # noqa: B018


@pytest.mark.parametrize("digest", ["sha256", "blake2b"])
def test_what_python_writes_the_independent_reader_reads(tmp_path: Path, digest: Any) -> None:
    path = tmp_path / "log"
    with tally.open(path, durability="buffered", segment_bytes=65536, digest=digest) as store:
        store.append("zoë/1", "made", {"é": [1, 2.5, None, True, "\u2028"]}, tags=["b", "a:é"], schema=3)
        store.append("s", "t", b"\x00" * 5000, occurred=-1, id=uuid.UUID(int=1), correlation=uuid.UUID(int=2))
        with store.batch() as batch:
            first = batch.append("s", "t", "text", content_type="text/plain", key="first")
            batch.append("s", "u", causation=first, key="once")
        store.append_many([("s", "t", n) for n in range(500)])
        ours = [seen_by_us(event) for event in store]
        store.sync()
        assert seen_by_another(path) == ours
    assert seen_by_another(path) == ours
    with tally.open(path) as store:
        assert [seen_by_us(event) for event in store] == ours
