"""Reading: positions, ids, streams, filters, pages, lists, followers."""

import copy
import datetime
import pickle
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tallystick as tally
from tallystick import Event, Reader, Store

UTC = datetime.UTC


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """600 events of 6 streams, 3 types and 2 tags."""
    path = tmp_path_factory.mktemp("read") / "log"
    with tally.open(path, durability="buffered", segment_bytes=65536, name="orders") as made:
        for n in range(0, 600, 3):
            made.append_many(
                [
                    {
                        "stream": f"order/{m % 6}",
                        "type": ("order.placed", "order.paid", "stock.taken")[m % 3],
                        "data": {"n": m, "fill": "x" * (m % 50)},
                        "tags": [f"half:{m % 2}", *(["rare:one"] if m % 100 == 7 else [])],
                    }
                    for m in range(n, n + 3)
                ]
            )
        yield made


def numbers(events: Any) -> list[int]:
    return [event.data["n"] for event in events]


def test_everything_in_order(store: Store) -> None:
    assert numbers(store.read()) == list(range(600)) == numbers(store)
    assert [event.position for event in store] == list(range(600))
    assert len(store) == 600


QUERIES: list[tuple[dict[str, Any], Any]] = [
    ({"stream": "order/2"}, lambda n: n % 6 == 2),
    ({"stream": "nothing"}, lambda n: False),
    ({"prefix": "order/"}, lambda n: True),
    ({"prefix": "order/1"}, lambda n: n % 6 == 1),
    ({"prefix": "ord"}, lambda n: True),
    ({"types": "order.paid"}, lambda n: n % 3 == 1),
    ({"types": ["order.*"]}, lambda n: n % 3 != 2),
    ({"types": ("order.placed", "stock.*")}, lambda n: n % 3 != 1),
    ({"tags": "half:1"}, lambda n: n % 2 == 1),
    ({"tags": ["half:1", "rare:one"]}, lambda n: n % 100 == 7),
    ({"tags": {"rare:one"}, "types": "order.paid"}, lambda n: n % 100 == 7 and n % 3 == 1),
    ({"from_position": 590}, lambda n: n >= 590),
    ({"to_position": 10}, lambda n: n < 10),
    ({"as_of": 10}, lambda n: n < 10),
    ({"as_of": 0}, lambda n: False),
    ({"from_position": 100, "to_position": 200, "stream": "order/3"}, lambda n: 100 <= n < 200 and n % 6 == 3),
    ({"stream": "order/0", "from_version": 98}, lambda n: n % 6 == 0 and n // 6 >= 98),
    ({"stream": "order/0", "from_version": 2, "to_version": 4}, lambda n: n % 6 == 0 and 2 <= n // 6 < 4),
    ({"stream": "order/0", "to_version": 0}, lambda n: False),
    ({"from_position": 600}, lambda n: False),
    ({"from_position": 10**9}, lambda n: False),
    ({"stream": None, "types": None, "tags": None, "since": None}, lambda n: True),
    ({"durable_only": False, "tags": ()}, lambda n: True),
]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(("query", "matches"), QUERIES, ids=[str(query) for query, _ in QUERIES])
def test_a_query_gives_what_matches(store: Store, query: Any, matches: Any, backwards: bool) -> None:
    expected = [n for n in range(600) if matches(n)]
    if backwards:
        expected.reverse()
    assert numbers(store.read(**query, backwards=backwards)) == expected
    assert numbers(store.read(**query, backwards=backwards, limit=5)) == expected[:5]
    assert numbers(store.read(**query, backwards=backwards, limit=0)) == []


def test_times_are_aware_datetimes_or_microseconds(store: Store) -> None:
    middle = store[300]
    expected = [event.position for event in store if event.time_us >= middle.time_us]
    assert [event.position for event in store.read(since=middle.time)] == expected
    assert [event.position for event in store.read(since=middle.time_us)] == expected
    before = [event.position for event in store if event.time_us < middle.time_us]
    east = middle.time.astimezone(datetime.timezone(datetime.timedelta(hours=5, minutes=30)))
    assert [event.position for event in store.read(until=east)] == before
    assert list(store.read(until=datetime.datetime(1970, 1, 1, tzinfo=UTC))) == []
    assert list(store.read(since=datetime.datetime(9999, 1, 1, tzinfo=UTC))) == []


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ({"stream": "a", "prefix": "b"}, tally.ArgumentError),
        ({"from_version": 1}, tally.ArgumentError),
        ({"to_position": 1, "as_of": 1}, tally.ArgumentError),
        ({"stream": 7}, TypeError),
        ({"types": 7}, TypeError),
        ({"types": ["a*b"]}, ValueError),
        ({"tags": [b"x"]}, TypeError),
        ({"types": [f"t{n}" for n in range(65)]}, tally.LimitError),
        ({"from_position": -1}, tally.RangeError),
        ({"from_position": 2**64}, tally.RangeError),
        ({"from_position": True}, TypeError),
        ({"from_position": 1.0}, TypeError),
        ({"since": datetime.datetime(2020, 1, 1)}, tally.ArgumentError),
        ({"since": "2020"}, TypeError),
        ({"backwards": 1}, TypeError),
        ({"limit": -1}, tally.RangeError),
        ({"stream": "x" * 513}, tally.LengthError),
        ({"subject": "person/ada"}, tally.UnsupportedError),
    ],
)
def test_a_wrong_query_is_refused(store: Store, query: Any, kind: Any) -> None:
    with pytest.raises(kind):
        store.read(**query)


