"""Menus as a POS would publish them, and how to write them."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

from django.db import connection
from django.test.utils import CaptureQueriesContext

from menus.models import AddOnGroup, AddOnItem, Category, Discount, Item, Menu, Restaurant, Tax, Variation
from menus.services import apply_menu
from menus.snapshot import (
    AddOnGroupSnapshot,
    AddOnItemSnapshot,
    AmountKind,
    CategorySnapshot,
    ChargeBase,
    Charges,
    DiscountScope,
    DiscountSnapshot,
    GroupOffer,
    ItemSnapshot,
    Liability,
    MenuSnapshot,
    OrderType,
    PackingMode,
    TaxSnapshot,
    VariationSnapshot,
)

TABLES = (Category, Tax, Discount, AddOnGroup, Item, AddOnItem, Variation)

BREAD = ItemSnapshot(
    external_id="i1",
    category_id="c1",
    name="Garlic Bread",
    price=Decimal("0"),
    variations=(
        VariationSnapshot("v1", "3 pieces", Decimal("140.00"), rank=1),
        VariationSnapshot(
            "v2",
            "6 pieces",
            Decimal("160.50"),
            master_id="m2",
            group_name="Size",
            packing_charge=Decimal("3.25"),
            rank=2,
            addon_groups=(GroupOffer("g1", 1, 1),),
        ),
    ),
)
PIZZA = ItemSnapshot(
    external_id="i2",
    category_id="c2",
    name="Veg Loaded Pizza",
    price=Decimal("100.05"),
    description="With everything",
    addon_groups=(GroupOffer("g1", 0, 2), GroupOffer("g2")),
    tax_ids=("t1", "t2"),
    tax_inclusive=True,
    tax_exempt=True,
    discount_exempt=True,
    liability=Liability.VENDOR,
    packing_charge=Decimal("7.50"),
    order_types=(OrderType.DELIVERY, OrderType.PICKUP),
    rank=5,
    diet="veg",
    image_url="https://images.example/pizza.jpg",
    prep_minutes=25,
    details={"tags": ["new"], "spice": 2},
)
COLA = ItemSnapshot(external_id="i3", category_id="c2", name="Cola", price=Decimal("40"))
CHEESE = AddOnItemSnapshot("a1", "Cheese", Decimal("10.25"), rank=1, diet="veg")
OLIVES = AddOnItemSnapshot("a2", "Olives", Decimal("5"), rank=2)
MOJITO = AddOnItemSnapshot("a3", "Mojito", Decimal("0"))
MENU = MenuSnapshot(
    categories=(
        CategorySnapshot("c1", "Breads", rank=1),
        CategorySnapshot(
            "c2",
            "Mains",
            parent_id="c1",
            rank=2,
            image_url="https://images.example/c2",
            details={"group": "x"},
        ),
    ),
    items=(BREAD, PIZZA, COLA),
    addon_groups=(
        AddOnGroupSnapshot("g1", "Toppings", (CHEESE, OLIVES), rank=1),
        AddOnGroupSnapshot("g2", "Drinks", (MOJITO,), rank=2),
    ),
    taxes=(
        TaxSnapshot("t1", "CGST", Decimal("2.5"), order_types=(OrderType.DELIVERY,), rank=1),
        TaxSnapshot(
            "t2", "Cess", Decimal("0.1234"), AmountKind.FIXED, ChargeBase.TOTAL, inclusive=True, rank=2
        ),
    ),
    discounts=(
        DiscountSnapshot(
            "d1",
            "Bread week",
            AmountKind.PERCENT,
            Decimal("10"),
            scope=DiscountScope.ITEMS,
            target_ids=("i1",),
            days=(0, 6),
            starts=dt.date(2026, 3, 1),
            time_from=dt.time(11, 30),
        ),
    ),
    charges=Charges(delivery=Decimal("50"), packing_mode=PackingMode.ORDER, packing=Decimal("20.50")),
)


def make_restaurant(**values):
    return Restaurant.objects.create(**{"name": "Sample Lounge", **values})


def apply(restaurant, menu=MENU, **options):
    return apply_menu(**{"restaurant": restaurant, "menu": menu, "shrink_limit_percent": 30, **options})


def with_item(menu, external_id, **values):
    """`menu` with one item changed."""
    items = tuple(replace(i, **values) if i.external_id == external_id else i for i in menu.items)
    return replace(menu, items=items)


def without_item(menu, external_id):
    return replace(menu, items=tuple(item for item in menu.items if item.external_id != external_id))


def big_menu(size, price=Decimal("100")):
    """`size` items; half of them in two sizes, all with two add-on groups and two taxes."""
    groups = tuple(
        AddOnGroupSnapshot(
            f"g{g}",
            f"Group {g}",
            tuple(AddOnItemSnapshot(f"g{g}-{a}", f"Add-on {a}", Decimal(a)) for a in range(5)),
        )
        for g in range(size // 10)
    )
    items = tuple(
        ItemSnapshot(
            f"i{i}",
            f"c{i % 20}",
            f"Dish number {i}",
            price,
            description="Slow-cooked, served with rice. " * 3,
            tax_ids=("t1", "t2"),
            addon_groups=(GroupOffer(f"g{i % (size // 10)}", 0, 2),),
            variations=tuple(
                VariationSnapshot(f"i{i}-{v}", size_name, price + v)
                for v, size_name in enumerate(("Half", "Full"))
            )
            if i % 2
            else (),
            rank=i,
        )
        for i in range(size)
    )
    return MenuSnapshot(
        categories=tuple(CategorySnapshot(f"c{c}", f"Category {c}", rank=c) for c in range(20)),
        items=items,
        addon_groups=groups,
        taxes=MENU.taxes,
        discounts=MENU.discounts,
        charges=MENU.charges,
    )


def contents():
    """Every menu row of every restaurant as it is, ids and times included."""
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in (*TABLES, Menu)}


@contextmanager
def statements():
    """The SQL statements of the block, without those that only open and close savepoints."""
    found = []
    with CaptureQueriesContext(connection) as context:
        yield found
    found += [q["sql"] for q in context if "SAVEPOINT" not in q["sql"]]
