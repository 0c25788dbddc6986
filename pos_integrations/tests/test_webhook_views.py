"""The webhook address over HTTP: which bodies are taken, which are refused, and that none of them breaks it."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orders.models import OrderStatusHistory
from orders.tests.factories import make_order
from pos_integrations import inbound
from pos_integrations.configuration import callback_token
from pos_integrations.inbound import max_bytes
from pos_integrations.models import WebhookLog
from pos_integrations.tests.factories import (
    SIGNATURE,
    as_bytes,
    connected_place,
    order_status,
    send,
    sign,
)

ADDRESS = "/api/webhooks/petpooja/order-status"
LIMIT = max_bytes("petpooja", "order-status", None)


@pytest.fixture
def at(db):
    return connected_place()


def code_of(answer):
    return answer.status_code, answer.json()["error"]["code"]


def nothing_kept():
    return not WebhookLog.objects.exists() and not OrderStatusHistory.objects.exists()


# --- addresses and methods ------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["", "/"])
def test_every_webhook_address_is_there_with_and_without_its_last_slash(at, client, end):
    order = make_order(at.restaurant)
    public = f"/api/webhooks/petpooja/{at.integration.public_id}"
    token = callback_token(at.integration, order.reference)
    for path, topic in ((ADDRESS, "order-status"), (f"{public}/order-status", "order-status")):
        assert send(client, topic, order_status(order), path=path + end).status_code == 200
    answer = client.post(
        f"{public}/order-callback/{token}{end}",
        data=json.dumps({"restID": "abcd1234", "orderID": order.reference, "status": "1"}),
        content_type="application/json",
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head", "options", "trace"])
@pytest.mark.parametrize("end", ["", "/"])
def test_other_methods_are_refused(at, client, method, end):
    answer = getattr(client, method)(ADDRESS + end)
    assert answer.status_code == (200 if method == "options" else 405)
    if method not in ("options", "head"):
        assert code_of(answer) == (405, "method_not_allowed")
    assert nothing_kept()


def test_a_method_override_is_not_heard(at, client):
    assert client.get(ADDRESS, headers={"X-HTTP-Method-Override": "POST"}).status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/api/webhooks/petpooja/rider-status",
        "/api/webhooks/nobody/order-status",
        "/api/webhooks/petpooja/" + "f" * 31 + "/order-status",
        "/api/webhooks/petpooja/" + "F" * 32 + "/order-status",
        "/api/webhooks/petpooja/order-status/extra",
    ],
)
def test_an_address_that_is_none_is_not_found(at, client, path):
    answer = send(client, "order-status", order_status("X"), path=path)
    assert code_of(answer) == (404, "not_found")
    assert nothing_kept()


# --- length ---------------------------------------------------------------------------------------------


def raw_request(url, head, body=b""):
    """Send these header lines as they are; the status and the body of the answer."""
    parts = urlsplit(url)
    connection_ = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        connection_.putrequest("POST", ADDRESS, skip_accept_encoding=True)
        for name, value in head:
            connection_.putheader(name, value)
        connection_.endheaders(body)
        answer = connection_.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    finally:
        connection_.close()


def test_a_body_without_a_length_is_refused_over_a_real_socket(ding_url):
    connected_place()
    raw = as_bytes(order_status("X"))
    head = [("Content-Type", "application/json"), (SIGNATURE, sign(raw))]
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(raw), raw)
    status, body = raw_request(ding_url, [*head, ("Transfer-Encoding", "chunked")], chunked)
    assert (status, body["error"]["code"]) == (411, "length_required")
    assert nothing_kept()


@pytest.mark.parametrize("length", ["", "abc", "-1", "+5", "1_0", "٣", "1e3", " "])
def test_a_length_that_is_no_number_is_refused(at, client, length):
    answer = client.generic("POST", ADDRESS, b"{}", "application/json", CONTENT_LENGTH=length)
    assert code_of(answer) == (411, "length_required")
    assert nothing_kept()


def test_a_body_over_the_limit_is_refused_before_it_is_read(at, client):
    fits = as_bytes(order_status("X", padding=""))
    fits = fits.replace(b'"padding": ""', b'"padding": "%s"' % (b"x" * (LIMIT - len(fits))))
    assert len(fits) == LIMIT
    assert send(client, "order-status", fits).status_code == 200
    assert code_of(send(client, "order-status", fits + b" ")) == (413, "too_large")
    for length in (str(LIMIT + 1), "9" * 5000):
        answer = client.generic("POST", ADDRESS, b"{}", "application/json", CONTENT_LENGTH=length)
        assert code_of(answer) == (413, "too_large")
    assert WebhookLog.objects.count() == 1


def test_at_the_address_that_all_share_no_stranger_makes_us_read_megabytes(at, client):
    """There the body is parsed before its proof: ten megabytes of `{},` would be hundreds in memory."""
    raw = b"[" + b"{}," * (LIMIT // 3) + b"{}]"
    shared = client.post(
        "/api/webhooks/petpooja/menu", raw, "application/json", headers={"Authorization": "Bearer x"}
    )
    assert code_of(shared) == (413, "too_large")
    # At an address of its own the proof comes first, and whole menus do.
    own = f"/api/webhooks/petpooja/{at.integration.public_id}/menu/a-wrong-token"
    assert client.post(own, raw, "application/json").status_code == 401
    assert nothing_kept()


# --- bodies ---------------------------------------------------------------------------------------------


def test_the_body_is_kept_byte_by_byte(at, client):
    order = make_order(at.restaurant)
    text = json.dumps(order_status(order))[1:-1]
    for raw in (
        b"  {\r\n\t" + text.encode() + b', "note" : "\\u00e9\\ud83d\\ude00\\/" }\n ',
        ("{" + text + ', "note": "é😀ß \\u0000", "price": 1.0, "long": 0.10000000000000000555}').encode(),
        ("{" + text + ', "z": 1, "a": 2, "empty": {}, "1e3": 1E3}').encode(),
    ):
        assert send(client, "order-status", raw).status_code == 200
        assert WebhookLog.objects.order_by("-pk")[0].payload.encode() == raw
    assert inbound.drain().rows == 3
    assert [new for _, new in order.history.values_list("old_status", "new_status")] == ["confirmed"]


def test_the_database_finds_its_way_in_the_payload(at, client):
    order = make_order(at.restaurant)
    send(client, "order-status", order_status(order))
    with connection.cursor() as cursor:
        cursor.execute("SELECT JSON_EXTRACT(payload, '$.order_id') FROM WebhookLogs")
        assert cursor.fetchone()[0].strip('"') == order.reference


UNREADABLE = [
    b"",
    b"x",
    b"[]",
    b"null",
    b"{",
    b"restaurant_id=abcd1234",
    b'{"restaurant_id":"abcd1234","a":NaN}',
    b'{"restaurant_id":"abcd1234","a":Infinity}',
    b'{"restaurant_id":"abcd1234","restaurant_id":"abcd1234"}',
    b'{"restaurant_id":"abcd1234","a":"\\ud800"}',
    b'{"restaurant_id":"abcd1234","a":' + b"[" * 50_000 + b"}",
    b'{"restaurant_id":"abcd1234","a":' + b"[" * 25 + b"]" * 25 + b"}",
    b'{"restaurant_id":"abcd1234","a":' + b"9" * 5000 + b"}",
    b'{"restaurant_id":"abcd1234","a":1e999}',
    b'{"restaurant_id":"abcd1234","a":"\xff"}',
    '{"restaurant_id":"abcd1234"}'.encode("utf-16"),
    b'\xef\xbb\xbf{"restaurant_id":"abcd1234"}',
]


@pytest.mark.parametrize("topic", ["order-status", "menu-update", "inventory-update"])
@pytest.mark.parametrize("raw", UNREADABLE)
def test_what_is_no_json_object_is_refused_however_well_it_is_signed(at, client, topic, raw):
    if not raw:
        answer = client.generic(
            "POST",
            f"/api/webhooks/petpooja/{topic}",
            b"",
            "application/json",
            CONTENT_LENGTH="0",
            headers={SIGNATURE: sign(b"")},
        )
    else:
        answer = send(client, topic, raw)
    assert code_of(answer) == (400, "malformed")
    assert nothing_kept()


@pytest.mark.parametrize("raw", UNREADABLE[1:])
def test_what_is_no_json_object_is_refused_at_a_callback_address_too(at, client, raw):
    path = f"/api/webhooks/petpooja/{at.integration.public_id}/order-callback/{'0' * 32}"
    assert code_of(send(client, "order-callback", raw, path=path)) == (400, "malformed")
    assert nothing_kept()


@pytest.mark.parametrize("value", [None, "", [], {}, True, "x" * 65])
def test_a_body_that_names_no_restaurant_says_which_field(at, client, value):
    answer = send(client, "order-status", order_status("X", restaurant_id=value))
    assert code_of(answer) == (400, "malformed")
    (field,) = answer.json()["error"]["fields"]
    assert field == "restaurant_id"
    assert nothing_kept()


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "x"]
)
def test_the_content_type_does_not_matter(at, client, kind):
    raw = as_bytes(order_status("X"))
    answer = client.generic("POST", ADDRESS, raw, kind, headers={SIGNATURE: sign(raw)})
    assert answer.status_code == 200
    assert WebhookLog.objects.get().payload.encode() == raw


# --- fuzz -----------------------------------------------------------------------------------------------

_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        [
            "abcd1234",
            "CONFIRMED",
            "-1",
            "1",
            "\x00",
            "9" * 19,
            "9" * 70,
            "é",
            "2026-01-01T00:00:00Z",
            "0000-00-00",
            "\ud800",
        ]
    )
)
_any = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_names = (
    "order_id",
    "pos_order_id",
    "status",
    "timestamp",
    "reason",
    "item_id",
    "availability",
    "type",
    "items_updated",
    "orderID",
    "cancel_reason",
    "minimum_prep_time",
    "minimum_delivery_time",
    "is_modified",
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    topic=st.sampled_from(["order-status", "menu-update", "inventory-update", "order-callback"]),
    values=st.dictionaries(st.sampled_from(_names), _any),
    restaurant=st.just("abcd1234") | _any,
    own=st.booleans(),
)
def test_no_signed_body_breaks_the_door_or_the_drain(at, topic, values, restaurant, own):
    if "order" not in vars(at):
        at.order = make_order(at.restaurant)
    body = {"restaurant_id": restaurant, "restID": restaurant, **values}
    if own:
        body |= {
            "order_id": at.order.reference,
            "orderID": at.order.reference,
            "item_id": at.pizza.external_id,
        }
    path = ""
    if topic == "order-callback":
        token = callback_token(
            at.integration, str(body.get("orderID", "")).encode("utf-8", "replace").decode()
        )
        path = f"/api/webhooks/petpooja/{at.integration.public_id}/order-callback/{token}"
    answer = send(Client(), topic, json.dumps(body).encode(), path=path)
    # 403: an order's own token, and a body that names another restaurant.
    assert answer.status_code in (200, 400, 401, 403)
    while inbound.drain():
        pass
    assert not WebhookLog.objects.filter(verdict="error").exists()
    assert not WebhookLog.objects.filter(status="received").exists()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    raw=st.binary(min_size=1, max_size=60), signature=st.text(st.characters(max_codepoint=255), max_size=80)
)
def test_no_bytes_and_no_signature_break_the_door(at, raw, signature):
    client = Client()
    assert send(client, "order-status", raw).status_code in (400, 401)
    answer = client.generic("POST", ADDRESS, raw, "application/json", headers={SIGNATURE: signature})
    assert answer.status_code in (400, 401)


# --- the database is away -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [OperationalError(2006, "gone"), OperationalError(1205, "wait"), InterfaceError(0, "")]
)
@pytest.mark.parametrize("where", ["find", "create"])
def test_without_the_database_the_sender_is_asked_to_try_again(at, client, monkeypatch, error, where):
    def fail(*args, **kwargs):
        raise error

    if where == "find":
        monkeypatch.setattr(inbound.door, "recipient_named", fail)
    else:
        monkeypatch.setattr(type(WebhookLog.objects), "create", fail)
    answer = send(client, "order-status", order_status("X"))
    assert code_of(answer) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    monkeypatch.undo()
    assert nothing_kept()


def test_a_nudge_that_fails_does_not_reach_the_sender(committed, monkeypatch):
    connected_place()

    def fail(*args, **kwargs):
        raise RuntimeError("no broker")

    monkeypatch.setattr("ding.nudge._publisher.put", fail)
    answer = send(Client(), "order-status", order_status("X"))
    assert answer.status_code == 200
    assert WebhookLog.objects.count() == 1