def test_a_misspelt_filter_is_refused_with_the_right_spelling(store: Store) -> None:
    read: Any = store.read
    with pytest.raises(TypeError, match=r"read\(\) has no option 'streem'; did you mean 'stream'\?"):
        read(streem="x")
    with pytest.raises(TypeError, match="has no option 'from_pos'; did you mean 'from_position'"):
        read(from_pos=1)


# ---------------------------------------------------------------------------------------------- single


def test_get_by_position_or_id(store: Store) -> None:
    event = store.get(123)
    assert event.data["n"] == 123
    assert store.get(event.id) == event
    assert store.get(str(event.id)) == event
    assert store.find(event.id) == 123
    assert store.find_version("order/3", 20) == 123
    assert (event.stream, event.version) == ("order/3", 20)


def test_what_is_not_there_is_said(store: Store) -> None:
    with pytest.raises(tally.RangeError):
        store.get(600)
    with pytest.raises(IndexError):
        store[600]
    with pytest.raises(IndexError):
        store[-601]
    with pytest.raises(tally.NotFoundError):
        store.get(uuid.uuid4())
    with pytest.raises(KeyError):
        store[uuid.uuid4()]
    with pytest.raises(tally.NotFoundError):
        store.find_version("order/3", 100)
    with pytest.raises(tally.NotFoundError):
        store.find_version("nothing", 0)
    for key in (None, True, 1.5, "no uuid", b"x", object(), 2**64):
        with pytest.raises((TypeError, ValueError)):
            store.get(key)  # type: ignore[arg-type]
    for key in (-1,):
        with pytest.raises(tally.RangeError):
            store.get(key)


def test_a_store_is_indexed_like_a_list(store: Store) -> None:
    assert store[-1].data["n"] == 599
    assert store[-600].data["n"] == 0
    for key in (slice(3), slice(-3, None), slice(5, 2), slice(595, 700), slice(10, 0, -1), slice(None, None, -1)):
        assert numbers(store[key]) == list(range(600))[key]
    assert numbers(store[0:100:30]) == [0, 30, 60, 90]
    assert numbers(store[99:0:-30]) == [99, 69, 39, 9]
    assert type(store[1:3]) is tally.EventList


def test_what_is_in_a_store(store: Store) -> None:
    assert store[5] in store
    assert store[5].id in store
    assert 599 in store
    assert 600 not in store
    assert -1 not in store
    assert 10**30 not in store
    assert uuid.uuid4() not in store
    assert bool(store)


def test_events_are_equal_when_they_are_the_same(store: Store) -> None:
    event = store[7]
    assert event == store.get(7) != store[8]
    assert len({event, store.get(7), store[8]}) == 2
    assert event != 7
    assert copy.copy(event) is event
    assert copy.deepcopy(event) is event
    with pytest.raises(TypeError):
        Event()
    with pytest.raises(AttributeError):
        event.position = 9  # type: ignore[misc]
    assert len(event.core) == 112
    assert event.stream.encode() in event.body


def test_nothing_of_a_store_is_pickled_or_derived(store: Store) -> None:
    for value in (store, store[0], store.read(), store.append):
        with pytest.raises(TypeError):
            pickle.dumps(value)
    for kind in (Store, Event, Reader, tally.Receipt):
        with pytest.raises(TypeError):
            type("Derived", (kind,), {})


