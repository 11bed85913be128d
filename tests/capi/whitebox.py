"""The one thing that no public call can do: break an invariant. A slot is poisoned by hand, as tally_gate_poison does
it, with the offsets that the compiler has for csrc/handle/slab.h."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from . import header
from .library import CData, address, ffi

SOURCE = """
#include <stdio.h>
#include "handle/slab.h"
int main(void)
{
    printf("%zu %zu %zu", offsetof(tally_slot, live), offsetof(tally_slot, poisoned), (size_t)TALLY_LIVE_NONE);
    return 0;
}
"""


@cache
def offsets() -> tuple[int, int, int]:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "probe"
        header.compiler(f"-I{header.ROOT / 'csrc'}", "-DTALLY_STATIC", "-o", str(program), source=SOURCE)
        live, flag, none = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    return int(live), int(flag), int(none)


@contextmanager
def poisoned(handle: CData) -> Iterator[None]:
    live_at, flag_at, none = offsets()
    live = ffi.cast("uintptr_t *", address(handle) + live_at)
    flag = ffi.cast("uint32_t *", address(handle) + flag_at)
    before = live[0]
    live[0], flag[0] = none, 1
    try:
        yield
    finally:
        live[0], flag[0] = before, 0
