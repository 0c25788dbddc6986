from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from menus.models import AddOnItem, Category, Item, LeftChange, Variation
from menus.services import Choice, MenuHeld, leave_changes, take_changes
from menus.snapshot import CategorySnapshot, ItemSnapshot, VariationSnapshot
from menus.tests.factories import (
    BREAD,
    MENU,
    apply,
    contents,
    make_restaurant,
    with_item,
    without_item,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def restaurant():
    restaurant = make_restaurant()
    apply(restaurant)
    return restaurant


def leave(restaurant, kind, *external_ids):
    choices = [Choice(kind, external_id, external_id) for external_id in external_ids]
    return leave_changes(restaurant_id=restaurant.pk, choices=choices, by="asha")


def left(restaurant):
    return set(LeftChange.objects.filter(restaurant=restaurant).values_list("kind", "external_id"))


def price(external_id):
    return Item.objects.get(external_id=external_id).price


def test_a_change_that_was_left_stays_left_sync_after_sync(restaurant):
    leave(restaurant, "items", "i2")
    dear = with_item(with_item(MENU, "i2", price=Decimal("1")), "i3", price=Decimal("45"))
    for _ in range(2):
        changes = apply(restaurant, dear)
        assert (price("i2"), price("i3"), changes.left) == (Decimal("100.05"), Decimal("45"), 1)
    assert left(restaurant) == {("items", "i2")}


def test_a_change_that_is_taken_comes_with_the_next_sync(restaurant):
    leave(restaurant, "items", "i2")
    cheap = with_item(MENU, "i2", price=Decimal("1"))
    apply(restaurant, cheap)
    choice = Choice("items", "i2", "")
    assert take_changes(restaurant_id=restaurant.pk, choices=[choice]) == 1
    assert take_changes(restaurant_id=restaurant.pk, choices=[choice]) == 0
    assert apply(restaurant, cheap).left == 0
    assert price("i2") == Decimal("1")


def test_the_choice_is_forgotten_when_the_pos_says_again_what_we_have(restaurant):
    leave(restaurant, "items", "i1", "i2")
    apply(restaurant, with_item(MENU, "i1", variations=BREAD.variations[:1]))
    assert left(restaurant) == {("items", "i1")}
    apply(restaurant)
    assert left(restaurant) == set()


def test_a_dish_is_left_with_its_sizes(restaurant):
    leave(restaurant, "items", "i1")
    sizes = (
        replace(BREAD.variations[0], price=Decimal("1")),
        VariationSnapshot("v3", "12 pieces", Decimal("300")),
    )
    apply(restaurant, with_item(MENU, "i1", name="Bread", variations=sizes))
    assert list(
        Variation.objects.filter(active=True).order_by("rank").values_list("external_id", "price")
    ) == [
        ("v1", Decimal("140.00")),
        ("v2", Decimal("160.50")),
    ]
    assert Item.objects.get(external_id="i1").name == "Garlic Bread"


def test_a_dish_that_would_go_stays_with_its_heading(restaurant):
    leave(restaurant, "items", "i1")
    menu = replace(without_item(MENU, "i1"), categories=MENU.categories[1:])
    apply(restaurant, menu)
    assert Item.objects.get(external_id="i1").active
    assert Category.objects.get(external_id="c1").active
    assert Variation.objects.filter(item__external_id="i1", active=True).count() == 2


def test_a_new_dish_is_not_taken_under_a_heading_that_was_left(restaurant):
    leave(restaurant, "categories", "c9")
    cola = MENU.items[2]
    menu = replace(
        MENU,
        categories=(*MENU.categories, CategorySnapshot("c9", "Secret")),
        items=(
            *MENU.items[:2],
            replace(cola, category_id="c9"),
            ItemSnapshot(
                "i9",
                "c9",
                "New",
                Decimal("5"),
                variations=(VariationSnapshot("v9", "Small", Decimal("5")),),
            ),
        ),
    )
    apply(restaurant, menu)
    assert not Item.objects.filter(external_id="i9").exists()
    assert Item.objects.get(external_id="i3").category.external_id == "c2"
    take_changes(restaurant_id=restaurant.pk, choices=[Choice("categories", "c9", "")])
    apply(restaurant, menu)
    found = Item.objects.filter(category__external_id="c9", active=True)
    assert set(found.values_list("external_id", flat=True)) == {"i3", "i9"}
    assert Variation.objects.get(external_id="v9").item.external_id == "i9"


def test_a_group_is_left_with_its_add_ons(restaurant):
    leave(restaurant, "addon_groups", "g1")
    groups = (replace(MENU.addon_groups[0], items=MENU.addon_groups[0].items[:1]), MENU.addon_groups[1])
    apply(restaurant, replace(MENU, addon_groups=groups))
    assert AddOnItem.objects.get(external_id="a2").active


def test_what_was_left_does_not_count_as_shrinking(restaurant):
    menu = replace(MENU, items=(BREAD,))
    with pytest.raises(MenuHeld):
        apply(restaurant, menu)
    leave(restaurant, "items", "i2", "i3")
    assert apply(restaurant, menu).left == 2
    assert Item.objects.filter(active=True).count() == 3


def test_choices_of_another_restaurant_do_not_count(restaurant):
    other = make_restaurant(name="Other")
    leave(other, "items", "i2")
    apply(restaurant, with_item(MENU, "i2", price=Decimal("1")))
    assert price("i2") == Decimal("1")
    assert left(other) == {("items", "i2")}


def test_a_dry_run_forgets_nothing(restaurant):
    leave(restaurant, "items", "i2")
    before = contents()
    apply(restaurant, dry_run=True)
    assert contents() == before
    assert left(restaurant) == {("items", "i2")}
