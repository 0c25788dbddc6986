"""`manage.py process_webhooks`: work off the inbox by hand."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from ding.operator_command import OperatorCommand
from pos_integrations import inbound
from pos_integrations.models import WebhookLog, WebhookStatus


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no time such as 2026-11-28T10:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


class Command(OperatorCommand):
    """Needs no broker and no worker. Exit code 1 when rows are parked afterwards."""

    help = "Work off waiting webhooks now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which rows."""
        parser.add_argument("--failed", action="store_true", help="also those that failed or were parked")
        parser.add_argument("--id", type=int, action="append", help="only these failed or parked rows")
        moment = "a time such as 2026-11-28T10:00, in UTC unless it says otherwise"
        parser.add_argument(
            "--since", type=_moment, help=f"failed or parked ones that came from then on: {moment}"
        )
        parser.add_argument("--until", type=_moment, help="and before then")

    def handle(self, *args: Any, **options: Any) -> None:
        """Drain until nothing is due."""
        ids = set(options["id"] or ())
        if unknown := ids - set(WebhookLog.objects.filter(pk__in=ids).values_list("pk", flat=True)):
            names = ", ".join(map(str, sorted(unknown)))
            raise self.refusal(f"There is no webhook {names}. The ledger in the admin finds them by order.")
        if options["failed"] or ids:
            again = inbound.retry_now(parked=True, ids=options["id"])
            self.stdout.write(f"{again} failed or parked webhooks are tried again.")
        elif options["since"] or options["until"]:
            came = {"created_at__gte": options["since"], "created_at__lt": options["until"]}
            window = WebhookLog.objects.filter(**{name: moment for name, moment in came.items() if moment})
            again = inbound.process_again(window)
            self.stdout.write(f"{again} failed or parked webhooks of that time are tried again.")
        rows = 0
        while drained := inbound.drain():
            rows += drained.rows
            self.stdout.write(f"{rows} worked off ...")
        parked = WebhookLog.objects.filter(status=WebhookStatus.PARKED).count()
        failed = WebhookLog.objects.filter(status=WebhookStatus.FAILED).count()
        self.stdout.write(f"Done: {rows} worked off; {failed} will be tried again, {parked} are parked.")
        if parked:
            raise self.needs_a_person(f"{parked} webhooks wait for a person: see the ledger in the admin.")
