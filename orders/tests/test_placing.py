from __future__ import annotations

import datetime as dt
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal as D
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ding.errors import Conflict, NotFound
from menus.models import AddOnItem, Item, Menu, Restaurant, Variation
from menus.serialization import charges_as_json
from menus.snapshot import AmountKind, Charges, DiscountScope, OrderType, PackingMode
from orders import rules
from orders.models import IdempotencyKey, Order, OrderItem, OrderItemAddOn, OrderStatusHistory
from orders.order_request import AddOnRequest, LineRequest, OrderRequest
from orders.rules import BasketRefused
from orders.services import menu_extract
from orders.services.placing import IdempotencyConflict, place_order, quote_order
from orders.services.writing import new_reference
from orders.signals import orders_placed
from orders.tests.factories import CHARGES, add_discount, golden_lines, make_request, make_restaurant

pytestmark = pytest.mark.django_db

TABLES = (Order, OrderItem, OrderItemAddOn, OrderStatusHistory, IdempotencyKey)


@pytest.fixture
def place() -> SimpleNamespace:
    return make_restaurant()


@pytest.fixture
def sent() -> Iterator[list[Order]]:
    placed: list[Order] = []

    def receiver(sender: Any, orders: list[Order], **kwargs: Any) -> None:
        placed.extend(orders)

    orders_placed.connect(receiver)
    yield placed
    orders_placed.disconnect(receiver)


def rows() -> list[int]:
    return [model.objects.count() for model in TABLES]


def refused(request: OrderRequest) -> dict[str, list[dict[str, Any]]]:
    """The violations, the same for a quote and for an order, of which nothing is left."""
    before = rows()
    with pytest.raises(BasketRefused) as by_quote:
        quote_order(request=request)
    with pytest.raises(BasketRefused) as by_order, transaction.atomic():
        place_order(request=request, client="shop", idempotency_key="k")
    assert rows() == before
    assert by_order.value.fields is not None
    assert by_order.value.fields.keys() == by_quote.value.fields.keys()
    for violation in (violation for violations in by_order.value.fields.values() for violation in violations):
        assert violation["message"].endswith((".", "?"))
    return by_order.value.fields


def broken(request: OrderRequest) -> dict[str, list[str]]:
    return {path: [v["rule"] for v in violations] for path, violations in refused(request).items()}


# --- what is written ---------------------------------------------------------------------------------------


def test_golden_order_is_written_as_priced(place: SimpleNamespace, sent: list[Order]) -> None:
    answer, created = place_order(request=make_request(place, notes="ring twice"), client="shop")

    assert created
    order = Order.objects.get()
    assert sent == [order]
    assert (order.status, order.client, order.currency, order.prep_minutes) == ("pending", "shop", "INR", 20)
    assert (order.latitude, order.longitude) == (D("23.000001"), D("72.000001"))
    assert order.items_total == D("390.00")
    assert order.discount_total == D("28.00")
    assert order.packing_charge == D("20.00")
    assert order.delivery_charge == D("50.00")
    assert order.service_charge == D("0.00")
    assert order.tax_total == D("19.10")
    assert order.total == D("451.10")
    cgst = {
        "id": "11213",
        "name": "CGST",
        "rate": "2.5",
        "amount": "0.50",
        "kind": "percent",
        "inclusive": False,
    }
    sgst = cgst | {"id": "20375", "name": "SGST"}
    assert order.breakdown == {
        "packing": [cgst, sgst],
        "delivery": [],
        "service": [],
        "discount": {"id": "d1", "name": "Garlic bread week"},
    }
    bread, pizza = order.items.all()
    assert (bread.position, bread.item, bread.variation) == (1, place.bread, place.three)
    assert (bread.external_id, bread.variation_external_id, bread.variation_master_id) == (
        "118829149x",
        "7765862",
        "89058",
    )
    assert (bread.name, bread.variation_name) == ("Garlic Bread", "3Pieces")
    assert (bread.base_price, bread.unit_price, bread.unit_discount) == (D("140.00"), D("140.00"), D("14.00"))
    assert (bread.quantity, bread.net_total, bread.liability) == (2, D("252.00"), "restaurant")
    assert bread.taxes == [cgst | {"amount": "6.30"}, sgst | {"amount": "6.30"}]
    assert (pizza.position, pizza.variation, pizza.base_price, pizza.unit_price) == (
        2,
        None,
        D("100.00"),
        D("110.00"),
    )
    assert pizza.notes == "no onion"
    mojito, cheese = pizza.addons.all()
    assert (mojito.name, mojito.group_name, mojito.price, mojito.addon_item) == (
        "Mojito",
        "Add Beverage",
        D("0.00"),
        place.mojito,
    )
    assert (cheese.external_id, cheese.group_external_id, cheese.quantity) == ("1150813", "135707", 1)
    history = order.history.get()
    assert (history.old_status, history.new_status, history.source) == ("", "pending", "guest")
    assert (history.changed_by, history.change_reason) == ("shop", "")
    assert answer["id"] == order.pk
    assert answer["totals"]["total"] == "451.10"
    assert not IdempotencyKey.objects.exists()


