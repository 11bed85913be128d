"""Proofs: signing, checkpoints, proofs of events, verifying. Texts are str, hashes are 32 bytes.

    key = tally.make_key(store.signing().origin)             # once; the store is opened again with it
    key.save("/etc/acme/audit.key")

    with tally.open("audit.tally", signing=tally.Signing("/etc/acme/audit.key")) as store:
        proof = store.prove(store.append("account/42", "account.opened", {"plan": "pro"}))

    proven = tally.verify_proof(proof.text, key.public)      # anywhere, without the store
    print(proven.position, proven.event.type)

What checks raises when it does not come out: ProofError, SignatureError, UnknownKeyError, OriginError,
DamagedError, FormatError. Nothing here answers False for "do not believe this", except a Report.
"""

import os
import time as clock
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple, NoReturn, TypeAlias

from . import _core, _log
from ._core import Event, Receipt, Store
from ._upkeep import Path, Progress
from .errors import FormatError, KeyTextError, ProofError, RangeError

Text: TypeAlias = str | bytes
"""A note, a proof or a key: bytes are UTF-8, as read from a file."""


# ----------------------------------------------------------------------------------------------- keys


class Key:
    """A key pair. `public` is for everybody; `private` is shown nowhere and never pickled."""

    __slots__ = ("_private", "public")

    def __init__(self, private: Text) -> None:
        """From the text of a private key, such as PRIVATE+KEY+…; KeyTextError."""
        self._private = private
        self.public = public_key(private)

    @property
    def private(self) -> str:
        """The secret text: for a file, a secret store, or Signing(key=…)."""
        return self._private if isinstance(self._private, str) else self._private.decode()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the private key into a new file that only its owner may read; FileExistsError."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        with open(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(self.private.rstrip("\n") + "\n")
            file.flush()
            os.fsync(file.fileno())

    def __repr__(self) -> str:
        return f"<Key {self.public}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled or copied")


def make_key(name: str, *, witness: bool = False) -> Key:
    """A new Ed25519 key. A log's key has the name of its origin: `make_key(store.signing().origin)`.

    Args:
        witness: a key that cosigns checkpoints (see `cosign`), not one that signs a log's.
    """
    return Key(_core._key_make(name, _KINDS[witness])[0])


def public_key(private: Text) -> str:
    """The public key's text of a private one."""
    return _core._key_public(private)


_KINDS = {False: _core.constant("TALLY_KEY_OF_LOG"), True: _core.constant("TALLY_KEY_OF_WITNESS")}


# -------------------------------------------------------------------------------------------- signing


class SignRequest(NamedTuple):
    """What a signer is asked: Ed25519 over `note`. It may check before that the new tree extends the old one:
    `verify_consistency(*request[1:])`."""

    note: bytes
    old_size: int
    """What was signed before; 0: nothing."""
    old_root: bytes
    new_size: int
    new_root: bytes
    hashes: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"<SignRequest from {self.old_size} to {self.new_size} events>"


