"""What is found in a directory is never guessed about: each obstacle has its own error, which names file and reason."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .library import Box, check, constant, ffi, in_child, lib, name_of
from .open_stores import NOBODY, SEGMENT, Refused, Store, fsck, salvage, segments

NO_THREAD = constant("TALLY_STORE_NO_THREAD")
IS_ROOT = os.geteuid() == 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store"


def refused(status: str, box: Box, path: Path | str, mode: str = "OPEN_OR_CREATE", **options: object) -> Refused:
    with pytest.raises(Refused) as caught:
        Store(box, path, mode, **options)
    assert caught.value.status == status, caught.value
    return caught.value


def tried(box: Box, path: Path, mode: str = "OPEN_OR_CREATE") -> Store | Refused:
    try:
        return Store(box, path, mode)
    except Refused as told:
        return told


def made(box: Box, path: Path, count: int = 3, size: int = 4) -> list[bytes]:
    """A store that was closed cleanly; its data."""
    store = Store(box, path, segment_bytes=SEGMENT, flags=NO_THREAD)
    said = [bytes([65 + i % 26]) * size for i in range(count)]
    for data in said:
        store.append(data, level="WRITTEN")
    store.sync()
    store.work()
    store.close()
    return said


def spoil(file: Path, offset: int, data: bytes = b"damage") -> None:
    with file.open("r+b") as opened:
        opened.seek(offset)
        opened.write(data)


# ----------------------------------------------------------------------------------------------------- directories


def test_a_new_store_is_made_and_opened_again(box: Box, path: Path) -> None:
    made(box, path)
    store = Store(box, path)
    assert [data for _, data in store.read()] == [b"AAAA", b"BBBB", b"CCCC"]
    assert store.info.recovery.happened == 0
    assert store.info.writer_epoch == 2
    assert ffi.string(store.info.name) == b"store"


def test_modes_say_what_must_be_there(box: Box, path: Path) -> None:
    refused("E_NOT_FOUND", box, path, "EXISTING")
    refused("E_NOT_FOUND", box, path, "READ_ONLY")
    assert not path.exists(), "who looked made nothing"
    made(box, path)
    told = refused("E_EXISTS", box, path, "NEW")
    assert str(path) in told.path
    Store(box, path, "EXISTING").close()
    Store(box, path, "READ_ONLY").close()


def test_an_empty_directory_becomes_a_store_and_one_below_nothing_does_not(box: Box, path: Path) -> None:
    path.mkdir()
    Store(box, path).close()
    refused("E_NOT_FOUND", box, path.parent / "no" / "such" / "place")


def test_a_directory_of_another_program_is_refused_and_left_alone(box: Box, path: Path) -> None:
    path.mkdir()
    (path / "letter.txt").write_text("Dear reader")
    for mode in ("OPEN_OR_CREATE", "NEW", "EXISTING", "READ_ONLY"):
        with pytest.raises(Refused) as caught:
            Store(box, path, mode)
        assert caught.value.status in ("E_FORMAT", "E_NOT_FOUND"), caught.value
        assert str(path) in caught.value.path
    assert sorted(os.listdir(path)) == ["letter.txt"]


def test_a_file_is_no_directory(box: Box, path: Path) -> None:
    path.write_text("a file")
    told = refused_any(box, path)
    assert told.status in ("E_FORMAT", "E_ARGUMENT", "E_NOT_FOUND", "E_DENIED", "E_IO", "E_UNSUPPORTED"), told
    assert path.read_text() == "a file"


def refused_any(box: Box, path: Path | str, mode: str = "OPEN_OR_CREATE") -> Refused:
    with pytest.raises(Refused) as caught:
        Store(box, path, mode)
    return caught.value


def test_files_and_directories_are_for_their_owner(box: Box, path: Path) -> None:
    made(box, path)
    assert path.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in path.iterdir() if file.is_file()} == {0o600}


def test_the_mode_of_files_is_an_option(box: Box, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Store(box, tmp_path / "s", mode_of_files=0o640).close()
    finally:
        os.umask(before)
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o750
    assert {file.stat().st_mode & 0o777 for file in segments(tmp_path / "s")} == {0o640}


@pytest.mark.parametrize("at", [0, 4, 8])
def test_a_segment_of_a_newer_format_is_refused(at: int, box: Box, path: Path) -> None:
    made(box, path)
    file = segments(path)[0]
    raw = bytearray(file.read_bytes())
    # Another magic, or another version, with a checksum that agrees, is what a later writer would write.
    before = bytes(raw)
    raw[at] ^= 0x40
    file.write_bytes(raw)
    for mode in ("OPEN_OR_CREATE", "EXISTING"):
        told = refused_any(box, path, mode)
        assert told.status in ("E_FORMAT", "E_DAMAGED"), told
        assert "00000000.00.seg" in told.path + told.message
    assert file.read_bytes() == bytes(raw)
    file.write_bytes(before)
    Store(box, path).close()


def test_a_file_that_a_later_version_may_have_left_is_refused(box: Box, path: Path) -> None:
    made(box, path)
    shutil.copy(segments(path)[0], path / "00000000.01.seg")
    told = refused_any(box, path)
    assert told.status == "E_FORMAT", told


# -------------------------------------------------------------------------------------------------- hostile places


def test_a_link_in_place_of_a_segment_is_refused(box: Box, path: Path, tmp_path: Path) -> None:
    made(box, path)
    file = segments(path)[0]
    elsewhere = tmp_path / "elsewhere"
    shutil.move(file, elsewhere)
    file.symlink_to(elsewhere)
    raw = elsewhere.read_bytes()
    for mode in ("EXISTING", "READ_ONLY"):
        told = refused_any(box, path, mode)
        assert told.status in ("E_DENIED", "E_FORMAT"), told
        assert file.name in told.path + told.message
    assert elsewhere.read_bytes() == raw


@pytest.mark.parametrize("name", ["LOCK", "HEAD"])
def test_a_link_in_place_of_another_file_is_not_followed(name: str, box: Box, path: Path, tmp_path: Path) -> None:
    made(box, path)
    victim = tmp_path / "victim"
    victim.write_text("somebody else's")
    (path / name).unlink(missing_ok=True)
    (path / name).symlink_to(victim)
    opened = tried(box, path)
    assert isinstance(opened, Store) or opened.status in ("E_DENIED", "E_FORMAT"), opened
    assert victim.read_text() == "somebody else's"


def test_a_directory_in_place_of_a_segment_is_refused(box: Box, path: Path) -> None:
    made(box, path)
    file = segments(path)[0]
    file.unlink()
    file.mkdir()
    told = refused_any(box, path, "EXISTING")
    assert told.status in ("E_FORMAT", "E_DENIED", "E_DAMAGED", "E_IO", "E_UNSUPPORTED", "E_ARGUMENT"), told


def test_a_pipe_in_place_of_a_segment_does_not_hang(box: Box, path: Path) -> None:
    made(box, path)
    file = segments(path)[0]
    file.unlink()
    os.mkfifo(file)
    signal.alarm(20)
    try:
        told = refused_any(box, path, "EXISTING")
    finally:
        signal.alarm(0)
    assert told.status in ("E_FORMAT", "E_DENIED", "E_DAMAGED", "E_IO", "E_UNSUPPORTED", "E_ARGUMENT"), told


@pytest.mark.skipif(IS_ROOT, reason="nothing is denied to root")
def test_what_the_system_denies_is_denied(box: Box, path: Path) -> None:
    made(box, path)
    path.chmod(0o500)
    try:
        for file in path.iterdir():
            file.chmod(0o400)
        assert refused_any(box, path).status == "E_DENIED"
        Store(box, path, "READ_ONLY").close()
    finally:
        path.chmod(0o700)


def test_a_read_only_store_writes_nothing_on_media_that_refuse_it(box: Box, path: Path) -> None:
    """A platform that refuses every write stands for the medium: as root, mode bits would not."""
    made(box, path)
    system = lib.tally_platform_default()
    table = box.new("tally_platform *", system[0])
    tried: list[str] = []

    def deny(name: str, kind: str, result: int) -> None:
        def refuse(*arguments: object) -> int:
            tried.append(name)
            return lib.TALLY_E_DENIED

        setattr(table, name, box.callback(ffi.typeof(getattr(table, name)), refuse, result))

    for name in ("write_at", "write_slices_at", "sync_data", "sync_directory", "truncate_file", "allocate_space"):
        deny(name, "", -30)
    for name in ("rename_file", "remove_file", "make_directory", "remove_directory", "lock_file"):
        deny(name, "", -30)
    store = Store(box, path, "READ_ONLY", platform=table)
    assert [data for _, data in store.read()] == [b"AAAA", b"BBBB", b"CCCC"]
    assert store.listed() == [("s/1", 3)]
    assert store.get(2) == b"CCCC"
    store.close()
    assert tried == [], "it was not even tried"
    assert refused_any_on(box, path, table).status == "E_DENIED"


def refused_any_on(box: Box, path: Path, table: object) -> Refused:
    with pytest.raises(Refused) as caught:
        Store(box, path, "EXISTING", platform=table)
    return caught.value


def test_a_network_file_system_is_refused_unless_it_is_asked_for(box: Box, path: Path) -> None:
    system = lib.tally_platform_default()
    table = box.new("tally_platform *", system[0])

    def is_remote(context: object, place: object, remote: object, os_error: object) -> int:
        remote[0], os_error[0] = 1, 0  # type: ignore[index]
        return 0

    table.is_remote = box.callback(ffi.typeof(table.is_remote), is_remote, -1)
    with pytest.raises(Refused) as caught:
        Store(box, path, platform=table)
    assert caught.value.status == "E_UNSUPPORTED"
    assert "network" in caught.value.message
    assert segments(path) == []
    Store(box, path, platform=table, flags=constant("TALLY_STORE_ALLOW_REMOTE")).close()


def test_a_directory_that_is_removed_under_an_open_store_costs_no_crash(box: Box, path: Path) -> None:
    store = Store(box, path, segment_bytes=SEGMENT, flags=NO_THREAD)
    store.append(b"before")
    shutil.rmtree(path)
    outcomes = set()
    for _ in range(6):
        try:
            store.append(b"x" * 30000, level="WRITTEN")
            outcomes.add("OK")
        except Refused as told:
            outcomes.add(told.status)
    assert outcomes <= {"OK", "E_NOT_FOUND", "E_IO", "E_POISONED", "E_NO_SPACE"}
    assert outcomes != {"OK"}, "a segment was made in no directory"
    assert store.get(0) == b"before"
    store.close()


# --------------------------------------------------------------------------------------------------- second writers

WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from capi.library import Box
from capi.open_stores import Store, Refused
box = Box()
try:
    store = Store(box, sys.argv[1])
except Refused as told:
    print(told.status, told.message)
    sys.exit(0)
store.append(b"from another process")
print("open", flush=True)
sys.stdin.readline()
"""


