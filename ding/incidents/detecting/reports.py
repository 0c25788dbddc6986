"""What a POS reported and ding could not work off, or did not even take: by restaurant."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

from django.db.models import OuterRef, Q, Subquery

from ding.incidents.causes import Cause, counted, named, quoted
from ding.incidents.detecting.ranking import newest_of_each
from pos_integrations.models import RefusedWebhook, WebhookLog, WebhookStatus

RECENT = dt.timedelta(hours=24)
# A menu that was held is an incident of its own.
_HELD = "held"
# One wrong call is anybody's slip, or a stranger's try.
FEW, SHORT = 3, dt.timedelta(minutes=1)
# Refused at more integrations than this at once: strangers, or one key of all of them. One incident, not hundreds.
MANY = 20


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


def refused(now: dt.datetime) -> list[Cause]:
    """Integrations whose webhooks are refused again and again, while none at that address is taken.

    Where others are taken all the while, the POS knows the secret, and whoever is refused is a stranger.
    """
    why = RefusedWebhook.Why
    newest = WebhookLog.objects.filter(
        restaurant=OuterRef("integration__restaurant"),
        integration=OuterRef("integration"),
        webhook_type=OuterRef("topic"),
    ).order_by("-pk")
    going_on = RefusedWebhook.objects.filter(
        Q(why=why.ANOTHER_RESTAURANT) | Q(count__gte=FEW),
        last_at__gte=now - RefusedWebhook.PAUSE,
        integration__active=True,
        integration__pos_provider__is_active=True,
    )
    rows = going_on.annotate(taken_at=Subquery(newest.values("created_at")[:1])).values(
        "integration", "integration__restaurant", "integration__restaurant__name", "topic", "why", "count",
        "first_at", "last_at", "taken_at",
    )  # fmt: skip
    by_integration: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.order_by("-last_at")[: 50 * MANY]:
        if row["why"] == why.NOT_AUTHENTIC and (
            row["last_at"] - row["first_at"] < SHORT
            or (row["taken_at"] and row["taken_at"] > row["first_at"])
        ):
            continue
        by_integration[row["integration"]].append(dict(row))
    if len(by_integration) > MANY:
        names = [named(found[0]["integration__restaurant__name"]) for found in by_integration.values()]
        what = f"The webhooks of {len(names)} integrations are refused, such as those of {names[0]} and {names[1]}."
        return [Cause(key="webhooks-refused", kind="webhooks-refused", what=what, count=len(names))]
    return [_refused(pk, found) for pk, found in by_integration.items()]


def _refused(integration_id: int, found: list[dict[str, Any]]) -> Cause:
    calls = {
        RefusedWebhook.Why.NOT_AUTHENTIC: "a wrong signature, secret or token",
        RefusedWebhook.Why.ANOTHER_RESTAURANT: "another restaurant's id in the body",
    }
    told = [f"{row['topic']}, {counted(row['count'], 'time')}: {calls[row['why']]}" for row in found]
    since = min(row["first_at"] for row in found)
    return Cause(
        key=f"webhooks-refused:integration-{integration_id}",
        kind="webhooks-refused",
        what=f"{named(found[0]['integration__restaurant__name'])}: webhooks are refused since {since:%d %B %H:%M} UTC."
        f" {'; '.join(sorted(told))}.",
        restaurant_id=found[0]["integration__restaurant"],
        count=sum(row["count"] for row in found),
        target=str(integration_id),
    )
