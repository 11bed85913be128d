"""Layers: a folder of csrc includes only folders before it, and only csrc/platform calls the system.

What is called is read from the objects, so neither a macro nor a header hides a call.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "csrc"
# Also in docs/ARCHITECTURE.md.
ORDER = [
    "base",
    "platform",
    "handle",
    "proof",
    "registry",
    "native",
    "keyring",
    "log",
    "sign",
    "store",
    "upkeep",
    "verify",
]
# Of libc: what computes and touches nothing outside its arguments.
PURE = re.compile(r"mem(cpy|move|set|cmp|chr)|str(len|n?cmp|nlen)|_*v?snprintf(_chk)?|_*mem(cpy|move|set)_chk")
# What compilers and linkers add.
RUNTIME = re.compile(
    r"_GLOBAL_OFFSET_TABLE_|__tls_get_addr|__stack_chk_fail|__popcountdi2|__cpu_(model|indicator_init)"
)
# Of libsodium: no randomness and no memory, which are the platform's.
SODIUM = re.compile(r"crypto_\w+|sodium_(memzero|memcmp|init|increment|is_zero|bin2\w+|base642bin|hex2bin)")
failures = 0


def report(name: str, problems: list[str]) -> None:
    global failures
    failures += bool(problems)
    print(f"not ok {name}: {'; '.join(problems)}" if problems else f"ok {name}")


def included_from_below(folder: str) -> list[str]:
    problems = []
    for path in sorted((CSRC / folder).rglob("*.[ch]")):
        for name in re.findall(r'^#include "(\w+)/', path.read_text(encoding="utf-8"), re.MULTILINE):
            if name not in ORDER or ORDER.index(name) > ORDER.index(folder):
                problems.append(f"{path.relative_to(CSRC)} includes {name}/")
    return problems


def called_of_the_system(folder: str, objects: Path) -> list[str]:
    problems = []
    for path in sorted((objects / folder).rglob("*.o")):
        done = subprocess.run(["nm", "--undefined-only", path], capture_output=True, text=True, check=True)
        for name in sorted({line.split()[-1] for line in done.stdout.splitlines() if line.strip()}):
            known = name.startswith("tally_") or any(kind.fullmatch(name) for kind in (PURE, RUNTIME, SODIUM))
            if not known:
                problems.append(f"{path.relative_to(objects).with_suffix('.c')} calls {name}")
    return problems


folders = sorted(path.name for path in CSRC.iterdir() if path.is_dir() and path.name != "include")
report("the order of the layers is known", [f"csrc/{name} is not in it" for name in folders if name not in ORDER])
objects = ROOT / "out" / "debug" / "core"
built = subprocess.run(["make", "-s", "-j2", "core-debug"], cwd=ROOT, capture_output=True, text=True)
report("the objects are built", built.stderr.splitlines()[:3] if built.returncode else [])
for folder in folders:
    if folder in ORDER:
        report(f"{folder} includes only layers above it", included_from_below(folder))
        if folder != "platform":
            report(f"{folder} does not call the system", called_of_the_system(folder, objects))
sys.exit(failures != 0)
