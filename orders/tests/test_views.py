from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal as D
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ding.keys import create_api_key
from menus.models import Item, Restaurant, Tax
from orders.models import IdempotencyKey, Order, OrderStatusHistory
from orders.tests.factories import add_discount, make_body, make_order, make_restaurant

pytestmark = pytest.mark.django_db

Call = Callable[..., Any]


@pytest.fixture
def place() -> SimpleNamespace:
    return make_restaurant()


@pytest.fixture
def key(place: SimpleNamespace) -> str:
    return create_api_key(
        client="shop", scopes=["orders:read", "orders:write"], restaurants=[place.restaurant]
    )


@pytest.fixture
def call(key: str) -> Call:
    return caller(key)


def caller(key: str) -> Call:
    client = Client(headers={"Authorization": f"Bearer {key}"}, raise_request_exception=True)

    def call(method: str, path: str, body: Any = None, **headers: str) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        if method == "GET":
            return client.get(path, body)
        return client.generic(method, path, data, "application/json", headers=headers)

    return call


def fields(response: Any) -> dict[str, Any]:
    return response.json()["error"].get("fields", {})


# --- placing -----------------------------------------------------------------------------------------------


def test_placing_answers_201_with_the_whole_order(place: SimpleNamespace, call: Call) -> None:
    body = make_body(place, expected_total="451.10", pickup_code="0042", urgent=True, urgent_minutes=25)
    response = call("POST", "/api/orders", body)

    assert response.status_code == 201
    order = Order.objects.get()
    answer = response.json()
    line = {"notes": "", "tax_inclusive": False}
    cgst = {
        "id": "11213",
        "name": "CGST",
        "rate": "2.5",
        "amount": "6.30",
        "kind": "percent",
        "inclusive": False,
    }
    sgst = cgst | {"id": "20375", "name": "SGST"}
    times = {name: answer.pop(name) for name in ("created_at", "updated_at")}
    (history,) = answer.pop("history")
    answer.pop("push")
    assert answer == {
        "id": order.pk,
        "reference": order.reference,
        "restaurant_id": place.restaurant.pk,
        "status": "pending",
        "order_type": "DELIVERY",
        "payment_type": "ONLINE",
        "customer": {
            "name": "Test Customer",
            "phone": "9000000002",
            "email": "customer@example.com",
            "address": "2 Example Street, Testpur",
            "latitude": "23.000001",
            "longitude": "72.000001",
        },
        "table_no": "",
        "persons": 0,
        "notes": "",
        "coupon": "",
        "pickup_code": "0042",
        "urgent": True,
        "urgent_minutes": 25,
        "items": [
            line
            | {
                "item_id": place.bread.pk,
                "variation_id": place.three.pk,
                "name": "Garlic Bread",
                "variation_name": "3Pieces",
                "quantity": 2,
                "base_price": "140.00",
                "unit_price": "140.00",
                "unit_discount": "14.00",
                "net_total": "252.00",
                "taxes": [cgst, sgst],
                "addons": [],
            },
            line
            | {
                "item_id": place.pizza.pk,
                "variation_id": None,
                "name": "Veg Loaded Pizza",
                "variation_name": "",
                "quantity": 1,
                "base_price": "100.00",
                "unit_price": "110.00",
                "unit_discount": "0.00",
                "net_total": "110.00",
                "taxes": [cgst | {"amount": "2.75"}, sgst | {"amount": "2.75"}],
                "addons": [
                    {
                        "addon_item_id": place.mojito.pk,
                        "name": "Mojito",
                        "group_name": "Add Beverage",
                        "price": "0.00",
                        "quantity": 1,
                    },
                    {
                        "addon_item_id": place.cheese.pk,
                        "name": "Cheese",
                        "group_name": "Extra Toppings",
                        "price": "10.00",
                        "quantity": 1,
                    },
                ],
                "notes": "no onion",
            },
        ],
        "currency": "INR",
        "totals": {
            "items": "390.00",
            "discount": "28.00",
            "packing": "20.00",
            "delivery": "50.00",
            "service": "0.00",
            "tax": "19.10",
            "total": "451.10",
        },
        "breakdown": {
            "packing": [cgst | {"amount": "0.50"}, sgst | {"amount": "0.50"}],
            "delivery": [],
            "service": [],
            "discount": {"id": "d1", "name": "Garlic bread week"},
        },
        "pos_order_id": "",
        "prep_minutes": 20,
        "scheduled_for": None,
        "estimated_delivery_time": None,
        "rider": {"name": "", "phone": ""},
        "modified_by_restaurant": False,
        "auto_accepted": None,
        "completed_at": None,
        "cancelled_at": None,
        "cancellation_reason": "",
    }
    assert dt.datetime.fromisoformat(times["created_at"]) == order.created_at
    assert (history["old_status"], history["new_status"], history["source"]) == ("", "pending", "guest")
    assert (history["changed_by"], history["reason"]) == ("shop", "")


