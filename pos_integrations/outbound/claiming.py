"""Taking pushes that are due: one transaction for all that are asked for at the same time.

A claim is a row in state `sending` with a lease, and an attempt that is written before its call is made.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.utils import timezone

from ding.db import insert_rows, transactional, update_rows
from ding.plans import Plan, as_read
from ding.together import Together
from orders.models import Order, OrderItem, OrderItemAddOn
from orders.status import FINAL
from pos_integrations.messages import RiderStatus
from pos_integrations.models import OrderPush, OrderPushAttempt, PushKind, PushState, RestaurantPosIntegration
from pos_integrations.outbound.owing import DEFAULT_DEADLINE, active_integration
from pos_integrations.outbound.resting import rests_until

ONE_AT_A_TIME = dt.timedelta(seconds=1)
# In the order in which a rider does them.
RIDER_STATUSES = {PushKind(f"rider_{status.value}"): status for status in RiderStatus}

_pushes = Plan(
    lambda ids: OrderPush.objects.filter(pk__in=ids).select_for_update(skip_locked=True).order_by("pk")
)
_integrations = Plan(
    lambda ids: (
        RestaurantPosIntegration.objects.filter(pk__in=ids)
        .select_related("restaurant", "pos_provider")
        .order_by()
    )
)
_orders = Plan(lambda ids: Order.objects.filter(pk__in=ids).order_by())
_items = Plan(lambda ids: OrderItem.objects.filter(order__in=ids).order_by("position"))
_addons = Plan(lambda ids: OrderItemAddOn.objects.filter(order_item__in=ids).order_by("id"))


class Claimed(NamedTuple):
    """A push that is ours for as long as its lease runs, and the row of the call that is going to be made."""

    push: OrderPush
    attempt: OrderPushAttempt


@transactional
def _claim(push_ids: Sequence[int]) -> list[Claimed | None]:
    """Those of these pushes that are due and that nobody else is at, each with all that its call needs.

    A number of statements that does not grow with them.
    """
    now = timezone.now()
    due = [push for push in _pushes(set(push_ids)) if _is_due(push, now)]
    _read(due)
    mine: list[OrderPush] = []
    for push in due:
        if _may_go(push, mine, now):
            mine.append(push)
    if anew := [push.pk for push in mine if push.request_body is not None and not push.maybe_taken]:
        # No POS has them: what is sent now may be written anew, with mended credentials.
        OrderPush.objects.filter(pk__in=anew).update(request_body=None)
    for push in mine:
        push.state = PushState.SENDING
        push.attempts += 1
        push.next_attempt_at = now + dt.timedelta(seconds=settings.LEASE_SECONDS)
        push.updated_at = now
        if not push.maybe_taken:
            push.request_body = None
    update_rows(OrderPush, mine, ["state", "attempts", "next_attempt_at", "updated_at", "integration"])
    attempts = [OrderPushAttempt(push=push, number=push.attempts, started_at=now) for push in mine]
    insert_rows(attempts, ids=("push_id", "number"))
    claimed = {attempt.push_id: Claimed(attempt.push, attempt) for attempt in attempts}
    # Whoever asks for one that another asks for at the same time gets none.
    return [claimed.pop(push_id, None) for push_id in push_ids]


# Give it the id of a push: it gives the push when it is claimed, else None.
claim: Together[int, Claimed | None] = Together(_claim)


def _is_due(push: OrderPush, now: dt.datetime) -> bool:
    at = push.next_attempt_at
    return push.state == PushState.DUE and at is not None and at <= now < push.expires_at


def _read(pushes: Sequence[OrderPush]) -> None:
    """Their orders with all lines, and their integrations."""
    found = _integrations({push.integration_id for push in pushes if push.integration_id is not None})
    integrations = {integration.pk: integration for integration in found}
    orders = {order.pk: order for order in _orders({push.order_id for push in pushes})}
    items: dict[int, list[OrderItem]] = defaultdict(list)
    addons: dict[int, list[OrderItemAddOn]] = defaultdict(list)
    lines = _items(orders)
    for addon in _addons([line.pk for line in lines]):
        addons[addon.order_item_id].append(addon)
    for line in lines:
        as_read(line, "addons", addons[line.pk])
        items[line.order_id].append(line)
    for order in orders.values():
        as_read(order, "items", items[order.pk])
    for push in pushes:
        push.order = orders[push.order_id]
        push.integration = None if push.integration_id is None else integrations[push.integration_id]


def _may_go(push: OrderPush, beside: Sequence[OrderPush], now: dt.datetime) -> bool:
    """Whether the call may be made now, `beside` those; if not, what becomes of the push is written down."""
    mine = OrderPush.objects.filter(pk=push.pk)
    if push.kind == PushKind.ORDER and push.order.status in FINAL:
        mine.update(
            state=PushState.UNKNOWN if push.maybe_taken else PushState.EXPIRED,
            request_body=push.request_body if push.maybe_taken else None,
            last_error=f"The order is {push.order.status} already.",
            next_attempt_at=None,
            updated_at=now,
        )
        return False
    if push.kind in RIDER_STATUSES and (waits := _beside_other_news(push, beside, now)):
        mine.update(**waits)
        return False
    if push.integration is None or (_is_untouched(push) and not _is_on(push.integration)):
        push.integration = active_integration(push.order.restaurant_id)
    if push.integration is not None and (later := rests_until(push.integration, now)):
        mine.update(next_attempt_at=later, integration=push.integration)
        return False
    return True


def _beside_other_news(
    push: OrderPush, beside: Sequence[OrderPush], now: dt.datetime
) -> dict[str, Any] | None:
    """What becomes of a rider's news beside the order's other pushes; None: it may go.

    A POS refuses riders of an order that it has not got yet, and shows what it heard last: so one at a time, after the
    order, and nothing old after something new.
    """
    kinds = list(RIDER_STATUSES)
    mine = OrderPush.objects.filter(order=push.order_id).exclude(pk=push.pk)
    others = {other.kind: other for other in mine.filter(kind__in=kinds).select_for_update().order_by("pk")}
    on_its_way = (PushState.DUE, PushState.SENDING)
    if (
        any(other.order_id == push.order_id for other in beside)
        or any(other.state == PushState.SENDING for other in others.values())
        or mine.filter(kind=PushKind.ORDER, state__in=on_its_way).exists()
    ):
        return {"next_attempt_at": now + ONE_AT_A_TIME}
    owed_since = push.expires_at - DEFAULT_DEADLINE
    for kind in kinds[kinds.index(PushKind(push.kind)) + 1 :]:
        told_at = others[kind].acknowledged_at if kind in others else None
        if told_at is not None and told_at > owed_since:
            why = "The POS was told later news of the rider meanwhile."
            return {"state": PushState.EXPIRED, "last_error": why, "next_attempt_at": None}
    return None


def _is_untouched(push: OrderPush) -> bool:
    """Whether no POS can have the order yet: then it may still go to another one."""
    return push.kind == PushKind.ORDER and not push.maybe_taken


def _is_on(integration: RestaurantPosIntegration) -> bool:
    return integration.active and integration.pos_provider.is_active