def other_process(path: Path) -> subprocess.Popen[str]:
    tests = str(Path(__file__).resolve().parent.parent)
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), tests], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_a_second_writer_is_told_who_the_first_one_is(box: Box, path: Path) -> None:
    Store(box, path)
    told = refused("E_LOCKED", box, path)
    assert str(os.getpid()) in told.message
    other = other_process(path)
    output, _ = other.communicate(timeout=60)
    assert output.startswith("E_LOCKED")
    assert str(os.getpid()) in output
    assert os.uname().nodename[:20] in output


def test_a_writer_in_another_process_is_named_and_its_death_frees_the_store(box: Box, path: Path) -> None:
    other = other_process(path)
    assert other.stdout is not None
    assert other.stdout.readline() == "open\n"
    told = refused("E_LOCKED", box, path)
    assert str(other.pid) in told.message
    reader = Store(box, path, "READ_ONLY")
    assert [data for _, data in reader.read()] == [b"from another process"]
    other.kill()
    other.communicate()
    store = Store(box, path)
    assert store.info.recovery.happened == 1
    assert next(data for _, data in store.read()) == b"from another process"


def test_a_forked_child_harms_nothing(box: Box, path: Path) -> None:
    store = Store(box, path)
    store.append(b"parent")

    def child() -> None:
        for act in (lambda: store.append(b"child"), lambda: store.sync(), lambda: store.marks, lambda: store.get(0)):
            with pytest.raises(Refused) as caught:
                act()
            assert caught.value.status == "E_FORKED"
        with pytest.raises(Refused) as caught:
            Store(Box(), path)
        assert caught.value.status == "E_LOCKED", "the parent still has it"
        fresh = Box()
        reader = Store(fresh, path, "READ_ONLY")
        assert [data for _, data in reader.read()] == [b"parent"]
        reader.close()

    in_child(child)
    assert refused("E_LOCKED", box, path).status == "E_LOCKED", "the child took no lock away"
    store.append(b"parent again")
    assert [data for _, data in store.read()] == [b"parent", b"parent again"]


