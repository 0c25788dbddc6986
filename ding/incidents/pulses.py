"""Signs of life: the scheduler's last tick, and each process's clock beside the database's."""

from __future__ import annotations

import socket

from ding.clock import machine_now
from ding.db import UtcNow, database_now
from ding.incidents.models import Pulse

SCHEDULER = "scheduler"
CLOCK = "clock of "


def beat() -> None:
    """The scheduler ticked, and a worker heard it."""
    _touch(SCHEDULER, 0.0)


def look_at_clock(role: str) -> float:
    """Compare this machine's clock with the database's, and write it down when they differ; by how much."""
    name = f"{CLOCK}{role} on {socket.gethostname()}"[:100]
    skew = (machine_now() - database_now()).total_seconds()
    # Only then: another process of the same name may have a clock of its own, and what is not renewed is over.
    if abs(skew) > 1:
        _touch(name, skew)
    return skew


def begin() -> None:
    """From now on the scheduler's silence counts; without effect once it has ever ticked."""
    Pulse.objects.bulk_create([Pulse(name=SCHEDULER)], ignore_conflicts=True)


def silent_seconds() -> float:
    """Since the scheduler's last sign of life; -1 when there never was one."""
    seen = Pulse.objects.filter(name=SCHEDULER).values_list("at", flat=True).first()
    return (database_now() - seen).total_seconds() if seen else -1.0


def _touch(name: str, skew: float) -> None:
    if not Pulse.objects.filter(name=name).update(at=UtcNow(), skew_seconds=skew):
        Pulse.objects.bulk_create([Pulse(name=name, skew_seconds=skew)], ignore_conflicts=True)
