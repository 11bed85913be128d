"""Writes docs/STATUS.md: the status codes with their classes and messages from csrc/include/tallystick/status.h, and
what they are called in Python and Node, from tests/vectors/status.json.

Usage: status_table.py [--check]      --check writes nothing and fails when the page is not current
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "csrc" / "include" / "tallystick" / "status.h"
NAMES = ROOT / "tests" / "vectors" / "status.json"
PAGE = ROOT / "docs" / "STATUS.md"
INTRODUCTION = """# Status codes

Every call that can fail says how by one of these. They are the same in C, Python and Node; a code is never reused and
never changes its meaning, new ones come at the end. `class` says what can be done about it:

{classes}
In C a status is the result of a call. In Python it is an exception: all are `tallystick.TallyError`, with `code`,
`symbol`, `handling` (the class) and `hint`; the builtin in brackets is what it inherits besides. In Node it is an
error: all are `TallyError`, with `status` (the number), `code` (the symbol), `handling` and `hint`.

| code | symbol | class | message | Python | Node |
| ---: | --- | --- | --- | --- | --- |
{rows}

This page is written by `scripts/status_table.py` from `csrc/include/tallystick/status.h`; a test compares them.
"""


def classes(header: str) -> str:
    """The table in the header's first comment."""
    found = re.findall(r"^ \* \| `(\w+)` +\| (.*?) +\|$", header, re.MULTILINE)
    return "| class | meaning |\n| --- | --- |\n" + "".join(f"| {name.lower()} | {text} |\n" for name, text in found)


def rows(header: str) -> str:
    names = {row["symbol"]: row for row in json.loads(NAMES.read_text(encoding="utf-8"))}
    lines = []
    for short, code, handling, message in re.findall(r'X\((\w+), (-?\d+), (\w+), +"(.*)"\)', header):
        symbol = f"TALLY_{short}"
        row = names.get(symbol, {})
        python = f"`{row['python']}`" if row.get("python") else ""
        if row.get("builtin"):
            python += f" (`{row['builtin']}`)"
        node = f"`{row['node']}`" if row.get("node") else ""
        lines.append(
            f"| {code} | `{symbol}` | {handling.lower()} | {message} | {python} | {node} |".replace("|  |", "| |")
        )
    return "\n".join(lines)


def page() -> str:
    header = HEADER.read_text(encoding="utf-8")
    return INTRODUCTION.format(classes=classes(header), rows=rows(header))


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        print("ok docs/STATUS.md is current" if current else "not ok docs/STATUS.md: run scripts/status_table.py")
        return int(not current)
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
