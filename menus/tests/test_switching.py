from __future__ import annotations

import datetime as dt

import pytest
import time_machine

from menus.models import AddOnItem, Item, Menu, Variation
from menus.services import StockReport, TimeIsPast, change_stock, end_shortages, end_switches, switch_stock
from menus.tests.factories import MENU, apply, big_menu, contents, make_restaurant, statements, with_item

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def at_now():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def restaurant():
    restaurant = make_restaurant()
    apply(restaurant)
    return restaurant


def pizza(restaurant):
    return Item.objects.get(restaurant=restaurant, external_id="i2")


def switch(row, available, until=None, kind="item"):
    return switch_stock(
        restaurant_id=row.restaurant_id, kind=kind, ids=[row.pk], available=available, until=until
    )


def say(restaurant, available, **values):
    change_stock(
        [StockReport(restaurant_id=restaurant.pk, external_ids=("i2",), available=available, **values)]
    )


def version(restaurant):
    return Menu.objects.get(pk=restaurant.pk).version


def test_a_switch_holds_until_its_time_and_then_the_pos_is_right_again(restaurant, at_now):
    assert switch(pizza(restaurant), False, NOW + HOUR) == 1
    assert pizza(restaurant).in_stock is False
    assert version(restaurant) == 2
    at_now.shift(59 * 60)
    assert end_shortages() == 0
    at_now.shift(60)
    assert end_shortages() == 1
    row = pizza(restaurant)
    assert (row.in_stock, row.pos_in_stock, row.switched_until) == (True, None, None)
    assert version(restaurant) == 3
    assert end_shortages() == 0


def test_a_sync_does_not_end_a_switch(restaurant):
    switch(pizza(restaurant), False, NOW + HOUR)
    apply(restaurant, with_item(MENU, "i2", name="Pizza of the day"))
    row = pizza(restaurant)
    assert (row.name, row.in_stock, row.switched_until) == ("Pizza of the day", False, NOW + HOUR)
    apply(restaurant, with_item(MENU, "i2", in_stock=False))
    apply(restaurant)
    assert pizza(restaurant).in_stock is False


def test_what_the_menu_said_meanwhile_holds_after_the_switch(restaurant, at_now):
    switch(pizza(restaurant), True, NOW + HOUR)
    apply(restaurant, with_item(MENU, "i2", in_stock=False))
    assert pizza(restaurant).in_stock is True
    at_now.shift(3600)
    assert end_shortages() == 1
    assert pizza(restaurant).in_stock is False


def test_what_the_kitchen_reported_meanwhile_holds_after_the_switch(restaurant):
    switch(pizza(restaurant), True)
    say(restaurant, False)
    assert pizza(restaurant).in_stock is True
    assert end_switches(restaurant_id=restaurant.pk, kind="item", ids=[pizza(restaurant).pk]) == 1
    row = pizza(restaurant)
    assert (row.in_stock, row.pos_in_stock) == (False, None)


def test_a_shortage_of_the_pos_may_end_under_a_switch(restaurant, at_now):
    say(restaurant, False, until=NOW + HOUR)
    switch(pizza(restaurant), False, NOW + 3 * HOUR)
    at_now.shift(3600)
    assert end_shortages() == 1
    row = pizza(restaurant)
    assert (row.in_stock, row.pos_in_stock, row.back_at) == (False, True, None)
    at_now.shift(2 * 3600)
    assert end_shortages() == 1
    assert pizza(restaurant).in_stock is True


def test_switching_again_keeps_what_the_pos_says(restaurant):
    switch(pizza(restaurant), False)
    switch(pizza(restaurant), False, NOW + HOUR)
    row = pizza(restaurant)
    assert (row.in_stock, row.pos_in_stock, row.switched_until) == (False, True, NOW + HOUR)


@pytest.mark.parametrize(
    ("kind", "model", "external_id"), [("variation", Variation, "v1"), ("addon", AddOnItem, "a1")]
)
def test_sizes_and_add_ons_are_switched_alike(restaurant, kind, model, external_id):
    row = model.objects.get(restaurant=restaurant, external_id=external_id)
    assert switch(row, False, kind=kind) == 1
    row.refresh_from_db()
    assert (row.in_stock, row.pos_in_stock) == (False, True)


def test_another_restaurants_rows_are_not_switched(restaurant):
    other = make_restaurant(name="Other")
    apply(other)
    before = contents()
    ids = [pizza(other).pk]
    assert switch_stock(restaurant_id=restaurant.pk, kind="item", ids=ids, available=False) == 0
    assert end_switches(restaurant_id=restaurant.pk, kind="item", ids=ids) == 0
    assert contents() == before


def test_a_time_that_is_past_is_refused(restaurant):
    before = contents()
    with pytest.raises(TimeIsPast):
        switch(pizza(restaurant), False, NOW)
    assert contents() == before


def test_many_rows_take_as_many_statements_as_one(restaurant):
    big = make_restaurant(name="Big")
    apply(big, big_menu(500))
    found = []
    for count in (1, 500):
        ids = list(Item.objects.filter(restaurant=big).values_list("pk", flat=True)[:count])
        with statements() as sql:
            assert switch_stock(restaurant_id=big.pk, kind="item", ids=ids, available=False) == count
        found.append(len(sql))
    assert found == [4, 4]
