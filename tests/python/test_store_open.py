"""Opening and closing: modes, options, locks, recovery, and what a store says about itself."""

import datetime
import math
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tallystick as tally


def test_the_modes(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with pytest.raises(tally.NotFoundError):
        tally.open(path, mode="existing")
    with pytest.raises(tally.NotFoundError) as caught:
        tally.open(path, mode="r")
    assert caught.value.path
    assert isinstance(caught.value, KeyError)
    with tally.open(path, mode="x") as store:
        assert store.info.mode == "x"
        store.append("s", "t", 1)
    with pytest.raises(tally.ExistsError):
        tally.open(path, mode="x")
    with tally.open(path, mode="existing") as store:
        assert store[0].data == 1
    with tally.open(path) as store:
        assert store.info.mode == "rw"
        assert not store.read_only


def test_paths_of_every_kind(tmp_path: Path) -> None:
    for path in (str(tmp_path / "text"), tmp_path / "path", os.fsencode(tmp_path / "bytes"), tmp_path / "zoë ☃"):
        with tally.open(path) as store:
            assert store.path == os.fspath(path)
        assert os.path.isdir(path)
    for wrong in (None, 7, "", "a\0b", b"a\0b", "x" * 5000, tmp_path / "no" / "parent"):
        with pytest.raises((TypeError, ValueError, tally.TallyError)):
            tally.open(wrong)  # type: ignore[arg-type]


def test_a_reader_of_another_handle_sees_what_is_written(tmp_path: Path) -> None:
    with tally.open(tmp_path / "log") as writer, tally.open(tmp_path / "log", mode="r") as reader:
        writer.append("s", "t", 1, durability="written")
        reader.wait(0, durability="written", timeout=5)
        assert [event.data for event in reader] == [1]
        assert reader.read_only
        assert repr(reader).endswith("read-only>")
        with pytest.raises(tally.ReadOnlyError):
            reader.append("s", "t")
        with pytest.raises(tally.ReadOnlyError):
            reader.sync()
        writer.append("s", "t", 2)
        assert [event.data for event in reader.follow(0, timeout=0.2)] == [1, 2]


def test_a_second_writer_is_told_who_has_the_lock(tmp_path: Path) -> None:
    with tally.open(tmp_path / "log"), pytest.raises(tally.LockedError) as caught:
        tally.open(tmp_path / "log")
    assert isinstance(caught.value, BlockingIOError)
    assert str(os.getpid()) in str(caught.value)
    assert caught.value.handling == "transient"
    with tally.open(tmp_path / "log"):
        script = "import sys, tallystick as t\ntry: t.open(sys.argv[1])\nexcept t.LockedError as e: print(e)"
        environment = os.environ | {"PYTHONPATH": os.path.dirname(os.path.dirname(tally.__file__))}
        said = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "log")], capture_output=True, text=True, env=environment
        )
        assert str(os.getpid()) in said.stdout


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"mode": "w"}, tally.OptionError),
        ({"mode": 3}, tally.OptionError),
        ({"durability": "none"}, tally.OptionError),
        ({"check": "often"}, tally.OptionError),
        ({"map": "all"}, tally.OptionError),
        ({"digest": "md5"}, tally.OptionError),
        ({"name": "no spaces"}, tally.NameError),
        ({"name": "x" * 121}, tally.LengthError),
        ({"name": 7}, TypeError),
        ({"thread": 1}, TypeError),
        ({"allow_remote": None}, TypeError),
        ({"file_mode": 0}, tally.RangeError),
        ({"file_mode": 0o1777}, tally.RangeError),
        ({"segment_bytes": 0}, tally.RangeError),
        ({"segment_bytes": 100}, tally.RangeError),
        ({"segment_bytes": 2**60}, tally.RangeError),
        ({"segment_bytes": 65536.0}, TypeError),
        ({"sync_events": 0}, tally.RangeError),
        ({"sync_interval": 0}, tally.RangeError),
        ({"sync_interval": -1}, tally.RangeError),
        ({"sync_interval": math.nan}, tally.RangeError),
        ({"sync_interval": "1"}, (TypeError, ValueError)),
        ({"key_age": -math.inf}, tally.RangeError),
    ],
)
def test_a_wrong_option_is_refused_and_makes_nothing(tmp_path: Path, options: Any, kind: Any) -> None:
    with pytest.raises(kind):
        tally.open(tmp_path / "log", **options).close()
    assert not (tmp_path / "log").exists()


