"""What a path costs: rates and times beside a floor, CPU seconds and peak memory of the processes involved."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Figure:
    """One line of the table. `value` and `floor` in `unit`; `better`: which way is good.

    `goal` says in words what was aimed at, `met` whether the ratio reaches it (None: no goal).
    """

    path: str
    case: str
    value: float
    unit: str
    floor_name: str = ""
    floor: float | None = None
    goal: str = ""
    met: bool | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    cpu_per_1000: float | None = None
    memory: dict[str, int] = field(default_factory=dict)
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """ding's figure over the floor's, in the unit's own direction."""
        return self.value / self.floor if self.floor else None

    def as_json(self) -> dict[str, Any]:
        """For the file."""
        return {**asdict(self), "ratio": self.ratio}


class Processes:
    """CPU and memory of process sessions by name, read from /proc."""

    def __init__(self, sessions: Mapping[str, int]) -> None:
        self._sessions = dict(sessions)

    def _members(self) -> Iterator[tuple[str, Path, list[str]]]:
        names = {session: name for name, session in self._sessions.items()}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if (session := int(stat[3])) in names:
                yield names[session], folder, stat

    def cpu_seconds(self) -> float:
        """Used until now by all of them together."""
        return sum((int(stat[11]) + int(stat[12])) / _TICK for _, _, stat in self._members())

    def peak_megabytes(self) -> dict[str, int]:
        """The largest resident size that a process of each session ever had."""
        peaks: dict[str, int] = {}
        for name, folder, _ in self._members():
            try:
                lines = (folder / "status").read_text().splitlines()
            except OSError:
                continue
            kilobytes = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
            peaks[name] = max(peaks.get(name, 0), kilobytes // 1024)
        return peaks


@dataclass(slots=True)
class Spent:
    """CPU seconds between two moments."""

    seconds: float = 0.0
    memory: dict[str, int] = field(default_factory=dict)

    def add(self, other: Spent) -> None:
        """That, too."""
        self.seconds += other.seconds
        for name, size in other.memory.items():
            self.memory[name] = max(size, self.memory.get(name, 0))

    def per_1000(self, operations: int) -> float | None:
        """CPU seconds per 1,000 operations."""
        return round(self.seconds * 1000 / operations, 3) if operations else None


@contextmanager
def spending(sessions: Mapping[str, int]) -> Iterator[Spent]:
    """Measure what the sessions use meanwhile."""
    processes, spent = Processes(sessions), Spent()
    before = processes.cpu_seconds()
    yield spent
    spent.seconds = processes.cpu_seconds() - before
    spent.memory = processes.peak_megabytes()


def session_of(argument: str) -> int:
    """The session of the process that was started with `argument`."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if argument.encode() in (folder / "cmdline").read_bytes().split(b"\0"):
                    return int((folder / "stat").read_text().rpartition(")")[2].split()[3])
            except OSError:
                continue
    raise LookupError(argument)
