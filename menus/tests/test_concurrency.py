"""Several at one menu at once, on a database that lets them."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connection

from menus import rendering
from menus.models import Item, Menu, Restaurant, Variation
from menus.services import StockReport, change_stock, note_announcements
from menus.tests.factories import apply, big_menu, contents, make_restaurant

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has one writer"),
]

CHEAP, DEAR = big_menu(100, Decimal(100)), big_menu(150, Decimal(500))
CHEAP_PRICES, DEAR_PRICES = {Decimal(100)}, {Decimal(500)}


def together(*functions):
    """Run the functions at the same moment, each with a connection of its own; their results, or the first error."""
    barrier = threading.Barrier(len(functions))

    def run(function):
        try:
            barrier.wait(10)
            return function()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(functions)) as pool:
        return [future.result(60) for future in [pool.submit(run, function) for function in functions]]


def live_items():
    return set(Item.objects.filter(active=True).values_list("external_id", "price"))


def items_of(menu):
    return {(item.external_id, item.price) for item in menu.items}


def test_two_first_menus_at_once_leave_one_of_them_whole():
    for i in range(8):
        restaurant = make_restaurant(name=f"Restaurant {i}")
        changes = together(
            lambda restaurant=restaurant: apply(restaurant, CHEAP, force=True),
            lambda restaurant=restaurant: apply(restaurant, DEAR, force=True),
        )
        assert sorted(change.version for change in changes) == [1, 2]
        rows = Item.objects.filter(restaurant=restaurant, active=True)
        last = max(zip(changes, (CHEAP, DEAR), strict=True), key=lambda pair: pair[0].version)[1]
        assert set(rows.values_list("external_id", "price")) == items_of(last)
        assert Menu.objects.get(pk=restaurant.pk).version == 2


def test_many_changes_of_one_menu_at_once_take_turns():
    restaurant = make_restaurant()
    apply(restaurant, CHEAP)

    def sync(menu):
        for _ in range(4):
            apply(restaurant, menu, force=True)

    def sell_out():
        for i in range(10):
            change_stock(
                [
                    StockReport(
                        restaurant_id=restaurant.pk, external_ids=(f"i{i}", f"i{i}-1"), available=i % 2 > 0
                    )
                ]
            )

    def announce():
        for _ in range(10):
            note_announcements({restaurant.pk: restaurant.created_at})

    together(lambda: sync(CHEAP), lambda: sync(DEAR), lambda: sync(CHEAP), sell_out, sell_out, announce)
    assert live_items() in (items_of(CHEAP), items_of(DEAR))
    for external_id in ("i0", "i2", "i4", "i6", "i8"):
        assert Item.objects.get(external_id=external_id).in_stock is False
    assert Variation.objects.get(external_id="i1-1").in_stock is True
    before = contents()
    menu = CHEAP if live_items() == items_of(CHEAP) else DEAR
    assert apply(restaurant, menu).is_empty
    assert contents() == before


def test_different_restaurants_do_not_get_in_each_others_way():
    restaurants = [make_restaurant(name=f"Restaurant {i}") for i in range(4)]

    def sync(restaurant):
        for menu in (CHEAP, DEAR, CHEAP):
            apply(restaurant, menu, force=True)

    together(*[lambda restaurant=restaurant: sync(restaurant) for restaurant in restaurants])
    for restaurant in restaurants:
        rows = Item.objects.filter(restaurant=restaurant, active=True)
        assert set(rows.values_list("external_id", "price")) == items_of(CHEAP)
        assert Menu.objects.get(pk=restaurant.pk).version == 3


def test_announcements_for_many_restaurants_at_once():
    restaurants = [make_restaurant(name=f"Restaurant {i}") for i in range(20)]
    forward = {r.pk: r.created_at for r in restaurants}
    backward = dict(reversed(forward.items()))
    news = together(*[lambda a=a: note_announcements(a) for a in (forward, backward, forward, backward)])
    assert sorted(pk for found in news for pk in found) == sorted(forward)
    assert Menu.objects.count() == 20


@pytest.mark.parametrize("tries", [rendering.TRIES, 1])
def test_a_guest_who_reads_meanwhile_never_sees_half_a_menu(monkeypatch, tries):
    monkeypatch.setattr(rendering, "TRIES", tries)
    restaurant = make_restaurant()
    apply(restaurant, CHEAP)
    restaurant = Restaurant.objects.get(pk=restaurant.pk)
    done = threading.Event()
    seen = []

    def write():
        # Goes on until the readers have really met several versions, however the threads are scheduled.
        try:
            for turn in range(200):
                apply(restaurant, CHEAP if turn % 2 else DEAR, force=True)
                if turn >= 20 and len({version for version, *_ in seen}) > 3:
                    return
        finally:
            done.set()

    def read():
        while not done.is_set():
            version = Menu.objects.values_list("version", flat=True).get(pk=restaurant.pk)
            menu = json.loads(rendering.rendered_menu(restaurant, version).body)
            simple = {item["price"] for item in menu["items"] if item["price"] is not None}
            sizes = {v["price"] for item in menu["items"] for v in item["variations"]}
            seen.append((menu["version"], len(menu["items"]), simple, sizes))

    together(write, read, read)
    cheap = (100, {"100.00"}, {"100.00", "101.00"})
    dear = (150, {"500.00"}, {"500.00", "501.00"})
    assert len({version for version, *_ in seen}) > 3
    for version, *found in seen:
        assert tuple(found) == (cheap if version % 2 else dear)
