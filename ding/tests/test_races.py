"""Several at one order at the same moment, each with a connection of its own: it stays one order, and one truth."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from ding.errors import Conflict
from ding.keys import create_api_key
from notifications import quota
from orders.models import ChangeSource, IdempotencyKey, Order, OrderStatusHistory
from orders.services.statuses import cancel_order
from orders.tests.factories import make_body, make_order
from orders.tests.factories import make_restaurant as make_place
from pos_integrations import inbound, outbound
from pos_integrations.models import OrderPush, PushKind, WebhookLog
from pos_integrations.tests.conftest import committed, pos, start_pos  # noqa: F401 - fixtures
from pos_integrations.tests.factories import connected_place, in_threads, make_due, order_status, place, send

pytestmark = pytest.mark.usefixtures("committed")


def placing(at: Any, bodies: list[dict[str, Any]], key: str) -> list[Any]:
    """What each of those who place at once is answered."""
    api_key = create_api_key(client="shop", scopes=["orders:write"], all_restaurants=True)
    headers = {"Authorization": f"Bearer {api_key}", "Idempotency-Key": key}

    def work(number: int) -> Any:
        raw = json.dumps(bodies[number])
        return Client().post("/api/orders", raw, content_type="application/json", headers=headers)

    return in_threads(len(bodies), work)


def test_the_same_key_and_body_at_once_is_one_order_and_one_answer() -> None:
    at = make_place()
    for turn in range(3):
        answers = placing(at, [make_body(at)] * 8, f"key-{turn}")
        assert [answer.status_code for answer in answers] == [201] * 8
        assert len({answer.content for answer in answers}) == 1
        assert sorted("Idempotent-Replayed" in answer for answer in answers) == [False] + [True] * 7
    assert Order.objects.count() == IdempotencyKey.objects.count() == 3


def test_the_same_key_with_other_bodies_at_once_is_one_order() -> None:
    at = make_place()
    answers = placing(at, [make_body(at, notes=f"Table {n}") for n in range(6)], "key")
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 5
    assert Order.objects.count() == 1


def test_an_order_that_is_cancelled_while_it_is_sent_is_in_no_kitchen_in_the_end(pos: Any) -> None:  # noqa: F811
    at = connected_place(pos)
    pushes = [place(at) for _ in range(12)]

    def work(number: int) -> None:
        for push in pushes if number else reversed(pushes):
            if number:
                outbound.deliver(push.pk)
            else:
                cancel_order(push.order_id, reason="Too late", source=ChangeSource.GUEST, changed_by="shop")

    in_threads(2, work)
    assert set(Order.objects.values_list("status", flat=True)) == {"cancelled"}
    owed = list(OrderPush.objects.filter(kind=PushKind.CANCELLATION))
    make_due(*owed)
    for push in owed:
        outbound.deliver(push.pk)
    assert [ticket.reference for ticket in pos.tickets() if not ticket.cancelled] == []
    assert {ticket.times_seen for ticket in pos.tickets()} <= {1}
    for push in pushes:
        push.refresh_from_db()
        told = any(push.order_id == cancellation.order_id for cancellation in owed)
        assert (push.state == "expired") != told


def test_guest_kitchen_and_worker_at_once_leave_one_unbroken_history() -> None:
    at = connected_place()
    orders = [make_order(at.restaurant) for _ in range(10)]
    for status in ("CONFIRMED", "READY", "DELIVERED"):
        for order in orders:
            assert send(Client(), "order-status", order_status(order, status)).status_code == 200

    def work(number: int) -> None:
        if number:
            while inbound.drain(limit=7):
                pass
            return
        for order in orders:
            with contextlib.suppress(Conflict):  # it is on its way or delivered
                cancel_order(order.pk, reason="Sorry", source=ChangeSource.GUEST, changed_by="shop")

    in_threads(4, work)
    assert not WebhookLog.objects.filter(status__in=("received", "failed", "parked")).exists()
    for order in Order.objects.all():
        changes = OrderStatusHistory.objects.filter(order=order).order_by("pk")
        steps = list(changes.values_list("old_status", "new_status"))
        assert [old for old, _ in steps] == ["pending", *(new for _, new in steps[:-1])]
        assert order.status == steps[-1][1]
        assert order.status in ("delivered", "cancelled")


def test_many_workers_send_no_more_messages_than_a_restaurant_has(settings: Any) -> None:
    settings.MESSAGES_PER_RESTAURANT_DAY = 10
    restaurant, now = make_place().restaurant, timezone.now()
    taken = in_threads(8, lambda number: [quota.take(restaurant.pk, now) for _ in range(4)])
    assert sum(map(sum, taken)) == 10
