"""A menu that is known again costs nothing; whatever could make a difference makes it read."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.utils import timezone

from menus.models import Item, LeftChange, Menu, MenuImage
from pos_integrations import menu_sync
from pos_integrations.adapters.petpooja.menu import digests
from pos_integrations.menu_sync import Trigger
from pos_integrations.models import MenuSyncHistory, RestaurantPosIntegration
from pos_integrations.simulator import make_menu, sample_menu
from pos_integrations.tests.factories import connect, counting, fresh, make_restaurant


@pytest.fixture
def integration(db, pos):
    pos.set_menu("abcd1234", make_menu(30, code="abcd1234"))
    return connect(pos, make_restaurant())


def sync(integration, **options):
    """The steps of a sync: a menu that is known again is not compared."""
    steps = []
    menu_sync.sync_menu(fresh(integration), trigger=Trigger.API, progress=steps.append, **options)
    return "known" if len(steps) == 2 else "compared"


def test_the_same_menu_at_another_time_is_known_again(integration, pos):
    assert sync(integration) == "compared"
    menu = make_menu(30, code="abcd1234")
    menu["serverdatetime"] = "2027-01-01 01:01:01"
    pos.set_menu("abcd1234", menu)
    before = dict(Item.objects.values_list("pk", "updated_at")), Menu.objects.get().version
    with counting() as statements:
        assert sync(integration) == "known"
    assert statements() < 16
    assert (dict(Item.objects.values_list("pk", "updated_at")), Menu.objects.get().version) == before
    newest, first = MenuSyncHistory.objects.all()
    assert (newest.status, newest.items_synced) == (first.status, first.items_synced) == ("success", 30)
    assert newest.changes == {kind: {"added": 0, "changed": 0, "deactivated": 0} for kind in first.changes}


def test_any_other_difference_is_seen(integration, pos):
    sync(integration)
    menu = make_menu(30, code="abcd1234")
    menu["items"][7]["itemname"] += "!"
    pos.set_menu("abcd1234", menu)
    assert sync(integration) == "compared"
    assert Item.objects.filter(name__endswith="!").count() == 1
    assert sync(integration) == "known"


def test_problems_of_the_menu_are_told_again(integration, pos):
    menu = sample_menu("abcd1234")
    menu["items"][1]["price"] = "a lot"
    pos.set_menu("abcd1234", menu)
    sync(integration)
    assert sync(integration) == "known"
    newest, first = MenuSyncHistory.objects.all()
    assert (newest.status, newest.errors) == (first.status, first.errors)
    assert newest.status == "partial"


@pytest.mark.parametrize("options", [{"force": True}, {"dry_run": True}, {"preview": True}], ids=str)
def test_who_asks_for_more_gets_it_compared(integration, options):
    sync(integration)
    assert sync(integration, **options) == "compared"


def test_once_a_day_everything_is_compared(integration):
    sync(integration)
    assert sync(integration) == "known"
    Item.objects.update(name="somebody's SQL", content_hash="")
    with time_machine.travel(timezone.now() + dt.timedelta(hours=25)):
        assert sync(integration) == "compared"
    assert not Item.objects.filter(name="somebody's SQL").exists()


def test_what_somebody_left_is_compared_each_time_and_once_more_when_it_is_taken(integration):
    sync(integration)
    left = LeftChange.objects.create(
        restaurant=integration.restaurant, kind="items", external_id="none", name="x"
    )
    assert sync(integration) == "compared"
    left.delete()
    assert sync(integration) == "known"


def test_a_picture_that_is_not_copied_yet_needs_its_newest_address(integration, pos):
    def signed(today):
        menu = make_menu(30, code="abcd1234")
        menu["items"][0]["item_image_url"] = f"https://images.example/a.jpg?signature={today}"
        pos.set_menu("abcd1234", menu)

    signed("monday")
    assert sync(integration) == "compared"
    assert sync(integration) == "known"
    signed("tuesday")
    assert sync(integration) == "compared"
    MenuImage.objects.update(file="a.jpg")
    signed("wednesday")
    assert sync(integration) == "known"


def test_another_menu_that_came_between_makes_it_read_again(integration, pos):
    sync(integration)
    adapter = menu_sync.adapter_of(integration.pos_provider)
    account = menu_sync.account_for(fresh(integration))
    raw = adapter.fetch_menu_document(account, menu_sync.http_for(account, max_bytes=menu_sync.MENU_BYTES))
    other = adapter.read_menu_document(raw.replace(b'"active": "1"', b'"active": "0"', 1), account)
    menu_sync.apply_published(fresh(integration), other)
    assert fresh(integration).menu_digest == ""
    assert sync(integration) == "compared"


def test_another_way_of_reading_makes_it_read_again(integration):
    sync(integration)
    row = fresh(integration)
    row.restaurant_specific_config = {**row.restaurant_specific_config, "marketplace": True}
    row.save()
    assert sync(integration) == "compared"
    assert RestaurantPosIntegration.objects.get().menu_digest


def test_only_the_time_and_the_signatures_are_left_out_of_the_hash():
    def digest(text):
        return digests(text.encode())[0]

    assert digest('{"serverdatetime": "1", "a": 1}') == digest('{"serverdatetime": "22", "a": 1}')
    assert digest('{"serverdatetime": "1", "a": 1}') != digest('{"serverdatetime": "1", "a": 2}')
    signed = '"item_image_url":"https:\\/\\/images.example\\/a.jpg?{}","b":1'
    assert digest(signed.format("X=1")) == digest(signed.format("X=2&Y"))
    by_query = '"item_image_url":"https://images.example/image.php?id={}"'
    assert digest(by_query.format(1)) != digest(by_query.format(2))
    # A signature ends with its text, and only the first question mark begins one.
    after = '"item_image_url":"https://a.example/a.jpg?s=1","itemdescription":"Hot?{}"'
    assert digest(after.format(1)) != digest(after.format(2))
    two = '"item_image_url":"https://a.example/a?b={}.jpg?s=1"'
    assert digest(two.format(1)) != digest(two.format(2))
    # Words inside a text are the menu's.
    inside = '"itemdescription": "\\"serverdatetime\\": \\"{}\\""'
    assert digest(inside.format(1)) != digest(inside.format(2))
