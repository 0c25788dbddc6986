"""Which columns hold what a guest told us: one table for expiry and for erasure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from django.db.models import Q, QuerySet

from notifications.models import Notification
from orders.models import IdempotencyKey, Order, OrderItem, OrderStatusHistory, StaffAction
from pos_integrations.models import OrderPush, OrderPushAttempt, WebhookLog

# What takes the place of a webhook's body: still an object for whoever reads the column as JSON.
NO_BODY = "{}"
_NEAR = dt.timedelta(minutes=5)

ORDER_BLANK: dict[str, Any] = {
    "customer_name": "",
    "customer_phone": "",
    "customer_email": "",
    "customer_address": "",
    "latitude": None,
    "longitude": None,
    "notes": "",
    "pickup_code": "",
    "rider_name": "",
    "rider_phone": "",
    "cancellation_reason": "",
}
CALL_BLANK = {"request_body": "", "response_body": "", "error": ""}
WEBHOOK_BLANK = {"payload": NO_BODY, "error_message": ""}


def blank_orders(orders: QuerySet[Order], ids: Collection[int] | QuerySet[Any]) -> int:
    """Take the guest out of `orders` (their pks: `ids`) and out of what people wrote about them."""
    OrderItem.objects.filter(order__in=ids).exclude(notes="").update(notes="")
    OrderStatusHistory.objects.filter(order__in=ids).exclude(change_reason="").update(change_reason="")
    StaffAction.objects.filter(order__in=ids).exclude(note="").update(note="")
    return orders.update(**ORDER_BLANK)


def forget_orders(orders: Collection[Order]) -> dict[str, int]:
    """The same, and all copies: messages, calls to the POS, webhooks, remembered answers. What was done, by table."""
    ids = [order.pk for order in orders]
    return {
        "orders": blank_orders(Order.objects.filter(pk__in=ids), ids),
        "messages": Notification.objects.filter(order__in=ids).delete()[0],
        "calls to the POS": OrderPushAttempt.objects.filter(push__order__in=ids).update(**CALL_BLANK),
        "push errors": OrderPush.objects.filter(order__in=ids)
        .filter(~Q(last_error="") | Q(request_body__isnull=False))
        .update(last_error="", request_body=None),
        "webhooks": WebhookLog.objects.filter(order__in=ids).update(**WEBHOOK_BLANK)
        + WebhookLog.objects.filter(order_ref__in=[order.reference for order in orders], order=None).update(
            **WEBHOOK_BLANK
        ),
        "remembered answers": sum(_forget_answers(order) for order in orders),
    }


def _forget_answers(order: Order) -> int:
    # The key was taken at the begin of the same transaction.
    around = (order.created_at - _NEAR, order.created_at + _NEAR)
    near = IdempotencyKey.objects.filter(client=order.client, created_at__range=around)
    mine = [key.pk for key in near if isinstance(key.answer, dict) and key.answer.get("id") == order.pk]
    return IdempotencyKey.objects.filter(pk__in=mine).delete()[0]