def test_a_quote_gives_the_same_and_writes_nothing(place: SimpleNamespace, sent: list[Order]) -> None:
    quote, currency = quote_order(request=make_request(place))

    assert (quote.total, currency) == (D("451.10"), "INR")
    assert sent == []
    assert rows() == [0, 0, 0, 0, 0]


def test_references_are_random_and_start_with_a_letter() -> None:
    references = {new_reference() for _ in range(2000)}

    assert len(references) == 2000
    assert all(re.fullmatch(r"[A-HJKMNP-TV-Z][0-9A-HJKMNP-TV-Z]{11}", reference) for reference in references)


def test_what_the_menu_says_later_does_not_change_an_order(place: SimpleNamespace) -> None:
    place_order(request=make_request(place), client="shop")
    Variation.objects.update(price=D(999), name="renamed")

    bread = OrderItem.objects.get(position=1)
    assert (bread.unit_price, bread.variation_name) == (D("140.00"), "3Pieces")


def test_a_receiver_that_fails_leaves_no_order(place: SimpleNamespace) -> None:
    def receiver(sender: Any, **kwargs: Any) -> None:
        raise RuntimeError("no")

    orders_placed.connect(receiver)
    try:
        with pytest.raises(RuntimeError), transaction.atomic():
            place_order(request=make_request(place), client="shop", idempotency_key="k")
    finally:
        orders_placed.disconnect(receiver)
    assert rows() == [0, 0, 0, 0, 0]


def test_a_variations_own_packing_charge_goes_before_the_items(place: SimpleNamespace) -> None:
    Menu.objects.update(
        charges=charges_as_json(replace(CHARGES, packing_mode=PackingMode.ITEM, packing_tax_ids=()))
    )
    Item.objects.filter(pk=place.bread.pk).update(packing_charge=D(5))
    Item.objects.filter(pk=place.pizza.pk).update(packing_charge=D(7))
    Variation.objects.filter(pk=place.three.pk).update(packing_charge=D(0))
    lines = (
        LineRequest(item_id=place.bread.pk, variation_id=place.three.pk, quantity=2),
        LineRequest(item_id=place.bread.pk, variation_id=place.six.pk),
        LineRequest(item_id=place.pizza.pk, quantity=2),
    )

    assert quote_order(request=make_request(place, *lines))[0].packing.amount == D("19.00")


def test_discounts_go_by_the_restaurants_own_clock(place: SimpleNamespace) -> None:
    place.discount.rule["days"] = [4]  # Friday
    place.discount.save()
    thursday_evening_utc = dt.datetime(2026, 1, 15, 19, 0, tzinfo=dt.UTC)  # Friday 00:30 in India

    with time_machine.travel(thursday_evening_utc, tick=False):
        in_india, _ = quote_order(request=make_request(place))
        Restaurant.objects.update(timezone="Europe/London")
        in_london, _ = quote_order(request=make_request(place))
        Restaurant.objects.update(timezone="Nowhere/At all")
        nowhere, _ = quote_order(request=make_request(place))

    assert in_india.discount_total == D("28.00")
    assert in_london.discount_total == D("0.00")
    assert nowhere.discount_total == D("0.00")


