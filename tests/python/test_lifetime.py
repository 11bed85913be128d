"""Semantics 11, 18 and 19: what is released when, fork, and the exit of the interpreter."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
import weakref

import pytest

import tallystick
from tallystick import Registry


def handler_of(anything):
    def handler(event):
        return anything

    return handler


# ------------------------------------------------------------------------------------------ releasing


def test_references_are_counted_exactly(registry, make):
    handler = make("a")
    before = sys.getrefcount(handler)
    identity = registry.register(handler)
    assert sys.getrefcount(handler) == before + 1
    registry.notify("event")
    assert sys.getrefcount(handler) == before + 1
    registry.unregister(identity)
    assert sys.getrefcount(handler) == before


@pytest.mark.parametrize("how", ["unregister", "unregister_wait", "clear", "close", "drop", "edit", "guard"])
def test_a_handler_is_released_before_removal_returns(make, how):
    handler = make("a")
    before = sys.getrefcount(handler)
    registry = Registry()
    guard = registry.guard(handler)
    identity = guard.id
    registry.notify(1)
    if how == "guard":
        guard.close()
    else:
        guard.forget()
    if how.startswith("unregister"):
        getattr(registry, how)(identity)
    elif how in ("clear", "close"):
        getattr(registry, how)()
    elif how == "edit":
        with registry.edit() as edit:
            edit.unregister(identity)
    elif how == "drop":
        del registry
    assert sys.getrefcount(handler) == before


def test_a_handler_that_removes_itself_is_released_after_the_notify(registry):
    def handler(event):
        registry.unregister(identity)

    gone = weakref.ref(handler)
    identity = registry.register(handler)
    del handler
    registry.notify(1)
    assert gone() is None


def test_a_registry_closed_in_its_handler_is_released_after_the_notify():
    registry = Registry()

    def handler(event):
        registry.close()

    gone = weakref.ref(handler)
    registry.register(handler)
    del handler
    registry.notify(1)
    assert gone() is None


def test_a_registry_dropped_inside_another_ones_handler_is_released(registry):
    class Canary:
        pass

    canaries = []

    def handler(event):
        canary = Canary()
        canaries.append(weakref.ref(canary))
        inner = Registry()
        inner.register(handler_of(canary))
        inner.notify(1)

    registry.register(handler)
    registry.notify(1)
    assert canaries[0]() is None


def test_the_event_is_not_kept(registry, make):
    class Event:
        pass

    event = Event()
    gone = weakref.ref(event)
    registry.register(make("a"))
    registry.notify(event)
    registry.collect(event)
    del event
    assert gone() is None


class Owner:
    """What a registry is tied to in a cycle."""

    def hear(self, event):
        pass


def pause_with(registry, owner):
    registry.paused(10).__enter__()
    registry.notify(owner)


def tie_through_a_child(registry, owner):
    owner.registry = child = registry.child()
    registry.register(handler_of(child))
    child.register(owner.hear)


CYCLES = {
    "a closure": lambda registry, owner: registry.register(handler_of(owner)),
    "a method": lambda registry, owner: registry.register(owner.hear),
    "a filtered handler": lambda registry, owner: registry.on("a.*", owner.hear),
    "on_panic": lambda registry, owner: registry.on_panic(owner.hear),
    "a queue": pause_with,
    "a scope": lambda registry, owner: setattr(owner, "scope", registry.muted()),
    "a child": tie_through_a_child,
    "a guard": lambda registry, owner: setattr(owner, "guard", registry.guard(handler_of(owner))),
    "a delivery": lambda registry, owner: registry.on("k", owner.hear, loop=owner.hear),
    "a mask": lambda registry, owner: registry.register(
        tallystick.Mask(tallystick.Counter(), mask=1, match=1), name=str(registry.register(owner.hear))
    ),
}


@pytest.mark.filterwarnings("ignore:.*was dropped:ResourceWarning")
@pytest.mark.parametrize("what", CYCLES)
def test_cycles_through_a_registry_are_collected(what):
    def tie():
        owner = Owner()
        owner.registry = registry = Registry()
        CYCLES[what](registry, owner)
        return weakref.ref(owner), weakref.ref(registry)

    gone, registry_gone = tie()
    gc.collect()
    assert gone() is None
    assert registry_gone() is None


def test_a_cycle_collected_inside_a_notify_is_released(registry):
    class Owner:
        def hear(self, event):
            pass

    gone = []

    def handler(event):
        owner = Owner()
        owner.registry = Registry()
        owner.registry.register(owner.hear)
        gone.append(weakref.ref(owner))
        del owner
        gc.collect()
        gone.append(gone[0]() is None)

    registry.register(handler)
    registry.notify(1)
    assert gone[1] is True


def test_the_collector_sees_handlers_that_were_removed_and_still_run(registry):
    entered, leave = threading.Event(), threading.Event()

    def handler(event):
        entered.set()
        leave.wait()

    identity = registry.register(handler)
    thread = threading.Thread(target=registry.notify, args=(1,))
    thread.start()
    entered.wait()
    registry.unregister(identity)
    gone = weakref.ref(handler)
    del handler
    gc.collect()
    assert gone() is not None
    leave.set()
    thread.join()
    registry.reclaim()
    assert gone() is None
    assert registry.stats().retired_handlers == 0


def test_a_destructor_may_use_the_registry(registry, make):
    class Handler:
        def __call__(self, event):
            pass

        def __del__(self):
            registry.register(make("left by the dead"))
            registry.notify("from the grave")

    identity = registry.register(Handler())
    registry.unregister(identity)
    assert len(registry) == 1


def test_a_destructor_may_close_the_registry(make):
    registry = Registry()

    class Handler:
        def __call__(self, event):
            pass

        def __del__(self):
            registry.close()

    registry.register(Handler())
    registry.clear()
    assert registry.closed


def test_registries_can_be_referenced_weakly(registry):
    assert weakref.ref(registry)() is registry


LEAK = """
    import gc, sys, tallystick
    from tallystick import Registry, Counter, Ring, Mask, capture

    def fail(event):
        raise ValueError(event)

    def everything():
        with Registry(allow_stop=True, count=True) as registry:
            registry.on_panic(lambda failure: failure.exception)
            ids = [registry.register(lambda event: event, priority=index % 3, name=str(index)) for index in range(8)]
            registry.register(fail, max_failures=2)
            registry.on("a.*", lambda event: tallystick.STOP, once=True)
            registry.register(Mask(Ring(4, 8), mask=1, match=1, width=1))
            child = registry.child(policy="raise")
            child.register(fail)
            for event in (b"abc", "text", 1):
                registry.notify(event)
                registry.emit("a.b", event)
                registry.collect(event)
                try:
                    child.notify(event)
                except* ValueError:
                    pass
            registry.handlers(), registry.stats(), repr(registry), registry._repr_html_()
            with registry.edit() as edit:
                edit.register(print)
                edit.unregister(ids[0])
            with registry.muted(), registry.paused(), capture(registry), registry.guard(print):
                registry.notify(1)
            for wrong in ({"priority": 2**40}, {"prioriti": 1}, {"kinds": "a*"}, {"name": "x" * 200}):
                try:
                    registry.register(print, **wrong)
                except (tallystick.TallyError, TypeError):
                    pass
            registry.unregister_wait(ids[1])
            child.close()

    def measure(rounds):
        for _ in range(rounds):
            everything()
        gc.collect()
        return sys.getallocatedblocks()

    measure(500)
    before = measure(500)
    after = measure(1500)
    print(after - before)
