"""Orders for a later day: they wait until their POS takes them, and nothing about them is late meanwhile."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine

from orders.models import ChangeSource, Order
from orders.services.statuses import cancel_order
from pos_integrations import outbound
from pos_integrations.models import OrderPush
from pos_integrations.tests.factories import Notification, connected_place, place

# Thursday noon in India; the meal is wanted on Saturday at 20:00 there.
NOW = dt.datetime(2026, 1, 15, 6, 30, tzinfo=dt.UTC)
DINNER = dt.datetime(2026, 1, 17, 14, 30, tzinfo=dt.UTC)
SENT_AT = DINNER - dt.timedelta(hours=3)
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def work():
    """What worker and sweepers do."""
    for push_id in outbound.due_pushes():
        outbound.deliver(push_id)
    outbound.expire_overdue()
    outbound.note_silence()


def test_an_order_for_a_later_day_waits_and_is_taken_on_its_day(db, pos, clock):
    push = place(connected_place(pos), scheduled_for=DINNER)
    assert (push.state, push.next_attempt_at) == ("due", SENT_AT)
    assert push.expires_at > SENT_AT
    for moment in (NOW, NOW + dt.timedelta(days=1), SENT_AT - MINUTE):
        clock.move_to(moment)
        outbound.deliver(push.pk)
        work()
    assert pos.ledger.counts()["requests"] == 0
    assert not Notification.objects.exists()
    clock.move_to(SENT_AT)
    work()
    push.refresh_from_db()
    assert push.state == "sent"
    (ticket,) = pos.tickets()
    details = ticket.body["orderinfo"]["OrderInfo"]["Order"]["details"]
    assert (details["advanced_order"], details["preorder_date"]) == ("Y", "2026-01-17")
    assert details["preorder_time"] == "20:00:00"
    # From then on it is an order like any other: the kitchen's silence is noticed.
    clock.move_to(SENT_AT + 6 * MINUTE)
    work()
    push.refresh_from_db()
    assert push.silent_since is not None


def test_sent_at_once_a_later_day_is_refused_and_so_it_is_sent_only_where_that_is_known_to_work(
    db, pos, clock
):
    push = place(connected_place(pos, sends_later_days=True), scheduled_for=DINNER)
    work()
    push.refresh_from_db()
    assert push.state == "rejected"
    assert "Preorder date is greater than current date" in push.last_error


def test_an_order_for_later_today_goes_at_once(db, pos, clock):
    push = place(connected_place(pos), scheduled_for=NOW + dt.timedelta(hours=8))
    work()
    push.refresh_from_db()
    assert push.state == "sent"


def test_a_waiting_order_that_is_cancelled_never_reaches_the_pos(db, pos, clock):
    push = place(connected_place(pos), scheduled_for=DINNER)
    cancel_order(push.order_id, reason="We eat out", source=ChangeSource.GUEST, changed_by="shop")
    clock.move_to(SENT_AT + MINUTE)
    work()
    assert pos.ledger.counts()["requests"] == 0
    assert list(OrderPush.objects.values_list("kind", "state")) == [("order", "expired")]
    assert Order.objects.get().status == "cancelled"


def test_sending_a_waiting_order_again_by_hand_does_not_send_it_into_its_refusal(db, pos, clock):
    push = place(connected_place(pos), scheduled_for=DINNER)
    outbound.push_again(push.order_id, by="Asha")
    work()
    push.refresh_from_db()
    assert (push.state, push.next_attempt_at) == ("due", SENT_AT)
