"""Fuzzes each entry point of tests/fuzz for its share of the time.

What libFuzzer finds new goes into tests/fuzz/corpus, where `make test` replays it; what crashes goes to
out/fuzz/crashes and fails the run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FUZZ = ROOT / "out" / "fuzz"
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
CRASHES = FUZZ / "crashes"
# A corpus is kept in the repository, so it stays small: few files, none long.
FILES_MAX = 200
BYTES_MAX = 4096


def fuzz(name: str, seconds: int) -> bool:
    kept = CORPUS / name
    work = FUZZ / "work" / name
    for folder in (kept, work, CRASHES):
        folder.mkdir(parents=True, exist_ok=True)
    program = FUZZ / f"fuzz_{name}"
    options = [
        f"-max_total_time={seconds}",
        "-print_final_stats=1",
        "-timeout=10",
        f"-artifact_prefix={CRASHES}/{name}-",
    ]
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
    done = subprocess.run([program, *options, work, kept], cwd=ROOT, env=environment, capture_output=True, text=True)
    runs = next((line.split()[-1] for line in done.stderr.splitlines() if "number_of_executed_units" in line), "?")
    if done.returncode != 0:
        print(f"{name:12} FAILED after {runs} runs\n" + "\n".join(done.stderr.splitlines()[-40:]))
        return False
    # The smallest set of inputs that reaches what all of them reach.
    minimal = FUZZ / "minimal" / name
    shutil.rmtree(minimal, ignore_errors=True)
    minimal.mkdir(parents=True)
    subprocess.run([program, "-merge=1", minimal, kept, work], cwd=ROOT, capture_output=True, env=environment)
    found = sorted(
        (path for path in minimal.iterdir() if path.stat().st_size <= BYTES_MAX), key=lambda p: p.stat().st_size
    )
    before = {path.name for path in kept.iterdir()}
    for path in found[:FILES_MAX]:
        if len(before) < FILES_MAX and path.name not in before:
            shutil.copy2(path, kept)
            before.add(path.name)
    print(f"{name:12} ok, {runs} runs, {len(before)} files in tests/fuzz/corpus/{name}")
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for all entry points together")
    seconds = parser.parse_args().seconds
    if seconds < 1:
        parser.error("--seconds must be at least 1")
    names = sorted(path.stem.removeprefix("fuzz_") for path in (ROOT / "tests" / "fuzz").glob("fuzz_*.c"))
    if not names:
        print("there is no tests/fuzz/fuzz_*.c")
        return 0
    if subprocess.run(["make", "-s", "-j2", "fuzzers"], cwd=ROOT).returncode != 0:
        return 1
    results = [fuzz(name, max(1, seconds // len(names))) for name in names]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