class Signing:
    """How a store's heads are signed and remembered: `tallystick.open(path, signing=Signing("audit.key"))`.

    Heads are signed at most 100 ms after a durable commit, on request, and at close. The signer never signs two
    histories: outside the store it keeps what it signed last, and RollbackError refuses what does not extend that.

    Args:
        key_path: a file outside the store, mode 0600, with a private key (see Key.save).
        key: the private key itself, such as os.environ["AUDIT_KEY"].
        signer: or a function, called with a SignRequest, that returns 64 bytes (an HSM, a KMS); with `verify_key`.
            It runs on the store's thread or a caller's; what it raises is told by `store.signing().failure`, the
            log, and the call that wanted the head (SignatureError). It may not ask its store for heads or proofs.
        verify_key: the signer's public key.
        state_path: where the last signed head is kept; `key_path` and ".signed" if not given. Without any place
            the store reports that it is not guarded.
        verify_keys: older public keys of this log.
        remembered: a note that the history must extend, checked by open.
        remembered_path: the same from a file, which is kept up to date.
        mirror_path: a file that gets each new note.
        mirror: or a function that gets each new Checkpoint.
        required: UnsignedError without a key, and no downgrade.
        every_commit: a durable append also waits until its head is signed.
    """

    __slots__ = ("_key", "_parts_but_key", "_shown")

    def __init__(
        self,
        key_path: Path | None = None,
        *,
        key: Text | None = None,
        signer: Callable[[SignRequest], bytes] | None = None,
        verify_key: Text | None = None,
        state_path: Path | None = None,
        verify_keys: Text | Iterable[Text] = (),
        remembered: "Text | Checkpoint | None" = None,
        remembered_path: Path | None = None,
        mirror_path: Path | None = None,
        mirror: "Callable[[Checkpoint], object] | None" = None,
        required: bool = False,
        every_commit: bool = False,
    ) -> None:
        for name, flag in (("required", required), ("every_commit", every_commit)):
            if not isinstance(flag, bool):
                raise TypeError(f"{name} is True or False, not {type(flag).__name__}")
        for name, function in (("signer", signer), ("mirror", mirror)):
            _check_callback(name, function)
        self._key = None if key is None else _secret(key)
        self._parts_but_key = (
            _path("key_path", key_path),
            _text("verify_key", verify_key),
            _path("state_path", state_path),
            _text("remembered", remembered),
            _path("remembered_path", remembered_path),
            _path("mirror_path", mirror_path),
            _texts("verify_keys", verify_keys),
            signer,
            mirror,
            required,
            every_commit,
        )
        given = {
            "key_path": key_path,
            "state_path": state_path,
            "remembered_path": remembered_path,
            "mirror_path": mirror_path,
            "verify_key": verify_key,
            "signer": signer,
            "mirror": mirror,
        }
        flags = [name for name, flag in (("required", required), ("every_commit", every_commit)) if flag]
        shown = [f"{name}={value!r}" for name, value in given.items() if value is not None]
        self._shown = [*(["key=…"] if key is not None else []), *shown, *(f"{name}=True" for name in flags)]

    def __repr__(self) -> str:
        return f"Signing({', '.join(self._shown)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Signing may hold a private key, and is not pickled or copied")


def _check_callback(name: str, function: Any) -> None:
    if function is None:
        return
    if not callable(function):
        raise TypeError(f"{name} is callable with one argument, not {type(function).__name__}")
    if _core._asynchronous(function) is not None:
        raise TypeError(f"{name} is async; it is called on a thread of the store and answers at once")


def _secret(key: object) -> bytes:
    """Its bytes; whatever is wrong with it, it stands in no message."""
    if not isinstance(key, (str, bytes)):
        raise TypeError(f"key is the text of a private key, not {type(key).__name__}")
    try:
        return key.encode() if isinstance(key, str) else key
    except UnicodeEncodeError:
        pass
    raise KeyTextError("the text of the private key is not Unicode")


def _refuse_secret(name: str, value: str | bytes) -> None:
    """A private key in the wrong place would be shown by a repr, or stand in an error about a file."""
    if value[:12] in ("PRIVATE+KEY+", b"PRIVATE+KEY+"):
        raise KeyTextError(f"{name} was given the text of a private key")


def _path(name: str, path: Path | None) -> bytes | None:
    if path is None:
        return None
    encoded = os.fsencode(path)
    _refuse_secret(name, encoded)
    return encoded


def _text(name: str, value: object) -> Any:
    if isinstance(value, Checkpoint):
        return value.text
    if value is not None and not isinstance(value, (str, bytes)):
        raise TypeError(f"{name} is a text, as str or bytes, not {type(value).__name__}")
    if value is not None:
        _refuse_secret(name, value)
    return value


def _signing_parts(signing: object) -> tuple[Any, ...]:
    """In the order of take_parts in proof_signing.c."""
    if not isinstance(signing, Signing):
        raise TypeError(f"signing is a tallystick.Signing, not {type(signing).__name__}")
    first, *rest = signing._parts_but_key
    return first, signing._key, *rest


class SigningState(NamedTuple):
    """How a store's heads stand; see Store.signing."""

    is_signed: bool
    """There is a signing key; read-only: there is a head."""
    is_guarded: bool
    """What was signed last is kept outside the store."""
    tree_size: int
    """Events that have been hashed into the tree."""
    signed_size: int
    """Events under the newest signed head; 0: none."""
    failures: int
    """Heads that could not be signed; the newest reason is in `failure`."""
    mirror_failures: int
    origin: str
    """ "<name>/<lineage>": the name that the log's key must have."""
    vkey: str | None
    """The active public key."""
    failure: str | None
    """Why a head could not be signed or mirrored, the newest reason."""


