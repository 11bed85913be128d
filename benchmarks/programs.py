"""Runs the programs that measure, and reads what they print."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from rows import Samples

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "out" / "bench"
TIMEOUT_S = 1800
# The edition that the peers' crates are written in.
RUST_MIN = (1, 85)


class Unavailable(Exception):
    """A group cannot be measured on this machine; says why."""


def run(command: Sequence[str | Path], cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"`{' '.join(words[:3])}` did not end in {TIMEOUT_S} s") from error
    except OSError as error:
        raise Unavailable(f"`{words[0]}` does not start: {error.strerror}") from error
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise Unavailable(f"`{' '.join(words[:3])}` exited with {done.returncode}: {' / '.join(last)}")
    return done.stdout


def build_crate(name: str, peer: str) -> bool:
    """Builds benchmarks/peers/NAME; False, and says why, where there is no Rust compiler for it."""
    if shutil.which("cargo") is None:
        print(f"cargo is not installed: no rows against {peer}. Install Rust {RUST_MIN[0]}.{RUST_MIN[1]} or later.")
        return False
    found = re.search(r"(\d+)\.(\d+)", run(["rustc", "--version"]))
    if found is None or (int(found[1]), int(found[2])) < RUST_MIN:
        print(f"rustc is older than {RUST_MIN[0]}.{RUST_MIN[1]}: no rows against {peer}")
        return False
    crate = ROOT / "benchmarks" / "peers" / name
    run(["cargo", "build", "--quiet", "--release"], cwd=crate, env={"CARGO_TARGET_DIR": str(OUT / name)})
    return True


class Cells:
    """All samples of a group: cell -> contestant -> figures."""

    def __init__(self) -> None:
        self.samples: dict[str, Samples] = {}
        self.units: dict[str, str] = {}

    def add(self, cell: str, unit: str, contestant: str, values: list[float]) -> None:
        self.units[cell] = unit
        self.samples.setdefault(cell, {}).setdefault(contestant, []).extend(values)

    def read(self, output: str) -> None:
        """Lines of {"name", "unit", "samples": {contestant: [figure, …]}}."""
        for line in output.splitlines():
            record = json.loads(line)
            for contestant, values in record["samples"].items():
                self.add(record["name"], record["unit"], contestant, values)
