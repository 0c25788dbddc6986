"""One clock for all: `timezone.now()` is the database's time in every process, however wrong the machine's is.

A worker whose clock runs ten minutes ahead would take the rows of others for abandoned, one that runs behind
would find nothing due. So each new connection reads the database's clock, and from then on time is counted by
the ticks since the machine was started, which no correction of its clock touches. On SQLite, where there is
one machine, its clock is good enough. That a clock is wrong is an incident (`ding.incidents.pulses`).
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from django.db.backends.signals import connection_created
from django.utils import timezone

# Counts while the machine sleeps, too, where there is such a thing.
_TICKS = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
# (ticks, the database's time then); None until a connection was made.
_read: tuple[float, dt.datetime] | None = None


def now() -> dt.datetime:
    """The database's time, aware; the machine's as long as the database was never asked."""
    if _read is None:
        return machine_now()
    ticks, then = _read
    return then + dt.timedelta(seconds=time.clock_gettime(_TICKS) - ticks)


def machine_now() -> dt.datetime:
    """What this machine's clock shows, right or wrong."""
    return dt.datetime.now(dt.UTC)


def read_clock(sender: Any, connection: Any, **kwargs: Any) -> None:
    """Of a new connection: set our clock by the database's."""
    global _read
    if connection.vendor == "sqlite":
        return
    # Before, not after: what was written a moment ago is never in the future.
    ticks = time.clock_gettime(_TICKS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT UTC_TIMESTAMP(6)")
        (then,) = cursor.fetchone()
    _read = ticks, then.replace(tzinfo=dt.UTC)


def install() -> None:
    """Let `timezone.now` be this clock; before any model takes it for a default."""
    timezone.now = now
    connection_created.connect(read_clock, dispatch_uid="ding.clock")
