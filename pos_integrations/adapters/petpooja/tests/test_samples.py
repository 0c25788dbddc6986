"""Orders as published and as found at others: what we would send instead, field by field."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest

from menus.snapshot import Liability, OrderType
from orders.snapshot import AddOnLine, ChargeLine, Customer, OrderLine, OrderSnapshot, TaxLine
from pos_integrations.adapters.petpooja.menu import read_menu
from pos_integrations.adapters.petpooja.orders import cancel_body, save_order_body
from pos_integrations.adapters.petpooja.tests.conftest import FIXTURES, expected, raw
from pos_integrations.errors import MalformedPayload
from pos_integrations.messages import Account, RestaurantFacts


def differences(ours: Any, theirs: Any, path: str = "") -> dict[str, tuple[Any, Any]]:
    """Where two bodies differ: path → (ours, theirs). `"126"` and `"126.00"` are the same amount."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found: dict[str, tuple[Any, Any]] = {}
        for key in ours.keys() | theirs.keys():
            found |= differences(ours.get(key), theirs.get(key), f"{path}.{key}" if path else key)
        return found
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        found = {}
        for n, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            found |= differences(one, other, f"{path}[{n}]")
        return found
    return {} if type(ours) is type(theirs) and same(ours, theirs) else {path: (ours, theirs)}


def same(ours: Any, theirs: Any) -> bool:
    if ours == theirs:
        return True
    try:
        return isinstance(ours, str) and Decimal(ours) == Decimal(theirs)
    except InvalidOperation:
        return False


def gst(first: str, rate: str, amount: str) -> tuple[TaxLine, ...]:
    second = {"11213": "20375", "21866": "21867"}[first]
    return (
        TaxLine(first, "CGST", Decimal(rate), Decimal(amount)),
        TaxLine(second, "SGST", Decimal(rate), Decimal(amount)),
    )


@pytest.fixture
def marketplace(account: Account) -> Account:
    return replace(
        account,
        config={**account.config, "marketplace": True, "self_delivery": True},
        restaurant=RestaurantFacts("Sample Lounge", "1 Sample Road, Testpur", "9000000001"),
    )


@pytest.fixture
def published() -> OrderSnapshot:
    """The order of PetPooja's own example: two dishes for which the marketplace owes the tax, and a cake."""
    return OrderSnapshot(
        reference="A-1",
        order_type=OrderType.DELIVERY,
        payment_type="COD",
        placed_at=dt.datetime(2022, 1, 1, 10, 19, tzinfo=dt.UTC),
        customer=Customer(
            "Test Customer",
            "9000000002",
            "customer@example.com",
            "2 Example Street, Testpur",
            "23.000001",
            "72.000001",
        ),
        lines=(
            OrderLine(
                "7765809",
                "Garlic Bread",
                Decimal("140.00"),
                Decimal("14.00"),
                1,
                Decimal("126.00"),
                variation_id="7765862",
                variation_master_id="89058",
                variation_name="3Pieces",
                liability=Liability.VENDOR,
                taxes=gst("11213", "2.5", "3.15"),
            ),
            OrderLine(
                "118829149",
                "Veg Loaded Pizza",
                Decimal("110.00"),
                Decimal("0.00"),
                1,
                Decimal("110.00"),
                liability=Liability.VENDOR,
                taxes=gst("11213", "2.5", "2.75"),
                addons=(
                    AddOnLine("1150783", "Mojito", "135699", "Add Beverage", Decimal("0.00"), 1),
                    AddOnLine("1150813", "Cheese", "135707", "Extra Toppings", Decimal("10.00"), 1),
                ),
            ),
            OrderLine(
                "118807411",
                "Chocolate Cake",
                Decimal("310.00"),
                Decimal("31.00"),
                1,
                Decimal("279.00"),
                taxes=gst("21866", "9", "25.11"),
            ),
        ),
        packing=ChargeLine(Decimal("20.00"), gst("11213", "2.5", "0.50")),
        delivery=ChargeLine(Decimal("50.00"), gst("11213", "2.5", "1.25")),
        service=ChargeLine(),
        discount_total=Decimal("45.00"),
        tax_total=Decimal("65.52"),
        total=Decimal("650.52"),
    )


