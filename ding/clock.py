"""One clock for all: `timezone.now()` is the database's time in every process, however wrong the machine's is.

A worker whose clock runs ten minutes ahead would take the rows of others for abandoned, one that runs behind
would find nothing due. So each new connection reads the database's clock, and from then on time is counted by
the ticks since the machine was started, which no correction of its clock touches. On SQLite, where there is
one machine, its clock is good enough. That a clock is wrong is an incident (`ding.incidents.pulses`).
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.backends.signals import connection_created
from django.utils import timezone

# Counts while the machine sleeps, too, where there is such a thing.
_TICKS = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
# A reading is worth as much as it took little time; an old one is worth nothing, for ticks are not perfect.
_OLD_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class _Reading:
    """The database's time at these ticks, give or take half of what it took to ask."""

    ticks: float
    time: dt.datetime
    took: float


# None until a connection was made.
_read: _Reading | None = None


def now() -> dt.datetime:
    """The database's time, aware; the machine's as long as the database was never asked."""
    if _read is None:
        return machine_now()
    return _read.time + dt.timedelta(seconds=time.clock_gettime(_TICKS) - _read.ticks)


def machine_now() -> dt.datetime:
    """What this machine's clock shows, right or wrong."""
    return dt.datetime.now(dt.UTC)


def read_clock(sender: Any, connection: Any, **kwargs: Any) -> None:
    """Of a new connection: set our clock by the database's."""
    global _read
    if connection.vendor == "sqlite" or not settings.DATABASE_CLOCK:
        return
    before = time.clock_gettime(_TICKS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT UTC_TIMESTAMP(6)")
        (then,) = cursor.fetchone()
    took = time.clock_gettime(_TICKS) - before
    read = _Reading(before + took / 2, then.replace(tzinfo=dt.UTC), took)
    if _read is None or took <= _read.took or before - _read.ticks > _OLD_SECONDS or _was_set(_read, read):
        _read = read


def _was_set(old: _Reading, new: _Reading) -> bool:
    """Whether the database's clock was set meanwhile: it differs by more than reading it can be wrong."""
    passed = (new.time - old.time).total_seconds() - (new.ticks - old.ticks)
    return abs(passed) > old.took + new.took + 1


def install() -> None:
    """Let `timezone.now` be this clock; before any model takes it for a default."""
    timezone.now = now
    connection_created.connect(read_clock, dispatch_uid="ding.clock")
