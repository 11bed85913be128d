"""Gates: functions that see events before they are committed, and may refuse them."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from . import _core
from .errors import RefusedError

if TYPE_CHECKING:
    from uuid import UUID

_G = TypeVar("_G", bound=Callable[..., None])


class Draft:
    """An event that somebody wants to append, as a gate sees it: it has no position and no version yet."""

    __slots__ = (
        "_codec",
        "causation",
        "content_type",
        "correlation",
        "id",
        "occurred_us",
        "raw",
        "schema",
        "stream",
        "tags",
        "type",
    )

    stream: str
    type: str
    content_type: str
    raw: bytes
    tags: tuple[str, ...]
    id: "UUID | None"
    correlation: "UUID | None"
    causation: "UUID | None"
    occurred_us: int | None
    schema: int
    _codec: Any

    @property
    def data(self) -> Any:
        """What `raw` says, decoded as an Event's data is."""
        return _core._decode(self._codec, self.content_type, self.raw)

    def __repr__(self) -> str:
        return f"<Draft {self.type!r} of {self.stream!r}>"


_MEMBERS = (
    "stream",
    "type",
    "content_type",
    "raw",
    "tags",
    "id",
    "correlation",
    "causation",
    "occurred_us",
    "schema",
    "_codec",
)
Gate: TypeAlias = Callable[[tuple[Draft, ...]], None]


def make_draft(*values: Any) -> Draft:
    draft = Draft()
    for name, value in zip(_MEMBERS, values, strict=True):
        setattr(draft, name, value)
    return draft


def ask_gate(gate: Gate, drafts: tuple[Draft, ...]) -> None:
    answer = cast("Callable[..., object]", gate)(drafts)
    if answer is not None:
        raise TypeError(f"a gate returns None, or raises to refuse; {gate!r} returned {answer!r}")


def gate_refusal(error: BaseException) -> tuple[int, str]:
    if isinstance(error, RefusedError):
        return error.os_error or 1, str(error)
    return 1, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def gate(self: _core.Store, function: Any = None, /, *, name: str | None = None, record: bool = False) -> Any:
    if function is None:
        return partial(_add, self, name, record)
    return _add(self, name, record, function)


def _add(store: _core.Store, name: str | None, record: bool, function: _G) -> _G:
    store._gate_add(function, name if name is not None else _name_of(function), record)
    return function


def _name_of(function: object) -> str | None:
    name = getattr(function, "__qualname__", None)
    return name.rpartition(".")[2][:100] if isinstance(name, str) else None


def remove_gate(self: _core.Store, function: Gate, /) -> bool:
    for number, gate in self._gates().items():
        if gate == function:
            self._gate_remove(number)
            return True
    return False


_core._helpers().update(make_draft=make_draft, ask_gate=ask_gate, gate_refusal=gate_refusal)
