"""The numbers of the dashboard: a handful of statements, however large the tables are."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import (
    Avg,
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    Func,
    IntegerField,
    Q,
    Sum,
)
from django.utils import timezone

from ding.cockpit.kitchen import RECENTLY, STANDINGS, in_trouble, recent_trouble
from ding.incidents.models import Incident
from ding.paging import written_since
from menus.models import Restaurant, zone_named
from notifications.models import Notification, Status
from orders.models import Order
from pos_integrations import health
from pos_integrations.models import (
    OrderPush,
    PushKind,
    PushState,
    RestaurantPosIntegration,
    WebhookLog,
)

WINDOW = RECENTLY
QUARTER = dt.timedelta(minutes=15)
MOST_URGENT = 8
MOST_INCIDENTS = 6

Mine = frozenset[int] | None


class QuarterHour(Func):
    """Quarters of an hour since 1970."""

    template = "(UNIX_TIMESTAMP(%(expressions)s) DIV 900)"
    output_field = IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """In SQLite's words."""
        template = "(CAST(strftime('%%%%s', %(expressions)s) AS INTEGER) / 900)"
        return self.as_sql(compiler, connection, template=template, **context)


@dataclass(slots=True)
class Figures:
    """All that the dashboard shows of the last 24 hours. Quarters: (start, orders placed, of them lost)."""

    since: dt.datetime
    now: dt.datetime
    zone: ZoneInfo
    statuses: Counter[str] = field(default_factory=Counter)
    quarters: list[tuple[dt.datetime, int, int]] = field(default_factory=list)
    value: list[tuple[str, Decimal]] = field(default_factory=list)
    standings: Counter[str] = field(default_factory=Counter)
    seconds_to_confirm: float | None = None
    urgent: list[OrderPush] = field(default_factory=list)
    queues: list[health.QueueState] = field(default_factory=list)
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    integrations: Counter[str] = field(default_factory=Counter)
    sick: list[tuple[RestaurantPosIntegration, str]] = field(default_factory=list)
    messages: Counter[str] = field(default_factory=Counter)
    incidents: list[Incident] = field(default_factory=list)

    @property
    def orders(self) -> int:
        """How many were placed."""
        return sum(self.statuses.values())


def gather(mine: Mine, now: dt.datetime | None = None) -> Figures:
    """The figures of these restaurants (None: of all)."""
    now = now or timezone.now()
    figures = Figures(since=now - WINDOW, now=now, zone=_zone(mine))
    _orders(figures, mine)
    _pushes(figures, mine)
    _queues(figures, mine)
    _webhooks(figures, mine)
    _integrations(figures, mine)
    _messages(figures, mine)
    standing = Incident.objects.open().filter(of(mine, "restaurant")).select_related("restaurant")
    figures.incidents = list(standing.order_by("acknowledged_at", "-pk")[:MOST_INCIDENTS])
    return figures


def of(mine: Mine, path: str) -> Q:
    """Rows whose restaurant, found by `path`, is one of these."""
    return Q() if mine is None else Q(**{f"{path}__in": mine})


def _zone(mine: Mine) -> ZoneInfo:
    """The clock that most of the restaurants go by."""
    zones = Restaurant.objects.filter(of(mine, "pk")).values("timezone").annotate(count=Count("pk"))
    first = zones.order_by("-count", "timezone").first()
    return zone_named(first["timezone"]) if first else ZoneInfo("UTC")