def test_times_that_no_datetime_can_say_are_there_as_numbers(tmp_path: Path) -> None:
    with tally.open(tmp_path / "log", durability="buffered") as far:
        far.append("s", "t", occurred=2**62)
        far.append("s", "t", occurred=-1)
        with pytest.raises(OverflowError):
            far[0].occurred  # noqa: B018
        assert far[0].occurred_us == 2**62
        assert far[1].occurred == datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


def test_heads_and_versions(store: Store) -> None:
    assert store.head("order/5") == (100, 599)
    assert store.stream_version("order/5") == 99
    assert store.head("nothing") == (0, None)
    assert store.stream_version("nothing") == -1
    with pytest.raises(tally.LengthError):
        store.head("")


def test_names_are_listed_with_counts(store: Store) -> None:
    rows = list(store.streams())
    assert [row.name for row in rows] == [f"order/{n}" for n in range(6)]
    assert rows[1] == ("order/1", 100, 1, 595)
    assert [(row.name, row.count) for row in store.types()] == [
        ("order.paid", 200),
        ("order.placed", 200),
        ("stock.taken", 200),
    ]
    assert [row.name for row in store.types("stock")] == ["stock.taken"]
    assert [(row.name, row.count) for row in store.tags()] == [("half:0", 300), ("half:1", 300), ("rare:one", 6)]
    with pytest.raises(tally.TallyError):
        store._list("subjects", None, None)


def test_many_names_are_listed_by_pages(tmp_path: Path) -> None:
    names = sorted(f"{'long' * (n % 120)}/{n}" for n in range(1500))
    with tally.open(tmp_path / "log", durability="buffered") as store:
        store.append_many([(name, "t") for name in names])
        assert [row.name for row in store.streams()] == sorted(names, key=str.encode)


def test_ancestors_lead_to_the_beginning(store: Store) -> None:
    found = store.ancestors(20)
    assert found == [20, 14, 8, 2]
    assert found.ended == "genesis"
    assert store.ancestors(store[20], limit=2).ended == "limit"
    assert repr(found) == "<Ancestors [20, 14, 8, 2], ended by genesis>"
    with pytest.raises(tally.RangeError):
        store.ancestors(600)
    with pytest.raises(tally.RangeError):
        store.ancestors(1, limit=0)


# ---------------------------------------------------------------------------------------------- readers


def test_a_reader_gives_pages(store: Store) -> None:
    with store.read(stream="order/1") as reader:
        assert numbers(reader.page(3)) == [1, 7, 13]
        assert next(reader).data["n"] == 19
        assert reader.next_position == 25 or 19 < reader.next_position <= 25
        assert len(reader.page(1000)) == 96
        assert reader.page(5) == []
        assert list(reader) == []
        assert reader.end_position == 600
        with pytest.raises(tally.RangeError):
            reader.page(0)
    assert reader.closed
    assert repr(reader) == "<Reader, closed>"
    with pytest.raises(tally.ClosedError):
        next(reader)
    reader.close()


@pytest.mark.parametrize("backwards", [False, True])
def test_reading_goes_on_where_another_reader_was(store: Store, backwards: bool) -> None:
    for taken in (0, 1, 7, 8, 9, 40, 99, 100):
        first = store.read(tags="half:1", limit=None, backwards=backwards, types="order.*")
        events = numbers(first.page(taken)) if taken else []
        bound = {"to_position" if backwards else "from_position": first.next_position}
        rest = (
            numbers(store.read(tags="half:1", types="order.*", backwards=backwards, **bound))
            if taken
            else numbers(first)
        )
        assert events + rest == numbers(store.read(tags="half:1", types="order.*", backwards=backwards))


def test_a_reader_is_a_view_that_can_be_moved_on(tmp_path: Path) -> None:
    with tally.open(tmp_path / "log", durability="buffered") as store:
        store.append("s", "t", 1)
        reader = store.read()
        store.append("s", "t", 2)
        assert [event.data for event in reader] == [1]
        reader.refresh()
        assert [event.data for event in reader] == [2]
        with pytest.raises(tally.ArgumentError):
            store.read(backwards=True).refresh()


def test_a_reader_keeps_its_store_and_ends_with_it(tmp_path: Path) -> None:
    store = tally.open(tmp_path / "log", durability="buffered")
    store.append_many([("s", "t", n) for n in range(100)])
    reader = store.read()
    kept = [next(reader) for _ in range(3)]
    store.close()
    assert [event.data for event in kept] == [0, 1, 2], "events outlive the store"
    with pytest.raises(tally.ClosedError):
        list(reader)
    assert reader.closed
    with pytest.raises(tally.ClosedError):
        reader.next_position  # noqa: B018
    reader.close()


