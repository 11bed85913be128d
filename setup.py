"""Builds tallystick._core, the CPython shim and the C core in one extension; the rest is in pyproject.toml."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
CSRC = Path("csrc")
HEADERS = HERE / CSRC / "include" / "tallystick"


def words(path: Path) -> list[str]:
    return (HERE / path).read_text(encoding="utf-8").split()


def version() -> str:
    text = (HEADERS / "base.h").read_text(encoding="utf-8")
    numbers = dict(re.findall(r"^#define TALLY_VERSION_(MAJOR|MINOR|PATCH) (\d+)$", text, re.MULTILINE))
    return "{MAJOR}.{MINOR}.{PATCH}".format(**numbers)


def pkg_config(*arguments: str) -> list[str]:
    try:
        done = subprocess.run(["pkg-config", *arguments, "libsodium"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(
            "tallystick: pkg-config does not find libsodium, which the extension is linked with. "
            "Install pkg-config and libsodium's development files (Debian: apt-get install pkg-config libsodium-dev)."
        ) from error
    return done.stdout.split()


def sodium() -> dict[str, list[str]]:
    """Links libsodium.a when there is one; TALLYSTICK_SODIUM=system takes the shared library."""
    wish = os.environ.get("TALLYSTICK_SODIUM", "static")
    if wish not in ("static", "system"):
        raise SystemExit(f"tallystick: TALLYSTICK_SODIUM is {wish!r}; it may be 'static' or 'system'")
    flags = pkg_config("--cflags")
    archive = Path(pkg_config("--variable=libdir")[0]) / "libsodium.a"
    if wish == "static" and archive.exists():
        return {"compile": flags, "link": [str(archive), "-Wl,--exclude-libs,ALL"]}
    return {"compile": flags, "link": ["-Wl,--as-needed", *pkg_config("--libs")]}


def extension() -> Extension:
    flags = words(CSRC / "flags.txt")
    lto = [] if os.environ.get("TALLYSTICK_LTO") == "0" else ["-flto=auto"]
    debug = [] if os.environ.get("TALLYSTICK_DEBUG") else ["-Wl,--strip-debug"]
    libsodium = sodium()
    shim = sorted(str(path.relative_to(HERE)) for path in (HERE / "python" / "ext").glob("*.c"))
    return Extension(
        "tallystick._core",
        sources=[*shim, *(str(CSRC / name) for name in words(CSRC / "sources.txt"))],
        depends=[
            "csrc/sources.txt",
            "csrc/flags.txt",
            *(str(path.relative_to(HERE)) for root in ("csrc", "python/ext") for path in (HERE / root).rglob("*.h")),
        ],
        include_dirs=["csrc", "csrc/include", "python/ext"],
        define_macros=[("TALLY_STATIC", "1")],
        extra_compile_args=[*flags, *lto, *libsodium["compile"]],
        # Hosts unload extensions; one with thread-locals that are still alive must not go.
        extra_link_args=[*flags, *lto, "-Wl,-z,nodelete", *debug, *libsodium["link"], "-pthread"],
    )


class BuildExtension(build_ext):
    def build_extensions(self) -> None:
        # The interpreter's headers are the system's: our warnings are not for them.
        for path in self.compiler.include_dirs:
            for ext in self.extensions:
                ext.extra_compile_args += ["-isystem", path]
        super().build_extensions()


class BuildPackage(build_py):
    """Puts the public headers into the package, where get_include() finds them."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "tallystick" / "include" / "tallystick"
            target.mkdir(parents=True, exist_ok=True)
            for header in sorted(HEADERS.glob("*.h")):
                shutil.copy2(header, target)


setup(
    version=version(),
    ext_modules=[extension()],
    py_modules=[path.stem for path in sorted((HERE / "python").glob("*.py"))],
    cmdclass={"build_ext": BuildExtension, "build_py": BuildPackage},
)
