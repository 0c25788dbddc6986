"""Whatever comes in at any address, in whatever shape: never a 5xx, and each refusal names the field and its rule."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ding.keys import SCOPES, create_api_key
from orders.tests.factories import make_body, make_order
from orders.tests.factories import make_restaurant as make_place
from pos_integrations import inbound
from pos_integrations.models import WebhookLog
from pos_integrations.tests.factories import SIGNATURE, connect, order_status, sign

HOSTILE = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

pytestmark = pytest.mark.django_db

DEEP: Any = "at the bottom"
for _ in range(18):
    DEEP = [DEEP]

odd = st.one_of(
    st.sampled_from(
        [
            None,
            True,
            False,
            [],
            {},
            [[]],
            [None],
            {"": None},
            "",
            " ",
            "0",
            "-1",
            "1e400",
            "NaN",
            "٣",
            "\x00",
            "a\x00b",
            "\ud800",
            "‮evil",
            "<script>alert(1)</script>",
            "' OR 1=1 --",
            "x" * 70_000,
            "🍕" * 3000,
            0,
            -1,
            2**31,
            2**63,
            2**64,
            10**39,
            -(10**39),
            0.1 + 0.2,
            1e308,
            math.nan,
            math.inf,
            "2026-02-30",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "2026-11-28T12:00:00+99:99",
            DEEP,
            [DEEP],
            {"$gt": ""},
            {"__proto__": {"admin": True}},
        ]
    ),
    st.integers(),
    st.floats(),
    st.text(max_size=40),
    st.binary(max_size=8).map(lambda raw: raw.decode("latin-1")),
    st.lists(st.integers() | st.text(max_size=5), max_size=3),
    st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=5), max_size=3),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a body: the whole, each member, each element."""
    yield path
    for step in (
        list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    ):
        yield from places(value[step], (*path, step))


@st.composite
def spoilt(draw: Any, good: Any) -> Any:
    """A good body with one to three things wrong."""
    body = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        *parents, last = draw(st.sampled_from([place for place in places(body) if place] or [(None,)]))
        node = body
        for step in parents:
            node = node[step]
        what = draw(st.sampled_from(["replace", "replace", "replace", "remove", "add"]))
        if last is None:
            return copy.deepcopy(draw(odd))
        if what == "replace":
            node[last] = copy.deepcopy(draw(odd))
        elif what == "remove":
            del node[last]
        elif isinstance(node, dict):
            node[draw(st.text(max_size=70))] = copy.deepcopy(draw(odd))
        else:
            node.append(copy.deepcopy(draw(odd)))
    return body


def written(body: Any) -> bytes:
    return json.dumps(body).encode()


@pytest.fixture
def at() -> SimpleNamespace:
    place = make_place()
    place.integration = connect(None, place.restaurant)
    place.order = make_order(place.restaurant, order_type="DELIVERY")
    place.foreign = make_order(make_place(name="Next Door").restaurant)
    key = create_api_key(client="shop", scopes=SCOPES, restaurants=[place.restaurant])
    place.client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {key}"})
    return place


def check(answer: Any) -> None:
    """A success, or a refusal of the one shape that says what and where."""
    assert answer.status_code < 500, answer.content
    if answer.status_code < 400:
        return
    error = answer.json()["error"]
    assert error["code"]
    assert error["message"]
    if answer.status_code == 422 or error["code"].startswith("invalid"):
        assert error["fields"] or error["code"] == "idempotency_key_reused"
    for name, problems in error.get("fields", {}).items():
        assert name
        assert problems
        for problem in problems:
            assert problem["rule"]
            assert problem["message"]
    assert len(answer.content) < 60_000


def post(at: SimpleNamespace, address: str, raw: bytes, **headers: str) -> Any:
    return at.client.post(address, raw, content_type="application/json", headers=headers)


def bodies(at: SimpleNamespace) -> dict[str, Any]:
    """Each address that takes a body, with one that it takes."""
    order, restaurant = at.order.pk, at.restaurant.pk
    full = make_body(
        at,
        notes="No onions",
        coupon="",
        scheduled_for=None,
        expected_total=None,
        urgent=False,
        urgent_minutes=None,
        pickup_code="",
        table_no="",
        persons=0,
    )
    return {
        "/api/orders": full,
        "/api/orders/quote": full,
        f"/api/orders/{order}/cancel": {"reason": "Changed my mind"},
        f"/api/orders/{at.order.reference}/rider": {
            "status": "assigned",
            "name": "Ravi",
            "phone": "9000000009",
        },
        f"/api/pos-integration/{restaurant}": {
            "provider_name": "petpooja",
            "pos_restaurant_id": "abcd1234",
            "endpoint": "http://127.0.0.1:9",
            "api_key": "k" * 32,
            "restaurant_config": {
                "app_secret": "s" * 40,
                "access_token": "t" * 40,
                "push_retries": 3,
                "resend_unclear": False,
                "webhook_proof": "address",
            },
            "webhook_secret": "w" * 40,
            "active": True,
        },
        f"/api/pos-integration/{restaurant}/petpooja/rotate-secret": {"overlap_hours": 24},
    }


@HOSTILE
@given(data=st.data())
def test_no_body_at_any_address_makes_a_5xx(at: SimpleNamespace, data: Any) -> None:
    everything = bodies(at)
    address = data.draw(st.sampled_from(sorted(everything)))
    check(post(at, address, written(data.draw(spoilt(everything[address])))))


