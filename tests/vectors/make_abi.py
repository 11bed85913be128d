"""Writes abi.json: sizes and offsets of the public structs, values of the constants, prototypes of the functions; and
csrc/base/abi.h, by which a compiler that lays a struct out differently refuses the library.

Run it when the ABI changes knowingly, and read the diff: `out/venv/bin/python tests/vectors/make_abi.py`.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from capi import header  # noqa: E402

ABI = header.abi()
PINS = """/* Sizes and offsets of the public structs: a program compiled with other ones would read what is not there.
 * Written by tests/vectors/make_abi.py, from what tests/vectors/abi.json announces. */
#ifndef TALLY_BASE_ABI_H
#define TALLY_BASE_ABI_H

#include <tallystick/tallystick.h>

#define SIZE(type, size) _Static_assert(sizeof(type) == (size), "the size of " #type " is part of the ABI")
#define AT(type, member, offset) \\
    _Static_assert(offsetof(type, member) == (offset), "the place of " #member " is part of the ABI")

%s
#undef SIZE
#undef AT

#endif
"""


def vectors() -> str:
    """One line per member, constant and function: what a diff shows is what changed."""
    titles = []
    for title, rows in ABI.items():
        if title == "structs":
            parts = []
            for name, row in rows.items():
                members = ",\n".join(f'    "{key}": {json.dumps(value)}' for key, value in row["members"].items())
                head = f'"size": {row["size"]}, "align": {row["align"]}, "members": {{'
                parts.append(f'  "{name}": {{{head}\n{members}}}}}')
            body = ",\n".join(parts)
        else:
            body = ",\n".join(f'  "{name}": {json.dumps(value)}' for name, value in rows.items())
        titles.append(f' "{title}": {{\n{body}\n }}')
    return "{\n" + ",\n".join(titles) + "\n}\n"


def pins() -> str:
    blocks = []
    for name, row in ABI["structs"].items():
        places = [f"AT({name}, {member}, {offset});" for member, (offset, _) in row["members"].items()]
        blocks.append("\n".join([f"SIZE({name}, {row['size']});", *places]) + "\n")
    return PINS % "\n".join(blocks)


if __name__ == "__main__":
    (HERE / "abi.json").write_text(vectors(), encoding="utf-8")
    (header.ROOT / "csrc" / "base" / "abi.h").write_text(pins(), encoding="utf-8")
