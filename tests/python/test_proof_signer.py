"""Callbacks that sign and mirror: on whose thread they run, what they raise, and how they end."""

from __future__ import annotations

import gc
import logging
import signal
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from proof_logs import Log, make_log, proofs1

import tallystick as tally
from tallystick import Checkpoint, SignRequest, errors


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return make_log(tmp_path)


def wait_until(what: Callable[[], bool], seconds: float = 5.0) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends
        time.sleep(0.005)


def test_a_signer_is_asked_with_a_proof_that_it_can_check(log: Log) -> None:
    asked: list[SignRequest] = []

    def sign(request: SignRequest) -> bytes:
        tally.verify_consistency(*request[1:])
        proofs1.verify_consistency(
            request.old_size, request.old_root, request.new_size, request.new_root, list(request.hashes)
        )
        asked.append(request)
        return log.sign(request)

    with log.open(log.signer(sign)) as store:
        heads = [store.checkpoint()]
        store.append("s", "t")
        heads.append(store.checkpoint())
        assert store.prove(3).verify(log.key.public).tree_size == 4
    assert [(one.old_size, one.new_size, one.new_root) for one in asked] == [
        (0, 3, heads[0].root),
        (3, 4, heads[1].root),
    ]
    assert asked[1].note == heads[1].text.partition("\n\n")[0].encode() + b"\n"
    assert repr(asked[1]) == "<SignRequest from 3 to 4 events>"


def test_heads_that_are_due_are_signed_on_the_stores_thread(log: Log) -> None:
    threads: list[int] = []

    def sign(request: SignRequest) -> bytearray:
        threads.append(threading.get_ident())
        return bytearray(log.sign(request))

    with log.open(log.signer(sign)) as store:  # type: ignore[arg-type]
        wait_until(lambda: store.signing().signed_size == 3)
    assert threads
    assert threads[0] != threading.get_ident()


@pytest.mark.parametrize("wrong", [None, b"", b"\0" * 63, b"\0" * 64, "x" * 64, 7])
def test_what_is_no_signature_is_refused(log: Log, wrong: Any) -> None:
    with log.open(log.signer(lambda request: wrong)) as store:
        with pytest.raises(errors.SignatureError) as caught:
            store.checkpoint()
        if wrong != b"\0" * 64:
            assert isinstance(caught.value.__cause__, (TypeError, ValueError))
        assert store.signing().failures > 0
        assert len(store) == 3


def test_what_a_signer_raises_reaches_the_caller_and_the_state(log: Log) -> None:
    def sign(request: SignRequest) -> bytes:
        raise ConnectionError("no HSM")

    with log.open(log.signer(sign)) as store:
        for call in (store.checkpoint, lambda: store.prove(0)):
            with pytest.raises(errors.SignatureError, match="ConnectionError: no HSM") as caught:
                call()
            assert isinstance(caught.value.__cause__, ConnectionError)
        assert store.signing().failure == "the signing callback failed: ConnectionError: no HSM"
        assert store.append("s", "t").durability == "durable"


