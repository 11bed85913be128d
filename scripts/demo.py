"""Shows the registry from C, Python and Node: builds what is missing and runs the same walk-through in each."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "out"
EXAMPLES = ROOT / "examples"


def step(title: str, *command: str | Path) -> bool:
    print(f"\n== {title}", flush=True)
    start = time.monotonic()
    done = subprocess.run([str(word) for word in command], cwd=ROOT)
    print(
        f"   ({time.monotonic() - start:.1f} s, {'good' if done.returncode == 0 else f'exit code {done.returncode}'})"
    )
    return done.returncode == 0


def main() -> int:
    os.environ["PATH"] = f"{OUT / 'venv' / 'bin'}:{os.environ['PATH']}"
    print("tallystick: notify. One registry, three handlers of which one fails, from three languages.")
    good = step(
        "build the library, the Python extension and the Node addon", "make", "-s", "-j2", "lib", "python", "node"
    )
    program = OUT / "demo" / "registry"
    program.parent.mkdir(parents=True, exist_ok=True)
    compile_c: list[str | Path] = [
        "gcc",
        "-std=c11",
        "-O2",
        "-DTALLY_STATIC",
        "-Icsrc/include",
        EXAMPLES / "registry.c",
    ]
    good = good and step(
        "C: compile examples/registry.c", *compile_c, OUT / "libtallystick.a", "-o", program, "-pthread"
    )
    good = good and step("C: run it", program)
    good = good and step("Python: examples/registry.py", sys.executable, EXAMPLES / "registry.py")
    good = good and step("Node: examples/registry.mjs", "node", EXAMPLES / "registry.mjs")
    print("\nThe same in your own program: see examples/ and README.md." if good else "\nThe demo stopped.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
