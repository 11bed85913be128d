"""The tree, heads and proofs of a large signed log, in C, against the bare digests."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from programs import OUT, Cells, Unavailable, run
from rows import Bar, Row, at_most, make_row, ratio_at_most

# EVENTS=1000000 make bench ONLY=proofs for a quick look.
EVENTS = int(os.environ.get("EVENTS", "10000000"))
ROOM = EVENTS * 500  # bytes on the disk


def measure(root: Path) -> list[Row]:
    if subprocess.run(["make", "-s", "-j2", "out/bench/proofs"], cwd=root).returncode != 0:
        raise Unavailable("the benchmark does not build")
    place = Path(tempfile.mkdtemp(prefix="proofs-", dir=OUT))
    try:
        if shutil.disk_usage(place).free < ROOM:
            raise Unavailable(f"{ROOM >> 30} GiB of disk are needed; EVENTS=1000000 needs a tenth")
        print(f"{EVENTS:,} events of 8 bytes, 1000 streams; the key and the signer's memory on the same disk")
        cells = Cells()
        cells.read(run([OUT / "proofs", place, str(EVENTS)]))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return rows_of(cells)


def rows_of(cells: Cells) -> list[Row]:
    rows: list[Row | None] = []

    def row(name: str, cell: str, peer: str | None, bar: Bar | None = None) -> None:
        rows.append(make_row(name, cells.units[cell], cells.samples[cell], peer, bar, "ours"))

    hashing = "tree/hashing, per event"
    row("tree from the log, per event", hashing, None, at_most(250))
    row("tree from the log, per event", hashing, "bare digests", ratio_at_most(1 / 0.8))
    row("head over 1000 new events", "head/over 1000 new events", None, at_most(1))
    row("head over 1000 new events", "head/over 1000 new events", "bare digests, write and sync")
    row("proof of an event, made", "proof/make", None, at_most(100))
    row("proof of an event, checked", "proof/check", None, at_most(150))
    row("proof without the event, bytes", "proof/without extra", None, at_most(2048))
    full = "verify/full, per event"
    row("verify, full, one thread, per event", full, "bare digests", ratio_at_most(1 / 0.8))
    row("verify, quick, one thread, per event", full, "quick")
    row("verify, full, two threads, elapsed", "verify/full, elapsed", "one thread", ratio_at_most(1 / 1.8))
    row("verify, full, two threads, processor", "verify/full, two threads, processor", "one thread")
    return [found for found in rows if found is not None]
