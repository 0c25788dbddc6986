from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
import time_machine
from django.db import transaction

from menus.models import AddOnGroup, AddOnItem, Category, Discount, Item, Menu, Tax, Variation
from menus.serialization import charges_from_json, discount_from_json
from menus.services import MenuHeld, StockReport, change_stock
from menus.snapshot import CategorySnapshot, ItemSnapshot, MenuSnapshot, VariationSnapshot
from menus.tests.factories import (
    BREAD,
    CHEESE,
    COLA,
    MENU,
    OLIVES,
    TABLES,
    apply,
    big_menu,
    contents,
    make_restaurant,
    statements,
    with_item,
    without_item,
)

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)
UNCHANGED = {
    kind: {"added": 0, "changed": 0, "deactivated": 0}
    for kind in ("categories", "taxes", "discounts", "addon_groups", "items", "addon_items", "variations")
}


def counts(**changed):
    """The counts that say only this: `counts(items=(added, changed, deactivated))`."""
    named = {
        kind: dict(zip(("added", "changed", "deactivated"), c, strict=True)) for kind, c in changed.items()
    }
    return {**UNCHANGED, **named}


@pytest.fixture
def restaurant(db):
    return make_restaurant()


@pytest.fixture
def synced(restaurant):
    with time_machine.travel(NOW, tick=False):
        apply(restaurant)
    return restaurant


def row(model, external_id):
    return model.objects.get(external_id=external_id)


# --- what is written -----------------------------------------------------------------------------------


