"""Whatever is ordered costs what it was quoted at."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from menus.snapshot import OrderType
from orders.models import Order
from orders.order_request import AddOnRequest, LineRequest
from orders.services.placing import place_order, quote_order
from orders.tests.factories import make_request, make_restaurant

NOON = dt.datetime(2026, 1, 15, 6, 30, tzinfo=dt.UTC)


@pytest.fixture
def place(db):
    with time_machine.travel(NOON, tick=False):
        yield make_restaurant()


def lines(place):
    """Lines of the golden menu: with and without variation and add-ons."""
    toppings = st.lists(st.sampled_from([place.cheese.pk]), max_size=1)
    pizza = st.builds(
        lambda quantity, chosen: LineRequest(
            item_id=place.pizza.pk,
            quantity=quantity,
            addons=tuple(AddOnRequest(addon_item_id=pk, quantity=1) for pk in chosen),
        ),
        st.integers(1, 9),
        toppings,
    )
    bread = st.builds(
        lambda quantity: LineRequest(item_id=place.bread.pk, variation_id=place.three.pk, quantity=quantity),
        st.integers(1, 9),
    )
    return st.lists(st.one_of(pizza, bread), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_quoting_equals_placing_whatever_the_basket(place, data):
    chosen = data.draw(lines(place))
    order_type = data.draw(st.sampled_from(OrderType))
    request = make_request(place, *chosen, order_type=order_type, table_no="7")
    quote, _ = quote_order(request=request)
    answer, created = place_order(request=request, client="shop")
    order = Order.objects.get(pk=answer["id"])
    assert created
    assert (order.items_total, order.discount_total) == (quote.items_total, quote.discount_total)
    assert (order.tax_total, order.total) == (quote.tax_total, quote.total)
    assert [item["net_total"] for item in answer["items"]] == [str(line.net_total) for line in quote.lines]
    assert min(order.items_total, order.discount_total, order.tax_total, order.total) >= 0
