"""`manage.py process_webhooks`: work off the inbox by hand."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from ding.operator_command import OperatorCommand
from pos_integrations import inbound
from pos_integrations.models import WebhookLog, WebhookStatus


class Command(OperatorCommand):
    """Needs no broker and no worker. Exit code 1 when rows are parked afterwards."""

    help = "Work off waiting webhooks now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which rows."""
        parser.add_argument("--failed", action="store_true", help="also those that failed or were parked")
        parser.add_argument("--id", type=int, action="append", help="only these failed or parked rows")

    def handle(self, *args: Any, **options: Any) -> None:
        """Drain until nothing is due."""
        if options["failed"] or options["id"]:
            again = inbound.retry_now(parked=True, ids=options["id"])
            self.stdout.write(f"{again} failed or parked webhooks are tried again.")
        rows = 0
        while drained := inbound.drain():
            rows += drained.rows
            self.stdout.write(f"{rows} worked off ...")
        parked = WebhookLog.objects.filter(status=WebhookStatus.PARKED).count()
        failed = WebhookLog.objects.filter(status=WebhookStatus.FAILED).count()
        self.stdout.write(f"Done: {rows} worked off; {failed} will be tried again, {parked} are parked.")
        if parked:
            raise self.needs_a_person(f"{parked} webhooks wait for a person: see the ledger in the admin.")
