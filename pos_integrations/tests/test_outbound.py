"""Orders on their way to the POS: who sends them, how often, and what becomes of them when it goes wrong."""

from __future__ import annotations

import datetime as dt
import json
import socket

import pytest
from django.db import connection
from django.utils import timezone

from ding.errors import Conflict
from menus.models import Restaurant
from orders.models import ChangeSource, Order
from orders.order_request import LineRequest
from orders.services.statuses import cancel_order, change_status
from orders.status import OrderStatus
from pos_integrations import inbound, outbound
from pos_integrations.adapters.petpooja.adapter import PetPoojaAdapter
from pos_integrations.http import PosHttp
from pos_integrations.messages import PushResult, WebhookRequest
from pos_integrations.models import (
    OrderPush,
    OrderPushAttempt,
    PosProvider,
    PushKind,
    PushState,
    RestaurantPosIntegration,
)
from pos_integrations.outbound import claiming, settling
from pos_integrations.outbound.sending import Call
from pos_integrations.simulator import DEMO_CREDENTIALS, Credentials, Stage, sample_outlet, sample_outlets
from pos_integrations.tests.configured import column, set_column
from pos_integrations.tests.factories import (
    SIGNATURE,
    Notification,
    as_bytes,
    connect,
    connected_place,
    counting,
    in_threads,
    make_due,
    make_place,
    order_status,
    place,
    sign,
)


def state(push):
    """Where push and order stand."""
    push.refresh_from_db()
    return push.state, Order.objects.get(pk=push.order_id).status


def attempts(push):
    return list(push.attempt_log.values_list("number", "outcome"))


def hear(body):
    """Let a signed order-status come in and be worked off."""
    raw = as_bytes(body)
    inbound.receive(
        provider_name="petpooja",
        topic_name="order-status",
        request=WebhookRequest("order-status", raw, {SIGNATURE: sign(raw)}),
    )
    assert inbound.drain().rows == 1


def seconds_until(moment):
    return (moment - timezone.now()).total_seconds()


# --- the good way ---------------------------------------------------------------------------------------


def test_an_order_owes_its_push_from_the_moment_it_is_placed(db, pos):
    at = connected_place(pos)
    push = place(at)
    assert state(push) == ("due", "pending")
    assert push.integration == at.integration
    assert push.expires_at - push.created_at == pytest.approx(
        dt.timedelta(minutes=15), abs=dt.timedelta(seconds=2)
    )
    assert outbound.due_pushes() == [push.pk]


def test_a_delivered_push_is_sent_once_however_often_it_is_delivered(db, pos):
    push = place(connected_place(pos))
    for _ in range(3):
        outbound.deliver(push.pk)
    assert state(push) == ("sent", "pending")
    assert push.attempts == 1
    assert push.sent_at is not None
    # From then on the kitchen's silence is to be looked at.
    assert push.next_attempt_at == push.sent_at + dt.timedelta(minutes=5)
    assert attempts(push) == [(1, "sent")]
    assert [t.reference for t in pos.tickets()] == [push.order.reference]
    assert outbound.due_pushes() == []


def test_the_attempt_tells_what_was_sent_and_answered_without_any_secret(db, pos):
    push = place(connected_place(pos))
    outbound.deliver(push.pk)
    attempt = push.attempt_log.get()
    assert attempt.url == f"{pos.base_url}/save_order"
    assert attempt.response_status == 200
    assert attempt.duration_ms >= 0
    assert json.loads(attempt.response_body)["clientOrderID"] == push.order.reference
    sent = json.loads(attempt.request_body)
    assert sent["orderinfo"]["OrderInfo"]["Order"]["details"]["orderID"] == push.order.reference
    row = json.dumps(OrderPushAttempt.objects.filter(push=push).values()[0], default=str)
    for name in ("app_key", "app_secret", "access_token"):
        assert getattr(DEMO_CREDENTIALS, name) not in row
        assert sent[name] == "•••"


