"""tallystick: an event log that can prove its history and forget a person, with in-process notification.

    import tallystick as tally

    with tally.open("audit.tally") as store:
        store.append("account/42", "account.opened", {"plan": "pro"})
        for event in store.read(stream="account/42"):
            print(event.version, event.type, event.data)

    registry = tally.Registry()

    @registry.on("order.paid")
    def ship(order): ...

    registry.emit("order.paid", {"id": 42})

The manual is `_core.pyi` for Store, Registry and their company, `aio.py` for what is awaited, and
`errors.pyi` for what goes wrong.
"""

import atexit
import os.path
from typing import TYPE_CHECKING, Any

from . import _core, _log, _methods, _store, errors
from ._batch import Batch, Pending
from ._capture import Capture, capture
from ._core import (
    STOP,
    AsyncNotified,
    Counter,
    Event,
    Failure,
    HandlerId,
    HandlerInfo,
    Listed,
    Mask,
    Notified,
    Reader,
    Receipt,
    Recovery,
    Registry,
    Ring,
    RingCounts,
    RingEvent,
    Statistics,
    Stop,
    Store,
    StoreInfo,
    StoreStatistics,
    StreamHead,
    Watermarks,
    depth,
    open,
    reclaim,
)
from ._delivery import Delivery
from ._events import Events
from ._gates import Draft
from ._proofs import (
    Checkpoint,
    Consistency,
    Key,
    Policy,
    Proof,
    Proven,
    Report,
    Signed,
    Signing,
    SigningState,
    SignRequest,
    make_key,
    merkle_root,
    public_key,
    read_checkpoint,
    verify,
    verify_checkpoint,
    verify_consistency,
    verify_inclusion,
    verify_proof,
)
from ._reading import EventList
from ._scopes import Edit, Guard
from ._store import Ancestors, Condition
from ._upkeep import BackupReport, Finding, FsckReport, SalvageReport, fsck, salvage
from ._witness import WitnessAnswer, ask_witness, cosign, witness_answer, witness_request
from .errors import *  # noqa: F403
from .errors import TallyError

if TYPE_CHECKING:
    from .aio import AsyncRegistry, AsyncStore

__version__: str = _core.version
__all__ = [
    "STOP",
    "Ancestors",
    "AsyncNotified",
    "AsyncRegistry",
    "AsyncStore",
    "BackupReport",
    "Batch",
    "Capture",
    "Checkpoint",
    "Condition",
    "Consistency",
    "Counter",
    "Delivery",
    "Draft",
    "Edit",
    "Event",
    "EventList",
    "Events",
    "Failure",
    "Finding",
    "FsckReport",
    "Guard",
    "HandlerId",
    "HandlerInfo",
    "Key",
    "Listed",
    "Mask",
    "Notified",
    "Pending",
    "Policy",
    "Proof",
    "Proven",
    "Reader",
    "Receipt",
    "Recovery",
    "Registry",
    "Report",
    "Ring",
    "RingCounts",
    "RingEvent",
    "SalvageReport",
    "SignRequest",
    "Signed",
    "Signing",
    "SigningState",
    "Statistics",
    "Stop",
    "Store",
    "StoreInfo",
    "StoreStatistics",
    "StreamHead",
    "TallyError",
    "Watermarks",
    "WitnessAnswer",
    "ask_witness",
    "capture",
    "cosign",
    "depth",
    "errors",
    "fsck",
    "get_include",
    "make_key",
    "merkle_root",
    "open",
    "public_key",
    "read_checkpoint",
    "reclaim",
    "salvage",
    "verify",
    "verify_checkpoint",
    "verify_consistency",
    "verify_inclusion",
    "verify_proof",
    "witness_answer",
    "witness_request",
]

# From then on no thread of C comes in; what was counted and not yet logged is logged before.
atexit.register(_core._ended)
atexit.register(_log.flush)
atexit.register(_store.close_all)
del _methods


def get_include() -> str:
    """The folder to compile an extension with that uses the C API (`#include <tallystick/api.h>`)."""
    here = os.path.dirname(os.path.realpath(__file__))
    installed = os.path.join(here, "include")
    return installed if os.path.isdir(installed) else os.path.normpath(os.path.join(here, "../../csrc/include"))


def __getattr__(name: str) -> Any:
    # asyncio costs more to import than everything else here.
    if name in ("AsyncRegistry", "AsyncStore"):
        from . import aio

        return getattr(aio, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
