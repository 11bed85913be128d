"""Rows: what a contestant and its peer measured, and whether the bar between them holds."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

Samples = dict[str, list[float]]  # contestant -> one figure per round


@dataclass(frozen=True)
class Bar:
    """A promise about a row: its words, and the test of (ours, peer)."""

    words: str
    holds: Callable[[float, float], bool]


def ratio_at_most(limit: float) -> Bar:
    return Bar(f"ratio <= {limit:.2f}", lambda ours, peer: ours / peer <= limit)


def ratio_at_least(limit: float) -> Bar:
    return Bar(f"ratio >= {limit:.2f}", lambda ours, peer: ours / peer >= limit)


def more_at_most(limit: float, unit: str) -> Bar:
    return Bar(f"at most {limit:g} {unit} more", lambda ours, peer: ours - peer <= limit)


def at_most(limit: float) -> Bar:
    return Bar(f"<= {limit:g}", lambda ours, _: ours <= limit)


def at_least(limit: float) -> Bar:
    return Bar(f">= {limit:g}", lambda ours, _: ours >= limit)


@dataclass
class Row:
    name: str
    unit: str
    ours: float
    peer: float | None
    peer_name: str | None
    ratio: float | None
    bar: str | None
    ok: bool | None
    spread: float  # half of the range between the quartiles, of the wider of the two, as a part of its median
    rounds: int


# Beyond this a verdict is a matter of luck.
NOISY = 0.20


def spread_of(values: Sequence[float]) -> float:
    if len(values) < 2 or statistics.median(values) == 0:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4)
    return abs((high - low) / 2 / statistics.median(values))


def make_row(
    name: str, unit: str, samples: Samples, peer_name: str | None = None, bar: Bar | None = None, ours: str = "ours"
) -> Row | None:
    """A row out of samples; None when one of the two did not take part."""
    if ours not in samples or (peer_name is not None and peer_name not in samples):
        return None
    mine = statistics.median(samples[ours])
    theirs = None if peer_name is None else statistics.median(samples[peer_name])
    spreads = [spread_of(samples[ours])] + ([] if peer_name is None else [spread_of(samples[peer_name])])
    return Row(
        name=name,
        unit=unit,
        ours=mine,
        peer=theirs,
        peer_name=peer_name,
        ratio=None if not theirs else mine / theirs,
        bar=None if bar is None else bar.words,
        ok=None if bar is None else bar.holds(mine, theirs if theirs is not None else 0.0),
        spread=max(spreads),
        rounds=len(samples[ours]),
    )


def figure(value: float, unit: str) -> str:
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"
    return f"{text} {unit}"


def print_table(group: str, rows: Sequence[Row]) -> None:
    widest = max((len(row.name) for row in rows), default=0)
    print(f"\n== {group}")
    for row in rows:
        theirs = "" if row.peer is None else f"{figure(row.peer, row.unit):>14}  {row.peer_name}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}x"
        verdict = {True: "holds", False: "MISSED", None: ""}[row.ok]
        print(
            f"{row.name:{widest}} {figure(row.ours, row.unit):>14} {ratio:>8} {f'+-{row.spread:.0%}':>6} "
            f"{row.bar or '':>20} {verdict:6} {theirs}"
        )

    noisy = sum(row.ok is not None and row.spread > NOISY for row in rows)
    if noisy:
        print(f"{noisy} rows with a bar spread by more than {NOISY:.0%}: something else is using this machine")


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows), encoding="utf-8")
