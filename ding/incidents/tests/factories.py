"""Causes that stand in the tables, without a POS: a restaurant with an integration, pushes in any state."""

from __future__ import annotations

import datetime as dt
import itertools
from types import SimpleNamespace
from typing import Any

from django.utils import timezone

from ding.incidents.causes import Cause
from ding.incidents.detecting import Detector
from ding.incidents.models import Incident
from ding.incidents.opening import sync_incidents
from menus.models import Restaurant
from orders.models import Order
from pos_integrations.models import (
    MenuSyncHistory,
    OrderPush,
    PosProvider,
    RestaurantPosIntegration,
    WebhookLog,
)

_numbers = itertools.count(1)
MONEY = (
    "items_total", "discount_total", "packing_charge", "delivery_charge", "service_charge", "tax_total", "total",
)  # fmt: skip


def make_place(name: str = "Spice Garden", **integration: Any) -> SimpleNamespace:
    """A restaurant and its integration."""
    number = next(_numbers)
    provider, _ = PosProvider.objects.get_or_create(
        provider_name="petpooja", defaults={"display_name": "PetPooja"}
    )
    restaurant = Restaurant.objects.create(name=name, email=f"owner{number}@example.com")
    values = {"pos_type": "petpooja", "pos_restaurant_id": f"code{number}", "menu_sync_due_at": None}
    row = RestaurantPosIntegration.objects.create(
        restaurant=restaurant, pos_provider=provider, **values | integration
    )
    return SimpleNamespace(restaurant=restaurant, integration=row, provider=provider)


def make_order(place: SimpleNamespace, **values: Any) -> Order:
    """A pending order of that restaurant."""
    fields = {
        "restaurant": place.restaurant,
        "reference": f"D{next(_numbers):07}",
        "order_type": "DELIVERY",
        "payment_type": "COD",
        "currency": "INR",
        **dict.fromkeys(MONEY, 0),
    }
    return Order.objects.create(**fields | values)


def make_push(
    place: SimpleNamespace, state: str, *, status: str = "pending", ago: float = 60, **values: Any
) -> OrderPush:
    """A push of a new order in that state, which it reached `ago` seconds ago."""
    then = timezone.now() - dt.timedelta(seconds=ago)
    fields = {
        "order": make_order(place, status=status),
        "integration": place.integration,
        "state": state,
        "expires_at": then + dt.timedelta(minutes=15),
    }
    push = OrderPush.objects.create(**fields | values)
    OrderPush.objects.filter(pk=push.pk).update(updated_at=then)
    return push


def make_webhook(place: SimpleNamespace, status: str, **values: Any) -> WebhookLog:
    """A webhook of that restaurant's POS."""
    fields = {
        "pos_provider": place.provider,
        "integration": place.integration,
        "restaurant": place.restaurant,
        "webhook_type": "order-status",
        "payload": "{}",
        "status": status,
        "processed_at": timezone.now(),
    }
    return WebhookLog.objects.create(**fields | values)


def make_sync(place: SimpleNamespace, status: str, *, done: str = "", found: str = "") -> MenuSyncHistory:
    """A menu sync that ended now."""
    errors = [{"kind": "menu", "external_id": "", "field": "", "found": found, "done": done}] if done else []
    now = timezone.now()
    return MenuSyncHistory.objects.create(
        restaurant=place.restaurant, status=status, errors=errors, started_at=now, completed_at=now
    )


def cause(key: str = "order-refused:restaurant-1", **values: Any) -> Cause:
    """A cause as a detector might find it."""
    return Cause(**{"key": key, "kind": key.partition(":")[0], "what": "Something is wrong."} | values)


def stand(*causes: Cause, kinds: tuple[str, ...] = ("order-refused", "secrets-open")) -> Any:
    """Look, and find exactly these causes."""
    looked_for = frozenset({*kinds, *(c.kind for c in causes)})
    return sync_incidents([Detector(lambda now: list(causes), looked_for)])


def pass_time(incident: Incident, **delta: float) -> None:
    """Let so much time go by for an incident: all its moments move back."""
    names = ("opened_at", "closed_at", "acknowledged_at", "next_alert_at", "settled_at")
    incident.refresh_from_db()
    moved = {n: getattr(incident, n) - dt.timedelta(**delta) for n in names if getattr(incident, n)}
    Incident.objects.filter(pk=incident.pk).update(**moved)
    incident.refresh_from_db()