def test_without_returned_rows_the_lines_are_read_back(
    place: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(connection.features), "can_return_rows_from_bulk_insert", False)

    place_order(request=make_request(place), client="shop")

    assert [addon.name for addon in OrderItem.objects.get(position=2).addons.all()] == ["Mojito", "Cheese"]


# --- rules -------------------------------------------------------------------------------------------------


def pizza(place: SimpleNamespace, *addons: tuple[int, int], **values: Any) -> LineRequest:
    return LineRequest(
        item_id=place.pizza.pk,
        quantity=values.pop("quantity", 2),
        addons=tuple(AddOnRequest(addon_item_id=pk, quantity=quantity) for pk, quantity in addons),
        **values,
    )


@pytest.mark.parametrize(
    ("model", "change", "expected"),
    [
        (Item, {"active": False}, {"items[1].item_id": ["item_unavailable"]}),
        (Item, {"in_stock": False}, {"items[1].item_id": ["item_out_of_stock"]}),
        (Item, {"order_types": ["DINE_IN"]}, {"items[1].item_id": ["item_not_for_order_type"]}),
        (Item, {"order_types": ["DINE_IN", "DELIVERY"]}, None),
        (AddOnItem, {"active": False}, {"items[1].addons[1].addon_item_id": ["addon_unavailable"]}),
        (AddOnItem, {"in_stock": False}, {"items[1].addons[1].addon_item_id": ["addon_out_of_stock"]}),
        (Variation, {"active": False}, {"items[0].variation_id": ["variation_unavailable"]}),
        (Variation, {"in_stock": False}, {"items[0].variation_id": ["variation_out_of_stock"]}),
        (
            Restaurant,
            {"accepting_orders": False},
            {"restaurant_id": ["not_accepting_orders"]},
        ),
    ],
)
def test_what_is_not_on_sale_is_refused(
    place: SimpleNamespace, model: Any, change: dict[str, Any], expected: dict[str, list[str]] | None
) -> None:
    row = {Item: place.pizza, AddOnItem: place.cheese, Variation: place.three, Restaurant: place.restaurant}[
        model
    ]
    model.objects.filter(pk=row.pk).update(**change)

    if expected is None:
        quote_order(request=make_request(place))
    else:
        assert broken(make_request(place)) == expected


def test_a_category_or_a_group_that_is_switched_off_takes_its_members_along(place: SimpleNamespace) -> None:
    type(place.breads).objects.filter(pk=place.breads.pk).update(active=False)
    type(place.toppings).objects.filter(pk=place.toppings.pk).update(active=False)

    assert broken(make_request(place)) == {
        "items[0].item_id": ["item_unavailable"],
        "items[1].addons[1].addon_item_id": ["addon_unavailable"],
    }


def test_an_item_whose_variations_are_all_switched_off_is_not_sold_at_its_own_price(
    place: SimpleNamespace,
) -> None:
    Variation.objects.update(active=False, content_hash="x")

    assert broken(make_request(place, LineRequest(item_id=place.bread.pk))) == {
        "items[0].item_id": ["item_unavailable"]
    }


def test_an_item_whose_variations_have_left_the_menu_is_sold_without(place: SimpleNamespace) -> None:
    Variation.objects.update(active=False, content_hash="")
    Item.objects.filter(pk=place.bread.pk).update(price=D(120))

    quote, _ = quote_order(request=make_request(place, LineRequest(item_id=place.bread.pk)))
    assert quote.items_total == D("120.00")


def test_unknown_and_foreign_ids_are_unknown_alike(place: SimpleNamespace) -> None:
    other = make_restaurant(name="Other")
    lines = (
        LineRequest(item_id=10**18),
        LineRequest(item_id=other.pizza.pk),
        LineRequest(item_id=place.bread.pk, variation_id=other.three.pk),
        LineRequest(item_id=place.pizza.pk, variation_id=place.three.pk),
        pizza(place, (other.cheese.pk, 1)),
        LineRequest(item_id=place.cola.pk, addons=(AddOnRequest(addon_item_id=place.cheese.pk),)),
    )

    assert broken(make_request(place, *lines)) == {
        "items[0].item_id": ["item_unknown"],
        "items[1].item_id": ["item_unknown"],
        "items[2].variation_id": ["variation_unknown"],
        "items[3].variation_id": ["variation_unknown"],
        "items[4].addons[0].addon_item_id": ["addon_not_offered"],
        "items[5].addons[0].addon_item_id": ["addon_not_offered"],
    }