@pytest.mark.parametrize(
    ("coupon", "tax_base"), [("", "core"), ("", "total"), ("welcome20", "core"), ("welcome20", "total")]
)
def test_a_quote_answers_what_placing_would(
    place: SimpleNamespace, call: Call, coupon: str, tax_base: str
) -> None:
    add_discount(place)
    Tax.objects.filter(pk=place.sgst.pk).update(base=tax_base)
    body = make_body(place, coupon=coupon)

    quote = call("POST", "/api/orders/quote", body)
    assert quote.status_code == 200
    assert not Order.objects.exists()

    order = call("POST", "/api/orders", body).json()
    assert quote.json() == {
        name: order[name] for name in ("currency", "items", "totals", "coupon", "breakdown")
    }
    assert quote.json()["coupon"] == coupon


def test_a_coupon_that_does_not_fit_is_refused_with_422(place: SimpleNamespace, call: Call) -> None:
    response = call("POST", "/api/orders", make_body(place, coupon="nope"))

    assert response.status_code == 422
    assert "coupon_unknown" in response.text
    assert not Order.objects.exists()


def test_prices_from_a_client_are_refused(place: SimpleNamespace, call: Call) -> None:
    body = make_body(place, total="1.00")
    body["items"][0] |= {"price": "1.00", "unit_price": "1.00", "unit_discount": "139.00"}

    answer = call("POST", "/api/orders", body)
    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {
        "total",
        "items[0].price",
        "items[0].unit_price",
        "items[0].unit_discount",
    }
    assert not Order.objects.exists()


def test_the_same_key_and_body_are_answered_to_the_letter(place: SimpleNamespace, call: Call) -> None:
    body = make_body(place)
    first = call("POST", "/api/orders", body, **{"Idempotency-Key": "k-1"})
    Order.objects.update(status="delivered")
    # The same order, written otherwise.
    body["customer"]["latitude"] = "23.000001"
    body["customer"]["name"] = " Test Customer "
    again = call("POST", "/api/orders", body, **{"Idempotency-Key": "k-1"})

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert Order.objects.count() == 1


def test_a_key_with_another_body_is_refused(place: SimpleNamespace, call: Call) -> None:
    call("POST", "/api/orders", make_body(place), **{"Idempotency-Key": "k-1"})
    response = call("POST", "/api/orders", make_body(place, notes="x"), **{"Idempotency-Key": "k-1"})

    assert (response.status_code, response.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert Order.objects.count() == 1


@pytest.mark.parametrize("bad", ["", "a b", "ключ", "k" * 256, "tab\there"])
def test_a_key_that_is_none_is_refused(place: SimpleNamespace, call: Call, bad: str) -> None:
    header = bad.encode().decode("latin-1")
    response = call("POST", "/api/orders", make_body(place), **{"Idempotency-Key": header})

    assert response.status_code == 400
    assert list(fields(response)) == ["Idempotency-Key"]
    assert not Order.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_refused_basket_says_what_to_change(place: SimpleNamespace, call: Call) -> None:
    Item.objects.filter(pk=place.pizza.pk).update(in_stock=False)

    for path in ("/api/orders", "/api/orders/quote"):
        response = call("POST", path, make_body(place), **{"Idempotency-Key": "k-1"})
        assert response.status_code == 422
        error = response.json()["error"]
        assert error["code"] == "basket_refused"
        assert error["fields"] == {
            "items[1].item_id": [
                {
                    "rule": "item_out_of_stock",
                    "message": "Veg Loaded Pizza is sold out. Remove it.",
                    "given": place.pizza.pk,
                }
            ]
        }
    assert not Order.objects.exists()
    assert not IdempotencyKey.objects.exists()


def test_a_wrong_shape_is_a_400_with_paths(place: SimpleNamespace, call: Call) -> None:
    body = make_body(place, order_type="TAKEAWAY")
    body["items"][1]["addons"][0]["quantity"] = "many"
    body["customer"]["phone"] = "call me"

    response = call("POST", "/api/orders", body)

    assert response.status_code == 400
    assert sorted(fields(response)) == ["customer.phone", "items[1].addons[0].quantity", "order_type"]


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{", b'"x"', b"\xff", b'{"items": ' + b"9" * 5000 + b"}"]
)
def test_a_body_that_is_no_order_is_a_400(call: Call, body: bytes) -> None:
    for path in ("/api/orders", "/api/orders/quote", "/api/orders/1/cancel"):
        assert call("POST", path, body).status_code == 400


