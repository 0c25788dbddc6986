"""A kitchen that does not confirm, and riders who are not the restaurant's own."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from ding.keys import create_api_key
from orders.models import Order
from orders.services.statuses import cancel_order
from pos_integrations import outbound
from pos_integrations.models import OrderPush, PushKind, PushState
from pos_integrations.tests.factories import Notification, connected_place, make_due, place


@pytest.fixture
def at(db, pos):
    return connected_place(pos)


def sent(at, **values):
    push = place(at, **values)
    outbound.deliver(push.pk)
    push.refresh_from_db()
    assert push.state == PushState.SENT
    return push


def told(order_id):
    events = Notification.objects.filter(order=order_id).order_by("event", "type")
    return [(n.event, n.type) for n in events]


# --- silence ---------------------------------------------------------------------------------------------


def test_a_kitchen_that_says_nothing_is_noted_once_and_the_guest_told_once(at):
    push = sent(at)
    assert outbound.note_silence() == 0
    make_due(push)
    assert outbound.note_silence() == 1
    assert outbound.note_silence() == 0
    push.refresh_from_db()
    assert push.state == PushState.SENT
    assert push.silent_since is not None
    assert told(push.order_id) == [("unconfirmed", "email"), ("unconfirmed", "sms")]
    assert Order.objects.get(pk=push.order_id).status == "pending"


def test_the_orders_answer_shows_the_silence(at, client):
    push = sent(at)
    make_due(push)
    outbound.note_silence()
    key = create_api_key(client="shop", scopes=["orders:read"], restaurants=[at.restaurant])
    answer = client.get(f"/api/orders/{push.order_id}", headers={"Authorization": f"Bearer {key}"}).json()
    assert answer["push"]["order"]["silent_since"] is not None
    assert answer["push"]["order"]["acknowledged_at"] is None


def test_a_confirmed_order_is_not_silent(at, pos):
    push = sent(at)
    OrderPush.objects.filter(pk=push.pk).update(state=PushState.ACKNOWLEDGED, next_attempt_at=None)
    make_due(push)
    assert outbound.note_silence() == 0
    assert told(push.order_id) == []


def test_a_silent_order_is_cancelled_at_its_deadline_only_where_that_is_wanted(db, pos):
    push = sent(connected_place(pos, cancel_when_silent=True))
    make_due(push)
    outbound.note_silence()
    push.refresh_from_db()
    assert push.next_attempt_at == push.expires_at
    make_due(push)
    assert outbound.note_silence() == 1
    order = Order.objects.get(pk=push.order_id)
    assert (order.status, order.cancellation_reason) == (
        "rejected",
        "The restaurant did not confirm the order in time.",
    )
    cancellation = OrderPush.objects.get(order=order, kind=PushKind.CANCELLATION)
    outbound.deliver(cancellation.pk)
    assert [ticket.cancelled for ticket in pos.tickets()] == [True]
    assert ("rejected", "sms") in told(order.pk)


def test_without_that_setting_it_stays_a_persons_affair(at):
    push = sent(at)
    make_due(push)
    outbound.note_silence()
    push.refresh_from_db()
    assert push.next_attempt_at is None


def test_an_order_cancelled_meanwhile_is_not_told_as_unconfirmed(at):
    push = sent(at)
    cancel_order(push.order_id, reason="changed my mind", source="guest", changed_by="shop")
    make_due(push)
    outbound.note_silence()
    assert ("unconfirmed", "sms") not in told(push.order_id)


# --- wrong credentials use no retry up -------------------------------------------------------------------


def test_waiting_for_better_credentials_uses_no_retry_up(db, pos):
    at = connected_place(pos, app_secret="x" * 40)
    push = place(at)
    for _ in range(6):
        make_due(push)
        outbound.deliver(push.pk)
    push.refresh_from_db()
    assert (push.state, push.attempts) == (PushState.DUE, 6)
    at.integration.endpoint = "http://127.0.0.1:9"
    at.integration.save()
    make_due(push)
    outbound.deliver(push.pk)
    push.refresh_from_db()
    assert push.state == PushState.DUE  # the first real failure of four


# --- riders ----------------------------------------------------------------------------------------------


def tell(client, push, **values):
    key = create_api_key(client="app", scopes=["orders:write"], all_restaurants=True)
    body = {"status": "assigned", "name": "Test Rider", "phone": "9000000003", **values}
    return client.post(
        f"/api/orders/{push.order.reference}/rider",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {key}"},
    )


def test_the_pos_is_told_each_step_of_a_rider(at, client, pos):
    push = sent(at)
    for status in ("assigned", "arrived", "picked_up", "delivered"):
        answer = tell(client, push, status=status)
        assert (answer.status_code, answer.json()) == (202, {"status": status, "push_state": "due"})
        owed = OrderPush.objects.get(order=push.order_id, kind=f"rider_{status}")
        assert owed.integration_id == push.integration_id, "one restaurant's lanes and pace, not everybody's"
        outbound.deliver(owed.pk)
        owed.refresh_from_db()
        assert owed.state == PushState.ACKNOWLEDGED
    order = Order.objects.get(pk=push.order_id)
    assert (order.rider_name, order.rider_phone) == ("Test Rider", "9000000003")


def test_the_same_step_again_is_harmless_and_on_record(at, client, pos):
    push = sent(at)
    assert tell(client, push).status_code == tell(client, push).status_code == 202
    owed = OrderPush.objects.get(order=push.order_id, kind="rider_assigned")
    outbound.deliver(owed.pk)
    assert tell(client, push).status_code == 202
    outbound.deliver(owed.pk)
    assert list(owed.attempt_log.values_list("number", "outcome")) == [(1, "sent"), (2, "sent")]


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"status": "near"}, "status", '"near" is none of assigned, arrived, picked_up, delivered.'),
        ({"phone": "soon"}, "phone", "Write 7 to 15 digits, with a + before a country code."),
    ],
)
def test_what_a_rider_cannot_be_is_said_in_words(at, client, values, field, words):
    answer = tell(client, sent(at), **values)
    assert answer.status_code == 400
    assert [error["message"] for error in answer.json()["error"]["fields"][field]] == [words]


def riders(push):
    pushes = OrderPush.objects.filter(order=push.order_id, kind__startswith="rider")
    return {owed.kind.removeprefix("rider_"): owed for owed in pushes}


def test_what_a_rider_did_before_is_not_told_after_what_he_did_since(at, client, pos):
    push = sent(at)
    pos.misbehave_call("rider_status_update", "500*1")
    tell(client, push)
    outbound.deliver(riders(push)["assigned"].pk)
    tell(client, push, status="arrived")
    outbound.deliver(riders(push)["arrived"].pk)
    make_due(riders(push)["assigned"])
    outbound.deliver(riders(push)["assigned"].pk)
    assert {kind: owed.state for kind, owed in riders(push).items()} == {
        "assigned": PushState.EXPIRED,
        "arrived": PushState.ACKNOWLEDGED,
    }
    assert pos.tickets()[0].rider["status"] == "rider-arrived"
    # Another rider is news.
    tell(client, push, name="Another Rider")
    outbound.deliver(riders(push)["assigned"].pk)
    assert riders(push)["assigned"].state == PushState.ACKNOWLEDGED
    assert pos.tickets()[0].rider["name"] == "Another Rider"


@pytest.mark.parametrize("busy", ["order", "rider_arrived"])
def test_a_rider_waits_while_the_order_or_other_news_is_on_its_way(at, client, pos, busy):
    push = sent(at)
    tell(client, push, status="arrived")
    tell(client, push)
    before = len(pos.ledger.recent())
    OrderPush.objects.filter(kind=busy).update(state=PushState.SENDING)
    outbound.deliver(riders(push)["assigned"].pk)
    owed = riders(push)["assigned"]
    assert (owed.state, owed.attempts) == (PushState.DUE, 0)
    assert owed.next_attempt_at > timezone.now()
    assert len(pos.ledger.recent()) == before


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"status": "flying"}, "status"),
        ({"name": "two\nlines"}, "name"),
        ({"name": ""}, "name"),
        ({"phone": "call me"}, "phone"),
        ({"phone": None}, "phone"),
    ],
)
def test_a_wrong_rider_is_refused_and_owes_nothing(at, client, values, field):
    push = sent(at)
    answer = tell(client, push, **values)
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [field]
    assert not OrderPush.objects.filter(kind__startswith="rider").exists()


def test_a_cancelled_order_has_no_rider(at, client):
    push = sent(at)
    Order.objects.filter(pk=push.order_id).update(status="cancelled", updated_at=timezone.now())
    assert tell(client, push).status_code == 409


def test_a_rider_is_never_news_past_its_deadline(at, client):
    push = sent(at)
    tell(client, push)
    owed = OrderPush.objects.get(kind="rider_assigned")
    OrderPush.objects.filter(pk=owed.pk).update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    assert outbound.expire_overdue() == 1
    owed.refresh_from_db()
    assert owed.state == PushState.EXPIRED
    assert Order.objects.get(pk=push.order_id).status == "pending"