def test_the_pos_s_own_id_of_the_order_is_kept(db, start_pos):
    pos = start_pos(sample_outlets(callbacks="none"), numeric_order_ids=True)
    push = place(connected_place(pos))
    outbound.deliver(push.pk)
    assert Order.objects.get(pk=push.order_id).pos_order_id == "1"


def test_the_number_of_statements_does_not_grow_with_the_lines(db, pos):
    at = connected_place(pos)
    numbers = []
    for lines in (1, 50):
        push = place(at, lines=(LineRequest(item_id=at.pizza.pk, quantity=2),) * lines)
        with counting() as statements:
            outbound.deliver(push.pk)
        numbers.append(statements())
        assert state(push) == ("sent", "pending")
    assert numbers[0] == numbers[1] <= 11


def test_the_number_of_statements_does_not_grow_with_the_pushes_that_are_claimed_and_settled_together(
    db, pos
):
    at = connected_place(pos)
    numbers = []
    for count in (1, 8):
        pushes = [place(at) for _ in range(count)]
        with counting() as statements:
            claimed = claiming.claim._work([push.pk for push in pushes])
            calls = [Call(*each) for each in claimed]
            settling._settle_sent._work([(call, PushResult(f"pos-{call.push.pk}")) for call in calls])
        numbers.append(statements())
        for push in pushes:
            assert state(push) == ("sent", "pending")
            assert attempts(push) == [(1, "sent")]
            assert Order.objects.get(pk=push.order_id).pos_order_id == f"pos-{push.pk}"
    assert numbers[0] == numbers[1]


def test_of_two_that_claim_one_push_at_the_same_moment_one_gets_it(db, pos):
    push, other = place(connected_place(pos)), place(connected_place(pos, code="efgh5678"))
    claimed = claiming.claim._work([push.pk, other.pk, push.pk, 0])
    assert [each and each.push.pk for each in claimed] == [push.pk, other.pk, None, None]
    assert attempts(push) == [(1, "running")]


# --- two at once, and deaths ----------------------------------------------------------------------------


def test_eight_workers_send_fifty_orders_once_each(committed, pos):
    at = connected_place(pos)
    pushes = [place(at) for _ in range(50)]

    def work(number):
        for push in pushes:
            outbound.deliver(push.pk)

    in_threads(8, work)
    assert set(OrderPush.objects.values_list("state", "attempts")) == {("sent", 1)}
    assert sorted(t.reference for t in pos.tickets()) == sorted(p.order.reference for p in pushes)
    assert {t.times_seen for t in pos.tickets()} == {1}
    assert OrderPushAttempt.objects.count() == 50


def test_the_claim_and_the_attempt_are_committed_before_the_call_and_no_transaction_is_open_during_it(
    committed, start_pos, monkeypatch
):
    seen = []

    def look(ticket):
        push = OrderPush.objects.get(order__reference=ticket.reference)
        seen.append((push.state, push.attempts, attempts(push), push.next_attempt_at > timezone.now()))
        connection.close()

    pos = start_pos(sample_outlets(callbacks="none"), on_accept=look)
    in_transaction = []
    post = PosHttp.post

    def watched(self, *args, **kwargs):
        in_transaction.append(connection.in_atomic_block)
        return post(self, *args, **kwargs)

    monkeypatch.setattr(PosHttp, "post", watched)
    push = place(connected_place(pos))
    outbound.deliver(push.pk)
    assert seen == [("sending", 1, [(1, "running")], True)]
    assert in_transaction == [False]
    assert state(push) == ("sent", "pending")


