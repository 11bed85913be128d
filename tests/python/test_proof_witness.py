"""A witness over HTTP: what it signs, refuses, and says wrongly."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from proof_logs import Log, make_log

import tallystick as tally
from tallystick import Key, errors


class Witness:
    """As C2SP tlog-witness says: remembers a size and a root, cosigns what extends them."""

    def __init__(self, log_key: str) -> None:
        self.key: Key = tally.make_key("witness.example/one", witness=True)
        self.log_key = log_key
        self.known = (0, tally.merkle_root([]))
        self.asked: list[int] = []
        self.instead: Callable[[], tuple[int, bytes]] | None = None

    def answer(self, path: str, body: str) -> tuple[int, bytes]:
        head, _, text = body.partition("\n\n")
        first, *lines = head.split("\n")
        old = int(first.removeprefix("old "))
        self.asked.append(old)
        if path != "/add-checkpoint":
            return 404, b""
        if self.instead is not None:
            return self.instead()
        import base64

        try:
            checkpoint, _ = tally.verify_checkpoint(text, self.log_key)
        except errors.TallyError:
            return 403, b""
        size, root = self.known
        if old != size:
            return 409, f"{size}\n".encode()
        hashes = [base64.b64decode(line) for line in lines]
        try:
            if size:
                tally.verify_consistency(size, root, checkpoint.size, checkpoint.root, hashes)
        except errors.ProofError:
            return 422, b""
        self.known = checkpoint.size, checkpoint.root
        return 200, tally.cosign(text, self.key.private, 1_700_000_000).encode()


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return make_log(tmp_path)


@pytest.fixture
def witness(log: Log) -> Witness:
    return Witness(log.key.public)


@pytest.fixture
def url(witness: Witness) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, answer = witness.answer(self.path, body)
            self.send_response(status)
            if status in (301, 302, 303, 307):
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_witness_cosigns_what_extends_what_it_knows(log: Log, witness: Witness, url: str) -> None:
    policy = tally.Policy(log.key.public, witness.key.public)
    with log.open() as store:
        answer = tally.ask_witness(url, store, witness.key.public)
        assert answer
        assert (answer.outcome, repr(answer)) == ("signed", "<WitnessAnswer: signed>")
        assert answer.note is not None
        head, signed = tally.verify_checkpoint(answer.note, policy)
        assert (head.size, signed.by_witnesses, signed.witnessed_s) == (3, 1, 1_700_000_000)
        proven = store.prove(0).verify(policy)
        assert proven.signed.by_witnesses == 1
        for _ in range(4):
            store.append("s", "t")
        answer = tally.ask_witness(url + "/", store, [witness.key.public], old_size=3)
        assert answer
        assert witness.asked == [0, 3]
    with tally.open(log.path, mode="r") as store:
        assert store.checkpoint().verify(policy).by_witnesses == 1


def test_it_is_asked_again_from_the_size_that_it_says(log: Log, witness: Witness, url: str) -> None:
    with log.open() as store:
        assert tally.ask_witness(url, store, witness.key.public)
        store.append("s", "t")
        note = store.checkpoint()
        assert tally.ask_witness(url + "/add-checkpoint", store, witness.key.public, note=note, keep=False)
        assert witness.asked == [0, 0, 3]
        assert "witness" not in store.checkpoint().text


def test_a_witness_of_another_history_is_a_rollback(log: Log, witness: Witness, url: str) -> None:
    with log.open() as store:
        witness.known = 2, bytes(32)
        assert tally.ask_witness(url, store, witness.key.public).outcome == "refused"
        witness.instead = lambda: (409, b"2\n")
        with pytest.raises(errors.RollbackError):
            tally.ask_witness(url, store, witness.key.public)
        witness.instead = lambda: (409, b"7\n")
        answer = tally.ask_witness(url, store, witness.key.public)
        assert (answer.outcome, answer.old_size, answer.note) == ("behind", 7, None)
        sizes = iter(range(1, 100))
        for _ in range(9):
            store.append("s", "t")
        witness.instead = lambda: (409, f"{next(sizes)}\n".encode())
        with pytest.raises(errors.LimitError):
            tally.ask_witness(url, store, witness.key.public)


def test_what_a_witness_may_not_answer(log: Log, witness: Witness, url: str) -> None:
    other = tally.make_key("witness.example/one", witness=True)
    with log.open() as store:
        note = store.checkpoint()
        line = tally.cosign(note, other.private)
        for answer, error in (
            ((200, b""), errors.TallyError),
            ((200, b"nonsense"), errors.FormatError),
            ((200, line.encode()), errors.UnknownKeyError),
            ((200, b"x" * 100_000), errors.LimitError),
        ):
            witness.instead = lambda answer=answer: answer  # type: ignore[misc]
            with pytest.raises(error):
                tally.ask_witness(url, store, witness.key.public)
        for status in (302, 403, 404, 409, 422, 500):
            outcome = "try later" if status == 500 else "refused"
            witness.instead = lambda status=status: (status, b"")  # type: ignore[misc]
            assert tally.ask_witness(url, store, witness.key.public).outcome == outcome
        assert store.checkpoint().text == note.text


def test_addresses_that_are_none(log: Log, witness: Witness) -> None:
    with log.open() as store:
        for address in ("file:///etc/passwd", "ftp://x", "", "witness.example"):
            with pytest.raises(errors.ArgumentError):
                tally.ask_witness(address, store, witness.key.public)
        with pytest.raises(errors.IoError) as caught:
            tally.ask_witness("http://127.0.0.1:1", store, witness.key.public)
        assert isinstance(caught.value, OSError)


def test_a_witness_that_does_not_answer(log: Log, witness: Witness, url: str) -> None:
    def sleep() -> tuple[int, bytes]:
        time.sleep(0.5)
        return 500, b""

    witness.instead = sleep
    with log.open() as store, pytest.raises(errors.TimeoutError):
        tally.ask_witness(url, store, witness.key.public, timeout=0.1)


def test_a_note_is_kept_only_when_it_is_this_logs(log: Log, witness: Witness, tmp_path: Path) -> None:
    foreign = make_log(tmp_path, name="other")
    with foreign.open() as other:
        note = other.checkpoint()
    with log.open() as store:
        with pytest.raises(errors.OriginError):
            store.keep_note(note)
        with pytest.raises(errors.FormatError):
            store.keep_note("nonsense")
        own = store.checkpoint()
        store.keep_note(own.text + tally.cosign(own, witness.key.private), [witness.key.public])
        assert store.checkpoint().text.count("—") == 2
        for wrong in (None, 7, object(), "\udc80"):
            with pytest.raises((TypeError, ValueError)):
                store.keep_note(wrong)  # type: ignore[arg-type]
            with pytest.raises((TypeError, ValueError)):
                store.keep_note(own, [wrong])  # type: ignore[list-item]
