"""Connecting a restaurant in a real browser, against the simulated POS, from its name to its first order."""

from __future__ import annotations

import pytest

from ding.audit import AuditEvent
from ding.cockpit.tests.conftest import LOOKS, make_staff
from ding.cockpit.tests.test_menus_browser import work_off
from ding.roles import INTEGRATION_MANAGER
from menus.models import Item, Restaurant
from pos_integrations.models import PosProvider, RestaurantPosIntegration, RestaurantWebhookSecret
from pos_integrations.simulator import DEMO_CREDENTIALS
from pos_integrations.tests.factories import connect, make_restaurant

pytestmark = pytest.mark.browser

START = "/admin/pos_integrations/restaurantposintegration/connect/"


@pytest.fixture
def manager(db):
    return make_staff(role=INTEGRATION_MANAGER)


@pytest.mark.parametrize(("width", "theme"), [LOOKS[0], LOOKS[3]])
def test_a_restaurant_is_connected_from_its_name_to_going_live(browse, ding_url, pos, width, theme):
    page = browse(make_staff(role=INTEGRATION_MANAGER), width, theme)

    def button(name):
        return page.get_by_role("main").or_(page.locator(".dg")).get_by_role("button", name=name, exact=True)

    page.see(START, "connect-start")
    page.get_by_role("link", name="New restaurant").click()
    page.get_by_label("Name").fill("Spice Garden")
    page.get_by_label("Address").fill("2 Example Street, Testpur")
    page.get_by_label("Phone").fill("+91 22 5555 0100")
    page.get_by_label("Email").fill("kitchen@example.com")
    page.looked_at("connect-1-restaurant")
    button("Continue").click()
    page.get_by_text("Which POS does it have?").wait_for()
    restaurant = Restaurant.objects.get()
    assert restaurant.accepting_orders is False

    page.get_by_label("API address").fill(pos.base_url)
    page.looked_at("connect-2-pos")
    button("Set it up and continue").click()
    page.get_by_label("Restaurant's id at the POS").fill("abcd1234")
    button("Save and continue").click()
    # The secrets were forgotten; the integration is saved, and the test says what is missing.
    page.get_by_text("Does PetPooja know this account?").wait_for()
    button("Test the connection").click()
    page.get_by_text("Not configured: App key, App secret, Access token.").wait_for()
    page.looked_at("connect-4-test-failed")
    page.get_by_role("link", name="Mend it").click()

    page.get_by_label("App key").fill(DEMO_CREDENTIALS.app_key)
    page.get_by_label("App secret").fill(DEMO_CREDENTIALS.app_secret)
    page.get_by_label("Access token").fill(DEMO_CREDENTIALS.access_token)
    page.looked_at("connect-3-account")
    button("Save and continue").click()
    page.get_by_text("Not tested since the settings were changed.").wait_for()
    button("Test the connection").click()
    page.get_by_text("Tested ").wait_for()
    page.looked_at("connect-4-test")
    integration = RestaurantPosIntegration.objects.get()
    assert all(finding["ok"] for finding in integration.findings), integration.findings
    assert integration.active is False
    page.get_by_role("link", name="Continue").click()

    page.get_by_role("button", name="Preview").click()
    page.get_by_text("Waiting for a worker").wait_for()
    work_off()
    page.get_by_role("button", name="Apply").wait_for()
    page.looked_at("connect-5-menu")
    page.get_by_role("button", name="Apply").click()
    page.get_by_text("Waiting for a worker").wait_for()
    work_off()
    page.get_by_text("3 dishes are on ours now").wait_for()
    assert Item.objects.filter(active=True).count() == 3
    page.get_by_role("link", name="Continue").click()

    button("Make the secret").click()
    secret = page.locator("#dg-secret").text_content()
    page.looked_at("connect-6-webhooks")
    assert RestaurantWebhookSecret.objects.get().is_active
    address = page.locator("code", has_text="/menu/").first.text_content()
    assert address == f"{ding_url}/api/webhooks/petpooja/{integration.public_id}/menu/{secret}"
    page.get_by_role("button", name="Copy").first.click()
    page.get_by_role("button", name="Copied").wait_for()
    page.get_by_role("link", name="Continue").click()

    page.get_by_text("Everything that is needed is there.").wait_for()
    assert secret not in page.content()
    page.looked_at("connect-7-ready")
    button("Go live").click()
    page.get_by_text("Spice Garden takes orders").wait_for()
    page.looked_at("connect-7-live")
    restaurant.refresh_from_db()
    integration.refresh_from_db()
    assert (integration.active, restaurant.accepting_orders) == (True, True)
    done = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    for action in (
        "added",
        "connected",
        "changed",
        "tested the connection",
        "rotated the webhook secret",
        "went live",
    ):
        assert action in done
    # What was saved is told without its value when the account is opened again.
    page.see(f"{START}{restaurant.pk}/account/", "connect-3-account-again")
    page.get_by_text("set, ends in …").first.wait_for()
    for secret in (DEMO_CREDENTIALS.app_key, DEMO_CREDENTIALS.app_secret, DEMO_CREDENTIALS.access_token):
        assert secret not in page.content()