def test_a_push_whose_worker_died_is_unknown_after_its_lease_and_never_sent_again(db, pos, monkeypatch):
    push = place(connected_place(pos))

    def die(*args, **kwargs):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(outbound.sending, "settle", die)
        with pytest.raises(SystemExit):
            outbound.deliver(push.pk)
    assert state(push) == ("sending", "pending")
    assert outbound.release_stuck() == 0  # the lease still runs
    outbound.deliver(push.pk)
    assert attempts(push) == [(1, "running")]

    make_due(push)
    assert outbound.release_stuck() == 1
    assert state(push) == ("unknown", "pending")
    assert attempts(push) == [(1, "unknown")]
    assert push.maybe_taken
    assert push.last_error == "The worker stopped while it was sending."
    outbound.deliver(push.pk)
    assert [t.times_seen for t in pos.tickets()] == [1]
    assert outbound.release_stuck() == 0


def test_a_worker_that_comes_back_after_its_lease_does_not_overwrite_what_was_decided(db, pos):
    push = place(connected_place(pos))
    save_order = PetPoojaAdapter.save_order

    def slow(self, *args, **kwargs):
        result = save_order(self, *args, **kwargs)
        make_due(push)
        assert outbound.release_stuck() == 1
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PetPoojaAdapter, "save_order", slow)
        outbound.deliver(push.pk)
    assert state(push) == ("unknown", "pending")


def test_a_bug_of_ours_before_the_call_is_tried_again_and_after_it_is_not(db, pos, monkeypatch):
    at = connected_place(pos)

    def broken(self, *args, **kwargs):
        raise ZeroDivisionError

    before, after = place(at), place(at)
    with monkeypatch.context() as patch:
        patch.setattr(PetPoojaAdapter, "save_order", broken)
        outbound.deliver(before.pk)
    assert state(before) == ("due", "pending")
    assert before.last_error == "An error in ding itself: ZeroDivisionError."
    save_order = PetPoojaAdapter.save_order
    with monkeypatch.context() as patch:
        patch.setattr(PetPoojaAdapter, "save_order", lambda self, *a, **k: save_order(self, *a, **k).nonsense)
        outbound.deliver(after.pk)
    assert state(after) == ("unknown", "pending")
    assert len(pos.tickets()) == 1


# --- each misbehaviour ----------------------------------------------------------------------------------

UNCLEAR = [
    "500",
    "503",
    "reset",
    "half",
    "html",
    "invalid_json",
    "empty",
    "wrong_type",
    "huge=3",
    "gzip_bomb=3",
    "redirect",
    "redirect=302",
    "header_flood",
]


@pytest.mark.parametrize("behaviour", [*UNCLEAR, *(f"accept_then_{name}" for name in UNCLEAR)])
def test_after_an_unclear_answer_nobody_knows_and_nobody_sends_again(db, pos, behaviour):
    push = place(connected_place(pos))
    pos.misbehave_order(push.order.reference, behaviour)
    outbound.deliver(push.pk)
    assert state(push) == ("unknown", "pending")
    assert attempts(push) == [(1, "unknown")]
    assert push.maybe_taken
    assert push.next_attempt_at is None
    outbound.deliver(push.pk)
    outbound.expire_overdue()
    assert outbound.due_pushes() == []
    assert len(pos.ledger.entries()) == 1
    assert len(pos.tickets()) == behaviour.startswith("accept")
    assert pos.ledger.counts()["redirects_followed"] == 0


@pytest.mark.parametrize("behaviour", ["accept_then_silence", "drip=0.2", "accept_then_endless"])
def test_a_call_that_never_ends_is_cut_off_at_its_deadline_and_unknown(db, pos, behaviour):
    push = place(connected_place(pos, call_timeout_seconds=1))
    pos.misbehave_order(push.order.reference, behaviour)
    outbound.deliver(push.pk)
    assert state(push) == ("unknown", "pending")
    assert 0 <= push.attempt_log.get().duration_ms < 2500
    assert len(pos.ledger.entries()) == 1


