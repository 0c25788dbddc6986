"""What PetPooja sends: signatures, each body, and anything at all."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orders.status import OrderStatus
from pos_integrations.adapters.base import TopicAuth
from pos_integrations.adapters.petpooja import bodies, webhooks
from pos_integrations.adapters.petpooja import signed as signing
from pos_integrations.adapters.petpooja.tests.conftest import raw
from pos_integrations.errors import MalformedPayload, NotAuthentic, UnsupportedEvent, WebhookError
from pos_integrations.messages import (
    Account,
    Event,
    MenuChanged,
    OrderStatusReported,
    Outcome,
    Reply,
    StockChanged,
    WebhookRequest,
)

HAPPENED = dt.datetime(2026, 1, 15, 14, 15, tzinfo=dt.UTC)
ACCOUNT = Account("abcd1234", "https://pos.example.com/V1", {})
SECRETS = ("first-secret-of-the-restaurant", "sécond-₹-secret")


def parsed(fixture: str, account: Account = ACCOUNT) -> Event:
    (event,) = webhooks.parse(WebhookRequest(fixture.split("__")[0], raw(fixture)), account)
    return event


def parse_body(topic: str, **body: Any) -> Event:
    (event,) = webhooks.parse(WebhookRequest(topic, json.dumps(body).encode()), ACCOUNT)
    return event


def status(**body: Any) -> OrderStatusReported:
    whole = {
        "order_id": "A-1",
        "status": "READY",
        "timestamp": HAPPENED.isoformat(),
        "restaurant_id": "abcd1234",
    }
    event = parse_body("order-status", **{**whole, **body})
    assert isinstance(event, OrderStatusReported)
    return event


def stock(**body: Any) -> StockChanged:
    whole = {
        "item_id": "1",
        "availability": True,
        "timestamp": HAPPENED.isoformat(),
        "restaurant_id": "abcd1234",
    }
    event = parse_body("inventory-update", **{**whole, **body})
    assert isinstance(event, StockChanged)
    return event


def callback(**body: Any) -> OrderStatusReported:
    event = parse_body("order-callback", **{"restID": "abcd1234", "orderID": "A-1", "status": "1", **body})
    assert isinstance(event, OrderStatusReported)
    return event


# --- signatures ---


def signed(body: bytes, secret: str) -> WebhookRequest:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return WebhookRequest("order-status", body, {"x-petpooja-signature": f"sha256={digest}"})


@pytest.mark.parametrize("index", [0, 1])
def test_any_valid_secret_will_do(index):
    assert signing.PETPOOJA_HMAC.verify(signed(b"{}", SECRETS[index]), SECRETS).secret == index


def test_a_capital_hex_digit_is_still_hex():
    request = signed(b"{}", SECRETS[0])
    header = request.headers["x-petpooja-signature"].upper().replace("SHA256=", "sha256=")
    assert (
        signing.PETPOOJA_HMAC.verify(
            replace(request, headers={"x-petpooja-signature": header}), SECRETS
        ).secret
        == 0
    )


def test_raw_bytes_are_signed_not_what_they_mean():
    request = signed(b'{"a":1}', SECRETS[0])
    with pytest.raises(NotAuthentic):
        signing.PETPOOJA_HMAC.verify(replace(request, body=b'{"a": 1}'), SECRETS)


@pytest.mark.parametrize("secrets", [(), ("",), ("another-secret",)])
def test_other_secrets_do_not_fit(secrets):
    with pytest.raises(NotAuthentic):
        signing.PETPOOJA_HMAC.verify(signed(b"{}", SECRETS[0]), secrets)


def test_an_empty_secret_is_none_even_if_it_fits():
    with pytest.raises(NotAuthentic):
        signing.PETPOOJA_HMAC.verify(signed(b"{}", ""), ("",))


RIGHT = signed(b"{}", SECRETS[0]).headers["x-petpooja-signature"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "sha256=",
        RIGHT[7:],
        RIGHT + " ",
        " " + RIGHT,
        RIGHT + "\n",
        RIGHT[:-1],
        RIGHT + "0",
        RIGHT.replace("sha256", "sha1"),
        RIGHT.replace("sha256", "SHA256"),
        f"{RIGHT},{RIGHT}",
        "sha256=" + "٣" * 64,
        "sha256=" + "0" * 64,
    ],
)
def test_a_header_of_another_shape_is_refused(header):
    with pytest.raises(NotAuthentic):
        signing.PETPOOJA_HMAC.verify(
            WebhookRequest("order-status", b"{}", {"x-petpooja-signature": header}), SECRETS
        )


def test_no_header_is_refused():
    with pytest.raises(NotAuthentic):
        signing.PETPOOJA_HMAC.verify(WebhookRequest("order-status", b"{}"), SECRETS)


@settings(deadline=None)
@given(body=st.binary(max_size=200), header=st.text(max_size=80), secret=st.text(max_size=20))
def test_verifying_anything_is_yes_or_not_authentic(body, header, secret):
    with pytest.raises(NotAuthentic):
        signing.PETPOOJA_HMAC.verify(
            WebhookRequest("order-status", body, {"x-petpooja-signature": header}), (secret,)
        )


# --- PetPooja's own callback ---


@pytest.mark.parametrize(
    ("fixture", "expected"),
    [
        ("accepted", OrderStatus.CONFIRMED),
        ("2_accepted", OrderStatus.CONFIRMED),
        ("3_accepted", OrderStatus.CONFIRMED),
        ("4_dispatched_self_delivery", OrderStatus.DISPATCHED),
        ("5_food_ready", OrderStatus.READY),
        ("10_delivered", OrderStatus.DELIVERED),
        ("accepted_production_keys", OrderStatus.CONFIRMED),
    ],
)
def test_callback_statuses(fixture, expected):
    event = parsed(f"order-callback__{fixture}")
    assert isinstance(event, OrderStatusReported)
    assert event.status is expected
    assert event.prep_minutes == 20
    assert event.happened_at is None


def test_cancellation_says_why():
    assert parsed("order-callback__minus1_cancelled") == OrderStatusReported(
        OrderStatus.REJECTED, "A-1", reason="Item not available"
    )


def test_a_changed_order_is_told():
    event = parsed("order-callback__modified")
    assert isinstance(event, OrderStatusReported)
    assert event.reason == "The restaurant changed the order."


def test_all_that_a_callback_tells():
    assert parsed("order-callback__4_dispatched_self_delivery") == OrderStatusReported(
        OrderStatus.DISPATCHED,
        "A-1",
        prep_minutes=20,
        rider_name="Test Rider",
        rider_phone="9000000003",
    )
    assert parsed("order-callback__modified") == OrderStatusReported(
        OrderStatus.CONFIRMED,
        "A-1",
        reason="The restaurant changed the order.",
        prep_minutes=20,
        modified=True,
    )
    assert parsed("order-callback__accepted_production_keys") == OrderStatusReported(
        OrderStatus.CONFIRMED, "WEB-1001", prep_minutes=20, auto_accepted=False
    )


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ("1", True),
        (1, True),
        ("Yes", True),
        ("0", False),
        ("No", False),
        (False, False),
        ("", None),
        ([], None),
    ],
)
def test_whether_the_pos_itself_accepted(value, accepted):
    assert callback(autoaccept=value).auto_accepted is accepted


@pytest.mark.parametrize(
    ("value", "modified"),
    [("Yes", True), (True, True), ("1", True), ("No", False), ("", False), ("?", False)],
)
def test_whether_the_order_was_changed(value, modified):
    assert callback(is_modified=value).modified is modified


@pytest.mark.parametrize(
    ("value", "minutes"),
    [(20, 20), ("20", 20), ("20 Minutes", 20), ("20Minutes", 20), ("20 mins", 20), (20.0, 20), ("", None)]
    + [(None, None), (0, None), ("0", None), ("soon", None), ([20], None), (True, None), (-5, None)],
)
def test_minutes_in_every_spelling(value, minutes):
    event = callback(minimum_prep_time=value, minimum_delivery_time=value)
    assert (event.prep_minutes, event.delivery_minutes) == (minutes, minutes)


def test_a_riders_name_is_one_line_and_not_a_book():
    event = callback(rider_name="Test\nRider" + "x" * 500, rider_phone_number=9000000003)
    assert event.rider_name == ("Test Rider" + "x" * 500)[:100]
    assert event.rider_phone == "9000000003"
    event = callback(rider_name={"a": 1}, rider_phone_number=["1"])
    assert (event.rider_name, event.rider_phone) == ("", "")


def test_numbers_are_as_good_as_text():
    assert parsed("order-callback__numbers") == OrderStatusReported(OrderStatus.DELIVERED, "1001")


def test_an_unknown_code_is_named_not_guessed():
    with pytest.raises(UnsupportedEvent, match="'7'"):
        parsed("order-callback__unsupported_status")


def test_an_unreadable_promise_does_not_cost_the_status():
    event = callback(minimum_prep_time="soon", minimum_delivery_time="45 Minutes", cancel_reason={"a": 1})
    assert (event.status, event.prep_minutes, event.delivery_minutes) == (OrderStatus.CONFIRMED, None, 45)


def test_a_callback_for_another_restaurant_is_refused():
    with pytest.raises(MalformedPayload) as caught:
        callback(restID="efgh5678")
    assert caught.value.field == "restID"


@pytest.mark.parametrize("missing", [None, "", "   ", [], {}, True, "x" * 65])
@pytest.mark.parametrize("field", ["orderID", "status"])
def test_a_callback_needs_order_and_status(field, missing):
    with pytest.raises(MalformedPayload) as caught:
        callback(**{field: missing})
    assert caught.value.field == field


def test_whose_callback_it_is_can_be_read_before_it_is_trusted():
    request = WebhookRequest("order-callback", raw("order-callback__numbers"))
    assert webhooks.order_reference(request) == "1001"
    assert webhooks.account_ref(request) == "abcd1234"
    with pytest.raises(MalformedPayload, match="orderID is missing"):
        webhooks.order_reference(WebhookRequest("order-callback", raw("order-callback__malformed_no_order")))


# --- signed bodies ---


def test_signed_status():
    assert parsed("order-status__confirmed") == OrderStatusReported(
        OrderStatus.CONFIRMED, "WEB-1001", "26", HAPPENED
    )


def test_signed_cancellation_has_its_reason_on_one_line():
    assert parsed("order-status__cancelled_with_reason") == OrderStatusReported(
        OrderStatus.CANCELLED, "WEB-1001", "", HAPPENED, "Item not available"
    )


def test_a_time_without_offset_is_the_restaurants():
    event = parsed("order-status__local_time")
    assert event == OrderStatusReported(OrderStatus.READY, "", "26", HAPPENED)
    abroad = replace(ACCOUNT, timezone=ZoneInfo("Asia/Dubai"))
    event = parsed("order-status__local_time", abroad)
    assert isinstance(event, OrderStatusReported)
    assert event.happened_at == dt.datetime(2026, 1, 15, 15, 45, tzinfo=dt.UTC)


@pytest.mark.parametrize("name", sorted(signing.STATUSES))
def test_every_signed_status_has_one_of_ours_of_the_same_name(name):
    assert status(status=name).status == OrderStatus[name]
    assert status(status=name.lower()).status == OrderStatus[name]


def test_an_unknown_signed_status_is_named():
    with pytest.raises(UnsupportedEvent, match="PRINTED"):
        parsed("order-status__unsupported_status")


def test_a_status_must_name_its_order():
    with pytest.raises(MalformedPayload) as caught:
        status(order_id="")
    assert caught.value.field == "order_id"


def test_another_restaurants_status_is_refused():
    with pytest.raises(MalformedPayload) as caught:
        parsed("order-status__malformed_other_restaurant")
    assert caught.value.field == "restaurant_id"


@pytest.mark.parametrize(
    "timestamp",
    [
        "2026-01-15T14:15:00Z",
        "2026-01-15t14:15:00z",
        "2026-01-15T14:15Z",
        "2026-01-15T19:45:00+05:30",
        "2026-01-15T19:45:00+0530",
        "2026-01-15T14:15:00.000000000Z",
        "2026-01-15 19:45",
        1768486500,
        1768486500.0,
        "1768486500",
        1768486500000,
        "1768486500000",
        " 1768486500 ",
    ],
)
def test_times_that_mean_the_same(timestamp):
    assert status(timestamp=timestamp).happened_at == HAPPENED


@pytest.mark.parametrize(
    "timestamp",
    [
        None,
        "",
        "now",
        True,
        [],
        {},
        "2026-01-15",
        "2026-13-15T00:00:00Z",
        "2026-01-15T25:00:00Z",
        "0001-01-01T00:00:00+05:30",
        "9999-12-31T23:59:59-05:30",
        "2026-01-15T14:15:00+99:99",
        "1999-12-31T23:59:59Z",
        "2101-01-01T00:00:00Z",
        0,
        -1,
        1e300,
        10**30,
        9999999999999999,
        "99999999999999999999",
        "٢٠٢٦",
    ],
)
def test_a_time_that_is_none_is_malformed(timestamp):
    with pytest.raises(MalformedPayload) as caught:
        status(timestamp=timestamp)
    assert caught.value.field == "timestamp"


def test_without_a_time_a_replay_could_not_be_told():
    with pytest.raises(MalformedPayload, match="timestamp is missing"):
        parsed("order-status__malformed_no_timestamp")


def test_a_changed_menu_is_due():
    assert parsed("menu-update__items") == MenuChanged(HAPPENED)


def test_stock_fixtures():
    assert parsed("inventory-update__item_off") == StockChanged(("118829149",), False, happened_at=HAPPENED)
    assert parsed("inventory-update__items_on") == StockChanged(
        ("118829149", "7765862"), True, happened_at=HAPPENED
    )
    assert parsed("inventory-update__addon_off") == StockChanged(("1150813",), False, True, HAPPENED)


@pytest.mark.parametrize(
    "word", [True, 1, "1", "true", "TRUE", "available", "In Stock", "in_stock", "in-stock"]
)
def test_words_for_available(word):
    assert stock(availability=word).available is True


@pytest.mark.parametrize(
    "word", [False, 0, "0", "false", "unavailable", "out_of_stock", "Out Of Stock", "sold_out"]
)
def test_words_for_sold_out(word):
    assert stock(availability=word).available is False


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("availability", None),
        ("availability", "perhaps"),
        ("availability", 7),
        ("availability", []),
        ("item_id", None),
        ("item_id", []),
        ("item_id", True),
        ("item_id", ["x" * 65]),
        ("item_id", [[]]),
        ("item_id", list(range(bodies.MAX_IDS + 1))),
        ("type", "table"),
        ("type", []),
        ("restaurant_id", None),
        ("restaurant_id", {}),
    ],
)
def test_stock_that_cannot_be_understood_is_malformed(field, value):
    with pytest.raises(MalformedPayload) as caught:
        stock(**{field: value})
    assert caught.value.field == field


def test_a_topic_that_we_do_not_have_is_unsupported():
    with pytest.raises(UnsupportedEvent, match="rider-status"):
        webhooks.parse(WebhookRequest("rider-status", b"{}"), ACCOUNT)


# --- answers ---


def test_answers():
    assert webhooks.reply(webhooks.ORDER_CALLBACK, Outcome.ACCEPTED, "ignored") == Reply(200, None)
    assert webhooks.reply(signing.ORDER_STATUS, Outcome.ACCEPTED) == Reply(
        200, {"success": True, "message": "Received."}
    )
    assert webhooks.reply(signing.MENU_UPDATE, Outcome.REFUSED, "timestamp is missing.") == Reply(
        400, {"success": False, "message": "timestamp is missing."}
    )


def test_only_petpoojas_own_callback_goes_by_token():
    assert [t.name for t in webhooks.TOPICS if t.auth is TopicAuth.ORDER_TOKEN] == ["order-callback"]


# --- fuzz ---

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
# Those of the dashboard have their own, in test_dashboard.py.
TOPIC_NAMES = [topic.name for topic in (*signing.TOPICS, webhooks.ORDER_CALLBACK)]
FIELDS = [
    *["restID", "orderID", "status", "cancel_reason", "minimum_prep_time", "is_modified"],
    *["rider_name", "rider_phone_number", "autoaccept"],
    *["restaurant_id", "timestamp", "order_id", "pos_order_id", "reason", "item_id", "availability", "type"],
]


def try_all(topic: str, body: bytes) -> None:
    request = WebhookRequest(topic, body)
    for call in (
        lambda: webhooks.parse(request, ACCOUNT),
        lambda: webhooks.account_ref(request),
        lambda: webhooks.order_reference(request),
    ):
        try:
            call()
        except WebhookError:
            continue


@settings(max_examples=300, deadline=None)
@given(topic=st.sampled_from(TOPIC_NAMES), body=st.binary(max_size=200))
@example(topic="order-status", body=b"[" * 100_000)
@example(topic="order-status", body=b'{"timestamp":' + b"9" * 5000 + b"}")
@example(topic="order-status", body=b'{"timestamp":1e400}')
def test_no_bytes_raise_anything_else(topic, body):
    try_all(topic, body)


@settings(max_examples=500, deadline=None)
@given(topic=st.sampled_from(TOPIC_NAMES), body=st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_no_json_raises_anything_else(topic, body):
    try_all(topic, json.dumps(body).encode())


GOOD = {
    "order-callback": {"restID": "abcd1234", "orderID": "A-1", "status": "1"},
    "order-status": {
        "order_id": "1",
        "status": "READY",
        "timestamp": 1768486500,
        "restaurant_id": "abcd1234",
    },
    "menu-update": {"timestamp": 1768486500, "restaurant_id": "abcd1234"},
    "inventory-update": {
        "item_id": "1",
        "availability": 1,
        "timestamp": 1768486500,
        "restaurant_id": "abcd1234",
    },
}


@settings(max_examples=500, deadline=None)
@given(topic=st.sampled_from(TOPIC_NAMES), field=st.sampled_from(FIELDS), value=JSON)
def test_one_wrong_value_is_named_and_nothing_else(topic, field, value):
    request = WebhookRequest(topic, json.dumps({**GOOD[topic], field: value}).encode())
    named = field
    try:
        (event,) = webhooks.parse(request, ACCOUNT)
        # What gets through can be stored.
        repr(event).encode()
    except MalformedPayload as error:
        named = error.field
    except UnsupportedEvent:
        named = "status"
    assert named in (field, "")


@settings(max_examples=500, deadline=None)
@given(timestamp=st.text(max_size=30) | st.integers() | st.floats() | st.datetimes().map(str))
def test_any_time_is_aware_utc_or_malformed(timestamp):
    try:
        event = status(timestamp=timestamp)
    except MalformedPayload:
        return
    assert event.happened_at is not None
    assert event.happened_at.tzinfo is dt.UTC
    assert 2000 <= event.happened_at.year <= 2100
