"""The parts that a parameter of a public function can play. The rules of the interface are about these parts, and
table.py says for each declared function which parameter plays which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .library import Box, CData, ffi, lib


class Good:
    """Good arguments of one call, made when they are asked for."""

    def __init__(self, box: Box, signed: bool = False) -> None:
        self.box = box
        self.signed = signed
        self.ran = 0
        self.copies = 0

    def handle(self, kind: str) -> CData:
        if kind == "platform":
            return self.platform
        if kind == "store" and self.signed:
            return self.signed_store
        return getattr(self, kind)

    @cached_property
    def registry(self) -> CData:
        """With a host, a handler, and muted once, so that every call has something to do."""
        host = self.box.struct("tally_registry_host")
        made = self.box.registry(host=host)
        lib.tally_registry_mute(made, ffi.NULL)
        return made

    @cached_property
    def counter(self) -> CData:
        return self.box.open("counter")

    @cached_property
    def ring(self) -> CData:
        made = self.box.open("ring")
        assert lib.tally_ring_handler(made, self.notice) == 0
        return made

    @cached_property
    def mask(self) -> CData:
        return self.box.mask()

    @cached_property
    def platform(self) -> CData:
        """The world where the stores of the box are."""
        return self.box.memory()

    @cached_property
    def path(self) -> str:
        """Of a store that is not there yet, in the world in memory as on the real disk."""
        return self.box.folder() + "/store"

    @cached_property
    def store(self) -> CData:
        """In memory, with one event, and a background thread."""
        return self.box.store()

    @cached_property
    def signed_store(self) -> CData:
        """The same, with a key for its heads, another key that it could have, and its newest head."""
        made = self.box.signed_store()
        self.second_key = self.box.key_of(made)[0]
        self.note = self.box.note_of(made)
        return made

    @cached_property
    def reader(self) -> CData:
        return self.box.reader(self.store)

    @cached_property
    def completions(self) -> CData:
        return self.box.open("completions")

    @cached_property
    def event(self) -> CData:
        """The store's first event, as a reader lends it."""
        reader = self.box.reader(self.store)
        events, count = self.box.new("tally_event *"), self.box.new("size_t *")
        assert lib.tally_reader_next(reader, events, 1, count, ffi.NULL) == 0
        assert count[0] == 1
        return events

    @cached_property
    def gate(self) -> int:
        number = ffi.new("uint64_t *")
        gate = self.box.callback("tally_gate", lambda *_: 0, 1)
        assert lib.tally_store_gate_add(self.store, gate, ffi.NULL, ffi.NULL, number, ffi.NULL) == 0
        return int(number[0])

    @cached_property
    def notice(self) -> CData:
        data = self.box.fenced.put(b"12345678", "char *")
        return self.box.struct("tally_notice", data=data, length=8)

    @cached_property
    def handler(self) -> CData:
        def run(notice: CData) -> int:
            self.ran += 1
            return 0

        return self.box.handler(run)

    @cached_property
    def id(self) -> CData:
        return self.box.register(self.registry, self.handler)


Make = Callable[[Good], Any]


@dataclass(frozen=True)
class Role:
    """One of the classes below."""


@dataclass(frozen=True)
class Handle(Role):
    kind: str
    # A store whose heads are signed.
    signed: bool = False


@dataclass(frozen=True)
class Opens(Role):
    """Receives a handle."""

    kind: str


@dataclass(frozen=True)
class Closes(Role):
    """A pointer to a handle, which becomes NULL."""

    kind: str


@dataclass(frozen=True)
class Out(Role):
    """Receives a value; zero on every failing path. `room`: an array of so many characters."""

    optional: bool = False
    room: int = 0


@dataclass(frozen=True)
class Detail(Role):
    """The tally_error."""


@dataclass(frozen=True)
class Given(Role):
    """A pointer to a struct that is read; see structs.py, where `struct` is the name of a shape: "tally_x@here" is a
    tally_x of which here another thing is good. `both_ways`: its size is in, the rest is out."""

    struct: str
    optional: bool = False
    both_ways: bool = False


@dataclass(frozen=True)
class Text(Role):
    """Pointer and length. `lenient`: bytes that are not UTF-8 are replaced, not refused."""

    length: str
    lenient: bool = False
    good: str = "a name"
    minimum: int = 0
    maximum: int | None = None


@dataclass(frozen=True)
class Path(Role):
    """Pointer and length of a path, 1 to 400 bytes. `make`: what is good in a world that the call uses."""

    length: str
    make: Make


@dataclass(frozen=True)
class Form(Role):
    """Pointer and length of a text of one form alone, all others being refused by their own errors."""

    length: str
    good: str


@dataclass(frozen=True)
class Bytes(Role):
    """Pointer and length of what is read and may be anything; which bytes are refused, others test."""

    length: str
    make: Make


@dataclass(frozen=True)
class Key(Role):
    """A tally_text by value that is a key or a key's name; which are refused, test_proof_rules.py says."""

    good: str


@dataclass(frozen=True)
class Name(Role):
    """A tally_text by value: a name of an event, or a part of one."""

    good: str
    minimum: int = 0
    maximum: int = 512


@dataclass(frozen=True)
class Value(Role):
    """A pointer to a plain value that is read, of no size of its own."""

    make: Make


@dataclass(frozen=True)
class Symbol(Role):
    """A NUL-terminated text."""

    good: str


@dataclass(frozen=True)
class Length(Role):
    """How long `of` is; `of` None: a plain index. `too_long` is what lengths above PTRDIFF_MAX get."""

    of: str | None
    good: int = 0
    too_long: str = "E_LENGTH"
    # What a length of 0 gets, where nothing cannot be asked for.
    zero: str | None = None


@dataclass(frozen=True)
class Buffer(Role):
    """Receives an array; a test in test_buffers.py says that a small one consumes nothing."""

    item: str
    count: int


@dataclass(frozen=True)
class Items(Role):
    """An array that is read, with a Length. `empty`: what an empty one gets."""

    make: Make
    struct: str
    empty: str = "OK"


@dataclass(frozen=True)
class Function(Role):
    """A callback."""

    make: Make
    optional: bool = False


@dataclass(frozen=True)
class Word(Role):
    """A pointer that is kept, aligned to 4 bytes."""

    optional: bool = False
    aligned: bool = True


@dataclass(frozen=True)
class Data(Role):
    """user_data and payloads: anything at all, NULL included."""


@dataclass(frozen=True)
class Plain(Role):
    """A number or a struct by value; `refused` lists values and the error of each."""

    good: Make | int
    refused: tuple[tuple[Any, str], ...] = ()


@dataclass(frozen=True)
class Row:
    """One function. `answer` says how a function that returns no status answers to a handle it refuses."""

    roles: dict[str, Role]
    returns: str = "status"
    answer: Callable[[Any], bool] | None = None
    # Out-parameters that are not zero on a failing path, by the error's name.
    kept: dict[str, set[str]] = field(default_factory=dict)
