"""The cockpit in a real browser, wide and on a phone, light and dark: what an operator does on a Friday night."""

from __future__ import annotations

import os
import re

import pytest

from ding.cockpit.tests.conftest import LOOKS, make_staff
from ding.cockpit.tests.factories import confirmed_order, expired_order, silent_order, unknown_order
from orders.models import Order, StaffAction
from pos_integrations import outbound
from pos_integrations.models import OrderPush, WebhookLog
from pos_integrations.tests.factories import connect, connected_place, make_place, order_status, place, send

pytestmark = [pytest.mark.browser]


@pytest.fixture
def at(ding_url, pos):
    found = connected_place(pos)
    found.restaurant.phone = "+91 22 5550 0101"
    found.restaurant.email = "lounge@example.com"
    found.restaurant.save()
    return found


@pytest.fixture
def nowhere(ding_url):
    """A restaurant whose POS nobody reaches."""
    found = make_place(name="Garden Terrace", phone="+91 22 5550 0202")
    found.integration = connect(None, found.restaurant, code="efgh5678")
    return found


def page_of(push):
    return f"/admin/orders/order/{push.order_id}/change/"


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_an_order_s_pages_look_right(at, nowhere, browse, client, width, theme):
    good, silent, unclear = confirmed_order(at, client), silent_order(at), unknown_order(at)
    lost = expired_order(nowhere)
    page = browse(make_staff(), width, theme)
    page.see("/admin/orders/order/", "orders")
    for push, name in ((good, "good"), (silent, "silent"), (unclear, "unknown"), (lost, "lost")):
        page.see(page_of(push), f"order-{name}")
    for details in page.locator("details").all():
        details.locator("summary").click()
    page.looked_at("order-lost-open")
    page.see(page_of(good))
    for details in page.locator("details").all():
        details.locator("summary").click()
    page.looked_at("order-good-open")
    page.see(f"/admin/orders/order/{unclear.order_id}/push-again/", "push-again")
    page.see(f"/admin/orders/order/{lost.order_id}/handled/", "handled")
    page.see(f"/admin/orders/order/{good.order_id}/cancel/", "cancel")
    page.see(f"/admin/orders/order/{good.order_id}/ticket/", "ticket")


def test_a_lost_order_is_found_by_phone_and_sent_again(nowhere, browse):
    push = expired_order(nowhere)
    page = browse(make_staff())
    page.see("/admin/orders/order/")
    page.locator("input[name=q]").fill("90000 00002")
    page.keyboard.press("Enter")
    page.get_by_role("link", name=push.order.reference).click()
    page.get_by_role("heading", name="This order did not reach the kitchen in time.").wait_for()
    page.get_by_role("link", name="Send again").click()
    page.get_by_text("Call the guest first").wait_for()
    page.get_by_role("button", name="Send again").click()
    page.get_by_text("It is being sent.").wait_for()
    push.refresh_from_db()
    assert (push.state, Order.objects.get(pk=push.order_id).status) == ("due", "pending")
    assert StaffAction.objects.get().by == "anna"


def test_an_unclear_order_is_sent_again_only_after_an_explicit_word(at, browse):
    push = unknown_order(at)
    page = browse(make_staff(), "phone", "dark")
    page.see(page_of(push))
    page.get_by_role("link", name="Send again").click()
    page.get_by_text("the kitchen may cook it twice").wait_for()
    page.get_by_role("button", name="Send again").click()
    page.get_by_text("Call the restaurant first.").wait_for()
    page.looked_at("push-again-refused")
    assert OrderPush.objects.get().state == "unknown"
    page.get_by_label("I called the restaurant").check(force=True)
    page.get_by_role("button", name="Send again").click()
    page.get_by_text("It is being sent.").wait_for()
    assert OrderPush.objects.get().state == "due"


def test_a_silent_kitchen_is_settled_by_phone(at, browse):
    push = silent_order(at)
    page = browse(make_staff(), "phone")
    page.see(page_of(push))
    assert page.get_by_role("link", name="Call the restaurant").get_attribute("href") == "tel:+912255500101"
    page.get_by_role("link", name="Mark as handled by phone").click()
    page.get_by_label("Note").fill("Spoke to Anil")
    page.get_by_role("button", name="Mark as handled").click()
    page.get_by_role("heading", name="The kitchen has this order.").wait_for()
    page.get_by_text("Spoke to Anil").wait_for()
    page.looked_at("order-handled")
    assert Order.objects.get(pk=push.order_id).status == "confirmed"


def test_an_order_is_cancelled_with_a_reason(at, browse):
    push = place(at)
    page = browse(make_staff())
    page.see(page_of(push))
    page.get_by_role("link", name="Cancel the order").click()
    page.get_by_role("button", name="Cancel the order").click()
    page.get_by_text("This field is required.").wait_for()
    page.get_by_label("Reason").fill("The kitchen is out of gas")
    page.get_by_role("button", name="Cancel the order").click()
    page.get_by_text("The order is cancelled.", exact=False).first.wait_for()
    assert Order.objects.get().cancellation_reason == "The kitchen is out of gas"


