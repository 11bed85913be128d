"""Packages, as a user meets them: installed and used from an empty directory that knows nothing of the checkout.

Python: sdist, wheel from the sdist, import, get_include() compiles. Node: `npm pack`, install without a compiler,
require and import, and `npm run build` in the installed copy.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "out" / "dist"
PYTHON_PROBE = """
import pathlib, sys, tallystick
assert "site-packages" in tallystick.__file__, tallystick.__file__
seen = []
registry = tallystick.Registry()
registry.register(seen.append)
registry.notify(b"event")
assert seen == [b"event"], seen
include = pathlib.Path(tallystick.get_include())
assert (include / "tallystick" / "tallystick.h").is_file(), include
assert (pathlib.Path(tallystick.__file__).parent / "py.typed").is_file()
print(include)
"""
NODE_PROBE = """
const assert = require('node:assert');
const { Registry } = require('tallystick');
const seen = [];
const registry = new Registry();
registry.register((event) => seen.push(event));
registry.notify('event');
assert.deepStrictEqual(seen, ['event']);
import('tallystick').then((module) => assert.strictEqual(module.Registry, Registry));
"""


class Failed(Exception):
    pass


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    environment = {**os.environ, **(env or {})}
    environment.pop("PYTHONPATH", None)
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        print(done.stdout)
        raise Failed(f"`{' '.join(words[:4]).splitlines()[0]}` exited with {done.returncode}")
    return done.stdout


def sdist_installs(empty: Path) -> None:
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir(parents=True)
    run(sys.executable, "setup.py", "-q", "egg_info", "--egg-base", empty, "sdist", "-d", DIST, cwd=ROOT)
    run(sys.executable, "-m", "venv", empty / "venv", cwd=empty)
    python = empty / "venv" / "bin" / "python"
    archive = next(DIST.glob("tallystick-*.tar.gz"))
    run(python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", DIST, archive, cwd=empty)
    run(python, "-m", "pip", "install", "-q", "--no-deps", next(DIST.glob("tallystick-*.whl")), cwd=empty)
    include = run(python, "-c", PYTHON_PROBE, cwd=empty).split()[-1]
    header = "#include <tallystick/tallystick.h>\nint main(void) { return sizeof(tally_api) == 0; }\n"
    (empty / "probe.c").write_text(header)
    run("gcc", "-std=c11", "-Werror", f"-I{include}", "-c", "probe.c", cwd=empty)


def wheel_is_portable(empty: Path) -> None:
    """Needs no library but the C library: libsodium is inside, and its symbols are hidden."""
    wheel = next(DIST.glob("tallystick-*.whl"))
    shown = run(sys.executable, "-m", "auditwheel", "show", wheel, cwd=empty)
    tag = re.search(r"platform tag:\s+\"(manylinux\w+)\"", shown)
    libraries = set(re.findall(r"\b(lib[\w+-]+)\.so", shown))
    if tag is None or libraries - {"libc", "libm", "libpthread"}:
        raise Failed(f"auditwheel finds {tag and tag[1]} and {sorted(libraries)}")


def checkout_installs(empty: Path) -> None:
    """`pip install .` in a copy of what is committed or could be, without a git history."""
    copy = empty / "checkout"
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split("\n")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    run(sys.executable, "-m", "venv", empty / "venv", cwd=empty)
    python = empty / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--no-deps", ".", cwd=copy, env={"TALLYSTICK_SODIUM": "system"})
    run(python, "-c", PYTHON_PROBE, cwd=empty)


def tarball_installs(empty: Path) -> None:
    run("npm", "pack", "--silent", "--pack-destination", DIST, cwd=ROOT)
    (empty / "package.json").write_text('{"name": "user", "private": true}')
    # No compiler, no make and no python are in reach: the prebuilt addon must do.
    tools = empty / "tools"
    tools.mkdir()
    for name in ("node", "npm", "env", "sh"):
        (tools / name).symlink_to(shutil.which(name) or f"/usr/bin/{name}")
    tarball = next(DIST.glob("tallystick-*.tgz"))
    run("npm", "install", "--no-audit", "--no-fund", tarball, cwd=empty, env={"PATH": str(tools)})
    run("node", "-e", NODE_PROBE, cwd=empty, env={"PATH": str(tools)})


def tarball_builds(empty: Path) -> None:
    (empty / "package.json").write_text('{"name": "user", "private": true}')
    run("npm", "install", "--no-audit", "--no-fund", next(DIST.glob("tallystick-*.tgz")), cwd=empty)
    installed = empty / "node_modules" / "tallystick"
    shutil.rmtree(installed / "prebuilds")
    run("npm", "run", "build", cwd=installed)
    run("node", "-e", NODE_PROBE, cwd=empty)


def library_installs(empty: Path) -> None:
    """`make install`, then a program found by pkg-config, linked both ways."""
    run("make", "-s", "install", f"PREFIX={empty}/usr", cwd=ROOT)
    program = "int main(void) { return tally_api_table() == NULL || puts(tally_version_text()) < 0; }\n"
    (empty / "probe.c").write_text(f"#include <stdio.h>\n#include <tallystick/tallystick.h>\n{program}")
    env = {"PKG_CONFIG_PATH": f"{empty}/usr/lib/pkgconfig", "LD_LIBRARY_PATH": f"{empty}/usr/lib"}
    flags = run("pkg-config", "--cflags", "--libs", "tallystick", cwd=empty, env=env).split()
    run("gcc", "probe.c", "-o", "shared", *flags, cwd=empty)
    archive = f"{empty}/usr/lib/libtallystick.a"
    flags = run("pkg-config", "--static", "--cflags", "--libs", "tallystick", cwd=empty, env=env).split()
    flags = [archive if flag == "-ltallystick" else flag for flag in flags]
    run("gcc", "-DTALLY_STATIC", "probe.c", "-o", "static", *flags, cwd=empty)
    versions = {run(empty / name, cwd=empty, env=env).strip() for name in ("shared", "static")}
    if len(versions) != 1:
        raise Failed(f"the two libraries have versions {versions}")


CHECKS: dict[str, Callable[[Path], None]] = {
    "make install gives a library that pkg-config finds": library_installs,
    "pip install from the sdist's wheel": sdist_installs,
    "the wheel has a manylinux tag and needs only the C library": wheel_is_portable,
    "pip install . from a checkout, with the system's libsodium": checkout_installs,
    "npm install of the tarball, without a compiler": tarball_installs,
    "npm run build in the installed copy": tarball_builds,
}


def main() -> int:
    failures = 0
    for name, check in CHECKS.items():
        with tempfile.TemporaryDirectory(prefix="tallystick-") as empty:
            try:
                check(Path(empty))
                print(f"ok {name}")
            except (Failed, StopIteration, OSError) as error:
                failures += 1
                print(f"not ok {name}: {error or 'nothing was built'}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
