from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from ding import db
from ding.db import insert_rows, transactional, update_rows, upsert
from ding.models import ApiKey
from menus.models import Category, Item, Restaurant, Tax
from orders.models import OrderStatusHistory

NOW = dt.datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=dt.UTC)
WHOLE = pytest.mark.django_db(transaction=True)


@pytest.fixture
def restaurant(db):
    return Restaurant.objects.create(name="Sample Lounge")


# --- transactional -------------------------------------------------------------------------------------


@pytest.fixture
def naps(monkeypatch):
    naps = []
    monkeypatch.setattr(db.time, "sleep", naps.append)
    return naps


def failing(times, *args):
    """A function that writes a row and then meets `args` that many times."""
    calls = []

    @transactional
    def function(name="made"):
        calls.append(Restaurant.objects.count())
        Restaurant.objects.create(name=name)
        transaction.on_commit(lambda: calls.append("committed"))
        if len(calls) <= times:
            raise OperationalError(*args)
        return name

    return function, calls


CONFLICTS = [
    (1213, "Deadlock found when trying to get lock; try restarting transaction"),
    (1205, "Lock wait timeout exceeded; try restarting transaction"),
    ("database is locked",),
]


@WHOLE
@pytest.mark.parametrize("conflict", CONFLICTS, ids=str)
def test_a_transaction_that_meets_another_is_tried_again_as_a_whole(naps, conflict):
    function, calls = failing(3, *conflict)
    assert function(name="again") == "again"
    # Each try began from nothing, and only the one that held told anybody.
    assert calls == [0, 0, 0, 0, "committed"]
    assert list(Restaurant.objects.values_list("name", flat=True)) == ["again"]
    assert len(naps) == 3
    assert all(0 <= nap <= 0.15 for nap in naps)


@WHOLE
def test_after_four_tries_the_error_comes_out_and_nothing_is_written(naps):
    function, calls = failing(9, *CONFLICTS[0])
    with pytest.raises(OperationalError, match="Deadlock"):
        function()
    assert calls == [0, 0, 0, 0]
    assert Restaurant.objects.count() == 0


@WHOLE
@pytest.mark.parametrize("error", [(2006, "Server has gone away"), ("disk I/O error",), ()], ids=str)
def test_other_errors_are_not_tried_again(naps, error):
    function, calls = failing(1, *error)
    with pytest.raises(OperationalError):
        function()
    assert (calls, naps) == ([0], [])


@WHOLE
def test_inside_another_transaction_only_the_outermost_is_tried_again(naps):
    inner, calls = failing(1, *CONFLICTS[0])

    @transactional
    def outer():
        Restaurant.objects.create(name="outer")
        return inner()

    assert outer() == "made"
    assert calls == [1, 1, "committed"]
    assert sorted(Restaurant.objects.values_list("name", flat=True)) == ["made", "outer"]


@pytest.mark.django_db
def test_inside_a_plain_transaction_nothing_is_tried_again(naps):
    function, calls = failing(1, *CONFLICTS[0])
    with pytest.raises(OperationalError), transaction.atomic():
        function()
    assert (calls, naps) == ([0], [])


# --- upsert --------------------------------------------------------------------------------------------

KEY = ("restaurant_id", "external_id")
COLUMNS = (
    *KEY,
    "name",
    "active",
    "parent_external_id",
    "image_url",
    "opening",
    "details",
    "created_at",
    "updated_at",
)


def category(restaurant, external_id, name, at=NOW, active=True):
    return (restaurant.pk, external_id, name, active, "", "", "[]", "{}", at, at)


def write(rows, **options):
    upsert(Category, COLUMNS, rows, **{"key": KEY, "keep": ("created_at",), **options})


def test_upsert_inserts_and_changes_in_place(restaurant, django_assert_num_queries):
    with django_assert_num_queries(1):
        write([category(restaurant, "c1", "Breads"), category(restaurant, "c2", "Mains")])
    before = {c.external_id: c.pk for c in Category.objects.all()}
    later = NOW + dt.timedelta(hours=1)
    with django_assert_num_queries(1):
        write(
            [category(restaurant, "c2", "Curries", later, False), category(restaurant, "c3", "Rice", later)]
        )
    rows = Category.objects.order_by("external_id").values_list(
        "external_id", "name", "active", "created_at", "updated_at"
    )
    assert list(rows) == [
        ("c1", "Breads", True, NOW, NOW),
        ("c2", "Curries", False, NOW, later),
        ("c3", "Rice", True, later, later),
    ]
    assert {c.external_id: c.pk for c in Category.objects.exclude(external_id="c3")} == before


