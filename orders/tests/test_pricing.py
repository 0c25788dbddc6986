from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal as D
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from orders import pricing
from orders.pricing import Basket, BasketLine, Hindrance, Quote, money
from orders.snapshot import AddOnLine, ChargeLine, TaxLine

CGST = TaxSnapshot("11213", "CGST", D("2.5"))
SGST = TaxSnapshot("20375", "SGST", D("2.5"))
GST = (CGST, SGST)
BOTH = ("11213", "20375")
CESS = TaxSnapshot("cess", "Cess", D(10), base=ChargeBase.TOTAL)
NOW = dt.datetime(2026, 1, 15, 19, 42, tzinfo=ZoneInfo("Asia/Kolkata"))  # a Thursday


def line(price: str | int = 100, quantity: int = 1, **values: object) -> BasketLine:
    values = {"external_id": "i1", "name": "Dish", "tax_ids": BOTH, **values}
    return BasketLine(price=D(price), quantity=quantity, **values)  # type: ignore[arg-type]


def basket(*lines: BasketLine, **values: object) -> Basket:
    values = {"order_type": OrderType.PICKUP, "local_time": NOW, "taxes": GST, **values}
    return Basket(lines=lines, **values)  # type: ignore[arg-type]


def quote(*lines: BasketLine, **values: object) -> Quote:
    return pricing.price(basket(*lines, **values))


def addon(price: str | int, quantity: int = 1) -> AddOnLine:
    return AddOnLine("a1", "Cheese", "g1", "Toppings", D(price), quantity)


def discount(kind: AmountKind, amount: str | int, **values: object) -> DiscountSnapshot:
    values = {"external_id": "d1", "name": "Offer", **values}
    return DiscountSnapshot(kind=kind, amount=D(amount), **values)  # type: ignore[arg-type]


def percent(amount: str | int, **values: object) -> DiscountSnapshot:
    return discount(AmountKind.PERCENT, amount, **values)


def fixed(amount: str | int, **values: object) -> DiscountSnapshot:
    return discount(AmountKind.FIXED, amount, **values)


def amounts(taxes: tuple[TaxLine, ...]) -> list[D]:
    return [tax.amount for tax in taxes]


# --- the two composed sample orders ----------------------------------------------------------------------


def test_golden_delivery_order_adds_up_as_in_the_sample() -> None:
    bread = line(
        140,
        2,
        external_id="garlic",
        variation_id="7765862",
        variation_master_id="89058",
        variation_name="3Pieces",
    )
    mojito = AddOnLine("1150783", "Mojito", "135699", "Add Beverage", D(0), 1)
    cheese = AddOnLine("1150813", "Cheese", "135707", "Extra Toppings", D(10), 1)
    pizza = line(100, 1, external_id="118829149", addons=(mojito, cheese), notes="no onion")
    result = quote(
        bread,
        pizza,
        order_type=OrderType.DELIVERY,
        charges=Charges(
            delivery=D(50),
            packing_mode=PackingMode.ORDER,
            packing=D(20),
            packing_tax_ids=BOTH,
            prep_minutes=20,
        ),
        discounts=(percent(10, scope=DiscountScope.ITEMS, target_ids=("7765862",)),),
    )

    first, second = result.lines
    assert (first.unit_price, first.unit_discount, first.net_total) == (D("140.00"), D("14.00"), D("252.00"))
    assert amounts(first.taxes) == [D("6.30"), D("6.30")]
    assert (second.unit_price, second.unit_discount, second.net_total) == (
        D("110.00"),
        D("0.00"),
        D("110.00"),
    )
    assert amounts(second.taxes) == [D("2.75"), D("2.75")]
    assert (second.addons, second.notes) == ((mojito, cheese), "no onion")
    assert result.packing.amount == D("20.00")
    assert amounts(result.packing.taxes) == [D("0.50"), D("0.50")]
    assert result.delivery == ChargeLine(D("50.00"))
    assert result.service == ChargeLine()
    assert result.items_total == D("390.00")
    assert result.discount_total == D("28.00")
    assert result.tax_total == D("19.10")
    assert result.total == D("451.10")
    # The sample's own total is what is due to the restaurant alone.
    assert result.total - result.delivery.amount == D("401.10")


