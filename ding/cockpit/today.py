"""Today: the dashboard. Each number leads to the list that it counts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from ding.cockpit.figures import Figures, gather
from ding.cockpit.kitchen import BAD, BUSY, BY_KEY, GOOD, PLAIN, WARN, ago, span, standing_of
from ding.cockpit.timeline import status_tone
from ding.staff import restaurants_of
from orders.status import FINAL, OrderStatus
from pos_integrations.inbound import verdict_words
from pos_integrations.models import WebhookStatus

# After so long a due row says that no worker is at work.
LATE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Number:
    """A count, what it counts, and where its rows are. `share`: of the largest beside it, in percent."""

    label: str
    value: Any
    url: str = ""
    tone: str = PLAIN
    note: str = ""
    share: int = 0


def today(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What unfold asks for when the index is shown."""
    may_see = request.user.has_perm("orders.view_order")
    if not may_see:
        return {**context, "title": "Today", "figures": None}
    figures = gather(restaurants_of(request.user))
    return {
        **context,
        "title": "Today",
        "figures": figures,
        "tiles": _tiles(figures),
        "chart": _chart(figures),
        "chart_options": _CHART_OPTIONS,
        "statuses": _statuses(figures),
        "kitchens": _kitchens(figures),
        "queues": _queues(figures),
        "verdicts": _verdicts(figures),
        "integrations": _integrations(figures),
        "sick": [
            Number(
                str(integration.restaurant),
                integration.problem or "webhooks, pushes or syncs failed in the last 24 hours",
                reverse("admin:pos_integrations_restaurantposintegration_change", args=[integration.pk]),
                BAD if state == "down" else WARN,
            )
            for integration, state in figures.sick[:6]
        ],
        "messages_now": _messages(figures),
        "urgent": [_urgent(push) for push in figures.urgent],
        "incidents": [
            Number(
                incident.title,
                incident.what,
                reverse("admin:ding_incident_change", args=[incident.pk]),
                BAD if incident.critical else WARN,
                f"{ago(incident.opened_at)}"
                + (f", {incident.acknowledged_by} is at it" if incident.acknowledged_by else ""),
            )
            for incident in figures.incidents
        ],
        "zone": figures.zone,
    }


def orders_list(**filters: str) -> str:
    """The address of the list of orders with these filters."""
    return f"{reverse('admin:orders_order_changelist')}?{urlencode(filters)}"


def _list(model: str, **filters: str) -> str:
    return f"{reverse(f'admin:{model}_changelist')}?{urlencode(filters)}"


def _tiles(figures: Figures) -> list[Number]:
    trouble = sum(count for key, count in figures.standings.items() if BY_KEY[key].trouble)
    working = sum(count for status, count in figures.statuses.items() if status not in FINAL)
    lost = figures.statuses[OrderStatus.CANCELLED] + figures.statuses[OrderStatus.REJECTED]
    percent = f"{100 * lost / figures.orders:.1f} % of all" if figures.orders else ""
    value = ", ".join(f"{currency} {total:,.0f}" for currency, total in figures.value[:2])
    took = span(figures.seconds_to_confirm) if figures.seconds_to_confirm is not None else "–"
    return [
        Number("Orders", figures.orders, orders_list(placed="24h"), PLAIN, value),
        Number("Not finished", working, orders_list(placed="24h", open="1"), BUSY if working else PLAIN),
        Number(
            "Need a person",
            trouble,
            orders_list(kitchen="trouble"),
            BAD if trouble else GOOD,
            "the kitchen may not have them" if trouble else "all is well",
        ),
        Number(
            "Cancelled or rejected",
            lost,
            orders_list(placed="24h", open="lost"),
            WARN if lost else PLAIN,
            percent,
        ),
        Number(
            "Kitchen answers after",
            took,
            orders_list(placed="24h", kitchen="in_kitchen"),
            PLAIN,
            "on average, from placed to confirmed",
        ),
    ]


def _statuses(figures: Figures) -> list[Number]:
    most = max(figures.statuses.values(), default=0)
    return [
        Number(
            str(OrderStatus(status).label),
            figures.statuses[status],
            orders_list(status__exact=status, placed="24h"),
            status_tone(status) if figures.statuses[status] else PLAIN,
            share=_share(figures.statuses[status], most),
        )
        for status in OrderStatus.values
    ]


def _kitchens(figures: Figures) -> list[Number]:
    found = []
    for key, count in figures.standings.items():
        standing = BY_KEY[key]
        ended = key in ("refused", "given_up")
        url = orders_list(kitchen=key, placed="24h") if ended else orders_list(kitchen=key)
        found.append(Number(standing.label, count, url, standing.tone if count else PLAIN))
    return found


