"""Runs the test suites and totals them in a last line: `N passed, N failed` (and `, N skipped`).

Usage: run_tests.py [SUITE ...]      without names, what `make test` runs
A program that is no pytest or node test reports in lines: `ok NAME`, `not ok NAME: WHY`, `ok NAME # SKIP WHY`; one that
prints none of them is one test, judged by its exit code. The whole output of each suite is in out/test/SUITE.log.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "out"
LOGS = OUT / "test"
TIMEOUT_S = 600
JOBS = "-j2"
# Leaks and reports of the sanitizers end a program with a code of their own.
SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=0:exitcode=66:second_deadlock_stack=1",
}
VALGRIND = ("valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full", "--fair-sched=yes")


@dataclass
class Result:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    problems: list[str] = field(default_factory=list)  # what is shown of failures
    remarks: list[str] = field(default_factory=list)  # what is shown in any case

    def add(self, other: Result) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.problems += other.problems
        self.remarks += other.remarks

    def fail(self, problem: str) -> None:
        self.failed += 1
        self.problems.append(problem)


class Suite:
    """Runs programs and keeps their output in one log."""

    def __init__(self, name: str) -> None:
        LOGS.mkdir(parents=True, exist_ok=True)
        self.log = (LOGS / f"{name}.log").open("w", encoding="utf-8")
        self.name = name

    def run(self, command: Iterable[str | Path], env: dict[str, str] | None = None) -> tuple[int, str]:
        words = [str(word) for word in command]
        self.log.write(f"$ {' '.join(words)}\n")
        self.log.flush()
        try:
            done = subprocess.run(
                words,
                cwd=ROOT,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT_S,
            )
            code, output = done.returncode, done.stdout.decode(errors="replace")
        except subprocess.TimeoutExpired as expired:
            code, output = -1, (expired.stdout or b"").decode(errors="replace") + f"\ntimed out after {TIMEOUT_S} s\n"
        except OSError as error:
            code, output = -1, f"{error}\n"
        self.log.write(output)
        self.log.flush()
        return code, output

    def make(self, *targets: str) -> Result:
        """Builds as much as can be built; whatever cannot be is one failure with the compiler's words."""
        result = Result()
        code, output = self.run(["make", "-k", "--no-print-directory", JOBS, *targets])
        if code != 0:
            lines = [line for line in output.splitlines() if re.search(r"error|Error|undefined", line)]
            result.fail(f"make {' '.join(targets)}\n" + "\n".join(lines[:20]))
        return result


def judge(name: str, code: int, output: str) -> Result:
    """Reads the lines that a program printed about its tests."""
    result = Result()
    for line in output.splitlines():
        if re.match(r"ok\b.*# *skip", line, re.IGNORECASE):
            result.skipped += 1
        elif re.match(r"ok\b", line):
            result.passed += 1
        elif re.match(r"not ok\b", line):
            result.fail(f"{name}: {line[7:]}")
    if code != 0 and result.failed == 0:
        result.fail(f"{name}: exit code {code}\n{tail(output)}")
    elif code == 0 and result.passed + result.failed + result.skipped == 0:
        result.passed = 1
    return result


def tail(output: str, lines: int = 25) -> str:
    return "\n".join("    " + line for line in output.rstrip().splitlines()[-lines:])


def head(output: str, lines: int = 25) -> str:
    return "\n".join("    " + line for line in output.strip().splitlines()[:lines])


# ----------------------------------------------------------------------------------------------------- kinds of suites


def program_names() -> list[str]:
    return sorted(path.stem for kind in ("test", "stress") for path in (ROOT / "tests" / "c").glob(f"{kind}_*.c"))


def c_programs(
    variant: str, env: dict[str, str] | None = None, under: tuple[str, ...] = ()
) -> Callable[[Suite], Result]:
    def run(suite: Suite) -> Result:
        result = suite.make(f"tests-{variant}")
        for name in program_names():
            program = OUT / variant / "tests" / name
            if program.exists():
                result.add(judge(name, *suite.run([*under, program], env)))
        return result

    return run