# ------------------------------------------------------------------------------------------------------------ damage


def test_damage_in_the_middle_of_what_was_durable_refuses_writing_and_says_where(box: Box, path: Path) -> None:
    store = Store(box, path, flags=NO_THREAD)
    for i in range(20):
        store.append(b"event %d" % i)
    store.close()
    file = segments(path)[0]
    offset = file.read_bytes().index(b"event 7")
    spoil(file, offset)
    told = refused("E_DAMAGED", box, path)
    assert file.name in told.path
    assert told.position == 7 or "position 7" in told.message, told
    assert f"offset {file.read_bytes().rindex(b'tF', 0, offset)}" in told.message or "offset" in told.message
    reader = Store(box, path, "READ_ONLY")
    assert [data for _, data in reader.read()] == [b"event %d" % i for i in range(7)]
    findings = []
    report = fsck(path, lambda found: findings.append((found.severity, found.position, ffi.string(found.reason))) or 0)
    assert report["structure"] + report["bad_events"] > 0
    assert findings
    copy = path.parent / "copy"
    saved = salvage(path, copy)
    assert (saved.copied, saved.lost, saved.same_lineage) == (19, 1, 0)
    again = Store(box, copy)
    assert [data for _, data in again.read()][1:] == [b"event %d" % i for i in range(20) if i != 7]
    with pytest.raises(Refused) as caught:
        salvage(path, copy)
    assert caught.value.status == "E_EXISTS"


