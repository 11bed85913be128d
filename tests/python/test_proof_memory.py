"""Proofs when memory fails, over many rounds, and in the child of a fork."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

BEGIN = """
import sys; sys.path.insert(0, sys.argv[1])
import gc, logging, os, warnings
from pathlib import Path
import tallystick as tally
from proof_logs import make_log
warnings.simplefilter("ignore")
logging.getLogger("tallystick").addHandler(logging.NullHandler())
logging.getLogger("tallystick").propagate = False
log = make_log(Path(sys.argv[2]))
"""
HERE = str(Path(__file__).parent)

FAIL = """
import _testcapi
sys.unraisablehook = lambda info: None
witness = tally.make_key("w", witness=True)
with log.open() as store: known = [store.prove(1).text, store.get_stored(1), store.checkpoint().text]

def sign(request): raise LookupError("no HSM")
def mirror(head): head.size

signing = log.signer(sign, mirror=mirror)
store = log.open(signing, thread=False)

def scenario(n):
    store.append("s", "t", {"n": n}, durability="buffered")
    try: store.checkpoint()
    except tally.SignatureError: pass
    store.get_stored(0), store.signing(), repr(signing), store.consistency(1, 3).verify()
    proven = tally.verify_proof(known[0], log.key.public, known[1])
    proven.event.data, repr(proven), tally.Proof(known[0]).checkpoint.verify([log.key.public])
    tally.verify_inclusion(b"x" * 32, 0, 1, [], b"x" * 32), tally.merkle_root([b"x" * 32] * 9)
    line = tally.cosign(known[2], witness.private, 5)
    tally.witness_answer(200, line, known[2], witness.public), tally.witness_request(0, (), known[2])
    report = store.verify(keys=log.key.public)
    str(report), report._repr_html_()
    for wrong in ("x", known[0][:-1]):
        try: tally.verify_proof(wrong, log.key.public)
        except tally.TallyError: pass

def fail_once(number):
    _testcapi.set_nomemory(number, number + 1)
    try:
        scenario(number)
    except MemoryError:
        return True
    except SystemError as error:  # CPython 3.11's own, when there is no room for a frame
        assert "error return without exception set" in str(error), error
        return True
    finally:
        _testcapi.remove_mem_hooks()
    return False

scenario(0)
failed = sum(fail_once(number) for number in range(1, 900))
scenario(0)
gc.collect()
store.close()
print(failed)
"""


def test_a_failing_allocation_is_a_memory_error_and_nothing_worse(
    tmp_path: Path, run_script: Callable[..., str]
) -> None:
    pytest.importorskip("_testcapi")
    assert int(run_script(BEGIN + FAIL, HERE, str(tmp_path), timeout=120)) > 150


def test_many_rounds_leave_nothing_behind(tmp_path: Path, run_script: Callable[..., str]) -> None:
    script = BEGIN + (
        "import tracemalloc\n"
        "def fail(request): raise ValueError('x' * 1000)\n"
        "def round_():\n"
        "    with log.open(log.signer(mirror=lambda head: None), thread=False) as store:\n"
        "        for _ in range(20):\n"
        "            receipt = store.append('s', 't', {'x': 1}, durability='buffered')\n"
        "        receipt.proof().verify(log.key.public, store.get_stored(receipt))\n"
        "        store.consistency(1, 2).verify(); store.keep_note(store.checkpoint())\n"
        "        store.verify(keys=log.key.public)\n"
        "    with log.open(log.signer(fail), thread=False) as store:\n"
        "        store.append('s', 't')\n"
        "        try: store.checkpoint()\n"
        "        except tally.SignatureError: pass\n"
        "    gc.collect()\n"
        "for _ in range(5): round_()\n"
        "tracemalloc.start()\n"
        "before = tracemalloc.get_traced_memory()[0]\n"
        "for _ in range(25): round_()\n"
        "print(tracemalloc.get_traced_memory()[0] - before)\n"
    )
    assert int(run_script(script, HERE, str(tmp_path), timeout=120)) < 20_000


def test_in_the_child_of_a_fork_nothing_is_signed(tmp_path: Path, run_script: Callable[..., str]) -> None:
    script = BEGIN + (
        "asked = []\n"
        "store = log.open(log.signer(lambda request: (asked.append(os.getpid()), log.sign(request))[1]))\n"
        "store.append('s', 't'); head = store.checkpoint()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    said = 0\n"
        "    for call in (store.checkpoint, store.signing, store.verify, lambda: store.prove(0)):\n"
        "        try: call()\n"
        "        except tally.ForkedError: said += 1\n"
        "    store.close(); del store; gc.collect()\n"
        "    tally.verify_checkpoint(head, log.key.public)\n"
        "    os._exit(0 if said == 4 and os.getpid() not in asked else 1)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "store.append('s', 't'); assert store.checkpoint().size == 5\n"
        "store.close(); print(set(asked) == {os.getpid()})\n"
    )
    assert run_script(script, HERE, str(tmp_path)) == "True\n"
