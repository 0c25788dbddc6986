"""The door that workers use; safe to run at any time, any number of times."""

from __future__ import annotations

import logging

from celery import shared_task
from django.core.management import call_command

from ding.nudge import nudge
from ding.privacy.retention import expire

logger = logging.getLogger(__name__)

# A task gives its worker back after this, and asks for another run if work is left.
BUDGET_SECONDS = 20


@shared_task(name="ding.privacy.tasks.retain")
def retain() -> None:
    """Let old records go."""
    done, left = expire(budget_seconds=BUDGET_SECONDS)
    if done:
        logger.info("Old records were dealt with.", extra={"rows": done})
    if left:
        nudge(retain)
    else:
        call_command("clearsessions")
