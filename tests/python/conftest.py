"""What the tests share. Each registry that a test makes through the fixture is closed after it, and
nothing may be left behind: no thread inside a handler, no open object."""

import gc
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator

import pytest

import tallystick

# A process that a shell started in the background ignores Ctrl-C, and so would those that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def registry() -> Iterator[tallystick.Registry]:
    with tallystick.Registry() as made:
        yield made


@pytest.fixture
def calls() -> list[object]:
    return []


@pytest.fixture
def make(calls: list[object]) -> Callable[..., Callable[[object], object]]:
    """make("a") is a handler that notes "a" in `calls`, then does what `then` says."""

    def make_handler(name: object, then: Callable[[object], object] | None = None) -> Callable[[object], object]:
        def handler(event: object) -> object:
            calls.append(name)
            return then(event) if then is not None else None

        return handler

    return make_handler


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    yield
    assert tallystick.depth() == 0


@pytest.fixture
def run_script() -> Callable[..., str]:
    """Runs a script in a fresh interpreter and returns what it printed; it must end with 0, quietly."""

    def run(script: str, *arguments: str, timeout: float = 60.0, options: tuple[str, ...] = ()) -> str:
        package = os.path.dirname(os.path.dirname(tallystick.__file__))
        environment = os.environ | {"PYTHONPATH": package, "PYTHONDEVMODE": ""}
        done = subprocess.run(
            [sys.executable, *options, "-c", textwrap.dedent(script), *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment,
        )
        assert (done.returncode, done.stderr) == (0, ""), f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


def collect_garbage() -> None:
    for _ in range(3):
        gc.collect()


@pytest.fixture(scope="session")
def native_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The example extension, built as another project would build it: with setuptools, from outside."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("native")
    source = os.path.join(os.path.dirname(__file__), "native_example", "example.c")
    shutil.copy(source, folder)
    (folder / "setup.py").write_text(
        "import setuptools, tallystick\n"
        "setuptools.setup(name='tallystick_example', ext_modules=[setuptools.Extension(\n"
        "    'tallystick_example', ['example.c'], include_dirs=[tallystick.get_include()])])\n",
        encoding="utf-8",
    )
    package = os.path.dirname(os.path.dirname(tallystick.__file__))
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": package},
    )
    assert done.returncode == 0, done.stderr
    return str(folder)


@pytest.fixture(scope="session")
def native(native_folder: str) -> object:
    """The module of native_example/example.c."""
    import importlib

    sys.path.insert(0, native_folder)
    try:
        return importlib.import_module("tallystick_example")
    finally:
        sys.path.remove(native_folder)
