"""What concerns the whole of ding: the scheduler's ticks, the queues, the clocks."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import F, Min, QuerySet

from ding.incidents.causes import Cause
from ding.incidents.models import IncidentAlert, Pulse
from ding.incidents.pulses import CLOCK, SCHEDULER
from notifications.models import Notification
from pos_integrations.models import (
    OrderPush,
    PushState,
    RestaurantPosIntegration,
    WebhookLog,
    WebhookStatus,
)

# The watch ticks several times in it.
SCHEDULER_DEAD = dt.timedelta(seconds=40)
SKEW_LIMIT_SECONDS = 30.0
# A clock that was not seen so long belongs to a process that is no more.
CLOCK_SEEN = dt.timedelta(minutes=2)


def _queues(now: dt.datetime) -> list[tuple[str, str, QuerySet[Any], str, dt.timedelta]]:
    """Name, what waits, open rows, the column that says since when, how long that may be."""
    minute = dt.timedelta(seconds=60)
    integrations = RestaurantPosIntegration.objects.filter(active=True, pos_provider__is_active=True)
    idle = integrations.filter(menu_sync_leased_until=None)
    return [
        (
            "orders",
            "calls to the POS",
            OrderPush.objects.filter(state__in=(PushState.DUE, PushState.SENDING)),
            "next_attempt_at",
            minute * 0.75,
        ),
        (
            "webhooks",
            "reports of the POS",
            WebhookLog.objects.filter(status__in=(WebhookStatus.RECEIVED, WebhookStatus.FAILED)),
            "next_attempt_at",
            minute * 0.75,
        ),
        ("notifications", "messages to guests", Notification.objects.due(now), "next_attempt_at", minute * 3),
        ("menus", "menu syncs", idle, "menu_sync_due_at", minute * 10),
        ("default", "alerts to staff", IncidentAlert.objects.due(now), "next_attempt_at", minute * 3),
    ]


def scheduler_and_queues(now: dt.datetime) -> list[Cause]:
    """The scheduler's silence; and work that waits too long, unless that silence explains it."""
    stalled = []
    for queue, what, rows, column, patience in _queues(now):
        since = rows.filter(**{f"{column}__lte": now - patience}).aggregate(oldest=Min(column))["oldest"]
        if since:
            stalled.append((queue, what, since))
    seen = Pulse.objects.filter(name=SCHEDULER).values_list("at", flat=True).first()
    if seen and seen < now - SCHEDULER_DEAD:
        waiting = " and ".join(what for _, what, _ in stalled)
        return [
            Cause(
                key="scheduler-dead",
                kind="scheduler-dead",
                what=f"The last tick of the scheduler came at {seen:%H:%M:%S} UTC."
                + (f" Waiting since then: {waiting}." if waiting else ""),
            )
        ]
    return [
        Cause(
            key=f"queue-stalled:{queue}",
            kind="queue-stalled",
            what=f"In the queue `{queue}` {what} are due since {since:%d %B %H:%M:%S} UTC and nobody does them.",
        )
        for queue, what, since in stalled
    ]


def clocks(now: dt.datetime) -> list[Cause]:
    """Processes whose clock differs from the database's."""
    wrong = Pulse.objects.filter(name__startswith=CLOCK, at__gte=now - CLOCK_SEEN).annotate(
        s=F("skew_seconds")
    )
    return [
        Cause(
            key=f"clock-skewed:{pulse.name}"[:100],
            kind="clock-skewed",
            what=f"The clock of {pulse.name.removeprefix(CLOCK)} is {abs(pulse.skew_seconds):.0f} seconds"
            f" {'ahead of' if pulse.skew_seconds > 0 else 'behind'} the database's.",
        )
        for pulse in wrong
        if abs(pulse.skew_seconds) > SKEW_LIMIT_SECONDS
    ]
