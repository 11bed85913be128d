"""Appending through the exported functions: what is refused, by which error, and that a refusal changes nothing."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from .library import Box, CData, check, constant, ffi, lib, name_of
from .open_stores import Refused, Store, call, segments

NO_THREAD = constant("TALLY_STORE_NO_THREAD")


@pytest.fixture
def store(box: Box, tmp_path: Path) -> Store:
    return Store(box, tmp_path / "store", segment_bytes=65536)


def refused(status: str, act: Callable[[], Any]) -> Refused:
    with pytest.raises(Refused) as caught:
        act()
    assert caught.value.status == status, caught.value
    return caught.value


# ------------------------------------------------------------------------------------------------------- bad inputs

BAD = {
    "a stream without a name": ({"stream": ""}, "E_LENGTH"),
    "a stream of 513 bytes": ({"stream": "x" * 513}, "E_LENGTH"),
    "a stream with a new line": ({"stream": "a\nb"}, "E_NAME"),
    "a stream with a NUL": ({"stream": "a\0b"}, "E_NUL"),
    "a stream of the library": ({"stream": "$log"}, "E_NAME"),
    "a type of the library": ({"type_": "tally.made"}, "E_NAME"),
    "a type of 513 bytes": ({"type_": "é" * 257}, "E_LENGTH"),
    "33 tags": ({"tags": [f"t{i}" for i in range(33)]}, "E_LIMIT"),
    "an empty tag": ({"tags": [""]}, "E_LENGTH"),
    "a tag with a control character": ({"tags": ["a\x7f"]}, "E_NAME"),
    "a key of 513 bytes": ({"key": b"k" * 513}, "E_LENGTH"),
    "a subject without a keyring": ({"subject": "Ada"}, "E_UNSUPPORTED"),
    "a cause that is not before it": ({"flags": 2, "cause_index": 0}, "E_RANGE"),
    "an unknown flag": ({"flags": 64}, "E_OPTION"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_draft_is_refused_and_changes_nothing(what: str, store: Store) -> None:
    members, status = dict(BAD[what][0]), BAD[what][1]
    if "subject" in members:
        members["subject"] = store.box.text(members["subject"].encode())
    store.append(b"before")
    drafts = [store.draft(), store.draft(), store.draft(**members)]
    told = refused(status, lambda: store.append_many(drafts if "flags" not in members else drafts[2:]))
    assert "flags" in members or "2" in told.message, "the draft is named by its index"
    refused(status, lambda: store.append(**members))
    assert store.marks == (1, 1, 1)
    assert store.append(b"after").position == 1


def test_data_and_batches_have_their_limits(store: Store) -> None:
    limit = constant("TALLY_DATA_MAX")
    huge = store.draft(b"")
    huge.data, huge.length = store.box.fenced.put(b"x"), limit + 1
    refused("E_LENGTH", lambda: store.append_many([huge]))
    most = constant("TALLY_BATCH_MAX")
    refused("E_RANGE", lambda: store.append_many([store.draft()] * (most + 1), level="BUFFERED"))
    receipts = store.append_many([store.draft(b"x")] * most, level="BUFFERED")
    assert (receipts[0].position, receipts[-1].position) == (0, most - 1)
    assert store.marks[0] == most
    # Together more than 256 MiB: each could be alone.
    whole = store.box.fenced.put(bytes(1 << 20))
    heavy = store.draft(b"")
    heavy.data, heavy.length = whole, 1 << 20
    told = refused("E_LENGTH", lambda: store.append_many([heavy] * 257, level="BUFFERED"))
    assert "256" in told.message or "268435456" in told.message
    assert store.marks[0] == most


def test_a_name_of_every_length_and_any_letters_is_kept(store: Store) -> None:
    names = ["x", "x" * 512, "é" * 256, "a b", "日本語", "😀/\u00a0", "a.b/c:d*e"]
    for number, name in enumerate(names):
        receipt = store.append(b"%d" % number, name, name, [name], level="BUFFERED")
        assert (receipt.position, receipt.version) == (number, 0)
    for number, event in enumerate(store.events()):
        assert (event.stream, event.type, event.tags) == (names[number], names[number], [names[number]])
    assert [name for name, _ in store.listed()] == sorted(names, key=str.encode)


def test_data_of_64_mebibytes_is_kept(store: Store) -> None:
    limit = constant("TALLY_DATA_MAX")
    draft = store.draft(b"")
    data = store.box.fenced.put(b"\xab" * limit)
    draft.data, draft.length = data, limit
    assert store.append_many([draft], level="WRITTEN")[0].position == 0
    store.append(b"behind it")
    event = next(iter(store.events()))
    assert len(event.data) == limit
    assert event.data[-4:] == b"\xab" * 4
    assert store.get(1) == b"behind it"


# ------------------------------------------------------------------------------------------------------- conditions


def test_an_expected_version_that_does_not_hold_says_the_actual_one(store: Store) -> None:
    for expect, version, holds in (
        ("NO_STREAM", 0, True),
        ("NO_STREAM", 0, False),
        ("EXISTS", 0, True),
        ("VERSION", 1, True),
        ("VERSION", 1, False),
        ("VERSION", 2**63, False),
        ("ANY", 7, True),
    ):
        before = store.marks[0]
        options = store.expecting(expect, version)
        if holds:
            store.append(b"", options=options, level="BUFFERED")
        else:
            told = refused("E_CONFLICT", lambda options=options: store.append(b"", options=options))
            assert told.position == before
            assert store.marks[0] == before
    options = store.expecting("EXISTS", stream="s/other")
    assert refused("E_CONFLICT", lambda: store.append(b"", options=options)).position == 0


def test_a_condition_looks_only_from_its_position_on(store: Store) -> None:
    store.append(b"0", type_="order.paid", tags=["k:1"])
    store.append(b"1", type_="order.made", tags=["k:2", "k:1"])
    assert refused("E_CONFLICT", lambda: store.append(options=store.unless(0, ["order.paid"]))).position == 0
    assert refused("E_CONFLICT", lambda: store.append(options=store.unless(1, ["order.*"]))).position == 1
    assert refused("E_CONFLICT", lambda: store.append(options=store.unless(0, tags=["k:1", "k:2"]))).position == 1
    refused("E_ARGUMENT", lambda: store.append(options=store.unless(0)))
    store.append(options=store.unless(1, ["order.paid"]))
    store.append(options=store.unless(0, ["order.paid"], ["k:2"]))
    store.append(options=store.unless(4, ["order.*"]))


def test_an_id_that_exists_is_refused_with_its_position(store: Store) -> None:
    identity = uuid.UUID(int=77)
    store.append(b"other")
    assert store.append(b"first", id=identity).position == 1
    assert refused("E_EXISTS", lambda: store.append(b"again", id=identity)).position == 1
    twice = uuid.UUID(int=78)
    refused("E_ARGUMENT", lambda: store.append_many([store.draft(id=twice), store.draft(id=twice)]))
    assert store.find(identity) == 1
    refused("E_NOT_FOUND", lambda: store.find(twice))


# ------------------------------------------------------------------------------------------------------------- keys


def test_a_key_that_is_used_again_gives_the_first_receipt_or_is_refused(box: Box, store: Store) -> None:
    first = store.append(b"paid", key=b"key 1")
    for _ in range(2):
        again = store.append(b"paid", key=b"key 1")
        assert (again.position, again.flags) == (first.position, constant("TALLY_RECEIPT_REPEATED"))
        assert bytes(again.event_hash.bytes) == bytes(first.event_hash.bytes)
        for changed in (
            {"data": b"other"},
            {"stream": "s/2"},
            {"type_": "t.x"},
            {"tags": ["t"]},
            {"schema_version": 1},
        ):
            members = {"data": b"paid", **changed}
            told = refused("E_REUSED", partial(store.append, key=b"key 1", **members))
            assert told.position == first.position
            assert "key 1" not in told.message
            assert "paid" not in told.message
        store.close()
        store = Store(box, store.path)
    assert store.marks[0] == 1
    raw = b"".join(file.read_bytes() for file in segments(store.path))
    assert b"key 1" not in raw, "a key is never stored as text"


def test_a_key_is_forgotten_when_its_window_is_over(box: Box, tmp_path: Path) -> None:
    store = Store(box, tmp_path / "store", idempotency_events=10)
    store.append(b"1", key=b"k", level="BUFFERED")
    for _ in range(9):
        store.append(level="BUFFERED")
    assert store.append(b"1", key=b"k", level="BUFFERED").position == 0
    store.append(level="BUFFERED")
    assert store.append(b"1", key=b"k", level="BUFFERED").position == 11


def test_a_batch_has_keys_for_all_or_for_none(store: Store) -> None:
    keyed = [store.draft(b"%d" % i, key=b"k%d" % i) for i in range(3)]
    with pytest.raises(Refused) as caught:
        store.append_many([keyed[0], store.draft()])
    assert caught.value.status in ("E_ARGUMENT", "E_REUSED")
    receipts = store.append_many(keyed)
    again = store.append_many(keyed)
    assert [receipt.position for receipt in again] == [receipt.position for receipt in receipts] == [0, 1, 2]
    assert {receipt.flags for receipt in again} == {1}
    refused("E_REUSED", lambda: store.append_many(list(reversed(keyed))))
    refused("E_REUSED", lambda: store.append_many([*keyed[:2], store.draft(b"new", key=b"new")]))
    assert store.marks[0] == 3


# ------------------------------------------------------------------------------------------------------------ levels


def test_each_level_reaches_its_watermark(box: Box, tmp_path: Path) -> None:
    store = Store(box, tmp_path / "store", flags=NO_THREAD)
    store.append(level="BUFFERED")
    assert store.marks[0] == 1
    store.append(level="WRITTEN")
    assert store.marks[:2] == (2, 2)
    receipt = store.append(level="DURABLE")
    assert store.marks == (3, 3, 3)
    assert receipt.durability == constant("TALLY_DURABLE")
    store.append(level="BUFFERED")
    store.sync()
    assert store.marks == (4, 4, 4)


def test_a_read_only_store_refuses_to_write_and_sees_what_the_writer_says(box: Box, store: Store) -> None:
    reader = Store(box, store.path, "READ_ONLY")
    for act in (reader.append, reader.sync):
        refused("E_READ_ONLY", act)
    store.append(b"seen", level="WRITTEN")
    reader.wait("WRITTEN", 0, 5000)
    assert [data for _, data in reader.read()] == [b"seen"]
    store.append(b"buffered", level="BUFFERED")
    store.sync()
    reader.wait("DURABLE", 1, 5000)
    assert reader.marks == (2, 2, 2)


# ------------------------------------------------------------------------------------------------------------- gates


def gate(box: Box, store: Store, judge: Callable[[CData, int, CData], int], **options: Any) -> int:
    number = ffi.new("uint64_t *")
    function = box.callback("tally_gate", lambda _, drafts, count, refusal: judge(drafts, count, refusal), 1)
    given = box.struct("tally_gate_options", **options) if options else ffi.NULL
    call("tally_store_gate_add", store.handle[0], function, ffi.NULL, given, number)
    return int(number[0])


def test_a_gate_refuses_with_its_code_and_message_and_the_refusal_can_be_recorded(box: Box, store: Store) -> None:
    def judge(drafts: CData, count: int, refusal: CData) -> int:
        if ffi.buffer(drafts[0].data, drafts[0].length)[:] != b"secret":
            return 0
        refusal.code = 42
        refusal.message = b"no secrets here"
        return 1

    number = gate(box, store, judge, name=box.text(b"censor"), record=1)
    store.append(b"open")
    told = refused("E_REFUSED", lambda: store.append(b"secret", stream="s/secret"))
    assert (told.os_error, told.message) == (42, "no secrets here")
    events = list(store.events())
    assert [event.position for event in events] == [0, 1]
    record = next(data for position, data in store.read() if position == 1)
    assert b"censor" in record
    assert b"42" in record
    assert b"secret" not in record.replace(b"s/secret", b"")
    call("tally_store_gate_remove", store.handle[0], number)
    refused("E_NOT_FOUND", lambda: call("tally_store_gate_remove", store.handle[0], number))
    store.append(b"secret")


def test_a_gate_may_read_but_not_append_or_close(box: Box, store: Store) -> None:
    store.append(b"there")
    seen: list[str] = []

    def judge(drafts: CData, count: int, refusal: CData) -> int:
        seen.append(repr(store.get(0)))
        with pytest.raises(Refused) as caught:
            store.append(b"inside")
        seen.append(caught.value.status)
        return 0

    gate(box, store, judge)
    store.append(b"outside")
    assert seen == ["b'there'", "E_WOULD_BLOCK"]
    assert store.marks[0] == 2


# ------------------------------------------------------------------------------------------------------ notification


def test_handlers_are_told_of_each_event_in_order_once(box: Box, store: Store) -> None:
    told: list[int] = []
    lock = threading.Lock()

    def note(notice: CData) -> int:
        event = ffi.cast("tally_event *", notice.data)
        with lock:
            told.append(event.position)
        return 0

    store.append(b"before")
    id_ = ffi.new("tally_handler_id *")
    call("tally_store_on", store.handle[0], box.text(b"t.*"), box.handler(note), ffi.NULL, ffi.NULL, id_)
    drafts = [[store.draft(b"x") for _ in range(3)] for _ in range(40)]

    def work(mine: list[list[CData]]) -> None:
        for batch in mine:
            store.append_many(batch, level="BUFFERED")

    threads = [threading.Thread(target=work, args=(drafts[at::4],)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.append(type_="other")
    deadline = time.monotonic() + 10
    while len(told) < 120 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert told == list(range(1, 121))


def test_waiting_for_durability_inside_a_handler_is_refused(box: Box, store: Store) -> None:
    seen: list[str] = []

    def again(notice: CData) -> int:
        if not seen:
            with pytest.raises(Refused) as caught:
                store.append(b"inside", type_="other", level="DURABLE")
            seen.append(caught.value.status)
            store.append(b"inside", type_="other", level="WRITTEN")
            seen.append("written")
        return 0

    id_ = ffi.new("tally_handler_id *")
    call("tally_store_on", store.handle[0], box.text(b"t.*"), box.handler(again), ffi.NULL, ffi.NULL, id_)
    store.append(b"outside")
    assert seen == ["E_WOULD_BLOCK", "written"]
    assert store.marks[0] == 2


# ----------------------------------------------------------------------------------------------------- without waiting


class Queue:
    def __init__(self, box: Box) -> None:
        self.box, self.woken = box, threading.Event()
        wake = box.callback("void(void *)", lambda _: self.woken.set())
        options = box.struct("tally_completions_options", wake=wake)
        self.handle = ffi.new("tally_completions **")
        call("tally_completions_open", options, self.handle)
        box.opened.append((lib.tally_completions_close, self.handle))

    def take(self, count: int) -> list[CData]:
        items, taken = self.box.new("tally_completion[16]"), ffi.new("size_t *")
        found: list[CData] = []
        deadline = time.monotonic() + 20
        while len(found) < count and time.monotonic() < deadline:
            self.woken.wait(0.05)
            self.woken.clear()
            call("tally_completions_take", self.handle[0], items, 16, taken)
            found += [ffi.new("tally_completion *", items[i])[0] for i in range(taken[0])]
        assert len(found) == count
        return found


def append_async(store: Store, queue: Queue, token: int, draft: CData, options: dict[str, Any] | None = None) -> None:
    given = store.box.struct("tally_append_options", **(options or {}))
    call("tally_store_append_async", store.handle[0], draft, 1, given, queue.handle[0], token, ffi.NULL)


def test_asynchronous_appends_complete_in_order_each_with_its_outcome(box: Box, store: Store) -> None:
    queue = Queue(box)
    for token in range(10):
        append_async(store, queue, token, store.draft(b"%d" % token))
    append_async(store, queue, 10, store.draft(), store.expecting("NO_STREAM"))
    call("tally_store_wait_async", store.handle[0], 3, 2**64 - 1, queue.handle[0], 11)
    found = queue.take(12)
    assert [item.token for item in found] == list(range(12))
    assert [name_of(item.status) for item in found] == ["OK"] * 10 + ["E_CONFLICT", "OK"]
    assert [item.receipt.position for item in found[:10]] == list(range(10))
    assert found[10].error.position == 10
    assert store.marks == (10, 10, 10)
    with pytest.raises(Refused) as caught:
        append_async(store, queue, 12, store.draft(stream=""))
    assert caught.value.status == "E_LENGTH"


def test_closing_a_store_completes_what_was_accepted(box: Box, store: Store) -> None:
    queue = Queue(box)
    for token in range(50):
        append_async(store, queue, token, store.draft(b"x" * 1000))
    store.close()
    assert [name_of(item.status) for item in queue.take(50)] == ["OK"] * 50
    again = Store(box, store.path)
    assert again.marks[0] == 50


def test_a_store_without_a_thread_accepts_nothing_asynchronous(box: Box, tmp_path: Path) -> None:
    store = Store(box, tmp_path / "quiet", flags=NO_THREAD)
    queue = Queue(box)
    with pytest.raises(Refused) as caught:
        append_async(store, queue, 1, store.draft())
    assert caught.value.status == "E_UNSUPPORTED"


# ------------------------------------------------------------------------------------------------ reading while closing


def test_readers_of_a_closed_store_are_closed(box: Box, store: Store) -> None:
    store.append(b"x")
    reader = box.reader(store.handle[0])
    check(lib.tally_reader_refresh(reader, ffi.NULL))
    store.close()
    count, events = ffi.new("size_t *"), ffi.new("tally_event[1]")
    assert name_of(lib.tally_reader_next(reader, events, 1, count, ffi.NULL)) == "E_CLOSED"


def test_many_threads_use_a_store_that_is_closed(box: Box, store: Store) -> None:
    outcomes: list[str] = []
    handle = store.handle[0]
    stop = threading.Event()
    drafts = [store.draft(b"x") for _ in range(4)]

    def work(draft: CData) -> None:
        error = ffi.new("tally_error *")
        options = ffi.new("tally_append_options *", {"size": ffi.sizeof("tally_append_options"), "durability": 2})
        while not stop.is_set():
            status = name_of(lib.tally_store_append(handle, draft, options, ffi.NULL, error))
            if status != "OK":
                outcomes.append(status)
                return

    threads = [threading.Thread(target=work, args=(draft,)) for draft in drafts]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    store.close()
    time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join(20)
    assert outcomes == ["E_CLOSED"] * 4
