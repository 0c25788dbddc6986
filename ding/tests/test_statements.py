"""Single statements without cursors: the same rows whichever way they go."""

from __future__ import annotations

import pytest
from django.db import Error, connection
from django.test.utils import CaptureQueriesContext

from ding.statements import fetch, insert_if
from menus.models import Restaurant

pytestmark = pytest.mark.django_db
COLUMNS = ("name", "phone", "address")
ROWS = [('Zoë\'s \\ "50%" 🍕', "1", "x" * 500), ("b", "2", ""), ("", "", "\n%s")]


def stored():
    return list(Restaurant.objects.order_by("pk").values_list(*COLUMNS))


@pytest.fixture(params=["driver", "cursor"])
def way(request):
    """Without a cursor, and with one, as when statements are logged."""
    if request.param == "driver":
        yield
        return
    with CaptureQueriesContext(connection):
        yield


def test_all_rows_are_inserted_as_they_are_where_the_condition_holds(way):
    before = Restaurant.objects.create(name="before").pk
    assert insert_if(Restaurant, COLUMNS, ROWS, f"1 = (SELECT COUNT(*) FROM Restaurants WHERE id = {before})")
    assert stored()[1:] == ROWS
    assert insert_if(Restaurant, COLUMNS, ROWS[:1], "1 = 1")
    assert Restaurant.objects.count() == 5
    assert Restaurant.objects.latest("pk").created_at is not None


def test_none_is_inserted_where_it_does_not(way):
    assert not insert_if(Restaurant, COLUMNS, ROWS, "0 = 1")
    assert not insert_if(Restaurant, COLUMNS, ROWS[:1], "0 = 1")
    assert stored() == []


def test_an_error_of_the_database_is_djangos(way):
    with pytest.raises(Error):
        insert_if(Restaurant, ("nobody",), [("x",)], "1 = 1")


@pytest.mark.django_db(transaction=True)
def test_it_commits_by_itself():
    assert insert_if(Restaurant, COLUMNS, ROWS, "1 = 1")
    connection.close()
    assert [tuple(row) for row in fetch("SELECT name, phone, address FROM Restaurants ORDER BY id")] == ROWS
