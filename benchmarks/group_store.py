"""The log in C against a bare loop of the same work, SQLite, LMDB and batpak (a Rust crate), in one process."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from programs import OUT, Cells, Unavailable, build_crate, run
from rows import Bar, Row, at_least, at_most, make_row, ratio_at_least, ratio_at_most

BATPAK = "batpak 0.10.0"
BARE = "bare loop"
# EVENTS=1000000 make bench ONLY=store for a quick look.
EVENTS = int(os.environ.get("EVENTS", "10000000"))
ROOM = 3 * EVENTS * 700  # bytes on the disk: the store, its peers, and what grows


def times_faster(times: float) -> Bar:
    """Figures are times per event: fewer is better."""
    return Bar(f">= {times:g} times faster", lambda ours, peer: peer / ours >= times)


def measure(root: Path) -> list[Row]:
    build_crate("batpak", BATPAK)
    if subprocess.run(["make", "-s", "-j2", "out/bench/store"], cwd=root).returncode != 0:
        raise Unavailable("the benchmark does not build")
    place = Path(tempfile.mkdtemp(prefix="store-", dir=OUT))
    try:
        if shutil.disk_usage(place).free < ROOM:
            raise Unavailable(f"{ROOM >> 30} GiB of disk are needed; EVENTS=1000000 needs a tenth")
        print(f"{EVENTS:,} events of 256 bytes, 1000 streams; SQLite: WAL, prepared, mapped; LMDB: MDB_APPEND;")
        print(f"{BATPAK}: fdatasync, batches up to 4096; batches always synced by it, so ours are in that row")
        cells = Cells()
        for part in (["append"], ["durable"], ["read", str(EVENTS)], ["growth", str(EVENTS)]):
            cells.read(run([OUT / "store", part[0], place, *part[1:]]))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return rows_of(cells)


def rows_of(cells: Cells) -> list[Row]:
    rows: list[Row | None] = []

    def row(name: str, cell: str, peer: str | None, bar: Bar | None = None, ours: str = "ours") -> None:
        if cell in cells.samples:
            rows.append(make_row(name, cells.units[cell], cells.samples[cell], peer, bar, ours))

    row("buffered append, one by one", "append/buffered, one by one", BARE, ratio_at_most(1.35))
    row("buffered append, batches of 1000", "append/buffered, batches of 1000", BARE, ratio_at_most(1.25))
    written = "append/written, one by one"
    row("written append, one by one", written, None, at_most(1e9 / 450_000))
    row("written append, one by one", written, BARE)
    row("written append, one by one", written, "SQLite WAL, OFF", times_faster(5))
    row("written append, one by one", written, "SQLite WAL, NORMAL", times_faster(9))
    row("written append, one by one", written, "LMDB NOSYNC")
    row("written append, one by one", written, BATPAK)
    batches = "append/written, batches of 1000"
    row("written batches of 1000", batches, BARE)
    row("written batches of 1000", batches, "SQLite WAL, OFF", times_faster(3))
    row("written batches of 1000", batches, "SQLite WAL, NORMAL", times_faster(3))
    row("written batches of 1000", batches, "LMDB NOSYNC")
    durable = "append/durable, batches of 1000"
    row("durable batches of 1000", durable, BATPAK, times_faster(10))
    row("durable batches of 1000", durable, "SQLite WAL, FULL")
    row("durable batches of 1000", durable, "LMDB")
    row("2 threads, 4 KiB data", "append/4 KiB, threads", "one thread", ratio_at_least(1.5), "two threads")
    one = "durable/one thread"
    row("durable append, 1 thread, p50", one, "bare write + fdatasync", ratio_at_most(1.2))
    row("durable append, 1 thread, p50", one, "SQLite WAL, FULL")
    row("durable append, 1 thread, p50", one, "LMDB")
    row("durable append, 1 thread, p50", one, BATPAK)
    row("durable append, 1 thread, p99", "durable/one thread, p99", "bare write + fdatasync")
    row("durable append, 16 threads", "durable/threads", "one thread", ratio_at_least(5), "16 threads")
    row("durable append, 64 threads", "durable/threads", "one thread", None, "64 threads")
    row("durable batches of 256", "durable/batches of 256", None, at_least(500_000))

    row("point read, warm", "read/point", None, at_most(300))
    row("point read, checksum at first touch", "read/point", None, None, "ours, checked at first touch")
    row("point read, checksum each time", "read/point", None, at_most(600), "ours, checked each time")
    row("point read, a tenth of the log", "read/point", "SQLite", times_faster(7), "ours, a tenth")
    row("point read, a tenth of the log", "read/point", "LMDB", None, "ours, a tenth")
    row("point read", "read/point", BATPAK)
    row("page of 100, contiguous", "page/contiguous", None, at_most(50))
    row("page of 100, contiguous", "page/contiguous", "SQLite")
    row("page of 100, by stream", "page/by stream", None, at_most(100))
    row("page of 100, by stream", "page/by stream", "SQLite")
    row("page of 100, by tag of 1 %", "page/by tag of 1 %", None, at_most(100))
    row("page of 100, by prefix", "page/by prefix", None, at_most(100))
    row("page of 100, by prefix and tag", "page/by prefix and tag of 1 %", None, at_most(200))
    row("scan, checksums", "scan/checksums", None)
    row("scan, full verification", "scan/full verification", "bare digests", ratio_at_most(1 / 0.8))
    row("scan, full verification, 2 threads", "scan/full verification", "ours", times_faster(1.8), "ours, two threads")
    row("open after a clean close, warm", "open", None, at_most(20))
    row("open after a clean close, cold", "open", None, at_most(150), "ours, cold")
    row("open read-only", "open", None, None, "ours, read-only")
    row("open after a crash", "open", None, at_most(100), "ours, after a crash")
    # The peer has a fiftieth of the events, and its time grows with them: as fast is 50 times faster.
    row("open, ours with 50 times the events", "open", f"{BATPAK}, a fiftieth", times_faster(1))
    row("open, resident", "open/resident", None, at_most(200))
    row("heap of the writer", "read/heap", None, at_most(256))
    row("heap of the writer, per event", "read/heap, per event", None, at_most(16))
    row("disk per event over the data", "read/disk over the data, per event", None, at_most(360))
    row("making the store, per event", "read/make, per event", None)
    size = 1000
    while f"growth/append, {size}" in cells.samples:
        for what in ("append", "open", "point", "page"):
            row(f"growth: {what}, {size:,} events", f"growth/{what}, {size}", None)
        size *= 10
    return [found for found in rows if found is not None]