def test_golden_inclusive_pickup_order_holds_its_taxes_inside() -> None:
    result = quote(line(360, tax_inclusive=True))

    assert amounts(result.lines[0].taxes) == [D("8.57"), D("8.57")]
    assert all(tax.inclusive for tax in result.lines[0].taxes)
    assert result.tax_total == D("17.14")
    assert result.total == D("360.00")


# --- taxes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [("0.005", "0.01"), ("0.004999", "0.00"), ("2.675", "2.68"), ("1.005", "1.01"), ("7", "7.00")],
)
def test_money_rounds_half_up(amount: str, rounded: str) -> None:
    assert str(money(D(amount))) == rounded


@pytest.mark.parametrize(
    ("basket_line", "taxes", "expected"),
    [
        pytest.param(line(99, 3), GST, ["7.43", "7.43"], id="rounded once for the whole line: 7.425"),
        pytest.param(line(100, tax_exempt=True), GST, [], id="exempt"),
        pytest.param(line(100, tax_ids=("11213", "gone")), GST, ["2.50"], id="unknown tax ignored"),
        pytest.param(line(100, tax_ids=("11213", "11213")), GST, ["2.50"], id="named twice, owed once"),
        pytest.param(line(100), (replace(CGST, active=False), SGST), ["2.50"], id="switched off"),
        pytest.param(
            line(100),
            (replace(CGST, order_types=(OrderType.DINE_IN,)), replace(SGST, order_types=(OrderType.PICKUP,))),
            ["2.50"],
            id="of this order type only",
        ),
        pytest.param(
            line(100, 3),
            (replace(CGST, kind=AmountKind.FIXED, rate=D(4)), SGST),
            ["12.00", "7.50"],
            id="fixed per unit",
        ),
        pytest.param(
            line(105),
            (replace(CGST, inclusive=True, rate=D(5)), SGST),
            ["5.00", "2.50"],
            id="forward on what is left",
        ),
        pytest.param(
            line(105, 2, tax_inclusive=True),
            (replace(CGST, kind=AmountKind.FIXED, rate=D(5)), replace(SGST, rate=D(25))),
            ["10.00", "40.00"],
            id="fixed inclusive comes out first",
        ),
        pytest.param(
            line(3, 1, tax_inclusive=True),
            (replace(CGST, kind=AmountKind.FIXED, rate=D(5)), SGST),
            ["3.00", "0.00"],
            id="never more tax inside than price",
        ),
        pytest.param(
            line(100, tax_ids=("cess", *BOTH)), (*GST, CESS), ["10.50", "2.50", "2.50"], id="tax on taxes"
        ),
        pytest.param(
            line("9.99", 3, tax_ids=("11213", "cess")),
            (CGST, CESS),
            ["0.75", "3.07"],  # 10 % of 29.97 and 0.75
            id="tax on a tax as it was rounded",
        ),
        pytest.param(
            line(100, tax_ids=("cess", "cess2")),
            (CESS, replace(CESS, external_id="cess2", rate=D(20))),
            ["10.00", "20.00"],
            id="taxes on total leave each other out",
        ),
        pytest.param(
            line(105, tax_ids=("11213", "20375", "cess")),
            (replace(CGST, inclusive=True, rate=D(5)), SGST, CESS),
            ["5.00", "2.50", "10.75"],  # 10 % of 105 and 2.50
            id="total holds what is inside the price",
        ),
        pytest.param(
            line(115, tax_ids=("11213", "cess"), tax_inclusive=True),
            (replace(CGST, rate=D(5)), CESS),
            ["5.00", "10.00"],
            id="inside a price a tax on total is like any other",
        ),
        pytest.param(
            line(100, 2, tax_ids=("11213", "cess")),
            (replace(CGST, kind=AmountKind.FIXED, rate=D(4)), CESS),
            ["8.00", "20.80"],
            id="tax on a fixed tax",
        ),
        pytest.param(
            line(100, 2, tax_ids=("11213", "cess")),
            (CGST, replace(CESS, kind=AmountKind.FIXED)),
            ["5.00", "20.00"],
            id="a fixed tax on total is per unit too",
        ),
    ],
)
def test_taxes_of_a_line(
    basket_line: BasketLine, taxes: tuple[TaxSnapshot, ...], expected: list[str]
) -> None:
    assert amounts(quote(basket_line, taxes=taxes).lines[0].taxes) == [D(amount) for amount in expected]


