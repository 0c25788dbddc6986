"""Orders that are not where they should be, by restaurant: one statement finds them all.

Orders that wait, or were given up, because our access is refused or because there is no integration belong
to that cause: it is one failure, however many orders it stops.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

from django.db.models import Case, Exists, OuterRef, Q, Value, When

from ding.incidents.causes import MOST_ORDERS, Cause, counted, named, quoted
from ding.incidents.detecting.ranking import newest_of_each
from orders.status import FINAL, OrderStatus
from pos_integrations.models import OrderPush, PushKind, PushState, RestaurantPosIntegration

# What is older, and did not happen again, is history.
RECENT = dt.timedelta(hours=24)

_REFUSED_ACCESS = ~Q(integration__problem="") & Q(integration__isnull=False)
_NOWHERE = Q(integration=None)
_GIVEN_UP = Q(state=PushState.EXPIRED, order__status=OrderStatus.REJECTED)
_OPEN = ~Q(order__status__in=FINAL)
_ORDER = Q(kind=PushKind.ORDER)
_FAILED = Q(state__in=(PushState.REJECTED, PushState.EXPIRED, PushState.UNKNOWN))
_RIDER = Q(kind__startswith="rider_")
# A POS shows the newest that it was told of a rider: what it missed before that is no matter.
_HEARD_SINCE = Exists(
    OrderPush.objects.filter(
        _RIDER,
        order=OuterRef("order"),
        state=PushState.ACKNOWLEDGED,
        acknowledged_at__gte=OuterRef("created_at"),
    )
)

_KIND = Case(
    When(
        _ORDER & _NOWHERE & (_GIVEN_UP | Q(state=PushState.DUE, attempts__gt=0)), then=Value("no-integration")
    ),
    When(_ORDER & _REFUSED_ACCESS & (_GIVEN_UP | Q(state=PushState.DUE)), then=Value("access-refused")),
    When(_ORDER & _GIVEN_UP, then=Value("order-not-sent")),
    When(
        _ORDER & Q(state=PushState.REJECTED, order__status=OrderStatus.REJECTED), then=Value("order-refused")
    ),
    When(_ORDER & _OPEN & Q(state=PushState.UNKNOWN), then=Value("order-unclear")),
    When(_ORDER & _OPEN & Q(state=PushState.SENT, silent_since__isnull=False), then=Value("kitchen-silent")),
    When(_FAILED & Q(kind=PushKind.CANCELLATION), then=Value("cancellation-failed")),
    When(_FAILED & _RIDER & Q(integration__problem="") & ~_HEARD_SINCE, then=Value("rider-not-told")),
    default=Value(""),
)
_CANDIDATES = (PushState.DUE, PushState.REJECTED, PushState.EXPIRED, PushState.UNKNOWN, PushState.SENT)

_WHAT = {
    "order-refused": "The POS refused {orders}.",
    "order-not-sent": "{Orders} could not be sent before the time was up.",
    "order-unclear": "{Orders}: a call was made, and the answer does not tell whether the POS has the order.",
    "cancellation-failed": "The POS did not take the cancellation of {orders}.",
    "rider-not-told": "The POS did not take the news of the rider of {orders}.",
    "kitchen-silent": "{Orders}: the POS took the order and the kitchen has not confirmed it in time.",
    "no-integration": "{Orders}: the restaurant has no active POS integration.",
}


def failed_pushes(now: dt.datetime) -> list[Cause]:
    """Every kind of order that did not arrive, and the integrations that a POS refuses."""
    # Silence is noted once and failures are final, so `updated_at` is when it happened.
    failing = OrderPush.objects.filter(state__in=_CANDIDATES, updated_at__gte=now - RECENT)
    failing = failing.exclude(state=PushState.SENT, silent_since=None)
    if not failing.exists():
        # As it should be, and every few seconds: what follows takes ten times as long to compile.
        return _refusals({})
    ranked = (
        newest_of_each(
            failing.annotate(what=_KIND).exclude(what=""),
            "order__restaurant", "integration", "what", at="updated_at",
        )
        .values(
            "what", "total", "latest", "last_error", "order", "order__reference", "order__restaurant",
            "order__restaurant__name", "integration",
        )
    )  # fmt: skip
    refused_access: dict[int, list[dict[str, Any]]] = defaultdict(list)
    groups: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for row in ranked:
        if row["what"] == "access-refused":
            refused_access[row["integration"]].append(row)
        else:
            groups[row["what"], row["order__restaurant"]].append(row)
    causes = [_cause(kind, restaurant, rows) for (kind, restaurant), rows in groups.items()]
    return causes + _refusals(refused_access)


def _cause(kind: str, restaurant: int, rows: list[dict[str, Any]]) -> Cause:
    # One restaurant's rows come in a group for each of its integrations.
    count = sum({row["integration"]: row["total"] for row in rows}.values())
    orders = counted(count, "order")
    what = _WHAT[kind].format(orders=orders, Orders=orders)
    reason = "" if kind in ("kitchen-silent", "no-integration") else quoted(rows[0]["last_error"])
    return Cause(
        key=f"{kind}:restaurant-{restaurant}",
        kind=kind,
        what=f"{named(rows[0]['order__restaurant__name'])}: {what}{reason}",
        restaurant_id=restaurant,
        count=count,
        orders=_newest(rows),
        latest_at=max(row["latest"] for row in rows),
    )


def _newest(rows: list[dict[str, Any]]) -> tuple[tuple[int, str], ...]:
    return tuple((row["order"], row["order__reference"]) for row in rows[:MOST_ORDERS])


def _refusals(orders: dict[int, list[dict[str, Any]]]) -> list[Cause]:
    refused = RestaurantPosIntegration.objects.filter(active=True, pos_provider__is_active=True)
    refused = refused.exclude(problem="").order_by("pk")
    causes = []
    for integration in refused.values(
        "pk", "restaurant", "restaurant__name", "pos_provider__display_name", "problem"
    ):
        rows = orders.get(integration["pk"], [])
        count = rows[0]["total"] if rows else 0
        waiting = (
            f" {counted(count, 'order waits or was', 'orders wait or were')} turned down." if count else ""
        )
        provider = named(integration["pos_provider__display_name"])
        causes.append(
            Cause(
                key=f"access-refused:integration-{integration['pk']}",
                kind="access-refused",
                what=f"{named(integration['restaurant__name'])}: {provider} does not let us in."
                f"{waiting}{quoted(integration['problem'])}",
                restaurant_id=integration["restaurant"],
                count=count,
                orders=_newest(rows),
                target=str(integration["pk"]),
            )
        )
    return causes
