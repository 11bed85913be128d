"""Runs the concurrency tests over and over, under ThreadSanitizer and AddressSanitizer in turn, until the time is up.

A race that a test meets once in a hundred runs is met here. The seed of each round is in TALLYSTICK_SEED.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from run_tests import ROOT, SANITIZER_ENV, Result, judge, program_names

VARIANTS = ("tsan", "asan")
TIMEOUT_S = 300


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    deadline = time.monotonic() + parser.parse_args().seconds
    if subprocess.run(["make", "-s", "-j2", *(f"tests-{name}" for name in VARIANTS)], cwd=ROOT).returncode != 0:
        return 1
    # The stress programs first: they are what threads are about.
    names = sorted(program_names(), key=lambda name: not name.startswith("stress_"))
    programs = [ROOT / "out" / variant / "tests" / name for name in names for variant in VARIANTS]
    rounds = runs = failures = 0
    while programs and (rounds == 0 or time.monotonic() < deadline):
        rounds += 1
        for program in programs:
            if rounds > 1 and time.monotonic() >= deadline:
                break
            failures += not survives(program, rounds)
            runs += 1
    print(f"{runs} runs of {len(programs)} programs in {rounds} rounds, {failures} failed")
    return 1 if failures else 0


def survives(program: Path, seed: int) -> bool:
    environment = {**os.environ, **SANITIZER_ENV, "TALLYSTICK_SEED": str(seed)}
    try:
        done = subprocess.run([program], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S)
        result: Result = judge(program.name, done.returncode, done.stdout + done.stderr)
    except subprocess.TimeoutExpired:
        result = judge(program.name, -1, f"timed out after {TIMEOUT_S} s")
    for problem in result.problems:
        print(f"FAILED {program.parent.parent.name}, seed {seed}: {problem}", flush=True)
    return result.failed == 0


if __name__ == "__main__":
    sys.exit(main())
