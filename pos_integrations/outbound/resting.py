"""A POS that does not answer is left alone for a while: one restaurant's outage costs one call at a time.

After some failed calls in a row the integration rests. Orders wait in their rows, use no retry up, and are
still stopped at their deadline. When the rest is over one order tries; what it finds holds for the others.
"""

from __future__ import annotations

import datetime as dt

from django.db.models import F

from pos_integrations.errors import OutcomeUnknown, PosError, TransientError
from pos_integrations.models import RestaurantPosIntegration

REST = dt.timedelta(seconds=10)


def rests_until(integration: RestaurantPosIntegration, now: dt.datetime) -> dt.datetime | None:
    """Until when nothing is sent there; None: now is the time. After a rest only one caller is told so."""
    if integration.rests_until is None:
        return None
    if integration.rests_until > now:
        return integration.rests_until
    rested = RestaurantPosIntegration.objects.filter(pk=integration.pk, rests_until=integration.rests_until)
    return None if rested.update(rests_until=now + REST) else now + REST


def note_call(
    integration: RestaurantPosIntegration, error: PosError | None, now: dt.datetime, limit: int
) -> None:
    """How a call to its POS ended. An answer, also a refusal, ends the rest; `limit` failures begin one."""
    mine = RestaurantPosIntegration.objects.filter(pk=integration.pk)
    if not isinstance(error, TransientError | OutcomeUnknown):
        if integration.failed_calls or integration.rests_until:
            mine.update(failed_calls=0, rests_until=None)
        return
    mine.update(failed_calls=F("failed_calls") + 1)
    mine.filter(failed_calls__gte=limit).update(rests_until=now + REST)
