"""Python handlers: ours, a loop in Python, blinker, pyee and psygnal take turns in this process.

Prints one JSON object per line: name, unit, samples of each contestant. The handlers are functions of their own and do
next to nothing, so what is measured is the way to them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import blinker
import psygnal
import pyee

import tallystick

ROUNDS = 31
BLOCK_NS = 3_000_000
SIZES = (1, 4, 16)

Handler = Callable[[Any], object]
Call = Callable[[Any], object]


def make_handlers(count: int) -> list[Handler]:
    """Distinct functions with the same body."""
    handlers: list[Handler] = []
    for _ in range(count):
        namespace: dict[str, Any] = {}
        exec("def handler(event):\n    return None\n", namespace)
        handlers.append(namespace["handler"])
    return handlers


def dispatch(handlers: list[Handler], event: object) -> None:
    for handler in handlers:
        handler(event)


def call_ours(handlers: list[Handler]) -> Call:
    registry = tallystick.Registry()
    for handler in handlers:
        registry.register(handler)
    return registry.notify


def call_blinker(handlers: list[Handler]) -> Call:
    signal = blinker.Signal()
    for handler in handlers:
        signal.connect(handler)
    return signal.send


def call_pyee(handlers: list[Handler]) -> Call:
    emitter = pyee.EventEmitter()
    for handler in handlers:
        emitter.on("event", handler)
    return lambda event: emitter.emit("event", event)


def call_psygnal(handlers: list[Handler]) -> Call:
    signal = psygnal.SignalInstance((object,))
    for handler in handlers:
        signal.connect(handler)
    return signal.emit


MAKERS: dict[str, Callable[[list[Handler]], Call]] = {
    "ours": call_ours,
    "blinker": call_blinker,
    "pyee": call_pyee,
    "psygnal": call_psygnal,
}


def prove(make: Callable[[list[Handler]], Call], name: str) -> None:
    """A contestant that does not call its handlers would win."""
    seen: list[object] = []

    def first(event: object) -> None:
        seen.append(event)

    def second(event: object) -> None:
        seen.append(event)

    make([first, second])("event")
    if seen != ["event", "event"]:
        raise SystemExit(f"{name} called its handlers with {seen}")


def block(call: Call, count: int) -> int:
    event = object()
    start = time.perf_counter_ns()
    for _ in range(count):
        call(event)
    return time.perf_counter_ns() - start


def block_of_loop(handlers: list[Handler], count: int) -> int:
    event = object()
    start = time.perf_counter_ns()
    for _ in range(count):
        dispatch(handlers, event)
    return time.perf_counter_ns() - start


def measure(size: int) -> dict[str, list[float]]:
    handlers = make_handlers(size)
    blocks: dict[str, Callable[[int], int]] = {"Python loop": lambda count: block_of_loop(handlers, count)}
    for name, make in MAKERS.items():
        call = make(handlers)
        blocks[name] = lambda count, call=call: block(call, count)  # type: ignore[misc]
    counts = {name: max(1, int(BLOCK_NS / (run(500) / 500))) for name, run in blocks.items()}
    samples: dict[str, list[float]] = {name: [] for name in blocks}
    names = list(blocks)
    for turn in range(ROUNDS):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            samples[name].append(blocks[name](counts[name]) / counts[name])
    return samples


async def handler_without_await(event: object) -> None:
    return None


async def measure_async(size: int) -> dict[str, list[float]]:
    registry = tallystick.AsyncRegistry()
    handlers: list[Callable[[Any], Awaitable[None]]] = [handler_without_await] * size
    for handler in handlers:
        registry.register(handler)
    event = object()
    count = 200

    async def ours() -> int:
        start = time.perf_counter_ns()
        for _ in range(count):
            await registry.notify(event)
        return time.perf_counter_ns() - start

    async def gather() -> int:
        start = time.perf_counter_ns()
        for _ in range(count):
            await asyncio.gather(*(handler(event) for handler in handlers))
        return time.perf_counter_ns() - start

    samples: dict[str, list[float]] = {"ours": [], "asyncio.gather": []}
    for turn in range(-1, ROUNDS):
        for name, run in (("ours", ours), ("asyncio.gather", gather)):
            spent = await run()
            if turn >= 0:
                samples[name].append(spent / count)
    return samples


def show(name: str, samples: dict[str, list[float]]) -> None:
    print(json.dumps({"name": name, "unit": "ns", "samples": samples}), flush=True)


def main() -> None:
    if not psygnal._compiled:
        raise SystemExit("psygnal is not the compiled one")
    for name, make in MAKERS.items():
        prove(make, name)
    for size in SIZES:
        show(f"notify/{size}", measure(size))
    for size in (1, 4):
        show(f"async/{size}", asyncio.run(measure_async(size)))


main()