def test_a_misspelt_option_is_refused_with_the_right_spelling(tmp_path: Path) -> None:
    opened: Any = tally.open
    with pytest.raises(TypeError, match=r"open\(\) has no option 'durabilty'; did you mean 'durability'\?"):
        opened(tmp_path / "log", durabilty="written")
    with pytest.raises(tally.OptionError, match="did you mean 'written'"):
        opened(tmp_path / "log", durability="writen")


def test_options_of_every_kind_are_taken(tmp_path: Path) -> None:
    with tally.open(
        tmp_path / "log",
        name="my.orders/2024",
        durability="written",
        check="always",
        map="never",
        digest="blake2b",
        file_mode=0o640,
        segment_bytes=1 << 20,
        queue_bytes=1 << 20,
        sync_events=math.inf,
        sync_bytes=math.inf,
        sync_interval=datetime.timedelta(milliseconds=250),
        key_events=10,
        key_age=3600,
    ) as store:
        assert (store.info.name, store.info.digest) == ("my.orders/2024", "blake2b")
        assert store.append("s", "t").durability == "written"
        assert store.durability == "written"
    assert stat.S_IMODE(os.stat(tmp_path / "log").st_mode) == 0o750
    for file in (tmp_path / "log").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o640, file


def test_a_store_says_what_it_is(tmp_path: Path) -> None:
    with tally.open(tmp_path / "log", name="orders") as store:
        first = store.info
        assert (first.name, first.digest, first.recovery.happened) == ("orders", "sha256", False)
        store.append_many([("s", "t", b"12345")] * 10)
        figures = store.stats()
        assert figures.events == figures.appended_events == 10
        assert (figures.commits, figures.data_bytes) == (1, 50)
        assert figures.syncs >= 1
    with tally.open(tmp_path / "log") as store:
        assert store.info.lineage == first.lineage
        assert store.info.writer_epoch == first.writer_epoch + 1
        assert store.stats().events == 10


def test_closing_is_final_and_may_be_done_twice(tmp_path: Path) -> None:
    store = tally.open(tmp_path / "log")
    store.append("s", "t")
    store.close()
    store.close()
    assert store.closed
    assert repr(store).endswith("closed>")
    assert store._repr_html_().startswith("<b>&lt;Store")
    for call in (
        lambda: store.append("s", "t"),
        lambda: store.append_many([("s", "t")]),
        store.read,
        store.sync,
        store.tick,
        store.watermarks,
        store.stats,
        lambda: store.get(0),
        lambda: store[-1],
        lambda: len(store),
        lambda: 0 in store,
        lambda: store.head("s"),
        lambda: store.find_version("s", 0),
        lambda: list(store.streams()),
        lambda: store.ancestors(0),
        lambda: store.wait(0),
        lambda: store.info,
        lambda: store.registry,
        lambda: store.gate(lambda drafts: None),
        lambda: store.backup(tmp_path / "copy"),
        lambda: list(store.follow()),
    ):
        with pytest.raises(tally.ClosedError, match="the store is closed"):
            call()


def test_a_store_without_a_thread_is_ticked(tmp_path: Path) -> None:
    with tally.open(tmp_path / "log", thread=False, durability="buffered") as store:
        store.append("s", "t")
        while store.tick():
            pass
        store.sync()
        assert store.watermarks().durable == 1
    with tally.open(tmp_path / "log") as store:
        assert store.tick() is False


def test_a_foreign_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(tally.FormatError) as caught:
        tally.open(tmp_path)
    assert caught.value.path is not None
    (tmp_path / "file").write_text("mine")
    with pytest.raises(tally.TallyError):
        tally.open(tmp_path / "file")


def test_what_a_crash_leaves_is_recovered(tmp_path: Path) -> None:
    script = """
import os, sys, tallystick as t
store = t.open(sys.argv[1])
for n in range(100): store.append("s", "t", n, durability="durable" if n == 50 else "written")
os._exit(0)
"""
    environment = os.environ | {"PYTHONPATH": os.path.dirname(os.path.dirname(tally.__file__))}
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "log")], check=True, env=environment)
    with tally.open(tmp_path / "log") as store:
        assert store.info.recovery.happened
        assert [event.data for event in store.read(stream="s")] == list(range(100))
    with tally.open(tmp_path / "log") as store:
        assert not store.info.recovery.happened
