"""What a stored webhook would change, found out without changing anything; and processing it again."""

from __future__ import annotations

import datetime as dt

import pytest
from django.apps import apps
from django.utils import timezone

from menus.models import Item
from orders.models import Order
from orders.tests.factories import make_order
from pos_integrations import inbound, tasks
from pos_integrations.models import OrderPush, WebhookLog
from pos_integrations.simulator import make_menu, sample_menu
from pos_integrations.tests.factories import (
    connect,
    connected_place,
    make_restaurant,
    order_status,
    place,
    send,
)
from pos_integrations.tests.test_dashboard_calls import address, post

pytestmark = pytest.mark.django_db

CODE = "abcd1234"


@pytest.fixture
def at():
    return connected_place()


def everything():
    """Every row of every table of ours."""
    ours = ("menus", "orders", "notifications", "pos_integrations")
    return {
        model._meta.label: list(model._default_manager.order_by("pk").values())
        for model in apps.get_models()
        if model._meta.app_label in ours
    }


def preview(log=None):
    """The preview of the only (or this) webhook; nothing in any table may differ afterwards."""
    before = everything()
    found = inbound.would_change((log or WebhookLog.objects.get()).pk)
    assert everything() == before
    return found


def told(found):
    return {difference.what: (difference.old, difference.new) for difference in found.differences}


def test_a_status_report_tells_what_it_would_do(at, client, django_capture_on_commit_callbacks):
    push = place(at)
    OrderPush.objects.filter(pk=push.pk).update(state="sent")
    at_eight = dt.datetime(2026, 3, 1, 14, 30, tzinfo=dt.UTC)
    send(client, "order-status", order_status(push.order, "CONFIRMED", timestamp=at_eight.isoformat()))
    with django_capture_on_commit_callbacks() as callbacks:
        found = preview()
    assert callbacks == []
    assert found.says == [
        f"The POS says of order {push.order.reference}: the kitchen took it at 01 Mar 20:00."
    ]
    assert found.verdict == "applied"
    assert told(found) == {
        "order": ("Pending", "Confirmed"),
        "kitchen": ("Sent, not confirmed", "In the kitchen"),
        "messages to the guest": ("0", "2"),
    }
    inbound.drain()
    assert Order.objects.get().status == "confirmed"
    assert told(preview()) == {}
    assert preview().verdict == "known already"


def test_stock_and_store_reports_tell_what_they_would_do(at, client):
    send(
        client,
        "inventory-update",
        {
            "restaurant_id": CODE,
            "item_id": at.pizza.external_id,
            "availability": False,
            "timestamp": timezone.now().isoformat(),
        },
    )
    found = preview()
    assert told(found) == {f"Veg Loaded Pizza ({at.pizza.external_id})": ("in stock", "sold out")}
    assert found.says == [f"The POS says: item {at.pizza.external_id} sold out."]
    WebhookLog.objects.all().delete()
    post(
        client,
        address(at.integration, "store-status-update"),
        {"restID": CODE, "store_status": "0", "reason": "No gas"},
    )
    found = preview()
    assert told(found) == {"takes orders": ("yes", "no")}
    assert found.says == ["The POS says: the restaurant takes no orders. Reason: No gas"]


def test_a_menu_tells_what_would_be_new_changed_and_gone(client):
    integration = connect(restaurant=make_restaurant())
    post(client, address(integration, "menu"), sample_menu(CODE))
    found = preview()
    assert told(found)["items"] == ("", "3 new")
    assert found.verdict == "applied"
    inbound.drain()
    assert preview().verdict == "known already"
    assert Item.objects.count() == 3


def test_a_menu_that_would_be_held_says_so(client):
    integration = connect(restaurant=make_restaurant())
    post(client, address(integration, "menu"), make_menu(20, code=CODE))
    inbound.drain()
    post(client, address(integration, "menu"), make_menu(20, code=CODE) | {"items": []})
    found = preview(WebhookLog.objects.latest("pk"))
    assert (found.verdict, found.differences) == ("menu held", [])
    assert "no active items" in found.meaning


def test_what_cannot_be_read_says_why(at, client):
    send(client, "order-status", order_status("ABC", "BOILED"))
    found = preview()
    assert (found.says, found.differences) == ([], [])
    assert found.verdict in ("unreadable", "not for us")
    assert "BOILED" in found.meaning


def test_an_error_in_ding_is_told_and_taken_back_too(at, client, monkeypatch):
    send(client, "order-status", order_status(make_order(at.restaurant), "CONFIRMED"))

    def break_down(works):
        Order.objects.update(status="ready")
        raise RuntimeError("secret detail")

    monkeypatch.setattr(inbound.inbox, "_apply_stock", break_down)
    found = preview()
    assert (found.verdict, found.meaning) == ("error in ding", "An error in ding itself: RuntimeError.")


def test_the_ledger_knows_how_the_pos_names_an_order_it_does_not_know(at, client):
    send(client, "order-status", order_status("NOBODY-KNOWS-ME"))
    inbound.drain()
    log = WebhookLog.objects.get()
    assert (log.order_ref, log.order, log.verdict) == ("NOBODY-KNOWS-ME", None, "unknown_order")


def test_only_what_may_come_out_otherwise_is_processed_again(at, client):
    order = make_order(at.restaurant)
    send(client, "order-status", order_status(order, "CONFIRMED"))
    send(client, "order-status", order_status(order, "CONFIRMED"))
    send(client, "order-status", order_status("LATER"))
    tasks.drain_webhooks()
    assert list(WebhookLog.objects.order_by("pk").values_list("verdict", flat=True)) == [
        "applied",
        "duplicate",
        "unknown_order",
    ]
    Order.objects.filter(pk=make_order(at.restaurant).pk).update(reference="LATER")
    assert inbound.process_again(WebhookLog.objects.all()) == 1
    inbound.drain()
    assert WebhookLog.objects.latest("pk").verdict == "applied"
    assert inbound.process_again(WebhookLog.objects.all()) == 0
