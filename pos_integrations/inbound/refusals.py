"""Webhooks that were refused although their integration is known: counted, so that a mistyped secret is seen.

Counted in this process's memory and written down by its watchdog, a row per integration, topic and reason: however many
somebody forges, no request waits for it, and the rows stay as few. Unknown integrations cost the same and leave nothing.
"""

from __future__ import annotations

import datetime as dt
import threading

from ding.db import transactional
from pos_integrations.models import RefusedWebhook, RestaurantPosIntegration

# More are not told apart between two looks of the watchdog.
MOST_KEPT = 1_000

_Key = tuple[int, str, str]
_lock = threading.Lock()
_noted: dict[_Key, tuple[int, dt.datetime, dt.datetime]] = {}


def note(integration_id: int, topic: str, why: RefusedWebhook.Why, now: dt.datetime) -> None:
    """One was refused. `integration_id` 0: nobody knows whose it would have been."""
    key = (integration_id, topic, str(why))
    with _lock:
        if key in _noted or len(_noted) < MOST_KEPT:
            count, first, _ = _noted.get(key, (0, now, now))
            _noted[key] = (count + 1, first, now)


def write_down() -> int:
    """Add what was counted to the rows; how many rows. Three statements, or none when nothing was refused."""
    with _lock:
        noted = {key: counted for key, counted in _noted.items() if key[0]}
        _noted.clear()
    return _write(noted) if noted else 0


@transactional
def _write(noted: dict[_Key, tuple[int, dt.datetime, dt.datetime]]) -> int:
    mine = {key[0] for key in noted}
    alive = set(RestaurantPosIntegration.objects.filter(pk__in=mine).values_list("pk", flat=True))
    found = RefusedWebhook.objects.select_for_update().filter(integration__in=alive).order_by("pk")
    rows = {(row.integration_id, row.topic, row.why): row for row in found}
    new, changed = [], []
    for key, (count, first, last) in noted.items():
        if key[0] not in alive:
            continue
        row = rows.get(key)
        if row is None:
            integration_id, topic, why = key
            row = RefusedWebhook(
                integration_id=integration_id, topic=topic, why=why, count=0, first_at=first, last_at=first
            )
            new.append(row)
        else:
            changed.append(row)
            if first - row.last_at > RefusedWebhook.PAUSE:
                row.count, row.first_at = 0, first
        row.count += count
        row.last_at = max(row.last_at, last)
    RefusedWebhook.objects.bulk_create(new, ignore_conflicts=True)
    RefusedWebhook.objects.bulk_update(changed, ["count", "first_at", "last_at"])
    return len(new) + len(changed)
