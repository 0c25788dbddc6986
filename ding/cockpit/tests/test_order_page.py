"""Who may do what on an order's page, and that asking alone does nothing."""

from __future__ import annotations

import pytest
from django.test import Client

from ding.audit import AuditEvent
from ding.cockpit.tests.factories import confirmed_order, expired_order, silent_order, unknown_order
from ding.roles import INTEGRATION_MANAGER, VIEWER
from notifications.models import Notification
from orders.models import Order, StaffAction
from orders.tests.factories import make_restaurant
from pos_integrations.models import OrderPush
from pos_integrations.tests.factories import connect, connected_place, place

pytestmark = pytest.mark.django_db

ACTIONS = {"push-again": {"twice_is_fine": "on"}, "handled": {"note": "ok"}, "cancel": {"reason": "Too late"}}


@pytest.fixture
def at(pos):
    return connected_place(pos)


def address(push, page="change"):
    return f"/admin/orders/order/{push.order_id}/{page}/"


def everything():
    return [
        list(model.objects.order_by("pk").values()) for model in (Order, OrderPush, Notification, StaffAction)
    ]


def test_who_may_only_look_sees_no_buttons_and_can_press_none(staff, at):
    push = silent_order(at)
    before = everything()
    for role in (VIEWER, INTEGRATION_MANAGER):
        client = staff(role=role, name=role)
        page = client.get(address(push)).content.decode()
        assert "The kitchen has not confirmed this order." in page
        assert not any(f"/{action}/" in page for action in ACTIONS)
        for action, data in ACTIONS.items():
            assert client.get(address(push, action)).status_code == 403
            assert client.post(address(push, action), data).status_code == 403
    assert everything() == before


def test_another_restaurant_s_order_is_not_there(staff, at):
    push = silent_order(at)
    message = Notification.objects.first()
    before = everything()
    client = staff(make_restaurant().restaurant)
    assert client.get(address(push)).status_code == 404
    assert client.get(address(push, "ticket")).status_code == 404
    assert client.get(address(push, "history")).status_code in (302, 404)
    for action, data in ACTIONS.items():
        assert client.post(address(push, action), data).status_code == 404
    assert client.post(address(push, f"tell-again/{message.pk}")).status_code == 404
    assert everything() == before


def test_asking_alone_does_nothing(staff, at):
    push = silent_order(at)
    before = everything()
    client = staff()
    for action in ACTIONS:
        assert client.get(address(push, action)).status_code == 200
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(client.user)
    for action, data in ACTIONS.items():
        assert strict.post(address(push, action), data).status_code == 403
    assert everything() == before


def test_without_the_explicit_word_an_unclear_order_is_not_sent_again(staff, at):
    push = unknown_order(at)
    page = staff().post(address(push, "push-again"), {}).content.decode()
    assert "Call the restaurant first." in page
    assert OrderPush.objects.get().state == "unknown"


def test_what_was_done_is_told_and_written_down(staff, at, django_capture_on_commit_callbacks):
    push = expired_order(connected_place_elsewhere())
    client = staff()
    with django_capture_on_commit_callbacks() as callbacks:
        answer = client.post(address(push, "push-again"), follow=True)
    assert "It is being sent." in answer.content.decode()
    assert len(callbacks) == 1
    event = AuditEvent.objects.latest("pk")
    assert (event.actor, event.action, event.object_id) == (
        "staff:anna",
        "sent to the kitchen again",
        str(push.order_id),
    )
    assert "Sent to the kitchen again" in client.get(address(push)).content.decode()


def connected_place_elsewhere():
    """A second restaurant, whose POS nobody reaches."""
    found = make_restaurant()
    found.integration = connect(None, found.restaurant, code="efgh5678")
    return found


def test_whoever_comes_too_late_is_told_how_it_stands(staff, at, client):
    push = confirmed_order(at, client)
    anna = staff()
    assert "The kitchen has it." in anna.get(address(push, "push-again")).content.decode()
    answer = anna.post(address(push, "push-again"), {"twice_is_fine": "on"}, follow=True)
    assert "The kitchen has it." in answer.content.decode()
    assert not StaffAction.objects.exists()
    Order.objects.update(status="delivered")
    answer = anna.post(address(push, "cancel"), {"reason": "Too late"}, follow=True)
    assert "cannot be cancelled any more" in answer.content.decode()
    assert Order.objects.get().status == "delivered"


def test_a_message_goes_out_once_more_when_somebody_says_so(staff, at, client):
    push = confirmed_order(at, client)
    message = Notification.objects.filter(type="sms").get()
    anna = staff()
    page = f"tell-again/{message.pk}"
    assert "It waits to be sent anyway." in anna.get(address(push, page)).content.decode()
    Notification.objects.update(status="sent")
    assert "may get it twice" in anna.get(address(push, page)).content.decode()
    anna.post(address(push, page))
    message.refresh_from_db()
    assert message.status == "pending"
    action = StaffAction.objects.get()
    assert (action.kind, action.by, action.note) == ("told_again", "anna", "SMS, Confirmed; it was sent")
    other = place(at)
    assert anna.post(address(other, page)).status_code == 404


def test_the_dashboard_is_for_those_with_a_role(staff, at):
    silent_order(at)
    nobody = staff(name="nobody")
    nobody.user.groups.clear()
    assert "You have no role yet." in nobody.get("/admin/").content.decode()
    assert "Orders per quarter of an hour" in staff(role=VIEWER).get("/admin/").content.decode()


def test_search_by_phone_however_it_is_said(staff, at):
    push = place(at)
    client = staff()
    Order.objects.update(customer_phone="+919876543210")
    for said in ("98765 43210", "098765-43210", "+91 98765", "9198765432", "0091 98765 43210", "(98765)"):
        assert push.order.reference in client.get("/admin/orders/order/", {"q": said}).content.decode(), said
    assert (
        push.order.reference
        in client.get("/admin/orders/order/", {"q": push.order.reference[:5].lower()}).content.decode()
    )
    assert push.order.reference not in client.get("/admin/orders/order/", {"q": "1234567"}).content.decode()