def test_two_threads_do_not_share_a_reader_by_accident(store: Store) -> None:
    reader = store.read()
    seen: list[int] = []
    busy: list[BaseException] = []

    def read() -> None:
        while True:
            try:
                event = next(reader)
            except tally.BusyError as error:
                busy.append(error)
                continue
            except StopIteration:
                return
            seen.append(event.position)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(600)), "each event is given once"


def test_readers_are_not_made_by_hand() -> None:
    for kind in (Reader, Store, tally.Receipt):
        with pytest.raises(TypeError):
            kind()


# ---------------------------------------------------------------------------------------------- follow


def test_a_follower_sees_what_comes(tmp_path: Path) -> None:
    with tally.open(tmp_path / "log", durability="buffered") as store:
        store.append("s", "t", "old")
        seen = store.follow(timeout=5)

        def later() -> None:
            for n in range(20):
                time.sleep(0.005)
                store.append("s", "even" if n % 2 == 0 else "odd", n)

        thread = threading.Thread(target=later)
        thread.start()
        assert [next(seen).data for _ in range(20)] == list(range(20))
        thread.join()
        assert [event.data for event in store.follow(0, timeout=0.02, types="even")] == list(range(0, 20, 2))
        assert list(store.follow(timeout=0)) == []


def test_a_follower_ends_with_its_store(tmp_path: Path) -> None:
    store = tally.open(tmp_path / "log", durability="buffered")
    store.append("s", "t", 1)
    threading.Timer(0.1, store.close).start()
    assert [event.data for event in store.follow(0)] == [1]


def test_a_follower_has_no_end(store: Store) -> None:
    follow: Any = store.follow
    for wrong in ({"limit": 3}, {"backwards": True}, {"to_position": 3}):
        with pytest.raises(TypeError):
            follow(0, **wrong)
    with pytest.raises(TypeError):
        follow(0, streem="x")


@pytest.mark.parametrize("what", ["wait", "follow"])
def test_ctrl_c_interrupts_within_100_ms(tmp_path: Path, what: str) -> None:
    with tally.open(tmp_path / "log", durability="buffered") as store:
        sent: list[float] = []

        def interrupt() -> None:
            sent.append(time.monotonic())
            signal.raise_signal(signal.SIGINT)

        timer = threading.Timer(0.1, interrupt)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            store.wait(7) if what == "wait" else next(store.follow())
        assert time.monotonic() - sent[0] < 0.5  # the bar is 0.1; machines of tests are shared
        timer.join()
        store.append("s", "t")


# ------------------------------------------------------------------------------------------- notebooks


def test_records_are_rows(store: Store) -> None:
    rows = store.to_records(stream="order/1", limit=2)
    assert (
        rows == store.read(stream="order/1").page(2).to_records() == store.read(stream="order/1", limit=2).to_records()
    )
    assert [row["position"] for row in rows] == [1, 7]
    assert rows[0]["data"]["n"] == 1
    assert list(rows[0])[:5] == ["position", "version", "time", "stream", "type"]


def test_notebooks_show_tables(store: Store) -> None:
    html = store.read(limit=3).to_list()._repr_html_()
    assert html.count("<tr>") == 4
    assert "order/1" in html
    assert "&quot;n&quot;" in html
    assert "and 550 more" in store[:]._repr_html_()
    assert store[0]._repr_html_().count("<tr>") == 2
    whole = store._repr_html_()
    assert "orders" in whole
    assert "600 events" in whole


def test_what_is_shown_is_escaped(tmp_path: Path) -> None:
    with tally.open(tmp_path / "<b>log", durability="buffered") as store:
        store.append("<script>", "<i>", "<b>", tags=["<u>"])
        for html in (store._repr_html_(), store[:]._repr_html_()):
            assert "<script>" not in html
            assert "<i>" not in html
            assert "<u>" not in html
        assert "<b>log" not in store._repr_html_()


def test_reprs_are_short_and_true(store: Store) -> None:
    assert repr(store).endswith("log', 600 events>") or repr(store).endswith("log'), 600 events>")
    reader = store.read()
    next(reader)
    assert repr(reader) == "<Reader, 1 event given, of 600 in the log>"