def pytest(folder: str, env: dict[str, str] | None = None) -> Callable[[Suite], Result]:
    def run(suite: Suite) -> Result:
        result = Result()
        if not any((ROOT / folder).rglob("test_*.py")):
            result.remarks.append(f"no tests in {folder} yet")
            return result
        report = LOGS / f"{suite.name}.xml"
        report.unlink(missing_ok=True)
        code, output = suite.run([sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", folder], env)
        if not report.exists():
            result.fail(f"pytest {folder}: exit code {code}\n{tail(output)}")
            return result
        for case in ET.parse(report).getroot().iter("testcase"):
            bad = [*case.findall("failure"), *case.findall("error")]
            if bad:
                message = (bad[0].get("message") or "").splitlines()
                result.fail(f"{case.get('classname')}.{case.get('name')}: {message[0] if message else ''}")
            elif case.find("skipped") is not None:
                result.skipped += 1
            else:
                result.passed += 1
        if code not in (0, 1, 5):
            result.fail(f"pytest {folder}: exit code {code}\n{tail(output)}")
        return result

    return run


def node(suite: Suite) -> Result:
    result = Result()
    files = sorted(
        path for path in (ROOT / "tests" / "node").rglob("*.test.*") if path.suffix in (".js", ".mjs", ".cjs")
    )
    if not files:
        result.remarks.append("no tests in tests/node yet")
        return result
    code, output = suite.run(["node", "--test", "--test-reporter=tap", *(file.relative_to(ROOT) for file in files)])
    count = {
        key: int(number) for key, number in re.findall(r"^# (pass|fail|cancelled|skipped|todo) (\d+)", output, re.M)
    }
    result.passed = count.get("pass", 0)
    result.skipped = count.get("skipped", 0) + count.get("todo", 0)
    result.failed = count.get("fail", 0) + count.get("cancelled", 0)
    result.problems = [line.strip() for line in re.findall(r"^ *not ok \d+ - .*", output, re.M) if "# TODO" not in line]
    if code != 0 and result.failed == 0:
        result.fail(f"node --test: exit code {code}\n{tail(output)}")
    return result


def script(name: str) -> Callable[[Suite], Result]:
    return lambda suite: judge(name, *suite.run([sys.executable, f"scripts/{name}.py"]))


def targets(*names: str) -> Callable[[Suite], Result]:
    """A build is a test: it passes or says why not."""

    def run(suite: Suite) -> Result:
        result = Result()
        for name in names:
            built = suite.make(name)
            built.passed = int(built.failed == 0)
            result.add(built)
        return result

    return run


def replay(suite: Suite) -> Result:
    """Every file that fuzzing has kept, through the program it was kept for."""
    result = suite.make("replay")
    for source in sorted((ROOT / "tests" / "fuzz").glob("fuzz_*.c")):
        program = OUT / "replay" / source.stem
        if program.exists():
            corpus = ROOT / "tests" / "fuzz" / "corpus" / source.stem.removeprefix("fuzz_")
            result.add(judge(source.stem, *suite.run([program, *sorted(corpus.glob("*"))], SANITIZER_ENV)))
    return result


def coverage(suite: Suite) -> Result:
    """The C tests and the cffi tests again, in a build that counts branches."""
    for counts in (OUT / "coverage").rglob("*.gcda"):
        counts.unlink()
    again = c_programs("coverage")(suite)
    again.add(suite.make("out/coverage/libtallystick.so"))
    again.add(pytest("tests/capi", {"TALLYSTICK_LIBRARY": str(OUT / "coverage" / "libtallystick.so")})(suite))
    # They were counted in their own suites; here they are one test.
    result = Result(int(again.failed == 0), int(again.failed > 0), 0, again.problems)
    report = OUT / "coverage" / "summary.json"
    command: list[str | Path] = ["gcovr", "--root", ".", "--object-directory", "out/coverage", "--filter", "csrc/"]
    command += ["--exclude-unreachable-branches", "--exclude-throw-branches", "--json-summary", report]
    suite.run([*command, "--txt", OUT / "coverage" / "report.txt", "out/coverage"])
    try:
        summary = json.loads(report.read_text())
    except (OSError, ValueError):
        result.fail("gcovr wrote no summary; see out/test/coverage.log")
        return result
    result.remarks.append(
        f"csrc: {summary['branch_percent']} % of {summary['branch_total']} branches, {summary['line_percent']} % of"
        f" {summary['line_total']} lines, {summary['function_percent']} % of functions (out/coverage/report.txt)"
    )
    weakest = sorted(summary["files"], key=lambda row: row["branch_total"] - row["branch_covered"], reverse=True)[:5]
    result.remarks += [
        f"  {row['filename']}: {row['branch_percent']} %, {row['branch_total'] - row['branch_covered']} not taken"
        for row in weakest
        if row["branch_covered"] < row["branch_total"]
    ]
    return result


def hosted(target: str, folder: str, **env: Path) -> Callable[[Suite], Result]:
    """Tests in an interpreter that knows nothing of sanitizers: their library is preloaded. Leaks are not looked for,
    since the interpreter itself has many at its end."""

    def run(suite: Suite) -> Result:
        result = suite.make(target)
        found = subprocess.run(["clang", "-print-file-name=libclang_rt.asan-x86_64.so"], capture_output=True, text=True)
        # What the tests start (compilers, make) is preloaded too, and not as strict as we are.
        options = "detect_leaks=0:detect_stack_use_after_return=1"
        # pytest holds on to what is written to standard error, and dies with it.
        report = LOGS / f"{suite.name}.report"
        for old in LOGS.glob(f"{report.name}.*"):
            old.unlink()
        environment = {
            **SANITIZER_ENV,
            "ASAN_OPTIONS": f"{options}:log_path={report}",
            "LD_PRELOAD": found.stdout.strip(),
            "PYTHONMALLOC": "malloc",
            "TALLYSTICK_UNDER_SANITIZER": "1",
        }
        result.add(pytest(folder, {**environment, **{key: str(value) for key, value in env.items()}})(suite))
        for written in sorted(LOGS.glob(f"{report.name}.*")):
            result.fail(f"{written.relative_to(ROOT)}\n{head(written.read_text(errors='replace'))}")
        return result

    return run


SUITES: dict[str, Callable[[Suite], Result]] = {
    "build": targets("lib", "python", "node"),
    "c": c_programs("release"),
    "capi": pytest("tests/capi", {"TALLYSTICK_LIBRARY": str(OUT / "libtallystick.so")}),
    "python": pytest("tests/python"),
    "node": node,
    "headers": script("check_headers"),
    "exports": script("check_exports"),
    "builds": script("check_builds"),
    "layers": script("check_layers"),
    "mingw": targets("mingw"),
    "fuzz": replay,
    "packages": script("check_packages"),
    "coverage": coverage,
    "asan": c_programs("asan", SANITIZER_ENV),
    "tsan": c_programs("tsan", SANITIZER_ENV),
    "asan-capi": hosted(
        "out/asan/libtallystick.so", "tests/capi", TALLYSTICK_LIBRARY=OUT / "asan" / "libtallystick.so"
    ),
    "asan-python": hosted("python-asan", "tests/python", PYTHONPATH=OUT / "asan" / "python"),
    "valgrind": c_programs("debug", None, VALGRIND),
}
ON_REQUEST = {"asan", "tsan", "asan-capi", "asan-python", "valgrind"}


def main() -> int:
    os.environ["PATH"] = f"{OUT / 'venv' / 'bin'}:{os.environ['PATH']}"
    names = sys.argv[1:] or [name for name in SUITES if name not in ON_REQUEST]
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        sys.exit(f"unknown: {' '.join(unknown)}; there are {' '.join(SUITES)}")
    total = Result()
    for name in names:
        start = time.monotonic()
        result = SUITES[name](Suite(name))
        seconds = time.monotonic() - start
        print(
            f"{name:10} {result.passed:5} passed {result.failed:4} failed {result.skipped:4} skipped {seconds:7.1f} s"
        )
        for line in result.remarks:
            print(f"    {line}")
        for problem in result.problems:
            print(f"  FAILED {problem}")
        sys.stdout.flush()
        total.add(result)
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    print(f"{total.passed} passed, {total.failed} failed{skipped}")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