def test_what_is_raised_on_the_stores_thread_is_logged_and_told(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    tally._proofs._said.clear()  # type: ignore[attr-defined]

    def sign(request: SignRequest) -> bytes:
        raise ConnectionError("no HSM")

    def fail(head: Checkpoint) -> None:
        raise ValueError("no mirror")

    with caplog.at_level(logging.ERROR, "tallystick"):
        with log.open(log.signer(sign)) as store:
            wait_until(lambda: store.signing().failures > 0)
            assert store.signing().failure == "the signing callback failed: ConnectionError: no HSM"
        with log.open(log.signer(mirror=fail)) as store:
            wait_until(lambda: store.signing().mirror_failures > 0)
            assert store.signing().failure == "the mirror's callback failed: ValueError: no mirror"
            assert store.checkpoint().size == 3
    assert [record.getMessage() for record in caplog.records] == [
        "the signer of a store failed: ConnectionError",
        "the mirror of a store failed: ValueError",
    ]


def test_a_durable_append_that_waits_for_its_head_says_why_there_is_none(log: Log) -> None:
    def sign(request: SignRequest) -> bytes:
        raise ConnectionError("no HSM")

    with (
        log.open(log.signer(sign, every_commit=True)) as store,
        pytest.raises(errors.SignatureError, match="no HSM"),
    ):
        store.append("s", "t")


def test_ctrl_c_in_a_signer_reaches_the_caller(log: Log) -> None:
    def sign(request: SignRequest) -> bytes:
        if threading.current_thread() is threading.main_thread():
            signal.raise_signal(signal.SIGINT)
        return log.sign(request)

    with log.open(log.signer(sign), thread=False) as store:
        with pytest.raises(KeyboardInterrupt):
            store.checkpoint()
        assert store.signing().signed_size == 0
        try:
            store.close()
        except KeyboardInterrupt:
            pass
        else:
            pytest.fail("the head at close was not interrupted")
    assert store.closed


def test_a_callback_may_read_and_append_but_not_ask_for_heads_or_close(log: Log) -> None:
    said: list[Any] = []

    def sign(request: SignRequest) -> bytes:
        for call in (store.checkpoint, lambda: store.prove(0), store.close):
            try:
                call()
            except errors.WouldBlockError as error:
                said.append(error.symbol)
        said.append(store[0].type)
        return log.sign(request)

    store = log.open(log.signer(sign, mirror=lambda head: said.append(store.append("m", "t", durability="buffered"))))
    with store:
        store.checkpoint()
        assert said[:4] == ["TALLY_E_WOULD_BLOCK"] * 3 + ["account.used"]
        assert said[4].position == 3


def test_a_mirror_may_be_another_store(log: Log, tmp_path: Path) -> None:
    def mirror(head: Checkpoint) -> None:
        with tally.open(tmp_path / "mirror") as heads:
            heads.append("heads", "head.signed", head.text.encode(), content_type="text/plain")

    with log.open(log.signer(mirror=mirror)) as store:
        head = store.checkpoint()
        store.append("s", "t")
        assert store.checkpoint().size == 4
        assert store.signing().mirror_failures == 0
    with tally.open(tmp_path / "mirror", mode="r") as heads:
        assert heads[0].data == head.text


def test_after_a_rotation_both_signers_are_asked_then_the_new_one(log: Log) -> None:
    asked: list[str] = []
    new = Log(log.path, log.key_path, tally.make_key(log.key.public.split("+")[0]))

    def signer(who: Log, name: str) -> tally.Signing:
        return who.signer(lambda request: (asked.append(name), who.sign(request))[1])

    with log.open(signer(log, "old"), thread=False) as store:
        store.checkpoint()
        store.rotate_key(signer(new, "new"))
        gc.collect()
        assert asked == ["old", "new", "old"]
        for _ in range(2):
            store.append("s", "t")
            store.checkpoint()
        assert asked == ["old", "new", "old", "new", "old", "new"]


def test_a_store_that_only_its_signer_knows_is_collected(log: Log) -> None:
    class Signer:
        def sign(self, request: SignRequest) -> bytes:
            return log.sign(request)

    signer = Signer()
    store = log.open(log.signer(signer.sign))
    signer.store = store  # type: ignore[attr-defined]
    store.close()
    gone = weakref.ref(signer)
    del store, signer
    gc.collect()
    assert gone() is None


def test_forgetting_a_store_signs_its_last_head(log: Log) -> None:
    heads: list[Checkpoint] = []
    store = log.open(log.signer(mirror=heads.append))
    store.append("s", "t")
    holder = [store]
    del store
    with pytest.warns(ResourceWarning):
        holder.clear()
    assert heads[-1].size == 4


SCRIPT = """
import sys
sys.path.insert(0, {here!r})
from pathlib import Path
import threading, time
from proof_logs import make_log
log = make_log(Path({folder!r}))
"""


@pytest.mark.parametrize("ending", ["", "store.close()", "import os; os._exit(0)", "store = log = None"])
def test_the_interpreter_may_end_with_a_signer(tmp_path: Path, run_script: Any, ending: str) -> None:
    script = SCRIPT.format(here=str(Path(__file__).parent), folder=str(tmp_path))
    script += (
        "import warnings; warnings.simplefilter('ignore')\n"
        "store = log.open(log.signer(mirror=lambda head: None))\n"
        f"for _ in range(20): store.append('s', 't')\n{ending}\n"
    )
    run_script(script)
    report = tally.verify(tmp_path / "log")
    assert report
    assert report.events == 23
    if ending != "import os; os._exit(0)":
        with tally.open(tmp_path / "log", mode="r") as store:
            assert store.checkpoint().size == 23


def test_the_interpreter_may_end_while_a_signer_sleeps(tmp_path: Path, run_script: Any) -> None:
    script = SCRIPT.format(here=str(Path(__file__).parent), folder=str(tmp_path))
    script += (
        "import warnings; warnings.simplefilter('ignore')\n"
        "began = threading.Event()\n"
        "def sign(request):\n"
        "    began.set(); time.sleep(0.3); return log.sign(request)\n"
        "store = log.open(log.signer(sign))\n"
        "store.append('s', 't'); began.wait()\n"
    )
    run_script(script)
    with tally.open(tmp_path / "log", mode="r") as store:
        assert store.checkpoint().size == 4


def test_callbacks_under_many_threads(log: Log) -> None:
    heads: list[Checkpoint] = []
    with log.open(log.signer(mirror=heads.append), durability="buffered") as store:

        def work(n: int) -> None:
            for _ in range(10):
                receipt = store.append(f"s/{n}", "t")
                assert store.prove(receipt).verify(log.key.public).position == receipt.position

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [head.size for head in heads] == sorted({head.size for head in heads})
    assert heads[-1].size == 43
