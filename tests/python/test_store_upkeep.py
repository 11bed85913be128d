"""Backup, fsck, salvage."""

import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import tallystick as tally


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with tally.open(tmp_path / "log", segment_bytes=65536) as store:
        for n in range(30):
            store.append_many([(f"s/{n % 3}", "t", b"x" * 200) for _ in range(20)])
    return tmp_path / "log"


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x40
    path.write_bytes(data)


def first_segment(path: Path) -> Path:
    return min(path.glob("*.seg"))


def test_a_backup_opens_as_a_store_of_its_own(path: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with tally.open(path) as store:
        report = store.backup(tmp_path / "copy", progress=lambda done, total: told.append((done, total)))
        assert report.events == 600
        assert report.bytes > 600 * 200
        with pytest.raises(tally.ExistsError):
            store.backup(tmp_path / "copy")
        lineage = store.info.lineage
    with tally.open(tmp_path / "copy") as copy:
        assert len(copy) == 600
        assert copy.info.lineage == lineage
    assert told
    assert all(done <= total for done, total in told)


@pytest.mark.parametrize("what", ["backup", "fsck"])
def test_what_progress_raises_ends_the_work(path: Path, tmp_path: Path, what: str) -> None:
    def stop(done: int, total: int) -> None:
        raise RuntimeError("enough")

    with tally.open(path) as store:
        work = partial(store.backup, tmp_path / "copy") if what == "backup" else partial(tally.fsck, path)
        with pytest.raises(RuntimeError, match="enough"):
            work(progress=stop)
    assert not (tmp_path / "copy").exists()


def test_ctrl_c_ends_long_work(path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        tally.fsck(path, progress=lambda done, total: signal.raise_signal(signal.SIGINT))


def test_a_sound_store_is_sound(path: Path) -> None:
    report = tally.fsck(path)
    assert report
    assert report.events == 600
    assert report.commits >= 30  # a clean close is one too
    assert report.bytes > 0
    assert "nothing wrong" in repr(report) or "note" in repr(report)
    assert "sound" in report._repr_html_()


def test_fsck_says_where_a_byte_was_flipped(path: Path) -> None:
    segment = first_segment(path)
    flip(segment, 4096 + 2000)
    found: list[tally.Finding] = []
    report = tally.fsck(path, on_finding=found.append)
    assert not report
    assert report.findings == found
    assert any(finding.file == segment.name and finding.symbol == "TALLY_E_DAMAGED" for finding in found)
    assert segment.name in str(found[0])
    assert "damaged" in report._repr_html_()


def test_a_damaged_event_is_read_around(path: Path) -> None:
    flip(first_segment(path), 4096 + 2000)
    positions: list[int] = []
    damaged: list[Any] = []
    with tally.open(path, mode="r") as store:
        reader = store.read()
        while True:
            try:
                for event in reader:
                    positions.append(event.position)
                break
            except tally.DamagedError as error:
                damaged.append(error.position)
        assert len(damaged) == 1
        assert positions == [n for n in range(600) if n != damaged[0]]
        with pytest.raises(tally.DamagedError) as caught:
            store.get(damaged[0])
        assert caught.value.position is not None
        assert caught.value.hint is not None


def test_what_a_finding_handler_raises_ends_the_work(path: Path) -> None:
    flip(first_segment(path), 4096 + 2000)

    def stop(finding: tally.Finding) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tally.fsck(path, on_finding=stop)


def test_salvage_copies_what_is_whole(path: Path, tmp_path: Path) -> None:
    shutil.copytree(path, tmp_path / "broken")
    flip(first_segment(tmp_path / "broken"), 4096 + 2000)
    report = tally.salvage(tmp_path / "broken", tmp_path / "saved")
    assert report.copied >= 579
    assert report.lost >= 1
    assert not report.same_lineage
    with tally.open(tmp_path / "saved") as store:
        assert len(list(store.read(prefix="s/"))) == report.copied
    assert tally.salvage(path, tmp_path / "whole") == (600, 0, 0, True)


def test_what_is_no_store_is_said(tmp_path: Path) -> None:
    for call in (lambda: tally.fsck(tmp_path / "none"), lambda: tally.salvage(tmp_path / "none", tmp_path / "to")):
        with pytest.raises(tally.NotFoundError):
            call()
    fsck: Any = tally.fsck
    with pytest.raises(TypeError):
        fsck(tmp_path, progress=7)
    with pytest.raises(TypeError):
        fsck(7)
    with pytest.raises(TypeError):
        fsck(tmp_path, progres=print)
