"""Orders that come at the same moment are placed together: each gets its own outcome, in the statements of one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal as D

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ding.errors import NotFound
from menus.models import Item, Menu
from orders.models import ChangeSource, IdempotencyKey, Order, OrderItem
from orders.order_request import LineRequest
from orders.rules import BasketRefused
from orders.services import placing
from orders.services.placing import IdempotencyConflict, place_order
from orders.tests.factories import golden_lines, make_request, make_restaurant

pytestmark = pytest.mark.django_db


def wanted(request, key="", client="shop"):
    return placing._Wanted(request, client, key, ChangeSource.GUEST)


def test_each_has_its_own_outcome():
    here, there = make_restaurant(), make_restaurant(name="There")
    Item.objects.filter(pk=there.pizza.pk).update(price=D(300), in_stock=False)
    request = make_request(here)
    first, _ = place_order(request=request, client="shop", idempotency_key="old")
    bread = LineRequest(item_id=there.bread.pk, variation_id=there.three.pk)
    outcomes = placing._place(
        [
            wanted(request, "a"),
            wanted(make_request(there, bread), "b"),
            wanted(make_request(there, LineRequest(item_id=there.pizza.pk)), "c"),
            wanted(request, "old"),
            wanted(make_request(here, notes="other"), "old"),
            wanted(request, "a", client="app"),
            wanted(make_request(here, restaurant_id=10**9), "d"),
            # A dish of the other restaurant, whose menu is read at the same time.
            wanted(make_request(here, bread), "e"),
        ]
    )
    placed = {i: outcome[0] for i, outcome in enumerate(outcomes) if isinstance(outcome, tuple)}
    assert placed.keys() == {0, 1, 3, 5}
    assert placed[3] == first
    assert [outcomes[i][1] for i in (0, 1, 3, 5)] == [True, True, False, True]
    assert placed[0]["totals"] == first["totals"] == placed[5]["totals"]
    assert (placed[1]["restaurant_id"], placed[1]["items"][0]["name"]) == (
        there.restaurant.pk,
        "Garlic Bread",
    )
    assert [type(outcomes[i]) for i in (2, 4, 6, 7)] == [
        BasketRefused,
        IdempotencyConflict,
        NotFound,
        BasketRefused,
    ]
    assert outcomes[2].fields["items[0].item_id"][0]["rule"] == "item_out_of_stock"
    assert outcomes[7].fields["items[0].item_id"][0]["rule"] == "item_unknown"
    assert Order.objects.count() == 4
    assert set(IdempotencyKey.objects.values_list("client", "key")) == {
        ("shop", "old"),
        ("shop", "a"),
        ("shop", "b"),
        ("app", "a"),
    }
    for answer in placed.values():
        order = Order.objects.get(pk=answer["id"])
        assert (order.reference, order.restaurant_id) == (answer["reference"], answer["restaurant_id"])
        assert [item.name for item in order.items.all()] == [line["name"] for line in answer["items"]]
        addons = [[addon.name for addon in item.addons.all()] for item in order.items.all()]
        assert addons == [[addon["name"] for addon in line["addons"]] for line in answer["items"]]
        assert order.history.count() == 1
        assert order.pushes.get().integration is None


def test_many_take_the_statements_of_one():
    places = [make_restaurant(name=f"R{n}") for n in range(4)]

    def statements(requests):
        with CaptureQueriesContext(connection) as queries:
            placing._place(requests)
        return [query["sql"].split()[0] for query in queries]

    one = statements([wanted(make_request(places[0]), "0")])
    many = statements(
        [wanted(make_request(place), f"{n}-{i}") for n in range(4) for i, place in enumerate(places)]
    )
    assert many == one


def test_without_returned_rows_the_ids_are_looked_up(monkeypatch):
    monkeypatch.setattr(type(connection.features), "can_return_rows_from_bulk_insert", False)
    place = make_restaurant()
    bread, pizza = golden_lines(place)
    outcomes = placing._place([wanted(make_request(place, bread)), wanted(make_request(place, pizza, bread))])
    assert [[line["name"] for line in answer["items"]] for answer, _ in outcomes] == [
        ["Garlic Bread"],
        ["Veg Loaded Pizza", "Garlic Bread"],
    ]
    by_order = [list(Order.objects.get(pk=answer["id"]).items.all()) for answer, _ in outcomes]
    assert [[item.name for item in items] for items in by_order] == [
        ["Garlic Bread"],
        ["Veg Loaded Pizza", "Garlic Bread"],
    ]
    assert [addon.name for addon in by_order[1][0].addons.all()] == ["Mojito", "Cheese"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="an in-memory database has one connection")
def test_the_same_keys_from_many_threads_place_one_order_each():
    place = make_restaurant()
    request, ready = make_request(place), threading.Barrier(16)

    def run(n):
        try:
            ready.wait()
            return n % 4, place_order(request=request, client="shop", idempotency_key=f"k{n % 4}")
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as threads:
        results = list(threads.map(run, range(16)))
    assert sum(created for _, (_, created) in results) == 4 == Order.objects.count()
    for key in range(4):
        assert len({answer["reference"] for k, (answer, _) in results if k == key}) == 1
    assert OrderItem.objects.count() == 8


def test_a_change_of_the_menu_is_seen_by_the_very_next_order():
    place = make_restaurant()
    line = LineRequest(item_id=place.pizza.pk)
    place_order(request=make_request(place, line), client="shop")
    Item.objects.filter(pk=place.pizza.pk).update(in_stock=False)
    Menu.objects.update(version=2)
    with pytest.raises(BasketRefused):
        place_order(request=make_request(place, line), client="shop")
