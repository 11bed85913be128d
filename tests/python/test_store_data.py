"""Data: JSON by default, bytes as bytes, text, and codecs; what is decoded, and when."""

import collections
import enum
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tallystick as tally
from tallystick import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with tally.open(tmp_path_factory.mktemp("data") / "log", durability="buffered") as made:
        yield made


def written(store: Store, data: Any, **options: Any) -> tally.Event:
    return store.get(store.append("s", "t", data, **options))


def plain(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=12,
)


@settings(deadline=None, max_examples=200)
@given(VALUES.filter(lambda value: value is not None))
def test_json_is_what_json_dumps_writes(store: Store, value: Any) -> None:
    event = written(store, value)
    assert event.raw == plain(value)
    assert event.content_type == "application/json"
    assert event.data == json.loads(plain(value))


@pytest.mark.parametrize("character", ['"', "\\", "\n", "\0", "\x1f", "\x20", "\x7f", "!", "]", "é", "\U0001f600"])
def test_characters_are_escaped_wherever_they_stand(store: Store, character: str) -> None:
    texts = [
        "a" * before + character + character.join("bcd") + "e" * after for before in range(18) for after in (0, 7, 9)
    ]
    assert written(store, texts).raw == plain(texts)


class Colour(enum.IntEnum):
    RED = 1


class Name(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        {1: "a", None: "b", False: "c", 2.5: "d"},
        {"nested": {1: 2}},
        collections.OrderedDict(b=1, a=2),
        collections.namedtuple("Point", "x y")(1, 2),
        Colour.RED,
        [Name("é")],
        {"t": (1, (2, [3]))},
        "".join(map(chr, range(0x20, 0x80))),
        "".join(map(chr, range(0x20))) + '"\\/\u2028\U0001f600é\x7f',
        10**400,
        -(2**63),
        -(2**63) - 1,
        2**64,
        1e300,
        -0.0,
        5e-324,
        [],
        {},
        "",
        0,
        False,
    ],
)
def test_json_that_is_not_plain_is_written_too(store: Store, value: Any) -> None:
    event = written(store, value)
    assert event.raw == plain(value)
    assert event.data == json.loads(plain(value))


def test_halves_of_surrogate_pairs_are_escaped(store: Store) -> None:
    assert written(store, ["a\ud800", '"\udfff"\n']).raw == b'["a\\ud800","\\"\\udfff\\"\\n"]'
    assert written(store, {1: "\ud800"}).raw == b'{"1":"\\ud800"}'
    assert written(store, "\ud800").data == "\ud800"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1, -float("inf")], {"a": {1: float("nan")}}])
def test_what_json_cannot_say_is_refused(store: Store, value: Any) -> None:
    with pytest.raises(ValueError, match="JSON"):
        store.append("s", "t", value)


@pytest.mark.parametrize("value", [object(), {1, 2}, {"a": b"bytes"}, [1j], {(1, 2): 3}])
def test_what_has_no_json_is_refused(store: Store, value: Any) -> None:
    with pytest.raises(TypeError) as caught:
        store.append("s", "t", value)
    assert any("codec" in note for note in caught.value.__notes__)


def test_a_value_that_contains_itself_is_refused(store: Store) -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(RecursionError):
        store.append("s", "t", loop)


def test_data_may_change_after_it_was_appended(store: Store) -> None:
    changing = bytearray(b"before")
    value = {"a": 1}
    one, two = store.append("s", "t", changing), store.append("s", "t", value)
    changing[:] = b"after!"
    value["a"] = 2
    assert (store.get(one).data, store.get(two).data) == (b"before", {"a": 1})


def test_data_is_decoded_once(store: Store) -> None:
    event = written(store, {"a": [1]})
    assert event.data is event.data


@pytest.mark.parametrize(
    ("data", "content_type", "raw", "decoded"),
    [
        ("héllo", "text/plain", "héllo".encode(), "héllo"),
        ("a,b", "text/csv; charset=utf-8", b"a,b", "a,b"),
        (b"text", "text/plain", b"text", "text"),
        (b'{"a":1}', "application/json", b'{"a":1}', {"a": 1}),
        ({"a": 1}, "application/cloudevents+json", b'{"a":1}', {"a": 1}),
        (b"[]", "application/json; charset=utf-8", b"[]", []),
        (b"", "application/octet-stream", b"", b""),
        (b"\xff", "image/png", b"\xff", b"\xff"),
        (b"", "text/plain", b"", ""),
    ],
)
def test_a_content_type_says_how(store: Store, data: Any, content_type: str, raw: bytes, decoded: Any) -> None:
    event = written(store, data, content_type=content_type)
    assert (event.raw, event.content_type, event.data) == (raw, content_type, decoded)


def test_data_that_does_not_decode_is_still_there_as_bytes(store: Store) -> None:
    event = written(store, b"{broken", content_type="application/json")
    with pytest.raises(ValueError, match="Expecting"):
        event.data  # noqa: B018
    assert event.raw == b"{broken"


# ---------------------------------------------------------------------------------------------- codecs


class Pickle:
    content_type = "application/x-pickle"
    dumps = staticmethod(pickle.dumps)
    loads = staticmethod(pickle.loads)


class Text:
    content_type = "application/x-text"

    def dumps(self, value: Any) -> str:
        return repr(value)

    def loads(self, data: bytes) -> Any:
        return data.decode()


def test_a_codec_writes_and_reads_what_is_not_bytes(tmp_path: Path) -> None:
    with tally.open(tmp_path / "log", durability="buffered", codec=Pickle) as store:
        event = written(store, {1, 2, 3})
        assert (event.data, event.content_type) == ({1, 2, 3}, "application/x-pickle")
        assert written(store, b"raw").content_type == "application/octet-stream"
        assert written(store, {"a": 1}, content_type="application/json").raw == b'{"a":1}'
        assert written(store, None).data is None
    with tally.open(tmp_path / "log", mode="r") as store:
        assert isinstance(store[0].data, bytes), "without the codec it is bytes"
        assert store[2].data == {"a": 1}


def test_a_codec_may_give_text(tmp_path: Path) -> None:
    with tally.open(tmp_path / "log", durability="buffered", codec=Text()) as store:
        assert written(store, {"é"}).data == "{'é'}"
        assert len(store.append_many([("s", "t", n) for n in range(50)])) == 50


def test_a_codec_that_fails_appends_nothing(tmp_path: Path) -> None:
    class Broken(Text):
        def dumps(self, value: Any) -> Any:
            return 7 if value == "seven" else 1 / 0

    with tally.open(tmp_path / "log", durability="buffered", codec=Broken()) as store:
        with pytest.raises(ZeroDivisionError):
            store.append("s", "t", 1)
        with pytest.raises(TypeError):
            store.append_many([("s", "t", b""), ("s", "t", "seven")])
        assert len(store) == 0


def test_a_codec_that_closes_the_store_is_survived(tmp_path: Path) -> None:
    class Closing(Text):
        def dumps(self, value: Any) -> str:
            store.close()
            return "x"

    store = tally.open(tmp_path / "log", durability="buffered", codec=Closing())
    with pytest.raises(tally.ClosedError):
        store.append("s", "t", 1)


@pytest.mark.parametrize("codec", [object(), 7, "json", json])
def test_what_is_no_codec_is_refused(tmp_path: Path, codec: Any) -> None:
    with pytest.raises(TypeError, match="a codec has dumps, loads and content_type"):
        tally.open(tmp_path / "log", codec=codec)
    assert not (tmp_path / "log").exists()
