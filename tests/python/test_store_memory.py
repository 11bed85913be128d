"""Every allocation of the store's shim made to fail once: what comes is a MemoryError or nothing, and all goes on."""

from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = """
    import gc, logging, sys, warnings
    import _testcapi, tallystick as tally

    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda info: None
    logging.getLogger("tallystick").addHandler(logging.NullHandler())
    logging.getLogger("tallystick").propagate = False
    store = tally.open(sys.argv[1], durability="buffered", sync_interval=3600)
    store.append("s", "t", {"a": 1}, tags=["x:y"])
    other = [None]

    def gate(drafts): drafts[0].data
    def handler(event): event.data

    def scenario(n):
        receipt = store.append("s", "t", {"a": [1, 2.5, "x" * 2000, 10**30]}, tags=["x:y", "z"], schema=1)
        store.append_many([("s", "t", {"n": 1}), {"stream": "s", "type": "u", "tags": "a", "causation": 0}] * 12,
                          expect={"s": "exists"}, conditions=[tally.Condition("none", "none", 10**6)])
        event = store.get(receipt)
        event.data, event.id, event.time, event.tags, event.stream, event.hash, event.raw, event.occurred, repr(event)
        receipt.id, receipt.time, repr(receipt)
        for one in store.read(stream="s", types=["t", "u.*"], tags="x:y", backwards=True, limit=30): one.data
        store.head("s"), store.watermarks(), store.stats(), store.info, repr(store), len(store), store[-1]
        list(store.streams()), store.ancestors(2), event.id in store
        number = store.on("*", handler)
        store.gate(gate)
        store.append("s", "t", bytearray(b"x" * 10))
        store.remove_gate(gate)
        store.registry.unregister(number)
        for wrong in ((store.append, "s", "t", None), (store.get, 10**9)):  # no lambda: CPython has crashed on those
            try: wrong[0](*wrong[1:], **({"expect": 10**9} if len(wrong) == 4 else {}))
            except (TypeError, tally.TallyError): pass

    def fail_once(number):
        _testcapi.set_nomemory(number, number + 1)
        try:
            scenario(number)
        except (MemoryError, tally.RefusedError):  # what a gate raises refuses
            return True
        except SystemError as error:  # CPython 3.11's own, when there is no room for a frame
            assert "error return without exception set" in str(error), error
            return True
        finally:
            _testcapi.remove_mem_hooks()
            for gate_number in store._gates(): store._gate_remove(gate_number)
            store.registry.clear()
        return False

    scenario(0)
    failed = sum(fail_once(number) for number in range(1, 1500))
    gc.collect()
    scenario(0)
    events = list(store)
    assert [event.position for event in events] == list(range(len(store)))
    for event in events: event.data
    store.close()
    with tally.open(sys.argv[1], mode="r") as again: assert len(again) == len(events)
    print(failed)
"""


def test_a_failing_allocation_is_a_memory_error_and_nothing_worse(
    tmp_path: Path, run_script: Callable[..., str]
) -> None:
    pytest.importorskip("_testcapi")
    assert int(run_script(SCRIPT, str(tmp_path / "log"), timeout=120)) > 300
