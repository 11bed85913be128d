"""Looking after a store: fsck, salvage, and the report of a backup."""

import os
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from . import _core

Progress: TypeAlias = Callable[[int, int], object]
"""Told (done, total) now and then; what it raises ends the work."""
Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

_SEVERITIES = {
    _core.constant(f"TALLY_FINDING_{name.upper()}"): name for name in ("note", "index", "event", "structure")
}


class BackupReport(NamedTuple):
    """What a backup copied."""

    events: int
    segments: int
    bytes: int


class Finding(NamedTuple):
    """What is wrong in one place."""

    symbol: str
    """The status, such as "TALLY_E_DAMAGED"."""
    severity: str
    """ "note": nothing is lost; "index": rebuilt by the next writer; "event": an event or its data is
    damaged; "structure": events are missing, or the store does not open for writing."""
    position: int | None
    offset: int | None
    file: str
    reason: str

    def __str__(self) -> str:
        where = f"{self.file}" + (f" at {self.offset}" if self.offset is not None else "")
        event = f", event {self.position}" if self.position is not None else ""
        return f"{self.severity}: {where}{event}: {self.reason}"


class FsckReport:
    """What fsck read and found. True when nothing is lost or damaged: notes do not count."""

    __slots__ = ("bytes", "commits", "counts", "events", "findings", "segments")

    def __init__(self, findings: list[Finding], numbers: tuple[int, ...]) -> None:
        self.findings = findings
        """The first 1 000; `counts` counts all."""
        self.segments, self.commits, self.events, self.bytes = numbers[:4]
        self.counts: dict[str, int] = dict(zip(("note", "index", "event", "structure"), numbers[4:], strict=True))
        """Findings by severity."""

    def __bool__(self) -> bool:
        return not (self.counts["index"] or self.counts["event"] or self.counts["structure"])

    def __repr__(self) -> str:
        found = ", ".join(f"{count} {name}" for name, count in self.counts.items() if count) or "nothing wrong"
        return f"<FsckReport of {self.events} events in {self.segments} segments: {found}>"

    def _repr_html_(self) -> str:
        from html import escape

        verdict = "sound" if self else "damaged"
        colour = "#1a7f37" if self else "#cf222e"
        rows = "".join(f"<li>{escape(str(finding))}</li>" for finding in self.findings[:50])
        return f'<b style="color:{colour}">{verdict}</b> {escape(repr(self))}<ul>{rows}</ul>'


class SalvageReport(NamedTuple):
    """What salvage copied, and what it could not."""

    copied: int
    lost: int
    gaps: int
    same_lineage: bool


_FINDINGS_MAX = 1000


def fsck(
    path: Path, *, on_finding: Callable[[Finding], object] | None = None, progress: Progress | None = None
) -> FsckReport:
    """Reads every byte of a store and compares all that can be compared. Writes nothing, takes no lock.

    Args:
        on_finding: told of each Finding as it comes; what it raises ends the work.
        progress: called with (done, total) bytes now and then.
    """
    findings: list[Finding] = []

    def found(symbol: str, severity: int, *rest: Any) -> None:
        finding = Finding(symbol, _SEVERITIES.get(severity, str(severity)), *rest)
        if len(findings) < _FINDINGS_MAX:
            findings.append(finding)
        if on_finding is not None:
            on_finding(finding)

    return FsckReport(findings, _core._fsck(path, found, progress))


def salvage(source: Path, target: Path, *, progress: Progress | None = None) -> SalvageReport:
    """Copies what is whole in `source` into a new store `target`. Changes nothing in `source`."""
    return SalvageReport(*_core._salvage(source, target, progress))


def backup(self: _core.Store, path: Path, *, progress: Progress | None = None) -> BackupReport:
    return BackupReport(*self._backup(path, progress))