def test_inclusive_tax_is_in_the_tax_total_but_not_added() -> None:
    result = quote(line(105), taxes=(replace(CGST, inclusive=True, rate=D(5)), SGST))

    assert [tax.inclusive for tax in result.lines[0].taxes] == [True, False]
    assert result.tax_total == D("7.50")
    assert result.total == D("107.50")


def test_addons_are_in_the_unit_price_as_often_as_chosen() -> None:
    result = quote(line(100, 2, addons=(addon(10, 3),)))

    assert result.lines[0].unit_price == D("130.00")
    assert result.lines[0].net_total == D("260.00")
    assert result.total == D("273.00")


# --- discounts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offer", "lines", "expected"),
    [
        pytest.param(percent(10), [line(140, 2), line(110)], ["14.00", "11.00"], id="percent of every line"),
        pytest.param(percent("12.5"), [line("9.99", 3)], ["1.25"], id="rounded per unit: 1.24875"),
        pytest.param(
            percent(10), [line(100, addons=(addon(10),))], ["11.00"], id="add-ons are discounted too"
        ),
        pytest.param(percent(150), [line(100)], ["100.00"], id="never more than the price"),
        pytest.param(
            percent(10), [line(100), line(50, discount_exempt=True)], ["10.00", "0.00"], id="exempt line"
        ),
        pytest.param(
            percent(10, scope=DiscountScope.ITEMS, target_ids=("i2",)),
            [line(100), line(100, external_id="i2")],
            ["0.00", "10.00"],
            id="named item",
        ),
        pytest.param(
            percent(10, scope=DiscountScope.ITEMS, target_ids=("v1",)),
            [line(100, variation_id="v1"), line(100, variation_id="v2"), line(100)],
            ["10.00", "0.00", "0.00"],
            id="named variation",
        ),
        pytest.param(
            percent(10, scope=DiscountScope.CATEGORIES, target_ids=("c1",)),
            [line(100, category_id="c1"), line(100, external_id="c1")],
            ["10.00", "0.00"],
            id="named category",
        ),
        pytest.param(percent(10, max_discount=D(20)), [line(100, 3)], ["6.66"], id="cap, shared per unit"),
        pytest.param(percent(10, max_discount=D(30)), [line(100, 3)], ["10.00"], id="cap not reached"),
        pytest.param(fixed(50), [line(100), line(100)], ["25.00", "25.00"], id="amount in proportion"),
        pytest.param(fixed(50), [line(140, 2), line(110)], ["17.95", "14.10"], id="cents left are given out"),
        pytest.param(fixed(1), [line(5, 3)], ["0.33"], id="cents that do not fit are not given"),
        pytest.param(fixed(500), [line(100), line(20, 2)], ["100.00", "20.00"], id="amount above the price"),
        pytest.param(fixed(50, max_discount=D(10)), [line(100)], ["10.00"], id="cap of an amount"),
        pytest.param(fixed(-5), [line(100)], ["0.00"], id="a negative discount is none"),
        pytest.param(fixed(5), [line(0)], ["0.00"], id="nothing to take off"),
    ],
)
def test_what_a_discount_takes_off_a_unit(
    offer: DiscountSnapshot, lines: list[BasketLine], expected: list[str]
) -> None:
    result = quote(*lines, discounts=(offer,))

    assert [priced.unit_discount for priced in result.lines] == [D(amount) for amount in expected]
    assert result.discount_total == sum(
        D(e) * wanted.quantity for e, wanted in zip(expected, lines, strict=True)
    )
    assert (result.discount is None) == (result.discount_total == 0)


@pytest.mark.parametrize(
    ("limits", "applies"),
    [
        ({}, True),
        ({"active": False}, False),
        ({"needs_coupon": True}, False),
        ({"order_types": (OrderType.DINE_IN,)}, False),
        ({"order_types": (OrderType.DINE_IN, OrderType.PICKUP)}, True),
        ({"min_amount": D("200.00")}, True),
        ({"min_amount": D("200.01")}, False),
        ({"max_amount": D("200.00")}, True),
        ({"max_amount": D("199.99")}, False),
        ({"days": (3,)}, True),
        ({"days": (0, 4)}, False),
        ({"starts": dt.date(2026, 1, 15), "ends": dt.date(2026, 1, 15)}, True),
        ({"starts": dt.date(2026, 1, 16)}, False),
        ({"ends": dt.date(2026, 1, 14)}, False),
        ({"time_from": dt.time(19, 42)}, True),
        ({"time_from": dt.time(19, 43)}, False),
        ({"time_to": dt.time(19, 42)}, True),
        ({"time_to": dt.time(19, 41)}, False),
        ({"time_from": dt.time(18), "time_to": dt.time(23)}, True),
        ({"time_from": dt.time(0), "time_to": dt.time(0)}, True),
    ],
)
def test_when_a_discount_applies(limits: dict[str, object], applies: bool) -> None:
    result = quote(line(200), discounts=(percent(10, **limits),))

    assert result.discount_total == (D("20.00") if applies else 0)


