"""The states of an order as the guest sees them, and the moves that are allowed."""

from __future__ import annotations

from django.db import models


class OrderStatus(models.TextChoices):
    """Forward steps may be skipped; the last three are final."""

    PENDING = "pending", "Pending"
    CONFIRMED = "confirmed", "Confirmed"
    PREPARING = "preparing", "Preparing"
    READY = "ready", "Ready"
    DISPATCHED = "dispatched", "Dispatched"
    DELIVERED = "delivered", "Delivered"
    CANCELLED = "cancelled", "Cancelled"
    REJECTED = "rejected", "Rejected"


FORWARD = (
    OrderStatus.PENDING,
    OrderStatus.CONFIRMED,
    OrderStatus.PREPARING,
    OrderStatus.READY,
    OrderStatus.DISPATCHED,
    OrderStatus.DELIVERED,
)
FINAL = frozenset({OrderStatus.DELIVERED, OrderStatus.CANCELLED, OrderStatus.REJECTED})

_open = [status for status in FORWARD if status not in FINAL]
MOVES: dict[OrderStatus, frozenset[OrderStatus]] = {
    status: frozenset(FORWARD[FORWARD.index(status) + 1 :]) | {OrderStatus.CANCELLED} for status in _open
} | {status: frozenset() for status in FINAL}
# Only an order that the kitchen has not taken can be rejected; later the same word means cancelled.
MOVES[OrderStatus.PENDING] |= {OrderStatus.REJECTED}


def can_move(old: str, new: str) -> bool:
    """Whether an order may go from one status to another."""
    return OrderStatus(new) in MOVES[OrderStatus(old)]
