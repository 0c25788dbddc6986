from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from menus.models import Item
from menus.services.comparing import compare_menu, digest_of
from menus.snapshot import CategorySnapshot, Charges, ItemSnapshot, OpeningWindow, VariationSnapshot
from menus.tests.factories import (
    BREAD,
    MENU,
    apply,
    big_menu,
    contents,
    make_restaurant,
    statements,
    with_item,
    without_item,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def restaurant():
    restaurant = make_restaurant()
    apply(restaurant)
    return restaurant


def compare(restaurant, menu=MENU):
    return compare_menu(restaurant=restaurant, menu=menu)


def told(restaurant, menu):
    return [(c.kind, c.name, c.what, c.fields) for c in compare(restaurant, menu)]


def test_the_same_menu_changes_nothing(restaurant):
    assert compare(restaurant) == []


def test_comparing_writes_nothing(restaurant):
    before = contents()
    compare(restaurant, with_item(MENU, "i2", price=Decimal("1")))
    assert contents() == before


def test_a_changed_dish_is_told_field_by_field(restaurant):
    menu = with_item(
        MENU, "i2", price=Decimal("120"), diet="", tax_ids=("t1",), order_types=(), prep_minutes=None
    )
    assert told(restaurant, menu) == [
        (
            "items",
            "Veg Loaded Pizza",
            "changed",
            [
                ("Price", "100.05", "120.00"),
                ("Taxes", "CGST, Cess", "CGST"),
                ("Sold for", "delivery, pick-up", "—"),
                ("Diet mark", "veg", "—"),
                ("Preparation (minutes)", "25", "—"),
            ],
        )
    ]
    (change,) = compare(restaurant, menu)
    assert (change.external_id, change.where) == ("i2", "Mains")


def test_sizes_are_told_with_their_dish(restaurant):
    sizes = (
        replace(BREAD.variations[0], price=Decimal("150")),
        VariationSnapshot("v3", "12 pieces", Decimal("300")),
    )
    assert told(restaurant, with_item(MENU, "i1", variations=sizes)) == [
        (
            "items",
            "Garlic Bread",
            "changed",
            [
                ("size 3 pieces: price", "140.00", "150.00"),
                ("size 12 pieces", "", "300.00"),
                ("size 6 pieces", "160.50", ""),
            ],
        )
    ]


def test_what_is_new_and_what_is_gone(restaurant):
    new = ItemSnapshot("i9", "c1", "Naan", Decimal("45.5"), description="Warm")
    menu = without_item(MENU, "i3")
    menu = replace(menu, items=(*menu.items, new))
    found = {c.name: (c.what, c.where, c.fields) for c in compare(restaurant, menu)}
    assert found["Cola"] == ("gone", "Mains", [])
    what, where, fields = found["Naan"]
    assert (what, where) == ("added", "Breads")
    assert ("Price", "", "45.50") in fields
    assert ("Description", "", "Warm") in fields


def test_what_has_gone_already_is_not_told_again_and_may_come_back(restaurant):
    menu = without_item(MENU, "i3")
    apply(restaurant, menu, force=True)
    assert compare(restaurant, menu) == []
    (change,) = compare(restaurant)
    assert (change.name, change.what) == ("Cola", "added")


def test_headings_charges_and_details_are_in_words(restaurant):
    windows = (OpeningWindow(dt.time(11), dt.time(15), days=(0, 6)),)
    menu = replace(
        MENU,
        categories=(replace(MENU.categories[0], opening=windows), *MENU.categories[1:]),
        charges=replace(MENU.charges, delivery=Decimal("60")),
    )
    menu = with_item(menu, "i2", details={"tags": ["new", "hot"], "spice": 2})
    assert told(restaurant, menu) == [
        ("menu", "Charges and times", "changed", [("Delivery charge", "50", "60")]),
        ("categories", "Breads", "changed", [("Sold at", "always", "Mon, Sun 11:00-15:00")]),
        ("items", "Veg Loaded Pizza", "changed", [("Tags", "new", "new, hot")]),
    ]


def test_a_new_signature_on_a_picture_is_no_change(restaurant):
    url = "https://images.example/pizza.jpg?signature=2"
    assert compare(restaurant, with_item(MENU, "i2", image_url=url)) == []


def test_what_was_seen_is_told_from_what_came_since(restaurant):
    one = compare(restaurant, with_item(MENU, "i2", price=Decimal("1")))
    again = compare(restaurant, with_item(MENU, "i2", price=Decimal("1")))
    other = compare(restaurant, with_item(MENU, "i2", price=Decimal("2")))
    assert digest_of(one) == digest_of(again) != digest_of(other)


@pytest.mark.parametrize("menu", [MENU, big_menu(40)], ids=["small", "generated"])
def test_what_it_shows_is_what_a_sync_writes(db, menu):
    restaurant = make_restaurant(name="Empty")
    assert compare(restaurant, menu)
    apply(restaurant, menu)
    assert compare(restaurant, menu) == []
    changed = replace(
        menu,
        categories=(*menu.categories[:-1], CategorySnapshot("new", "New")),
        items=tuple(replace(item, price=item.price + 1) for item in menu.items[1:]),
        charges=Charges(),
    )
    assert compare(restaurant, changed)
    apply(restaurant, changed, force=True)
    assert compare(restaurant, changed) == []


def test_a_large_menu_takes_as_many_statements_as_a_small_one(db):
    found = []
    for size in (20, 400):
        restaurant = make_restaurant(name=f"r{size}")
        apply(restaurant, big_menu(size))
        with statements() as sql:
            assert len(compare(restaurant, big_menu(size, price=Decimal("7")))) == size
        found.append(len(sql))
    assert found[0] == found[1]
    assert Item.objects.count() == 420