def test_a_missing_variation_is_refused_with_the_choices(place: SimpleNamespace) -> None:
    (violation,) = refused(make_request(place, LineRequest(item_id=place.bread.pk)))["items[0].variation_id"]

    assert violation == {
        "rule": "variation_missing",
        "message": "Garlic Bread comes in variations. Choose one.",
        "expected": [{"id": place.three.pk, "name": "3Pieces"}, {"id": place.six.pk, "name": "6Pieces"}],
    }


def test_limits_of_a_group_count_quantities(place: SimpleNamespace) -> None:
    offers = [
        {"group_id": "135699", "minimum": 1, "maximum": 1},
        {"group_id": "135707", "minimum": 0, "maximum": 2},
    ]
    Item.objects.filter(pk=place.pizza.pk).update(addon_groups=offers)
    mojito, cheese = place.mojito.pk, place.cheese.pk

    quote_order(request=make_request(place, pizza(place, (mojito, 1), (cheese, 1), (cheese, 1))))
    assert refused(make_request(place, pizza(place, (cheese, 1), (cheese, 2)))) == {
        "items[0].addons": [
            {
                "rule": "addons_too_few",
                "message": "Choose at least 1 of Add Beverage.",
                "expected": {"group": "Add Beverage", "minimum": 1},
                "given": 0,
            },
            {
                "rule": "addons_too_many",
                "message": "Choose at most 2 of Extra Toppings.",
                "expected": {"group": "Extra Toppings", "maximum": 2},
                "given": 3,
            },
        ]
    }


@pytest.mark.parametrize(
    "unusable",
    [{"active": False}, {"in_stock": False}, {"external_id": "gone"}],
    ids=["switched off", "sold out", "missing"],
)
def test_a_group_without_anything_to_choose_asks_for_nothing(
    place: SimpleNamespace, unusable: dict[str, Any]
) -> None:
    offers = [{"group_id": "135699", "minimum": 1, "maximum": 1}]
    Item.objects.filter(pk=place.pizza.pk).update(addon_groups=offers)
    if "external_id" in unusable:
        type(place.beverage).objects.filter(pk=place.beverage.pk).update(**unusable)
    else:
        AddOnItem.objects.filter(pk=place.mojito.pk).update(**unusable)

    quote_order(request=make_request(place, pizza(place)))


def test_a_variation_offers_its_own_groups_beside_its_items(place: SimpleNamespace) -> None:
    Item.objects.filter(pk=place.bread.pk).update(
        addon_groups=[
            {"group_id": "135699", "minimum": 0, "maximum": 1},
            {"group_id": "135707", "maximum": 1},
        ]
    )
    Variation.objects.filter(pk=place.six.pk).update(
        addon_groups=[{"group_id": "135707", "minimum": 2, "maximum": 3}]
    )
    mojito = AddOnRequest(addon_item_id=place.mojito.pk)
    cheeses = AddOnRequest(addon_item_id=place.cheese.pk, quantity=3)
    both = (mojito, cheeses)

    quote_order(
        request=make_request(
            place, LineRequest(item_id=place.bread.pk, variation_id=place.six.pk, addons=both)
        )
    )
    assert broken(
        make_request(
            place,
            LineRequest(item_id=place.bread.pk, variation_id=place.three.pk, addons=both),
            LineRequest(item_id=place.bread.pk, variation_id=place.six.pk, addons=(mojito,)),
        )
    ) == {"items[0].addons": ["addons_too_many"], "items[1].addons": ["addons_too_few"]}