def test_the_published_order_differs_only_where_it_is_wrong_or_older(published, marketplace):
    ours = save_order_body(published, marketplace, "https://orders.example.com/petpooja/callback")
    order, item = "orderinfo.OrderInfo.Order.details", "orderinfo.OrderInfo.OrderItem.details"
    assert differences(ours, expected("save_order__published_example")) == {
        # Its total and its cash follow from nothing in it. Ours: 515 of lines, 50.22 of tax on the cake, 20 of
        # packing and 50 of delivery; the rest of the tax is the marketplace's.
        f"{order}.total": ("635.22", "560"),
        f"{order}.collect_cash": ("650.52", "480"),
        # A moment before it was placed.
        f"{order}.preorder_time": ("15:49:00", "15:50:00"),
        # Newer than the example.
        f"{order}.dc_tax_percentage": ("5", None),
        f"{order}.pc_tax_percentage": ("5", None),
        **{f"{item}[{n}].tax_inclusive": (False, None) for n in range(3)},
        **{
            f"{item}[{n}].item_tax[{m}].tax_percentage": (rate, None)
            for n, rate in enumerate(["2.5", "2.5", "9"])
            for m in range(2)
        },
        # Not known to ding, or left out on purpose.
        f"{order}.ondc_bap": ("", "buyerAppName"),
        f"{order}.otp": ("", "9876"),
        f"{order}.urgent_time": (None, 20),
        "orderinfo.OrderInfo.Discount": (
            None,
            {"details": [{"id": "362", "title": "Discount", "type": "F", "price": "45"}]},
        ),
    }


def test_an_order_that_petpooja_took_at_three_times_its_price(published, account):
    line = OrderLine(
        "10584293",
        "Add Caramel",
        Decimal("49.00"),
        Decimal("0.00"),
        1,
        Decimal("49.00"),
        tax_inclusive=True,
        liability=Liability.VENDOR,
    )
    order = replace(
        published,
        reference="ORD-AAAABBBB",
        placed_at=dt.datetime(2025, 12, 16, 1, 48, 54, tzinfo=dt.UTC),
        customer=Customer("Customer", "+919000000002", "NOT SET"),
        lines=(line,),
        packing=ChargeLine(),
        delivery=ChargeLine(),
        discount_total=Decimal("0.00"),
        tax_total=Decimal("0.00"),
        total=Decimal("49.00"),
    )
    shop = replace(
        account,
        config={**account.config, "self_delivery": True},
        restaurant=RestaurantFacts("Sample Sweets[90002]"),
    )
    found = differences(
        save_order_body(order, shop, "")["orderinfo"],
        expected("save_order__wrong_total_found")["orderinfo"],
        "",
    )
    assert found["OrderInfo.Order.details.total"] == ("49.00", "147.00")
    assert found["OrderInfo.Order.details.collect_cash"] == ("49.00", "147.00")
    nobody = [{"gst_liable": "vendor", "amount": "0"}, {"gst_liable": "restaurant", "amount": "0"}]
    assert {path: pair for path, pair in found.items() if not path.endswith(("total", "collect_cash"))} == {
        # Their preorder time is half an hour after the order; ours is the order's unless it was scheduled.
        "OrderInfo.Order.details.preorder_time": ("07:18:54", "07:48:54"),
        "OrderInfo.Order.details.dc_gst_details": (nobody, []),
        "OrderInfo.Order.details.pc_gst_details": (nobody, []),
        "OrderInfo.Order.details.urgent_time": (None, 30),
        "OrderInfo.Discount": (None, {"details": []}),
        "udid": ("", None),
        "device_type": ("Web", None),
    }


def test_the_published_cancellation_but_for_its_deprecated_id(published, account):
    ours = cancel_body(published, "Please cancel my order.", account)
    found = differences(ours, expected("cancel_order__published_example"))
    assert found == {"orderID": ("", "26")}


# --- the dine-in product: not ours, but its menu can be read ---


def test_a_dine_in_menu_is_read_as_far_as_it_goes():
    menu = read_menu(raw("fetch_menu__dine_in"), external_id="abcd1234")
    pizza = menu.items[-1]
    assert pizza.name == "Americana Corn Pizza"
    assert [variation.name for variation in pizza.variations] == ["Medium", "Large"]
    assert [category.details["group"] for category in menu.categories] == ["Italian", "Bakery"]
    assert menu.taxes == ()


def test_a_list_of_dine_in_areas_is_no_menu():
    with pytest.raises(MalformedPayload):
        read_menu((FIXTURES / "dine_in_areas.json").read_bytes(), external_id="abcd1234")
