"""An order that did not reach the kitchen, and a person who does something about it."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from ding.errors import Conflict
from orders.models import ChangeSource, Order, StaffAction
from orders.services.statuses import StatusReport, Verdict, cancel_order, report_statuses
from orders.status import OrderStatus
from pos_integrations import outbound
from pos_integrations.models import OrderPush, PushKind, PushState
from pos_integrations.tests.factories import Notification, connected_place, make_due, place

pytestmark = pytest.mark.django_db


def stand(push):
    """Where push and order stand."""
    push.refresh_from_db()
    return push.state, Order.objects.get(pk=push.order_id).status


def fail(push, state, **values):
    OrderPush.objects.filter(pk=push.pk).update(state=state, next_attempt_at=None, **values)


def expire(push):
    OrderPush.objects.filter(pk=push.pk).update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    outbound.expire_overdue()
    assert stand(push) == ("expired", "rejected")


def actions(push):
    return list(StaffAction.objects.filter(order=push.order_id).values_list("kind", "by", "note"))


def test_an_expired_order_is_opened_again_and_reaches_the_kitchen(pos):
    push = place(connected_place(pos))
    expire(push)
    again = outbound.push_again(push.order_id, by="ravi")
    assert again.pk == push.pk
    assert stand(push) == ("due", "pending")
    assert push.expires_at - timezone.now() == pytest.approx(
        dt.timedelta(minutes=15), abs=dt.timedelta(seconds=5)
    )
    order = Order.objects.get(pk=push.order_id)
    assert (order.cancelled_at, order.cancellation_reason) == (None, "")
    last = order.history.last()
    assert (last.old_status, last.new_status, last.source, last.changed_by) == (
        "rejected",
        "pending",
        "staff",
        "ravi",
    )
    assert actions(push) == [("pushed_again", "ravi", "Order, until then: Not sent any more")]

    outbound.deliver(push.pk)
    assert stand(push) == ("sent", "pending")
    assert [ticket.reference for ticket in pos.tickets()] == [order.reference]
    report = StatusReport(
        restaurant_id=order.restaurant_id,
        status=OrderStatus.CONFIRMED,
        source=ChangeSource.POS,
        reference=order.reference,
    )
    assert report_statuses([report])[0].verdict is Verdict.APPLIED
    assert set(Notification.objects.filter(order=order).values_list("event", flat=True)) == {
        "rejected",
        "confirmed",
    }


def test_an_order_that_was_never_sent_goes_to_where_orders_go_now():
    at = connected_place()
    push = place(at)
    expire(push)
    OrderPush.objects.filter(pk=push.pk).update(integration=None)
    outbound.push_again(push.order_id, by="ravi")
    push.refresh_from_db()
    assert push.integration == at.integration


def test_an_unclear_order_is_sent_again_only_with_an_explicit_word(pos):
    push = place(connected_place(pos))
    fail(push, PushState.UNKNOWN, maybe_taken=True)
    with pytest.raises(outbound.MayCookTwice, match="cook it twice"):
        outbound.push_again(push.order_id, by="ravi")
    assert stand(push) == ("unknown", "pending")
    assert actions(push) == []
    outbound.push_again(push.order_id, by="ravi", twice_is_fine=True)
    assert stand(push) == ("due", "pending")
    # Whatever the second call brings, nobody may say afterwards that the kitchen has nothing.
    assert push.maybe_taken


def test_a_silent_kitchen_is_asked_again_only_with_an_explicit_word(pos):
    push = place(connected_place(pos))
    outbound.deliver(push.pk)
    OrderPush.objects.filter(pk=push.pk).update(silent_since=timezone.now())
    with pytest.raises(outbound.MayCookTwice):
        outbound.push_again(push.order_id, by="ravi")
    outbound.push_again(push.order_id, by="ravi", twice_is_fine=True)
    push.refresh_from_db()
    assert (push.state, push.silent_since, push.maybe_taken) == ("due", None, True)


def test_the_tries_count_afresh_and_the_old_ones_stay_on_record():
    push = place(connected_place(rest_after_failures=100))  # nobody listens there
    for _ in range(4):
        make_due(push)
        outbound.deliver(push.pk)
    assert stand(push) == ("expired", "rejected")
    outbound.push_again(push.order_id, by="ravi")
    outbound.deliver(push.pk)
    assert stand(push) == ("due", "pending")
    assert list(push.attempt_log.values_list("number", flat=True)) == [1, 2, 3, 4, 5]
    for _ in range(3):
        make_due(push)
        outbound.deliver(push.pk)
    assert stand(push) == ("expired", "rejected")


@pytest.mark.parametrize(
    ("state", "status", "why"),
    [
        ("sending", "pending", "at this moment"),
        ("acknowledged", "confirmed", "The kitchen has it"),
        ("acknowledged", "rejected", "refused it"),
        ("unknown", "cancelled", "is cancelled"),
        ("unknown", "delivered", "is delivered"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(state, status, why):
    push = place(connected_place())
    fail(push, state)
    Order.objects.filter(pk=push.order_id).update(status=status)
    with pytest.raises(Conflict, match=why):
        outbound.push_again(push.order_id, by="ravi", twice_is_fine=True)
    assert stand(push) == (state, status)
    assert actions(push) == []


def test_of_a_cancelled_order_the_cancellation_is_sent_again(pos):
    push = place(connected_place(pos))
    outbound.deliver(push.pk)
    cancel_order(push.order_id, reason="Changed my mind", source=ChangeSource.GUEST, changed_by="shop")
    cancellation = OrderPush.objects.get(order=push.order_id, kind=PushKind.CANCELLATION)
    fail(cancellation, PushState.EXPIRED)
    outbound.push_again(push.order_id, by="ravi")
    assert stand(cancellation) == ("due", "cancelled")
    outbound.deliver(cancellation.pk)
    assert stand(cancellation) == ("acknowledged", "cancelled")
    with pytest.raises(Conflict, match="knows that"):
        outbound.push_again(push.order_id, by="ravi")


def test_handled_by_phone_stops_all_sending_and_confirms_the_order():
    push = place(connected_place())
    outbound.mark_handled(push.order_id, by="ravi", note="Spoke to Anil")
    assert stand(push) == ("acknowledged", "confirmed")
    assert push.next_attempt_at is None
    outbound.deliver(push.pk)
    outbound.expire_overdue()
    outbound.note_silence()
    assert stand(push) == ("acknowledged", "confirmed")
    assert push.attempts == 0
    assert actions(push) == [("handled", "ravi", "Spoke to Anil")]
    change = Order.objects.get(pk=push.order_id).history.last()
    assert (change.source, change.changed_by, change.change_reason) == ("staff", "ravi", "Handled by phone.")
    assert set(Notification.objects.filter(order=push.order_id).values_list("event", flat=True)) == {
        "confirmed"
    }


def test_an_order_that_was_given_up_can_still_be_settled_by_phone():
    push = place(connected_place())
    expire(push)
    outbound.mark_handled(push.order_id, by="ravi")
    assert stand(push) == ("acknowledged", "confirmed")


@pytest.mark.parametrize(
    ("state", "status"), [("sending", "pending"), ("acknowledged", "ready"), ("unknown", "cancelled")]
)
def test_what_cannot_be_settled_by_phone_stays_as_it_is(state, status):
    push = place(connected_place())
    fail(push, state)
    Order.objects.filter(pk=push.order_id).update(status=status)
    with pytest.raises(Conflict):
        outbound.mark_handled(push.order_id, by="ravi")
    assert stand(push) == (state, status)
    assert actions(push) == []