def test_a_first_menu_is_written_id_by_id_and_column_by_column(restaurant):
    with time_machine.travel(NOW, tick=False):
        changes = apply(restaurant)
    assert changes.as_json() == counts(
        categories=(2, 0, 0),
        taxes=(2, 0, 0),
        discounts=(1, 0, 0),
        addon_groups=(2, 0, 0),
        items=(3, 0, 0),
        addon_items=(3, 0, 0),
        variations=(2, 0, 0),
    )
    assert changes.version == 1

    def own(model):
        hidden = ("id", "content_hash", "restaurant_id", "created_at", "updated_at")
        rows = list(model.objects.order_by("external_id").values())
        assert {r["restaurant_id"] for r in rows} == {restaurant.pk}
        assert {r["created_at"] for r in rows} == {r["updated_at"] for r in rows} == {NOW}
        assert all(len(r["content_hash"]) == 32 for r in rows)
        return [{name: value for name, value in r.items() if name not in hidden} for r in rows]

    stock = {
        "in_stock": True,
        "menu_in_stock": True,
        "stock_changed_at": None,
        "back_at": None,
        "pos_in_stock": None,
        "switched_until": None,
    }
    breads, mains = row(Category, "c1").pk, row(Category, "c2").pk
    toppings, drinks = row(AddOnGroup, "g1").pk, row(AddOnGroup, "g2").pk
    assert own(Category) == [
        {
            "external_id": "c1",
            "name": "Breads",
            "active": True,
            "rank": 1,
            "parent_external_id": "",
            "image_url": "",
            "opening": [],
            "details": {},
        },
        {
            "external_id": "c2",
            "name": "Mains",
            "active": True,
            "rank": 2,
            "parent_external_id": "c1",
            "image_url": "https://images.example/c2",
            "opening": [],
            "details": {"group": "x"},
        },
    ]
    assert own(Tax) == [
        {
            "external_id": "t1",
            "name": "CGST",
            "active": True,
            "rank": 1,
            "rate": Decimal("2.5000"),
            "kind": "percent",
            "base": "core",
            "inclusive": False,
            "order_types": ["DELIVERY"],
        },
        {
            "external_id": "t2",
            "name": "Cess",
            "active": True,
            "rank": 2,
            "rate": Decimal("0.1234"),
            "kind": "fixed",
            "base": "total",
            "inclusive": True,
            "order_types": [],
        },
    ]
    (discount,) = Discount.objects.all()
    assert (discount.external_id, discount.name, discount.active, discount.rank) == (
        "d1",
        "Bread week",
        True,
        0,
    )
    assert discount_from_json(discount.rule) == MENU.discounts[0]
    assert own(AddOnGroup) == [
        {"external_id": "g1", "name": "Toppings", "active": True, "rank": 1},
        {"external_id": "g2", "name": "Drinks", "active": True, "rank": 2},
    ]
    assert own(AddOnItem) == [
        {
            "external_id": "a1",
            "name": "Cheese",
            "active": True,
            "rank": 1,
            "group_id": toppings,
            "price": Decimal("10.25"),
            "diet": "veg",
            **stock,
        },
        {
            "external_id": "a2",
            "name": "Olives",
            "active": True,
            "rank": 2,
            "group_id": toppings,
            "price": Decimal("5.00"),
            "diet": "",
            **stock,
        },
        {
            "external_id": "a3",
            "name": "Mojito",
            "active": True,
            "rank": 0,
            "group_id": drinks,
            "price": Decimal("0.00"),
            "diet": "",
            **stock,
        },
    ]
    plain = {
        "active": True,
        "rank": 0,
        "description": "",
        "packing_charge": None,
        "tax_ids": [],
        "tax_inclusive": False,
        "tax_exempt": False,
        "discount_exempt": False,
        "liability": "restaurant",
        "order_types": [],
        "addon_groups": [],
        "diet": "",
        "image_url": "",
        "prep_minutes": None,
        "details": {},
        **stock,
    }
    assert own(Item) == [
        {
            **plain,
            "external_id": "i1",
            "name": "Garlic Bread",
            "price": Decimal("0.00"),
            "category_id": breads,
        },
        {
            "external_id": "i2",
            "name": "Veg Loaded Pizza",
            "active": True,
            "rank": 5,
            "category_id": mains,
            "description": "With everything",
            "price": Decimal("100.05"),
            "packing_charge": Decimal("7.50"),
            "tax_ids": ["t1", "t2"],
            "tax_inclusive": True,
            "tax_exempt": True,
            "discount_exempt": True,
            "liability": "vendor",
            "order_types": ["DELIVERY", "PICKUP"],
            "addon_groups": [
                {"group_id": "g1", "minimum": 0, "maximum": 2},
                {"group_id": "g2", "minimum": 0, "maximum": None},
            ],
            "diet": "veg",
            "image_url": "https://images.example/pizza.jpg",
            "prep_minutes": 25,
            "details": {"tags": ["new"], "spice": 2},
            **stock,
        },
        {**plain, "external_id": "i3", "name": "Cola", "price": Decimal("40.00"), "category_id": mains},
    ]
    bread = row(Item, "i1").pk
    assert own(Variation) == [
        {
            "external_id": "v1",
            "name": "3 pieces",
            "active": True,
            "rank": 1,
            "item_id": bread,
            "master_id": "",
            "group_name": "",
            "price": Decimal("140.00"),
            "packing_charge": None,
            "addon_groups": [],
            **stock,
        },
        {
            "external_id": "v2",
            "name": "6 pieces",
            "active": True,
            "rank": 2,
            "item_id": bread,
            "master_id": "m2",
            "group_name": "Size",
            "price": Decimal("160.50"),
            "packing_charge": Decimal("3.25"),
            "addon_groups": [{"group_id": "g1", "minimum": 1, "maximum": 1}],
            **stock,
        },
    ]
    menu = Menu.objects.get()
    assert (menu.pk, menu.version, menu.synced_at, menu.announced_at) == (restaurant.pk, 1, NOW, None)
    assert charges_from_json(menu.charges) == MENU.charges


