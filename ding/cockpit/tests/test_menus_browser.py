"""The menus' pages in a real browser, against the simulated POS: browse, switch, sync, preview, decide, approve."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from ding.audit import AuditEvent
from ding.cockpit.tests.conftest import LOOKS, make_staff
from ding.roles import OPERATOR, VIEWER
from menus.models import Item, LeftChange
from menus.services import switch_stock
from pos_integrations import menu_sync, tasks
from pos_integrations.models import MenuRequest, MenuReview
from pos_integrations.simulator import make_menu, sample_menu
from pos_integrations.tests.factories import connect, make_restaurant

pytestmark = pytest.mark.browser


@pytest.fixture
def integration(ding_url, pos):
    integration = connect(pos, make_restaurant())
    menu_sync.sync_menu(integration, trigger=menu_sync.Trigger.API)
    return integration


def work_off():
    """What a worker does when it is nudged."""
    for wish in MenuRequest.objects.filter(state="queued"):
        tasks.run_menu_request(wish.pk)


def menu_address(integration):
    return f"/admin/menus/menu/{integration.restaurant_id}/change/"


def sync_address(integration):
    return f"/admin/pos_integrations/restaurantposintegration/menu/{integration.restaurant_id}/"


def changed_menu():
    menu = sample_menu("abcd1234")
    menu["items"][0]["price"] = "120"
    menu["items"][1]["itemname"] = "Dark chocolate cake"
    return menu


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_the_pages_hold_at_every_width_and_in_both_themes(browse, integration, pos, width, theme):
    page = browse(make_staff(role=OPERATOR), width, theme)
    switch_stock(
        restaurant_id=integration.restaurant_id,
        kind="item",
        ids=[Item.objects.order_by("pk")[1].pk],
        available=False,
        until=timezone.now() + dt.timedelta(hours=3),
    )
    page.see("/admin/menus/menu/", "menus")
    page.see(menu_address(integration), "menu")
    page.see(menu_address(integration) + "?heading=addons", "menu-addons")
    pos.set_menu("abcd1234", changed_menu())
    page.see(sync_address(integration), "menu-sync")
    page.get_by_role("button", name="Preview").click()
    page.get_by_text("Waiting for a worker").wait_for()
    page.looked_at("menu-progress")
    work_off()
    page.get_by_text("What a sync would change").wait_for()
    page.looked_at("menu-preview")


def test_a_dish_is_switched_off_and_handed_back(browse, integration):
    page = browse(make_staff(role=OPERATOR))
    page.see(menu_address(integration))
    page.get_by_role("switch", name="Veg Loaded Pizza is sold").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("for four hours").check()
    page.looked_at("menu-switching")
    dialog.get_by_role("button", name="Switch off").click()
    page.get_by_text("Switched off by staff until").wait_for()
    pizza = Item.objects.get(name="Veg Loaded Pizza")
    assert (pizza.in_stock, pizza.pos_in_stock) == (False, True)
    assert pizza.switched_until > timezone.now() + dt.timedelta(hours=3, minutes=50)
    event = AuditEvent.objects.first()
    assert (event.actor, event.note) == ("staff:anna", "Veg Loaded Pizza")
    assert event.action.startswith("switched off until")

    menu_sync.sync_menu(integration, trigger=menu_sync.Trigger.SCHEDULE)
    page.see(menu_address(integration) + "?only=switched")
    page.get_by_role("button", name="Follow the POS").click()
    page.get_by_text("Staff have switched nothing.").wait_for()
    pizza.refresh_from_db()
    assert (pizza.in_stock, pizza.pos_in_stock) == (True, None)


@pytest.mark.parametrize(("width", "theme"), [LOOKS[0], LOOKS[3]])
def test_a_whole_heading_is_switched_off_and_handed_back(browse, integration, width, theme):
    page = browse(make_staff(role=OPERATOR), width, theme)
    item = Item.objects.filter(category__isnull=False).select_related("category").first()
    under = Item.objects.filter(category=item.category)
    page.see(f"{menu_address(integration)}?heading={item.category_id}", "menu-heading")
    whole = page.get_by_role("group", name=f"All of {item.category.name}")
    whole.get_by_role("button", name="Switch off").click()
    page.get_by_role("heading", name=f"Switch off: all of {item.category.name}").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Switch off").click()
    page.get_by_text("Switched off by staff until").first.wait_for()
    assert not under.filter(in_stock=True).exists()
    assert Item.objects.filter(pos_in_stock__isnull=False).count() == under.count()
    whole.get_by_role("button", name="Follow the POS").click()
    page.get_by_text("follows the POS again").wait_for()
    assert not Item.objects.filter(in_stock=False).exists()


def test_one_change_is_left_and_the_rest_applied(browse, integration, pos):
    pos.set_menu("abcd1234", changed_menu())
    page = browse(make_staff(role=OPERATOR))
    page.see(sync_address(integration))
    page.get_by_role("button", name="Preview").click()
    page.get_by_text("Waiting for a worker").wait_for()
    work_off()
    dear = page.get_by_role("listitem").filter(has_text="Veg Loaded Pizza")
    dear.get_by_text("100.00").wait_for()
    dear.get_by_text("120.00").wait_for()
    dear.get_by_role("button", name="Leave it").click()
    page.get_by_text("left as it is by anna").wait_for()
    page.looked_at("menu-left")
    page.get_by_role("button", name="Apply the other 1 change").click()
    page.get_by_text("Waiting for a worker").wait_for()
    work_off()
    page.get_by_text("Follow the POS again").wait_for()
    page.looked_at("menu-after")
    assert str(Item.objects.get(name="Veg Loaded Pizza").price) == "100.00"
    assert Item.objects.filter(name="Dark chocolate cake").exists()

    page.get_by_role("button", name="Follow the POS again").click()
    page.get_by_text("will follow the POS again").wait_for()
    assert not LeftChange.objects.exists()
    page.get_by_role("button", name="Sync now").click()
    page.get_by_text("Waiting for a worker").wait_for()
    work_off()
    page.get_by_text("3 items; items: 1 changed.").wait_for()
    assert str(Item.objects.get(name="Veg Loaded Pizza").price) == "120.00"


def test_a_held_menu_is_approved_as_it_was_seen_or_asked_again(browse, integration, pos):
    menu = sample_menu("abcd1234")
    pos.set_menu("abcd1234", {**menu, "items": menu["items"][:1]})
    page = browse(make_staff(role=OPERATOR))
    page.see(sync_address(integration))
    page.get_by_role("button", name="Sync now").click()
    page.get_by_text("Waiting for a worker").wait_for()
    work_off()
    page.get_by_text("This menu is held: it waits for you").wait_for()
    page.looked_at("menu-held")
    pos.set_menu("abcd1234", {**menu, "items": menu["items"][:2]})
    page.get_by_role("button", name="Apply").click()
    page.get_by_text("Waiting for a worker").wait_for()
    work_off()
    page.get_by_text("has changed since you looked").wait_for()
    assert Item.objects.filter(active=True).count() == 3
    page.get_by_role("button", name="Apply").click()
    page.get_by_text("Waiting for a worker").wait_for()
    work_off()
    page.get_by_text("Follow").or_(
        page.get_by_text("3 items").or_(page.get_by_text("2 items;"))
    ).first.wait_for()
    assert Item.objects.filter(active=True).count() == 2
    assert not MenuReview.objects.exists()


def test_who_may_only_look_has_no_buttons(browse, integration):
    page = browse(make_staff(role=VIEWER))
    page.see(menu_address(integration))
    assert page.get_by_role("switch").count() == 0
    page.see(sync_address(integration))
    assert page.get_by_role("button", name="Sync now").count() == 0


def test_a_long_menu_comes_in_pages(browse, integration, pos):
    pos.set_menu("abcd1234", make_menu(200, code="abcd1234"))
    menu_sync.sync_menu(integration, trigger=menu_sync.Trigger.API, force=True)
    page = browse(make_staff(role=OPERATOR))
    page.see(menu_address(integration), "menu-long")
    page.get_by_role("link", name="Next").click()
    page.get_by_text("Page 2 of 5").wait_for()
