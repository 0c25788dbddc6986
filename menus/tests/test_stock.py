from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
import time_machine

from menus.models import AddOnGroup, AddOnItem, Item, Menu, Restaurant, Variation
from menus.services import (
    StockReport,
    StoreReport,
    change_stock,
    change_store,
    end_shortages,
    note_announcements,
    reopen_due,
)
from menus.tests.factories import apply, big_menu, contents, make_restaurant, statements

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def restaurant(db):
    restaurant = make_restaurant()
    apply(restaurant)
    return restaurant


@pytest.fixture(autouse=True)
def at_now():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def report(restaurant, *external_ids, available=False, **values):
    return StockReport(restaurant_id=restaurant.pk, external_ids=external_ids, available=available, **values)


def stock(model, external_id):
    row = model.objects.get(external_id=external_id)
    return row.in_stock, row.stock_changed_at


def version(restaurant):
    return Menu.objects.get(pk=restaurant.pk).version


@pytest.mark.parametrize(
    ("model", "external_id", "addons"),
    [(Item, "i2", False), (Variation, "v1", False), (AddOnItem, "a1", True)],
)
def test_a_thing_is_sold_out_and_comes_back(restaurant, model, external_id, addons):
    before = contents()
    assert change_stock([report(restaurant, external_id, addons=addons)]) == ["applied"]
    assert stock(model, external_id) == (False, NOW)
    assert version(restaurant) == 2
    later = NOW - MINUTE / 2
    assert change_stock(
        [report(restaurant, external_id, available=True, addons=addons, happened_at=later)]
    ) == ["stale"]
    with time_machine.travel(NOW + MINUTE, tick=False):
        assert change_stock([report(restaurant, external_id, available=True, addons=addons)]) == ["applied"]
    assert stock(model, external_id) == (True, NOW + MINUTE)
    assert version(restaurant) == 3
    after = contents()
    differing = [
        {name for name in new if new[name] != old[name]}
        for kind in before
        for old, new in zip(before[kind], after[kind], strict=True)
        if old != new and kind != "Menu"
    ]
    assert differing == [{"stock_changed_at", "updated_at"}]


def test_items_and_add_ons_have_ids_of_their_own(restaurant):
    group = AddOnGroup.objects.get(external_id="g1")
    AddOnItem.objects.create(restaurant=restaurant, group=group, external_id="i2", name="x", price=Decimal(1))
    change_stock([report(restaurant, "i2")])
    assert (stock(Item, "i2")[0], stock(AddOnItem, "i2")[0]) == (False, True)
    assert change_stock([report(restaurant, "i1", addons=True)]) == ["unknown_item"]


def test_the_same_report_again_changes_nothing(restaurant):
    sold_out = report(restaurant, "i2", happened_at=NOW - MINUTE)
    assert change_stock([sold_out]) == ["applied"]
    before = contents()
    assert change_stock([sold_out, sold_out]) == ["duplicate", "duplicate"]
    assert contents() == before


def test_an_older_report_changes_nothing(restaurant):
    change_stock([report(restaurant, "i2", happened_at=NOW - MINUTE)])
    before = contents()
    back = report(restaurant, "i2", available=True, happened_at=NOW - 2 * MINUTE)
    assert change_stock([back]) == ["stale"]
    assert contents() == before


def test_a_report_without_a_time_is_the_newest_though_another_clock_be_ahead(restaurant):
    ahead = NOW + dt.timedelta(seconds=5)
    change_stock([report(restaurant, "i2")])
    Item.objects.filter(external_id="i2").update(stock_changed_at=ahead)

    assert change_stock([report(restaurant, "i2", available=True)]) == ["applied"]

    assert stock(Item, "i2") == (True, ahead)


def test_the_same_news_with_a_later_time_is_noted_but_makes_no_new_menu(restaurant):
    change_stock([report(restaurant, "i2", happened_at=NOW - 3 * MINUTE)])
    assert change_stock([report(restaurant, "i2", happened_at=NOW - MINUTE)]) == ["applied"]
    assert stock(Item, "i2") == (False, NOW - MINUTE)
    assert version(restaurant) == 2
    back = report(restaurant, "i2", available=True, happened_at=NOW - 2 * MINUTE)
    assert change_stock([back]) == ["stale"]


