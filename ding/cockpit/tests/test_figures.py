"""The dashboard's numbers: right, scoped, and by the same few statements whatever there is."""

from __future__ import annotations

import datetime as dt

import pytest

from ding.cockpit.figures import gather
from ding.cockpit.tests.factories import (
    ago,
    confirmed_order,
    expired_order,
    set_push,
    silent_order,
    unknown_order,
)
from orders.models import Order
from orders.tests.factories import make_order, make_restaurant
from pos_integrations.models import WebhookLog
from pos_integrations.tests.factories import connect, connected_place, counting, order_status, place, send

pytestmark = pytest.mark.django_db


@pytest.fixture
def at(pos):
    return connected_place(pos)


def test_orders_are_counted_by_state_and_by_quarter_of_an_hour(at):
    now = dt.datetime(2026, 3, 1, 12, 7, tzinfo=dt.UTC)
    placed = [
        (now, "pending"),
        (now - dt.timedelta(minutes=7), "delivered"),
        (now - dt.timedelta(minutes=8), "rejected"),
        (now - dt.timedelta(hours=23), "cancelled"),
        (now - dt.timedelta(hours=25), "pending"),
    ]
    for created_at, status in placed:
        order = make_order(at.restaurant, status=status)
        Order.objects.filter(pk=order.pk).update(created_at=created_at, total=100)
    figures = gather(None, now)
    assert figures.orders == 4
    assert dict(figures.statuses) == {"pending": 1, "delivered": 1, "rejected": 1, "cancelled": 1}
    assert len(figures.quarters) == 96
    assert figures.quarters[-1] == (dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC), 2, 0)
    assert figures.quarters[-2] == (dt.datetime(2026, 3, 1, 11, 45, tzinfo=dt.UTC), 1, 1)
    assert sum(placed for _, placed, _ in figures.quarters) == 4
    assert figures.value == [("INR", 200)]
    assert str(figures.zone) == "Asia/Kolkata"


def test_trouble_is_counted_and_named_the_newest_first(at, client):
    nowhere = connected_place_elsewhere()
    lost, silent, unclear = expired_order(nowhere), silent_order(at), unknown_order(at)
    confirmed_order(at, client)
    waiting = place(at)
    figures = gather(None)
    assert {key: count for key, count in figures.standings.items() if count} == {
        "waiting": 1,
        "silent": 1,
        "unknown": 1,
        "given_up": 1,
    }
    assert [push.pk for push in figures.urgent] == [unclear.pk, silent.pk, lost.pk]
    assert figures.seconds_to_confirm == pytest.approx(0, abs=5)
    assert {queue.name: queue.due for queue in figures.queues} == {
        "orders to the kitchen": 1,
        "webhooks": 0,
        "messages to guests": 6,
        "menu syncs": 2,
    }
    assert waiting.pk not in [push.pk for push in figures.urgent]


def connected_place_elsewhere():
    """A second restaurant, whose POS nobody reaches."""
    place = make_restaurant()
    place.integration = connect(None, place.restaurant, code="efgh5678")
    return place


def test_yesterdays_lost_orders_are_history(at):
    lost = expired_order(connected_place_elsewhere())
    set_push(lost, updated_at=ago(hours=25))
    assert not gather(None).standings["given_up"]


def test_webhooks_by_verdict_and_integrations_by_health(at, client):
    send(client, "order-status", order_status("NOBODY"))
    WebhookLog.objects.update(status="parked", verdict="unknown_order")
    other = connected_place_elsewhere()
    other.integration.problem = "Refused."
    other.integration.save()
    figures = gather(None)
    assert figures.verdicts == {("parked", "unknown_order"): 1}
    assert figures.integrations == {"degraded": 1, "down": 1}
    assert [(integration.pk, state) for integration, state in figures.sick] == [
        (at.integration.pk, "degraded"),
        (other.integration.pk, "down"),
    ]


def test_staff_of_one_restaurant_see_only_its_figures(at, client):
    silent_order(at)
    other = connected_place_elsewhere()
    unknown_order(other)
    figures = gather(frozenset({other.restaurant.pk}))
    assert figures.orders == 1
    assert figures.standings["unknown"] == 1
    assert figures.standings["silent"] == 0
    assert {push.order.restaurant_id for push in figures.urgent} == {other.restaurant.pk}
    assert sum(figures.integrations.values()) == 1
    assert figures.messages["waiting"] == 0
    assert gather(frozenset({-1})).orders == 0


def test_the_statements_do_not_grow_with_the_rows(at, client):
    def statements():
        with counting() as count:
            gather(None)
            return count()

    few = statements()
    for _ in range(3):
        silent_order(at)
        unknown_order(at)
        confirmed_order(at, client)
    other = connected_place_elsewhere()
    expired_order(other)
    assert statements() <= few + 2  # the first had neither syncs nor pushes to look at
    many = statements()
    for _ in range(3):
        silent_order(at)
        expired_order(other)
    assert statements() == many <= 20