def test_upsert_of_nothing_asks_nothing(restaurant, django_assert_num_queries):
    with django_assert_num_queries(0):
        write([])


def test_upsert_writes_every_kind_of_value(restaurant):
    columns = (*KEY, "name", "rate", "kind", "base", "inclusive", "active", "order_types", "rank")
    upsert(
        Tax,
        columns,
        [
            (
                restaurant.pk,
                "t1",
                "100 % 'of' \"it\" \\ 🌶",
                Decimal("12.3456"),
                "percent",
                "core",
                True,
                False,
                '["A"]',
                -3,
            )
        ],
        key=KEY,
    )
    tax = Tax.objects.values(*(c for c in columns if c != "restaurant_id")).get()
    assert tax == {
        "external_id": "t1",
        "name": "100 % 'of' \"it\" \\ 🌶",
        "rate": Decimal("12.3456"),
        "kind": "percent",
        "base": "core",
        "inclusive": True,
        "active": False,
        "order_types": ["A"],
        "rank": -3,
    }


def test_upsert_writes_null_and_times_in_utc(restaurant):
    tokyo = dt.timezone(dt.timedelta(hours=9))
    columns = (*KEY, "name", "price", "packing_charge", "prep_minutes", "stock_changed_at")
    columns += ("description", "image_url", "tax_ids", "order_types", "addon_groups", "details")
    rest = ("", "", "[]", "[]", "[]", "{}")
    rows = [
        (restaurant.pk, "i1", "a", Decimal("1.10"), None, None, None, *rest),
        (restaurant.pk, "i2", "b", Decimal("2"), Decimal("0.05"), 15, NOW.astimezone(tokyo), *rest),
    ]
    upsert(Item, columns, rows, key=KEY)
    found = Item.objects.order_by("external_id").values_list(
        "price", "packing_charge", "prep_minutes", "stock_changed_at"
    )
    assert list(found) == [
        (Decimal("1.10"), None, None, None),
        (Decimal("2.00"), Decimal("0.05"), 15, NOW),
    ]


def test_upsert_takes_a_new_statement_after_so_many_bytes_or_rows(
    restaurant, monkeypatch, django_assert_num_queries
):
    rows = [category(restaurant, f"c{i}", "पनीर") for i in range(10)]
    monkeypatch.setattr(db, "MAX_STATEMENT_ROWS", 4)
    with django_assert_num_queries(3):
        write(rows)
    monkeypatch.undo()
    monkeypatch.setattr(db, "MAX_STATEMENT_BYTES", 1)
    with django_assert_num_queries(10):
        write(rows)
    assert Category.objects.count() == 10


def test_rows_are_joined_to_statements_by_their_bytes(monkeypatch):
    monkeypatch.setattr(db, "MAX_STATEMENT_BYTES", 10)
    rows = [b"(1)", b"(2)", "(प)".encode(), b"(3)", b"(a long one)", b"(4)"]
    assert list(db._joined(rows, b"V ", b";")) == [
        b"V (1),(2);",
        "V (प),(3);".encode(),
        b"V (a long one);",
        b"V (4);",
    ]
    assert list(db._joined([], b"V ", b";")) == []


def test_one_statement_stays_below_the_packet_that_mariadb_takes(restaurant, django_assert_num_queries):
    # Everything in it has to be escaped or takes three bytes.
    rows = [
        (*category(restaurant, f"c{i}", "x")[:7], '{"a":"' + "पनीर" * 100_000 + '"}', NOW, NOW)
        for i in range(9)
    ]
    with django_assert_num_queries(2):
        write(rows)
    assert [len(c.details["a"]) for c in Category.objects.all()] == [400_000] * 9


# --- columns -------------------------------------------------------------------------------------------


def test_exact_text_is_compared_byte_by_byte(db):
    prefixes = ["AbC", "aBc", "ABC", "AbÇ", "AbC "]
    for prefix in prefixes:
        ApiKey.objects.create(client="x", prefix=prefix, secret_sha256="0" * 64)
    for prefix in prefixes:
        assert list(ApiKey.objects.filter(prefix=prefix).values_list("prefix", flat=True)) == [prefix]
    assert ApiKey.objects.filter(prefix="abc").count() == 0
    assert ApiKey.objects.filter(prefix__in=["AbC", "abc"]).count() == 1


def test_rows_of_plain_sql_get_their_times_from_the_database(db):
    with connection.cursor() as cursor:
        cursor.execute("""INSERT INTO Restaurants (name) VALUES ('Plain')""")
    restaurant = Restaurant.objects.get()
    now = dt.datetime.now(dt.UTC)
    for time in (restaurant.created_at, restaurant.updated_at):
        assert dt.timedelta(seconds=-2) < now - time < dt.timedelta(seconds=5)
    defaults = (restaurant.timezone, restaurant.currency, restaurant.accepting_orders, restaurant.email)
    assert defaults == ("Asia/Kolkata", "INR", True, "")