@pytest.mark.parametrize("minutes", [1, 14], ids=["the lease is over", "the deadline is over"])
def test_a_worker_that_was_held_up_on_its_way_to_the_pos_sends_nothing(
    db, pos, monkeypatch, settings, minutes
):
    settings.LEASE_SECONDS = 30 if minutes == 1 else 3600
    push = place(connected_place(pos, push_deadline_minutes=minutes * 2 - 1))
    now, written_down = timezone.now, Call._keep

    def hold_up(call, body):
        body = written_down(call, body)
        monkeypatch.setattr(timezone, "now", lambda: now() + dt.timedelta(minutes=minutes * 2))
        return body

    monkeypatch.setattr(Call, "_keep", hold_up)
    outbound.deliver(push.pk)
    assert attempts(push) == [(1, "not_sent")]
    assert pos.ledger.entries() == []


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("refuse", "orderID: Refused by the simulated POS."),
        ("success_0", "If this happens to every order, ask PetPooja to enable online orders"),
    ],
)
def test_a_refused_order_is_rejected_with_the_pos_s_words(db, pos, behaviour, words):
    push = place(connected_place(pos))
    pos.misbehave_order(push.order.reference, behaviour)
    outbound.deliver(push.pk)
    assert state(push) == ("rejected", "rejected")
    assert attempts(push) == [(1, "refused")]
    assert words in push.last_error
    order = Order.objects.get(pk=push.order_id)
    assert order.cancellation_reason == push.last_error
    change = order.history.last()
    assert (change.old_status, change.new_status, change.source) == ("pending", "rejected", "pos")
    assert change.change_reason == push.last_error
    # Which is nothing to tell a guest.
    messages = list(Notification.objects.filter(event="rejected").values_list("message", flat=True))
    assert messages
    assert not any("Reason" in message or words in message for message in messages)
    outbound.deliver(push.pk)
    assert len(pos.ledger.entries()) == 1
    assert pos.tickets() == []


@pytest.mark.parametrize("behaviour", ["429=100", "503=100"])
def test_a_pos_that_asks_to_wait_is_waited_for(db, pos, behaviour):
    push = place(connected_place(pos))
    pos.misbehave_order(push.order.reference, f"{behaviour}*1")
    outbound.deliver(push.pk)
    assert state(push) == ("due", "pending")
    assert attempts(push) == [(1, "not_sent")]
    assert 95 < seconds_until(push.next_attempt_at) <= 100
    assert outbound.due_pushes() == []
    outbound.deliver(push.pk)
    assert len(pos.ledger.entries()) == 1
    make_due(push)
    outbound.deliver(push.pk)
    assert state(push) == ("sent", "pending")
    assert len(pos.tickets()) == 1


@pytest.mark.parametrize("nonsense", ["-5", "soon", "1e9", "99999999999999999999"])
def test_a_nonsensical_retry_after_does_no_harm(db, pos, nonsense):
    push = place(connected_place(pos))
    pos.misbehave_order(push.order.reference, f"429={nonsense}")
    outbound.deliver(push.pk)
    assert state(push) == ("due", "pending")
    assert 5 < seconds_until(push.next_attempt_at) <= 86_400


def test_no_connection_is_tried_again_ever_later_and_in_the_end_the_order_is_rejected(db):
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        push = place(connected_place())
        RestaurantPosIntegration.objects.update(
            endpoint=f"http://127.0.0.1:{nobody_listens.getsockname()[1]}"
        )
        for low, high in ((7, 12.5), (29, 50), (119, 200)):
            outbound.deliver(push.pk)
            assert state(push) == ("due", "pending")
            assert low < seconds_until(push.next_attempt_at) <= high
            assert push.last_error == "No connection to the POS."
            outbound.deliver(push.pk)  # not due yet: nothing happens
            make_due(push)
        outbound.deliver(push.pk)
    assert state(push) == ("expired", "rejected")
    assert attempts(push) == [(1, "not_sent"), (2, "not_sent"), (3, "not_sent"), (4, "not_sent")]
    order = Order.objects.get(pk=push.order_id)
    assert order.cancellation_reason == "The restaurant could not be reached in time."
    assert order.history.last().source == ChangeSource.SYSTEM


