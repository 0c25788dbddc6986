"""`manage.py after_restore`: after a backup was restored, before anything starts: send nothing twice."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from notifications.services import give_up_pending
from pos_integrations.outbound import hold_open_orders


class Command(BaseCommand):
    """What was owed at the time of the backup may have been done since; the backup cannot know."""

    help = (
        "Run it once after a backup was restored and before web, workers and scheduler start. Orders that were"
        " on their way to a POS wait for a person; messages that were owed to guests are not sent."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Says how many of each."""
        orders, messages = hold_open_orders(), give_up_pending()
        self.stdout.write(f"{orders} orders wait for a person: their POS may have them already.")
        self.stdout.write(f"{messages} messages to guests are not sent: they may have been sent already.")
        self.stdout.write(
            "What was placed and reported after the backup is not here; docs/runbook.md says how to go on."
        )
