"""Listens to orders: a placed order owes a push, a cancelled one owes the POS the news."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from ding.nudge import nudge
from ding.plans import as_read
from orders.models import ChangeSource, Order, OrderStatusHistory
from orders.signals import order_status_changed, orders_placed
from orders.status import OrderStatus
from pos_integrations import outbound, tasks


@receiver(orders_placed, dispatch_uid="owe_pushes")
def owe_pushes(sender: Any, orders: list[Order], **kwargs: Any) -> None:
    """In the orders' transaction: all are saved, or none."""
    for order, push in zip(orders, outbound.owe_pushes(orders), strict=True):
        # Whoever tells of the order next need not look it up.
        as_read(order, "pushes", [push])
        nudge(tasks.push_orders, push.pk)


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
            nudge(tasks.push_orders, push_id)
