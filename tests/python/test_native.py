"""Semantic 15: handlers that never enter Python, and what a bytes-like event is to them."""

import array
import threading

import pytest

import tallystick
from tallystick import Counter, Mask, Registry, Ring


def test_a_counter_counts_events_and_bytes(registry):
    counter = Counter()
    registry.register(counter)
    for event in (b"abc", bytearray(b"de"), memoryview(b"f"), array.array("H", [1, 2]), "text", None, 5):
        assert registry.notify(event) == (1, 0, 0)
    assert (counter.events, counter.bytes) == (7, 3 + 2 + 1 + 4)


def test_python_and_native_handlers_run_in_one_order(registry, make, calls):
    counter = Counter()
    registry.register(make("first", lambda event: calls.append(counter.events)), priority=2)
    registry.register(counter, priority=1)
    registry.register(make("last", lambda event: calls.append(counter.events)))
    registry.notify(b"event")
    assert calls == ["first", 0, "last", 1]


def test_the_event_is_locked_while_handlers_run(registry):
    event = bytearray(b"abc")
    seen = []

    def resize(event):
        with pytest.raises(BufferError):
            event.append(0)
        seen.append(True)

    registry.register(Counter())
    registry.register(resize)
    registry.notify(event)
    event.append(0)
    assert seen == [True]


def test_an_event_that_is_not_contiguous_is_refused_when_a_native_handler_would_see_it(registry, make, calls):
    event = memoryview(b"abcdef")[::2]
    registry.register(make("a"))
    assert registry.notify(event) == (1, 0, 0)
    identity = registry.register(Counter())
    with pytest.raises(BufferError):
        registry.notify(event)
    registry.unregister(identity)
    assert registry.notify(event) == (1, 0, 0)


def test_a_native_handler_of_a_parent_sees_the_bytes_too(registry):
    counter = Counter()
    child = registry.child()
    registry.register(counter)
    child.notify(b"abc")
    child.close()
    assert (counter.events, counter.bytes) == (1, 3)


def test_a_ring_keeps_copies_for_later(registry):
    ring = Ring(slots=4, slot_bytes=16)
    registry.register(ring)
    registry.emit("order.paid", b"one")
    registry.notify(b"")
    assert ring.drain() == [(0, "order.paid", b"one"), (1, None, b"")]
    assert ring.drain() == []


def test_a_full_ring_and_a_long_event_are_counted_not_failed(registry):
    ring = Ring(4, 16)
    registry.register(ring)
    for index in range(6):
        assert registry.notify(bytes([index])) == (1, 0, 0)
    assert registry.notify(b"x" * 17).failed == 0
    counts = ring.counts()
    assert (counts.pushed, counts.drained, counts.dropped_full) == (4, 0, 2) or counts.dropped_long == 1
    assert counts.dropped_long == 1
    assert [event.data for event in ring.drain(limit=3)] == [b"\0", b"\1", b"\2"]
    assert [event.sequence for event in ring.drain()] == [3]


def test_a_ring_drains_more_than_one_round_and_long_events(registry):
    ring = Ring(slots=512, slot_bytes=100_000)
    registry.register(ring)
    sent = [bytes([index % 256]) * (100_000 if index % 100 == 0 else 10) for index in range(300)]
    for event in sent:
        registry.notify(event)
    assert [event.data for event in ring.drain()] == sent


def test_a_ring_is_filled_from_many_threads_and_drained_from_one(registry):
    ring = Ring(slots=65536, slot_bytes=8)
    registry.register(ring)
    done = threading.Event()
    taken = []

    def drain():
        while not done.is_set():
            taken.extend(ring.drain())
        taken.extend(ring.drain())

    def push(number):
        for index in range(2000):
            registry.notify(bytes([number]) + index.to_bytes(4, "big"))

    drainer = threading.Thread(target=drain)
    threads = [threading.Thread(target=push, args=(number,)) for number in range(4)]
    drainer.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    drainer.join()
    assert len(taken) + ring.counts().dropped_full == 8000
    assert [event.sequence for event in taken] == list(range(len(taken)))
    for number in range(4):
        mine = [event.data for event in taken if event.data[0] == number]
        assert mine == sorted(mine)


def test_a_mask_hands_on_what_matches(registry):
    counter = Counter()
    mask = Mask(counter, mask=0x80, match=0x80, offset=1, width=1)
    registry.register(mask)
    for event in (b"\0\x80", b"\0\x7f", b"\0", b"\0\xff\xff", "text"):
        registry.notify(event)
    assert (mask.matched, mask.passed_over, counter.events) == (2, 3, 2)


def test_masks_chain(registry):
    ring = Ring()
    inner = Mask(ring, mask=0xFF00, match=0x6200, width=2)
    registry.register(Mask(inner, mask=0xFF, match=0x61, width=1))
    for event in (b"ab", b"aa", b"bb"):
        registry.notify(event)
    assert [event.data for event in ring.drain()] == [b"ab"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"mask": 0, "match": 0}, tallystick.RangeError),
        ({"mask": 1, "match": 2}, tallystick.RangeError),
        ({"mask": 1, "match": 1, "width": 3}, tallystick.RangeError),
        ({"mask": -1, "match": 0}, tallystick.RangeError),
        ({"mask": 2**64, "match": 0}, tallystick.RangeError),
        ({"mask": 1, "match": 1, "offset": -1}, tallystick.RangeError),
        ({"mask": "1", "match": 1}, TypeError),
        ({"mask": 1}, TypeError),
    ],
)
def test_a_senseless_mask_is_refused(arguments, error):
    with pytest.raises(error):
        Mask(Counter(), **arguments)
    with pytest.raises(TypeError):
        Mask(print, mask=1, match=1)


@pytest.mark.parametrize(
    "arguments", [{"slots": 0}, {"slot_bytes": 0}, {"slots": 2**32}, {"slots": 2**20, "slot_bytes": 2**20}]
)
def test_a_senseless_ring_is_refused(arguments):
    with pytest.raises(tallystick.RangeError):
        Ring(**arguments)


def test_one_object_serves_many_registrations(registry):
    counter = Counter()
    with Registry() as other:
        for target in (registry, registry, other):
            target.register(counter)
        registry.notify(b"a")
        other.notify(b"b")
    assert counter.events == 3
    with pytest.raises(tallystick.ExistsError):
        registry.unregister(counter)


def test_a_registered_native_object_is_kept_alive(registry):
    import gc

    registry.register(Counter(), name="kept")
    gc.collect()
    registry.notify(b"a")
    assert registry.handlers()[0].function.events == 1


def test_native_objects_can_be_called_like_functions():
    counter = Counter()
    assert counter(b"abc") is None
    assert (counter.events, counter.bytes) == (1, 3)
    with pytest.raises(TypeError):
        counter()


def test_native_handlers_can_be_weak_no_more_than_others(registry):
    with pytest.raises(TypeError, match="weak"):
        registry.register(Counter(), weak=True)


def test_filters_and_once_hold_for_native_handlers(registry):
    counter = Counter()
    registry.register(counter, once=True, kinds="a.*")
    for name in ("b", "a.b", "a.c"):
        registry.emit(name, b"xyz")
    assert (counter.events, counter.bytes) == (1, 3)


def test_collect_gives_none_for_native_handlers(registry):
    identity = registry.register(Counter())
    assert registry.collect(b"a") == [(identity, None)]
