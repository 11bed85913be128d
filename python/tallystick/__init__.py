"""tallystick: an event log that can prove its history and forget a person; here, its notification.

    import tallystick

    registry = tallystick.Registry()

    @registry.on("order.paid")
    def ship(order): ...

    registry.emit("order.paid", {"id": 42})

The manual is `_core.pyi` for Registry and its company, `aio.py` for AsyncRegistry, and `errors.pyi` for
what goes wrong.
"""

import atexit
import os.path
from typing import TYPE_CHECKING, Any

from . import _core, _log, _methods, errors
from ._capture import Capture, capture
from ._core import (
    STOP,
    AsyncNotified,
    Counter,
    Failure,
    HandlerId,
    HandlerInfo,
    Mask,
    Notified,
    Registry,
    Ring,
    RingCounts,
    RingEvent,
    Statistics,
    Stop,
    depth,
    reclaim,
)
from ._delivery import Delivery
from ._events import Events
from ._scopes import Edit, Guard
from .errors import *  # noqa: F403
from .errors import TallyError

if TYPE_CHECKING:
    from .aio import AsyncRegistry

__version__: str = _core.version
__all__ = [
    "STOP",
    "AsyncNotified",
    "AsyncRegistry",
    "Capture",
    "Counter",
    "Delivery",
    "Edit",
    "Events",
    "Failure",
    "Guard",
    "HandlerId",
    "HandlerInfo",
    "Mask",
    "Notified",
    "Registry",
    "Ring",
    "RingCounts",
    "RingEvent",
    "Statistics",
    "Stop",
    "TallyError",
    "capture",
    "depth",
    "errors",
    "get_include",
    "reclaim",
]

# From then on no thread of C comes in; what was counted and not yet logged is logged before.
atexit.register(_core._ended)
atexit.register(_log.flush)
del _methods


def get_include() -> str:
    """The folder to compile an extension with that uses the C API (`#include <tallystick/api.h>`)."""
    here = os.path.dirname(os.path.realpath(__file__))
    installed = os.path.join(here, "include")
    return installed if os.path.isdir(installed) else os.path.normpath(os.path.join(here, "../../csrc/include"))


def __getattr__(name: str) -> Any:
    # asyncio costs more to import than everything else here.
    if name == "AsyncRegistry":
        from .aio import AsyncRegistry

        return AsyncRegistry
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