@pytest.mark.parametrize("where", ["body", "data"])
def test_damage_in_a_sealed_segment_costs_that_event_alone(where: str, box: Box, path: Path) -> None:
    said = made(box, path, 12, 15000)
    assert len(segments(path)) >= 3
    file = segments(path)[1]
    raw = file.read_bytes()
    first = next(i for i, data in enumerate(said) if raw.find(data) >= 0)
    begin = raw.index(said[first])
    spoil(file, begin + 100 if where == "data" else raw.rindex(b"t.made", 0, begin))
    store = Store(box, path)
    if where == "data":
        assert store.get(first) is None
    else:
        with pytest.raises(Refused) as caught:
            store.get(first)
        assert caught.value.status == "E_DAMAGED"
        assert caught.value.position == first or f"position {first}" in caught.value.message
        assert file.name in caught.value.path
    assert [store.get(i) for i in range(12) if i != first] == [data for i, data in enumerate(said) if i != first]
    assert look_at_all(store) == ([i for i in range(12) if i != first], [first])
    report = fsck(path)
    assert (report["events"], report["bad_events"]) == (11, 1)


def look_at_all(store: Store) -> tuple[list[int], list[int]]:
    """Positions that a reader gives whole, and those that it says are damaged."""
    reader = ffi.new("tally_reader **")
    check(lib.tally_reader_open(store.handle[0], ffi.NULL, reader, ffi.NULL))
    events, count, error = ffi.new("tally_event[5]"), ffi.new("size_t *"), ffi.new("tally_error *")
    whole: list[int] = []
    damaged: list[int] = []
    for _ in range(40):
        status = name_of(lib.tally_reader_next(reader[0], events, 5, count, error))
        for i in range(count[0]):
            (damaged if events[i].data_state else whole).append(events[i].position)
        if status == "E_DAMAGED":
            damaged.append(error.position)
        elif count[0] == 0:
            break
    check(lib.tally_reader_close(reader))
    return whole, damaged