@pytest.mark.parametrize(
    ("day", "clock", "inside"),
    [
        (16, dt.time(17, 59), False),
        (16, dt.time(18, 0), True),
        (17, dt.time(1, 0), True),  # Saturday, but still Friday's evening
        (17, dt.time(2, 0, 59), True),
        (17, dt.time(2, 1), False),
        (16, dt.time(1, 0), False),  # Thursday's evening
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_it_began(day: int, clock: dt.time, inside: bool) -> None:
    friday_night = percent(10, days=(4,), time_from=dt.time(18), time_to=dt.time(2))
    local_time = dt.datetime.combine(dt.date(2026, 1, day), clock, tzinfo=ZoneInfo("Asia/Kolkata"))

    assert pricing.in_window(friday_night, local_time) is inside


def test_of_several_discounts_the_one_that_saves_most_applies_alone() -> None:
    offers = (percent(10, external_id="d1"), fixed(25, external_id="d2"), percent(5, external_id="d3"))

    result = quote(line(200), discounts=offers)

    assert result.discount is offers[1]
    assert result.discount_total == D("25.00")


@pytest.mark.parametrize(
    ("ranks", "winner"),
    [((2, 1), "d2"), ((1, 2), "d1"), ((1, 1), "d1")],
    ids=["lower rank", "first", "lower id"],
)
def test_equal_discounts_are_settled_by_rank_and_then_by_id(ranks: tuple[int, int], winner: str) -> None:
    offers = (percent(10, external_id="d1", rank=ranks[0]), fixed(20, external_id="d2", rank=ranks[1]))

    for order in (offers, offers[::-1]):
        result = quote(line(200), discounts=order)
        assert result.discount is not None
        assert result.discount.external_id == winner


@pytest.mark.parametrize(
    ("coupon", "applies"),
    [
        ("", False),
        ("WELCOME10", True),
        ("welcome10", True),
        ("  Welcome10 ", True),
        ("WELCOME", False),
        ("Offer", False),  # the name is not the code
    ],
)
def test_a_coupon_is_its_code_in_any_case(coupon: str, applies: bool) -> None:
    offer = percent(10, needs_coupon=True, coupon_code="Welcome10")

    assert quote(line(200), discounts=(offer,), coupon=coupon).discount == (offer if applies else None)


def test_nobody_gets_a_coupons_discount_that_has_no_code_or_is_switched_off() -> None:
    without = percent(10, needs_coupon=True)
    switched_off = percent(10, needs_coupon=True, coupon_code="A", active=False)

    for coupon in ("", " ", "A"):
        assert quote(line(200), discounts=(without, switched_off), coupon=coupon).discount is None


@pytest.mark.parametrize(
    ("automatic", "winner"),
    [(25, "auto"), (20, "coupon"), (15, "coupon")],
    ids=["automatic is better", "equal", "coupon is better"],
)
def test_the_guest_gets_the_better_of_coupon_and_automatic_discount(automatic: int, winner: str) -> None:
    offers = (
        fixed(automatic, external_id="auto", rank=-1),
        percent(10, external_id="coupon", needs_coupon=True, coupon_code="A", rank=9),
    )
    result = quote(line(200), discounts=offers, coupon="a")

    assert result.discount is not None
    assert result.discount.external_id == winner
    assert result.discount_total == max(D(automatic), D(20))


def test_of_several_discounts_with_one_code_the_best_applies() -> None:
    offers = tuple(
        fixed(amount, external_id=str(amount), needs_coupon=True, coupon_code="A", **limits)
        for amount, limits in ((5, {}), (15, {}), (50, {"min_amount": D(999)}))
    )

    assert quote(line(200), discounts=offers, coupon="A").discount is offers[1]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, None),
        ({"order_types": (OrderType.DINE_IN,)}, Hindrance.ORDER_TYPE),
        ({"days": (0,)}, Hindrance.TIME),
        ({"min_amount": D("200.01")}, Hindrance.MINIMUM),
        ({"max_amount": D("199.99")}, Hindrance.MAXIMUM),
        ({"scope": DiscountScope.ITEMS, "target_ids": ("i2",)}, Hindrance.ITEMS),
        ({"amount": D(0)}, Hindrance.ITEMS),
    ],
)
def test_what_keeps_a_discount_from_an_order(limits: dict[str, object], expected: Hindrance | None) -> None:
    offer = replace(percent(10), **limits)  # type: ignore[arg-type]

    assert pricing.hindrance(offer, basket(line(200))) is expected


