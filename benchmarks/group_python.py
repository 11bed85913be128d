"""Python handlers against a loop in Python and three packages; async ones against asyncio.gather; import time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bindings_store import store_rows
from programs import ROOT, Cells, Unavailable, run
from rows import Row, Samples, at_most, make_row, ratio_at_most

LOOP_BARS = {1: 0.60, 4: 0.70, 16: 0.75}
PROCESSES = 3
IMPORTS = 15
# In a process of its own; what Python itself needs to start is not counted.
IMPORT_PROBE = (
    "import time; start = time.perf_counter(); import tallystick; print((time.perf_counter() - start) * 1000)"
)


def versions() -> dict[str, str]:
    names = ("blinker", "pyee", "psygnal")
    probe = f"from importlib.metadata import version\nfor name in {names}: print(name, version(name))"
    return {line.split()[0]: " ".join(line.split()) for line in run([sys.executable, "-c", probe]).splitlines()}


def best_of(samples: Samples, names: tuple[str, ...]) -> str:
    return min(names, key=lambda name: sorted(samples[name])[len(samples[name]) // 2])


def measure(root: Path) -> list[Row]:
    if subprocess.run(["make", "-s", "python"], cwd=root).returncode != 0:
        raise Unavailable("the Python extension does not build")
    titles = versions()
    print(
        f"Python {sys.version.split()[0]}; {', '.join(titles.values())} (psygnal compiled); isolation on in ours only"
    )
    cells = Cells()
    for _ in range(PROCESSES):
        cells.read(run([sys.executable, root / "benchmarks" / "python" / "registry.py"]))
    for _ in range(IMPORTS):
        cells.add("import", "ms", "ours", [float(run([sys.executable, "-c", IMPORT_PROBE], cwd=ROOT / "out"))])
    rows: list[Row | None] = []
    for size, limit in LOOP_BARS.items():
        cell = f"notify/{size}"
        samples = {titles.get(name, name): values for name, values in cells.samples[cell].items()}
        best = best_of(samples, (titles["pyee"], titles["psygnal"]))
        name = f"notify, {size} Python handlers"
        rows.append(make_row(name, "ns", samples, "Python loop", ratio_at_most(limit)))
        rows.append(make_row(name, "ns", samples, titles["blinker"], ratio_at_most(0.1)))
        rows.append(make_row(name, "ns", samples, best, ratio_at_most(0.5)))
        other = next(title for key in ("pyee", "psygnal") if (title := titles[key]) != best)
        rows.append(make_row(name, "ns", samples, other))
    for size in (1, 4):
        samples = cells.samples[f"async/{size}"]
        name = f"async notify, {size} handlers that do not suspend"
        rows.append(make_row(name, "ns", samples, "asyncio.gather", ratio_at_most(0.1)))
    rows.append(make_row("import tallystick", "ms", cells.samples["import"], None, at_most(50)))
    command: list[str | Path] = [sys.executable, root / "benchmarks" / "python" / "store.py"]
    return [row for row in rows if row is not None] + store_rows(root, command, "sqlite3", 100)