def _orders(figures: Figures, mine: Mine) -> None:
    rows = (
        written_since(Order.objects.filter(of(mine, "restaurant")), figures.since)
        .order_by()
        .values(quarter=QuarterHour("created_at"))
        .annotate(count=Count("pk"), sum=Sum("total"))
        .values_list("quarter", "status", "currency", "count", "sum")
    )
    placed: Counter[int] = Counter()
    lost: Counter[int] = Counter()
    value: Counter[str] = Counter()
    for quarter, status, currency, count, total in rows:
        figures.statuses[status] += count
        placed[quarter] += count
        if status in ("cancelled", "rejected"):
            lost[quarter] += count
        else:
            value[currency] += total
    figures.value = [(currency, Decimal(total)) for currency, total in value.most_common()]
    last = int(figures.now.timestamp()) // 900
    figures.quarters = [
        (dt.datetime.fromtimestamp(quarter * 900, dt.UTC), placed[quarter], lost[quarter])
        for quarter in range(last - WINDOW // QUARTER + 1, last + 1)
    ]


def _pushes(figures: Figures, mine: Mine) -> None:
    counts = {
        standing.key: Count("pk", filter=standing.pushes)
        for standing in STANDINGS
        if standing.key not in _QUIET
    }
    pushes = OrderPush.objects.filter(of(mine, "order__restaurant"), recent_trouble(figures.since))
    figures.standings.update(pushes.aggregate(**counts))
    figures.urgent = list(
        pushes.filter(in_trouble())
        .select_related("order__restaurant", "integration__pos_provider")
        .defer("request_body")
        .order_by("-pk")[:MOST_URGENT]
    )
    took = ExpressionWrapper(F("acknowledged_at") - F("created_at"), output_field=DurationField())
    answered = OrderPush.objects.filter(
        of(mine, "order__restaurant"),
        kind=PushKind.ORDER,
        state=PushState.ACKNOWLEDGED,
        updated_at__gte=figures.since,
    )
    mean = answered.aggregate(mean=Avg(took))["mean"]
    figures.seconds_to_confirm = mean.total_seconds() if mean is not None else None


# Not counted: they are many, and nobody's business.
_QUIET = ("in_kitchen", "not_sent", "telling", "told")


def _queues(figures: Figures, mine: Mine) -> None:
    now = figures.now
    syncs = RestaurantPosIntegration.objects.filter(
        of(mine, "restaurant"), menu_sync_due_at__lte=now, active=True, pos_provider__is_active=True
    )
    figures.queues = [
        health.queue_state(
            "orders to the kitchen", OrderPush.objects.due(now).filter(of(mine, "order__restaurant"))
        ),
        health.queue_state("webhooks", WebhookLog.objects.due(now).filter(of(mine, "restaurant"))),
        health.queue_state(
            "messages to guests", Notification.objects.due(now).filter(of(mine, "order__restaurant"))
        ),
        health.queue_state("menu syncs", syncs, "menu_sync_due_at"),
    ]


def _webhooks(figures: Figures, mine: Mine) -> None:
    rows = (
        written_since(WebhookLog.objects.filter(of(mine, "restaurant")), figures.since)
        .order_by()
        .values_list("status", "verdict")
        .annotate(count=Count("pk"))
    )
    for status, verdict, count in rows:
        figures.verdicts[status, verdict] += count


def _integrations(figures: Figures, mine: Mine) -> None:
    integrations = list(
        RestaurantPosIntegration.objects.filter(of(mine, "restaurant")).select_related(
            "restaurant", "pos_provider"
        )
    )
    for integration, state in zip(integrations, health.integrations_health(integrations), strict=True):
        figures.integrations[state["status"]] += 1
        if state["status"] in ("down", "degraded"):
            figures.sick.append((integration, state["status"]))


def _messages(figures: Figures, mine: Mine) -> None:
    waiting = Q(status=Status.PENDING)
    # A failed message was last due shortly before it failed.
    failed = Q(status=Status.FAILED, next_attempt_at__gte=figures.since)
    figures.messages.update(
        Notification.objects.filter(of(mine, "order__restaurant"), waiting | failed).aggregate(
            waiting=Count("pk", filter=waiting),
            retrying=Count("pk", filter=waiting & Q(retry_count__gt=0)),
            failed=Count("pk", filter=failed),
        )
    )
