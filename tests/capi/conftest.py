"""What the tests share: a box for what a test opens, and the rule that nothing stays open."""

from collections.abc import Iterator

import pytest

from .library import Box, ffi, lib


@pytest.fixture
def box() -> Iterator[Box]:
    made = Box()
    yield made
    made.end()


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    before = lib.tally_handle_count()
    yield
    lib.tally_reclaim(ffi.NULL, ffi.NULL)
    assert lib.tally_handle_count() == before
    assert lib.tally_registry_depth() == 0
