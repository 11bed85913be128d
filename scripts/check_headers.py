"""Public headers: each compiles alone and in any order, as C11 and C++17; 40 % or more of each is prose."""

import random
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "csrc" / "include" / "tallystick"
PROSE_MIN = 0.40
COMPILERS = {
    "C11": ["gcc", "-std=c11", "-xc", "-Wstrict-prototypes"],
    "C++17": ["g++", "-std=c++17", "-xc++"],
}
failures = 0


def report(name: str, problem: str | None) -> None:
    global failures
    failures += problem is not None
    print(f"ok {name}" if problem is None else f"not ok {name}: {problem}")


def compiles(language: str, headers: list[str]) -> str | None:
    source = "".join(f"#include <tallystick/{header}>\n" for header in headers)
    flags = [
        "-fsyntax-only",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Wconversion",
        "-Wshadow",
        "-Werror",
        "-Icsrc/include",
        "-",
    ]
    done = subprocess.run([*COMPILERS[language], *flags], cwd=ROOT, input=source, capture_output=True, text=True)
    return None if done.returncode == 0 else next(iter(done.stderr.splitlines()), "it does not compile")


def prose(text: str) -> float:
    """The share of comment in what is not white space."""
    comment = sum(len(re.sub(r"\s", "", part)) for part in re.findall(r"/\*.*?\*/|//[^\n]*", text, re.DOTALL))
    return comment / len(re.sub(r"\s", "", text))


headers = sorted(path.name for path in FOLDER.glob("*.h"))
umbrella = (FOLDER / "tallystick.h").read_text(encoding="utf-8")
shuffle = random.Random(1)
for header in headers:
    for language in COMPILERS:
        report(f"{header} compiles alone as {language}", compiles(language, [header]))
    share = prose((FOLDER / header).read_text(encoding="utf-8"))
    report(f"{header} is {share:.0%} prose", None if share >= PROSE_MIN else f"less than {PROSE_MIN:.0%}")
    if header != "tallystick.h":
        listed = f'#include "{header}"' in umbrella and re.search(rf"^ \* {re.escape(header)} ", umbrella, re.MULTILINE)
        report(f"{header} is in tallystick.h", None if listed else "include it there and name it in the list")
for language in COMPILERS:
    orders = [headers[::-1], *(shuffle.sample(headers, len(headers)) for _ in range(5))]
    for number, order in enumerate(orders):
        report(f"order {number} compiles as {language}", compiles(language, order))
sys.exit(failures != 0)
