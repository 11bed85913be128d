"""Measures, and says honestly what came out. `make bench [ONLY=registry,store,proofs,python,node]`

Ours and the peers take turns in one run; each row shows medians, their ratio, the spread and whether the bar of
the specification holds. The rows are also in out/bench/GROUP.json, one JSON object per line. The exit code is 0
whatever the figures are: a loss stays in the table.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import group_node
import group_proofs
import group_python
import group_registry
import group_store
from programs import Unavailable
from rows import Row, print_table, write_rows

ROOT = Path(__file__).resolve().parent.parent
GROUPS: dict[str, Callable[[Path], list[Row]]] = {
    "registry": group_registry.measure,
    "store": group_store.measure,
    "proofs": group_proofs.measure,
    "python": group_python.measure,
    "node": group_node.measure,
}


def machine() -> str:
    model = "unknown processor"
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return f"{model}, {os.cpu_count()} CPUs, {platform.system()} {platform.release()}, load {os.getloadavg()[0]:.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(GROUPS), help="groups, separated by commas")
    names = [name for name in parser.parse_args().only.split(",") if name]
    unknown = [name for name in names if name not in GROUPS]
    if unknown:
        parser.error(f"there is no group {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    print(f"on {machine()}")
    missed = held = 0
    for name in names:
        try:
            rows = GROUPS[name](ROOT)
        except Unavailable as problem:
            print(f"\n== {name}: not measured, {problem}")
            continue
        print_table(name, rows)
        write_rows(ROOT / "out" / "bench" / f"{name}.json", rows)
        held += sum(row.ok is True for row in rows)
        missed += sum(row.ok is False for row in rows)
    print(f"\n{held} bars hold, {missed} are missed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
