"""Integrations that will stop working, or are not safe: secrets that end or lie open, syncs that fail."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from ding.incidents.causes import Cause, counted, named, quoted
from notifications.wording import one_line
from pos_integrations.models import MenuSyncHistory, RestaurantPosIntegration, RestaurantWebhookSecret
from pos_integrations.sealing import plain_secrets

# Staff hears of an ending secret when each of these begins.
WARN_DAYS = (14, 3, 1)
# So many syncs in a row must fail: one that fails is tried again in a quarter of an hour.
FAILURES = 3


def _active() -> QuerySet[Any]:
    return RestaurantPosIntegration.objects.filter(active=True, pos_provider__is_active=True)


def secrets_that_end(now: dt.datetime) -> list[Cause]:
    """Integrations whose last valid webhook secret ends soon, or has ended.

    One that never had a secret takes no signed webhooks, and that is nobody's emergency.
    """
    mine = RestaurantWebhookSecret.objects.filter(
        restaurant=OuterRef("restaurant"), pos_provider=OuterRef("pos_provider")
    )
    active = mine.filter(is_active=True)
    latest = active.order_by(F("expires_at").desc(nulls_first=True)).values("expires_at")[:1]
    ending = (
        _active()
        .annotate(last=Subquery(latest), lasting=Exists(active.filter(expires_at=None)))
        .filter(Exists(mine), lasting=False, unsigned_since=None)
        .filter(Q(last=None) | Q(last__lte=now + dt.timedelta(days=WARN_DAYS[0])))
    )
    rows = ending.values("pk", "restaurant", "restaurant__name", "pos_provider__display_name", "last")
    return [_ending(row, now) for row in rows.order_by("pk")]


def _ending(row: dict[str, Any], now: dt.datetime) -> Cause:
    who = f"{named(row['restaurant__name'])}: the webhook secret with {named(row['pos_provider__display_name'])}"
    last: dt.datetime | None = row["last"]
    urgency = len(WARN_DAYS)
    if last is None:
        kind, what = "secret-expired", f"{who} was ended, and there is no other."
    elif last <= now:
        kind, what = "secret-expired", f"{who} ended on {last:%d %B at %H:%M} UTC, and there is no other."
    else:
        urgency = sum(last <= now + dt.timedelta(days=days) for days in WARN_DAYS) - 1
        kind, what = "secret-expiring", f"{who} ends on {last:%d %B at %H:%M} UTC, and there is no other."
    # One cause from the first warning to the end: what changes is how much it matters.
    return Cause(
        key=f"secret:integration-{row['pk']}",
        kind=kind,
        what=what,
        restaurant_id=row["restaurant"],
        urgency=urgency,
        target=str(row["pk"]),
    )


def syncs(now: dt.datetime) -> list[Cause]:
    """Restaurants whose newest menu was held, or could not be had for some times in a row."""
    newest = MenuSyncHistory.objects.filter(restaurant=OuterRef("restaurant")).order_by("-pk")
    tried = {f"status_{n}": Subquery(newest.values("status")[n : n + 1]) for n in range(FAILURES)}
    failing = (
        _active()
        .annotate(**tried, errors=Subquery(newest.values("errors")[:1]))
        .filter(status_0=MenuSyncHistory.Status.FAILED)
        .values("pk", "restaurant", "restaurant__name", "errors", *tried)
        .order_by("pk")
    )
    causes: dict[int, Cause] = {}
    for row in failing:
        error = row["errors"][0] if row["errors"] else {}
        held = error.get("done", "").startswith("held")
        if not held and any(row[name] != MenuSyncHistory.Status.FAILED for name in tried):
            continue
        what = (
            "the menu was held, for it looks like an accident."
            if held
            else (f"the menu could not be fetched {counted(FAILURES, 'time')} in a row.")
        )
        # The history is the restaurant's, whichever of its integrations synced.
        causes[row["restaurant"]] = Cause(
            key=f"sync:restaurant-{row['restaurant']}",
            kind="sync-held" if held else "sync-failing",
            what=f"{named(row['restaurant__name'])}: {what}{quoted(error.get('found', ''))}",
            restaurant_id=row["restaurant"],
            target=str(row["pk"]),
        )
    return list(causes.values())


def secrets_in_the_clear(now: dt.datetime) -> list[Cause]:
    """Secrets that somebody's SQL wrote unsealed."""
    found = list(plain_secrets())
    if not found:
        return []
    what = f"{counted(len(found), 'secret lies', 'secrets lie')} open in the database, such as {found[0]}."
    return [Cause(key="secrets-open", kind="secrets-open", what=what, count=len(found))]


def unsigned_webhooks(now: dt.datetime) -> list[Cause]:
    """Integrations whose POS need not prove itself, because a person said so."""
    rows = _active().exclude(unsigned_since=None).order_by("pk")
    return [
        Cause(
            key=f"webhooks-unsigned:integration-{row['pk']}",
            kind="webhooks-unsigned",
            what=f"{named(row['restaurant__name'])}: reports of the POS are taken without any proof since"
            f" {row['unsigned_since']:%d %B %H:%M} UTC; {one_line(row['unsigned_by']) or 'somebody'} switched it on.",
            restaurant_id=row["restaurant"],
            target=str(row["pk"]),
        )
        for row in rows.values("pk", "restaurant", "restaurant__name", "unsigned_since", "unsigned_by")
    ]