@pytest.mark.parametrize("taxes", [GST, (*GST, CESS), (replace(CGST, inclusive=True), SGST)])
def test_a_percentage_off_the_items_is_the_same_percentage_off_the_total(
    taxes: tuple[TaxSnapshot, ...],
) -> None:
    wanted = line(200, 2, tax_ids=(*BOTH, "cess"))
    whole, less = quote(wanted, taxes=taxes), quote(wanted, taxes=taxes, discounts=(percent(10),))

    assert abs(less.total - whole.total * D("0.9")) <= D("0.005") * 6  # three taxes, rounded twice


# --- charges ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charges", "order_type", "amount", "taxes"),
    [
        (Charges(packing=D(20)), OrderType.PICKUP, "0.00", []),
        (Charges(packing_mode=PackingMode.ORDER, packing=D(20)), OrderType.PICKUP, "20.00", []),
        (Charges(packing_mode=PackingMode.ORDER, packing=D(20)), OrderType.DELIVERY, "20.00", []),
        (Charges(packing_mode=PackingMode.ORDER, packing=D(20)), OrderType.DINE_IN, "0.00", []),
        (
            Charges(
                packing_mode=PackingMode.ORDER,
                packing=D("2.5"),
                packing_kind=AmountKind.PERCENT,
                packing_tax_ids=BOTH,
            ),
            OrderType.PICKUP,
            "7.88",  # 2.5 % of 315
            ["0.20", "0.20"],
        ),
        (
            Charges(packing_mode=PackingMode.ITEM, packing=D(99), packing_tax_ids=BOTH),
            OrderType.PICKUP,
            "10.00",
            ["0.25", "0.25"],
        ),
        (Charges(packing_mode=PackingMode.ORDER, packing_tax_ids=BOTH), OrderType.PICKUP, "0.00", []),
    ],
)
def test_packing(charges: Charges, order_type: OrderType, amount: str, taxes: list[str]) -> None:
    lines = (line(100, 2, packing_charge=D(5)), line(150, packing_charge=None))
    result = quote(*lines, order_type=order_type, charges=charges, discounts=(percent(10),))

    assert result.packing.amount == D(amount)
    assert amounts(result.packing.taxes) == [D(tax) for tax in taxes]


@pytest.mark.parametrize(
    ("order_type", "expected"),
    [
        (OrderType.DELIVERY, ("50.00", ["1.25", "1.25"])),
        (OrderType.PICKUP, ("0.00", [])),
        (OrderType.DINE_IN, ("0.00", [])),
    ],
)
def test_delivery_is_charged_and_taxed_for_deliveries_only(
    order_type: OrderType, expected: tuple[str, list[str]]
) -> None:
    charges = Charges(delivery=D(50), delivery_tax_ids=BOTH)

    result = quote(line(100), order_type=order_type, charges=charges)

    assert (str(result.delivery.amount), [str(a) for a in amounts(result.delivery.taxes)]) == expected


@pytest.mark.parametrize(
    ("values", "amount"),
    [
        ({"service": D(15)}, "15.00"),
        ({"service": D(10), "service_kind": AmountKind.PERCENT}, "30.00"),
        (
            {"service": D(10), "service_kind": AmountKind.PERCENT, "service_base": ChargeBase.TOTAL},
            "27.90",  # net 270, of which 180 carry 5 %
        ),
        ({"service": D(10), "service_order_types": (OrderType.PICKUP,)}, "0.00"),
        ({"service": D(0)}, "0.00"),
    ],
)
def test_service_charge(values: dict[str, object], amount: str) -> None:
    charges = Charges(**{"service_order_types": (OrderType.DINE_IN,), **values})  # type: ignore[arg-type]
    lines = (line(100, 2, tax_ids=("11213", "20375")), line(100, tax_ids=()))

    result = quote(*lines, order_type=OrderType.DINE_IN, charges=charges, discounts=(percent(10),))

    assert result.service == ChargeLine(D(amount))


