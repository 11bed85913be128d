"""The shared library under test, opened through cffi, and what every test of it needs.

`TALLYSTICK_LIBRARY` names another build of it (with coverage, with sanitizers); otherwise it is what `make` made.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable
from typing import Any

from cffi import FFI

from . import header

LIBRARY = os.environ.get("TALLYSTICK_LIBRARY", str(header.ROOT / "out" / "libtallystick.so"))

ffi = FFI()
ffi.cdef(header.declarations())
lib: Any = ffi.dlopen(LIBRARY)
# ffi.NULL, an int or a pointer: cffi has one class for all of them.
CData = Any

PTRDIFF_MAX = 2**63 - 1
SIZE_MAX = 2**64 - 1
TOO_LONG = (PTRDIFF_MAX + 1, SIZE_MAX)


def constant(name: str) -> int:
    """The value of a macro, as the compiler has it."""
    return int(header.compiled()["macros"][name])


def name_of(status: int) -> str:
    """ "E_CLOSED" for -5: what tests compare, so that a difference can be read."""
    return ffi.string(lib.tally_status_name(status)).decode().removeprefix("TALLY_")


def status_of(name: str) -> int:
    return int(getattr(lib, f"TALLY_{name}"))


def check(status: int) -> None:
    assert name_of(status) == "OK"


def text(pointer: CData, length: int | None = None) -> str:
    return (ffi.string(pointer) if length is None else ffi.buffer(pointer, length)[:]).decode()


def address(pointer: CData) -> int:
    return int(ffi.cast("uintptr_t", pointer))


class Fenced:
    """Memory that ends right before a page nobody may touch: one byte read too far ends the test run."""

    def __init__(self) -> None:
        self.pages: list[tuple[int, int]] = []
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.mmap.restype = ctypes.c_void_p
        self.libc.mmap.argtypes = [
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_long,
        ]
        self.libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self.libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]

    def put(self, data: bytes, kind: str = "void *") -> CData:
        """A pointer to a copy of `data` whose end is the end of what can be read."""
        page = mmap.PAGESIZE
        room = max(1, -(-len(data) // page)) * page
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        start = self.libc.mmap(None, room + page, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
        assert start is not None
        self.pages.append((start, room + page))
        assert self.libc.mprotect(start + room, page, 0) == 0
        place = start + room - len(data)
        ctypes.memmove(place, data, len(data))
        return ffi.cast(kind, place)

    def release(self) -> None:
        for start, length in self.pages:
            self.libc.munmap(start, length)
        self.pages.clear()


class Box:
    """What one test opens and keeps alive. `end` closes it all; callbacks that raised are found out there."""

    def __init__(self) -> None:
        self.fenced = Fenced()
        self.kept: list[Any] = []
        self.opened: list[tuple[Callable[[CData], int], CData]] = []
        self.errors: list[BaseException] = []
        self.world: CData | None = None
        self.path: str | None = None
        self.stores = 0

    def keep(self, thing: Any) -> Any:
        self.kept.append(thing)
        return thing

    def new(self, kind: str, initial: Any = None) -> CData:
        return self.keep(ffi.new(kind) if initial is None else ffi.new(kind, initial))

    def struct(self, name: str, /, **members: Any) -> CData:
        """A struct with its size set."""
        made = self.new(f"{name} *", members)
        if header.structs()[name].is_sized and "size" not in members:
            made.size = ffi.sizeof(name)
        return made

    def callback(self, kind: str, function: Callable[..., Any], error: Any = None) -> CData:
        """A C function that calls `function`; what that raises fails the test at its end."""

        def note(kind: type[BaseException], value: BaseException, trace: object) -> None:
            self.errors.append(value)

        return self.keep(ffi.callback(kind, function, error=error, onerror=note))

    def handler(self, function: Callable[[CData], int | None]) -> CData:
        return self.callback("int32_t(void *, const tally_notice *)", lambda _, notice: function(notice) or 0, 1)

    def handle(self, kind: str) -> CData:
        """A new handle of a kind, with whatever it needs."""
        makers: dict[str, Callable[[], CData]] = {"mask": self.mask, "store": self.store, "reader": self.reader}
        return makers[kind]() if kind in makers else self.open(kind)

    def open(self, kind: str, *arguments: Any) -> CData:
        """A handle of a kind: "registry", "counter", "ring", …, or "child" of a registry."""
        noun = "registry" if kind == "child" else kind
        verb = "tally_registry_child" if kind == "child" else f"tally_{kind}_open"
        handle = ffi.new(f"tally_{noun} **")
        check(getattr(lib, verb)(*(arguments or (ffi.NULL,)), handle, ffi.NULL))
        self.opened.append((getattr(lib, f"tally_{noun}_close"), handle))
        return handle[0]

    def registry(self, **options: Any) -> CData:
        return self.open("registry", self.struct("tally_registry_options", **options) if options else ffi.NULL)

    def mask(self) -> CData:
        nothing = self.handler(lambda notice: 0)
        return self.open("mask", self.struct("tally_mask_options", mask=1, match=1, width=1, handler=nothing))

    def memory(self) -> CData:
        """The one world in memory of this box, where its stores are."""
        if self.world is None:
            self.world = self.memory_platform()
        return self.world

    def folder(self) -> str:
        """A directory that is in the world in memory and on the real disk."""
        if self.path is None:
            self.path = tempfile.mkdtemp(prefix="tally-capi-", dir="/tmp")
            world, os_error = self.memory(), ffi.new("int32_t *")
            for place in ("/tmp", self.path):
                check(world.make_directory(world.context, place.encode(), 0o700, os_error))
        return self.path

    def text(self, data: bytes) -> CData:
        """A tally_text; its bytes end where memory ends."""
        return {"bytes": self.fenced.put(data, "char *") if data else ffi.NULL, "length": len(data)}

    def store_options(self, **options: Any) -> CData:
        return self.struct("tally_store_options", **{"platform": self.memory(), **options})

    def store(self, **options: Any) -> CData:
        """A new store in memory, with one event."""
        self.stores += 1
        path = f"{self.folder()}/{self.stores}".encode()
        made = self.open("store", path, len(path), self.store_options(**options))
        draft = self.draft()
        append = self.struct("tally_append_options", durability=constant("TALLY_WRITTEN"))
        check(lib.tally_store_append(made, draft, append, ffi.NULL, ffi.NULL))
        return made

    def key_of(self, store: CData) -> tuple[bytes, bytes]:
        """A new key for the heads of a store: private, public."""
        state = ffi.new("tally_signing_state *")
        check(lib.tally_store_signing_get(store, state, ffi.NULL))
        origin = ffi.string(state.origin)
        skey, vkey = ffi.new("char[]", 512), ffi.new("char[]", 512)
        name = {"bytes": ffi.from_buffer(origin), "length": len(origin)}
        check(lib.tally_key_make(ffi.NULL, name, 0, skey, vkey, ffi.NULL))
        return ffi.string(skey), ffi.string(vkey)

    def note_of(self, store: CData) -> bytes:
        """The newest head."""
        room = ffi.new("char[]", 16384)
        needed = ffi.new("size_t *")
        check(lib.tally_store_checkpoint(store, room, 16384, needed, ffi.NULL))
        return bytes(ffi.buffer(room, needed[0]))

    def signed_store(self, **options: Any) -> CData:
        """A new store in memory, with one event, and a key for its heads; the key is given at its second opening."""
        unsigned = self.store()
        skey, _ = self.key_of(unsigned)
        path = f"{self.folder()}/{self.stores}".encode()
        check(lib.tally_store_close(next(one for _, one in self.opened if one[0] == unsigned)))
        signing = self.struct("tally_signing", key_text=self.text(skey))
        return self.open("store", path, len(path), self.store_options(signing=signing, **options))

    def place_of_both(self, store: CData) -> str:
        """Where a store in memory lies, when it is the newest one; on the disk there is one too."""
        assert store != ffi.NULL
        path = f"{self.folder()}/{self.stores}"
        if not os.path.exists(path):
            handle = ffi.new("tally_store **")
            check(lib.tally_store_open(path.encode(), len(path), ffi.NULL, handle, ffi.NULL))
            check(lib.tally_store_append(handle[0], self.draft(), ffi.NULL, ffi.NULL, ffi.NULL))
            check(lib.tally_store_close(handle))
        return path

    def draft(
        self, stream: bytes = b"capi/1", type_: bytes = b"capi.made", data: bytes = b"data", **more: Any
    ) -> CData:
        given = {"stream": self.text(stream), "type": self.text(type_), "length": len(data)}
        return self.struct("tally_draft", **given, data=self.fenced.put(data), **more)

    def reader(self, store: CData | None = None) -> CData:
        return self.open("reader", self.store() if store is None else store, ffi.NULL)

    def memory_platform(self) -> CData:
        handle = ffi.new("tally_platform **")
        check(lib.tally_platform_memory_open(7, handle, ffi.NULL))
        self.opened.append((lib.tally_platform_memory_close, handle))
        return handle[0]

    def register(self, registry: CData, handler: CData, user_data: CData = ffi.NULL, **options: Any) -> CData:
        id_ = ffi.new("tally_handler_id *")
        given = self.struct("tally_handler_options", **options) if options else ffi.NULL
        check(lib.tally_registry_register(registry, handler, user_data, given, id_, ffi.NULL))
        return id_[0]

    def end(self) -> None:
        for close, handle in reversed(self.opened):
            check(close(handle))
        if self.path is not None:
            shutil.rmtree(self.path)
        self.fenced.release()
        self.kept.clear()
        if self.errors:
            raise self.errors[0]


def kind_number(name: str) -> int:
    kind = ffi.new("uint32_t *")
    check(lib.tally_kind_intern(name.encode(), len(name.encode()), kind, ffi.NULL))
    return int(kind[0])


def in_child(run: Callable[[], None]) -> None:
    """Runs it in a forked child, which must not fail."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            run()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def notify(registry: CData, **notice: Any) -> tuple[int, int, int]:
    out = ffi.new("tally_notified *")
    check(lib.tally_registry_notify(registry, ffi.new("tally_notice *", notice), out, ffi.NULL))
    return out.fired, out.failed, out.skipped