def _queues(figures: Figures) -> list[Number]:
    lists = (
        _list("pos_integrations_orderpush", state__exact="due"),
        _list("pos_integrations_webhooklog", status__exact="received"),
        _list("notifications_notification", status__exact="pending"),
        reverse("admin:pos_integrations_restaurantposintegration_changelist"),
    )
    return [
        Number(
            queue.name.capitalize(),
            queue.due,
            url,
            BAD if queue.oldest_due_seconds > LATE_SECONDS else PLAIN if not queue.due else BUSY,
            f"the oldest waits for {span(queue.oldest_due_seconds)}" if queue.due else "empty",
        )
        for queue, url in zip(figures.queues, lists, strict=True)
    ]


def _verdicts(figures: Figures) -> list[Number]:
    most = max(figures.verdicts.values(), default=0)
    tones: dict[str, str] = {
        WebhookStatus.RECEIVED: BUSY,
        WebhookStatus.PROCESSED: GOOD,
        WebhookStatus.IGNORED: PLAIN,
        WebhookStatus.FAILED: WARN,
        WebhookStatus.PARKED: BAD,
    }
    return [
        Number(
            verdict_words(verdict)[0].capitalize(),
            count,
            _list(
                "pos_integrations_webhooklog", status__exact=status, verdict=verdict or "none", received="24h"
            ),
            tones.get(status, PLAIN),
            {WebhookStatus.FAILED: "tried again", WebhookStatus.PARKED: "waits for a person"}.get(
                WebhookStatus(status), ""
            ),
            _share(count, most),
        )
        for (status, verdict), count in figures.verdicts.most_common()
    ]


def _integrations(figures: Figures) -> list[Number]:
    words = {
        "ok": ("Well", GOOD),
        "degraded": ("With failures", WARN),
        "down": ("Not let in", BAD),
        "inactive": ("Switched off", PLAIN),
    }
    filters = {"down": {"problem__isempty": "0"}, "inactive": {"active__exact": "0"}}
    return [
        Number(
            label,
            figures.integrations[state],
            _list("pos_integrations_restaurantposintegration", **filters.get(state, {})),
            tone if figures.integrations[state] else PLAIN,
        )
        for state, (label, tone) in words.items()
    ]


def _messages(figures: Figures) -> list[Number]:
    page = "notifications_notification"
    failed = figures.messages["failed"]
    return [
        Number("Waiting", figures.messages["waiting"], _list(page, status__exact="pending")),
        Number(
            "Being tried again",
            figures.messages["retrying"],
            _list(page, status__exact="pending"),
            WARN if figures.messages["retrying"] else PLAIN,
        ),
        Number("Failed, 24 hours", failed, _list(page, status__exact="failed"), BAD if failed else PLAIN),
    ]


def _urgent(push: Any) -> Number:
    standing = standing_of(push.order, push)
    return Number(
        f"{push.order.reference} · {push.order.restaurant}",
        standing.label if standing else "",
        reverse("admin:orders_order_change", args=[push.order_id]),
        standing.tone if standing else PLAIN,
        ago(push.created_at),
    )


def _share(count: int, most: int) -> int:
    return round(100 * count / most) if most else 0


def _chart(figures: Figures) -> str:
    return json.dumps(
        {
            "labels": [f"{start.astimezone(figures.zone):%H:%M}" for start, _, _ in figures.quarters],
            "datasets": [
                {
                    "label": "Orders",
                    "data": [placed - lost for _, placed, lost in figures.quarters],
                    "backgroundColor": "var(--color-primary-600)",
                },
                {
                    "label": "Cancelled or rejected",
                    "data": [lost for _, _, lost in figures.quarters],
                    "backgroundColor": "#94a3b8",
                },
            ],
        }
    )


_TICKS = {"color": "#8b95a5", "font": {"size": 11}}
_CHART_OPTIONS = json.dumps(
    {
        "animation": False,
        "responsive": True,
        "maintainAspectRatio": False,
        "datasets": {"bar": {"barPercentage": 0.9, "categoryPercentage": 1, "borderRadius": 1}},
        "plugins": {
            "legend": {
                "display": True,
                "align": "end",
                "labels": {"color": "#8b95a5", "boxWidth": 10, "boxHeight": 10},
            },
            "tooltip": {"mode": "index", "intersect": False},
        },
        "scales": {
            "x": {
                "stacked": True,
                "grid": {"display": False},
                "ticks": {**_TICKS, "maxTicksLimit": 13, "maxRotation": 0, "autoSkip": True},
            },
            "y": {"stacked": True, "beginAtZero": True, "grid": {}, "ticks": {**_TICKS, "precision": 0}},
        },
    }
)