@pytest.mark.parametrize("quantity", [0, -1, 1000, 2**31 - 1])
def test_quantities_out_of_range_are_refused(place: SimpleNamespace, quantity: int) -> None:
    line = pizza(place, (place.mojito.pk, quantity), quantity=quantity)

    assert broken(make_request(place, line)) == {
        "items[0].quantity": ["quantity_out_of_range"],
        "items[0].addons[0].quantity": ["quantity_out_of_range"],
    }


def test_an_empty_basket_is_refused(place: SimpleNamespace) -> None:
    request = replace(make_request(place), lines=())

    assert broken(request) == {"items": ["empty_basket"]}


def test_a_restaurant_without_a_menu_is_refused() -> None:
    place = make_restaurant()
    Restaurant.objects.create(name="Bare")
    request = replace(make_request(place), restaurant_id=Restaurant.objects.get(name="Bare").pk)

    assert broken(request) == {"restaurant_id": ["no_menu"]}


def test_an_unknown_restaurant_is_not_found(place: SimpleNamespace) -> None:
    request = make_request(place, restaurant_id=2**63 - 1)

    with pytest.raises(NotFound):
        quote_order(request=request)
    with pytest.raises(NotFound):
        place_order(request=request, client="shop")


@pytest.mark.parametrize("order_type", [OrderType.DELIVERY, OrderType.PICKUP])
def test_less_than_the_minimum_is_refused(place: SimpleNamespace, order_type: OrderType) -> None:
    request = make_request(place, LineRequest(item_id=place.cola.pk, quantity=2), order_type=order_type)

    assert refused(request) == {
        "items": [
            {
                "rule": "minimum_order",
                "message": "The restaurant takes orders from 100.00. Add something.",
                "expected": "100.00",
                "given": "80.00",
            }
        ]
    }


def test_guests_at_a_table_may_order_less(place: SimpleNamespace) -> None:
    line = LineRequest(item_id=place.cola.pk)

    quote, _ = quote_order(request=make_request(place, line, order_type=OrderType.DINE_IN, table_no="4"))
    assert quote.total == D("42.00")


def test_another_total_than_expected_is_refused_with_both(place: SimpleNamespace) -> None:
    quote_order(request=make_request(place, expected_total=D("451.1")))
    assert refused(make_request(place, expected_total=D(450))) == {
        "expected_total": [
            {
                "rule": "total_differs",
                "message": "The total is 451.10. Show it to the guest and send it as expected_total.",
                "expected": "451.10",
                "given": "450.00",
            }
        ]
    }


def test_a_time_that_has_passed_is_refused(place: SimpleNamespace) -> None:
    now = timezone.now()

    quote_order(request=make_request(place, scheduled_for=now + dt.timedelta(hours=1)))
    assert broken(make_request(place, scheduled_for=now - dt.timedelta(seconds=1))) == {
        "scheduled_for": ["scheduled_in_past"]
    }


def test_more_money_than_a_column_holds_is_refused(place: SimpleNamespace) -> None:
    Item.objects.filter(pk=place.pizza.pk).update(price=rules.MOST_MONEY)

    assert broken(make_request(place, pizza(place, quantity=999))) == {"items": ["amount_too_large"]}


def test_a_tax_that_is_too_large_for_its_column_is_refused_too(place: SimpleNamespace) -> None:
    type(place.cgst).objects.update(rate=D("99999.9999"), kind=AmountKind.FIXED)
    Item.objects.update(price=D(9_999_000))

    assert broken(make_request(place, *[pizza(place, quantity=999)] * 200)) == {"items": ["amount_too_large"]}


def test_all_violations_are_collected(place: SimpleNamespace) -> None:
    Restaurant.objects.update(accepting_orders=False)
    Item.objects.filter(pk=place.cola.pk).update(in_stock=False, order_types=["DINE_IN"])
    request = make_request(
        place,
        LineRequest(item_id=place.bread.pk, quantity=0),
        LineRequest(item_id=place.cola.pk),
        scheduled_for=timezone.now() - dt.timedelta(days=1),
        expected_total=D(1),
    )

    # The total cannot be known yet.
    assert broken(request) == {
        "restaurant_id": ["not_accepting_orders"],
        "scheduled_for": ["scheduled_in_past"],
        "items[0].quantity": ["quantity_out_of_range"],
        "items[0].variation_id": ["variation_missing"],
        "items[1].item_id": ["item_out_of_stock", "item_not_for_order_type"],
    }