def test_the_same_menu_again_writes_nothing(synced):
    before = contents()
    with time_machine.travel(LATER, tick=False), statements() as sql:
        changes = apply(synced)
    assert changes.is_empty
    assert changes.as_json() == UNCHANGED
    assert changes.version == 1
    assert contents() == before
    assert [s for s in sql if not s.startswith("SELECT")] == []


def test_one_changed_price_changes_one_row(synced):
    before = contents()
    with time_machine.travel(LATER, tick=False):
        changes = apply(synced, with_item(MENU, "i3", price=Decimal("42.35")))
    assert changes.as_json() == counts(items=(0, 1, 0))
    after = contents()
    differing = [
        (kind, {name for name in new if new[name] != old[name]})
        for kind in before
        for old, new in zip(before[kind], after[kind], strict=True)
        if old != new
    ]
    assert differing == [
        ("Item", {"price", "content_hash", "updated_at"}),
        ("Menu", {"version", "synced_at"}),
    ]
    cola = row(Item, "i3")
    assert (cola.price, cola.created_at, cola.updated_at) == (Decimal("42.35"), NOW, LATER)
    assert Menu.objects.get().version == 2


def test_an_item_that_vanishes_is_switched_off_and_comes_back_with_its_id(synced):
    pk = row(Item, "i3").pk
    shrunk = without_item(MENU, "i3")
    changes = apply(synced, shrunk, shrink_limit_percent=50)
    assert changes.as_json() == counts(items=(0, 0, 1))
    assert (row(Item, "i3").pk, row(Item, "i3").active) == (pk, False)
    assert apply(synced, shrunk).is_empty
    assert Menu.objects.get().version == 2

    assert apply(synced).as_json() == counts(items=(0, 1, 0))
    assert (row(Item, "i3").pk, row(Item, "i3").active) == (pk, True)
    assert Menu.objects.get().version == 3


def test_an_items_variations_vanish_with_it(synced):
    changes = apply(synced, without_item(MENU, "i1"), force=True)
    assert changes.as_json() == counts(items=(0, 0, 1), variations=(0, 0, 2))
    assert set(Variation.objects.values_list("active", flat=True)) == {False}


def test_a_live_row_written_by_other_hands_goes_too_when_no_menu_names_it(synced):
    stray = Item.objects.create(restaurant=synced, external_id="stray", name="Stray", price=Decimal(1))
    assert apply(synced).as_json() == counts(items=(0, 0, 1))
    stray.refresh_from_db()
    assert stray.active is False
    assert apply(synced).is_empty


def test_an_add_on_moves_to_another_group(synced):
    pk = row(AddOnItem, "a2").pk
    toppings, drinks = MENU.addon_groups
    moved = replace(
        MENU,
        addon_groups=(replace(toppings, items=(CHEESE,)), replace(drinks, items=(*drinks.items, OLIVES))),
    )
    assert apply(synced, moved).as_json() == counts(addon_items=(0, 1, 0))
    olives = row(AddOnItem, "a2")
    assert (olives.pk, olives.group_id) == (pk, row(AddOnGroup, "g2").pk)


def test_a_variation_moves_to_another_item(synced):
    bread = replace(BREAD, variations=BREAD.variations[:1])
    cola = replace(COLA, variations=BREAD.variations[1:])
    changes = apply(synced, replace(MENU, items=(bread, MENU.items[1], cola)))
    assert changes.as_json() == counts(variations=(0, 1, 0))
    assert row(Variation, "v2").item_id == row(Item, "i3").pk


def test_an_item_without_its_category_is_kept_and_finds_it_when_it_comes(restaurant):
    orphaned = with_item(MENU, "i3", category_id="c9")
    apply(restaurant, orphaned)
    assert row(Item, "i3").category_id is None
    complete = replace(orphaned, categories=(*MENU.categories, CategorySnapshot("c9", "Soft drinks")))
    assert apply(restaurant, complete).as_json() == counts(categories=(1, 0, 0), items=(0, 1, 0))
    assert row(Item, "i3").category_id == row(Category, "c9").pk
    # A heading that goes does not take the dish with it.
    assert apply(restaurant, orphaned).as_json() == counts(categories=(0, 0, 1), items=(0, 1, 0))
    assert row(Item, "i3").category_id is None