@pytest.mark.parametrize(("width", "theme"), LOOKS[1:3])
def test_every_step_holds_at_every_width_and_in_both_themes(browse, manager, pos, width, theme):
    integration = connect(pos, make_restaurant())
    page = browse(manager, width, theme)
    page.see(START, "connect-start")
    page.see(f"{START}new/", "connect-new")
    for number, step in enumerate(("restaurant", "pos", "account", "test", "menu", "webhooks", "live"), 1):
        page.see(f"{START}{integration.restaurant_id}/{step}/", f"connect-{number}-{step}")


def test_it_goes_on_where_it_was_left(browse, manager, pos):
    restaurant = make_restaurant()
    Restaurant.objects.update(accepting_orders=False)
    page = browse(manager)
    page.see(START)
    page.get_by_role("link", name="Connect", exact=True).click()
    page.get_by_text("Which POS does it have?").wait_for()
    connect(pos, restaurant)
    RestaurantPosIntegration.objects.update(active=False)
    page.see(START)
    page.get_by_text("Begun at PetPooja, not live.").wait_for()
    page.get_by_role("link", name="Go on").click()
    page.get_by_text("Does PetPooja know this account?").wait_for()
    page.see(f"{START}{restaurant.pk}/live/", "connect-not-ready")
    assert page.get_by_role("button", name="Go live").is_disabled()
    page.get_by_role("listitem").filter(has_text="There is no menu yet").get_by_role(
        "link", name="Mend it"
    ).click()
    page.get_by_text("Look at the menu first").wait_for()


def test_what_is_wrong_is_said_at_its_field(browse, manager, pos):
    restaurant = make_restaurant()
    PosProvider.objects.create(provider_name="petpooja", display_name="PetPooja", base_api_url=pos.base_url)
    page = browse(manager)
    page.see(f"{START}{restaurant.pk}/pos/")
    page.get_by_role("link", name="PetPooja").click()
    page.get_by_label("Restaurant's id at the POS").fill("12345")
    page.get_by_text("How ding deals with it").click()
    page.get_by_label("Retries", exact=True).fill("99")
    page.get_by_text("Paste settings as JSON").click()
    page.locator("textarea").fill("[1]")
    page.get_by_role("button", name="Save and continue").click()
    page.get_by_text("Not saved yet").wait_for()
    page.get_by_text("Give one object").wait_for()
    page.looked_at("connect-errors")
    page.locator("textarea").fill('{"prep_minutes": 20}')
    page.get_by_label("Retries", exact=True).fill("5")
    page.get_by_role("button", name="Save and continue").click()
    page.get_by_text("looks like the numeric restaurant id").wait_for()
    page.get_by_label("Restaurant's id at the POS").fill("abcd1234")
    page.locator("details", has_text="Paste settings").locator("summary").click()
    page.locator("textarea").fill('{"prep_minutes": 20}')
    page.get_by_role("button", name="Save and continue").click()
    page.get_by_text("Does PetPooja know this account?").wait_for()
    config = RestaurantPosIntegration.objects.get().restaurant_specific_config
    assert (config["prep_minutes"], config["push_retries"]) == (20, 5)
