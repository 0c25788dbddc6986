"""What is owed to a POS, written down in the transaction that makes it owed."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence

from django.db.models import F
from django.utils import timezone

from ding.db import insert_rows
from ding.plans import Plan
from orders.models import Order
from pos_integrations.configuration import account_for, adapter_of
from pos_integrations.errors import (
    ConfigurationError,
)
from pos_integrations.messages import RiderUpdate
from pos_integrations.models import OrderPush, PushKind, PushState, RestaurantPosIntegration

logger = logging.getLogger(__name__)

_active = Plan(
    lambda restaurant_ids: (
        RestaurantPosIntegration.objects.filter(
            restaurant_id__in=restaurant_ids, active=True, pos_provider__is_active=True
        )
        .select_related("restaurant", "pos_provider")
        .order_by("-pk")
    )
)
DEFAULT_DEADLINE = dt.timedelta(minutes=15)


def owe_pushes(orders: Sequence[Order]) -> list[OrderPush]:
    """Write down, in the orders' own transaction, that their POS must get them; a push for each."""
    active = _active_by_restaurant({order.restaurant_id for order in orders})
    now = timezone.now()
    deadlines = {restaurant: deadline_of(integration) for restaurant, integration in active.items()}
    pushes = []
    for order in orders:
        integration = active.get(order.restaurant_id)
        start = first_moment(order, integration, now)
        expires_at = start + deadlines.get(order.restaurant_id, DEFAULT_DEADLINE)
        pushes.append(
            OrderPush(order=order, integration=integration, next_attempt_at=start, expires_at=expires_at)
        )
    insert_rows(pushes, ids=("order_id", "kind"))
    return pushes


def first_moment(order: Order, integration: RestaurantPosIntegration | None, now: dt.datetime) -> dt.datetime:
    """When an order may be sent: now, or, when it is for later, when its POS takes it."""
    if order.scheduled_for is None or integration is None:
        return now
    try:
        adapter, account = adapter_of(integration.pos_provider), account_for(integration)
    except ConfigurationError as error:
        logger.warning("The integration cannot be used: %s", error, extra={"integration": integration.pk})
        return now
    return max(now, adapter.not_before(order.scheduled_for, now, account) or now)


def deadline_of(integration: RestaurantPosIntegration | None) -> dt.timedelta:
    """How long an order is worth bringing to this kitchen."""
    if integration is not None:
        try:
            return dt.timedelta(minutes=account_for(integration).config["push_deadline_minutes"])
        except ConfigurationError as error:
            logger.warning("The integration cannot be used: %s", error, extra={"integration": integration.pk})
    return DEFAULT_DEADLINE


def owe_cancellations(order_ids: list[int]) -> list[int]:
    """Take back what was never sent, and owe the POS a cancellation of the rest; the new pushes' ids."""
    now = timezone.now()
    mine = OrderPush.objects.filter(order__in=order_ids, kind=PushKind.ORDER)
    mine.filter(state=PushState.DUE, maybe_taken=False).update(
        state=PushState.EXPIRED,
        request_body=None,
        next_attempt_at=None,
        last_error="The order was cancelled before it was sent.",
        updated_at=now,
    )
    reached = list(mine.exclude(state__in=(PushState.EXPIRED, PushState.REJECTED)))
    OrderPush.objects.bulk_create(
        [
            OrderPush(
                order_id=push.order_id,
                kind=PushKind.CANCELLATION,
                integration_id=push.integration_id,
                next_attempt_at=now,
                expires_at=now + DEFAULT_DEADLINE,
            )
            for push in reached
        ],
        ignore_conflicts=True,
    )
    owed = OrderPush.objects.filter(order__in=order_ids, kind=PushKind.CANCELLATION, state=PushState.DUE)
    return list(owed.values_list("pk", flat=True)) if reached else []


def owe_rider_update(order_id: int, rider: RiderUpdate) -> OrderPush:
    """Owe the POS the news of how far a rider is. The same again is told again, which is harmless.

    Its retries count afresh then; the calls made before stay on record under their numbers.
    """
    now = timezone.now()
    owed = {"state": PushState.DUE, "next_attempt_at": now, "expires_at": now + DEFAULT_DEADLINE}
    kind = PushKind(f"rider_{rider.status.value}")
    # Where the order went; that is also whose lanes and pace it has.
    order = OrderPush.objects.filter(order_id=order_id, kind=PushKind.ORDER)
    where = {"integration_id": order.values_list("integration_id", flat=True).first()}
    push, created = OrderPush.objects.get_or_create(order_id=order_id, kind=kind, defaults={**owed, **where})
    if not created:
        OrderPush.objects.filter(pk=push.pk).update(
            **owed, attempts_before=F("attempts"), last_error="", updated_at=now
        )
    return push


def active_integration(restaurant_id: int) -> RestaurantPosIntegration | None:
    """Where a restaurant's orders go now: the active integration, the oldest if there are several."""
    return _active_by_restaurant({restaurant_id}).get(restaurant_id)


def _active_by_restaurant(restaurant_ids: set[int]) -> dict[int, RestaurantPosIntegration]:
    # Newest first: the oldest is the one that stays.
    return {integration.restaurant_id: integration for integration in _active(restaurant_ids)}
