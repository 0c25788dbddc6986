"""`manage.py pos_status`: how everything is doing, for a person's eyes or a script's exit code."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError
from django.utils import timezone
from django.utils.timesince import timesince

from ding.incidents import pulses
from ding.incidents.causes import Cause, counted
from ding.incidents.kinds import KINDS
from ding.incidents.models import Incident, IncidentAlert
from ding.incidents.opening import Blind, standing
from ding.operator_command import NEEDS_A_PERSON, OperatorCommand
from notifications.models import Notification
from pos_integrations import health
from pos_integrations.models import RestaurantPosIntegration


class Command(OperatorCommand):
    """Writes nothing. It looks for itself, so it tells the truth also when the scheduler is dead."""

    help = "Show integrations, queues and incidents; say by the exit code whether something needs a person."

    def add_arguments(self, parser: CommandParser) -> None:
        """For people or for programs."""
        parser.add_argument("--json", action="store_true", help="the same for programs, in one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, print, and end with the code."""
        try:
            status = self._status()
        except (Blind, DatabaseError) as error:
            raise self.refusal(f"Cannot tell: {error}") from error
        if options["json"]:
            self.stdout.write(json.dumps(status, cls=DjangoJSONEncoder, indent=2))
        else:
            self._print(status)
        if not status["fine"]:
            raise SystemExit(NEEDS_A_PERSON)

    def _status(self) -> dict[str, Any]:
        now = timezone.now()
        integrations = RestaurantPosIntegration.objects.select_related("restaurant", "pos_provider")
        found = list(integrations.order_by("restaurant__name", "pk"))
        system = health.system_health(found)
        names = [(one.restaurant.name, one.pos_provider.display_name) for one in found]
        queues = [
            health.queue_state("notifications", Notification.objects.due(now)),
            health.queue_state("alerts to staff", IncidentAlert.objects.due(now)),
        ]
        silent = pulses.silent_seconds()
        incidents = [_incident(cause, row) for cause, row in standing()]
        return {
            "fine": not incidents and system["broker"] and silent >= 0,
            "database": system["database"],
            "broker": system["broker"],
            "scheduler_silent_seconds": round(silent, 1) if silent >= 0 else None,
            "queues": system["queues"] + [asdict(queue) for queue in queues],
            "integrations": [
                {"restaurant": name, "provider": provider, **one}
                for (name, provider), one in zip(names, system["integrations"], strict=True)
            ],
            "incidents": incidents,
        }

    # --- for people -------------------------------------------------------------------------------------

    def _print(self, status: dict[str, Any]) -> None:
        silent = status["scheduler_silent_seconds"]
        scheduler = "never ticked" if silent is None else f"last tick {silent:.0f} s ago"
        broker = "answers" if status["broker"] else "does not answer: work waits for the sweepers"
        self.stdout.write(f"database answers   broker {broker}   scheduler {scheduler}\n\n")
        self._table(
            ("QUEUE", "DUE", "OLDEST"),
            (
                (
                    queue["name"],
                    str(queue["due"]),
                    f"{queue['oldest_due_seconds']:.0f} s" if queue["due"] else "-",
                )
                for queue in status["queues"]
            ),
        )
        self._table(
            ("ID", "RESTAURANT", "POS", "STATUS", "LAST SYNC", "LAST WEBHOOK", "PROBLEM"),
            (_integration_line(one) for one in status["integrations"]),
        )
        incidents = status["incidents"]
        if not incidents:
            self.stdout.write("Nothing needs a person." if status["fine"] else "No incidents, but see above.")
            return
        self.stdout.write(f"{counted(len(incidents), 'thing needs', 'things need')} a person:")
        for one in incidents:
            taken = f" ({one['acknowledged_by']} is at it)" if one["acknowledged_by"] else ""
            self.stdout.write(f"  {one['severity'].upper()} {one['kind']}{taken}: {one['what']}")
            self.stdout.write(f"    {one['todo']}")

    def _table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        lines = [tuple(head), *(tuple(row) for row in rows)]
        widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())
        self.stdout.write("")


def _incident(cause: Cause, row: Incident | None) -> dict[str, Any]:
    kind = KINDS[cause.kind]
    is_open = row is not None and row.closed_at is None
    return {
        "kind": cause.kind,
        "severity": "critical" if kind.critical else "warning",
        "what": cause.what,
        "todo": kind.todo,
        "restaurant_id": cause.restaurant_id,
        "count": cause.count,
        "orders": [reference for _, reference in cause.orders],
        "incident": row.pk if row else None,
        "since": row.opened_at if row and is_open else None,
        "acknowledged_by": row.acknowledged_by if row and is_open else "",
    }


def _integration_line(one: dict[str, Any]) -> tuple[str, ...]:
    sync, webhook = one["last_sync"], one["webhook_status"]["last_received_at"]
    synced = f"{sync['status']}, {_ago(sync['at'])}" if sync and sync["at"] else "never"
    return (
        str(one["restaurant_id"]),
        one["restaurant"][:30],
        one["provider"][:16],
        one["status"],
        synced,
        _ago(webhook) if webhook else "-",
        one["problem"][:60],
    )


def _ago(moment: dt.datetime) -> str:
    if timezone.now() - moment < dt.timedelta(minutes=1):
        return "just now"
    return f"{timesince(moment, depth=1)} ago".replace("\xa0", " ")
