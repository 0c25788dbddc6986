"""Orders in every situation that an operator may find them in."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils import timezone

from orders.models import Order
from pos_integrations import inbound, outbound
from pos_integrations.models import OrderPush
from pos_integrations.tests.factories import order_status, place, send


def ago(**span: float) -> dt.datetime:
    return timezone.now() - dt.timedelta(**span)


def set_push(push: OrderPush, **values: Any) -> None:
    OrderPush.objects.filter(pk=push.pk).update(**values)


def silent_order(at: Any) -> OrderPush:
    """The POS took it, and the kitchen says nothing."""
    push = place(at)
    outbound.deliver(push.pk)
    set_push(push, next_attempt_at=ago(seconds=1))
    outbound.note_silence()
    push.refresh_from_db()
    return push


def expired_order(at: Any) -> OrderPush:
    """Nobody was reached in time; the order is rejected."""
    push = place(at)
    outbound.deliver(push.pk)
    set_push(push, expires_at=ago(seconds=1), next_attempt_at=ago(seconds=1))
    outbound.expire_overdue()
    push.refresh_from_db()
    return push


def unknown_order(at: Any) -> OrderPush:
    """Perhaps the POS has it."""
    push = place(at)
    set_push(
        push,
        state="unknown",
        maybe_taken=True,
        next_attempt_at=None,
        attempts=1,
        last_error="No answer in time.",
    )
    push.refresh_from_db()
    return push


def confirmed_order(at: Any, client: Any) -> OrderPush:
    """It went well."""
    push = place(at)
    outbound.deliver(push.pk)
    send(client, "order-status", order_status(push.order, "CONFIRMED"))
    inbound.drain()
    push.refresh_from_db()
    assert Order.objects.get(pk=push.order_id).status == "confirmed"
    return push
