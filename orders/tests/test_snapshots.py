from __future__ import annotations

import datetime as dt
from decimal import Decimal as D
from types import SimpleNamespace
from typing import Any

import pytest

from menus.models import Item, Menu
from menus.serialization import charges_as_json
from menus.snapshot import AmountKind, Charges, OrderType
from orders.models import Order
from orders.order_request import OrderRequest
from orders.pricing import Quote
from orders.services.placing import place_order, quote_order
from orders.snapshot import Customer
from orders.snapshots import snapshot_of
from orders.tests.factories import make_order, make_request, make_restaurant

pytestmark = pytest.mark.django_db

IN_AN_HOUR = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(hours=1)


@pytest.fixture
def place() -> SimpleNamespace:
    return make_restaurant()


def placed(request: OrderRequest) -> tuple[Quote, Order]:
    quote, _ = quote_order(request=request)
    answer, _ = place_order(request=request, client="shop")
    return quote, Order.objects.for_push().get(pk=answer["id"])


@pytest.mark.parametrize("order_type", OrderType)
def test_a_snapshot_says_exactly_what_pricing_computed(place: SimpleNamespace, order_type: OrderType) -> None:
    charges = Charges(
        delivery=D("49.5"),
        delivery_tax_ids=("11213",),
        packing=D("12.5"),
        packing_tax_ids=("11213", "20375"),
        service_order_types=tuple(OrderType),
        service=D(5),
        service_kind=AmountKind.PERCENT,
        service_taxed=True,
    )
    Menu.objects.update(charges=charges_as_json(charges))
    Item.objects.filter(pk=place.pizza.pk).update(tax_inclusive=True, liability="vendor")
    request = make_request(
        place,
        order_type=order_type,
        scheduled_for=IN_AN_HOUR,
        table_no="7",
        persons=3,
        notes="a\nb",
        pickup_code="0042",
        urgent=True,
        urgent_minutes=25,
    )

    quote, order = placed(request)
    snapshot = snapshot_of(order)

    assert snapshot.lines == quote.lines
    assert snapshot.packing == quote.packing
    assert snapshot.delivery == quote.delivery
    assert snapshot.service == quote.service
    assert snapshot.service.taxes
    assert (snapshot.discount_total, snapshot.tax_total, snapshot.total) == (
        quote.discount_total,
        quote.tax_total,
        quote.total,
    )
    assert snapshot.customer == Customer(
        "Test Customer",
        "9000000002",
        "customer@example.com",
        "2 Example Street, Testpur",
        "23.000001",
        "72.000001",
    )
    assert (snapshot.order_type, snapshot.payment_type, snapshot.scheduled_for) == (
        order_type,
        "ONLINE",
        IN_AN_HOUR,
    )
    assert (snapshot.table_no, snapshot.persons, snapshot.notes) == ("7", 3, "a\nb")
    assert (snapshot.pickup_code, snapshot.urgent, snapshot.urgent_minutes) == ("0042", True, 25)
    assert (snapshot.reference, snapshot.placed_at, snapshot.prep_minutes) == (
        order.reference,
        order.created_at,
        None,
    )


def test_rates_come_without_the_zeros_of_their_column(place: SimpleNamespace) -> None:
    _, order = placed(make_request(place))

    assert [str(tax.rate) for tax in snapshot_of(order).lines[0].taxes] == ["2.5", "2.5"]


def test_unknown_coordinates_are_empty(place: SimpleNamespace) -> None:
    _, order = placed(make_request(place, customer=Customer(name="Ann", address="x")))

    assert snapshot_of(order).customer == Customer(name="Ann", address="x")


def test_an_order_from_elsewhere_without_a_breakdown_has_a_snapshot(place: SimpleNamespace) -> None:
    order = make_order(place.restaurant, breakdown={})

    assert snapshot_of(order).packing.taxes == ()


def test_orders_for_push_need_no_further_statement(
    place: SimpleNamespace, django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        placed(make_request(place))

    with django_assert_num_queries(3):
        assert len([snapshot_of(order) for order in Order.objects.for_push()]) == 3
