"""The public headers, driven as they are through cffi: the rules of the interface for every declared function, the
registry's behaviour, and the scenarios that all languages share."""

import sys
from pathlib import Path

import pytest

# scenarios.py lies beside its table, for the tests in tests/python too.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "vectors"))

pytest.register_assert_rewrite("capi.library", "capi.attempt")
