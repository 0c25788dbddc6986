"""The calls that PetPooja's dashboard is configured for: each sample in, each answer out, and the ugly ones."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pos_integrations.adapters.base import TopicAuth, TopicKind
from pos_integrations.adapters.petpooja import bodies, dashboard, webhooks
from pos_integrations.adapters.petpooja.tests.conftest import expected, raw
from pos_integrations.errors import MalformedPayload, UnsupportedEvent
from pos_integrations.messages import (
    Account,
    Event,
    MenuPublished,
    Outcome,
    Reply,
    StockChanged,
    StoreStatusChanged,
    WebhookRequest,
)

ACCOUNT = Account("abcd1234", "https://pos.example.com/V1", {})
# 16:29 in India.
NOW = dt.datetime(2026, 1, 15, 10, 59, tzinfo=dt.UTC)


def request(topic: str, body: Any, at: dt.datetime = NOW) -> WebhookRequest:
    return WebhookRequest(
        topic, body if isinstance(body, bytes) else json.dumps(body).encode(), received_at=at
    )


def parsed(fixture: str, at: dt.datetime = NOW, account: Account = ACCOUNT) -> list[Event]:
    return webhooks.parse(request(fixture.split("__")[0], raw(fixture), at), account)


def stock(account: Account = ACCOUNT, at: dt.datetime = NOW, **body: Any) -> StockChanged:
    whole = {"restID": "abcd1234", "type": "item", "inStock": False, "itemID": ["1"], **body}
    (event,) = webhooks.parse(request("stock", whole, at), account)
    assert isinstance(event, StockChanged)
    return event


def store(**body: Any) -> StoreStatusChanged:
    whole = {"restID": "abcd1234", "store_status": 0, "turn_on_time": "", "reason": "", **body}
    (event,) = webhooks.parse(request("store-status-update", whole), ACCOUNT)
    assert isinstance(event, StoreStatusChanged)
    return event


def moved(ids: tuple[str, ...], available: bool, *, at: dt.datetime = NOW, **values: Any) -> StockChanged:
    """What a stock call means that arrived `at`."""
    return StockChanged(ids, available, happened_at=at, **values)


def opened(
    is_open: bool, reason: str = "", until: dt.datetime | None = None, *, at: dt.datetime = NOW
) -> StoreStatusChanged:
    """What a store call means that arrived `at`."""
    return StoreStatusChanged(is_open, reason, until, happened_at=at)


def india(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=ZoneInfo("Asia/Kolkata")).astimezone(dt.UTC)


# --- which topics ---


def test_they_share_a_secret_and_a_menu_may_be_large():
    assert {topic.auth for topic in dashboard.TOPICS} == {TopicAuth.SHARED_SECRET}
    assert [topic.name for topic in dashboard.TOPICS if topic.kind is TopicKind.QUERY] == ["store-status-get"]
    assert [topic.max_bytes for topic in dashboard.TOPICS] == [10 * 1024 * 1024, *[256 * 1024] * 3]


# --- stock ---


@pytest.mark.parametrize(
    ("fixture", "event"),
    [
        ("item_on", moved(("7778660", "7778659"), True)),
        ("addon_on", moved(("1150813",), True, addons=True)),
        (
            "addon_off",
            moved(("1150813",), False, addons=True, until=india(2026, 1, 16, 11)),
        ),
        ("variation_off", moved(("7765862",), False, until=india(2026, 1, 16, 11))),
        ("item_off_object_ids", moved(("12345", "12346"), False, until=india(2026, 1, 16))),
    ],
)
def test_stock_samples(fixture, event):
    assert parsed(f"stock__{fixture}") == [event]


def test_the_published_off_at_its_own_time():
    at = dt.datetime(2020, 2, 24, 9, 0, tzinfo=dt.UTC)
    until = dt.datetime(2020, 2, 24, 12, 30, tzinfo=dt.UTC)
    assert parsed("stock__item_off", at) == [moved(("7532306", "7865402"), False, at=at, until=until)]


def test_a_time_that_was_over_on_arrival_turns_nothing_on():
    assert parsed("stock__item_off") == [moved(("7532306", "7865402"), False)]


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        (["1", "2"], ("1", "2")),
        ([1, "2", 2], ("1", "2")),
        ({"0": "1", "3": 2}, ("1", "2")),
        ("1", ("1",)),
        ("1, 2", ("1", "2")),
        (1, ("1",)),
    ],
)
def test_ids_in_every_spelling(ids, found):
    assert stock(itemID=ids).external_ids == found


@pytest.mark.parametrize("on", [True, 1, "1", "true", "TRUE", 1.0, "yes"])
def test_in_stock_in_every_spelling(on):
    assert stock(inStock=on) == moved(("1",), True)


@pytest.mark.parametrize("off", [False, 0, "0", "false", "False", "no"])
def test_sold_out_in_every_spelling(off):
    assert stock(inStock=off) == moved(("1",), False)


@pytest.mark.parametrize(
    ("auto", "custom", "until"),
    [
        ("custom", "2026-01-16 11:00", india(2026, 1, 16, 11)),
        ("Custom", "2026-01-16 11:00:30", india(2026, 1, 16, 11, 0, 30)),
        ("custom", "2026-01-16T11:00:00+05:30", india(2026, 1, 16, 11)),
        ("2026-01-16 11:00", "", india(2026, 1, 16, 11)),
        ("2026-01-16 11:00:00", None, india(2026, 1, 16, 11)),
        ("endofday", "", india(2026, 1, 16)),
        ("End of day", "2026-01-20 11:00", india(2026, 1, 16)),
        ("", "", None),
        ("", "2026-01-16 11:00", None),
        (None, None, None),
        ("custom", "", None),
        ("custom", "soon", None),
        ("custom", "2026-02-30 11:00", None),
        ("custom", "2026-01-15 16:29", None),
        ("custom", ["2026-01-16 11:00"], None),
        ("tomorrow", "2026-01-16 11:00", None),
        ({}, [], None),
        (7, 7, None),
    ],
)
def test_when_to_turn_it_on_again(auto, custom, until):
    assert stock(autoTurnOnTime=auto, customTurnOnTime=custom) == moved(("1",), False, until=until)


def test_what_is_back_has_no_time_to_come_back():
    assert stock(inStock=True, autoTurnOnTime="endofday").until is None


def test_the_day_ends_where_the_restaurant_is_and_as_the_call_came():
    # 23:59 in India; 22:29 in Dubai.
    at = dt.datetime(2026, 1, 15, 18, 29, tzinfo=dt.UTC)
    assert stock(at=at, autoTurnOnTime="endofday").until == dt.datetime(2026, 1, 15, 18, 30, tzinfo=dt.UTC)
    abroad = replace(ACCOUNT, timezone=ZoneInfo("Asia/Dubai"))
    assert stock(abroad, at, autoTurnOnTime="endofday").until == dt.datetime(2026, 1, 15, 20, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("inStock", None),
        ("inStock", "perhaps"),
        ("inStock", 2),
        ("inStock", []),
        ("type", None),
        ("type", ""),
        ("type", "table"),
        ("type", []),
        ("itemID", None),
        ("itemID", []),
        ("itemID", {}),
        ("itemID", True),
        ("itemID", [[]]),
        ("itemID", ["x" * 65]),
        ("itemID", list(range(bodies.MAX_IDS + 1))),
        ("restID", None),
        ("restID", "efgh5678"),
        ("restID", {}),
    ],
)
def test_stock_that_cannot_be_understood_is_malformed(field, value):
    with pytest.raises(MalformedPayload) as caught:
        stock(**{field: value})
    assert caught.value.field == field


# --- store ---


@pytest.mark.parametrize(
    ("fixture", "event"),
    [
        ("on", opened(True)),
        ("off", opened(False)),
        ("off_text", opened(False, "Kitchen closed", india(2026, 1, 16, 11))),
    ],
)
def test_store_samples(fixture, event):
    assert parsed(f"store-status-update__{fixture}") == [event]


def test_the_published_closing_at_its_own_time():
    at = dt.datetime(2023, 2, 16, 12, tzinfo=dt.UTC)
    until = dt.datetime(2023, 2, 16, 18, 30, tzinfo=dt.UTC)
    assert parsed("store-status-update__off", at) == [opened(False, until=until, at=at)]


def test_asking_for_the_store_is_no_event():
    assert parsed("store-status-get__asked") == []
    with pytest.raises(MalformedPayload, match="another restaurant"):
        webhooks.parse(request("store-status-get", {"restID": "efgh5678"}), ACCOUNT)


@pytest.mark.parametrize("value", [1, "1", True, "true", "open"])
def test_open_in_every_spelling(value):
    assert store(store_status=value, turn_on_time="2026-01-16 11:00:00") == opened(True)


@pytest.mark.parametrize("value", [0, "0", False, "closed"])
def test_closed_in_every_spelling(value):
    assert store(store_status=value) == opened(False)


@pytest.mark.parametrize("time", ["soon", "", None, [], "2026-01-15 11:00:00"])
def test_closed_without_a_usable_time_is_closed_until_told(time):
    assert store(turn_on_time=time) == opened(False)


def test_a_reason_is_one_line_and_not_a_book():
    assert store(reason="Kitchen\nclosed " + "x" * 1000).reason == ("Kitchen closed " + "x" * 1000)[:500]


@pytest.mark.parametrize("value", [None, "", 2, "maybe", [], {}])
def test_a_store_status_that_is_none_is_malformed(value):
    with pytest.raises(MalformedPayload) as caught:
        store(store_status=value)
    assert caught.value.field == "store_status"


# --- menu ---


@pytest.mark.parametrize(("fixture", "items"), [("published_2024", 3), ("tax_inclusive", 8)])
def test_a_pushed_menu_is_the_menu_as_fetched(fixture, items):
    (event,) = parsed(f"menu__{fixture}")
    assert isinstance(event, MenuPublished)
    assert len(event.menu.items) == items
    assert event.menu.problems == ()


def test_whose_menu_it_is_stands_in_its_details():
    assert webhooks.account_ref(request("menu", raw("menu__tax_inclusive"))) == "abcd1234"
    numeric = {"restaurants": [{"restaurantid": "90001", "details": {}}], "items": []}
    for call in (webhooks.account_ref, lambda r: webhooks.parse(r, ACCOUNT)):
        with pytest.raises(MalformedPayload) as caught:
            call(request("menu", numeric))
        assert caught.value.field == "menusharingcode"


def test_another_restaurants_menu_is_malformed():
    with pytest.raises(MalformedPayload, match="menu of abcd1234, not of efgh5678") as caught:
        parsed("menu__tax_inclusive", account=replace(ACCOUNT, external_id="efgh5678"))
    assert caught.value.field == "menusharingcode"


@pytest.mark.parametrize(
    "body",
    [
        {"restaurants": [{"details": {"menusharingcode": "abcd1234"}}]},
        {"restaurants": [{"details": {"menusharingcode": "abcd1234"}}], "success": "0", "items": []},
        {"items": []},
        {"items": [], "restaurants": "none"},
        {"items": [], "restaurants": [None]},
        {"items": [], "restaurants": [{"details": {"menusharingcode": ["abcd1234"]}}]},
    ],
)
def test_what_is_no_menu_of_ours_is_malformed(body):
    with pytest.raises(MalformedPayload):
        webhooks.parse(request("menu", body), ACCOUNT)


def test_a_menu_of_a_marketplace_says_who_owes_the_tax():
    account = replace(ACCOUNT, config={"marketplace": True})
    (event,) = parsed("menu__published_2024", account=account)
    assert isinstance(event, MenuPublished)
    assert {item.liability.value for item in event.menu.items} == {"vendor", "restaurant"}


# --- answers ---


@pytest.mark.parametrize(
    ("topic", "outcome", "status", "fixture"),
    [
        (dashboard.MENU, Outcome.ACCEPTED, 200, "menu__answer_ok"),
        (dashboard.MENU, Outcome.REFUSED, 400, "menu__answer_failed"),
        (dashboard.STOCK, Outcome.ACCEPTED, 200, "stock__answer_ok"),
        (dashboard.STOCK, Outcome.REFUSED, 400, "stock__answer_failed"),
        (dashboard.STORE_STATUS_GET, Outcome.ACCEPTED, 200, "store-status-get__answer_open"),
        (dashboard.STORE_STATUS_UPDATE, Outcome.ACCEPTED, 200, "store-status-update__answer_ok"),
    ],
)
def test_answers_are_the_samples_whole(topic, outcome, status, fixture):
    assert webhooks.reply(topic, outcome, facts={"open": True}) == Reply(status, expected(fixture))


@pytest.mark.parametrize("facts", [{"open": False}, {}, None])
def test_a_closed_store_is_0(facts):
    reply = webhooks.reply(dashboard.STORE_STATUS_GET, Outcome.ACCEPTED, facts=facts)
    assert reply.body == {**expected("store-status-get__answer_open"), "store_status": "0"}


def test_refusals_say_why():
    assert webhooks.reply(dashboard.MENU, Outcome.REFUSED, "Too large.") == Reply(
        400, {"success": "0", "message": "Too large."}
    )
    assert webhooks.reply(dashboard.STOCK, Outcome.REFUSED, "itemID is missing.") == Reply(
        400, {"code": 400, "status": "failed", "message": "itemID is missing."}
    )
    for topic in (dashboard.STORE_STATUS_GET, dashboard.STORE_STATUS_UPDATE):
        assert webhooks.reply(topic, Outcome.REFUSED, "restID is missing.") == Reply(
            400, {"http_code": 400, "status": "failed", "message": "restID is missing."}
        )


# --- fuzz ---

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
KEYS = ["restID", "type", "inStock", "itemID", "autoTurnOnTime", "customTurnOnTime"]
KEYS += ["store_status", "turn_on_time", "reason", "restaurants", "items", "categories", "success"]
GOOD = {
    "restID": "abcd1234",
    "type": "item",
    "inStock": False,
    "itemID": ["1"],
    "autoTurnOnTime": "custom",
    "customTurnOnTime": "2026-01-16 11:00",
    "store_status": 0,
    "turn_on_time": "2026-01-16 11:00:00",
    "restaurants": [{"details": {"menusharingcode": "abcd1234"}}],
    "items": [],
}
TOPIC_NAMES = [topic.name for topic in dashboard.TOPICS]


@settings(max_examples=600, deadline=None)
@given(
    topic=st.sampled_from(TOPIC_NAMES),
    wrong=st.dictionaries(st.sampled_from(KEYS), JSON | st.datetimes().map(str), max_size=4),
    received=st.integers(946_800_000, 4_102_000_000).map(lambda s: dt.datetime.fromtimestamp(s, dt.UTC)),
)
def test_nothing_but_a_named_error_escapes(topic, wrong, received):
    call = request(topic, {**GOOD, **wrong}, received)
    for attempt in (lambda: webhooks.parse(call, ACCOUNT), lambda: webhooks.account_ref(call)):
        try:
            found = attempt()
        except (MalformedPayload, UnsupportedEvent):
            continue
        repr(found).encode()
        for event in found if isinstance(found, list) else ():
            until = getattr(event, "until", None)
            assert until is None or (until.tzinfo is dt.UTC and until > received)


@settings(max_examples=300, deadline=None)
@given(
    topic=st.sampled_from(TOPIC_NAMES), body=st.binary(max_size=200) | JSON.map(json.dumps).map(str.encode)
)
def test_no_bytes_raise_anything_else(topic, body):
    for attempt in (
        lambda: webhooks.parse(request(topic, body), ACCOUNT),
        lambda: webhooks.account_ref(request(topic, body)),
    ):
        try:
            attempt()
        except (MalformedPayload, UnsupportedEvent):
            continue
