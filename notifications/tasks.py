"""The worker's door: send what is due."""

from __future__ import annotations

import time

from celery import shared_task

from notifications import services

BUDGET_SECONDS = 20.0


@shared_task(name="notifications.tasks.send_due")
def send_due() -> None:
    """Send until nothing is due or the time is up; the rest waits for the next tick."""
    stop_at = time.monotonic() + BUDGET_SECONDS
    while time.monotonic() < stop_at and services.send_due(stop_at=stop_at):
        pass
