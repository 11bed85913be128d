"""Half of the time the store is killed, half of it the concurrency tests are repeated.

The store: a writer with several threads is killed with SIGKILL at a random moment, again and again, while readers in
other processes follow it and second writers are refused. After each kill it is opened again and compared with what the
writer had acknowledged as written or durable, and with what the readers saw: nothing of it may be lost. What a power
cut does is the business of tests/c/test_crash_images.c.

The tests run under ThreadSanitizer and AddressSanitizer in turn. A race that a test meets once in a hundred runs is met
here. The seed of each round is in TALLYSTICK_SEED.
"""

from __future__ import annotations

import argparse
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from run_tests import ROOT, SANITIZER_ENV, Result, judge, program_names

VARIANTS = ("tsan", "asan")
TIMEOUT_S = 300
STORE = ROOT / "out" / "torture" / "store"
# As tests/torture/store.c says it: position, hash, level, round, content.
PROMISE = struct.Struct("<QQIIQ")
KILLS_PER_STORE = 25
READERS = 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--only", choices=("store", "tests"))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    status = 0
    share = options.seconds if options.only else options.seconds / 2
    if options.only != "tests":
        status |= torture_store(time.monotonic() + share, options.seed)
    if options.only != "store":
        status |= torture_tests(time.monotonic() + share)
    return status


def torture_store(deadline: float, seed: int) -> int:
    if subprocess.run(["make", "-s", str(STORE.relative_to(ROOT))], cwd=ROOT).returncode != 0:
        return 1
    chance = random.Random(seed)
    total = {"stores": 0, "kills": 0, "promised": 0, "compared": 0, "seen": 0, "refused": 0, "cuts": 0}
    problems: list[str] = []
    while not problems and (total["stores"] == 0 or time.monotonic() < deadline):
        total["stores"] += 1
        with tempfile.TemporaryDirectory(prefix="tallystick-torture-", dir=STORE.parent) as home:
            problems = torture_one(Path(home), chance, deadline, total)
            if problems:
                kept = STORE.parent / "failed"
                subprocess.run(["cp", "-a", home, str(kept)], check=False)
                problems.append(f"the store is kept in {kept}")
    for problem in problems:
        print(f"FAILED store, seed {seed}: {problem}", flush=True)
    print(
        "store: {stores} stores, {kills} kills, {promised} acknowledged events and {seen} sightings "
        "({compared} comparisons), {refused} second writers refused, {cuts} torn tails cut, {lost} lost".format(
            lost="some" if problems else "0", **total
        )
    )
    return 1 if problems else 0


def torture_one(home: Path, chance: random.Random, deadline: float, total: dict[str, int]) -> list[str]:
    """One store that is killed many times. Its readers stay through several writers."""
    directory, promises, sightings = home / "store", home / "promises", home / "sightings"
    promises.touch()
    sightings.touch()
    problems: list[str] = []
    readers: list[subprocess.Popen[bytes]] = []
    for kill in range(KILLS_PER_STORE):
        if kill and time.monotonic() >= deadline:
            break
        if kill % 5 == 0:
            problems += end_readers(readers)
            readers = start_readers(directory, sightings)
        problems += kill_once(directory, promises, chance, total)
        # Without the check the next writer is the one to recover.
        if not problems and chance.random() < 0.6:
            problems += check_store(directory, promises, sightings, total)
        if problems:
            break
    problems += end_readers(readers)
    total["promised"] += promises.stat().st_size // PROMISE.size
    total["seen"] += sightings.stat().st_size // PROMISE.size
    return problems or check_store(directory, promises, sightings, total)


def start_readers(directory: Path, sightings: Path) -> list[subprocess.Popen[bytes]]:
    # All append to one file: a record is one write.
    with sightings.open("ab") as out:
        return [
            subprocess.Popen([STORE, "read", directory], stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE)
            for _ in range(READERS)
        ]


def end_readers(readers: list[subprocess.Popen[bytes]]) -> list[str]:
    problems = []
    for reader in readers:
        _, said = reader.communicate(timeout=TIMEOUT_S)
        if reader.returncode != 0:
            problems.append(f"a reader ended with {reader.returncode}: {said.decode(errors='replace').strip()}")
    return problems


def kill_once(directory: Path, promises: Path, chance: random.Random, total: dict[str, int]) -> list[str]:
    threads = chance.choice((1, 2, 4, 8))
    command: list[str | Path] = [STORE, "write", directory, str(chance.getrandbits(32)), str(threads)]
    with promises.open("ab") as out:
        before = out.tell()
        writer = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE)
        # Sometimes it dies while it opens.
        time.sleep(chance.choice((chance.uniform(0, 0.02), chance.uniform(0.02, 0.6))))
        if chance.random() < 0.3 and promises.stat().st_size > before and writer.poll() is None:
            second = subprocess.run([STORE, "second", directory], capture_output=True, text=True, timeout=TIMEOUT_S)
            total["refused"] += 1
            if second.returncode != 0:
                writer.kill()
                return [second.stderr.strip() or f"the second writer ended with {second.returncode}"]
        died = writer.poll()
        writer.kill()
        _, said = writer.communicate(timeout=TIMEOUT_S)
    total["kills"] += 1
    return [] if died is None else [f"the writer ended with {died}: {said.decode(errors='replace').strip()}"]


def check_store(directory: Path, promises: Path, sightings: Path, total: dict[str, int]) -> list[str]:
    for kind, path in (("promised", promises), ("", sightings)):
        done = subprocess.run([STORE, "check", directory, path], capture_output=True, text=True, timeout=TIMEOUT_S)
        if done.returncode != 0:
            return [f"after a kill: {done.stderr.strip()} ({done.stdout.strip()})"]
        if kind:
            _, checked, _, cut, _ = map(int, done.stdout.split())
            total["compared"] += checked
            total["cuts"] += cut
    return []


def torture_tests(deadline: float) -> int:
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
