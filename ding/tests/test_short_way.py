"""Whatever the short way answers, Django would have answered; whatever it does not know, Django decides."""

from __future__ import annotations

import datetime as dt
import gzip

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from ding import breaker, menu_readers, short_way
from ding.keys import create_api_key, parts_of
from ding.models import ApiKey
from ding.throttle import calls
from menus.models import Menu, Restaurant
from menus.rendering import etag_of
from menus.services import StockReport, change_stock
from menus.tests.factories import BREAD, apply, make_restaurant

pytestmark = pytest.mark.django_db


@pytest.fixture
def restaurant(db):
    restaurant = make_restaurant()
    apply(restaurant)
    return restaurant


@pytest.fixture
def key(restaurant):
    key = create_api_key(client="shop", scopes=["menu:read"], restaurants=[restaurant])
    ApiKey.objects.update(last_used_at=timezone.now())
    return key


def menu(server, restaurant, key, **headers):
    path = f"/api/restaurants/{restaurant.pk}/menu"
    return server.both("GET", path, HTTP_AUTHORIZATION=f"Bearer {key}", **headers)


def test_a_menu_that_is_made_goes_the_short_way_with_the_same_words_and_headers(server, restaurant, key):
    _, short = menu(server, restaurant, key)
    assert not short  # it has to be made first
    told, short = menu(server, restaurant, key)
    assert (told["status"], short) == (200, True)
    assert told["headers"]["X-Content-Type-Options"] == "nosniff"
    assert "Content-Security-Policy" in told["headers"]
    squeezed, short = menu(server, restaurant, key, HTTP_ACCEPT_ENCODING="gzip")
    assert (gzip.decompress(squeezed["body"]), short) == (told["body"], True)
    none, short = menu(server, restaurant, key, HTTP_IF_NONE_MATCH=told["headers"]["ETag"])
    assert (none["status"], none["body"], short) == (304, b"", True)


def test_it_takes_one_statement(server, restaurant, key, django_assert_num_queries):
    menu(server, restaurant, key)
    with django_assert_num_queries(1):
        server.ask("GET", f"/api/restaurants/{restaurant.pk}/menu", HTTP_AUTHORIZATION=f"Bearer {key}")


def test_a_stock_change_is_seen_by_the_very_next_request(server, restaurant, key):
    menu(server, restaurant, key)
    old, _ = menu(server, restaurant, key)
    for available in (False, True):
        change_stock(
            [StockReport(restaurant_id=restaurant.pk, external_ids=(BREAD.external_id,), available=available)]
        )
        told, _ = menu(server, restaurant, key, HTTP_IF_NONE_MATCH=old["headers"]["ETag"])
        assert told["status"] == 200
        assert told["body"] != old["body"]
        old = told