def test_a_foreign_restaurant_is_not_found_like_a_missing_one(place: SimpleNamespace, call: Call) -> None:
    other = make_restaurant(name="Other")
    bodies = [make_body(other), make_body(place, restaurant_id=10**9)]

    for path in ("/api/orders", "/api/orders/quote"):
        answers = [call("POST", path, body) for body in bodies]
        assert [answer.status_code for answer in answers] == [404, 404]
        errors = [answer.json()["error"] for answer in answers]
        assert errors[0]["message"] == errors[1]["message"]
        assert errors[0]["code"] == errors[1]["code"]
    assert not Order.objects.exists()


# --- reading -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slash", ["", "/"])
def test_every_path_works_with_and_without_its_last_slash(
    place: SimpleNamespace, call: Call, slash: str
) -> None:
    order = call("POST", f"/api/orders{slash}", make_body(place)).json()

    assert call("POST", f"/api/orders/quote{slash}", make_body(place)).status_code == 200
    assert call("GET", f"/api/orders{slash}").status_code == 200
    assert call("GET", f"/api/orders/{order['id']}{slash}").json() == order
    assert call("GET", f"/api/orders/{order['reference']}{slash}").json() == order
    assert call("POST", f"/api/orders/{order['id']}/cancel{slash}", {"reason": "x"}).status_code == 200


@pytest.mark.parametrize("name", ["0", "999999999", "9" * 19, "9" * 20, "NOSUCHORDER0", "quote", "1a"])
def test_an_unknown_order_is_not_found(place: SimpleNamespace, call: Call, name: str) -> None:
    make_order(place.restaurant)

    assert call("GET", f"/api/orders/{name}").status_code == (405 if name == "quote" else 404)
    assert call("POST", f"/api/orders/{name}/cancel", {"reason": "x"}).status_code == 404


def test_a_foreign_order_is_not_found_and_not_cancelled(place: SimpleNamespace, call: Call) -> None:
    order = make_order(Restaurant.objects.create(name="Other"))

    for name in (order.pk, order.reference):
        assert call("GET", f"/api/orders/{name}").status_code == 404
        assert call("POST", f"/api/orders/{name}/cancel", {"reason": "x"}).status_code == 404
    order.refresh_from_db()
    assert order.status == "pending"
    assert call("GET", "/api/orders").json()["results"] == []
    assert call("GET", "/api/orders", {"restaurant": order.restaurant_id}).status_code == 404


def test_orders_come_newest_first_in_pages(place: SimpleNamespace, call: Call) -> None:
    orders = [make_order(place.restaurant) for _ in range(5)]
    seen, path = [], "/api/orders?limit=2"
    while path:
        page = call("GET", path).json()
        seen += [order["id"] for order in page["results"]]
        path = page["next"]

    assert seen == [order.pk for order in reversed(orders)]


def test_filters_of_the_list(place: SimpleNamespace, call: Call) -> None:
    now = timezone.now()
    old = make_order(place.restaurant, customer_phone="9000000002")
    Order.objects.filter(pk=old.pk).update(created_at=now - dt.timedelta(hours=2))
    ready = make_order(place.restaurant, status="ready")

    def ids(**wanted: Any) -> list[int]:
        response = call("GET", "/api/orders", wanted)
        assert response.status_code == 200, response.json()
        return [order["id"] for order in response.json()["results"]]

    an_hour_ago = (now - dt.timedelta(hours=1)).isoformat()
    assert ids() == [ready.pk, old.pk]
    assert ids(restaurant=place.restaurant.pk) == [ready.pk, old.pk]
    assert ids(status="ready") == [ready.pk]
    assert ids(status="cancelled") == []
    assert ids(since=an_hour_ago) == [ready.pk]
    assert ids(until=an_hour_ago) == [old.pk]
    assert ids(phone="9000000002") == [old.pk]
    assert ids(phone="9000000002", status="ready") == []


@pytest.mark.parametrize(
    "query",
    [
        {"restaurant": "x"},
        {"restaurant": "9" * 30},
        {"status": "lost"},
        {"since": "yesterday"},
        {"until": "2026-01-15T10:00:00"},
        {"phone": "x"},
    ],
)
def test_a_filter_that_is_none_is_a_400(call: Call, query: dict[str, str]) -> None:
    response = call("GET", "/api/orders", query)

    assert response.status_code == 400
    assert list(fields(response)) == list(query)


def test_a_list_takes_as_many_statements_for_one_order_as_for_twenty(
    place: SimpleNamespace, call: Call
) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert call("GET", "/api/orders").status_code == 200
        return len([query for query in queries if "ApiKey" not in query["sql"]])

    call("POST", "/api/orders", make_body(place))
    one = statements()
    for _ in range(19):
        call("POST", "/api/orders", make_body(place))

    assert statements() == one


