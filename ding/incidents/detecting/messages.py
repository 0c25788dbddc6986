"""Messages that did not arrive: those to guests, by channel, and ding's own alerts to staff."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

from django.db.models import Count, Max, Q

from ding.incidents.causes import Cause, counted, quoted
from ding.incidents.detecting.ranking import newest_of_each
from ding.incidents.models import AlertStatus, IncidentAlert
from notifications.models import Channel, Notification, Status

RECENT = dt.timedelta(hours=24)
# So many failures are hardly so many wrong numbers.
MANY = 5


def failed_notifications(now: dt.datetime) -> list[Cause]:
    """Messages that will not be tried again, by channel."""
    failed = Notification.objects.filter(status=Status.FAILED, next_attempt_at__gte=now - RECENT)
    by_channel: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in newest_of_each(failed, "type", at="updated_at").values(
        "type", "total", "latest", "last_error", "order", "order__reference"
    ):
        by_channel[row["type"]].append(row)
    causes = []
    for channel, found in by_channel.items():
        newest = found[0]
        orders = {row["order"]: row["order__reference"] for row in found}
        causes.append(
            Cause(
                key=f"notification-failed:{channel}",
                kind="notification-failed",
                what=f"{counted(newest['total'], 'message')} by {Channel(channel).label} to guests failed."
                f"{quoted(newest['last_error'])}",
                count=newest["total"],
                orders=tuple(orders.items()),
                urgency=int(newest["total"] >= MANY),
                latest_at=newest["latest"],
            )
        )
    return causes


def failed_alerts(now: dt.datetime) -> list[Cause]:
    """Ways to staff on which the newest alerts failed."""
    ways = (
        IncidentAlert.objects.filter(
            created_at__gte=now - RECENT, status__in=(AlertStatus.SENT, AlertStatus.FAILED)
        )
        .values("channel", "address")
        .annotate(
            good=Max("pk", filter=Q(status=AlertStatus.SENT)),
            bad=Max("pk", filter=Q(status=AlertStatus.FAILED)),
            failures=Count("pk", filter=Q(status=AlertStatus.FAILED)),
            latest=Max("created_at", filter=Q(status=AlertStatus.FAILED)),
        )
        .order_by()
    )
    failing = [way for way in ways if way["bad"] and way["bad"] > (way["good"] or 0)]
    errors = dict(
        IncidentAlert.objects.filter(pk__in=[way["bad"] for way in failing]).values_list("pk", "last_error")
    )
    return [
        Cause(
            key=f"alert-failed:{way['channel']}:{way['address']}"[:100],
            kind="alert-failed",
            what=f"{counted(way['failures'], 'alert')} by {way['channel']} could not be sent."
            f"{quoted(errors.get(way['bad'], ''))}",
            count=way["failures"],
            latest_at=way["latest"],
        )
        for way in failing
    ]
