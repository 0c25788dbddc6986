"""Accounts, orders and fixtures for the tests of this adapter."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from menus.snapshot import OrderType
from orders.snapshot import AddOnLine, ChargeLine, Customer, OrderLine, OrderSnapshot, TaxLine
from pos_integrations.messages import Account, RestaurantFacts

FIXTURES = Path(__file__).parent.parent / "fixtures"


def raw(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


def expected(name: str) -> Any:
    return json.loads(raw(f"{name}.expected"))


@pytest.fixture
def account() -> Account:
    return Account(
        external_id="abcd1234",
        base_url="https://pos.example.com/V1/",
        config={"app_key": "x" * 32, "app_secret": "x" * 40, "access_token": "x" * 40, "prep_minutes": 20},
        restaurant=RestaurantFacts("Sample Lounge", "1 Sample Road,\nTestpur", "9000000001"),
    )


@pytest.fixture
def configured(account: Account) -> Callable[..., Account]:
    """The account with some configuration replaced."""
    return lambda **config: replace(account, config={**account.config, **config})


def gst(amount: str, **kwargs: Any) -> tuple[TaxLine, ...]:
    """CGST and SGST at 2.5 %, each of `amount`."""
    return (
        TaxLine("11213", "CGST", Decimal("2.5000"), Decimal(amount), **kwargs),
        TaxLine("20375", "SGST", Decimal("2.5000"), Decimal(amount), **kwargs),
    )


@pytest.fixture
def delivery_order() -> OrderSnapshot:
    return OrderSnapshot(
        reference="WEB-1001",
        order_type=OrderType.DELIVERY,
        payment_type="ONLINE",
        placed_at=dt.datetime(2026, 1, 15, 14, 12, 10, tzinfo=dt.UTC),
        customer=Customer(
            "Test Customer",
            "9000000002",
            "customer@example.com",
            "2 Example Street\nTestpur",
            "23.000001",
            "72.000001",
        ),
        lines=(
            OrderLine(
                "7765809",
                "Garlic Bread",
                Decimal("140.00"),
                Decimal("14.00"),
                2,
                Decimal("252.00"),
                variation_id="7765862",
                variation_master_id="89058",
                variation_name="3Pieces",
                taxes=gst("6.30"),
            ),
            OrderLine(
                "118829149",
                "Veg Loaded Pizza",
                Decimal("110.00"),
                Decimal("0.00"),
                1,
                Decimal("110.00"),
                taxes=gst("2.75"),
                addons=(
                    AddOnLine("1150783", "Mojito", "135699", "Add Beverage", Decimal("0.00"), 1),
                    AddOnLine("1150813", "Cheese", "135707", "Extra Toppings", Decimal("10.00"), 1),
                ),
                notes="no onion",
            ),
        ),
        packing=ChargeLine(Decimal("20.00"), gst("0.50")),
        delivery=ChargeLine(Decimal("50.00")),
        service=ChargeLine(),
        discount_total=Decimal("28.00"),
        tax_total=Decimal("19.10"),
        total=Decimal("451.10"),
    )


@pytest.fixture
def pickup_order(delivery_order: OrderSnapshot) -> OrderSnapshot:
    """One dish whose price holds its tax."""
    line = OrderLine(
        "1250363075",
        "Paneer Butter Masala",
        Decimal("360.00"),
        Decimal("0.00"),
        1,
        Decimal("360.00"),
        tax_inclusive=True,
        taxes=(
            TaxLine("128315", "CGST", Decimal("2.5"), Decimal("8.57"), inclusive=True),
            TaxLine("128316", "SGST", Decimal("2.5"), Decimal("8.57"), inclusive=True),
        ),
    )
    return replace(
        delivery_order,
        reference="WEB-1002",
        order_type=OrderType.PICKUP,
        lines=(line,),
        packing=ChargeLine(),
        delivery=ChargeLine(),
        discount_total=Decimal("0.00"),
        tax_total=Decimal("17.14"),
        total=Decimal("360.00"),
    )
