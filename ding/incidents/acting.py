"""What a person does about an incident: say that somebody is at it, or that all of it is dealt with."""

from __future__ import annotations

from collections.abc import Collection

from ding import audit
from ding.db import database_now, transactional
from ding.incidents.models import Incident


@transactional
def acknowledge(ids: Collection[int], *, by: str, note: str = "") -> int:
    """Somebody is at these: no more alerts about them. How many of them were open; a later note replaces one."""
    now = database_now()
    incidents = list(Incident.objects.open().filter(pk__in=ids).select_related("restaurant"))
    mine = Incident.objects.open().filter(pk__in=[incident.pk for incident in incidents])
    if note:
        mine.update(note=note[:500])
    mine.filter(acknowledged_at=None).update(acknowledged_by=by[:150], acknowledged_at=now, updated_at=now)
    for incident in incidents:
        audit.record("acknowledged", incident, note=note)
    return len(incidents)


@transactional
def settle(ids: Collection[int], *, by: str, note: str = "") -> int:
    """All that happened until now is dealt with: these close, and open again only when it happens again.

    Only for kinds that tell of events; the others close by themselves when their cause is gone. How many closed.
    """
    now = database_now()
    incidents = [
        incident
        for incident in Incident.objects.open().filter(pk__in=ids).select_related("restaurant")
        if incident.about.event
    ]
    mine = Incident.objects.open().filter(pk__in=[incident.pk for incident in incidents])
    mine.filter(acknowledged_at=None).update(acknowledged_by=by[:150], acknowledged_at=now)
    if note:
        mine.update(note=note[:500])
    closed = mine.update(settled_at=now, closed_at=now, updated_at=now)
    for incident in incidents:
        audit.record("settled", incident, note=note)
    return closed