def test_a_taxed_service_charge_is_taxed_like_the_food_it_is_charged_on() -> None:
    charges = Charges(service_order_types=(OrderType.DINE_IN,), service=D(30), service_taxed=True)
    beer_tax = TaxSnapshot("vat", "VAT", D(20))
    lines = (
        line(100, 2),
        line(100, tax_ids=("vat",)),
        line(100, tax_inclusive=True),  # its taxes are inside: nothing goes on top
    )

    result = quote(*lines, order_type=OrderType.DINE_IN, charges=charges, taxes=(*GST, beer_tax))

    assert result.service.amount == D("30.00")
    # Half of the food carries the GST, a quarter the VAT.
    assert [(tax.external_id, tax.amount) for tax in result.service.taxes] == [
        ("11213", D("0.38")),
        ("20375", D("0.38")),
        ("vat", D("1.50")),
    ]


def test_a_service_charge_on_free_food_is_untaxed() -> None:
    charges = Charges(service_order_types=(OrderType.DINE_IN,), service=D(30), service_taxed=True)

    result = quote(line(0), order_type=OrderType.DINE_IN, charges=charges)

    assert result.service == ChargeLine(D("30.00"))
    assert result.total == D("30.00")


# --- properties ------------------------------------------------------------------------------------------

prices = st.decimals(0, 5000, places=2)
tax_pool = (
    CGST,
    SGST,
    TaxSnapshot("vat", "VAT", D("14.5"), inclusive=True),
    TaxSnapshot("bag", "Bag", D("0.35"), AmountKind.FIXED),
    CESS,
    TaxSnapshot("bagtot", "Bag on total", D("0.35"), AmountKind.FIXED, ChargeBase.TOTAL),
    TaxSnapshot("bagin", "Bag inside", D("0.35"), AmountKind.FIXED, inclusive=True),
)
tax_ids = st.lists(st.sampled_from([tax.external_id for tax in tax_pool]), unique=True).map(tuple)
basket_lines = st.builds(
    BasketLine,
    external_id=st.sampled_from(["i1", "i2", "i3"]),
    name=st.just("Dish"),
    price=prices,
    quantity=st.integers(1, 30),
    category_id=st.sampled_from(["c1", "c2"]),
    variation_id=st.sampled_from(["", "v1"]),
    addons=st.lists(st.builds(addon, prices, st.integers(1, 3)), max_size=2).map(tuple),
    tax_ids=tax_ids,
    tax_inclusive=st.booleans(),
    tax_exempt=st.booleans(),
    discount_exempt=st.booleans(),
    packing_charge=st.none() | prices,
)
some_charges = st.builds(
    Charges,
    delivery=prices,
    delivery_tax_ids=tax_ids,
    packing_mode=st.sampled_from(PackingMode),
    packing_kind=st.sampled_from(AmountKind),
    packing=st.decimals(0, 30, places=2),
    packing_tax_ids=tax_ids,
    service_order_types=st.lists(st.sampled_from(OrderType), unique=True).map(tuple),
    service_kind=st.sampled_from(AmountKind),
    service=st.decimals(0, 30, places=2),
    service_base=st.sampled_from(ChargeBase),
    service_taxed=st.booleans(),
)
some_discounts = st.lists(
    st.builds(
        DiscountSnapshot,
        external_id=st.sampled_from(["d1", "d2", "d3"]),
        name=st.just("Offer"),
        kind=st.sampled_from(AmountKind),
        amount=st.decimals(0, 150, places=2),
        scope=st.sampled_from(DiscountScope),
        target_ids=st.lists(st.sampled_from(["i1", "i2", "v1", "c1"])).map(tuple),
        min_amount=st.none() | prices,
        max_discount=st.none() | st.decimals(0, 100, places=2),
        needs_coupon=st.booleans(),
        coupon_code=st.sampled_from(["", "A", "B"]),
        rank=st.integers(0, 2),
    ),
    max_size=3,
    unique_by=lambda offer: offer.external_id,
).map(tuple)
baskets = st.builds(
    Basket,
    order_type=st.sampled_from(OrderType),
    local_time=st.just(NOW),
    lines=st.lists(basket_lines, max_size=6).map(tuple),
    charges=some_charges,
    taxes=st.just(tax_pool),
    discounts=some_discounts,
    coupon=st.sampled_from(["", "a", "B", "C"]),
)


