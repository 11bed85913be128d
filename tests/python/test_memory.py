"""Every allocation of the shim made to fail once: what comes is a MemoryError or nothing, and all goes on."""

import pytest

SCRIPT = """
    import gc, logging, sys
    import _testcapi, tallystick
    from tallystick import Counter, Mask, Registry, Ring

    logging.getLogger("tallystick").addHandler(logging.NullHandler())
    logging.getLogger("tallystick").propagate = False
    sys.unraisablehook = lambda info: None

    def good(event): pass
    def bad(event): raise ValueError(event)
    class Listener:
        def hear(self, event): pass
    listener = Listener()

    def scenario():
        registry = Registry(allow_stop=True)
        identity = registry.register(good, name="name", kinds=("a.b", "c.*"), priority=3)
        for handler in (good, listener.hear):
            registry.register(handler, weak=True)
        ring = Ring()
        for handler in (bad, Counter(), Mask(ring, mask=1, match=1, width=1)):
            registry.register(handler)
        registry.on_panic(good)
        registry.notify(b"a"), registry.emit("a.b", 1), registry.collect(2)
        ring.drain(), ring.counts(), registry.handlers(), registry.stats(), repr(registry)
        child = registry.child("fail-fast")
        child.register(bad)
        try:
            child.notify(1)
        except ValueError:
            pass
        with registry.edit() as edit:
            edit.register(good)
            edit.unregister(identity)
        with registry.paused(3), registry.muted():
            registry.notify(1), child.collect(2), registry.collect(3)
        registry.unregister(edit.ids[0]), registry.unregister_wait(listener.hear), registry.c_handle()
        registry.clear(), child.close(), registry.close()

    def fail_once(number):
        _testcapi.set_nomemory(number, number + 1)
        try:
            scenario()
        except (MemoryError, ExceptionGroup):  # a group of it after a pause
            return True
        finally:
            _testcapi.remove_mem_hooks()
        return False

    scenario()
    failed = sum(fail_once(number) for number in range(1, 1000))
    gc.collect()
    scenario()
    print(failed, tallystick.depth())
"""


def test_a_failing_allocation_is_a_memory_error_and_nothing_worse(run_script):
    pytest.importorskip("_testcapi")
    failed, depth = run_script(SCRIPT).split()
    assert int(failed) > 50
    assert int(depth) == 0