def test_an_order_whose_deadline_is_nearer_than_its_next_try_is_rejected_then(db, pos):
    push = place(connected_place(pos))
    OrderPush.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    outbound.deliver(push.pk)
    assert state(push) == ("due", "pending")  # the sweeper says so, but nobody sends
    assert outbound.due_pushes() == []
    assert outbound.expire_overdue() == 1
    assert state(push) == ("expired", "rejected")
    make_due(push)
    outbound.deliver(push.pk)
    assert outbound.expire_overdue() == 0
    assert pos.ledger.entries() == []
    assert attempts(push) == []


# --- sending again where that is known to be harmless ---------------------------------------------------


def test_where_the_pos_makes_no_second_ticket_an_unclear_order_is_sent_again_byte_by_byte(db, pos):
    push = place(connected_place(pos, resend_unclear=True))
    pos.misbehave_order(push.order.reference, "accept_then_reset*1")
    outbound.deliver(push.pk)
    assert state(push) == ("due", "pending")
    assert push.maybe_taken
    make_due(push)
    outbound.deliver(push.pk)
    assert state(push) == ("sent", "pending")
    assert attempts(push) == [(1, "unknown"), (2, "sent")]
    first, second = pos.ledger.entries()
    assert first.sha256 == second.sha256
    assert [t.times_seen for t in pos.tickets()] == [2]


def kept(push):
    return column("OrderPushes", "request_body", push.pk)


def test_a_resend_is_the_same_bytes_though_everything_they_were_made_of_has_changed(db, pos):
    at = connected_place(pos, resend_unclear=True)
    push = place(at)
    pos.misbehave_order(push.order.reference, "accept_then_reset*1")
    outbound.deliver(push.pk)
    Restaurant.objects.filter(pk=at.restaurant.pk).update(name="Another Name", phone="9999999999")
    Order.objects.filter(pk=push.order_id).update(rider_name="Somebody", notes="Ring twice", prep_minutes=55)
    make_due(push)
    outbound.deliver(push.pk)
    assert state(push) == ("sent", "pending")
    first, second = pos.ledger.entries()
    assert first.sha256 == second.sha256
    assert "Another Name" not in push.attempt_log.last().request_body


def test_what_is_kept_of_a_call_is_sealed_and_gone_when_nothing_is_unclear(db, pos):
    at = connected_place(pos)
    push, unclear = place(at), place(at)
    outbound.deliver(push.pk)
    assert state(push) == ("sent", "pending")
    assert kept(push) is None
    pos.misbehave_order(unclear.order.reference, "accept_then_reset")
    outbound.deliver(unclear.pk)
    assert state(unclear) == ("unknown", "pending")
    assert kept(unclear).startswith("sealed:v1:")
    assert "details" in unclear.request_body.open(unclear.sealing_context())
    hear(order_status(unclear.order))
    assert state(unclear) == ("acknowledged", "confirmed")
    assert kept(unclear) is None


def test_an_order_that_was_provably_not_taken_is_written_anew(db, pos):
    at = connected_place(pos)
    push = place(at)
    pos.misbehave_order(push.order.reference, "429*1")
    outbound.deliver(push.pk)
    assert state(push) == ("due", "pending")
    Restaurant.objects.filter(pk=at.restaurant.pk).update(phone="9999999999")
    make_due(push)
    outbound.deliver(push.pk)
    assert state(push) == ("sent", "pending")
    assert "9999999999" in push.attempt_log.last().request_body


