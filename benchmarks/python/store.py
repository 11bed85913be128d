"""The store from Python: ours and sqlite3 take turns in this process, in a directory that is given.

Prints one JSON object per line: name, unit, samples of each contestant. Data are bytes where the call itself is
measured, so that nobody's JSON is.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path

import tallystick

ROUNDS = 11
BATCH = 1000
DATA = bytes(range(256))
RECORD = {"order": 4711, "total": "129.90", "items": [1, 2, 3], "note": "x" * 160}

Append = Callable[[int], None]


def timed(append: Append, count: int) -> float:
    start = time.perf_counter_ns()
    append(count)
    return (time.perf_counter_ns() - start) / count


def contest(name: str, unit: str, contestants: dict[str, Append], count: int, per_second: bool = False) -> None:
    samples: dict[str, list[float]] = {who: [] for who in contestants}
    for turn in range(ROUNDS + 1):
        for who, append in contestants.items():
            ns = timed(append, count)
            if turn > 0:
                samples[who].append(1e9 / ns if per_second else ns)
    print(json.dumps({"name": name, "unit": unit, "samples": samples}))


def our_single(store: tallystick.Store, data: object) -> Append:
    def append(count: int) -> None:
        for _ in range(count):
            store.append("account/42", "order.paid", data)

    return append


def our_many(store: tallystick.Store, data: object) -> Append:
    drafts = [("account/42", "order.paid", data)] * BATCH

    def append(count: int) -> None:
        for _ in range(count // BATCH):
            store.append_many(drafts)

    return append


def open_sqlite(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=OFF")
    database.execute("CREATE TABLE events(position INTEGER PRIMARY KEY, stream TEXT, type TEXT, data BLOB)")
    return database


INSERT = "INSERT INTO events(stream, type, data) VALUES(?, ?, ?)"


def sqlite_single(database: sqlite3.Connection) -> Append:
    def append(count: int) -> None:
        for _ in range(count):
            database.execute(INSERT, ("account/42", "order.paid", DATA))

    return append


def sqlite_many(database: sqlite3.Connection) -> Append:
    rows = [("account/42", "order.paid", DATA)] * BATCH

    def append(count: int) -> None:
        for _ in range(count // BATCH):
            database.execute("BEGIN")
            database.executemany(INSERT, rows)
            database.execute("COMMIT")

    return append


def main() -> None:
    folder = Path(sys.argv[1])
    store = tallystick.open(folder / "ours", durability="buffered")
    database = open_sqlite(folder / "peer.db")
    singles = {"ours": our_single(store, DATA), "ours, JSON": our_single(store, RECORD)}
    contest("append/buffered, one by one", "ns", {**singles, "sqlite3": sqlite_single(database)}, 10_000)
    many = {"ours": our_many(store, DATA), "ours, JSON": our_many(store, RECORD), "sqlite3": sqlite_many(database)}
    contest("append/batches of 1000", "events/s", many, 20_000, per_second=True)
    encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

    def encode_only(count: int) -> None:
        for _ in range(count):
            encode(RECORD).encode()

    contest("append/encoding alone", "ns", {"json": encode_only}, 20_000)

    def read_ours(count: int) -> None:
        seen = 0
        for event in store.read():
            seen += len(event.raw)
            count -= 1
            if count == 0:
                break

    def read_sqlite(count: int) -> None:
        for row in database.execute("SELECT position, stream, type, data FROM events LIMIT ?", (count,)):
            len(row[3])

    contest("read/in order", "ns", {"ours": read_ours, "sqlite3": read_sqlite}, 50_000)
    store.close()
    database.close()


if __name__ == "__main__":
    main()
