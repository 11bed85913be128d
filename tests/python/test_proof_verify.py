"""verify: what it says of good stores and of altered ones, and how it is ended."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from proof_logs import Log, make_log, notes1, verify_store

import tallystick as tally
from tallystick import errors


@pytest.fixture
def log(tmp_path: Path) -> Log:
    log = make_log(tmp_path, events=9)
    log.open().close()
    return log


def test_a_good_store_is_intact(log: Log) -> None:
    with log.open() as store:
        root = store.checkpoint().root
        reports = [store.verify(), store.verify("quick", keys=log.key.public), store.verify(keys=[log.key.public])]
    reports += [tally.verify(log.path, keys=log.key.public), tally.verify(str(log.path), "quick", threads=1)]
    for report in reports:
        assert report
        assert (report.intact, report.reason, report.events, report.root) == (True, "none", 9, root)
        assert (report.position, report.file, report.offset) == (None, None, None)
        assert repr(report) == "<Report: intact, 9 events>"
    assert [report.covered for report in reports] == [0, 9, 9, 9, 0]
    assert str(reports[0]).startswith("intact: 9 events checked (full), signatures were not looked at")
    assert str(reports[1]).endswith("(quick), 9 of them under a signed head, 0 not yet")
    assert '<b style="color:#1a7f37">intact</b>' in reports[0]._repr_html_()


def flip(log: Log) -> None:
    segment = next(log.path.glob("*.seg"))
    raw = bytearray(segment.read_bytes())
    raw[raw.index(b'{"n":4}') + 5] ^= 1
    segment.write_bytes(raw)


def test_a_flipped_byte_is_named(log: Log) -> None:
    flip(log)
    report = tally.verify(log.path, keys=log.key.public)
    assert not report
    assert report.reason in ("data_changed", "unreadable")
    assert report.position == 4
    assert report.file is not None
    assert report.file.endswith(".seg")
    assert report.offset is not None
    assert report.message
    text, html = str(report), report._repr_html_()
    assert text.startswith(f"not intact: {report.reason} in event 4, {report.file} at {report.offset}: ")
    assert '<b style="color:#cf222e">not intact</b>' in html
    assert report.reason in html


def test_the_independent_verifier_agrees(log: Log, tmp_path: Path) -> None:
    new = tally.make_key(notes1.read_vkey(log.key.public).name)
    new.save(tmp_path / "new.key")
    with log.open(log.signer()) as store:
        store.append("s", "t", b"\0\1")
        old = store.checkpoint()
        store.rotate_key(tally.Signing(tmp_path / "new.key"))
        for _ in range(3):
            store.append("s", "t", {"n": 4})
            store.checkpoint()
    keys = [log.key.public, new.public]
    ours, theirs = tally.verify(log.path, keys=keys), verify_store.verify_store(log.path, keys)
    assert ours
    assert (ours.events, ours.covered, ours.root) == (theirs.events, theirs.covered, theirs.root)
    assert ours.covered == ours.events == 14
    assert tally.verify(log.path, keys=keys, since=old)
    assert verify_store.verify_store(log.path, keys, old.text.encode()).events == 14
    flip(log)
    assert not tally.verify(log.path, keys=keys)
    with pytest.raises((notes1.RejectedError, verify_store.StoreError)):
        verify_store.verify_store(log.path, keys)


def test_keys_and_notes_are_looked_at(log: Log, tmp_path: Path) -> None:
    other = tally.make_key(log.key.public.split("+")[0])
    assert tally.verify(log.path, keys=other.public).reason == "unknown_key"
    with pytest.raises(errors.KeyTextError):
        tally.verify(log.path, keys="no key")
    with tally.open(log.path, mode="r") as store:
        head = store.checkpoint()
    with log.open() as store:
        store.append("s", "t")
        report = store.verify(since=head, keys=log.key.public)
        assert report
        report = tally.verify(log.path, since=head.text.encode(), keys=log.key.public)
        assert report
    foreign = make_log(tmp_path, name="other")
    with foreign.open() as store:
        foreign_head = store.checkpoint()
    assert not tally.verify(log.path, since=foreign_head)


def test_verifying_while_others_append(log: Log) -> None:
    with log.open() as store:
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                store.append("s", "t", durability="buffered")

        thread = threading.Thread(target=write)
        thread.start()
        try:
            for _ in range(3):
                assert store.verify(keys=log.key.public)
        finally:
            stop.set()
            thread.join()


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "fast"}, {"mode": None, "threads": 0}, {"threads": 0}, {"threads": -1}, {"threads": "2"},
        {"keys": 7}, {"keys": [7]}, {"keys": None}, {"since": 7}, {"progress": 7}, {"since": "no note"},
    ],
    ids=repr,
)  # fmt: skip
def test_options_are_checked(log: Log, options: dict[str, Any]) -> None:
    with log.open() as store:
        for call in (store.verify, lambda **given: tally.verify(log.path, **given)):
            with pytest.raises((TypeError, ValueError, errors.TallyError)):
                call(**options)


def test_what_is_no_store_is_an_error_and_no_report(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFoundError):
        tally.verify(tmp_path / "nowhere")
    with pytest.raises(TypeError):
        tally.verify(7)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "log"
    with tally.open(path, durability="buffered") as store:
        for _ in range(12):
            store.append_many([("s", "t", bytes(2000))] * 4000)
    return path


def test_progress_is_told_and_may_end_it(large: Path) -> None:
    told: list[tuple[int, int]] = []
    assert tally.verify(large, progress=lambda done, total: told.append((done, total)))
    assert told
    assert told == sorted(told)
    assert all(0 <= done <= total for done, total in told)

    def stop(done: int, total: int) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        tally.verify(large, progress=stop)
    with tally.open(large) as store, pytest.raises(LookupError):
        store.verify(progress=stop)


def again_and_again(path: Path) -> None:
    for _ in range(100):
        tally.verify(path)


def test_ctrl_c_ends_it_within_100_ms(large: Path) -> None:
    pressed: list[float] = []

    def press() -> None:
        pressed.append(time.monotonic())
        signal.raise_signal(signal.SIGINT)

    def handler(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handler)
    try:
        timer = threading.Timer(0.01, press)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            again_and_again(large)
        ended = time.monotonic()
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
    assert ended - pressed[0] < 0.1 + 0.4  # the machine may be busy; 0.1 is what is promised
