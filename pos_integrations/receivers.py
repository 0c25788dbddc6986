"""Listens to orders: a placed order owes a push, a cancelled one owes the POS the news."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from ding.nudge import nudge
from ding.plans import as_read
from orders.models import ChangeSource, Order, OrderStatusHistory
from orders.signals import order_placed, order_status_changed
from orders.status import OrderStatus
from pos_integrations import outbound, tasks
from pos_integrations.models import OrderPush


@receiver(order_placed, dispatch_uid="owe_push")
def owe_push(sender: Any, order: Order, **kwargs: Any) -> None:
    """In the order's transaction: both are saved, or neither."""
    push = outbound.owe_push(order)
    # Whoever tells of the order next need not look it up.
    as_read(order, "pushes", OrderPush, [push])
    nudge(tasks.push_order, push.pk)


@receiver(order_status_changed, dispatch_uid="owe_cancellations")
def owe_cancellations(sender: Any, changes: list[OrderStatusHistory], **kwargs: Any) -> None:
    """What the POS itself told us is not told back to it."""
    cancelled = [
        change.order_id
        for change in changes
        if change.new_status == OrderStatus.CANCELLED and change.source != ChangeSource.POS
    ]
    if cancelled:
        for push_id in outbound.owe_cancellations(cancelled):
            nudge(tasks.push_order, push_id)
