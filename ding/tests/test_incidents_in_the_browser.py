"""The incident flow in a real browser: it opens, a person takes it, the repair closes it."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group, User

from ding.incidents.models import Incident
from ding.incidents.tests.factories import make_place, make_push
from ding.incidents.watching import watch
from ding.roles import OPERATOR, set_roles
from pos_integrations.outbound import mark_handled

# A folder for pictures of each step, to look at.
PICTURES = os.environ.get("PICTURES", "")
SIZES = {"wide": {"width": 1400, "height": 900}, "phone": {"width": 390, "height": 844}}

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def operator(live_server, client):
    """Somebody on duty, logged in."""
    set_roles()
    user = User.objects.create_user("anna", is_staff=True)
    user.groups.add(Group.objects.get(name=OPERATOR))
    client.force_login(user)
    return client.cookies["sessionid"].value


@pytest.fixture
def open_page(chromium, live_server, operator):
    """Open pages as the operator; a complaint of a page or a call to another host fails the test."""
    complaints, hosts, contexts = [], set(), []

    def make(size, scheme):
        context = chromium.new_context(viewport=SIZES[size], color_scheme=scheme)
        contexts.append(context)
        context.add_cookies([{"name": "sessionid", "value": operator, "url": live_server.url}])
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda said: said.type in ("error", "warning") and complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints == []
    assert hosts == {urlsplit(live_server.url).netloc}


def look(page, name):
    """No part of the page is wider than the screen; keep a picture of it."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{name} is {wide} pixels too wide"
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


@pytest.mark.parametrize(
    ("size", "scheme"), [("wide", "light"), ("wide", "dark"), ("phone", "light"), ("phone", "dark")]
)
def test_from_the_alarm_to_the_repair(open_page, live_server, settings, size, scheme):
    settings.ALERT_EMAIL = ["duty@example.com"]
    place = make_place("Spice Garden")
    pushes = [
        make_push(
            place, "rejected", status="rejected", last_error="Item “Veg Loaded Pizza” is not on the menu."
        )
        for _ in range(3)
    ]
    make_place("Curry Corner", problem="Invalid app key.")
    watch()
    page = open_page(size, scheme)
    name = f"{size}-{scheme}"

    page.goto(f"{live_server.url}/admin/ding/incident/")
    assert page.get_by_text("Orders refused by the POS").first.is_visible()
    look(page, f"incidents-{name}")

    page.get_by_role("link", name="Orders refused by the POS").first.click()
    page.wait_for_selector("#incident")
    assert "Spice Garden: The POS refused 3 orders." in page.inner_text("#what")
    assert page.locator("#orders li").count() == 3
    look(page, f"incident-{name}")

    page.fill("textarea[name=note]", "Calling the restaurant.")
    page.get_by_role("button", name="I am at it").click()
    page.wait_for_selector("#acknowledged")
    assert "anna acknowledged it" in page.inner_text("#acknowledged")
    look(page, f"incident-taken-{name}")

    address = page.url
    page.get_by_role("link", name="Show the refused orders").click()
    page.wait_for_selector("#changelist")
    assert page.get_by_text(pushes[0].order.reference).first.is_visible()

    page.goto(address)
    page.locator("#orders a").first.click()
    page.wait_for_load_state()
    assert pushes[-1].order.reference in page.content()

    for push in pushes:
        mark_handled(push.order_id, by="anna")
    watch()
    assert Incident.objects.get(kind="order-refused").closed_at is not None
    page.goto(address)
    assert page.get_by_text("Closed", exact=True).first.is_visible()
    look(page, f"incident-closed-{name}")