def test_an_id_that_is_there_twice_is_the_last_one_and_stays_so(restaurant):
    twice = replace(MENU, items=(*MENU.items, replace(COLA, name="Diet Cola")))
    assert apply(restaurant, twice).as_json()["items"] == {"added": 3, "changed": 0, "deactivated": 0}
    assert row(Item, "i3").name == "Diet Cola"
    assert apply(restaurant, twice).is_empty


def test_charges_alone_make_a_new_version(synced):
    changes = apply(synced, replace(MENU, charges=replace(MENU.charges, delivery=Decimal("55.50"))))
    assert changes.is_empty
    assert changes.version == 2
    menu = Menu.objects.get()
    assert menu.version == 2
    assert charges_from_json(menu.charges).delivery == Decimal("55.50")


def test_what_the_pos_tells_of_the_whole_is_kept_as_it_comes(synced):
    tables = {"tables": [{"id": "7", "name": "Window"}]}
    assert apply(synced, replace(MENU, details=tables)).version == 2
    assert Menu.objects.get().details == tables
    assert apply(synced, replace(MENU, details=tables)).version == 2


def test_two_restaurants_with_the_same_ids_keep_apart(synced):
    other = make_restaurant(name="Other")
    before = {kind: rows for kind, rows in contents().items() if kind != "Menu"}
    apply(other, with_item(MENU, "i3", name="Their cola"))
    mine = {kind: [r for r in rows if r["restaurant_id"] == synced.pk] for kind, rows in contents().items()}
    assert {kind: rows for kind, rows in mine.items() if kind != "Menu"} == before
    assert Menu.objects.get(pk=synced.pk).version == 1
    assert Item.objects.get(restaurant=other, external_id="i3").name == "Their cola"


# --- exactly as it came --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "पनीर टिक्का",
        "பரோட்டா",
        "Crème brûlée",
        "🌶️🔥 Hot 👨‍👩‍👧 family",
        'It\'s "so" good',
        "back\\slash \\' \\\" \\n",
        "100 % %s %(name)s %%",
        "tab\there, line\nthere",
        "'; DROP TABLE Items; --",
        "{}[],:null",
        "007",
        "1e5",
        "true",
    ],
)
def test_text_comes_back_as_it_went_in(restaurant, name):
    item = replace(COLA, name=name, description=name, details={name: [name]}, tax_ids=(name,))
    menu = MenuSnapshot(
        categories=(CategorySnapshot("c2", name),),
        items=(replace(item, variations=(VariationSnapshot("v9", name, Decimal(1), group_name=name),)),),
    )
    apply(restaurant, menu)
    found = Item.objects.get()
    assert (found.name, found.description, found.details, found.tax_ids) == (
        name,
        name,
        {name: [name]},
        [name],
    )
    assert (Category.objects.get().name, Variation.objects.get().group_name) == (name, name)
    assert apply(restaurant, menu).is_empty


@pytest.mark.parametrize("price", ["0.01", "0.10", "19.99", "1234567.89", "9999999999.99", "0.07", "33.30"])
def test_prices_are_exact_to_the_paisa(restaurant, price):
    apply(restaurant, with_item(MENU, "i3", price=Decimal(price)))
    assert str(row(Item, "i3").price) == price
    assert Item.objects.filter(price=Decimal(price)).count() == 1