def test_the_push_is_shown_when_something_is_owed_to_a_pos(place: SimpleNamespace, call: Call) -> None:
    order = make_order(place.restaurant)
    assert call("GET", f"/api/orders/{order.pk}").json()["push"] == {"order": None, "cancellation": None}

    later = timezone.now() + dt.timedelta(hours=1)
    order.pushes.create(kind="order", state="due", attempts=2, last_error="No answer.", expires_at=later)
    assert call("GET", f"/api/orders/{order.pk}").json()["push"] == {
        "order": {
            "state": "due",
            "attempts": 2,
            "next_attempt_at": None,
            "last_error": "No answer.",
            "sent_at": None,
            "acknowledged_at": None,
            "silent_since": None,
        },
        "cancellation": None,
    }


# --- cancelling --------------------------------------------------------------------------------------------


def test_cancelling_answers_the_cancelled_order(place: SimpleNamespace, call: Call) -> None:
    order = make_order(place.restaurant)

    answers = [
        call("POST", f"/api/orders/{order.reference}/cancel", {"reason": "Too slow"}) for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    answer = answers[0].json()
    assert (answer["status"], answer["cancellation_reason"]) == ("cancelled", "Too slow")
    (history,) = answer["history"]
    assert (history["old_status"], history["new_status"], history["source"]) == (
        "pending",
        "cancelled",
        "guest",
    )
    assert (history["changed_by"], history["reason"]) == ("shop", "Too slow")
    assert answers[1].json() == answer


def test_an_order_that_went_too_far_is_a_conflict(place: SimpleNamespace, call: Call) -> None:
    order = make_order(place.restaurant, status="dispatched")

    response = call("POST", f"/api/orders/{order.pk}/cancel", {"reason": "Too slow"})

    assert (response.status_code, response.json()["error"]["code"]) == (409, "conflict")
    assert not OrderStatusHistory.objects.exists()


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": None}, {"reason": ["x"]}, [], None])
def test_a_cancellation_without_a_reason_is_a_400(place: SimpleNamespace, call: Call, body: Any) -> None:
    order = make_order(place.restaurant)

    assert call("POST", f"/api/orders/{order.pk}/cancel", body).status_code == 400
    order.refresh_from_db()
    assert order.status == "pending"


# --- who may -----------------------------------------------------------------------------------------------

OPERATIONS = [
    ("GET", "/api/orders", "orders:read"),
    ("GET", "/api/orders/{id}", "orders:read"),
    ("POST", "/api/orders", "orders:write"),
    ("POST", "/api/orders/quote", "orders:write"),
    ("POST", "/api/orders/{id}/cancel", "orders:write"),
]


@pytest.mark.parametrize(("method", "path", "scope"), OPERATIONS)
def test_every_operation_needs_its_scope(place: SimpleNamespace, method: str, path: str, scope: str) -> None:
    order = make_order(place.restaurant)
    other = {"orders:read": "orders:write", "orders:write": "orders:read"}[scope]
    key = create_api_key(client="app", scopes=[other, "menu:read"], all_restaurants=True)
    body = make_body(place) | {"reason": "x"} if method == "POST" else None

    assert caller(key)(method, path.format(id=order.pk), body).status_code == 403
    assert caller("dk_wrong")(method, path.format(id=order.pk), body).status_code == 401
    assert Order.objects.filter(status="pending").count() == 1


def test_a_key_for_all_restaurants_sees_all(place: SimpleNamespace) -> None:
    other = make_restaurant(name="Other")
    call = caller(create_api_key(client="app", scopes=["orders:read", "orders:write"], all_restaurants=True))

    assert [call("POST", "/api/orders", make_body(each)).status_code for each in (place, other)] == [201, 201]
    assert len(call("GET", "/api/orders").json()["results"]) == 2
    assert len(call("GET", "/api/orders", {"restaurant": other.restaurant.pk}).json()["results"]) == 1


def test_what_staff_does_is_told_from_what_guests_do(place: SimpleNamespace) -> None:
    order = make_order(place.restaurant)
    staff = get_user_model().objects.create_superuser("ann", "ann@example.com", "x")
    client = Client()
    client.force_login(staff)

    response = client.post(f"/api/orders/{order.pk}/cancel", {"reason": "Fire"}, "application/json")

    assert response.status_code == 200
    assert (order.history.get().source, order.history.get().changed_by) == ("staff", "staff:ann")


def test_money_is_text_with_two_places(place: SimpleNamespace, call: Call) -> None:
    make_order(place.restaurant, total=D(5))

    assert call("GET", "/api/orders").json()["results"][0]["totals"]["total"] == "5.00"
