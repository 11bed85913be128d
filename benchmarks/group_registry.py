"""The C core against registry-io (a Rust crate, linked into the same process) and against a bare loop."""

from __future__ import annotations

import subprocess
from pathlib import Path

from programs import OUT, Cells, Unavailable, build_crate, run
from rows import Bar, Row, at_most, make_row, more_at_most, ratio_at_least, ratio_at_most

PEER = "registry-io 1.0.0"
BARE = "bare loop"
SHARED = "ours, shared library"
FAR_BARE = "bare loop, shared library"
# Where the system puts code and memory decides a nanosecond, and with one process in eight the time of 16
# handlers: many processes, each with its own places, and medians over all.
PROCESSES = {"notify": 15, "rest": 3}
LIBRARIES = ("out/libtallystick.so", "out/bench/libbare.so")

NOTIFY_BARS = {0: 0.40, 1: 0.90, 4: 0.85, 16: 0.95, 64: 1.00}
BARE_BARS: dict[int, Bar] = {
    1: more_at_most(4, "ns"),
    4: more_at_most(4, "ns"),
    16: ratio_at_most(1.10),
    64: ratio_at_most(1.10),
}


def build_peer() -> None:
    """Without a Rust compiler our own rows and those against the bare loop are still measured."""
    if build_crate("registry_io", PEER):
        print(
            f"{PEER}: opt-level 3, fat LTO, one codegen unit, panic=unwind; its loop is in Rust, so notify is inlined"
        )


def measure(root: Path) -> list[Row]:
    build_peer()
    if subprocess.run(["make", "-s", "-j2", "out/bench/registry", *LIBRARIES], cwd=root).returncode != 0:
        raise Unavailable("the benchmark does not build")
    print("ours: csrc/flags.txt and LTO inside the library; the harness calls it across a real call boundary")
    cells = Cells()
    for part, count in PROCESSES.items():
        for _ in range(count):
            cells.read(run([OUT / "registry", part, *LIBRARIES]))
    rows: list[Row | None] = []

    def row(name: str, cell: str, peer: str | None, bar: Bar | None = None, ours: str = "ours") -> None:
        if cell in cells.samples:
            rows.append(make_row(name, cells.units[cell], cells.samples[cell], peer, bar, ours))

    for size, limit in NOTIFY_BARS.items():
        row(f"notify, {size} handlers", f"notify/{size}", PEER, ratio_at_most(limit))
    for size in NOTIFY_BARS:
        row(f"notify, {size} handlers, shared library", f"notify/{size}", PEER, None, SHARED)
    for size in NOTIFY_BARS:
        row(f"notify, {size} handlers, and the loop alone", f"notify/{size}", BARE, BARE_BARS.get(size))
    for size in NOTIFY_BARS:
        row(f"notify, {size} handlers, shared, and the loop alone", f"notify/{size}", FAR_BARE, None, SHARED)
    scaling = "threads/private work, scaling 1 to 2"
    row("2 threads, private work: scaling", scaling, BARE, ratio_at_least(0.90))
    row("2 threads, private work: scaling", scaling, PEER)
    scaling = "threads/private work, writer at 1000/s, scaling 1 to 2"
    row("2 threads and a writer at 1000/s: scaling", scaling, BARE, ratio_at_least(0.85))
    row("2 threads and a writer at 1000/s: scaling", scaling, PEER)
    row("2 threads, private work, per notify", "threads/private work, 2 threads", PEER)
    row("2 threads and a writer, per notify", "threads/private work, writer at 1000/s, 2 threads", PEER)
    row("2 threads, one counter for all, per notify", "threads/contended counter, 2 threads", PEER)
    row("register into 1000", "register/into 1000", PEER, ratio_at_most(0.5))
    row("unregister from 1000", "unregister/from 1000", PEER, ratio_at_most(0.5))
    row("unregister, a miss in 1000", "unregister/miss in 1000", PEER, ratio_at_most(0.05))
    row("a failing handler, counted, with a message", "failure/1", "good", more_at_most(50, "ns"))
    row(
        "a failing handler, counted, no message",
        "failure/1",
        "good",
        more_at_most(50, "ns"),
        "ours, without a message",
    )
    row("a failing handler, counted, with a message", "failure/1", PEER)
    row(
        "memory, empty registry with its slot",
        "memory/empty registry, its slot of the slab included",
        None,
        at_most(256),
    )
    row("memory, per handler of 1000", "memory/per handler of 1000", None, at_most(64))
    for what in ("allocations", "frees"):
        row(f"memory, {what} of 100000 notifies", f"memory/{what} of 100000 notifies", None, at_most(0))
    for percentile in ("p50", "p99", "p99.9"):
        row(f"latency, writer at 10000/s, {percentile}", f"latency/4 under churn, {percentile}", PEER)
    for cell in sorted(name for name in cells.samples if name.startswith("general/")):
        row(f"general loop, 4 handlers: {cell.removeprefix('general/')}", cell, "ours, plain")
    return [found for found in rows if found is not None]