def test_ids_are_told_apart_byte_by_byte(restaurant):
    ids = ["AbC", "aBc", "Äbc", "ABC", "AbC ", "7", "07", "7.0"]
    menu = replace(MENU, items=tuple(replace(COLA, external_id=id, name=f"the {id}") for id in ids))
    assert apply(restaurant, menu).as_json()["items"] == {"added": 8, "changed": 0, "deactivated": 0}
    assert {item.external_id: item.name for item in Item.objects.all()} == {id: f"the {id}" for id in ids}
    assert apply(restaurant, menu).is_empty
    (verdict,) = change_stock(
        [StockReport(restaurant_id=restaurant.pk, external_ids=("aBc",), available=False)]
    )
    assert verdict == "applied"
    assert list(Item.objects.filter(in_stock=False).values_list("external_id", flat=True)) == ["aBc"]


def test_a_name_is_cut_to_what_the_column_holds(restaurant):
    menu = with_item(MENU, "i3", name="न" * 300)
    apply(restaurant, menu)
    assert row(Item, "i3").name == "न" * 255
    assert apply(restaurant, menu).is_empty


# --- held menus ----------------------------------------------------------------------------------------


def ten_items(**values):
    return replace(MENU, items=tuple(replace(COLA, external_id=f"x{i}", **values) for i in range(10)))


def held(restaurant, menu, **options):
    before = contents()
    with pytest.raises(MenuHeld) as caught, transaction.atomic():
        apply(restaurant, menu, **options)
    assert contents() == before
    assert caught.value.code == "menu_held"
    return caught.value.message


def test_a_menu_without_items_is_held(synced):
    assert held(synced, replace(MENU, items=())) == (
        "The menu has no active items, so it was not applied. If that is meant, sync again with force."
    )
    switched_off = replace(MENU, items=tuple(replace(item, active=False) for item in MENU.items))
    assert "no active items" in held(synced, switched_off)


def test_a_menu_that_shrinks_by_more_than_the_limit_is_held(restaurant):
    apply(restaurant, ten_items())
    six = replace(MENU, items=ten_items().items[:6])
    assert held(restaurant, six) == (
        "4 of 10 live items would go, more than 30 %, so nothing was applied. "
        "If that is meant, sync again with force."
    )
    off = replace(MENU, items=tuple(replace(item, active=i < 6) for i, item in enumerate(ten_items().items)))
    assert "4 of 10 live items" in held(restaurant, off)


def test_other_ids_in_the_same_number_are_a_loss_too(restaurant):
    apply(restaurant, ten_items())
    renamed = replace(MENU, items=tuple(replace(COLA, external_id=f"y{i}") for i in range(10)))
    assert "10 of 10 live items" in held(restaurant, renamed)


def test_a_menu_that_shrinks_by_exactly_the_limit_is_applied(restaurant):
    apply(restaurant, ten_items())
    changes = apply(restaurant, replace(MENU, items=ten_items().items[:7]))
    assert changes.as_json()["items"] == {"added": 0, "changed": 0, "deactivated": 3}
    assert Item.objects.filter(active=True).count() == 7


def test_a_menu_in_which_everything_is_free_is_held(synced):
    message = (
        "Every item would cost nothing, so the menu was not applied. If that is meant, sync again with force."
    )
    free = replace(
        MENU, items=tuple(replace(item, price=Decimal("0.00"), variations=()) for item in MENU.items)
    )
    assert held(synced, free) == message
    assert held(make_restaurant(name="New"), free) == message


def test_force_applies_what_would_be_held(synced):
    changes = apply(synced, replace(MENU, items=()), force=True)
    assert changes.as_json() == counts(items=(0, 0, 3), variations=(0, 0, 2))
    assert Item.objects.filter(active=True).count() == 0
    assert Menu.objects.get().version == 2


# --- only looking --------------------------------------------------------------------------------------


