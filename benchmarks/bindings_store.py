"""The store's rows of the groups `python` and `node`: what a binding adds to the C call, and its peer."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from programs import OUT, Cells, Unavailable, run
from rows import Row, at_least, make_row, more_at_most

ROUNDS = 3


def store_rows(root: Path, command: Sequence[str | Path], peer: str, over_c_ns: float) -> list[Row]:
    """`command` gets a directory; C's own figure is taken in turns with it."""
    cells = Cells()
    try:
        if subprocess.run(["make", "-s", "out/bench/store"], cwd=root).returncode != 0:
            raise Unavailable("the C benchmark does not build")
        for _ in range(ROUNDS):
            place = Path(tempfile.mkdtemp(prefix="store-", dir=OUT))
            try:
                cells.read(run([*command, place]))
                cells.read(run([OUT / "store", "single", place]))
            finally:
                shutil.rmtree(place, ignore_errors=True)
    except Unavailable as problem:
        print(f"the store: not measured, {problem}")
        return []
    one, many, read = (
        cells.samples[name] for name in ("append/buffered, one by one", "append/batches of 1000", "read/in order")
    )
    rows = [
        make_row("store, one buffered append of bytes", "ns", one, "C", more_at_most(over_c_ns, "ns")),
        make_row("store, one buffered append of bytes", "ns", one, peer),
        make_row("store, one buffered append of JSON", "ns", one, "C", None, "ours, JSON"),
        make_row("store, one awaited of many appends", "ns", one, "C", None, "ours, promises"),
        make_row("store, the JSON alone", "ns", cells.samples["append/encoding alone"], None, None, "json"),
        make_row("store, batches of 1000", "events/s", many, None, at_least(400_000)),
        make_row("store, batches of 1000", "events/s", many, peer),
        make_row("store, batches of 1000, JSON", "events/s", many, None, None, "ours, JSON"),
        make_row("store, reading in order", "ns", read, peer),
    ]
    return [row for row in rows if row is not None]
