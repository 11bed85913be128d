"""One call of one function. A refusal is checked in every way that the rules ask for: status, out-parameters, the
error's text, and the same again without an error."""

from __future__ import annotations

from typing import Any

from . import header
from .library import Box, CData, check, ffi, lib, name_of
from .roles import (
    Buffer,
    Bytes,
    Closes,
    Data,
    Detail,
    Form,
    Function,
    Given,
    Good,
    Handle,
    Items,
    Key,
    Length,
    Name,
    Opens,
    Out,
    Path,
    Plain,
    Role,
    Symbol,
    Text,
    Value,
    Word,
)
from .table import TABLE

JUNK = 0xA5


class Attempt:
    def __init__(self, name: str, box: Box) -> None:
        self.name = name
        self.row = TABLE[name]
        self.types = {item.name: item.type for item in header.functions()[name].parameters}
        self.box = box
        self.good = Good(box, any(isinstance(role, Handle) and role.signed for role in self.row.roles.values()))
        self.paths: dict[str, int] = {}
        self.values: dict[str, Any] = {}

    def _junk(self, parameter: str) -> CData:
        """Memory for an out-parameter: full of junk, and not a byte longer than it must be."""
        item = self.types[parameter].removesuffix("*").strip()
        room = getattr(self.row.roles[parameter], "room", 0)
        if room > 0:
            return self.box.fenced.put(bytes([JUNK]) * room, "char *")
        return self.box.fenced.put(bytes([JUNK]) * ffi.sizeof(item), self.types[parameter])

    def _value(self, parameter: str, role: Role) -> Any:
        from .structs import build

        good = self.good
        match role:
            case Handle(kind):
                return good.handle(kind)
            case Opens() | Out() | Detail():
                return self._junk(parameter)
            case Closes("platform"):
                world = self.box.new("tally_platform **")
                check(lib.tally_platform_memory_open(1, world, ffi.NULL))
                return world
            case Closes(kind):
                return self.box.new(f"tally_{kind} **", good.handle(kind))
            case Given(struct):
                return build(good, struct)
            case Text(_, _, text):
                return self.box.fenced.put(text.encode(), "char *")
            case Form(_, text):
                return self.box.fenced.put(text.encode(), "char *")
            case Path(_, make):
                path = make(good).encode()
                self.paths[parameter] = len(path)
                return self.box.fenced.put(path, "char *")
            case Bytes(_, make):
                raw = make(good)
                self.paths[parameter] = len(raw)
                return self.box.fenced.put(raw, "char *")
            case Name(text) | Key(text):
                return self.box.text(text.encode())
            case Value(make):
                return make(good)
            case Length(of, count):
                named = self.row.roles.get(of or "")
                if isinstance(named, Path | Bytes):
                    return self.paths.get(of or "", 1)
                return len(named.good.encode()) if isinstance(named, Text | Form) else count
            case Buffer(item, count):
                return self.box.fenced.put(bytes([JUNK]) * (ffi.sizeof(item) * count), f"{item} *")
            case Symbol(text):
                return self.box.fenced.put(text.encode() + b"\0", "char *")
            case Items(make) | Function(make):
                return make(good)
            case Plain(value):
                return value(good) if callable(value) else value
            case Word():
                return self.box.new("uint32_t *")
            case Data():
                return ffi.NULL
        raise AssertionError(role)

    def call(self, **changes: Any) -> Any:
        self.paths.clear()
        self.values = {
            parameter: changes[parameter] if parameter in changes else self._value(parameter, role)
            for parameter, role in self.row.roles.items()
        }
        arguments = [self._cast(parameter, value) for parameter, value in self.values.items()]
        return getattr(lib, self.name)(*arguments)

    def _cast(self, parameter: str, value: Any) -> Any:
        """A pointer of any kind may be tried in any place."""
        is_pointer = isinstance(value, ffi.CData) and ffi.typeof(value).kind in ("pointer", "array")
        return ffi.cast(self.types[parameter], value) if is_pointer else value

    def succeed(self, **changes: Any) -> Any:
        """The call works; closes what it opened."""
        result = self.call(**changes)
        if self.row.returns == "status":
            check(result)
        for parameter, role in self.row.roles.items():
            value = self.values[parameter]
            if isinstance(role, Detail) and value != ffi.NULL:
                assert name_of(value.status) == "OK"
            if isinstance(role, Opens) and value != ffi.NULL:
                assert value[0] != ffi.NULL
                check(getattr(lib, f"tally_{self._noun(role)}_close")(value))
                assert value[0] == ffi.NULL
        return result

    @staticmethod
    def _noun(role: Opens) -> str:
        return "platform_memory" if role.kind == "platform" else role.kind

    def refuse(self, error: str | set[str], **changes: Any) -> None:
        """The call fails with that error (a set: with one of them); so does the same one that wants no detail."""
        self._refuse(error, changes)
        detail = next((key for key, role in self.row.roles.items() if isinstance(role, Detail)), None)
        if detail is not None and detail not in changes:
            self._refuse(error, {**changes, detail: ffi.NULL})

    def _refuse(self, errors: str | set[str], changes: dict[str, Any]) -> None:
        result = self.call(**changes)
        error = name_of(result) if isinstance(errors, set) else errors
        assert not isinstance(errors, set) or error in errors
        if self.row.answer is not None:
            assert self.row.answer(result), f"answered {result}"
        else:
            assert name_of(result) == error
        for parameter, role in self.row.roles.items():
            value = self.values[parameter]
            if parameter in changes or value == ffi.NULL:
                continue
            if isinstance(role, Out | Opens) and parameter not in self.row.kept.get(error, ()):
                left = (ffi.buffer(value, role.room) if getattr(role, "room", 0) else ffi.buffer(value))[:]
                assert left == bytes(len(left)), f"{parameter} is not zero after {error}"
            if isinstance(role, Detail):
                self.check_detail(value, error)

    @staticmethod
    def check_detail(detail: CData, error: str) -> None:
        assert name_of(detail.status) == error
        message = ffi.string(detail.message).decode()
        assert len(message) > 8, "an error says what is wrong"
        assert not any(ord(letter) < 32 for letter in message)
        ffi.string(detail.path).decode()
