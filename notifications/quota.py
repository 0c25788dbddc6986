"""How many messages a restaurant may cause in a day: whatever loops, the bill has an end."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db.models import F

from ding.db import transactional
from notifications.models import MessageQuota


@transactional
def take(restaurant_id: int, now: dt.datetime) -> bool:
    """One message more today; False when today's are used up. One statement as a rule, right with any number of workers."""
    limit, today = settings.MESSAGES_PER_RESTAURANT_DAY, now.date()
    if limit <= 0:
        return True
    mine = MessageQuota.objects.filter(restaurant_id=restaurant_id)
    for _ in range(2):
        if mine.filter(day__gte=today, sent__lt=limit).update(sent=F("sent") + 1):
            return True
        if mine.filter(day__lt=today).update(day=today, sent=1):
            return True
        if mine.exists():
            return False
        MessageQuota.objects.bulk_create(
            [MessageQuota(restaurant_id=restaurant_id, day=today)], ignore_conflicts=True
        )
    return False
