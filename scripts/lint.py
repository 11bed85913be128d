"""Runs the linters and says which of them are content. `--fix` rewrites what can be rewritten.

Files whose text, headers and configuration have not changed since clang-tidy passed them are not read again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / "out" / "venv" / "bin"
SEEN = ROOT / "out" / "lint"
JOBS = 2
C_FOLDERS = (
    "csrc",
    "python/ext",
    "node/ext",
    "tests/c",
    "tests/fuzz",
    "tests/torture",
    "benchmarks/c",
    "benchmarks/store",
    "benchmarks/node",
    "examples",
)
PYTHON_FOLDERS = ("setup.py", "python", "tests", "scripts", "benchmarks", "examples")


def files(*suffixes: str) -> list[str]:
    return sorted(
        str(path.relative_to(ROOT))
        for folder in C_FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.suffix in suffixes and path.is_file()
    )


def existing(paths: tuple[str, ...]) -> list[str]:
    return [path for path in paths if (ROOT / path).exists()]


def run(command: list[str]) -> tuple[int, str]:
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout.decode(errors="replace")


def compile_flags(path: str) -> list[str]:
    """What a file is compiled with; the headers of hosts are the system's."""
    flags = ["-std=c11", "-Wall", "-Wextra", "-DTALLY_STATIC=1", "-Icsrc", "-Icsrc/include"]
    flags.append(f"-I{Path(path).parent}")
    if path.startswith("tests/c"):
        flags.append("-Itests/c")
    if path.startswith("benchmarks/"):
        flags.append("-Ibenchmarks/peers")
    if path.startswith("python/"):
        flags += ["-isystem", sysconfig.get_path("include")]
    if path.startswith(("node/", "benchmarks/node/")):
        prefix = Path(run(["node", "-p", "process.execPath"])[1].strip()).parent.parent
        flags += ["-isystem", str(prefix / "include" / "node"), "-DNAPI_VERSION=9"]
    return flags


def clang_format(fix: bool) -> tuple[int, str]:
    names = files(".c", ".h")
    return run(["clang-format", *(["-i"] if fix else ["--dry-run", "-Werror"]), *names]) if names else (0, "")


def clang_tidy(fix: bool) -> tuple[int, str]:
    SEEN.mkdir(parents=True, exist_ok=True)
    shared = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    for header in files(".h"):
        shared.update((ROOT / header).read_bytes())

    def check(name: str) -> tuple[int, str]:
        digest = hashlib.sha256(shared.digest() + name.encode() + (ROOT / name).read_bytes()).hexdigest()
        stamp = SEEN / digest
        if stamp.exists():
            return 0, ""
        code, output = run(["clang-tidy", "--quiet", name, "--", *compile_flags(name)])
        if code == 0:
            stamp.touch()
        return code, "\n".join(line for line in output.splitlines() if "warnings generated" not in line)

    with ThreadPoolExecutor(JOBS) as pool:
        results = list(pool.map(check, files(".c")))
    return max((code for code, _ in results), default=0), "\n".join(text for code, text in results if code != 0)


def cppcheck(fix: bool) -> tuple[int, str]:
    build = ROOT / "out" / "cppcheck"
    build.mkdir(parents=True, exist_ok=True)
    command = ["cppcheck", "--quiet", "--std=c11", f"-j{JOBS}", f"--cppcheck-build-dir={build}", "--inline-suppr"]
    command += ["--enable=warning,performance,portability", "--suppress=missingIncludeSystem", "--error-exitcode=1"]
    command += ["--suppressions-list=scripts/cppcheck.txt", "-Icsrc", "-Icsrc/include", "-DTALLY_STATIC"]
    return run([*command, *existing(("csrc", "python/ext", "node/ext"))])


def ruff_check(fix: bool) -> tuple[int, str]:
    return run([str(VENV / "ruff"), "check", "--quiet", *(["--fix"] if fix else []), *existing(PYTHON_FOLDERS)])


def ruff_format(fix: bool) -> tuple[int, str]:
    return run([str(VENV / "ruff"), "format", "--quiet", *([] if fix else ["--diff"]), *existing(PYTHON_FOLDERS)])


def mypy(fix: bool) -> tuple[int, str]:
    folders = [name for name in ("python/tallystick", "scripts", "benchmarks") if any((ROOT / name).rglob("*.py"))]
    return run([str(VENV / "mypy"), *folders])


def stubtest(fix: bool) -> tuple[int, str]:
    """The stubs against what is really there."""
    os.environ["MYPYPATH"] = str(ROOT / "python")
    built, output = run(["make", "-s", "python"])
    if built != 0:
        return built, output
    command = [str(VENV / "python"), "-m", "mypy.stubtest", "tallystick", "--concise", "--ignore-unused-allowlist"]
    return run([*command, "--allowlist", "scripts/stubtest.txt"])


def pyright(fix: bool) -> tuple[int, str]:
    return run(["node_modules/.bin/pyright", "--pythonpath", str(VENV / "python"), "python/tallystick"])


def tsd(fix: bool) -> tuple[int, str]:
    """What the types promise, and what they refuse."""
    tests = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "node").rglob("*.test-d.ts"))
    if not tests:
        return 0, ""
    files = [word for test in tests for word in ("--files", test)]
    return run(["node_modules/.bin/tsd", "--typings", "node/lib/index.d.ts", *files])


def eslint(fix: bool) -> tuple[int, str]:
    return run(["node_modules/.bin/eslint", "--max-warnings=0", *(["--fix"] if fix else []), "."])


def tsc(fix: bool) -> tuple[int, str]:
    return run(["node_modules/.bin/tsc", "--project", "tsconfig.json"])


LINTERS = [clang_format, clang_tidy, cppcheck, ruff_check, ruff_format, mypy, stubtest, pyright, eslint, tsc, tsd]


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the linters.")
    parser.add_argument("--fix", action="store_true", help="rewrite what can be rewritten")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="only these linters")
    arguments = parser.parse_args()
    os.environ["PATH"] = f"{VENV}:{os.environ['PATH']}"
    bad = []
    for linter in LINTERS:
        name = linter.__name__
        if arguments.only and name not in arguments.only:
            continue
        start = time.monotonic()
        code, output = linter(arguments.fix)
        print(f"{name:12} {'ok' if code == 0 else 'FAILED':6} {time.monotonic() - start:6.1f} s", flush=True)
        if code != 0:
            bad.append(name)
            print("\n".join(output.splitlines()[:60]))
    print(f"lint: {', '.join(bad)} failed" if bad else "lint: all clean")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
