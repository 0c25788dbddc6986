"""Webhooks that are refused again and again become one incident, and strangers beside real calls none."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.utils import timezone

from ding.incidents.models import Incident
from ding.incidents.watching import watch
from orders.tests.factories import make_order
from pos_integrations import configuration, inbound
from pos_integrations.inbound import refusals
from pos_integrations.models import RefusedWebhook, RestaurantPosIntegration
from pos_integrations.tests.factories import as_bytes, connect, connected_place, order_status, send

pytestmark = pytest.mark.django_db


@pytest.fixture
def at(db, settings):
    settings.FAILED_CALLS_PER_MINUTE = 0
    refusals._noted.clear()
    at = connected_place()
    at.order = make_order(at.restaurant)
    yield at
    refusals._noted.clear()


def own(at, topic="order-status"):
    return f"/api/webhooks/petpooja/{at.integration.public_id}/{topic}"


def incidents():
    watch()
    return list(Incident.objects.open().filter(kind="webhooks-refused"))


def refuse(client, at, times=3, minutes=2, **how):
    for number in range(times):
        with time_machine.travel(
            timezone.now() + dt.timedelta(minutes=number * minutes / (times - 1)), tick=False
        ):
            assert (
                send(client, "order-status", order_status(at.order), secret="w" * 30, **how).status_code
                == 401
            )
    inbound.write_down()


def test_staff_hear_of_a_mistyped_secret_and_no_more_once_it_is_right(at, client):
    refuse(client, at)
    (incident,) = incidents()
    assert "order-status, 3 times: a wrong signature" in incident.what
    assert (incident.restaurant, incident.target) == (at.restaurant, str(at.integration.pk))
    with time_machine.travel(timezone.now() + dt.timedelta(minutes=3)):
        assert send(client, "order-status", order_status(at.order)).status_code == 200
    assert incidents() == []


def test_a_stranger_whose_tries_stand_beside_real_calls_is_no_incident(at, client):
    refuse(client, at, times=30)
    with time_machine.travel(timezone.now() + dt.timedelta(minutes=3)):
        assert send(client, "order-status", order_status(at.order)).status_code == 200
        refuse(client, at, times=30)
    assert incidents() == []


def test_a_slip_is_no_incident_and_a_wrong_id_is_one_at_once(at, client):
    refuse(client, at, times=2)
    assert incidents() == []
    foreign = order_status("X", restaurant_id="efgh5678")
    assert send(client, "order-status", foreign, path=own(at)).status_code == 403
    inbound.write_down()
    (incident,) = incidents()
    assert "another restaurant's id" in incident.what


def test_refused_at_one_topic_although_another_works(at, client):
    """A secret typed wrong into one field of a dashboard."""
    for minutes in (0, 1, 2):
        with time_machine.travel(timezone.now() + dt.timedelta(minutes=minutes)):
            client.post(own(at, "stock") + "/wrong", b"{}", content_type="application/json")
            assert send(client, "order-status", order_status(at.order)).status_code == 200
    inbound.write_down()
    (incident,) = incidents()
    assert "stock, 3 times" in incident.what


def test_many_at_once_are_one_incident(at, client):
    now = timezone.now()
    for number in range(25):
        pk = connect(code=f"efgh56{number:02}").pk
        for minutes in (0, 1, 2):
            refusals.note(
                pk, "stock", RefusedWebhook.Why.NOT_AUTHENTIC, now - dt.timedelta(minutes=2 - minutes)
            )
    inbound.write_down()
    (incident,) = incidents()
    assert incident.count == 25


def test_one_that_is_switched_off_or_quiet_again_is_none(at, client):
    refuse(client, at)
    RestaurantPosIntegration.objects.update(active=False)
    assert incidents() == []
    RestaurantPosIntegration.objects.update(active=True)
    RefusedWebhook.objects.update(last_at=timezone.now() - RefusedWebhook.PAUSE * 2)
    assert incidents() == []


def test_an_order_token_after_another_callback_key_is_seen(at, client, settings):
    token = configuration.callback_token(at.integration, at.order.reference)
    settings.CALLBACK_KEY = "another-callback-key-0123456789abcdef"
    body = as_bytes({"restID": "abcd1234", "orderID": at.order.reference, "status": "1"})
    for minutes in (0, 1, 2):
        with time_machine.travel(timezone.now() + dt.timedelta(minutes=minutes)):
            answer = client.post(
                f"{own(at, 'order-callback')}/{token}", body, content_type="application/json"
            )
            assert answer.status_code == 401
    inbound.write_down()
    (incident,) = incidents()
    assert "order-callback, 3 times" in incident.what
