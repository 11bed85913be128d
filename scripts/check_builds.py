"""make, setup.py and binding.gyp compile the same core: the same files, with the flags of csrc/flags.txt.

What each compiles is read from what it would run, not from what it should: make and node-gyp's makefile are
asked with -n, setup.py gets a compiler that only takes notes.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "csrc"
SOURCES = set((CSRC / "sources.txt").read_text(encoding="utf-8").split())
FLAGS = (CSRC / "flags.txt").read_text(encoding="utf-8").split()
# Of several flags of one kind the compiler takes the last.
KINDS = ("-O", "-std=", "-fvisibility=", "-falign-loops=", "-falign-functions=")
MAKE_OUTPUT = 'while [ $# -gt 1 ]; do [ "$1" = -o ] && : >"$2"; shift; done\n'
failures = 0


def report(name: str, problem: str | None) -> None:
    global failures
    failures += problem is not None
    print(f"ok {name}" if problem is None else f"not ok {name}: {problem}")


def dry_run(*arguments: str) -> Iterable[list[str]]:
    done = subprocess.run(
        ["make", "-nB", "--no-print-directory", "V=1", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    return [line.split() for line in done.stdout.splitlines()]


def recorded() -> Iterable[list[str]]:
    """What setup.py has a compiler do that only writes down its arguments and makes empty files."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "commands"
        compiler = Path(folder) / "cc"
        compiler.write_text(f"#!/bin/sh\n(printf '%s\\t' \"$@\"; echo) >>{record}\n" + MAKE_OUTPUT)
        compiler.chmod(0o755)
        command = [
            sys.executable,
            "setup.py",
            "-q",
            "build_ext",
            "--force",
            "--build-temp",
            folder,
            "--build-lib",
            folder,
        ]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "CC": str(compiler)}, capture_output=True)
        return [line.split("\t") for line in record.read_text(encoding="utf-8").splitlines()] if record.exists() else []


def core_file(command: list[str]) -> str | None:
    """The file below csrc that a command compiles, if it compiles one."""
    if "-c" not in command:
        return None
    for word in command:
        if word.endswith(".c") and (found := re.search(r"(?:^|/)csrc/(.+)$", word)):
            return found[1]
    return None


def compare(build: str, commands: Iterable[list[str]]) -> None:
    compiled = {name: command for command in commands if (name := core_file(command))}
    missing, extra = sorted(SOURCES - set(compiled)), sorted(set(compiled) - SOURCES)
    report(
        f"{build} compiles the files of csrc/sources.txt",
        f"not compiled: {missing}; not listed: {extra}" if missing or extra else None,
    )
    problems = []
    for name, command in sorted(compiled.items()):
        words = [word.strip("'\"") for word in command]
        absent = [flag for flag in FLAGS if flag not in words]
        for kind in KINDS:
            wish = [flag for flag in FLAGS if flag.startswith(kind)]
            last = [word for word in words if word.startswith(kind)]
            if wish and last[-1:] != wish[-1:]:
                absent.append(f"{wish[-1]} (overridden by {last[-1:]})")
        if not any(word.startswith("-DTALLY_STATIC") for word in words):
            absent.append("-DTALLY_STATIC")
        if absent:
            problems.append(f"{name} without {' '.join(absent)}")
    report(f"{build} compiles them with csrc/flags.txt", "; ".join(problems[:5]) or None)


listed = (CSRC / "sources.txt").read_text(encoding="utf-8").split()
files = {str(path.relative_to(CSRC)) for path in CSRC.rglob("*.c")}
report("csrc/sources.txt lists each file once", None if len(listed) == len(SOURCES) else "a name is there twice")
report(
    "csrc/sources.txt lists every C file below csrc",
    None if files == SOURCES else f"not listed: {sorted(files - SOURCES)}; not there: {sorted(SOURCES - files)}",
)
compare("make", dry_run("out/libtallystick.a"))
compare("setup.py", recorded())
compare("binding.gyp", dry_run("-C", "build", "BUILDTYPE=Release"))
sys.exit(failures != 0)
