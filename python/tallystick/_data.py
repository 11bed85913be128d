"""Data in and out where C leaves it to Python: JSON that is not plain, and reading JSON."""

from typing import Any

from . import _core

_dumps: Any = None
_loads: Any = None


def json_dumps(value: Any) -> bytes:
    """For values that the C encoder leaves alone; the same bytes as its own for all others."""
    global _dumps
    if _dumps is None:
        import json

        _dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
    try:
        text: str = _dumps(value)
    except TypeError as error:
        error.add_note("hint: give bytes, or open the store with a codec that knows how to write it")
        raise
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Halves of surrogate pairs are escaped: "\\ud800", as JSON.stringify does.
        return text.encode("utf-8", "backslashreplace")


def json_loads(text: str) -> Any:
    global _loads
    if _loads is None:
        import json

        _loads = json.JSONDecoder().decode
    return _loads(text)


_core._helpers().update(json_dumps=json_dumps, json_loads=json_loads)