def test_bytes_that_no_key_opens_any_more_are_not_made_up_again(db, pos):
    push = place(connected_place(pos, resend_unclear=True))
    pos.misbehave_order(push.order.reference, "accept_then_reset*1")
    outbound.deliver(push.pk)
    set_column("OrderPushes", "request_body", push.pk, "sealed:v1:gone:AAAA")
    make_due(push)
    outbound.deliver(push.pk)
    assert len(pos.ledger.entries()) == 1
    assert attempts(push) == [(1, "unknown"), (2, "blocked")]
    assert "What was sent before cannot be read." in push.attempt_log.last().error


def test_a_worker_that_died_before_it_sent_anything_leaves_an_order_to_be_sent(db, pos, monkeypatch):
    push = place(connected_place(pos))

    def die(*args, **kwargs):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(PetPoojaAdapter, "save_order", die)
        with pytest.raises(SystemExit):
            outbound.deliver(push.pk)
    make_due(push)
    assert outbound.release_stuck() == 1
    assert state(push) == ("due", "pending")
    assert not push.maybe_taken
    make_due(push)
    outbound.deliver(push.pk)
    assert state(push) == ("sent", "pending")
    assert attempts(push) == [(1, "not_sent"), (2, "sent")]


def test_a_worker_that_slept_through_its_lease_sends_nothing(db, pos):
    push = place(connected_place(pos))
    save_order = PetPoojaAdapter.save_order

    def slow(self, *args, **kwargs):
        make_due(push)
        assert outbound.release_stuck() == 1
        return save_order(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PetPoojaAdapter, "save_order", slow)
        outbound.deliver(push.pk)
    assert state(push) == ("due", "pending")
    assert pos.ledger.entries() == []
    make_due(push)
    outbound.deliver(push.pk)
    assert [t.times_seen for t in pos.tickets()] == [1]


def test_an_order_that_may_have_been_taken_is_never_called_unsent(db, pos):
    push = place(connected_place(pos, resend_unclear=True))
    pos.misbehave_order(push.order.reference, "accept_then_reset")
    outbound.deliver(push.pk)
    pos.stop()
    OrderPush.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    make_due(push)
    assert outbound.expire_overdue() == 1
    assert state(push) == ("unknown", "pending")

    other = place(connected_place_again(push))
    OrderPush.objects.filter(pk=other.pk).update(maybe_taken=True, attempts=3)
    outbound.deliver(other.pk)  # the fourth and last try: no connection
    assert state(other) == ("unknown", "pending")


def connected_place_again(push):
    """A second restaurant at the same, closed POS."""
    at = make_place()
    connect(None, at.restaurant, code="efgh5678", resend_unclear=True)
    return at


def test_a_callback_tells_what_became_of_an_unknown_order(db, pos):
    push = place(connected_place(pos))
    pos.misbehave_order(push.order.reference, "accept_then_500")
    outbound.deliver(push.pk)
    hear(order_status(push.order))
    assert state(push) == ("acknowledged", "confirmed")
    assert push.last_error == ""
    assert push.acknowledged_at is not None
    outbound.deliver(push.pk)
    assert len(pos.ledger.entries()) == 1


def test_a_callback_that_is_faster_than_the_answer_is_not_undone_by_it(committed, start_pos):
    def tell(ticket):
        hear(order_status(ticket.reference, "PREPARING"))
        connection.close()

    pos = start_pos(sample_outlets(callbacks="none"), on_accept=tell, numeric_order_ids=True)
    push = place(connected_place(pos))
    outbound.deliver(push.pk)
    assert state(push) == ("acknowledged", "preparing")
    assert push.next_attempt_at is None
    assert attempts(push) == [(1, "sent")]
    assert Order.objects.get(pk=push.order_id).pos_order_id == "1"


def test_a_callback_that_is_faster_than_a_broken_answer_is_not_undone_by_it(committed, start_pos):
    def tell(ticket):
        hear(order_status(ticket.reference))
        connection.close()

    pos = start_pos(sample_outlets(callbacks="none"), on_accept=tell)
    push = place(connected_place(pos))
    pos.misbehave_order(push.order.reference, "accept_then_500")
    outbound.deliver(push.pk)
    assert state(push) == ("acknowledged", "confirmed")