def test_an_index_that_lies_costs_time_and_no_answer(box: Box, path: Path) -> None:
    said = made(box, path, 12, 15000)
    for file in segments(path)[:-1]:
        raw = bytearray(file.read_bytes())
        end = max(raw.rfind(data) + len(data) for data in said)
        for at in range(end + 300, len(raw) - 600, 97):
            raw[at] ^= 0xFF
        file.write_bytes(raw)
    store = tried(box, path, "READ_ONLY")
    if isinstance(store, Refused):
        assert store.status == "E_DAMAGED"
        return
    assert [data for _, data in store.read()] == said
    assert [data for _, data in store.read(stream="s/1")] == said
    assert store.listed() == [("s/1", 12)]
    report = fsck(path)
    assert (report["events"], report["bad_events"], report["structure"]) == (12, 0, 0)
    assert report["indexes"] > 0


def test_a_missing_segment_in_the_middle_refuses_writing(box: Box, path: Path) -> None:
    made(box, path, 12, 15000)
    gone = segments(path)[1]
    gone.unlink()
    told = refused("E_DAMAGED", box, path)
    assert gone.name in told.path + told.message or "missing" in told.message
    assert fsck(path)["structure"] > 0


def test_garbage_behind_a_clean_end_is_cut_or_refused_but_never_read(box: Box, path: Path) -> None:
    said = made(box, path)
    with segments(path)[-1].open("ab") as file:
        file.write(os.urandom(5000))
    store = Store(box, path)
    found = [data for _, data in store.read()]
    assert found[: len(said)] == said
    assert store.info.recovery.cut in (0, 1)


@pytest.mark.parametrize("cut", [1, 50, 200])
def test_a_torn_tail_of_what_was_never_durable_is_cut_and_told(cut: int, box: Box, path: Path) -> None:
    """Written and not synced, in a process that died."""
    tests = str(Path(__file__).resolve().parent.parent)
    code = WRITER.replace(
        'store.append(b"from another process")', "[store.append(b'event %d' % i, level='WRITTEN') for i in range(5)]"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(path), tests], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "open\n"
    other.kill()
    other.communicate()
    file = segments(path)[0]
    raw = file.read_bytes().rstrip(b"\0")
    file.write_bytes(raw[:-cut])
    store = tried(box, path)
    if isinstance(store, Refused):
        # The background of the dead writer may have synced meanwhile; then nothing may be lost.
        assert store.status == "E_DAMAGED"
        return
    recovery = store.info.recovery
    assert (recovery.happened, recovery.cut) == (1, 1)
    data = [data for _, data in store.read()]
    assert data[:-1] == [b"event %d" % i for i in range(recovery.cut_position)]
    assert recovery.cut_position < 5
    events = list(store.events())
    assert events[-1].stream == "$log"
    assert b"cut_position" in data[-1]


# ------------------------------------------------------------------------------------------------------------- clocks


def memory_path(box: Box) -> str:
    return f"{box.folder()}/clock"


