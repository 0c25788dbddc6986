"""The doors that workers use. Each is safe to run at any time, any number of times."""

from __future__ import annotations

from celery import shared_task

from menus.services import end_shortages, reopen_due


@shared_task(name="menus.tasks.end_waits")
def end_waits() -> None:
    """Put back what was sold out until now, reopen who closed until now."""
    end_shortages()
    reopen_due()
