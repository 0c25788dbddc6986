"""When staff is told of an incident: at once, again while nobody takes it, and once when it is gone.

What is owed is a row per address, written together with the next rung's time. So it survives any crash, and
two that look at once owe it once.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence

from django.conf import settings
from django.db.models import F, Q

from ding.db import database_now, transactional
from ding.incidents.channels import addresses_for
from ding.incidents.models import Incident, IncidentAlert

# A warning can wait for the morning: it is repeated once a day.
WARNING_LADDER_MINUTES = (0, 1440)
# Gone for so long, it is gone; each time it came back, it has to stay away twice as long.
SETTLES = dt.timedelta(minutes=2)
LONGEST_SETTLING = dt.timedelta(minutes=30)
MOST_AT_ONCE = 500


@transactional
def owe_alerts() -> int:
    """Owe staff all that they must hear now; how many incidents that concerns."""
    now = database_now()
    return _owe_rungs(now) + _owe_resolved(now)


def _owe_rungs(now: dt.datetime) -> int:
    due = Incident.objects.open().filter(acknowledged_at=None, next_alert_at__lte=now)
    incidents = list(due.select_related("restaurant").order_by("next_alert_at")[:MOST_AT_ONCE])
    _owe(incidents, now, resolved=False)
    waits: dict[dt.timedelta, list[int]] = defaultdict(list)
    for incident in incidents:
        waits[_wait_after(incident)].append(incident.pk)
    for wait, ids in waits.items():
        due.filter(pk__in=ids).update(
            rung=F("rung") + 1, alerts=F("alerts") + 1, next_alert_at=now + wait, updated_at=now
        )
    return len(incidents)


def _wait_after(incident: Incident) -> dt.timedelta:
    """Until the next rung: the ladder's minutes count from the first alert; its last step goes on and on."""
    ladder: Sequence[int] = settings.ALERT_LADDER_MINUTES if incident.critical else WARNING_LADDER_MINUTES
    steps = [after - before for before, after in zip(ladder, ladder[1:], strict=False)] or [60]
    return dt.timedelta(minutes=max(1, steps[min(incident.rung, len(steps) - 1)]))


def _owe_resolved(now: dt.datetime) -> int:
    """The news that it is gone, to those who heard that it was there."""
    closed = Q(closed_at__lte=now - SETTLES, resolved_told=False, alerts__gt=0)
    gone = Incident.objects.filter(closed, cause__isnull=False).select_related("restaurant")
    incidents = [
        incident
        for incident in gone.order_by("closed_at")[:MOST_AT_ONCE]
        if incident.closed_at and incident.closed_at <= now - _settling(incident)
    ]
    if incidents:
        _owe(incidents, now, resolved=True)
        gone.filter(pk__in=[incident.pk for incident in incidents]).update(
            resolved_told=True, alerts=F("alerts") + 1, updated_at=now
        )
    return len(incidents)


def _settling(incident: Incident) -> dt.timedelta:
    return min(SETTLES * 2 ** min(incident.reopened, 10), LONGEST_SETTLING)


def _owe(incidents: Sequence[Incident], now: dt.datetime, *, resolved: bool) -> None:
    alerts = [
        IncidentAlert(
            incident=incident,
            number=incident.alerts + 1,
            resolved=resolved,
            channel=channel,
            address=address,
            next_attempt_at=now,
        )
        for incident, channel, address in addresses_for(incidents)
    ]
    IncidentAlert.objects.bulk_create(alerts, ignore_conflicts=True)