# --- our access is wrong --------------------------------------------------------------------------------


def test_wrong_credentials_wait_for_a_person_and_a_later_success_clears_the_problem(db, start_pos):
    pos = start_pos([sample_outlet("abcd1234", callbacks="none", credentials=Credentials("a", "b", "c"))])
    at = connected_place(pos)
    push = place(at)
    outbound.deliver(push.pk)
    assert state(push) == ("due", "pending")
    assert 25 < seconds_until(push.next_attempt_at) <= 30
    at.integration.refresh_from_db()
    assert at.integration.problem.startswith("PetPooja refused the credentials: ")
    assert at.integration.problem == push.last_error
    assert pos.tickets() == []

    pos.outlets["abcd1234"].credentials = DEMO_CREDENTIALS
    make_due(push)
    outbound.deliver(push.pk)
    assert state(push) == ("sent", "pending")
    at.integration.refresh_from_db()
    assert at.integration.problem == ""
    assert push.last_error == ""


def test_an_order_of_a_restaurant_without_integration_waits_and_takes_the_first_that_comes(db, pos):
    at = make_place()
    push = place(at)
    assert push.integration is None
    outbound.deliver(push.pk)
    assert state(push) == ("due", "pending")
    assert push.last_error == "The restaurant has no active POS integration."
    connect(pos, at.restaurant)
    make_due(push)
    outbound.deliver(push.pk)
    assert state(push) == ("sent", "pending")
    assert push.integration is not None


@pytest.mark.parametrize("what", ["integration", "provider"])
def test_nothing_is_sent_where_the_integration_was_switched_off_meanwhile(db, pos, what):
    push = place(connected_place(pos))
    switch = {
        "integration": lambda on: RestaurantPosIntegration.objects.update(active=on),
        "provider": lambda on: PosProvider.objects.update(is_active=on),
    }[what]
    switch(False)
    outbound.deliver(push.pk)
    assert state(push) == ("due", "pending")
    assert push.last_error == "The restaurant has no active POS integration."
    assert pos.ledger.entries() == []
    assert outbound.active_integration(push.order.restaurant_id) is None
    switch(True)
    make_due(push)
    outbound.deliver(push.pk)
    assert state(push) == ("sent", "pending")


# --- cancelling -----------------------------------------------------------------------------------------


def cancel(push):
    cancel_order(push.order_id, reason="Changed my mind", source=ChangeSource.GUEST, changed_by="shop")


def cancellation(push):
    return OrderPush.objects.filter(order=push.order_id, kind=PushKind.CANCELLATION).first()


def test_an_order_cancelled_before_it_was_sent_is_never_sent(db, pos):
    push = place(connected_place(pos))
    cancel(push)
    assert state(push) == ("expired", "cancelled")
    assert push.last_error == "The order was cancelled before it was sent."
    make_due(push)
    outbound.deliver(push.pk)
    assert cancellation(push) is None
    assert pos.ledger.entries() == []


def test_an_order_that_was_rejected_while_it_waited_is_never_sent(db, pos):
    push = place(connected_place(pos))
    change_status(push.order_id, OrderStatus.REJECTED, source=ChangeSource.STAFF)
    outbound.deliver(push.pk)
    assert state(push) == ("expired", "rejected")
    assert pos.ledger.entries() == []


def test_cancelling_a_sent_order_reaches_the_pos_once(db, pos):
    push = place(connected_place(pos))
    outbound.deliver(push.pk)
    cancel(push)
    cancel(push)
    owed = cancellation(push)
    assert owed.state == PushState.DUE
    outbound.deliver(owed.pk)
    outbound.deliver(owed.pk)
    owed.refresh_from_db()
    assert owed.state == PushState.ACKNOWLEDGED
    assert owed.attempts == 1
    assert [t.cancelled for t in pos.tickets()] == [True]
    assert state(push) == ("sent", "cancelled")


