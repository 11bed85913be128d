"""Whether what many threads did to one store, and saw of it, can have happened one after the other.

A history is a list of dictionaries, one for each call, in any order. `begin` and `end` are moments of one clock of the
whole process: a call that ended before another began came before it. An event is told by a `number` of its own.

    {"do": "append", "begin", "end", "level": 1..3, "ok": true, "stream", "expected": version or null,
     "events": [[position, version, number], …]}
    {"do": "append", …, "ok": false, "next": the stream's next version, as the conflict said}
    {"do": "read", "begin", "end", "from", "view": its end, "durable": whether it was asked for durable ones,
     "other": whether by another process, "events": [[position, number, batch_index, batch_count], …]}
    {"do": "marks", "begin", "end", "buffered", "written", "durable"}

`check` gives the first rule that is broken and where, or None.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator
from typing import Any

Call = dict[str, Any]
History = list[Call]
LEVELS = {1: "buffered", 2: "written", 3: "durable"}


class Past:
    """A history, sorted in the ways that the rules need."""

    def __init__(self, history: History) -> None:
        self.appends = [call for call in history if call["do"] == "append" and call["ok"]]
        self.conflicts = [call for call in history if call["do"] == "append" and not call["ok"]]
        self.reads = [call for call in history if call["do"] == "read"]
        self.marks = [call for call in history if call["do"] == "marks"]
        self.by_position: dict[int, tuple[int, Call]] = {}
        self.twice: list[int] = []
        for call in self.appends:
            for position, _, number in call["events"]:
                if position in self.by_position:
                    self.twice.append(position)
                self.by_position[position] = (number, call)


def first_of(call: Call) -> int:
    return int(call["events"][0][0])


def last_of(call: Call) -> int:
    return int(call["events"][-1][0])


class Highest:
    """The highest value that calls which ended before a moment had; and the lowest of calls that began after one."""

    def __init__(self, calls: list[Call], value: Callable[[Call], int], *, before: bool) -> None:
        key = (lambda call: call["end"]) if before else (lambda call: -call["begin"])
        rows = sorted(calls, key=key)
        self.times = [key(call) for call in rows]
        self.best: list[int] = []
        for call in rows:
            now = value(call) if before else -value(call)
            self.best.append(max(now, self.best[-1]) if self.best else now)
        self.before = before

    def at(self, moment: int) -> int | None:
        """Of calls that ended before the moment (or began after it)."""
        count = bisect.bisect_left(self.times, moment if self.before else -moment)
        if count == 0:
            return None
        return self.best[count - 1] if self.before else -self.best[count - 1]


def dense(past: Past) -> Iterator[str]:
    if past.twice:
        yield f"position {past.twice[0]} was given twice"
    if past.by_position and sorted(past.by_position) != list(range(len(past.by_position))):
        gap = next(at for at, position in enumerate(sorted(past.by_position)) if at != position)
        yield f"nobody got position {gap}"
    for call in past.appends:
        positions = [event[0] for event in call["events"]]
        if positions != list(range(positions[0], positions[0] + len(positions))):
            yield f"a batch got the positions {positions}"


def versions_dense(past: Past) -> Iterator[str]:
    streams: dict[str, list[tuple[int, int]]] = {}
    for call in past.appends:
        for position, version, _ in call["events"]:
            streams.setdefault(call["stream"], []).append((position, version))
    for stream, rows in streams.items():
        found = [version for _, version in sorted(rows)]
        if found != list(range(len(found))):
            yield f"stream {stream} has the versions {found[:20]}"


def real_time_order(past: Past) -> Iterator[str]:
    earlier = Highest(past.appends, last_of, before=True)
    for call in past.appends:
        highest = earlier.at(call["begin"])
        if highest is not None and highest > first_of(call):
            yield f"{first_of(call)} was appended after {highest} was acknowledged"


def what_is_read_was_appended(past: Past) -> Iterator[str]:
    for call in past.reads:
        for position, number, index, count in call["events"]:
            if position not in past.by_position:
                yield f"position {position} was read, but nobody appended it"
                return
            said, append = past.by_position[position]
            if said != number:
                yield f"position {position} was read as {number}, but {said} was appended"
            place = position - first_of(append)
            if (index, count) != (place, len(append["events"])):
                yield f"position {position} was read as {index} of {count}, not {place} of {len(append['events'])}"


def a_read_is_a_prefix(past: Past) -> Iterator[str]:
    for call in past.reads:
        positions = [event[0] for event in call["events"]]
        if positions != list(range(call["from"], max(call["view"], call["from"]))):
            yield f"a read from {call['from']} to {call['view']} gave {positions[:5]} … {len(positions)} events"


def batches_are_whole(past: Past) -> Iterator[str]:
    for call in past.reads:
        if call["events"]:
            position, _, index, count = call["events"][-1]
            if index + 1 != count:
                yield f"a view ends at {position}, in the middle of a batch"


def acknowledged_is_visible(past: Past) -> Iterator[str]:
    for durable in (False, True):
        earlier = Highest([call for call in past.appends if not durable or call["level"] == 3], last_of, before=True)
        for call in past.reads:
            if call.get("other"):
                continue  # another process sees it soon, not at once
            highest = earlier.at(call["begin"])
            if bool(call["durable"]) == durable and highest is not None and highest >= call["view"]:
                yield f"{highest} was acknowledged before a read that ends at {call['view']}"


def nothing_comes_from_the_future(past: Past) -> Iterator[str]:
    later = Highest(past.appends, first_of, before=False)
    for call in [*past.reads, *past.marks]:
        lowest = later.at(call["end"])
        seen = call["view"] if call["do"] == "read" else call["buffered"]
        if lowest is not None and lowest < seen:
            yield f"{lowest} was seen before it was appended"


def views_grow(past: Past) -> Iterator[str]:
    """What one read or watermark showed, all later ones show."""
    for other in (False, True):
        plain = [call for call in past.reads if not call["durable"] and bool(call.get("other")) == other]
        earlier = Highest(plain, lambda call: int(call["view"]), before=True)
        for call in plain:
            highest = earlier.at(call["begin"])
            if highest is not None and highest > call["view"]:
                yield f"a read ends at {call['view']} after one that ended at {highest}"


def watermarks(past: Past) -> Iterator[str]:
    for call in past.marks:
        if not call["durable"] <= call["written"] <= call["buffered"]:
            yield f"watermarks are out of order: {call}"
    for level, name in LEVELS.items():
        earlier = Highest(past.marks, lambda call, name=name: int(call[name]), before=True)
        promised = Highest([call for call in past.appends if call["level"] >= level], last_of, before=True)
        for call in past.marks:
            highest = earlier.at(call["begin"])
            if highest is not None and highest > call[name]:
                yield f"{name} went back from {highest} to {call[name]}"
            highest = promised.at(call["begin"])
            if highest is not None and highest >= call[name]:
                yield f"{highest} was acknowledged as {name}, but the watermark is {call[name]}"


def durable_views_are_durable(past: Past) -> Iterator[str]:
    later = Highest(past.marks, lambda call: int(call["durable"]), before=False)
    for call in past.reads:
        lowest = later.at(call["end"])
        if call["durable"] and lowest is not None and call["view"] > lowest:
            yield f"a durable read ends at {call['view']}, but {lowest} was durable later"


def conditions(past: Past) -> Iterator[str]:
    for call in past.appends:
        if call["expected"] is not None and call["events"][0][1] != call["expected"] + 1:
            yield f"expected version {call['expected']}, got {call['events'][0][1]}"
    done: dict[str, list[int]] = {}
    begun: dict[str, list[int]] = {}
    for call in past.appends:
        done.setdefault(call["stream"], []).extend([call["end"]] * len(call["events"]))
        begun.setdefault(call["stream"], []).extend([call["begin"]] * len(call["events"]))
    for times in [*done.values(), *begun.values()]:
        times.sort()
    for call in past.conflicts:
        lowest = bisect.bisect_left(done.get(call["stream"], []), call["begin"])
        highest = bisect.bisect_left(begun.get(call["stream"], []), call["end"])
        if call["next"] == call["expected"] + 1:
            yield f"a conflict at version {call['expected']}, which was the one expected"
        if not lowest <= call["next"] <= highest:
            yield f"a conflict says {call['next']}, but the stream had {lowest} to {highest} events"


RULES: tuple[Callable[[Past], Iterator[str]], ...] = (
    dense,
    versions_dense,
    real_time_order,
    what_is_read_was_appended,
    a_read_is_a_prefix,
    batches_are_whole,
    acknowledged_is_visible,
    nothing_comes_from_the_future,
    views_grow,
    watermarks,
    durable_views_are_durable,
    conditions,
)


def broken(history: History) -> dict[str, str]:
    """The rules that do not hold, each with the first place."""
    past = Past(history)
    found = {rule.__name__: next(rule(past), None) for rule in RULES}
    return {name: where for name, where in found.items() if where is not None}
