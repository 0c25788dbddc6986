"""What the orders' signals set off here."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from ding.nudge import nudge
from notifications import services, tasks
from orders.models import OrderStatusHistory
from orders.signals import order_status_changed


@receiver(order_status_changed, dispatch_uid="notifications.owe_messages")
def owe_messages(changes: list[OrderStatusHistory], **kwargs: Any) -> None:
    """Owe the guests their messages, in the transaction that changed the orders."""
    if services.owe_messages(changes):
        nudge(tasks.send_due)
