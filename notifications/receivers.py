"""What the orders' signals set off here."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from ding.nudge import nudge
from notifications import services, tasks
from orders.models import Order, OrderStatusHistory
from orders.signals import order_status_changed, orders_unconfirmed


@receiver(order_status_changed, dispatch_uid="notifications.owe_messages")
def owe_messages(changes: list[OrderStatusHistory], **kwargs: Any) -> None:
    """Owe the guests their messages, in the transaction that changed the orders."""
    if services.owe_messages(changes):
        nudge(tasks.send_due)


@receiver(orders_unconfirmed, dispatch_uid="notifications.owe_unconfirmed")
def owe_unconfirmed(orders: list[Order], **kwargs: Any) -> None:
    """Owe the guests the news that they have to wait a little longer to be sure."""
    if services.owe_unconfirmed(orders):
        nudge(tasks.send_due)