def test_what_the_prices_show_is_collected_with_the_rest(place: SimpleNamespace) -> None:
    Restaurant.objects.update(accepting_orders=False)
    request = make_request(place, LineRequest(item_id=place.cola.pk), expected_total=D(1))

    assert broken(request) == {
        "restaurant_id": ["not_accepting_orders"],
        "items": ["minimum_order"],
        "expected_total": ["total_differs"],
    }


# --- the same again ----------------------------------------------------------------------------------------


def test_the_same_key_and_body_give_the_first_answer(place: SimpleNamespace, sent: list[Order]) -> None:
    request = make_request(place)
    first, created = place_order(request=request, client="shop", idempotency_key="k1")
    before = rows()
    # Whatever has happened since.
    Order.objects.update(status="delivered")
    Restaurant.objects.update(accepting_orders=False)
    Item.objects.update(price=D(1), active=False)

    again, created_again = place_order(request=request, client="shop", idempotency_key="k1")

    assert (created, created_again) == (True, False)
    assert again == first
    assert rows() == before == [1, 2, 2, 1, 1]
    assert len(sent) == 1


def test_the_same_key_with_another_body_is_refused(place: SimpleNamespace) -> None:
    place_order(request=make_request(place), client="shop", idempotency_key="k1")
    before = rows()

    with pytest.raises(IdempotencyConflict) as refusal:
        place_order(request=make_request(place, notes="other"), client="shop", idempotency_key="k1")

    assert (refusal.value.status, refusal.value.code) == (422, "idempotency_key_reused")
    assert rows() == before


def test_keys_of_two_clients_and_keys_that_differ_in_case_are_apart(place: SimpleNamespace) -> None:
    request = make_request(place)

    answers = [
        place_order(request=request, client=client, idempotency_key=key)
        for client, key in (
            ("shop", "k1"),
            ("app", "k1"),
            ("shop", "K1"),
            ("shop", "k1 "),
            ("shop", ""),
            ("shop", ""),
        )
    ]

    assert all(created for _, created in answers)
    assert len({answer["reference"] for answer, _ in answers}) == 6


def test_a_refusal_is_not_remembered_under_the_key(place: SimpleNamespace) -> None:
    Restaurant.objects.update(accepting_orders=False)
    request = make_request(place)
    with pytest.raises(BasketRefused), transaction.atomic():
        place_order(request=request, client="shop", idempotency_key="k1")
    Restaurant.objects.update(accepting_orders=True)

    _, created = place_order(request=request, client="shop", idempotency_key="k1")

    assert created


@pytest.mark.parametrize(
    "change",
    [
        {"notes": "x"},
        {"payment_type": "COD"},
        {"expected_total": D("1.00")},
        {"scheduled_for": dt.datetime(2030, 1, 1, tzinfo=dt.UTC)},
        {"restaurant_id": 7},
        {"lines": ()},
    ],
)
def test_any_difference_makes_another_body(place: SimpleNamespace, change: dict[str, Any]) -> None:
    request = make_request(place)

    assert request.sha256() == make_request(place).sha256()
    assert replace(request, **change).sha256() != request.sha256()


# --- a menu that changes meanwhile -------------------------------------------------------------------------


