"""The second pair of eyes: a thread in every web process and every worker.

It looks at the scheduler's last sign of life. While that is fresh it does nothing else; when it is not, this
process does the scheduler's part of the watching: it looks for what needs a person and alerts staff. It
compares this process's clock with the database's too, and writes down which webhooks this process refused. So alarms depend on the database and on any one process
of ding being alive; that the last one dies can only be seen from outside (`/healthz`).
"""

from __future__ import annotations

import logging
import threading
import time

from django.db import connection

from ding.incidents import alerting, pulses
from ding.incidents.detecting.system import SCHEDULER_DEAD
from ding.incidents.watching import watch
from pos_integrations import inbound

logger = logging.getLogger(__name__)

EVERY_SECONDS = 10.0
SEND_BUDGET_SECONDS = 20.0


def start(role: str) -> None:
    """Begin to look, in a thread; `role` names this process in what staff reads."""
    threading.Thread(target=_run, args=(role,), name="watchdog", daemon=True).start()


def _run(role: str) -> None:
    begun = time.monotonic()
    while True:
        time.sleep(EVERY_SECONDS)
        try:
            # After a start of everything the scheduler gets the time to come up.
            look(role, alone=time.monotonic() - begun > SCHEDULER_DEAD.total_seconds())
        except Exception as error:
            # Without a database there is nothing to look at; the next look is soon.
            logger.warning("The watchdog could not look.", extra={"error": type(error).__name__})
        finally:
            # A worker forks children: none of them may inherit this connection in the open.
            connection.close()


def look(role: str, *, alone: bool = True) -> bool:
    """One look; whether this process had to do the watching."""
    pulses.look_at_clock(role)
    inbound.write_down()
    silent = pulses.silent_seconds()
    if silent < 0:
        pulses.begin()
    if not alone or silent < SCHEDULER_DEAD.total_seconds():
        return False
    watch()
    alerting.send_due(stop_at=time.monotonic() + SEND_BUDGET_SECONDS)
    return True