@pytest.mark.parametrize(
    "change",
    [
        {"revoked_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)},
        {"expires_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)},
        {"scopes": ["orders:read"]},
        {"secret_sha256": "0" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_key_that_is_no_longer_good_is_refused_at_once(server, restaurant, key, change):
    menu(server, restaurant, key)
    assert menu(server, restaurant, key)[1]
    ApiKey.objects.update(**change)
    told, short = menu(server, restaurant, key)
    assert (told["status"] in (401, 403), short) == (True, False)


def test_another_restaurants_menu_is_left_to_django(server, restaurant, key):
    other = make_restaurant(name="Other")
    apply(other)
    menu(server, restaurant, key)
    told, short = menu(server, other, key)
    assert (told["status"], short) == (404, False)
    ApiKey.objects.get().restaurants.set([])
    told, short = menu(server, restaurant, key)
    assert (told["status"], short) == (404, False)


def test_the_first_use_in_a_minute_is_left_to_django_which_writes_it_down(server, restaurant, key):
    menu(server, restaurant, key)
    ApiKey.objects.update(last_used_at=timezone.now() - dt.timedelta(minutes=2))
    told = server.ask("GET", f"/api/restaurants/{restaurant.pk}/menu", HTTP_AUTHORIZATION=f"Bearer {key}")
    assert told["status"] == 200
    assert server.went_long
    assert ApiKey.objects.get().last_used_at > timezone.now() - dt.timedelta(minutes=1)


@pytest.mark.parametrize("host", ["evil.example", "", "localhost:x", "[::1"])
def test_a_strange_host_is_left_to_django(server, restaurant, key, host):
    menu(server, restaurant, key)
    told, short = menu(server, restaurant, key, HTTP_HOST=host)
    assert (told["status"], short) == (400, False)


def test_behind_tls_plain_http_is_left_to_django(server, restaurant, key, settings, monkeypatch):
    monkeypatch.setattr(short_way, "_hosts", {})
    settings.BEHIND_TLS = True
    server.ask("GET", f"/api/restaurants/{restaurant.pk}/menu", HTTP_AUTHORIZATION=f"Bearer {key}")
    server.went_long.clear()
    server.ask("GET", f"/api/restaurants/{restaurant.pk}/menu", HTTP_AUTHORIZATION=f"Bearer {key}")
    assert server.went_long


def test_nonsense_is_left_to_django(server, restaurant, key):
    for path in ("/api/restaurants/0/menu", f"/api/restaurants/{'9' * 30}/menu", "/api/restaurants/x/menu"):
        told, short = server.both("GET", path, HTTP_AUTHORIZATION=f"Bearer {key}")
        assert (told["status"], short) == (404, False)
    for authorization in ("", "Bearer", "Bearer nonsense", "Basic eDp5", f"Bearer {key[:-1]}x"):
        told, short = server.both(
            "GET", f"/api/restaurants/{restaurant.pk}/menu", HTTP_AUTHORIZATION=authorization
        )
        assert (told["status"], short) == (401, False)


def test_a_database_error_is_left_to_django(server, restaurant, key, monkeypatch):
    menu(server, restaurant, key)

    def fail(*args):
        raise OperationalError(2006, "gone away")

    monkeypatch.setattr(short_way, "reader_of_menu", fail)
    told, short = menu(server, restaurant, key)
    assert (told["status"], short) == (200, False)


def test_the_limit_of_calls_holds_by_both_ways(server, restaurant, key, settings):
    calls.clear()
    settings.API_CALLS_PER_MINUTE = 5
    answers = [
        server.ask("GET", f"/api/restaurants/{restaurant.pk}/menu", HTTP_AUTHORIZATION=f"Bearer {key}")[
            "status"
        ]
        for _ in range(8)
    ]
    calls.clear()
    assert answers == [200] * 5 + [429] * 3


def test_those_who_ask_together_share_a_statement_and_each_gets_what_is_his(
    server, restaurant, key, django_assert_num_queries
):
    other = make_restaurant(name="Other")
    apply(other)
    chain = create_api_key(client="chain", scopes=["menu:read"], all_restaurants=True)
    writer = create_api_key(client="writer", scopes=["orders:write"], all_restaurants=True)
    ApiKey.objects.update(last_used_at=timezone.now())
    keys = [parts_of(text)[0] for text in (key, chain, writer)] + ["0" * 12]
    pairs = [(prefix, place.pk) for prefix in keys for place in (restaurant, other)]
    with django_assert_num_queries(1):
        readers = menu_readers._readers._work([*pairs, (keys[0], 0)])
    version = Menu.objects.get(pk=restaurant.pk).version
    tags = [etag_of(restaurant, version), etag_of(other, Menu.objects.get(pk=other.pk).version)]
    told = [reader and (reader.client, reader.etag) for reader in readers]
    assert told == [("shop", tags[0]), None, ("chain", tags[0]), ("chain", tags[1]), *[None] * 5]


def test_who_shared_a_statement_that_hung_does_not_wait_once_more(server, restaurant, key, monkeypatch):
    asked = []
    monkeypatch.setattr(breaker, "SLOW_SECONDS", -1.0)

    def hang(statement):
        asked.append(statement)
        raise OperationalError(2013, "Lost connection to server during query")

    monkeypatch.setattr(menu_readers, "fetch", hang)
    try:
        for _ in range(3):
            with pytest.raises(OperationalError):
                menu_readers.reader_of_menu(key, restaurant.pk)
    finally:
        breaker.open_again()
    assert len(asked) == 1


def test_a_menu_without_a_version_is_left_to_django(server, restaurant, key):
    Menu.objects.update(version=0)
    told, short = menu(server, Restaurant.objects.get(), key)
    assert (told["status"], short) == (404, False)
    assert connection.connection is not None