def test_a_dry_run_counts_and_writes_nothing(synced):
    before = contents()
    menu = with_item(without_item(MENU, "i1"), "i3", name="Cold cola")
    menu = replace(menu, items=(*menu.items, ItemSnapshot("i4", "c1", "Soup", Decimal(9))))
    with statements() as sql:
        changes = apply(synced, menu, dry_run=True, shrink_limit_percent=50)
    assert changes.as_json() == counts(items=(1, 1, 1), variations=(0, 0, 2))
    assert changes.version == 1
    assert contents() == before
    assert [s for s in sql if not s.startswith("SELECT")] == []
    assert apply(synced, menu, shrink_limit_percent=50).as_json() == changes.as_json()


def test_a_first_dry_run_leaves_no_trace(restaurant):
    changes = apply(restaurant, dry_run=True)
    assert changes.as_json()["items"] == {"added": 3, "changed": 0, "deactivated": 0}
    assert changes.version == 0
    assert contents() == {model.__name__: [] for model in (*TABLES, Menu)}


def test_a_dry_run_says_that_a_menu_would_be_held(synced):
    assert "no active items" in held(synced, replace(MENU, items=()), dry_run=True)


# --- stock ---------------------------------------------------------------------------------------------


def sell_out(restaurant, *external_ids, addons=False):
    (verdict,) = change_stock(
        [StockReport(restaurant_id=restaurant.pk, external_ids=external_ids, available=False, addons=addons)]
    )
    assert verdict == "applied"


def test_what_the_kitchen_ran_out_of_survives_a_routine_menu(synced):
    sell_out(synced, "i2", "v1")
    sell_out(synced, "a1", addons=True)
    toppings, drinks = MENU.addon_groups
    bread = replace(BREAD, variations=(replace(BREAD.variations[0], price=Decimal(1)), BREAD.variations[1]))
    pushed = replace(
        with_item(MENU, "i2", price=Decimal(1)),
        addon_groups=(replace(toppings, items=(replace(CHEESE, price=Decimal(1)), OLIVES)), drinks),
    )
    pushed = replace(pushed, items=(bread, *pushed.items[1:]))
    assert apply(synced, pushed).as_json() == counts(
        items=(0, 1, 0), addon_items=(0, 1, 0), variations=(0, 1, 0)
    )
    rows = [row(Item, "i2"), row(Variation, "v1"), row(AddOnItem, "a1")]
    assert [(r.price, r.in_stock) for r in rows] == [(Decimal("1.00"), False)] * 3


def test_stock_follows_the_menu_when_the_menu_changes_its_own_mind(synced):
    apply(synced, with_item(MENU, "i2", in_stock=False))
    assert row(Item, "i2").in_stock is False
    apply(synced, with_item(MENU, "i2", in_stock=False, name="Pizza"))
    assert row(Item, "i2").in_stock is False
    apply(synced, MENU)
    assert row(Item, "i2").in_stock is True

    sell_out(synced, "i2")
    apply(synced, with_item(MENU, "i2", in_stock=False))
    apply(synced, MENU)
    assert row(Item, "i2").in_stock is True


# --- statements ----------------------------------------------------------------------------------------


def one_percent_changed(menu):
    every = len(menu.items) // max(1, len(menu.items) // 100)
    return replace(
        menu,
        items=tuple(
            replace(item, name=item.name + "!") if i % every == 0 else item
            for i, item in enumerate(menu.items)
        ),
    )


def counted(size):
    restaurant = make_restaurant(name=f"{size} items")
    menu = big_menu(size)
    found = []
    for step in (menu, menu, one_percent_changed(menu)):
        with statements() as sql:
            changes = apply(restaurant, step)
        found.append(len(sql))
    assert changes.as_json()["items"] == {"added": 0, "changed": size // 100, "deactivated": 0}
    return found


def test_the_number_of_statements_does_not_grow_with_the_menu(db):
    # First, the same again, 1 % changed. One for the menu's row (three to make it), seven to compare, one for
    # the pictures; then one for each table that differs, one to find the parents of its rows if it has any, one for the version.
    assert counted(100) == [23, 10, 13]
    assert counted(10_000) == [23, 10, 13]
