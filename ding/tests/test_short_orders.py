"""An order that goes the short way is placed, answered and refused as it would have been the long way; and only once."""

from __future__ import annotations

import json

import pytest
from django.db import OperationalError
from django.utils import timezone

from ding import breaker, short_orders
from ding.keys import create_api_key
from ding.models import ApiKey
from ding.throttle import calls
from orders.models import Order
from orders.tests.factories import make_restaurant

pytestmark = pytest.mark.django_db


@pytest.fixture
def place():
    return make_restaurant()


def make_key(*scopes, restaurants=(), **values):
    key = create_api_key(client="shop", scopes=scopes or ["orders:write"], restaurants=restaurants, **values)
    ApiKey.objects.update(last_used_at=timezone.now())
    return key


@pytest.fixture
def key(place):
    return make_key(restaurants=[place.restaurant])


def body(place, **values):
    order = {
        "restaurant_id": place.restaurant.pk,
        "order_type": "PICKUP",
        "payment_type": "COD",
        "customer": {"name": "Asha <b>Ä</b>"},
        "items": [{"item_id": place.pizza.pk, "quantity": 2}],
    }
    return {**order, **values}


def order(server, key, sent, *, app=None, idempotency_key="k1", content_type="application/json", **headers):
    data = sent if isinstance(sent, str) else json.dumps(sent)
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": idempotency_key, **headers}
    named = {
        f"HTTP_{name.upper().replace('-', '_')}": value
        for name, value in headers.items()
        if value is not None
    }
    server.went_long.clear()
    told = server.ask("POST", "/api/orders", app=app, data=data, content_type=content_type, **named)
    return told, not server.went_long


def test_it_is_answered_as_the_long_way_answers(server, place, key):
    short, was_short = order(server, key, body(place))
    long, _ = order(server, key, body(place), app=server.django, idempotency_key="k2")
    assert (short["status"], was_short) == (long["status"], True) == (201, True)
    told, expected = json.loads(short["body"]), json.loads(long["body"])
    assert told["reference"] == Order.objects.order_by("pk").first().reference
    own = ("id", "reference", "created_at", "updated_at", "history", "push")
    assert [told.pop(name) != expected.pop(name) for name in own] == [True] * len(own)
    assert told == expected
    assert Order.objects.count() == 2
    replay, was_short = order(server, key, body(place))
    assert (replay["status"], replay["body"], was_short) == (201, short["body"], True)
    again, _ = order(server, key, body(place), app=server.django)
    assert again["body"] == short["body"]
    for one, other in ((short, long), (replay, again)):
        for name in ("Vary", "Allow", "Content-Length", "X-Request-ID"):
            one["headers"].pop(name, None), other["headers"].pop(name, None)
        assert one["headers"] == other["headers"]
    assert replay["headers"]["Idempotent-Replayed"] == "true"


def test_without_an_idempotency_key_too(server, place, key):
    told, was_short = order(server, key, body(place), idempotency_key=None)
    assert (told["status"], was_short, Order.objects.count()) == (201, True, 1)


def test_a_refusal_is_told_by_django_and_not_worked_out_twice(server, place, key, monkeypatch):
    tried = []
    place_order = short_orders.place_order
    monkeypatch.setattr(
        short_orders, "place_order", lambda **values: tried.append(values) or place_order(**values)
    )
    monkeypatch.setattr("orders.views.place_order", None)
    told, was_short = order(server, key, body(place, items=[{"item_id": place.pizza.pk, "quantity": 10**6}]))
    assert (told["status"], was_short, len(tried)) == (422, False, 1)
    error = json.loads(told["body"])["error"]
    assert (error["code"], list(error["fields"])) == ("basket_refused", ["items[0].quantity"])
    assert not Order.objects.exists()


@pytest.mark.parametrize("idempotency_key", ["k1", None])
@pytest.mark.parametrize(
    ("error", "status"),
    [(OperationalError(2013, "Lost connection during COMMIT"), 503), (KeyError("a bug of ours"), 500)],
)
def test_an_order_that_was_broken_off_is_not_tried_again(
    server, place, key, monkeypatch, idempotency_key, error, status
):
    def fail(**values):
        raise error

    monkeypatch.setattr(short_orders, "place_order", fail)
    monkeypatch.setattr("orders.views.place_order", None)
    told, was_short = order(server, key, body(place), idempotency_key=idempotency_key)
    breaker.open_again()
    assert (told["status"], was_short) == (status, False)
    assert json.loads(told["body"])["error"]["request_id"]


def test_what_is_not_plain_is_left_to_django(server, place, key):
    other = make_restaurant(name="Other")
    sent = body(place)
    expected = [
        (order(server, key, "{"), 400),
        (order(server, key, sent | {"colour": "red"}), 400),
        (order(server, key, sent, content_type="text/plain"), 415),
        (order(server, key, sent, idempotency_key="ä"), 400),
        (order(server, key, sent, idempotency_key="x" * 256), 400),
        (order(server, key, sent, idempotency_key=""), 400),
        (order(server, key, body(place) | {"restaurant_id": other.restaurant.pk}), 404),
        (order(server, key[:-1] + ("A" if key[-1] != "A" else "B"), sent), 401),
        (order(server, "", sent), 401),
        (order(server, make_key("orders:read", all_restaurants=True), sent), 403),
        (order(server, key, json.dumps(sent) + " " * short_orders._MOST_BYTES * 5), 413),
        (order(server, key, sent, Host="elsewhere.example"), 400),
    ]
    assert [(told["status"], was_short) for (told, was_short), _ in expected] == [
        (status, False) for _, status in expected
    ]
    assert not Order.objects.exists()
    told, was_short = order(server, key, sent, content_type="application/json; charset=utf-8")
    assert (told["status"], was_short) == (201, True)


def test_the_limit_of_calls_holds(server, place, key, settings):
    settings.API_CALLS_PER_MINUTE = 3
    calls.clear()
    statuses = [order(server, key, body(place), idempotency_key=f"k{n}")[0]["status"] for n in range(5)]
    calls.clear()
    assert statuses == [201] * 3 + [429] * 2


def test_statements(server, place, key, django_assert_num_queries):
    order(server, key, body(place), idempotency_key="first")
    # The caller with its restaurants; the key, the restaurant; a savepoint, for this test is one transaction: order, lines,
    # history, the integration, the push, the answer under its key.
    with django_assert_num_queries(11):
        order(server, key, body(place), idempotency_key="second")


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "text/html"},
        {"Content-Encoding": "gzip"},
        {"Cookie": "sessionid=x"},
        {"Origin": "https://elsewhere.example"},
        {"Expect": "100-continue"},
        {"X-Http-Method-Override": "DELETE"},
        {"Authorization": "bearer  {key} "},
        {"Authorization": "Bearer {key}, Bearer x"},
        {"Authorization": "Token {key}"},
        {"X-Forwarded-Proto": "https"},
        {"Content-Type": "text/plain"},
        {"Idempotency-Key": "a b"},
    ],
    ids=str,
)
def test_whatever_headers_it_has_both_ways_say_the_same(server, place, key, headers):
    written = {name: value.format(key=key) for name, value in headers.items()}
    short, _ = order(server, key, body(place), **{"idempotency_key": "k1", **written})
    long, _ = order(server, key, body(place), app=server.django, **{"idempotency_key": "k2", **written})
    assert short["status"] == long["status"]
    assert Order.objects.count() == (2 if short["status"] == 201 else 0)
