"""The code of the README does what its comments say, and the files it names exist. Its code for Node is run by
tests/node/storeReadme.test.js."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def block(language: str) -> str:
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"the README has {len(found)} blocks of {language}"
    return found[0]


def run(*command: str, cwd: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_python_start_prints_what_its_comments_say(tmp_path: Path) -> None:
    code = block("python")
    promised = [line[2:] for line in code.splitlines() if line.startswith("# ")]
    assert run(sys.executable, "-c", code, cwd=tmp_path).splitlines() == promised


def test_the_c_start_compiles_and_runs(tmp_path: Path) -> None:
    source = tmp_path / "start.c"
    source.write_text(block("c"))
    program = str(tmp_path / "start")
    run("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-DTALLY_STATIC", "-Icsrc/include", str(source),
        "out/libtallystick.a", "-lsodium", "-pthread", "-o", program)  # fmt: skip
    assert run(program, cwd=tmp_path) == "committed: account.opened\nposition 0, durable\n"


def test_every_file_that_the_readme_and_the_documents_name_exists() -> None:
    pattern = re.compile(r"`((?:csrc|docs|tests|python|node|benchmarks|examples|scripts)/[\w./-]+)`")
    for document in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for name in pattern.findall(document.read_text()):
            stem = ROOT / name
            there = stem.exists() or any(stem.parent.glob(stem.name + ".*"))
            assert there, f"{document.name} names {name}"