def signing(self: Store) -> SigningState:
    state = SigningState(*self._signing())
    return state._replace(vkey=state.vkey or None, failure=state.failure or None)


_said: dict[str, float] = {}


def _voice_failed(what: str, error: Exception) -> None:
    """A failure that no caller is told of: to the log, at most every few seconds for each kind."""
    now = clock.monotonic()
    if now - _said.get(what, -_log.INTERVAL_SECONDS) < _log.INTERVAL_SECONDS:
        return
    _said[what] = now
    _log._logger().error(
        "the %s of a store failed: %s", what, type(error).__name__, exc_info=(type(error), error, error.__traceback__)
    )


# ------------------------------------------------------------------------------------------ verifying


class Policy:
    """Whose signatures are asked for: one of the log's `keys`, and `needed` of the `witnesses`.

    Args:
        origin: that the checkpoint must have; the name of the key that signed it if not given.
    """

    __slots__ = ("keys", "needed", "origin", "witnesses")

    def __init__(
        self,
        keys: Text | Iterable[Text],
        witnesses: Text | Iterable[Text] = (),
        *,
        needed: int | None = None,
        origin: str | None = None,
    ) -> None:
        self.keys: tuple[Text, ...] = _texts("keys", keys)
        self.witnesses: tuple[Text, ...] = _texts("witnesses", witnesses)
        self.needed = len(self.witnesses) if needed is None else needed
        """All of them, if not given."""
        self.origin = origin

    def __repr__(self) -> str:
        return f"<Policy of {len(self.keys)} keys, {self.needed} of {len(self.witnesses)} witnesses>"


Trust: TypeAlias = Text | Iterable[Text] | Policy
"""A public key, several of which one must have signed, or a Policy."""


def _texts(name: str, value: Any) -> tuple[Any, ...]:
    if isinstance(value, Key):
        raise TypeError(f"{name} are public keys: give key.public")
    texts = (value,) if isinstance(value, (str, bytes)) else tuple(value)
    for one in texts:
        if not isinstance(one, (str, bytes)):
            raise TypeError(f"{name} are texts, as str or bytes, not {type(one).__name__}")
        _refuse_secret(name, one)
    return texts


def _terms(policy: Any) -> tuple[Any, ...]:
    known = policy if isinstance(policy, Policy) else Policy(policy)
    return known.keys, known.witnesses, known.needed, known.origin


class Signed(NamedTuple):
    """How a note's signatures came out."""

    by_log: int
    by_witnesses: int
    unknown: int
    """Lines of keys that the policy does not name; they prove nothing."""
    key_index: int
    """Which of the policy's keys signed, the first."""
    witnessed_s: int
    """By then all counted witnesses had seen it, in seconds since 1970; 0 without them."""


class Checkpoint(NamedTuple):
    """The head of a log: so many events, under one root. The text is a signed note, or an unsigned one."""

    text: str
    origin: str
    size: int
    root: bytes

    def verify(self, policy: Trust) -> Signed:
        """Checks its signatures; see verify_checkpoint."""
        return verify_checkpoint(self.text, policy)[1]

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Checkpoint of {self.origin}, {self.size} event{'' if self.size == 1 else 's'}>"


def read_checkpoint(text: Text) -> Checkpoint:
    """What a note says, without looking at signatures: for showing, never for believing. FormatError."""
    return Checkpoint(_decoded(text), *_core._checkpoint_read(text))


def _decoded(text: Text) -> str:
    return text if isinstance(text, str) else str(text, "utf-8", "replace")


class Proven(NamedTuple):
    """What a proof proves."""

    position: int
    event: Event | None
    """What happened. Its data are there when they were given and checked; else its data_state is "key missing".
    None when the proof says nothing about the event (see verify_proof's event_hash)."""
    tree_size: int
    root: bytes
    event_hash: bytes
    data_given: bool
    signed: Signed

    def __repr__(self) -> str:
        what = "" if self.event is None else f", {self.event.type} in {self.event.stream}"
        return f"<Proven: position {self.position} of {self.tree_size}{what}>"