def test_cancelling_an_order_of_which_nobody_knows_reaches_the_pos(db, pos):
    push = place(connected_place(pos))
    pos.misbehave_order(push.order.reference, "accept_then_reset")
    outbound.deliver(push.pk)
    cancel(push)
    outbound.deliver(cancellation(push).pk)
    assert [t.cancelled for t in pos.tickets()] == [True]
    assert cancellation(push).state == PushState.ACKNOWLEDGED


def test_an_unclear_cancellation_is_repeated(db, pos):
    push = place(connected_place(pos))
    outbound.deliver(push.pk)
    cancel(push)
    pos.misbehave_call("update_order_status", "reset*2")
    owed = cancellation(push)
    for expected in ("due", "due", "acknowledged"):
        outbound.deliver(owed.pk)
        owed.refresh_from_db()
        assert owed.state == expected
        make_due(owed)
    assert [t.cancelled for t in pos.tickets()] == [True]


def test_a_refused_cancellation_leaves_the_order_cancelled_and_says_so(db, pos):
    push = place(connected_place(pos))
    outbound.deliver(push.pk)
    pos.ledger.record_stage(pos.tickets()[0], Stage.READY)
    cancel(push)
    owed = cancellation(push)
    outbound.deliver(owed.pk)
    owed.refresh_from_db()
    assert owed.state == PushState.REJECTED
    assert owed.last_error
    assert state(push) == ("sent", "cancelled")


def test_a_cancellation_waits_while_the_order_itself_is_on_its_way(committed, start_pos):
    met = []

    def cancel_now(ticket):
        push = OrderPush.objects.get(kind=PushKind.ORDER)
        cancel(push)
        outbound.deliver(cancellation(push).pk)
        met.append((cancellation(push).state, cancellation(push).last_error))
        connection.close()

    pos = start_pos(sample_outlets(callbacks="none"), on_accept=cancel_now)
    push = place(connected_place(pos))
    outbound.deliver(push.pk)
    assert met == [("due", "The order itself is on its way just now.")]
    assert state(push) == ("sent", "cancelled")
    make_due(cancellation(push))
    outbound.deliver(cancellation(push).pk)
    assert [t.cancelled for t in pos.tickets()] == [True]


@pytest.mark.parametrize(
    ("became", "told"),
    [
        ({"state": "due"}, False),
        ({"state": "rejected"}, False),
        ({"state": "rejected", "maybe_taken": True}, True),
        ({"state": "unknown", "maybe_taken": True}, True),
        ({"state": "sent"}, True),
    ],
    ids=str,
)
def test_an_order_cancelled_on_its_way_is_cancelled_there_unless_it_never_came(db, pos, became, told):
    push = place(connected_place(pos))
    OrderPush.objects.update(state=PushState.SENDING)
    cancel(push)
    OrderPush.objects.filter(pk=push.pk).update(**became)
    owed = cancellation(push)
    outbound.deliver(owed.pk)
    assert state(owed)[0] == "acknowledged"
    assert owed.attempt_log.exclude(url="").exists() == told
    outbound.deliver(push.pk)
    assert pos.ledger.entries() == []


def test_an_order_that_was_refused_needs_no_cancellation(db, pos):
    push = place(connected_place(pos))
    pos.misbehave_order(push.order.reference, "refuse")
    outbound.deliver(push.pk)
    with pytest.raises(Conflict):
        cancel(push)
    assert cancellation(push) is None


def test_what_the_pos_cancelled_itself_is_not_told_back(db, pos):
    push = place(connected_place(pos))
    outbound.deliver(push.pk)
    hear(order_status(push.order, "CANCELLED"))
    assert state(push) == ("acknowledged", "cancelled")
    assert cancellation(push) is None
