"""An order's story: everything that happened, in its order, once, by a number of statements that stays."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ding.cockpit.tests.factories import confirmed_order, expired_order, silent_order
from ding.cockpit.timeline import bill_of, story_of
from notifications import services
from orders.models import ChangeSource, Order
from orders.services.statuses import cancel_order
from pos_integrations import inbound, outbound
from pos_integrations.tests.factories import connected_place, counting, order_status, place, send

pytestmark = pytest.mark.django_db


@pytest.fixture
def at(pos):
    return connected_place(pos)


def story(push):
    return story_of(Order.objects.select_related("restaurant").get(pk=push.order_id))


def titles(push):
    return [entry.title for entry in story(push).entries]


def test_a_good_order_s_story(at, client):
    push = confirmed_order(at, client)
    services.send_due()
    assert titles(push) == [
        "Order placed",
        f"Priced at INR {push.order.total}",
        "To PetPooja: order, attempt 1: taken",
        "PetPooja says: confirmed",
        "SMS to guest, “confirmed”: sent",
        "E-mail to guest, “confirmed”: sent",
    ]
    entries = story(push).entries
    assert [body.title for body in entries[2].bodies] == ["What was sent", "What came back"]
    assert entries[3].facts == (("Status", "Pending → Confirmed"),)


def test_a_report_that_changed_nothing_says_why(at, client):
    push = confirmed_order(at, client)
    send(client, "order-status", order_status(push.order, "CONFIRMED"))
    inbound.drain()
    assert "PetPooja sent a report: known already" in titles(push)


def test_the_silence_and_what_staff_did_about_it_are_told(at):
    push = silent_order(at)
    outbound.mark_handled(push.order_id, by="ravi", note="Spoke to Anil")
    last = story(push).entries
    assert "The kitchen is silent" in [entry.title for entry in last]
    by_title = {entry.title: entry for entry in last}
    handled = by_title["Handled by phone"]
    assert (handled.text, handled.who) == ("Spoke to Anil", "ravi (staff)")
    assert by_title["Status: Pending → Confirmed"].who == "ravi (staff)"


def test_an_order_that_went_nowhere_tells_the_reason_and_the_second_try():
    push = expired_order(connected_place())
    found = story(push).entries
    tried = next(entry for entry in found if entry.title.endswith("attempt 1: not sent"))
    assert tried.tone == "warn"
    assert "127.0.0.1" in tried.text or "connect" in tried.text.lower()
    outbound.push_again(push.order_id, by="ravi")
    assert [entry.title for entry in story(push).entries][-2:] == [
        "Status: Rejected → Pending",
        "Sent to the kitchen again",
    ]


def test_a_cancellation_is_part_of_the_story(at):
    push = place(at)
    outbound.deliver(push.pk)
    cancel_order(push.order_id, reason="Too late", source=ChangeSource.STAFF, changed_by="ravi")
    for other in push.order.pushes.filter(kind="cancellation"):
        outbound.deliver(other.pk)
    found = story(push).entries
    cancelled = next(entry for entry in found if entry.title == "Status: Pending → Cancelled")
    assert (cancelled.text, cancelled.who) == ("Too late", "ravi (staff)")
    assert "To PetPooja: cancellation, attempt 1: taken" in [entry.title for entry in found]


def test_the_bill_adds_up_to_the_total(at):
    order = Order.objects.get(pk=place(at).order_id)
    *parts, total = bill_of(order)
    assert total.amount == order.total == sum((part.amount for part in parts), Decimal(0))
    labels = [part.label for part in parts]
    assert labels == ["Items", "Discount", "Packing", "Delivery", "CGST", "SGST"]
    assert parts[1].note == "Garlic bread week"


def test_the_statements_do_not_grow_with_the_story(at, client):
    def statements(push):
        order = Order.objects.select_related("restaurant").get(pk=push.order_id)
        with counting() as count:
            story_of(order)
            return count()

    push = confirmed_order(at, client)
    few = statements(push)
    for status in ("PREPARING", "READY", "READY", "DISPATCHED", "DELIVERED"):
        send(client, "order-status", order_status(push.order, status))
    inbound.drain()
    assert len(story(push).entries) > 12
    assert statements(push) == few <= 10