class Proof(NamedTuple):
    """A proof that an event is in a log: a text (C2SP tlog-proof) for whoever has the public key."""

    text: str

    def verify(self, policy: Trust, stored: Any = None, *, codec: Any = None) -> Proven:
        """Checks it; see verify_proof."""
        return verify_proof(self.text, policy, stored, codec=codec)

    @property
    def position(self) -> int:
        """What it says it is about."""
        for line in self.text.split("\n", 3)[:3]:
            name, _, number = line.partition(" ")
            if name == "index" and number.isascii() and number.isdigit() and len(number) < 20:
                return int(number)
        raise FormatError("this text is no proof: it has no index")

    @property
    def checkpoint(self) -> Checkpoint:
        """The head that it leads to."""
        return read_checkpoint(self.text.partition("\n\n")[2])

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Proof of {len(self.text)} characters>"


def verify_proof(
    text: Text | Proof, policy: Trust, stored: Any = None, *, event_hash: bytes | None = None, codec: Any = None
) -> Proven:
    """Checks a proof of an event with nothing but public keys.

    Args:
        policy: the log's public key, several, or a Policy.
        stored: the event's data as stored (Store.get_stored): then they are checked too, and `event.data` is there.
        event_hash: as from a receipt; what the text says about the event is then not looked at.
        codec: for `event.data`, as of open.
    """
    given = text.text if isinstance(text, Proof) else text
    position, size, root, leaf, event, data_given, signed = _core._proof_verify(
        given, _terms(policy), stored, event_hash, codec
    )
    return Proven(position, event, size, root, leaf, data_given, Signed(*signed))


def verify_checkpoint(text: Text | Checkpoint, policy: Trust) -> tuple[Checkpoint, Signed]:
    """Reads a checkpoint and checks its signatures: what it says, and who signed."""
    given = text.text if isinstance(text, Checkpoint) else text
    origin, size, root, signed = _core._checkpoint_verify(given, _terms(policy))
    return Checkpoint(_decoded(given), origin, size, root), Signed(*signed)


class Consistency(NamedTuple):
    """A proof that a log of `new_size` events begins with that of `old_size`."""

    old_size: int
    old_root: bytes
    new_size: int
    new_root: bytes
    hashes: tuple[bytes, ...]

    def verify(self) -> None:
        """ProofError when the hashes do not lead from root to root. Whose roots they are is yours to compare."""
        verify_consistency(*self)

    def __repr__(self) -> str:
        return f"<Consistency of {self.old_size} and {self.new_size} events, {len(self.hashes)} hashes>"


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, hashes: Iterable[bytes]) -> None:
    """Checks that the newer tree begins with the older one (RFC 6962). ProofError."""
    _core._consistency_verify(old_size, old_root, new_size, new_root, hashes)


def verify_inclusion(leaf: bytes, index: int, size: int, hashes: Iterable[bytes], root: bytes) -> None:
    """Checks that a leaf is number `index` of the tree with that size and root (RFC 6962). ProofError."""
    _core._inclusion_verify(leaf, index, size, hashes, root)


