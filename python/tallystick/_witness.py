"""Witnesses: others who sign that they have seen a checkpoint, and that it extends what they saw before.

answer = tally.ask_witness("https://witness.example", store, witness_key)
print(answer.note)      # the checkpoint with its cosignature; the store keeps it
"""

import builtins
import time as clock
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from . import _core
from ._core import Store
from ._proofs import Checkpoint, Text, _texts, checkpoint, consistency, keep_note, read_checkpoint
from .errors import ArgumentError, IoError, LimitError, RollbackError, TimeoutError

Outcome = Literal["signed", "behind", "refused", "try later"]

_OUTCOMES: dict[int, Any] = {
    _core.constant("TALLY_WITNESS_SIGNED"): "signed",
    _core.constant("TALLY_WITNESS_BEHIND"): "behind",
    _core.constant("TALLY_WITNESS_REFUSED"): "refused",
    _core.constant("TALLY_WITNESS_TRY_LATER"): "try later",
}
_ANSWER_MAX = _core.constant("TALLY_NOTE_BYTES_MAX")
_ASKED_MAX = 4


class WitnessAnswer(NamedTuple):
    """What a witness answered. True when it signed."""

    outcome: Outcome
    """ "behind": it knows the size `old_size`, ask again from there; "refused": it will not sign this."""
    old_size: int
    note: str | None
    """The checkpoint with the new cosignatures, when it signed."""

    def __bool__(self) -> bool:
        return self.outcome == "signed"

    def __repr__(self) -> str:
        size = f" at {self.old_size} events" if self.outcome == "behind" else ""
        return f"<WitnessAnswer: {self.outcome}{size}>"


def _note(note: Text | Checkpoint) -> Text:
    return note.text if isinstance(note, Checkpoint) else note


def cosign(note: Text | Checkpoint, private: Text, time: int | None = None) -> str:
    """Signs a checkpoint as a witness: one signature line. Who calls it has checked that the checkpoint extends
    what was signed before.

    Args:
        private: a key made by `make_key(name, witness=True)`.
        time: seconds since 1970, stated in the signature; now if not given.
    """
    return _core._witness_cosign(_note(note), private, int(clock.time()) if time is None else time)


def witness_request(old_size: int, hashes: Iterable[bytes], note: Text | Checkpoint) -> str:
    """The body of an add-checkpoint request (C2SP tlog-witness): the proof from `old_size`, and the note."""
    return _core._witness_request(old_size, hashes, _note(note))


def witness_answer(
    http_status: int, body: Text, note: Text | Checkpoint, witnesses: Text | Iterable[Text]
) -> WitnessAnswer:
    """Reads a witness's answer and checks its cosignatures; lines of others are left out."""
    outcome, old_size, signed = _core._witness_answer(http_status, body, _note(note), _texts("witnesses", witnesses))
    return WitnessAnswer(_OUTCOMES[outcome], old_size, signed or None)


def ask_witness(
    url: str,
    store: Store,
    witnesses: Text | Iterable[Text],
    *,
    note: Text | Checkpoint | None = None,
    old_size: int = 0,
    timeout: float = 10.0,
    keep: bool = True,
) -> WitnessAnswer:
    """Asks a witness to cosign the store's checkpoint, again from the size that it knows, and keeps the note.

    Args:
        url: its address; "/add-checkpoint" is put behind it.
        witnesses: its public key, or several.
        note: which checkpoint; the newest, made now, if not given.
        old_size: what it cosigned last, as far as is known.
        timeout: in seconds, for each request.
        keep: the store keeps the cosigned note (Store.keep_note).

    Raises RollbackError when it knows another history of this size; IoError when it cannot be reached.
    """
    keys = _texts("witnesses", witnesses)
    head = checkpoint(store) if note is None else read_checkpoint(_note(note))
    target = _address(url)
    for _ in range(_ASKED_MAX):
        hashes = consistency(store, old_size, head).hashes if 0 < old_size < head.size else ()
        body = witness_request(old_size, hashes, head)
        answer = witness_answer(*_post(target, body.encode(), timeout), head, keys)
        if answer.note is not None and keep:
            keep_note(store, answer.note, keys)
        if answer.outcome != "behind" or answer.old_size > head.size:
            return answer
        if answer.old_size == old_size:
            raise RollbackError(
                f"the witness has cosigned another history of {old_size} events of {head.origin}", position=old_size
            )
        old_size = answer.old_size
    raise LimitError(f"the witness at {url} named another size {_ASKED_MAX} times")


def _address(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise ArgumentError("a witness has an address of http or https")
    return url.rstrip("/").removesuffix("/add-checkpoint") + "/add-checkpoint"


def _post(url: str, body: bytes, timeout: float) -> tuple[int, bytes]:
    """The answer as it is, whatever its status: a POST that was redirected would become a GET somewhere else."""
    from http.client import HTTPException  # not at import: they cost more than all of this package
    from urllib import request

    opener = request.OpenerDirector()
    for handler in (request.ProxyHandler, request.HTTPHandler, request.HTTPSHandler):
        opener.add_handler(handler())
    asked = request.Request(url, body, {"Content-Type": "text/plain; charset=utf-8"}, method="POST")
    try:
        with opener.open(asked, timeout=timeout) as answer:
            said: bytes = answer.read(_ANSWER_MAX + 1)
            status: int = answer.status
    except (OSError, HTTPException) as failed:
        reason = getattr(failed, "reason", failed)
        kind = TimeoutError if isinstance(reason, builtins.TimeoutError) else IoError
        raise kind(f"the witness at {url} cannot be asked: {reason}") from failed
    if len(said) > _ANSWER_MAX:
        raise LimitError(f"the witness at {url} answers with more than {_ANSWER_MAX} bytes")
    return status, said
