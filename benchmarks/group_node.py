"""JavaScript handlers against node:events, eventemitter3, nanoevents, tseep and mitt; events from a native thread."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from bindings_store import store_rows
from programs import OUT, ROOT, Cells, Unavailable, run
from rows import Row, at_least, make_row, ratio_at_most

PEERS = {"eventemitter3": "5.0.4", "nanoevents": "9.1.0", "tseep": "1.3.1", "mitt": "3.0.1"}
# The last one for Node 20. Built here, since packages may run nothing at their installation.
SQLITE = {"better-sqlite3": "12.4.1"}
BARS = {"node:events": 0.95, "eventemitter3": 1.0, "nanoevents": 1.25, "tseep": 1.35}
CONTESTANTS = ("bare loop", "ours", "ours, by name", "node:events", *PEERS)
SIZES = (1, 4, 8)
ROUNDS = 11
NATIVE_MIN = 10.0  # million events per second


def install_peers() -> None:
    folder = OUT / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    manifest = json.dumps({"private": True, "dependencies": PEERS | SQLITE})
    if (folder / "package.json").exists() and (folder / "package.json").read_text() == manifest:
        return
    (folder / "package.json").write_text(manifest)
    try:
        run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"], cwd=folder)
    except Unavailable:
        (folder / "package.json").unlink()
        raise


def node_prefix() -> Path:
    return Path(run(["node", "-p", "process.execPath"]).strip()).parent.parent


def build_sqlite() -> None:
    """Without it our rows of the store are measured alone."""
    folder = OUT / "npm" / "node_modules" / "better-sqlite3"
    if (folder / "build" / "Release" / "better_sqlite3.node").exists():
        return
    gyp = ROOT / "node_modules" / ".bin" / "node-gyp"
    try:
        run([gyp, "rebuild", "--release", f"--nodedir={node_prefix()}"], cwd=folder)
    except Unavailable as problem:
        print(f"better-sqlite3 does not build: {problem}")


def build_native() -> Path:
    prefix = node_prefix()
    addon = OUT / "native.node"
    flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", f"-I{prefix}/include/node", "-Icsrc/include"]
    run(["gcc", *flags, ROOT / "benchmarks" / "node" / "native.c", "-o", addon, "-pthread"])
    return addon


def measure(root: Path) -> list[Row]:
    if subprocess.run(["make", "-s", "node"], cwd=root, stdout=subprocess.DEVNULL).returncode != 0:
        raise Unavailable("the Node addon does not build")
    install_peers()
    build_sqlite()
    titles = ", ".join(f"{name} {version}" for name, version in PEERS.items())
    print(f"Node {run(['node', '--version']).strip()}; {titles}")
    print("16 registries of distinct handlers; each figure from a process of its own; isolation on in ours only")
    cells = Cells()
    for turn in range(ROUNDS):
        for size in SIZES:
            for shift in range(len(CONTESTANTS)):
                name = CONTESTANTS[(turn + shift) % len(CONTESTANTS)]
                ns = float(run(["node", "benchmarks/node/cell.mjs", name, str(size)]))
                cells.add(f"notify/{size}", "ns", name, [ns])
    rows: list[Row | None] = []
    for size in SIZES:
        samples = cells.samples[f"notify/{size}"]
        for peer in CONTESTANTS[3:]:
            title = f"{peer} {PEERS[peer]}" if peer in PEERS else peer
            named = {**samples, title: samples[peer]}
            bar = ratio_at_most(BARS[peer]) if peer in BARS else None
            rows.append(make_row(f"notify, {size} handlers", "ns", named, title, bar))
        rows.append(make_row(f"notify, {size} handlers", "ns", samples, "bare loop"))
        rows.append(make_row(f"emit by name, {size} handlers", "ns", samples, "node:events", None, "ours, by name"))
    store = store_rows(root, ["node", "benchmarks/node/store.mjs"], "better-sqlite3", 200)
    try:
        cells.read(run(["node", "benchmarks/node/native.mjs", build_native()]))
    except Unavailable as problem:
        print(f"native thread to a batch handler: not measured, {problem}")
        return [row for row in rows if row is not None] + store
    rows.append(
        make_row("native thread to a batch handler", "M/s", cells.samples["native"], None, at_least(NATIVE_MIN))
    )
    return [row for row in rows if row is not None] + store
