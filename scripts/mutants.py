"""Changes one place of a C file at a time and asks the tests whether they notice. What none notices is listed.

    scripts/mutants.py --count 100 log/recover.c log/chain.c --tests test_log_recover test_crash_images

Each mutant is compiled with the debug objects of the rest; nothing in the tree is changed. Tests are asked in the order
given, and the first that fails, crashes or runs out of time ends the mutant.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "out" / "mutants"
TIMEOUT_S = 120
# (what, by what); each place where the pattern stands is one mutant.
SWAPS = (
    (r"==", "!="),
    (r"!=", "=="),
    (r"(?<![-<=>])<(?![<=])", "<="),
    (r"(?<![->=])>(?![>=])", ">="),
    (r"<=", "<"),
    (r">=", ">"),
    (r"&&", "||"),
    (r"\|\|", "&&"),
    (r" \+ ", " - "),
    (r" - ", " + "),
    (r"\+= ", "-= "),
    (r"(?<=[(\s])!(?=[a-z])", ""),
    (r"\btrue\b", "false"),
    (r"\bfalse\b", "true"),
)
# A statement on a line of its own, left out.
STATEMENT = re.compile(
    r"^\s+(?!return\b|break\b|continue\b|const\b|tally_\w+ \*?\w+( =|;|,)|u?int\d+_t |size_t |bool |char )\S.*;\s*$"
)


def without_comments(text: str) -> str:
    """The same length, so that offsets stay; comments and texts are blanks."""
    return re.sub(
        r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|^#[^\n]*',
        lambda match: re.sub(r"[^\n]", " ", match.group()),
        text,
        flags=re.DOTALL | re.MULTILINE,
    )


def mutants_of(path: Path) -> list[tuple[Path, int, str, str]]:
    """(file, line, what changed, the whole text)."""
    text = path.read_text(encoding="utf-8")
    bare = without_comments(text)
    found = []
    for pattern, by in SWAPS:
        for match in re.finditer(pattern, bare):
            line = text.count("\n", 0, match.start()) + 1
            said = f"{match.group().strip()} -> {by.strip() or 'nothing'}"
            found.append((path, line, said, text[: match.start()] + by + text[match.end() :]))
    lines = text.split("\n")
    for number, statement in enumerate(bare.split("\n")):
        if STATEMENT.match(statement) and statement.count("(") == statement.count(")"):
            without = [*lines[:number], "    ;", *lines[number + 1 :]]
            found.append((path, number + 1, f"without {lines[number].strip()}", "\n".join(without)))
    return found


def flags() -> list[str]:
    common = (ROOT / "csrc" / "flags.txt").read_text(encoding="utf-8").split()
    return [*common, "-w", "-O1", "-g", "-DTALLY_STATIC", "-Icsrc", "-Icsrc/include"]


def notices(path: Path, text: str, tests: list[str]) -> str | None:
    """The test that notices; None when none does, "compiler" when it is no program."""
    source, made, program = OUT / path.name, OUT / "mutant.o", OUT / "mutant"
    source.write_text(text, encoding="utf-8")
    compile_it = ["gcc", *flags(), f"-I{path.parent}", "-c", str(source), "-o", str(made)]
    if subprocess.run(compile_it, cwd=ROOT, capture_output=True).returncode != 0:
        return "compiler"
    names = (ROOT / "csrc" / "sources.txt").read_text(encoding="utf-8").split()
    mine = str(path.relative_to(ROOT / "csrc"))
    objects = [f"out/debug/core/{name[:-2]}.o" for name in names if name != mine]
    wraps = [str(wrap) for wrap in sorted((ROOT / "out" / "debug" / "wrap").glob("*.o"))]
    for test in tests:
        objects_of_test = [f"out/debug/tests/{test}.o", *wraps, *objects, str(made)]
        link = ["gcc", *objects_of_test, "-o", str(program), "-lsodium", "-pthread"]
        subprocess.run(link, cwd=ROOT, check=True, capture_output=True)
        try:
            done = subprocess.run([program], cwd=ROOT, capture_output=True, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return test
        if done.returncode != 0:
            return test
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", help="below csrc")
    parser.add_argument("--tests", nargs="+", required=True)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    targets = [f"out/debug/tests/{name}" for name in options.tests]
    if subprocess.run(["make", "-s", *targets], cwd=ROOT).returncode != 0:
        return 1
    every = [mutant for name in options.files for mutant in mutants_of(ROOT / "csrc" / name)]
    chosen = random.Random(options.seed).sample(every, min(options.count, len(every)))
    noticed = survivors = 0
    for path, line, said, text in sorted(chosen, key=lambda mutant: (str(mutant[0]), mutant[1])):
        by = notices(path, text, options.tests)
        if by is None:
            survivors += 1
            print(f"survives: {path.relative_to(ROOT)}:{line}: {said}", flush=True)
        elif by != "compiler":
            noticed += 1
    print(f"{noticed + survivors} mutants of {len(every)} possible: {noticed} noticed, {survivors} survive")
    return 0


if __name__ == "__main__":
    sys.exit(main())
