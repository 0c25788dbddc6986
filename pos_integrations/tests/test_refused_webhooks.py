"""A mistyped secret stops a restaurant's statuses: staff see it, and forgers cost neither rows nor alarms."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from orders.tests.factories import make_order
from pos_integrations import inbound
from pos_integrations.inbound import refusals
from pos_integrations.models import RefusedWebhook, RestaurantPosIntegration, WebhookLog
from pos_integrations.tests.factories import as_bytes, connected_place, counting, order_status, send, sign

pytestmark = pytest.mark.django_db
SHARED = "/api/webhooks/petpooja/order-status"


@pytest.fixture(autouse=True)
def _nothing_noted(settings):
    settings.FAILED_CALLS_PER_MINUTE = 0
    refusals._noted.clear()
    yield
    refusals._noted.clear()


@pytest.fixture
def at(db):
    at = connected_place()
    at.order = make_order(at.restaurant)
    return at


def own(at, topic="order-status"):
    return f"/api/webhooks/petpooja/{at.integration.public_id}/{topic}"


def rows():
    return list(RefusedWebhook.objects.order_by("topic", "why").values_list("topic", "why", "count"))


def test_what_is_refused_is_counted_by_topic_and_reason(at, client):
    for _ in range(4):
        assert send(client, "order-status", order_status(at.order), secret="w" * 30).status_code == 401
    assert client.post(own(at, "stock") + "/wrong", b"{}", content_type="application/json").status_code == 401
    foreign = order_status("X", restaurant_id="efgh5678")
    assert send(client, "order-status", foreign, path=own(at)).status_code == 403
    body = {"restID": "abcd1234", "orderID": at.order.reference, "status": "1"}
    path = f"{own(at, 'order-callback')}/{'0' * 32}"
    assert client.post(path, as_bytes(body), content_type="application/json").status_code == 401
    assert rows() == []
    with counting() as count:
        assert inbound.write_down() == 4
    assert count() <= 6
    assert rows() == [
        ("order-callback", "not_authentic", 1),
        ("order-status", "another_restaurant", 1),
        ("order-status", "not_authentic", 4),
        ("stock", "not_authentic", 1),
    ]
    with counting() as count:
        assert inbound.write_down() == 0
    assert count() == 0


def test_counts_add_up_and_begin_anew_after_a_pause(at, client):
    now = timezone.now()
    for hours, expected in ((0, 1), (5, 2), (10, 3), (20, 1)):
        refusals.note(
            at.integration.pk, "stock", RefusedWebhook.Why.NOT_AUTHENTIC, now + dt.timedelta(hours=hours)
        )
        inbound.write_down()
        assert RefusedWebhook.objects.get().count == expected
    row = RefusedWebhook.objects.get()
    assert row.first_at == row.last_at == now + dt.timedelta(hours=20)


def test_forgers_make_no_row_per_request_and_none_for_who_is_not_there(at, client):
    for number in range(300):
        raw = as_bytes(order_status("X", restaurant_id=f"nobody{number}"))
        client.post(
            SHARED, raw, content_type="application/json", headers={"x-petpooja-signature": sign(raw, "w")}
        )
    for topic in ("order-status", "stock", "menu"):
        client.post(f"/api/webhooks/petpooja/{'f' * 32}/{topic}/x", b"{}", content_type="application/json")
    # Another integration's topic that does not exist is no address at all.
    client.post(own(at, "nothing") + "/x", b"{}", content_type="application/json")
    assert len(refusals._noted) <= 8
    assert inbound.write_down() == 0
    assert RefusedWebhook.objects.count() == WebhookLog.objects.count() == 0


def test_memory_is_bounded(at, monkeypatch):
    monkeypatch.setattr(refusals, "MOST_KEPT", 5)
    for number in range(50):
        refusals.note(number + 1, "stock", RefusedWebhook.Why.NOT_AUTHENTIC, timezone.now())
    assert len(refusals._noted) == 5
    # An integration that is gone by now is left out.
    RestaurantPosIntegration.objects.filter(pk=at.integration.pk).delete()
    assert inbound.write_down() == 0
