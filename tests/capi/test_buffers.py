"""Rule 12: a result buffer that is too small says what it needs and consumes nothing; rule 14: a batch names the items
that it refused."""

import time

import pytest

from . import header
from .attempt import JUNK, Attempt
from .library import Box, CData, address, check, ffi, kind_number, lib, name_of, notify, text
from .roles import Buffer
from .table import TABLE

# Which test of this file looks at a function with a result buffer.
TESTED = {
    "tally_registry_handlers": "handlers",
    "tally_ring_drain": "ring",
    "tally_completions_take": "completions",
    "tally_reader_next": "reader",
    "tally_store_get": "event",
    "tally_store_list": "names_that",
    "tally_store_ancestors": "ancestors",
    "tally_proof_verify": "proof",
    "tally_store_checkpoint": "signed",
    "tally_store_prove": "signed",
    "tally_store_consistency": "signed",
    "tally_store_get_stored": "signed",
    "tally_witness_cosign": "witness",
    "tally_witness_request": "witness",
    "tally_witness_answer": "witness",
}


def test_every_function_with_a_result_buffer_is_tested_here() -> None:
    with_buffers = {name for name, row in TABLE.items() if any(isinstance(role, Buffer) for role in row.roles.values())}
    assert with_buffers == set(TESTED)
    tests = [name for name in globals() if name.startswith("test_")]
    for word in TESTED.values():
        assert any(word in name for name in tests)


def names(rows: CData, count: int) -> list[str]:
    return [text(rows[i].name, rows[i].name_length) for i in range(count)]


@pytest.mark.parametrize("capacity", [0, 1, 2])
def test_too_few_rows_for_the_handlers_are_not_written(capacity: int, box: Box) -> None:
    registry = box.registry()
    nothing = box.handler(lambda notice: 0)
    for name in (b"one", b"two", b"three"):
        box.register(registry, nothing, name=box.keep(ffi.new("char[]", name)), name_length=len(name))
    size = ffi.sizeof("tally_handler_info")
    rows = box.fenced.put(bytes([JUNK]) * (capacity * size), "tally_handler_info *") if capacity else ffi.NULL
    count = ffi.new("size_t *")
    error = ffi.new("tally_error *")
    assert name_of(lib.tally_registry_handlers(registry, rows, capacity, count, error)) == "E_SPACE"
    assert (count[0], error.position) == (3, 3)
    assert ffi.buffer(rows, capacity * size)[:] == bytes([JUNK]) * (capacity * size) if capacity else True
    enough = box.fenced.put(bytes([JUNK]) * (count[0] * size), "tally_handler_info *")
    check(lib.tally_registry_handlers(registry, enough, count[0], count, error))
    assert names(enough, count[0]) == ["one", "two", "three"]


def test_more_rows_than_handlers_stay_untouched(box: Box) -> None:
    registry = box.registry()
    box.register(registry, box.handler(lambda notice: 0))
    rows = box.new("tally_handler_info[3]")
    ffi.memmove(rows, bytes([JUNK]) * ffi.sizeof(rows), ffi.sizeof(rows))
    count = ffi.new("size_t *")
    check(lib.tally_registry_handlers(registry, rows, 3, count, ffi.NULL))
    assert count[0] == 1
    rest = ffi.buffer(rows)[ffi.sizeof("tally_handler_info") :]
    assert rest == bytes([JUNK]) * len(rest)
    assert rows[0].reserved == 0


def test_the_number_of_handlers_can_be_asked_for_without_rows(box: Box) -> None:
    registry = box.registry()
    count = ffi.new("size_t *")
    check(lib.tally_registry_handlers(registry, ffi.NULL, 0, count, ffi.NULL))
    assert count[0] == 0


# -------------------------------------------------------------------------------------------------------- ring


def push(ring: CData, data: bytes, kind: int = 0) -> None:
    notice = ffi.new("tally_notice *", {"kind": kind, "data": ffi.from_buffer(data), "length": len(data)})
    assert lib.tally_ring_handler(ring, notice) == 0