def test_a_sync_between_the_reads_makes_us_price_again(
    place: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch, synced = menu_extract._fetch, []

    def fetch_while_syncing(*args: Any) -> Any:
        parts = fetch(*args)
        if not synced:
            synced.append(True)
            Variation.objects.filter(pk=place.three.pk).update(price=D(200))
            Menu.objects.update(version=F("version") + 1)
        return parts

    monkeypatch.setattr(menu_extract, "_fetch", fetch_while_syncing)

    for _ in range(2):
        quote, _ = quote_order(request=make_request(place))
        assert quote.lines[0].unit_price == D("200.00")


def test_a_menu_that_never_rests_is_a_conflict(
    place: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = menu_extract._fetch

    def fetch_while_syncing(*args: Any) -> Any:
        parts = fetch(*args)
        Menu.objects.update(version=F("version") + 1)
        return parts

    monkeypatch.setattr(menu_extract, "_fetch", fetch_while_syncing)

    with pytest.raises(Conflict, match="Try again"):
        place_order(request=make_request(place), client="shop")
    assert rows() == [0, 0, 0, 0, 0]


# --- statements --------------------------------------------------------------------------------------------


def _statements(request: OrderRequest, key: str) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        place_order(request=request, client="shop", idempotency_key=key)
    return [query["sql"] for query in queries]


def test_one_line_and_fifty_take_the_same_statements(place: SimpleNamespace) -> None:
    _, with_addons = golden_lines(place)
    bread = LineRequest(item_id=place.bread.pk, variation_id=place.three.pk)
    own = {"restaurant": place.restaurant, "category": place.mains, "price": D(50), "tax_ids": ["11213"]}
    dishes = [Item.objects.create(external_id=f"dish{n}", name=f"Dish {n}", **own) for n in range(40)]
    many = [with_addons, *[bread] * 9, *(LineRequest(item_id=dish.pk) for dish in dishes)]
    assert len(many) == 50

    one = _statements(make_request(place, with_addons), "k1")
    fifty = _statements(make_request(place, *many), "k2")

    assert len(fifty) == len(one)
    # Whether the key is known, the restaurant, the menu's part and whether it is still that menu; then, in a savepoint,
    # for this test is one transaction: the order, what receivers of `orders_placed` do, and the answer under its key.
    assert [sql.split()[0] for sql in one[:9]] == ["SELECT"] * 8 + ["SAVEPOINT"]
    assert [sql.split()[0] for sql in one[9:13]] == ["INSERT"] * 4
    assert [sql.split()[0] for sql in one[-2:]] == ["INSERT", "RELEASE"]
    # What has been read of a menu is not read again.
    again = _statements(make_request(place, *many), "k3")
    assert [sql.split()[0] for sql in again] == ["SELECT"] * 2 + [sql.split()[0] for sql in one[8:]]


def test_a_replay_takes_few_statements(place: SimpleNamespace) -> None:
    request = make_request(place)
    _statements(request, "k1")

    # The row that has the answer.
    assert len(_statements(request, "k1")) == 1


def test_an_order_without_charges_costs_its_food(place: SimpleNamespace) -> None:
    Menu.objects.update(charges={})

    quote, _ = quote_order(request=make_request(place))

    assert quote.total == D("362.00") + D("18.10")
    assert charges_as_json(Charges())["delivery"] == "0"


# --- at the same time --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="an in-memory database has one connection")
def test_the_same_key_at_the_same_time_places_one_order() -> None:
    place = make_restaurant()
    request = make_request(place)
    ready = threading.Barrier(8)

    def place_one(_: int) -> tuple[dict[str, Any], bool]:
        try:
            ready.wait()
            return place_order(request=request, client="shop", idempotency_key="k1")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(place_one, range(8)))

    assert sorted(created for _, created in results) == [False] * 7 + [True]
    assert {answer["reference"] for answer, _ in results} == {Order.objects.get().reference}
    assert rows() == [1, 2, 2, 1, 1]


def test_an_item_of_a_category_that_is_closed_now_is_refused_with_its_hours(place):
    category = place.pizza.category
    category.opening = [{"opens": "00:00:00", "closes": "00:01:00", "days": []}]
    category.save()
    with time_machine.travel(dt.datetime(2026, 1, 15, 6, 30, tzinfo=dt.UTC), tick=False):
        fields = refused(make_request(place, LineRequest(item_id=place.pizza.pk, quantity=1)))
    (problem,) = fields["items[0].item_id"]
    assert (problem["rule"], problem["expected"]) == ("item_not_sold_now", "00:00 to 00:01")


# --- coupons -----------------------------------------------------------------------------------------------


def test_a_coupon_takes_its_discount_off_and_is_kept(place: SimpleNamespace) -> None:
    add_discount(place)
    request = make_request(place, coupon="welcome20")

    quote, _ = quote_order(request=request)
    answer, _ = place_order(request=request, client="shop")

    order = Order.objects.get()
    assert order.discount_total == quote.discount_total == D("78.00")
    assert order.total == quote.total
    assert order.breakdown["discount"] == {"id": "d2", "name": "Welcome"}
    assert (order.coupon, answer["coupon"]) == ("welcome20", "welcome20")


def test_a_coupon_that_saves_less_than_another_discount_is_kept_but_not_used(place: SimpleNamespace) -> None:
    add_discount(place, amount=D(1))

    answer, _ = place_order(request=make_request(place, coupon="WELCOME20"), client="shop")

    assert answer["coupon"] == "WELCOME20"
    assert answer["breakdown"]["discount"]["id"] == "d1"
    assert answer["totals"]["discount"] == "28.00"


@pytest.mark.parametrize("values", [{"coupon_code": "OTHER"}, {"needs_coupon": False}, {"coupon_code": ""}])
def test_a_coupon_of_no_discount_is_refused(place: SimpleNamespace, values: dict[str, Any]) -> None:
    add_discount(place, **values)

    assert refused(make_request(place, coupon="WELCOME20"))["coupon"] == [
        {
            "rule": "coupon_unknown",
            "message": "The restaurant has no such coupon now. Check how it is written or leave it out.",
            "given": "WELCOME20",
        }
    ]


def test_another_restaurants_coupon_is_unknown(place: SimpleNamespace) -> None:
    add_discount(make_restaurant(name="Other"))

    assert broken(make_request(place, coupon="WELCOME20")) == {"coupon": ["coupon_unknown"]}


@time_machine.travel(dt.datetime(2026, 1, 15, 14, 12, tzinfo=dt.UTC), tick=False)  # Thursday 19:42 in India
@pytest.mark.parametrize(
    ("values", "condition", "needed"),
    [
        ({"order_types": (OrderType.PICKUP, OrderType.DINE_IN)}, "order_type", "PICKUP or DINE_IN"),
        ({"days": (4, 5)}, "time", "Friday, Saturday"),
        ({"time_to": dt.time(12)}, "time", "00:00 to 12:00"),
        (
            {"days": (4,), "time_from": dt.time(18), "time_to": dt.time(2)},
            "time",
            "Friday, 18:00 to 02:00",
        ),
        (
            {"starts": dt.date(2026, 2, 1), "ends": dt.date(2026, 2, 28)},
            "time",
            "from 2026-02-01, until 2026-02-28",
        ),
        ({"min_amount": D(391)}, "minimum_amount", "items of at least 391.00"),
        ({"max_amount": D(389)}, "maximum_amount", "items of at most 389.00"),
        ({"scope": DiscountScope.ITEMS, "target_ids": ("118807411",)}, "items", "other items"),
    ],
)
def test_a_coupon_whose_condition_is_not_met_is_refused_with_it(
    place: SimpleNamespace, values: dict[str, Any], condition: str, needed: str
) -> None:
    add_discount(place, **values)

    assert refused(make_request(place, coupon="WELCOME20"))["coupon"] == [
        {
            "rule": "coupon_not_applicable",
            "message": f"The coupon is for {needed}. Change the order or leave the coupon out.",
            "expected": {"condition": condition, "needed": needed},
            "given": "WELCOME20",
        }
    ]


def test_one_discount_with_the_code_that_applies_is_enough(place: SimpleNamespace) -> None:
    add_discount(place, external_id="d0", min_amount=D(999))
    add_discount(place, name="Small welcome")

    quote, _ = quote_order(request=make_request(place, coupon="WELCOME20"))

    assert quote.discount is not None
    assert quote.discount.name == "Small welcome"


@pytest.mark.parametrize("year", [2030, 9999])
def test_an_order_for_a_far_day_is_refused(place, year):
    far = dt.datetime(year, 12, 31, 23, 59, tzinfo=dt.UTC)
    fields = refused(make_request(place, scheduled_for=far))
    assert fields["scheduled_for"][0]["rule"] == "scheduled_too_far"
