"""After a backup was restored nothing goes out a second time."""

from __future__ import annotations

from io import StringIO

from django.core.management import call_command

from notifications.models import Notification, Status
from orders.models import ChangeSource
from orders.services.statuses import change_status
from orders.status import OrderStatus
from pos_integrations import outbound
from pos_integrations.models import OrderPush, PushState
from pos_integrations.tests.factories import connected_place, place


def after_restore() -> str:
    out = StringIO()
    call_command("after_restore", stdout=out)
    return out.getvalue()


def test_orders_on_their_way_wait_for_a_person_and_are_not_sent(db):
    at = connected_place()
    due, sending, sent = place(at), place(at), place(at)
    OrderPush.objects.filter(pk=sending.pk).update(state=PushState.SENDING)
    OrderPush.objects.filter(pk=sent.pk).update(state=PushState.ACKNOWLEDGED)

    assert "2 orders wait for a person" in after_restore()

    outbound.deliver(due.pk)
    assert outbound.due_pushes() == []
    assert outbound.release_stuck() == 0
    states = dict(OrderPush.objects.values_list("pk", "state"))
    assert states == {due.pk: "unknown", sending.pk: "unknown", sent.pk: "acknowledged"}
    due.refresh_from_db()
    assert due.maybe_taken
    assert due.attempts == 0


def test_an_order_placed_afterwards_is_owed_as_ever(db):
    at = connected_place()
    after_restore()

    push = place(at)

    assert outbound.due_pushes() == [push.pk]


def test_messages_that_were_owed_are_not_sent_and_say_why(db):
    at = connected_place()
    push = place(at)
    change_status(push.order_id, OrderStatus.CONFIRMED, source=ChangeSource.POS)
    owed = Notification.objects.filter(status=Status.PENDING).count()
    assert owed > 0

    assert f"{owed} messages to guests are not sent" in after_restore()

    assert set(Notification.objects.values_list("status", flat=True)) == {Status.FAILED}
    assert "restored from a backup" in Notification.objects.first().last_error
    assert after_restore().startswith("0 orders")