class Drain:
    """Takes from a ring into memory that has no byte too many."""

    def __init__(self, box: Box, ring: CData) -> None:
        self.box, self.ring = box, ring
        self.error = ffi.new("tally_error *")
        self.count = ffi.new("size_t *")

    def take(self, capacity: int, room: int) -> tuple[str, list[bytes]]:
        rows = self.box.fenced.put(bytes(capacity * ffi.sizeof("tally_ring_event")), "tally_ring_event *")
        data = self.box.fenced.put(bytes(room)) if room else ffi.NULL
        status = lib.tally_ring_drain(self.ring, rows, capacity, data, room, self.count, self.error)
        self.rows = [rows[i] for i in range(self.count[0])]
        found = [
            ffi.buffer(ffi.cast("char *", data) + row.offset, row.length)[:] if row.length else b"" for row in self.rows
        ]
        return name_of(status), found


def test_a_ring_keeps_an_event_that_does_not_fit(box: Box) -> None:
    ring = box.open("ring")
    push(ring, b"twelve bytes")
    push(ring, b"next")
    drain = Drain(box, ring)
    for room in (0, 1, 11):
        assert drain.take(4, room) == ("E_SPACE", [])
        assert drain.error.position == 12
        assert drain.count[0] == 0
    assert drain.take(1, 12) == ("OK", [b"twelve bytes"])
    assert drain.take(4, 4) == ("OK", [b"next"])
    assert drain.take(4, 4) == ("OK", [])


def test_a_ring_gives_what_fits_and_keeps_the_rest(box: Box) -> None:
    ring = box.open("ring")
    for data in (b"a", b"bb", b"ccc"):
        push(ring, data)
    drain = Drain(box, ring)
    assert drain.take(8, 10) == ("OK", [b"a", b"bb"])  # each begins at a multiple of eight
    assert [row.offset for row in drain.rows] == [0, 8]
    assert [row.sequence for row in drain.rows] == [0, 1]
    assert drain.take(8, 3) == ("OK", [b"ccc"])
    assert drain.rows[0].sequence == 2


def test_a_ring_keeps_kind_and_emptiness(box: Box) -> None:
    ring = box.open("ring")
    kind = kind_number("capi.ring")
    push(ring, b"", kind)
    push(ring, b"x")
    drain = Drain(box, ring)
    assert drain.take(1, 0) == ("OK", [b""])
    assert drain.rows[0].kind == kind
    assert drain.take(1, 0) == ("E_SPACE", [])
    assert drain.take(1, 1) == ("OK", [b"x"])


def test_a_ring_counts_what_it_could_not_keep(box: Box) -> None:
    ring = box.open("ring", box.struct("tally_ring_options", slots=2, slot_bytes=8))
    for data in (b"1", b"123456789", b"12345678", b"full"):
        push(ring, data)
    counts = ffi.new("tally_ring_counts *")
    check(lib.tally_ring_count(ring, counts, ffi.NULL))
    assert (counts.pushed, counts.drained, counts.dropped_full, counts.dropped_long) == (2, 0, 1, 1)
    assert Drain(box, ring).take(4, 64) == ("OK", [b"1", b"12345678"])


# ------------------------------------------------------------------------------------------------------- stores


def fill(box: Box, count: int) -> CData:
    """A store with that many events, in streams capi/1 and s/0, s/1, …"""
    store = box.store()
    for number in range(1, count):
        options = box.struct("tally_append_options", durability=1)
        draft = box.draft(f"s/{number % 3}".encode(), data=b"x" * number)
        check(lib.tally_store_append(store, draft, options, ffi.NULL, ffi.NULL))
    return store


def test_an_event_that_does_not_fit_says_how_much_it_needs(box: Box) -> None:
    store = box.store()
    needed, event, error = ffi.new("size_t *"), ffi.new("tally_event *"), ffi.new("tally_error *")
    assert name_of(lib.tally_store_get(store, 0, ffi.NULL, 0, needed, event, error)) == "E_SPACE"
    enough = needed[0]
    assert enough > 0
    for room in (1, enough - 1):
        small = box.fenced.put(bytes([JUNK]) * room, "char *")
        assert name_of(lib.tally_store_get(store, 0, small, room, needed, event, error)) == "E_SPACE"
        assert needed[0] == enough
        assert ffi.buffer(small, room)[:] == bytes([JUNK]) * room
        assert ffi.buffer(event)[:] == bytes(ffi.sizeof("tally_event"))
    exact = box.fenced.put(bytes(enough), "char *")
    check(lib.tally_store_get(store, 0, exact, enough, needed, event, error))
    assert needed[0] == enough
    assert ffi.buffer(event.data, event.length)[:] == b"data"
    assert address(exact) <= address(event.data) < address(exact) + enough