def test_a_clock_that_runs_ahead_does_not_make_later_reports_old(restaurant, at_now):
    assert change_stock([report(restaurant, "i2", happened_at=NOW + 60 * MINUTE)]) == ["applied"]
    assert stock(Item, "i2") == (False, NOW)
    at_now.shift(1)
    assert change_stock(
        [report(restaurant, "i2", available=True, happened_at=NOW + dt.timedelta(seconds=1))]
    ) == ["applied"]
    assert stock(Item, "i2") == (True, NOW + dt.timedelta(seconds=1))


def test_an_unknown_id_changes_nothing(restaurant):
    before = contents()
    assert change_stock([report(restaurant, "nope")]) == ["unknown_item"]
    assert change_stock([report(restaurant)]) == ["unknown_item"]
    assert contents() == before


def test_a_report_of_several_things_applies_to_those_it_is_news_for(restaurant):
    change_stock([report(restaurant, "i2", available=True, happened_at=NOW)])
    assert change_stock([report(restaurant, "i1", "i2", "nope", happened_at=NOW - MINUTE)]) == ["partly"]
    assert stock(Item, "i1") == (False, NOW - MINUTE)
    assert stock(Item, "i2") == (True, NOW)


def test_reports_of_one_batch_apply_in_their_order(restaurant):
    verdicts = change_stock(
        [
            report(restaurant, "i2", happened_at=NOW - 3 * MINUTE),
            report(restaurant, "i2", available=True, happened_at=NOW - MINUTE),
            report(restaurant, "i2", happened_at=NOW - 2 * MINUTE),
            report(restaurant, "i2", available=True, happened_at=NOW - MINUTE),
        ]
    )
    assert verdicts == ["applied", "applied", "stale", "duplicate"]
    assert stock(Item, "i2") == (True, NOW - MINUTE)


@pytest.mark.parametrize(
    "happened_at", [None, NOW - MINUTE, NOW + MINUTE], ids=["no time", "one tick", "ahead"]
)
def test_of_reports_at_the_very_same_time_the_last_one_holds(restaurant, happened_at):
    verdicts = change_stock(
        [
            report(restaurant, "i2", happened_at=happened_at),
            report(restaurant, "i2", available=True, happened_at=happened_at),
            report(restaurant, "i2", happened_at=happened_at),
        ]
    )
    assert verdicts == ["applied", "applied", "applied"]
    assert stock(Item, "i2")[0] is False


def test_another_restaurants_item_with_the_same_id_is_not_touched(restaurant):
    other = make_restaurant(name="Other")
    apply(other)
    before = list(Item.objects.filter(restaurant=other).values())
    assert change_stock([report(restaurant, "i2")]) == ["applied"]
    assert list(Item.objects.filter(restaurant=other).values()) == before
    assert (version(restaurant), version(other)) == (2, 1)


def test_one_batch_of_several_restaurants_bumps_each_menu_once(restaurant):
    other = make_restaurant(name="Other")
    apply(other)
    verdicts = change_stock(
        [report(restaurant, "i1"), report(other, "i2"), report(restaurant, "v2"), report(other, "x")]
    )
    assert verdicts == ["applied", "applied", "applied", "unknown_item"]
    assert (version(restaurant), version(other)) == (2, 2)
    assert list(
        Item.objects.filter(in_stock=False).values_list("restaurant_id", "external_id").order_by("pk")
    ) == [
        (restaurant.pk, "i1"),
        (other.pk, "i2"),
    ]


def test_a_hundred_reports_take_as_many_statements_as_one(db):
    restaurant = make_restaurant()
    apply(restaurant, big_menu(200))

    def counted(ids):
        reports = [report(restaurant, f"i{i}", f"i{i}-0", f"i{i}-1") for i in ids]
        reports += [report(restaurant, f"g{i % 20}-{i % 5}", addons=True) for i in ids]
        with statements() as sql:
            change_stock(reports)
        return len(sql)

    assert counted([1]) == 8
    assert counted(range(1, 200, 2)) == 8
    assert Item.objects.filter(in_stock=False).count() == 100
    assert Variation.objects.filter(in_stock=False).count() == 200


def test_nothing_to_report_is_no_statement_of_weight(db):
    with statements() as sql:
        assert change_stock([]) == []
    assert sql == []


# --- "the menu changed" --------------------------------------------------------------------------------


def announced(restaurant):
    return Menu.objects.values_list("announced_at", flat=True).get(pk=restaurant.pk)