@given(baskets)
def test_totals_add_up_and_nothing_is_negative(wanted: Basket) -> None:
    result = pricing.price(wanted)
    charges = (result.packing, result.delivery, result.service)
    line_taxes = [tax for priced in result.lines for tax in priced.taxes]
    charge_taxes = [tax for charge in charges for tax in charge.taxes]

    for priced in result.lines:
        assert 0 <= priced.unit_discount <= priced.unit_price
        assert priced.net_total == (priced.unit_price - priced.unit_discount) * priced.quantity
        assert sum(tax.amount for tax in priced.taxes if tax.inclusive) <= priced.net_total
    assert result.items_total - result.discount_total == sum(priced.net_total for priced in result.lines)
    assert result.tax_total == sum(tax.amount for tax in line_taxes + charge_taxes)
    assert result.total == (
        result.items_total
        - result.discount_total
        + sum(tax.amount for tax in line_taxes if not tax.inclusive)
        + sum(charge.amount for charge in charges)
        + sum(tax.amount for tax in charge_taxes)
    )
    numbers = [tax.amount for tax in line_taxes + charge_taxes] + [charge.amount for charge in charges]
    for number in (*numbers, result.items_total, result.discount_total, result.tax_total, result.total):
        assert number >= 0
        assert number == money(number)


@given(baskets)
def test_a_discount_never_exceeds_its_cap_or_its_amount(wanted: Basket) -> None:
    result = pricing.price(wanted)

    if result.discount is None:
        assert result.discount_total == 0
        return
    if result.discount.kind == AmountKind.FIXED:
        assert result.discount_total <= result.discount.amount
    if result.discount.max_discount is not None:
        assert result.discount_total <= result.discount.max_discount


@given(baskets)
def test_a_tax_on_total_is_a_tax_on_the_line_and_its_taxes_on_core(wanted: Basket) -> None:
    on_core = {tax.external_id for tax in tax_pool if tax.base == ChargeBase.CORE}
    for priced in pricing.price(wanted).lines:
        core = sum(tax.amount for tax in priced.taxes if tax.external_id in on_core and not tax.inclusive)
        for tax in priced.taxes:
            if tax.external_id == "cess" and not tax.inclusive:
                assert tax.amount == money((priced.net_total + core) * tax.rate / 100)


@given(baskets)
def test_a_coupon_never_makes_an_order_dearer(wanted: Basket) -> None:
    with_coupon, without = pricing.price(wanted), pricing.price(replace(wanted, coupon=""))

    assert with_coupon.discount_total >= without.discount_total
    assert without.discount is None or not without.discount.needs_coupon


@given(baskets, st.randoms(use_true_random=False))
def test_the_order_of_lines_and_discounts_does_not_matter(wanted: Basket, random: object) -> None:
    lines, discounts = list(wanted.lines), list(wanted.discounts)
    random.shuffle(lines)  # type: ignore[attr-defined]
    random.shuffle(discounts)  # type: ignore[attr-defined]

    first = pricing.price(wanted)
    second = pricing.price(replace(wanted, lines=tuple(lines), discounts=tuple(discounts)))

    for fact in (
        "packing",
        "delivery",
        "service",
        "discount",
        "items_total",
        "discount_total",
        "tax_total",
        "total",
    ):
        assert getattr(first, fact) == getattr(second, fact)


@given(basket_lines, st.integers(2, 6))
def test_splitting_a_line_moves_each_forward_tax_by_its_rounding_only(wanted: BasketLine, parts: int) -> None:
    wanted = replace(wanted, tax_ids=BOTH, tax_inclusive=False)
    whole = quote(replace(wanted, quantity=wanted.quantity * parts), discounts=(percent(10),))
    split = quote(*[wanted] * parts, discounts=(percent(10),))

    assert split.items_total == whole.items_total
    assert split.discount_total == whole.discount_total
    # Half a cent per tax and line, on either side.
    assert abs(split.tax_total - whole.tax_total) <= D("0.005") * 2 * (parts + 1)
    assert abs(split.total - whole.total) <= D("0.005") * 2 * (parts + 1)