def test_the_connection_is_as_the_settings_say(db):
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA synchronous")
            assert cursor.fetchone() == (1,)
            assert connection.features.max_query_params > 999
        else:
            cursor.execute(
                "SELECT @@tx_isolation, @@time_zone, @@innodb_lock_wait_timeout, @@character_set_client"
            )
            assert cursor.fetchone() == ("READ-COMMITTED", "+00:00", 2, "utf8mb4")


# --- many rows -----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_many_rows_are_inserted_by_one_statement_with_every_kind_of_value(
    restaurant, django_assert_num_queries
):
    rows = [
        Category(
            restaurant=restaurant,
            external_id=f"c{n}",
            name=f"Brot & Käse {n} 🥖",
            rank=n,
            active=bool(n % 2),
            opening=[{"opens": "10:00"}] if n else [],
        )
        for n in range(50)
    ]
    with django_assert_num_queries(1):
        insert_rows(rows)
    found = list(Category.objects.order_by("rank"))
    assert [(c.external_id, c.name, c.active) for c in found] == [
        (f"c{n}", f"Brot & Käse {n} 🥖", bool(n % 2)) for n in range(50)
    ]
    assert (found[0].opening, found[1].opening) == ([], [{"opens": "10:00"}])
    assert found[0].created_at.tzinfo is not None


@pytest.mark.django_db
def test_rows_that_are_there_already_are_left_out_when_that_is_asked_for(restaurant):
    old = Category.objects.create(restaurant=restaurant, external_id="c1", name="old")
    again = [Category(restaurant=restaurant, external_id=f"c{n}", name="new") for n in (1, 2)]
    insert_rows(again, ignore=True)
    assert dict(Category.objects.values_list("external_id", "name")) == {"c1": "old", "c2": "new"}
    assert Category.objects.get(external_id="c1").pk == old.pk
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_rows(again)


@pytest.mark.django_db
def test_many_rows_are_updated_each_to_its_own_values(restaurant, django_assert_num_queries):
    items = [
        Item.objects.create(
            restaurant=restaurant, external_id=f"i{n}", name=f"Item {n}", price=Decimal(n), details={"n": n}
        )
        for n in range(20)
    ]
    for item in items[:10]:
        item.name, item.price = f"Größer {item.external_id}", Decimal("12.50")
        item.stock_changed_at, item.in_stock = NOW, False
        item.prep_minutes, item.details = None, {"words": 'a "quoted" one'}
    columns = ("name", "price", "stock_changed_at", "in_stock", "prep_minutes", "details")
    with django_assert_num_queries(1):
        update_rows(Item, items[:10], columns)
    for n, item in enumerate(Item.objects.order_by("id")):
        if n < 10:
            assert (item.name, item.price) == (f"Größer i{n}", Decimal("12.50"))
            assert (item.stock_changed_at, item.in_stock) == (NOW, False)
            assert (item.prep_minutes, item.details) == (None, {"words": 'a "quoted" one'})
        else:
            assert (item.name, item.price, item.in_stock) == (f"Item {n}", Decimal(n), True)
            assert item.details == {"n": n}


@pytest.mark.django_db
def test_no_rows_are_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        insert_rows([])
        update_rows(Item, [], ("name",))


@pytest.mark.parametrize("told", [True, False])
def test_inserted_rows_learn_their_ids(restaurant, monkeypatch, told):
    if not told:
        monkeypatch.setattr(type(connection.features), "can_return_rows_from_bulk_insert", False)
    rows = [Tax(restaurant=restaurant, external_id=f"t{n}", name="GST", rate=Decimal(n)) for n in (2, 0, 1)]
    insert_rows(rows, ids=("restaurant_id", "external_id"))
    category = Category(restaurant=restaurant, external_id="c", name="Mains")
    insert_rows([category], ids=("restaurant_id", "external_id"))
    assert [row.pk for row in rows] == [Tax.objects.get(external_id=f"t{n}").pk for n in (2, 0, 1)]
    assert not rows[0]._state.adding
    assert category.pk == Category.objects.get().pk


def test_inserted_rows_know_the_time_that_was_written(db):
    row = OrderStatusHistory(order_id=1, new_status="pending", source="guest", happened_at=NOW)
    with connection.constraint_checks_disabled():
        insert_rows([row], ids=("order_id",))
        assert OrderStatusHistory.objects.get(pk=row.pk).created_at == row.created_at
        OrderStatusHistory.objects.all().delete()
