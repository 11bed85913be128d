"""Exported symbols: csrc/exports.txt is what the headers declare and what the library exports, no more and no less.

A change of the list is a change of the ABI: `make exports` announces it, and the diff is read in review.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
announced = set((ROOT / "csrc" / "exports.txt").read_text(encoding="utf-8").split())
failures = 0


def report(name: str, problems: list[str]) -> None:
    global failures
    failures += bool(problems)
    print(f"not ok {name}: {'; '.join(problems)}" if problems else f"ok {name}")


def compare(found: set[str], where: str) -> list[str]:
    return [f"{name} is {where} but not in csrc/exports.txt" for name in sorted(found - announced)] + [
        f"{name} is in csrc/exports.txt but not {where}" for name in sorted(announced - found)
    ]


def symbols(path: str, *options: str) -> set[str]:
    done = subprocess.run(
        ["nm", "--defined-only", *options, path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {line.split()[2] for line in done.stdout.splitlines() if len(line.split()) == 3}


declared: set[str] = set()
for header in sorted((ROOT / "csrc" / "include" / "tallystick").glob("*.h")):
    code = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.DOTALL)
    declared |= set(re.findall(r"^TALLY_API [^;(]*?\b(tally_\w+)\s*\(", code, re.MULTILINE))
report("the headers declare the announced symbols", compare(declared, "declared in a header"))
report("the library exports the announced symbols", compare(symbols("out/libtallystick.so", "-D"), "exported"))

# One name space: whoever links the archive meets no name that is not ours.
strangers = sorted(name for name in symbols("out/libtallystick.a", "-g") if not name.startswith("tally_"))
report("the archive defines only names with our prefix", strangers)
for module, entry in (
    ("python/tallystick/_core*.so", {"PyInit__core"}),
    ("prebuilds/*/tallystick.node", {"napi_register_module_v1", "node_api_module_get_api_version_v1"}),
):
    for path in sorted(ROOT.glob(module)):
        extra = sorted(symbols(str(path), "-D") - entry)
        report(f"{path.name} exports only its entry", extra)
sys.exit(failures != 0)
