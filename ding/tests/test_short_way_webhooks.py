"""Webhooks by the short way: what is kept of a sender only ever says yes, and only while all is as it was."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.db import connection
from django.utils import timezone

from orders.tests.factories import make_order
from pos_integrations import inbound
from pos_integrations.configuration import add_webhook_secret, callback_token, end_secrets, rotate_secret
from pos_integrations.inbound import Taken, quickly
from pos_integrations.models import (
    PosProvider,
    RestaurantPosIntegration,
    RestaurantWebhookSecret,
    WebhookLog,
)
from pos_integrations.tests.factories import SECRET, as_bytes, connected_place, fresh, order_status, sign

pytestmark = pytest.mark.django_db
ADDRESS = "/api/webhooks/petpooja/order-status"


@pytest.fixture(autouse=True)
def _nothing_kept():
    quickly.forget_all()
    yield
    quickly.forget_all()


@pytest.fixture
def at(db):
    return connected_place()


class Sender:
    """A POS: says something new each time, and sees by which way it was taken."""

    def __init__(self, server, at):
        self.server, self.order = server, make_order(at.restaurant)

    def __call__(self, *, secret=SECRET, path=ADDRESS, body=None, **headers):
        raw = as_bytes(body or order_status(self.order))
        self.server.went_long.clear()
        told = self.server.ask(
            "POST",
            path,
            data=raw,
            CONTENT_TYPE="application/json",
            HTTP_X_PETPOOJA_SIGNATURE=sign(raw, secret),
            **headers,
        )
        return told["status"], "long" if self.server.went_long else "short"


@pytest.fixture
def send(server, at):
    return Sender(server, at)


def stored():
    return WebhookLog.objects.count()


def test_the_second_webhook_of_a_sender_takes_one_statement_and_the_same_row(
    server, at, send, django_assert_num_queries
):
    assert send() == (200, "long")
    with django_assert_num_queries(1):
        assert send() == (200, "short")
    short, long = WebhookLog.objects.all()
    differ = {"id", "payload", "created_at", "next_attempt_at"}
    for field in WebhookLog._meta.concrete_fields:
        if field.attname not in differ:
            assert getattr(short, field.attname) == getattr(long, field.attname), field.attname
    assert short.payload != long.payload
    assert short.next_attempt_at == short.created_at
    assert abs(short.created_at - timezone.now()) < dt.timedelta(seconds=20)
    assert inbound.drain().rows == 2
    assert set(WebhookLog.objects.values_list("verdict", flat=True)) == {"applied", "duplicate"}


def test_both_ways_answer_alike(server, at, send):
    send()
    raw = as_bytes(order_status(send.order))
    told, short = server.both(
        "POST",
        ADDRESS,
        data=raw,
        CONTENT_TYPE="application/json",
        HTTP_X_PETPOOJA_SIGNATURE=sign(raw),
    )
    assert short
    assert json.loads(told["body"]) == {"success": True, "message": "Received."}
    assert told["headers"]["X-Content-Type-Options"] == "nosniff"


def test_an_order_callback_goes_the_short_way_and_a_wrong_token_none(server, at, send):
    order = send.order
    token = callback_token(at.integration, order.reference)
    path = f"/api/webhooks/petpooja/{at.integration.public_id}/order-callback/"
    body = {"restID": "abcd1234", "orderID": order.reference, "status": "1"}
    assert send(path=path + token, body=body) == (200, "long")
    assert send(path=path + token, body=body) == (200, "short")
    assert send(path=path + "0" * 32, body=body) == (401, "long")
    assert send(path=path + token, body={**body, "orderID": "ANOTHER"}) == (401, "long")
    assert stored() == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda at: end_secrets(RestaurantWebhookSecret.objects.all()),
        lambda at: RestaurantWebhookSecret.objects.update(is_active=False),
        lambda at: RestaurantWebhookSecret.objects.update(expires_at=timezone.now()),
        lambda at: RestaurantWebhookSecret.objects.all().delete(),
        lambda at: RestaurantWebhookSecret.objects.update(secret_key="another-secret-of-24-letters"),
        lambda at: RestaurantPosIntegration.objects.update(active=False),
        lambda at: PosProvider.objects.update(is_active=False),
        lambda at: RestaurantPosIntegration.objects.update(pos_restaurant_id="another"),
    ],
    ids=["ended", "inactive", "expired", "deleted", "changed", "switched off", "provider off", "renamed"],
)
def test_what_is_withdrawn_is_refused_by_the_very_next_request(at, send, change):
    send()
    assert send() == (200, "short")
    change(at)
    assert send() == (401, "long")
    assert stored() == 2


def test_whether_a_secret_has_ended_is_for_the_databases_clock_to_say(at, send, monkeypatch):
    send()
    assert send() == (200, "short")
    RestaurantWebhookSecret.objects.update(expires_at=timezone.now())
    slow = timezone.now() - dt.timedelta(minutes=10)
    monkeypatch.setattr(timezone, "now", lambda: slow)
    # SQLite has no clock but the machine's.
    assert send()[1] == ("short" if connection.vendor == "sqlite" else "long")


def test_a_change_by_plain_sql_is_seen_at_once(at, send):
    send()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE restaurant_webhook_secrets SET is_active = 0")
    assert send() == (401, "long")


@pytest.mark.parametrize("level", ["integration", "provider"])
def test_another_mode_holds_at_once(at, send, level):
    send()
    assert send() == (200, "short")
    if level == "integration":
        RestaurantPosIntegration.objects.update(restaurant_specific_config={"signature_mode": "bearer"})
    else:
        PosProvider.objects.update(global_config={"signature_mode": "bearer"})
    assert send() == (401, "long")
    assert send(HTTP_AUTHORIZATION=f"Bearer {SECRET}") == (200, "long")


def test_a_new_secret_is_good_at_once_and_the_old_one_until_it_ends(at, send):
    send()
    new = rotate_secret(fresh(at.integration)).secret
    assert send(secret=new) == (200, "long")
    quickly._learned_at.clear()
    assert send(secret=new) == (200, "long")
    assert send(secret=new) == (200, "short")
    # Its use is written down first; then it would be short as well.
    assert send(secret=SECRET)[0] == 200
    add_webhook_secret(fresh(at.integration), "a-third-secret-of-24-letters!")
    assert send(secret="a-third-secret-of-24-letters!") == (200, "long")


def test_a_wrong_signature_is_the_doors_to_refuse(at, send):
    send()
    assert send(secret="wrong") == (401, "long")
    assert send(body=order_status(send.order, restaurant_id="another")) == (401, "long")
    assert stored() == 1


def test_a_webhook_without_proof_is_never_kept(at, send):
    RestaurantPosIntegration.objects.update(unsigned_since=timezone.now(), unsigned_by="somebody")
    path = f"/api/webhooks/petpooja/{at.integration.public_id}/order-status"
    for _ in range(3):
        assert send(path=path) == (200, "long")
    RestaurantPosIntegration.objects.update(unsigned_since=None)
    quickly._learned_at.clear()
    assert send(path=path) == (200, "long")
    assert send(path=path) == (200, "short")
    RestaurantPosIntegration.objects.update(unsigned_since=timezone.now())
    assert send(path=path) == (200, "long")


def test_the_use_of_a_secret_is_written_down_each_minute(at, send, monkeypatch):
    send()
    assert send() == (200, "short")
    monkeypatch.setattr(quickly, "_LOOK_ANEW", dt.timedelta(0))
    assert send() == (200, "long")


def test_a_question_and_nonsense_are_left_to_django(server, at, send):
    send()
    public = f"/api/webhooks/petpooja/{at.integration.public_id}"
    assert send(path=f"{public}/store-status-get", body={"restID": "abcd1234"})[1] == "long"
    assert send(body=b"{") == (400, "long")
    assert send(body=b"\xff\xfe") in ((400, "long"), (401, "long"))
    assert send(path="/api/webhooks/nobody/order-status") == (404, "long")
    assert send(CONTENT_LENGTH="99999999") == (413, "long")
    assert send(CONTENT_LENGTH="")[1] == "long"
    assert stored() == 1


def test_a_change_while_it_is_learnt_is_never_kept_as_if_it_were_not(at, send, monkeypatch):
    read = quickly.integration_rows

    def slow(*args):
        found = read(*args)
        PosProvider.objects.update(global_config={"signature_mode": "bearer"})
        return found

    monkeypatch.setattr(quickly, "integration_rows", slow)
    assert send() == (200, "long")
    assert send() == (401, "long")


def test_those_who_come_together_share_one_insert_or_are_stored_each_alone(
    at, send, monkeypatch, django_assert_num_queries
):
    assert send() == (200, "long")
    came = []
    monkeypatch.setattr(quickly, "_stored", lambda proven: came.append(proven) or Taken.ALONG)
    bodies = [order_status(send.order, note="ä'\\%s\"" * length) for length in (0, 1, 20_000)]
    for body in bodies:
        assert send(body=body) == (200, "short")
    first, second, third = came
    assert stored() == 1
    with django_assert_num_queries(1):
        assert quickly._insert([first, third]) == [Taken.FIRST, Taken.ALONG]
    assert [row.payload for row in WebhookLog.objects.order_by("id")[1:]] == [
        as_bytes(bodies[0]).decode(),
        as_bytes(bodies[2]).decode(),
    ]
    *others, secret = second.relied_on
    changed = second._replace(relied_on=(*others, secret._replace(hash=others[0].hash)))
    with pytest.raises(quickly._SomeChanged):
        quickly._insert([first, changed, third])
    assert stored() == 3
    assert [quickly._insert([row]) for row in (changed, third)] == [[Taken.NOT], [Taken.FIRST]]


def test_senders_of_every_kind_share_one_insert(at, send, monkeypatch, django_assert_num_queries):
    other = connected_place(code="other567")
    path = f"/api/webhooks/petpooja/{other.integration.public_id}/order-callback/"
    order = make_order(other.restaurant)
    called_back = {
        "path": path + callback_token(other.integration, order.reference),
        "body": {"restID": "other567", "orderID": order.reference, "status": "1"},
    }
    assert send() == send(**called_back) == (200, "long")
    came = []
    monkeypatch.setattr(quickly, "_stored", lambda proven: came.append(proven) or Taken.ALONG)
    assert send() == send(**called_back) == send() == (200, "short")
    with django_assert_num_queries(1):
        assert quickly._insert(came) == [Taken.FIRST, Taken.ALONG, Taken.ALONG]
    rows = WebhookLog.objects.order_by("id")[2:]
    assert [row.integration_id for row in rows] == [
        at.integration.pk,
        other.integration.pk,
        at.integration.pk,
    ]
    assert [row.proof for row in rows] == ["petpooja_hmac", "order_token", "petpooja_hmac"]
    # One of them is switched off: none of this statement's rows is there.
    RestaurantPosIntegration.objects.filter(pk=other.integration.pk).update(active=False)
    with pytest.raises(quickly._SomeChanged):
        quickly._insert(came)
    assert stored() == 5


def test_two_looks_at_one_sender_of_which_one_is_old_are_told_apart(at, send, monkeypatch):
    send()
    came = []
    monkeypatch.setattr(quickly, "_stored", lambda proven: came.append(proven) or Taken.ALONG)
    send()
    PosProvider.objects.update(global_config={"environment": "sandbox"})
    integration, provider, secret = came[0].relied_on
    integration_now, provider_now = quickly.integration_rows("petpooja", None, "abcd1234")
    assert integration_now == integration
    assert provider_now.id == provider.id
    assert provider_now.hash != provider.hash
    new = came[0]._replace(relied_on=(integration, provider_now, secret))
    with pytest.raises(quickly._SomeChanged):
        quickly._insert([came[0], new])
    assert [quickly._insert([one]) for one in (came[0], new)] == [[Taken.NOT], [Taken.FIRST]]