def merkle_root(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes (RFC 6962), such as Event.hash."""
    hashes = tuple(leaves)
    for leaf in hashes:
        if not isinstance(leaf, bytes) or len(leaf) != 32:
            raise TypeError("leaves are hashes, each of 32 bytes")
    return _core._merkle_root(b"".join(hashes))


# ------------------------------------------------------------------------------------------ of a store


def checkpoint(self: Store) -> Checkpoint:
    return read_checkpoint(self._checkpoint())


def prove(self: Store, position: int | Event | Receipt, /) -> Proof:
    if isinstance(position, (Event, Receipt)):
        _check_own(self, position)
    return Proof(self._prove(position))


def _check_own(store: Store, known: Event | Receipt) -> None:
    """A receipt may be another log's, or of an event that was buffered when the machine stopped."""
    known_hash = known.hash if isinstance(known, Event) else known.event_hash
    if known.position >= len(store) or store.get(known.position).hash != known_hash:
        raise RangeError(f"{known!r} is not in this log", position=known.position)


def consistency(self: Store, old: int | Checkpoint, new: int | Checkpoint, /) -> Consistency:
    sizes = [one.size if isinstance(one, Checkpoint) else one for one in (old, new)]
    old_root, new_root, hashes = self._consistency(*sizes)
    for one, root in ((old, old_root), (new, new_root)):
        if isinstance(one, Checkpoint) and one.root != root:
            raise ProofError(f"{one!r} is no head of this log")
    return Consistency(sizes[0], old_root, sizes[1], new_root, hashes)


def keep_note(self: Store, note: Text | Checkpoint, witnesses: Text | Iterable[Text] = ()) -> None:
    self._keep_note(note.text if isinstance(note, Checkpoint) else note, _texts("witnesses", witnesses))


class Report:
    """What verify found. True when nothing is wrong in what was checked; `print(report)` says it in words."""

    __slots__ = (
        "bytes",
        "covered",
        "events",
        "file",
        "intact",
        "keys_given",
        "message",
        "mode",
        "offset",
        "position",
        "reason",
        "root",
        "signed_heads",
    )

    def __init__(self, mode: str, keys_given: bool, values: tuple[Any, ...]) -> None:
        self.mode = mode
        self.keys_given = keys_given
        """Signatures were looked at."""
        self.intact: bool = values[0]
        self.reason: str = values[1]
        """Of the first bad place: "data_changed", "link_broken", …; "none"."""
        self.position: int | None = values[2]
        self.events: int = values[3]
        """How many were checked."""
        self.covered: int = values[4]
        """How many lie before the newest head with a good signature of one of the keys."""
        self.signed_heads: int = values[5]
        self.bytes: int = values[6]
        self.root: bytes = values[7]
        """Over all events."""
        self.message: str = values[8]
        self.file: str | None = values[9]
        self.offset: int | None = values[10]

    def __bool__(self) -> bool:
        return self.intact

    def _signatures(self) -> str:
        if not self.keys_given:
            return "signatures were not looked at: no key was given"
        return f"{self.covered} of them under a signed head, {self.events - self.covered} not yet"

    def _where(self) -> str:
        at = "" if self.offset is None else f" at {self.offset}"
        places = ["" if self.position is None else f"event {self.position}", f"{self.file or ''}{at}"]
        return ", ".join(place for place in places if place)

    def __str__(self) -> str:
        counted = f"{self.events} events checked ({self.mode}), {self._signatures()}"
        if self.intact:
            return f"intact: {counted}"
        where = self._where()
        return f"not intact: {self.reason}{' in ' + where if where else ''}: {self.message}; {counted}"

    def __repr__(self) -> str:
        return f"<Report: {'intact' if self else self.reason}, {self.events} events>"

    def _repr_html_(self) -> str:
        from html import escape

        colour = "#1a7f37" if self else "#cf222e"
        verdict, _, rest = str(self).partition(": ")
        return f'<b style="color:{colour}">{verdict}</b>: {escape(rest)}'


Mode: TypeAlias = Literal["full", "quick"]


def _verify(call: Callable[..., Any], mode: Any, threads: Any, keys: Any, since: Any, progress: Any) -> Report:
    known = _texts("keys", keys)
    note = since.text if isinstance(since, Checkpoint) else since
    return Report(mode, bool(known), call(mode, threads, known, note, progress))


def store_verify(
    self: Store,
    mode: Mode = "full",
    *,
    keys: Text | Iterable[Text] = (),
    since: Text | Checkpoint | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Report:
    return _verify(self._verify, mode, threads, keys, since, progress)


def verify(
    path: Path,
    mode: Mode = "full",
    *,
    keys: Text | Iterable[Text] = (),
    since: Text | Checkpoint | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Verifies a directory: a store at rest, a backup, or one that is being written. Opens it read-only.

    Args:
        mode: "full" checks digests of data and bodies, links, indexes, the tree, and signatures; "quick" checks
            the events' cores against the tree, and signatures.
        keys: public keys that are believed; without any, signatures are not looked at, and the report says so.
        since: a note that was verified before: begins there, and checks that the history extends it.
        threads: as many as the machine has, at most 16, if not given.
        progress: called with (done, total) now and then; what it raises ends the work, as Ctrl-C does.
    """
    return _verify(lambda *values: _core._verify(path, *values), mode, threads, keys, since, progress)


_core._helpers().update(
    signing_parts=_signing_parts,
    sign_request=SignRequest,
    checkpoint=read_checkpoint,
    voice_failed=_voice_failed,
)
