"""What a POS reported and ding could not work off, by restaurant."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

from ding.incidents.causes import Cause, counted, named, quoted
from ding.incidents.detecting.ranking import newest_of_each
from pos_integrations.models import WebhookLog, WebhookStatus

RECENT = dt.timedelta(hours=24)
# A menu that was held is an incident of its own.
_HELD = "held"


def parked(now: dt.datetime) -> list[Cause]:
    """Webhooks that wait for a person."""
    waiting = WebhookLog.objects.filter(status=WebhookStatus.PARKED, created_at__gte=now - RECENT)
    rows = (
        newest_of_each(waiting.exclude(verdict=_HELD), "restaurant", at="processed_at")
        .values(
            "restaurant", "restaurant__name", "total", "latest", "error_message", "verdict", "order",
            "order__reference",
        )
    )  # fmt: skip
    by_restaurant: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_restaurant[row["restaurant"]].append(row)
    causes = []
    for restaurant, found in by_restaurant.items():
        newest = found[0]
        what = f"{counted(newest['total'], 'report')} of the POS could not be worked off."
        orders = {row["order"]: row["order__reference"] for row in found if row["order"]}
        causes.append(
            Cause(
                key=f"webhook-parked:restaurant-{restaurant}",
                kind="webhook-parked",
                what=f"{named(newest['restaurant__name'])}: {what}{quoted(newest['error_message'])}",
                restaurant_id=restaurant,
                count=newest["total"],
                orders=tuple(orders.items()),
                latest_at=newest["latest"],
            )
        )
    return causes
