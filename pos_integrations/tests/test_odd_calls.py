"""PetPooja's calls, each field spoilt in every way: answered in its words, never an error of ding's own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from menus.models import Item
from orders.models import Order
from pos_integrations import inbound, outbound
from pos_integrations.models import OrderPush, WebhookLog
from pos_integrations.tests.factories import SECRET, connected_place, place

CODE = "abcd1234"
NONSENSE: list[Any] = [
    *(None, "", "abc", "-1", 0, 1.5, True, "9" * 300, "\x00é😀", [], {}, [None], {"a": {"b": []}}, "1,2,"),
]
# A token opens its own order alone; another restaurant's name is forbidden.
ANSWERS = (200, 400, 401, 403)
CALLBACK = {
    "restID": CODE,
    "orderID": "",
    "status": "1",
    "cancel_reason": "",
    "minimum_prep_time": 20,
    "minimum_delivery_time": "",
    "rider_name": "",
    "rider_phone_number": "",
    "is_modified": "No",
    "autoaccept": "0",
}
STOCK = {
    "restID": CODE,
    "type": "item",
    "inStock": False,
    "itemID": ["118829149"],
    "autoTurnOnTime": "custom",
    "customTurnOnTime": "2099-01-01 10:00",
}
STORE = {"restID": CODE, "store_status": 0, "turn_on_time": "", "reason": ""}
ASKED = {"restID": CODE}


@pytest.fixture
def at(db, pos):
    return connected_place(pos)


@pytest.fixture
def sent(at, pos):
    push = place(at)
    outbound.deliver(push.pk)
    (ticket,) = pos.tickets()
    at.push, at.callback = push, "/" + ticket.facts.callback_url.split("/", 3)[3]
    return at


def post(client, path, body):
    return client.post(path, data=json.dumps(body), content_type="application/json")


def address(at, topic):
    return f"/api/webhooks/petpooja/{at.integration.public_id}/{topic}/{SECRET}"


def variants(body, *, but=()):
    """`body` with one field spoilt, or taken away; and bodies that are none."""
    for key in [key for key in body if key not in but]:
        yield {name: value for name, value in body.items() if name != key}
        for nonsense in NONSENSE:
            yield body | {key: nonsense}
    yield from NONSENSE
    yield body | {"unknown": NONSENSE}


def own_errors():
    return list(WebhookLog.objects.filter(verdict="error").values_list("payload", "error_message"))


@pytest.mark.parametrize(
    ("topic", "body", "refused"),
    [
        ("stock", STOCK, {"code", "status", "message"}),
        ("store-status-update", STORE, {"http_code", "status", "message"}),
        ("store-status-get", ASKED, {"http_code", "status", "message"}),
    ],
)
def test_a_dashboard_call_of_nonsense_is_taken_or_refused_in_petpoojas_words(
    at, client, topic, body, refused
):
    for variant in variants(body):
        answer = post(client, address(at, topic), variant)
        assert answer.status_code in ANSWERS, variant
        if answer.status_code == 400:
            assert set(answer.json()) == refused
            assert answer.json()["status"] == "failed"
    while inbound.drain():
        pass
    assert own_errors() == []


def test_a_dashboard_call_that_is_told_of_a_success_has_its_effect(at, client):
    for topic, body in (("stock", STOCK), ("store-status-update", STORE)):
        for variant in variants(body):
            post(client, address(at, topic), variant)
    while inbound.drain():
        pass
    # Not in the menu is another matter: the menu that has it may be on its way.
    assert not WebhookLog.objects.filter(verdict="malformed").exists()


@pytest.mark.parametrize(
    ("topic", "body", "words"),
    [
        ("stock", STOCK | {"type": "table"}, "type is neither item nor addon."),
        ("stock", STOCK | {"inStock": "perhaps"}, "inStock is neither true nor false."),
        ("stock", STOCK | {"itemID": []}, "itemID is missing."),
        ("store-status-update", STORE | {"store_status": 7}, "store_status is neither 1 nor 0."),
    ],
)
def test_a_dashboard_call_that_cannot_be_understood_hears_why(at, client, topic, body, words):
    answer = post(client, address(at, topic), body)
    assert (answer.status_code, answer.json()["status"], answer.json()["message"]) == (400, "failed", words)
    assert not WebhookLog.objects.exists()
    wrong_secret = address(at, topic).replace(SECRET, "x" * len(SECRET))
    assert post(client, wrong_secret, body).status_code == 401


def test_a_callback_of_nonsense_is_taken_or_refused_and_the_order_stays_whole(sent, client):
    order = sent.push.order
    for variant in variants(CALLBACK | {"orderID": order.reference}, but=("status",)):
        assert post(client, sent.callback, variant).status_code in ANSWERS, variant
    while inbound.drain():
        pass
    assert own_errors() == []
    order.refresh_from_db()
    assert (order.status, order.history.count()) == ("confirmed", 2)


def test_a_status_of_nonsense_moves_nothing(sent, client):
    order = sent.push.order
    for nonsense in [value for value in NONSENSE if value not in (True, 1)]:
        body = CALLBACK | {"orderID": order.reference, "status": nonsense}
        # A rejection is one in whatever type it comes.
        if str(nonsense) != "-1":
            assert post(client, sent.callback, body).status_code in (200, 400)
    while inbound.drain():
        pass
    assert own_errors() == []
    order.refresh_from_db()
    assert order.status == "pending"
    assert set(WebhookLog.objects.values_list("status", flat=True)) <= {"parked", "ignored"}


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ({"status": 1, "minimum_prep_time": "25 min"}, {"status": "confirmed"}),
        ({"status": "2", "minimum_prep_time": None}, {"status": "confirmed"}),
        ({"status": 3.0, "autoaccept": True}, {"status": "confirmed", "auto_accepted": True}),
        ({"status": " 5 ", "autoaccept": "No"}, {"status": "ready", "auto_accepted": False}),
        (
            {"status": 4, "rider_name": " Ravi\n Kumar ", "rider_phone_number": 9000000003},
            {"status": "dispatched", "rider_name": "Ravi Kumar", "rider_phone": "9000000003"},
        ),
        ({"status": "10", "rider_name": None}, {"status": "delivered", "rider_name": ""}),
        ({"status": -1, "cancel_reason": ""}, {"status": "rejected", "cancellation_reason": ""}),
        (
            {"status": "-1", "cancel_reason": "Closed &amp; dark\nsorry"},
            {"status": "rejected", "cancellation_reason": "Closed & dark sorry"},
        ),
        ({"status": "1", "is_modified": "Yes"}, {"status": "confirmed", "modified_by_restaurant": True}),
        ({"status": "1", "is_modified": True}, {"status": "confirmed", "modified_by_restaurant": True}),
        ({"status": "1", "is_modified": "perhaps"}, {"status": "confirmed", "modified_by_restaurant": False}),
    ],
)
def test_a_callback_in_every_spelling(sent, client, values, shown):
    body = CALLBACK | {"orderID": sent.push.order.reference} | values
    answer = post(client, sent.callback, body)
    assert (answer.status_code, answer.content) == (200, b"")
    inbound.drain()
    order = Order.objects.get()
    assert {name: getattr(order, name) for name in shown} == shown
    assert OrderPush.objects.get(kind="order").state == "acknowledged"


@pytest.mark.parametrize("named", [{}, {"restID": None}, {"restID": ""}])
def test_a_callback_that_names_no_restaurant_is_believed_by_its_token_alone(sent, client, named):
    body = {name: value for name, value in CALLBACK.items() if name != "restID"} | named
    body["orderID"] = sent.push.order.reference
    wrong = sent.callback[:-1] + ("0" if sent.callback[-1] != "0" else "1")
    assert post(client, wrong, body).status_code == 401
    assert post(client, sent.callback, body | {"restID": "efgh5678"}).status_code == 403
    assert post(client, sent.callback, body).status_code == 200
    inbound.drain()
    assert Order.objects.get().status == "confirmed"


@pytest.mark.parametrize(
    ("ids", "off"),
    [
        ("118829149", False),
        (118829149, "false"),
        (["118829149"], 0),
        ([118829149], "0"),
        ({"0": "118829149"}, "No"),
        ("118829149,", "off"),
        (" 118829149 , ", "out of stock"),
    ],
)
def test_stock_in_every_spelling(at, client, ids, off):
    body = STOCK | {"itemID": ids, "inStock": off}
    assert post(client, address(at, "stock"), body).json()["code"] == 200
    inbound.drain()
    pizza = Item.objects.get(external_id="118829149")
    assert (pizza.in_stock, f"{pizza.back_at:%Y-%m-%d %H:%M}") == (False, "2099-01-01 04:30")