"""


def test_nothing_leaks_whatever_is_done(run_script):
    assert int(run_script(LEAK)) < 300, "a block per round would be 1500"


def test_ten_thousand_registrations_leave_nothing(run_script):
    script = """
        import gc, sys
        from tallystick import Registry
        def handler(event): pass
        def churn(registry, count):
            for _ in range(count):
                registry.unregister(registry.register(handler))
            gc.collect()
            return sys.getallocatedblocks(), sys.getrefcount(handler)
        with Registry() as registry:
            churn(registry, 100)
            before = churn(registry, 100)
            after = churn(registry, 10_000)
            memory = registry.stats().memory_bytes
            churn(registry, 10_000)
            assert registry.stats().memory_bytes == memory
        print(after[0] - before[0], after[1] - before[1])
    """
    blocks, references = run_script(script).split()
    assert int(references) == 0
    assert int(blocks) < 10, "a block per registration would be 10 000"


def test_notify_allocates_nothing_that_stays(run_script):
    script = """
        import sys
        from tallystick import Registry
        with Registry() as registry:
            for _ in range(8):
                registry.register(lambda event: None)
            event = object()
            def spin(count):
                for _ in range(count):
                    registry.notify(event)
                return sys.getallocatedblocks()
            spin(1000)
            one, two, three = spin(1000), spin(1000), spin(100_000)
            print(three - two - (two - one))
    """
    assert int(run_script(script)) == 0


# ---------------------------------------------------------------------------------------------- fork


def in_child(work):
    """Runs `work` in a forked child; its assertions count."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)  # a child that hangs ends and has said nothing
        os.close(reader)
        try:
            work()
            os.write(writer, b"good")
        except BaseException as error:
            os.write(writer, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        said = answer.read()
    os.waitpid(pid, 0)
    assert said == b"good", said


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_registry_goes_on_working_in_a_forked_child(registry, make, calls):
    registry.register(make("before"))
    entered, leave = threading.Event(), threading.Event()

    def stuck(event):
        if event == "stuck":
            entered.set()
            leave.wait()

    identity = registry.register(stuck)
    thread = threading.Thread(target=registry.notify, args=("stuck",))
    thread.start()
    entered.wait()

    def child():
        assert registry.notify("child") == (2, 0, 0)
        new = registry.register(make("new"))
        assert registry.unregister_wait(identity, timeout=5) is True
        assert registry.unregister_wait(new, timeout=5) is True
        worker = threading.Thread(target=registry.notify, args=(2,))
        worker.start()
        worker.join()
        registry.close()

    in_child(child)
    assert registry.notify("parent") == (2, 0, 0)
    leave.set()
    thread.join()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_inside_a_handler_returns_twice(registry, make):
    def fork(event):
        in_child(lambda: registry.register(make("in the child")))

    registry.register(fork)
    assert registry.notify(1) == (1, 0, 0)
    assert len(registry) == 1


@contextlib.contextmanager
def held_elsewhere(lock):
    """Another thread holds the lock; in the child of a fork there is no such thread."""
    taken, release = threading.Event(), threading.Event()

    def hold():
        with lock:
            taken.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    try:
        yield
    finally:
        release.set()
        thread.join()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_counts_and_logs_failures_although_the_lock_was_held(registry, caplog):
    registry.register(lambda event: 1 / 0)

    def child():
        for number in range(3):
            registry.notify(number)
        assert len(caplog.records) == 1, "a failure that was not counted is logged each time"
        tallystick._log.flush()
        assert "2 more failures" in caplog.text

    with held_elsewhere(tallystick._log._lock):
        in_child(child)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_events_come_in_a_forked_child_although_their_lock_was_held(registry):
    events = registry.events()

    async def first():
        return await anext(events)

    def child():
        assert registry.notify("event") == (1, 0, 0)
        assert asyncio.run(first()) == "event"
        events.close()

    with held_elsewhere(events._buffer.lock):
        in_child(child)
    events.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_capture_goes_on_in_a_forked_child_although_its_lock_was_held(registry):
    def child():
        registry.notify("event")
        assert seen.wait(1) == ["event"]

    with tallystick.capture(registry) as seen, held_elsewhere(seen._changed):
        in_child(child)


# ------------------------------------------------------------------------------- end of interpreter

EXITS = {
    "a registry with handlers": """
        registry.register(print)
    """,
    "a daemon thread inside a handler": """
        entered = threading.Event()
        def stuck(event):
            entered.set()
            threading.Event().wait()
        registry.register(stuck)
        threading.Thread(target=registry.notify, args=(1,), daemon=True).start()
        entered.wait()
    """,
    "daemon threads that notify all the time": """
        registry.register(lambda event: None)
        def spin():
            while True:
                registry.notify(1)
        for _ in range(4):
            threading.Thread(target=spin, daemon=True).start()
        time.sleep(0.05)
    """,
    "a daemon thread that waits for a handler": """
        entered = threading.Event()
        def stuck(event):
            entered.set()
            threading.Event().wait()
        identity = registry.register(stuck)
        threading.Thread(target=registry.notify, args=(1,), daemon=True).start()
        entered.wait()
        threading.Thread(target=registry.unregister_wait, args=(identity,), daemon=True).start()
        time.sleep(0.05)
    """,
    "a handler that is notified by atexit": """
        import atexit
        registry.register(lambda event: None)
        atexit.register(registry.notify, 1)
    """,
    "an exit inside a handler": """
        registry.register(lambda event: sys.exit(0))
        registry.notify(1)
    """,
    "a registry that dies with the modules": """
        class Owner:
            def hear(self, event): pass
            def __del__(self, registry=registry): registry.notify(1)
        sys.owner = Owner()
        registry.register(Owner().hear)
    """,
}


@pytest.mark.parametrize("what", EXITS)
def test_the_interpreter_exits_with(run_script, what):
    body = "\n".join(line.removeprefix("        ") for line in EXITS[what].splitlines())
    assert run_script(f"import sys, threading, time, tallystick\nregistry = tallystick.Registry()\n{body}") == ""


@pytest.mark.parametrize("what", ["notifies Python all the time", "came once and is still there"])
def test_the_interpreter_exits_while_a_native_thread(run_script, native_folder, what):
    script = f"""
import sys, threading, time
sys.path.insert(0, {native_folder!r})
import tallystick, tallystick_example as native
registry = tallystick.Registry()
seen = []
registry.register(seen.append)
native.notify_forever(registry.c_handle())
while len(seen) < 10:
    time.sleep(0.001)
if "once" in {what!r}:
    registry.clear()
"""
    assert run_script(script) == ""


def test_the_module_can_be_imported_again(run_script):
    script = """
        import gc, sys
        for _ in range(3):
            import tallystick
            registry = tallystick.Registry()
            registry.register(lambda event: None)
            assert registry.notify(1) == (1, 0, 0)
            for name in [name for name in sys.modules if name.startswith("tallystick")]:
                del sys.modules[name]
            del tallystick, registry
            gc.collect()
        print("good")
    """
    assert run_script(script) == "good\n"


def test_a_sub_interpreter_is_refused_politely(run_script):
    script = """
        try:
            import _xxsubinterpreters as interpreters
        except ImportError:
            import _interpreters as interpreters
        import tallystick
        identity = interpreters.create()
        code = [
            "try:",
            "    import tallystick",
            "except ImportError as error:",
            "    assert 'main interpreter' in str(error) or 'subinterpreters' in str(error), error",
            "else:",
            "    raise SystemExit('imported')",
        ]
        assert interpreters.run_string(identity, chr(10).join(code)) is None
        interpreters.destroy(identity)
        with tallystick.Registry() as registry:
            registry.register(lambda event: None)
            assert registry.notify(1) == (1, 0, 0)
        print("good")
    """
    assert run_script(script) == "good\n"