def test_a_clock_that_jumps_back_does_not_take_times_back(box: Box) -> None:
    world, place = box.memory(), memory_path(box)
    store = Store(box, place, platform=world, flags=NO_THREAD)
    first = store.append(b"1")
    check(lib.tally_platform_memory_advance(world, -3_600_000_000))
    second = store.append(b"2")
    assert (second.time_us, second.time_logical) > (first.time_us, first.time_logical)
    store.close()
    store = Store(box, place, platform=world, flags=NO_THREAD)
    third = store.append(b"3")
    assert (third.time_us, third.time_logical) > (second.time_us, second.time_logical)


def test_an_event_more_than_a_day_ahead_of_the_clock_refuses_to_open(box: Box) -> None:
    world, place = box.memory(), memory_path(box)
    store = Store(box, place, platform=world, flags=NO_THREAD)
    check(lib.tally_platform_memory_advance(world, 3 * 86_400_000_000))
    store.append(b"from the future")
    store.close()
    check(lib.tally_platform_memory_advance(world, -2 * 86_400_000_000))
    told = refused("E_CLOCK", box, place, platform=world)
    assert "clock" in told.message
    assert told.position in (0, NOBODY)
    Store(box, place, "READ_ONLY", platform=world).close()
    check(lib.tally_platform_memory_advance(world, 2 * 86_400_000_000 - 3_600_000_000))
    Store(box, place, platform=world).close()


# -------------------------------------------------------------------------------------------------------------- space


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Path:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(place)]
    if not IS_ROOT or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("no tiny file system can be mounted here")
    yield place  # type: ignore[misc]
    subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_full_disk_changes_nothing_and_room_makes_it_go_on(box: Box, tiny_disk: Path) -> None:
    ballast = tiny_disk / "ballast"
    store = Store(box, tiny_disk / "store", segment_bytes=SEGMENT, flags=NO_THREAD)
    ballast.write_bytes(b"x" * 150_000)
    count, told = 0, None
    while told is None and count < 60:
        try:
            store.append(b"y" * 20000, level="WRITTEN")
            count += 1
        except Refused as caught:
            told = caught
    assert told is not None
    assert told.status == "E_NO_SPACE"
    assert told.os_error != 0
    assert told.path != ""
    assert store.marks[0] == count
    with pytest.raises(Refused):
        store.append(b"y" * 20000)
    ballast.unlink()
    store.append(b"room again")
    store.close()
    again = Store(box, tiny_disk / "store")
    assert len(list(again.read())) == count + 1


def test_a_directory_is_synced_before_an_event_is_durable(box: Box, path: Path) -> None:
    """Through a platform that notes its calls: rename, sync, directory, and only then the answer."""
    table = box.new("tally_platform *", lib.tally_platform_default()[0])
    seen: list[str] = []
    for name in ("sync_data", "sync_directory"):
        inner = getattr(lib.tally_platform_default(), name)

        def note(*arguments: object, inner: object = inner, name: str = name) -> int:
            seen.append(name)
            return inner(*arguments)  # type: ignore[operator]

        setattr(table, name, box.callback(ffi.typeof(getattr(table, name)), note, -28))
    store = Store(box, path, platform=table, flags=NO_THREAD)
    assert "sync_directory" in seen
    seen.clear()
    store.append(b"durable")
    assert "sync_data" in seen
    seen.clear()
    store.append(b"written", level="WRITTEN")
    store.append(b"buffered", level="BUFFERED")
    assert seen == []
    store.sync()
    assert "sync_data" in seen
    store.close()


def test_waiting_ends_when_it_is_over(box: Box, path: Path) -> None:
    store = Store(box, path, flags=NO_THREAD)
    begin = time.monotonic()
    with pytest.raises(Refused) as caught:
        store.wait("BUFFERED", 0, 30)
    assert caught.value.status == "E_TIMEOUT"
    assert 0.02 < time.monotonic() - begin < 5
    store.append(b"now")
    store.wait("DURABLE", 0, 0)
