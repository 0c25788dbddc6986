"""`manage.py rotate_secret`: a new webhook secret, shown this once."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.management.base import CommandParser

from ding import audit
from ding.operator_command import OperatorCommand
from pos_integrations import configuration

MOST_HOURS = 24 * 14


class Command(OperatorCommand):
    """The secret alone goes to standard output, all other words to standard error: a script may pipe it on."""

    help = "Make a new webhook secret for a restaurant's POS and show it, this once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, and how long the old one stays valid."""
        parser.add_argument("restaurant", type=int, help="id of a restaurant")
        parser.add_argument("--provider", help="of several integrations the one at this provider")
        parser.add_argument(
            "--overlap-hours", type=int, default=24, help="so long the old one holds too (%(default)s)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate."""
        hours = options["overlap_hours"]
        if not 0 <= hours <= MOST_HOURS:
            raise self.refusal(f"--overlap-hours: from 0 (the old one ends at once) to {MOST_HOURS}.")
        integration = configuration.integration_of(options["restaurant"], options["provider"])
        new = configuration.rotate_secret(integration, overlap=dt.timedelta(hours=hours))
        audit.record("rotated the webhook secret", integration)
        until = f"{new.old_valid_until:%Y-%m-%d %H:%M} UTC" if new.old_valid_until else ""
        self.stderr.write(
            f"{integration}: give this secret to the POS. It is not shown again."
            + (f" The old one holds until {until}." if until else "")
        )
        self.stdout.write(new.secret)
