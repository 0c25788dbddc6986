"""The doors of whole-system work. Each is safe to run at any time, any number of times."""

from __future__ import annotations

import time

from celery import shared_task

from ding.incidents import alerting, pulses, watching
from ding.nudge import nudge

BUDGET_SECONDS = 20.0


@shared_task(name="ding.tasks.watch")
def watch() -> None:
    """Look for what needs a person; being run at all is the scheduler's sign of life."""
    pulses.beat()
    watching.watch()
    nudge(send_alerts)


@shared_task(name="ding.tasks.watch_seldom")
def watch_seldom() -> None:
    """The same for what can wait some minutes, and takes longer to find."""
    watching.watch(seldom=True)


@shared_task(name="ding.tasks.send_alerts")
def send_alerts() -> None:
    """Send what staff is owed."""
    alerting.send_due(stop_at=time.monotonic() + BUDGET_SECONDS)
