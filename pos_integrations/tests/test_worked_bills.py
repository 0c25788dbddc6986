"""Bills worked out with pencil and paper, from the menu's numbers to what PetPooja is sent.

No number below was computed by ding. Half up at each tax line; what the guest pays is the total, and what is sent
as `total` is what is due to the restaurant.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

import pytest

from menus.snapshot import (
    AmountKind,
    ChargeBase,
    Charges,
    DiscountScope,
    DiscountSnapshot,
    OrderType,
    PackingMode,
    TaxSnapshot,
)
from orders.pricing import Basket, BasketLine, price
from orders.snapshot import AddOnLine, Customer, OrderSnapshot
from pos_integrations.adapters.petpooja.orders import save_order_body
from pos_integrations.messages import Account

D = Decimal
NOON = dt.datetime(2026, 1, 15, 12, 0, tzinfo=dt.UTC)
TAXES = (
    TaxSnapshot("c", "CGST", D("2.5")),
    TaxSnapshot("s", "SGST", D("2.5")),
    TaxSnapshot("x", "Cess", D(1), base=ChargeBase.TOTAL),
)
KEYS = {"app_key": "k", "app_secret": "s", "access_token": "t"}


@dataclass(frozen=True, kw_only=True)
class Worked:
    """A basket and, by hand, what it makes. `nets`: of the lines. `taxes`: of all lines, by id."""

    lines: tuple[BasketLine, ...]
    order_type: OrderType = OrderType.PICKUP
    charges: Charges = Charges()
    discounts: tuple[DiscountSnapshot, ...] = ()
    own_rider: bool = False
    nets: tuple[str, ...]
    taxes: dict[str, str]
    head: dict[str, str]
    guest: str


def line(each: str, quantity: int = 1, **values: object) -> BasketLine:
    taxed = {"external_id": "i", "name": "Dish", "tax_ids": ("c", "s"), **values}
    return BasketLine(price=D(each), quantity=quantity, **taxed)  # type: ignore[arg-type]


def percent_off(amount: int, **values: object) -> DiscountSnapshot:
    return DiscountSnapshot("d", "Off", AmountKind.PERCENT, D(amount), **values)  # type: ignore[arg-type]


PACKED_AND_BROUGHT = Charges(
    delivery=D(40),
    delivery_tax_ids=("c", "s"),
    packing_mode=PackingMode.ORDER,
    packing=D(20),
    packing_tax_ids=("c", "s"),
)
CHEESE = AddOnLine("a", "Cheese", "7", "Toppings", D("10.00"), 2)


def service(base: ChargeBase) -> Charges:
    return Charges(
        service_order_types=(OrderType.DINE_IN,),
        service_kind=AmountKind.PERCENT,
        service=D(5),
        service_base=base,
        service_taxed=True,
    )


BILLS = {
    # 2 x 149 = 298: 2.5 % are 7.45. 99.50: 2.4875, so 2.49. Packing 20: 0.50 twice. Delivery 40: 1.00 twice.
    # Guest: 397.50 + 19.88 + 21 + 42. The rider is somebody else's: his 42 are not the restaurant's.
    "tax on top, brought by somebody else": Worked(
        lines=(line("149", 2), line("99.50")),
        order_type=OrderType.DELIVERY,
        charges=PACKED_AND_BROUGHT,
        nets=("298.00", "99.50"),
        taxes={"c": "9.94", "s": "9.94"},
        head={
            "total": "438.38",
            "tax_total": "22.88",
            "discount_total": "0",
            "packing_charges": "20.00",
            "pc_tax_amount": "1.00",
            "pc_tax_percentage": "5",
            "delivery_charges": "40.00",
            "dc_tax_amount": "2.00",
            "collect_cash": "",
        },
        guest="480.38",
    ),
    # The same, by the restaurant's own rider: all of it is the restaurant's, and he collects all of it.
    "tax on top, brought by the restaurant": Worked(
        lines=(line("149", 2), line("99.50")),
        order_type=OrderType.DELIVERY,
        charges=PACKED_AND_BROUGHT,
        own_rider=True,
        nets=("298.00", "99.50"),
        taxes={"c": "9.94", "s": "9.94"},
        head={"total": "480.38", "tax_total": "22.88", "collect_cash": "480.38"},
        guest="480.38",
    ),
    # 360 holds 360 x 2.5 / 105 = 8.571 twice; 3 x 49 = 147 holds 3.50 twice. Nothing is added.
    "tax inside": Worked(
        lines=(line("360", tax_inclusive=True), line("49", 3, tax_inclusive=True)),
        nets=("360.00", "147.00"),
        taxes={"c": "12.07", "s": "12.07"},
        head={"total": "507.00", "tax_total": "24.14"},
        guest="507.00",
    ),
    # 105 holds 2.50 twice. 2 x 100 = 200: 5 twice, and 1 % of 210 is 2.10. Packed for 10 and 2 x 5: 20, taxed
    # with one tax of 2.5 %: 0.50. Guest: 105 + 200 + 12.10 + 20.50.
    "inside and on top, packed dish by dish": Worked(
        lines=(
            line("105", tax_inclusive=True, packing_charge=D(10)),
            line("100", 2, tax_ids=("c", "s", "x"), packing_charge=D(5)),
        ),
        charges=Charges(packing_mode=PackingMode.ITEM, packing_tax_ids=("c",)),
        nets=("105.00", "200.00"),
        taxes={"c": "7.50", "s": "7.50", "x": "2.10"},
        head={
            "total": "337.60",
            "tax_total": "17.60",
            "packing_charges": "20.00",
            "pc_tax_percentage": "2.5",
            "pc_tax_amount": "0.50",
        },
        guest="337.60",
    ),
    # 4 x 250 = 1000, a tenth off: 900, 22.50 twice. Service 5 % of the 1000: 50, taxed 1.25 twice.
    "service on core": Worked(
        lines=(line("250", 4),),
        order_type=OrderType.DINE_IN,
        charges=service(ChargeBase.CORE),
        discounts=(percent_off(10),),
        nets=("900.00",),
        taxes={"c": "22.50", "s": "22.50"},
        head={
            "total": "997.50",
            "tax_total": "47.50",
            "discount_total": "100.00",
            "service_charge": "50.00",
            "sc_tax_amount": "2.50",
        },
        guest="997.50",
    ),
    # Service 5 % of 900 + 45 = 945: 47.25, taxed 1.18125 twice, so 1.18 twice.
    "service on total": Worked(
        lines=(line("250", 4),),
        order_type=OrderType.DINE_IN,
        charges=service(ChargeBase.TOTAL),
        discounts=(percent_off(10),),
        nets=("900.00",),
        taxes={"c": "22.50", "s": "22.50"},
        head={"total": "994.61", "tax_total": "47.36", "service_charge": "47.25", "sc_tax_amount": "2.36"},
        guest="994.61",
    ),
    # A fifth off, at most 75, not off the last line. 260 + 2 x 180 = 620, a fifth is 124: too much, so 75 are shared.
    # 75 x 260 / 620 = 31.451 and 75 x 180 / 620 = 21.774 each: 31.45 and 2 x 21.77 make 74.99; the cent that is
    # left fits the single one: 31.46. Nets: 228.54, 2 x 158.23 = 316.46, 50.
    # Taxes at 2.5 %: 5.7135, 7.9115, 1.25: 5.71 + 7.91 + 1.25 = 14.87, twice. 595 + 29.74.
    "a discount with a limit, taxes on what is left": Worked(
        lines=(line("260"), line("180", 2), line("50", discount_exempt=True)),
        discounts=(percent_off(20, max_discount=D(75)),),
        nets=("228.54", "316.46", "50.00"),
        taxes={"c": "14.87", "s": "14.87"},
        head={"total": "624.74", "tax_total": "29.74", "discount_total": "75.00"},
        guest="624.74",
    ),
    # 10 off 3 x 40 is 3.33 for each: 9.99 are given, and 9.99 is what is told. 110.01 at 2.5 %: 2.75 twice.
    "an amount that does not divide": Worked(
        lines=(line("40", 3),),
        discounts=(DiscountSnapshot("d", "Ten", AmountKind.FIXED, D(10)),),
        nets=("110.01",),
        taxes={"c": "2.75", "s": "2.75"},
        head={"total": "115.51", "tax_total": "5.50", "discount_total": "9.99"},
        guest="115.51",
    ),
    # (100 + 2 x 10) x 3 = 360, 15 % off one dish: 120 x 0.15 = 18, so 102 x 3 = 306. The other, 33.33, is not on
    # offer: 0.83325, so 0.83. Taxes: 7.65 + 0.83 = 8.48, twice.
    "off one dish with its add-ons": Worked(
        lines=(
            line("100", 3, external_id="pizza", addons=(CHEESE,)),
            line("33.33", external_id="cola"),
        ),
        discounts=(percent_off(15, scope=DiscountScope.ITEMS, target_ids=("pizza",)),),
        nets=("306.00", "33.33"),
        taxes={"c": "8.48", "s": "8.48"},
        head={"total": "356.29", "tax_total": "16.96", "discount_total": "54.00"},
        guest="356.29",
    ),
}


@pytest.mark.parametrize("name", BILLS)
def test_a_bill_is_what_pencil_and_paper_say(name: str) -> None:
    worked = BILLS[name]
    quote = price(
        Basket(
            order_type=worked.order_type,
            local_time=NOON,
            lines=worked.lines,
            charges=worked.charges,
            taxes=TAXES,
            discounts=worked.discounts,
        )
    )
    order = OrderSnapshot(
        reference="A1",
        order_type=worked.order_type,
        payment_type="COD",
        placed_at=NOON,
        customer=Customer(),
        lines=quote.lines,
        packing=quote.packing,
        delivery=quote.delivery,
        service=quote.service,
        discount_total=quote.discount_total,
        tax_total=quote.tax_total,
        total=quote.total,
    )
    account = Account("abcd1234", "", {**KEYS, "self_delivery": worked.own_rider})
    sent = save_order_body(order, account, "")["orderinfo"]["OrderInfo"]
    head = sent["Order"]["details"]
    assert tuple(str(one.net_total) for one in quote.lines) == worked.nets
    assert {row["id"]: row["tax"] for row in sent["Tax"]["details"]} == worked.taxes
    assert {key: head[key] for key in worked.head} == worked.head  # type: ignore[literal-required]
    assert str(quote.total) == worked.guest
    # What a terminal can add up itself: per unit price less discount, by the quantity, is the line.
    for row, net in zip(sent["OrderItem"]["details"], worked.nets, strict=True):
        assert D(row["price"]) - D(row["item_discount"] or 0) == D(row["final_price"])
        assert D(row["final_price"]) * int(row["quantity"]) == D(net)