def test_a_page_of_a_reader_takes_no_more_than_it_was_asked_for(box: Box) -> None:
    reader = box.reader(fill(box, 7))
    count = ffi.new("size_t *")
    seen = []
    size = ffi.sizeof("tally_event")
    while count[0] or not seen:
        page = box.fenced.put(bytes([JUNK]) * (2 * size), "tally_event *")
        check(lib.tally_reader_next(reader, page, 2, count, ffi.NULL))
        seen += [page[i].position for i in range(count[0])]
        rest = ffi.buffer(page, 2 * size)[count[0] * size :]
        assert rest == bytes([JUNK]) * len(rest)
    assert seen == list(range(7))


def test_names_that_do_not_fit_are_given_by_the_next_page(box: Box) -> None:
    store = fill(box, 7)
    items, count = box.new("tally_listed[4]"), ffi.new("size_t *")
    error = ffi.new("tally_error *")

    def page(after: bytes, room: int, capacity: int = 4) -> tuple[str, list[str]]:
        there = box.fenced.put(bytes([JUNK]) * room, "char *") if room else ffi.NULL
        nothing = {"bytes": ffi.NULL, "length": 0}
        status = lib.tally_store_list(store, 1, nothing, box.text(after), items, capacity, there, room, count, error)
        return name_of(status), [text(items[i].name.bytes, items[i].name.length) for i in range(count[0])]

    assert page(b"", 0) == ("E_SPACE", [])
    assert page(b"", 5) == ("E_SPACE", [])
    assert page(b"", 6) == ("OK", ["capi/1"])
    assert page(b"", 11) == ("OK", ["capi/1", "s/0"])
    assert page(b"s/0", 100) == ("OK", ["s/1", "s/2"])
    assert page(b"", 100, 3) == ("OK", ["capi/1", "s/0", "s/1"])
    assert page(b"s/2", 0) == ("OK", [])
    assert page(b"zzz", 100) == ("OK", [])


def test_more_ancestors_than_there_is_room_for_end_at_the_limit(box: Box) -> None:
    store = fill(box, 10)  # s/0 has events 3, 6, 9
    count, ended = ffi.new("size_t *"), ffi.new("uint32_t *")

    def climb(capacity: int) -> tuple[list[int], int]:
        room = box.fenced.put(bytes([JUNK]) * (8 * capacity), "uint64_t *")
        check(lib.tally_store_ancestors(store, 9, room, capacity, count, ended, ffi.NULL))
        return [room[i] for i in range(count[0])], ended[0]

    assert climb(1) == ([9], 2)
    assert climb(2) == ([9, 6], 2)
    assert climb(3) == ([9, 6, 3], 1)
    assert climb(4) == ([9, 6, 3], 1)


def test_completions_that_do_not_fit_stay(box: Box) -> None:
    store = box.store()
    completions = box.open("completions")
    for token in range(5):
        draft = box.draft()
        check(lib.tally_store_append_async(store, draft, 1, ffi.NULL, completions, token, ffi.NULL, ffi.NULL))
    check(lib.tally_store_sync(store, ffi.NULL))
    size = ffi.sizeof("tally_completion")
    count = ffi.new("size_t *")
    seen: list[int] = []
    for _ in range(10000):
        items = box.new("tally_completion[2]")
        ffi.memmove(items, bytes([JUNK]) * (2 * size), 2 * size)
        check(lib.tally_completions_take(completions, items, 2, count, ffi.NULL))
        rest = ffi.buffer(items)[count[0] * size :]
        assert rest == bytes([JUNK]) * len(rest)
        seen += [items[i].token for i in range(count[0])]
        if len(seen) == 5:
            break
        time.sleep(0.001)
    assert seen == [0, 1, 2, 3, 4]


# ------------------------------------------------------------------------------------------------------- proofs