def test_an_announcement_is_news_once(restaurant):
    assert note_announcements({restaurant.pk: NOW - MINUTE}) == {restaurant.pk}
    assert note_announcements({restaurant.pk: NOW - MINUTE}) == set()
    assert note_announcements({restaurant.pk: NOW - 2 * MINUTE}) == set()
    assert announced(restaurant) == NOW - MINUTE
    assert note_announcements({restaurant.pk: NOW}) == {restaurant.pk}
    assert announced(restaurant) == NOW
    assert version(restaurant) == 1


def test_an_announcement_from_the_future_counts_as_now(restaurant, at_now):
    assert note_announcements({restaurant.pk: NOW + 60 * MINUTE}) == {restaurant.pk}
    assert announced(restaurant) == NOW
    at_now.shift(1)
    assert note_announcements({restaurant.pk: NOW + 60 * MINUTE}) == {restaurant.pk}


def test_an_announcement_may_come_before_the_first_menu(db):
    restaurant = make_restaurant()
    assert note_announcements({restaurant.pk: NOW}) == {restaurant.pk}
    assert Menu.objects.values("restaurant_id", "version", "announced_at").get() == {
        "restaurant_id": restaurant.pk,
        "version": 0,
        "announced_at": NOW,
    }
    assert apply(restaurant).version == 1
    assert announced(restaurant) == NOW


def test_many_announcements_take_as_many_statements_as_one(db):
    def counted(size):
        restaurants = [make_restaurant(name=f"r{i}") for i in range(size)]
        found = []
        for at in (NOW - MINUTE, NOW):
            with statements() as sql:
                assert len(note_announcements({r.pk: at for r in restaurants})) == size
            found.append([s.split()[0] for s in sql])
        return found

    # An insert that finds its row there would keep a shared lock on it: the way into a deadlock.
    assert counted(1) == counted(50) == [["SELECT", "INSERT", "SELECT", "UPDATE"], ["SELECT", "UPDATE"]]
    assert Restaurant.objects.count() == Menu.objects.count() == 51
    assert note_announcements({}) == set()


def sold_out(item, until=None, **values):
    report = StockReport(
        restaurant_id=item.restaurant_id,
        external_ids=(item.external_id,),
        available=False,
        until=until,
        **values,
    )
    return change_stock([report])


def test_what_is_sold_out_until_a_time_comes_back_by_itself(restaurant):
    item = Item.objects.filter(restaurant=restaurant).first()
    other = Item.objects.filter(restaurant=restaurant).last()
    soon = NOW + dt.timedelta(minutes=1)
    sold_out(item, until=soon)
    sold_out(other)
    version = Menu.objects.get(pk=restaurant.pk).version
    assert end_shortages() == 0
    with time_machine.travel(soon + dt.timedelta(seconds=1), tick=False):
        assert end_shortages() == 1
        assert end_shortages() == 0
    item.refresh_from_db()
    other.refresh_from_db()
    assert (item.in_stock, item.back_at, other.in_stock) == (True, None, False)
    assert Menu.objects.get(pk=restaurant.pk).version == version + 1


def test_being_back_earlier_forgets_the_time(restaurant):
    item = Item.objects.filter(restaurant=restaurant).first()
    sold_out(item, until=NOW + dt.timedelta(hours=1))
    change_stock([StockReport(restaurant_id=restaurant.pk, external_ids=(item.external_id,), available=True)])
    item.refresh_from_db()
    assert (item.in_stock, item.back_at) == (True, None)


def test_a_closed_restaurant_reopens_at_its_time(restaurant):
    soon = NOW + dt.timedelta(minutes=1)
    closed = StoreReport(restaurant_id=restaurant.pk, accepting=False, until=soon)
    assert change_store([closed, closed]) == ["applied", "duplicate"]
    assert reopen_due() == 0
    with time_machine.travel(soon + dt.timedelta(seconds=1), tick=False):
        assert reopen_due() == 1
    restaurant.refresh_from_db()
    assert (restaurant.accepting_orders, restaurant.reopens_at) == (True, None)


def test_an_older_word_about_the_store_changes_nothing(restaurant):
    now = NOW
    reports = [
        StoreReport(restaurant_id=restaurant.pk, accepting=False, happened_at=now),
        StoreReport(restaurant_id=restaurant.pk, accepting=True, happened_at=now - dt.timedelta(seconds=5)),
    ]
    assert change_store(reports) == ["applied", "stale"]
    restaurant.refresh_from_db()
    assert restaurant.accepting_orders is False