def test_the_ticket_holds_what_the_kitchen_needs_in_black_on_white(at, browse):
    push = place(at)
    page = browse(make_staff(), "wide", "dark")
    page.see(f"/admin/orders/order/{push.order_id}/ticket/")
    page.emulate_media(media="print")
    text = page.locator("main").inner_text()
    for words in (
        push.order.reference,
        "Garlic Bread",
        "3Pieces",
        "Mojito",
        "no onion",
        "9000000002",
        "Testpur",
    ):
        assert words in text
    assert re.search(r"TOTAL|Total", text)
    assert page.locator("nav").is_hidden()
    looks = page.locator("body").evaluate(
        "e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]"
    )
    assert looks == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_today_looks_right_and_each_number_leads_to_its_list(at, nowhere, browse, client, width, theme):
    confirmed_order(at, client), silent_order(at), unknown_order(at), place(at)
    expired_order(nowhere)
    nowhere.integration.problem = "PetPooja refuses the app key."
    nowhere.integration.save()
    page = browse(make_staff(), width, theme)
    page.see("/admin/", "today")
    page.locator("canvas.chart").wait_for()
    assert page.locator(".dg-tile", has_text="Need a person").locator("strong").inner_text() == "3"
    if (width, theme) == ("wide", "light"):
        links = page.locator("#today a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
        for link in sorted(set(links)):
            page.see(link)
        page.see("/admin/")
        page.locator(".dg-tile", has_text="Need a person").click()
        page.wait_for_load_state("networkidle")
        assert page.locator("#result_list tbody tr").count() == 3


def parked_report(at, client):
    """A report about an order that nobody knows yet."""
    send(client, "order-status", order_status("LATECOMER", "CONFIRMED"))
    WebhookLog.objects.update(
        status="parked", verdict="unknown_order", order_ref="LATECOMER", next_attempt_at=None
    )
    return WebhookLog.objects.get()


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_the_ledger_looks_right(at, browse, client, width, theme):
    log = parked_report(at, client)
    confirmed_order(at, client)
    page = browse(make_staff(), width, theme)
    page.see("/admin/pos_integrations/webhooklog/", "ledger")
    page.see(f"/admin/pos_integrations/webhooklog/{log.pk}/change/", "webhook")
    page.see("/admin/pos_integrations/webhooklog/process-again/", "process-again")
    page.get_by_role("link", name="Leave it as it is").click()
    page.get_by_text("Filters").first.click()
    page.wait_for_timeout(300)
    page.looked_at("ledger-filters")


def test_a_parked_report_is_found_tried_and_processed_again(at, browse, client):
    log = parked_report(at, client)
    push = place(at)
    Order.objects.filter(pk=push.order_id).update(reference="LATECOMER")
    page = browse(make_staff())
    page.see("/admin/pos_integrations/webhooklog/")
    page.locator("input[name=q]").fill("latecom")
    page.keyboard.press("Enter")
    page.locator("#result_list tbody a").first.click()
    page.get_by_role("link", name="What would this change?").click()
    page.get_by_text("the kitchen took it", exact=False).wait_for()
    page.looked_at("webhook-preview")
    assert "Pending → Confirmed" in page.locator(".dg-now").inner_text()
    assert Order.objects.get().status == "pending"
    page.get_by_role("button", name="Process again").click()
    page.get_by_text("1 failed or parked webhook(s) will be processed again.").wait_for()
    log.refresh_from_db()
    assert (log.status, log.attempts) == ("received", 0)


def test_all_webhooks_of_a_filter_are_processed_again_after_a_count(at, browse, client):
    parked_report(at, client)
    page = browse(make_staff())
    page.see("/admin/pos_integrations/webhooklog/?verdict=unknown_order")
    page.get_by_role("link", name="Process all of these again").click()
    page.get_by_text("1 × unknown order").wait_for()
    page.get_by_role("button", name="Process 1 again").click()
    page.get_by_text("will be processed again").wait_for()
    assert WebhookLog.objects.get().status == "received"


# --- the walks of the README ----------------------------------------------------------------------------

TOUR = os.environ.get("DING_TOUR", "")


def tour(page, name):
    """A picture for the README, of what is in the window; only when DING_TOUR says where to."""
    page.looked_at()
    if TOUR:
        page.wait_for_timeout(300)
        page.screenshot(path=f"{TOUR}/{name}.png")


def test_the_walk_when_the_kitchen_is_silent(at, browse, client):
    confirmed_order(at, client)
    push = silent_order(at)
    page = browse(make_staff())
    page.see("/admin/")
    tour(page, "silent-1-today")
    page.get_by_role("link", name=push.order.reference).click()
    page.get_by_role("heading", name="The kitchen has not confirmed this order.").wait_for()
    tour(page, "silent-2-order")
    page.get_by_role("link", name="Mark as handled by phone").click()
    page.get_by_label("Note").fill("Spoke to Anil, ready at 20:40")
    tour(page, "silent-3-handled")
    page.get_by_role("button", name="Mark as handled").click()
    page.get_by_role("heading", name="The kitchen has this order.").wait_for()
    tour(page, "silent-4-done")


def test_the_walk_when_a_push_failed(nowhere, at, browse):
    push = expired_order(nowhere)
    page = browse(make_staff())
    page.see("/admin/orders/order/?q=90000+00002")
    tour(page, "failed-1-search")
    page.get_by_role("link", name=push.order.reference).click()
    page.get_by_role("heading", name="This order did not reach the kitchen in time.").wait_for()
    tour(page, "failed-2-order")
    # The POS is back.
    nowhere.integration.endpoint = at.integration.endpoint
    nowhere.integration.save()
    page.get_by_role("link", name="Send again").click()
    page.get_by_text("Call the guest first").wait_for()
    tour(page, "failed-3-send-again")
    page.get_by_role("button", name="Send again").click()
    page.get_by_text("It is being sent.").wait_for()
    outbound.deliver(push.pk)
    page.reload()
    page.get_by_text("attempt 2: taken").wait_for()
    page.get_by_role("heading", name="PetPooja took the order.").wait_for()
    tour(page, "failed-4-done")
