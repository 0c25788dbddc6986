"""A restaurant with a small menu, straight through the models, and requests for it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from menus.models import AddOnGroup, AddOnItem, Category, Discount, Item, Menu, Restaurant, Tax, Variation
from menus.serialization import charges_as_json, discount_as_json
from menus.snapshot import (
    AmountKind,
    Charges,
    DiscountScope,
    DiscountSnapshot,
    OrderType,
    PackingMode,
)
from orders.models import Order
from orders.order_request import AddOnRequest, LineRequest, OrderRequest
from orders.snapshot import Customer

CHARGES = Charges(
    delivery=Decimal("50"),
    packing_mode=PackingMode.ORDER,
    packing=Decimal("20"),
    packing_tax_ids=("11213", "20375"),
    minimum_order=Decimal("100"),
    prep_minutes=20,
)
GARLIC_BREAD_WEEK = DiscountSnapshot(
    external_id="d1",
    name="Garlic bread week",
    kind=AmountKind.PERCENT,
    amount=Decimal(10),
    scope=DiscountScope.ITEMS,
    target_ids=("7765862",),
)
WELCOME = DiscountSnapshot(
    external_id="d2",
    name="Welcome",
    kind=AmountKind.PERCENT,
    amount=Decimal(20),
    needs_coupon=True,
    coupon_code="WELCOME20",
)
_numbers = itertools.count(1)


def make_restaurant(charges: Charges = CHARGES, **values: Any) -> SimpleNamespace:
    """A restaurant whose menu gives the golden order: garlic bread in two sizes, pizza with toppings, cola.

    Members are rows: restaurant, menu, bread, three, six, pizza, mojito, cheese, cola, ...
    """
    restaurant = Restaurant.objects.create(**{"name": "Sample Lounge", **values})
    own: dict[str, Any] = {"restaurant": restaurant}
    menu = Menu.objects.create(**own, version=1, charges=charges_as_json(charges))
    cgst = Tax.objects.create(
        **own, external_id="11213", name="CGST", rate=Decimal("2.5"), kind="percent", base="core"
    )
    sgst = Tax.objects.create(
        **own, external_id="20375", name="SGST", rate=Decimal("2.5"), kind="percent", base="core"
    )
    discount = Discount.objects.create(
        **own, external_id="d1", name=GARLIC_BREAD_WEEK.name, rule=discount_as_json(GARLIC_BREAD_WEEK)
    )
    breads = Category.objects.create(**own, external_id="c1", name="Breads")
    mains = Category.objects.create(**own, external_id="c2", name="Mains")
    beverage = AddOnGroup.objects.create(**own, external_id="135699", name="Add Beverage")
    toppings = AddOnGroup.objects.create(**own, external_id="135707", name="Extra Toppings")
    mojito = AddOnItem.objects.create(
        **own, external_id="1150783", name="Mojito", price=Decimal(0), group=beverage
    )
    cheese = AddOnItem.objects.create(
        **own, external_id="1150813", name="Cheese", price=Decimal(10), group=toppings
    )
    taxed: dict[str, Any] = {**own, "tax_ids": ["11213", "20375"]}
    bread = Item.objects.create(
        **taxed, external_id="118829149x", name="Garlic Bread", price=0, category=breads
    )
    three = Variation.objects.create(
        **own,
        external_id="7765862",
        master_id="89058",
        name="3Pieces",
        price=Decimal(140),
        item=bread,
        rank=1,
    )
    six = Variation.objects.create(
        **own,
        external_id="7765097",
        master_id="89059",
        name="6Pieces",
        price=Decimal(160),
        item=bread,
        rank=2,
    )
    pizza = Item.objects.create(
        **taxed,
        external_id="118829149",
        name="Veg Loaded Pizza",
        price=Decimal(100),
        category=mains,
        addon_groups=[
            {"group_id": "135699", "minimum": 0, "maximum": None},
            {"group_id": "135707", "minimum": 0, "maximum": 2},
        ],
    )
    cola = Item.objects.create(
        **taxed, external_id="118807411", name="Cola", price=Decimal(40), category=mains
    )
    return SimpleNamespace(
        restaurant=restaurant,
        menu=menu,
        cgst=cgst,
        sgst=sgst,
        discount=discount,
        breads=breads,
        mains=mains,
        beverage=beverage,
        toppings=toppings,
        mojito=mojito,
        cheese=cheese,
        bread=bread,
        three=three,
        six=six,
        pizza=pizza,
        cola=cola,
    )


def add_discount(place: SimpleNamespace, discount: DiscountSnapshot = WELCOME, **values: Any) -> None:
    """Put a discount on the menu."""
    rule = replace(discount, **values)
    Discount.objects.create(
        restaurant=place.restaurant,
        external_id=rule.external_id,
        name=rule.name,
        rule=discount_as_json(rule),
    )


def make_request(place: SimpleNamespace, *lines: LineRequest, **values: Any) -> OrderRequest:
    """The golden order, or one with these lines and values."""
    request = OrderRequest(
        restaurant_id=place.restaurant.pk,
        order_type=OrderType.DELIVERY,
        payment_type="ONLINE",
        customer=Customer(
            name="Test Customer",
            phone="9000000002",
            email="customer@example.com",
            address="2 Example Street, Testpur",
            latitude="23.000001",
            longitude="72.000001",
        ),
        lines=lines or golden_lines(place),
    )
    return replace(request, **values)


def golden_lines(place: SimpleNamespace) -> tuple[LineRequest, ...]:
    """2 x garlic bread in threes, 1 x pizza with mojito and cheese."""
    return (
        LineRequest(item_id=place.bread.pk, variation_id=place.three.pk, quantity=2),
        LineRequest(
            item_id=place.pizza.pk,
            notes="no onion",
            addons=(AddOnRequest(addon_item_id=place.mojito.pk), AddOnRequest(addon_item_id=place.cheese.pk)),
        ),
    )


def make_body(place: SimpleNamespace, **values: Any) -> dict[str, Any]:
    """The golden order as a client sends it."""
    return {
        "restaurant_id": place.restaurant.pk,
        "order_type": "DELIVERY",
        "payment_type": "ONLINE",
        "customer": {
            "name": "Test Customer",
            "phone": "9000000002",
            "email": "customer@example.com",
            "address": "2 Example Street, Testpur",
            "latitude": 23.000001,
            "longitude": "72.000001",
        },
        "items": [
            {"item_id": place.bread.pk, "variation_id": place.three.pk, "quantity": 2},
            {
                "item_id": place.pizza.pk,
                "quantity": 1,
                "notes": "no onion",
                "addons": [
                    {"addon_item_id": place.mojito.pk},
                    {"addon_item_id": place.cheese.pk, "quantity": 1},
                ],
            },
        ],
        **values,
    }


def make_order(restaurant: Restaurant, **values: Any) -> Order:
    """An order without lines, for what only looks at its status."""
    amounts = dict.fromkeys(
        (
            "items_total",
            "discount_total",
            "packing_charge",
            "delivery_charge",
            "service_charge",
            "tax_total",
            "total",
        ),
        Decimal(0),
    )
    defaults = {
        "restaurant": restaurant,
        "reference": f"R{next(_numbers):011d}",
        "order_type": OrderType.PICKUP,
        "payment_type": "ONLINE",
        "currency": restaurant.currency,
        **amounts,
    }
    return Order.objects.create(**{**defaults, **values})