@HOSTILE
@given(
    raw=st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.sampled_from(
        [b"", b"null", b"[", b'{"a":1,"a":2}', b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"[" * 100_000]
    ),
    kind=st.sampled_from(["application/json", "text/plain", "application/x-www-form-urlencoded", "x", ""]),
    data=st.data(),
)
def test_no_bytes_at_any_address_make_a_5xx(at: SimpleNamespace, raw: bytes, kind: str, data: Any) -> None:
    address = data.draw(st.sampled_from(sorted(bodies(at))))
    check(at.client.generic("POST", address, raw, content_type=kind))


@HOSTILE
@given(key=st.text(max_size=300), body=st.sampled_from([b"{}", b"null", b""]), data=st.data())
def test_no_header_makes_a_5xx(at: SimpleNamespace, key: str, body: bytes, data: Any) -> None:
    name = data.draw(
        st.sampled_from(["Idempotency-Key", "Authorization", "If-None-Match", SIGNATURE, "Accept"])
    )
    value = key.encode("utf-8", "replace").decode("latin-1")
    address = data.draw(st.sampled_from(sorted(bodies(at))))
    check(post(at, address, body, **{name: value}))
    check(at.client.get(f"/api/restaurants/{at.restaurant.pk}/menu", headers={name: value}))


def lists(at: SimpleNamespace) -> list[str]:
    restaurant = at.restaurant.pk
    return ["/api/orders", "/api/webhooks/logs", f"/api/menu-sync/{restaurant}/history"]


@HOSTILE
@given(
    query=st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "restaurant",
                    "status",
                    "since",
                    "until",
                    "phone",
                    "type",
                    "cursor",
                    "limit",
                    "restaurant_id[]",
                ]
            )
            | st.text(max_size=10),
            odd.map(str),
        ),
        max_size=4,
    ),
    data=st.data(),
)
def test_no_query_makes_a_5xx(at: SimpleNamespace, query: list[tuple[str, str]], data: Any) -> None:
    text = urlencode([(n, v[:2000]) for n, v in query], errors="replace")
    answer = at.client.get(f"{data.draw(st.sampled_from(lists(at)))}?{text}")
    check(answer)
    if answer.status_code == 400:
        assert set(answer.json()["error"]["fields"])
    check(at.client.post(f"/api/menu-sync/{at.restaurant.pk}/sync?dry_run=1&oops=1&{text}"))


@HOSTILE
@given(
    name=st.text(max_size=30) | st.sampled_from(["0", "-1", "9" * 30, "²", "٣", "%00", "..", "1e3", "NaN"]),
    shape=st.sampled_from(
        [
            "/api/orders/{}",
            "/api/orders/{}/cancel",
            "/api/restaurants/{}/menu",
            "/api/menu-sync/{}/history",
            "/api/pos-config/{}/petpooja",
            "/api/pos-config/1/{}",
            "/api/pos-integration/{}/status",
            "/api/pos-integration/{}/health",
            "/api/webhooks/{}/order-status",
            "/api/webhooks/petpooja/{}",
        ]
    ),
)
def test_no_path_makes_a_5xx(at: SimpleNamespace, name: str, shape: str) -> None:
    address = shape.format(quote(name, safe="", errors="replace"))
    check(at.client.get(address))
    check(at.client.post(address, b"{}", content_type="application/json"))


def test_another_restaurant_s_things_are_not_there(at: SimpleNamespace) -> None:
    theirs = at.foreign.restaurant_id
    for address in (
        f"/api/orders/{at.foreign.pk}",
        f"/api/orders/{at.foreign.reference}",
        f"/api/restaurants/{theirs}/menu",
        f"/api/menu-sync/{theirs}/history",
        f"/api/pos-config/{theirs}/petpooja",
        f"/api/pos-integration/{theirs}/status",
    ):
        assert at.client.get(address).status_code == 404
    for address, body in bodies(at).items():
        if str(at.restaurant.pk) in address.split("/"):
            address = address.replace(f"/{at.restaurant.pk}", f"/{theirs}", 1)
        address = address.replace(f"/{at.order.pk}/", f"/{at.foreign.pk}/")
        address = address.replace(at.order.reference, at.foreign.reference)
        if isinstance(body, dict) and "restaurant_id" in body:
            body = body | {"restaurant_id": theirs}
        answer = post(at, address, written(body))
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), address


# --- webhooks: signed by somebody who knows the secret, and still anything may be in them -----------------


def webhooks(at: SimpleNamespace) -> dict[str, Any]:
    now = order_status(at.order)
    return {
        "order-status": now,
        "menu-update": {
            "restaurant_id": "abcd1234",
            "items_updated": ["1", "2"],
            "timestamp": now["timestamp"],
        },
        "inventory-update": {
            "restaurant_id": "abcd1234",
            "item_id": "1",
            "availability": False,
            "timestamp": now["timestamp"],
        },
    }


@HOSTILE
@given(data=st.data())
def test_no_signed_webhook_makes_a_5xx_or_an_error_of_ours(at: SimpleNamespace, data: Any) -> None:
    everything = webhooks(at)
    topic = data.draw(st.sampled_from(sorted(everything)))
    raw = written(data.draw(spoilt(everything[topic])))
    answer = post(at, f"/api/webhooks/petpooja/{topic}", raw, **{SIGNATURE: sign(raw)})
    assert answer.status_code < 500, answer.content
    while inbound.drain():
        pass
    assert not WebhookLog.objects.filter(verdict="error").exists()
    assert not WebhookLog.objects.filter(error_message__contains="ding itself").exists()