@pytest.mark.parametrize(
    ("name", "buffer"),
    [
        ("tally_witness_cosign", "line"),
        ("tally_witness_request", "body"),
        ("tally_witness_answer", "signed_note"),
        ("tally_proof_verify", "buffer"),
    ],
)
def test_a_proof_or_a_text_for_a_witness_needs_just_the_room_that_it_says(name: str, buffer: str, box: Box) -> None:
    attempt = Attempt(name, box)
    attempt.refuse("E_SPACE", **{buffer: box.fenced.put(b"\xa5"), "capacity": 1})
    if "needed" in attempt.row.roles:
        needed = attempt.values["needed"][0]
    else:
        attempt.call(**{buffer: box.fenced.put(b"\xa5"), "capacity": 1})
        needed = attempt.values["error"].position
    assert 1 < needed < 4096
    short = box.fenced.put(bytes([JUNK]) * (needed - 1), "char *")
    attempt.refuse("E_SPACE", **{buffer: short, "capacity": needed - 1})
    attempt.succeed(**{buffer: box.fenced.put(bytes([JUNK]) * needed, "char *"), "capacity": needed})


# ------------------------------------------------------------------------------------------------------ batches


def test_a_batch_says_of_each_item_whether_and_why_it_was_refused(box: Box) -> None:
    registry, other = box.registry(), box.registry()
    nothing = box.handler(lambda notice: 0)
    own = box.register(registry, nothing)
    foreign = box.register(other, nothing)
    edits = box.new("tally_edit[5]")
    edits[0].operation, edits[0].handler = 1, nothing
    edits[1].operation = 9
    edits[2].operation, edits[2].id = 2, own
    edits[3].operation, edits[3].id = 2, foreign
    edits[4].operation = 1
    error = ffi.new("tally_error *")
    assert name_of(lib.tally_registry_edit(registry, edits, 5, error)) == "E_OPTION"
    assert [name_of(edit.status) for edit in edits] == ["OK", "E_OPTION", "OK", "E_FOREIGN", "E_NULL"]
    assert error.position == 1
    assert edits[0].id.handler == edits[4].id.handler == 0
    assert [edit.removed for edit in edits] == [0] * 5
    assert notify(registry) == (1, 0, 0), "nothing was changed"


def test_a_batch_takes_what_is_right(box: Box) -> None:
    registry = box.registry()
    nothing = box.handler(lambda notice: 0)
    own = box.register(registry, nothing)
    edits = box.new("tally_edit[3]")
    edits[0].operation, edits[0].id = 2, own
    edits[1].operation, edits[1].handler = 1, nothing
    edits[2].operation, edits[2].id = 2, own
    check(lib.tally_registry_edit(registry, edits, 3, ffi.NULL))
    assert [edit.removed for edit in edits] == [1, 0, 0]
    assert edits[1].id.handler > own.handler
    assert notify(registry) == (1, 0, 0)


def test_more_edits_than_a_batch_may_have_are_refused_unread(box: Box) -> None:
    few = box.fenced.put(bytes(ffi.sizeof("tally_edit")), "tally_edit *")
    assert name_of(lib.tally_registry_edit(box.registry(), few, 2**20 + 1, ffi.NULL)) == "E_LENGTH"


def test_buffers_may_end_where_memory_ends() -> None:
    """What the tests above stand on: memory of a box ends at a page that cannot be read."""
    box = Box()
    pointer = box.fenced.put(b"12345")
    end = address(pointer) + 5
    assert end % 4096 == 0
    maps = [line.split() for line in (header.Path("/proc/self/maps").read_text().splitlines())]
    behind = [row for row in maps if int(row[0].split("-")[0], 16) <= end < int(row[0].split("-")[1], 16)]
    assert behind[0][1].startswith("---")
    box.end()


@pytest.mark.parametrize(
    "name", ["tally_store_checkpoint", "tally_store_prove", "tally_store_get_stored", "tally_store_consistency"]
)
def test_a_signed_store_says_how_much_room_it_needs(name: str, box: Box) -> None:
    attempt = Attempt(name, box)
    if name == "tally_store_consistency":
        for _ in range(6):
            check(lib.tally_store_append(attempt.good.signed_store, box.draft(), ffi.NULL, ffi.NULL, ffi.NULL))
        attempt.good.box.new("size_t *")
        sizes = {"old_size": 3, "new_size": 7}
        attempt.refuse("E_SPACE", capacity=1, **sizes)
        return
    attempt.refuse("E_SPACE", capacity=1)
    needed = attempt.values["needed"][0]
    assert needed > 1
    attempt.refuse("E_SPACE", capacity=needed - 1)
    assert attempt.values["needed"][0] == needed
    attempt.succeed(capacity=needed)
