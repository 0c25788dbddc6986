"""Webhooks at the door and in the drain: who is believed, and what each of them does, once."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from menus.models import Item, Menu
from orders.models import Order, OrderStatusHistory
from orders.tests.factories import make_order
from pos_integrations import inbound, outbound
from pos_integrations.adapters.petpooja.adapter import PetPoojaAdapter
from pos_integrations.configuration import callback_token, rotate_secret
from pos_integrations.models import (
    PosProvider,
    RestaurantPosIntegration,
    RestaurantWebhookSecret,
    WebhookLog,
    WebhookStatus,
)
from pos_integrations.tests.factories import (
    SECRET,
    SIGNATURE,
    Notification,
    as_bytes,
    connect,
    connected_place,
    counting,
    in_threads,
    make_place,
    order_status,
    place,
    secret_of,
    send,
    sign,
)

UNAUTHORIZED = {"error": {"code": "not_authentic", "message": "The signature or token is not valid."}}


@pytest.fixture
def at(db):
    """The restaurant abcd1234."""
    return connected_place()


@pytest.fixture
def other(db):
    """Another restaurant, efgh5678, at the same POS."""
    place = make_place()
    place.integration = connect(None, place.restaurant, code="efgh5678")
    return place


@pytest.fixture
def order(at):
    return make_order(at.restaurant, customer_phone="9000000002")


def only():
    """The one row of the inbox."""
    return WebhookLog.objects.get()


def verdicts():
    return list(WebhookLog.objects.order_by("pk").values_list("status", "verdict"))


def history(order):
    return list(order.history.values_list("old_status", "new_status"))


def refused(response):
    """A stranger learns nothing, and nothing was kept."""
    assert response.status_code == 401
    assert response.json() == UNAUTHORIZED
    assert not WebhookLog.objects.exists()


def speaks_for_another(response):
    """Whoever signed it is told that it is not his restaurant; nothing was kept."""
    assert (response.status_code, response.json()["error"]["code"]) == (403, "another_restaurant")
    assert not WebhookLog.objects.exists()


def drain():
    """Work off what is due now."""
    rows = 0
    while drained := inbound.drain():
        rows += drained.rows
    return rows


def make_all_due():
    WebhookLog.objects.filter(next_attempt_at__isnull=False).update(
        next_attempt_at=timezone.now() - dt.timedelta(seconds=1)
    )


# --- signatures -----------------------------------------------------------------------------------------


def test_a_signed_webhook_is_stored_as_it_came_and_answered_in_the_pos_s_words(at, order, client):
    raw = as_bytes(order_status(order))
    answer = send(client, "order-status", raw)
    assert (answer.status_code, answer.json()) == (200, {"success": True, "message": "Received."})
    row = only()
    assert row.payload.encode() == raw
    assert (row.status, row.webhook_type, row.attempts) == ("received", "order-status", 0)
    assert (row.restaurant, row.integration) == (at.restaurant, at.integration)
    assert row.remote_address == "127.0.0.1"
    assert history(order) == []


@pytest.mark.parametrize(
    "shape",
    [
        "",
        "{good}",
        "sha256={good}0",
        "sha256={short}",
        "sha256=",
        "SHA256={good}",
        "sha1={good}",
        "sha256 ={good}",
        "sha256={good} ",
        " sha256={good}x",
        "sha256={good},sha256={good}",
        "sha256={good}, sha256={zeros}",
        "sha256={zeros}",
        "sha256=0x{short}",
        "sha256={not_hex}",
        "sha256={arabic}",
        "v1,{good}",
        "sha256=é",
    ],
)
def test_a_signature_of_any_other_shape_is_refused(at, order, client, shape):
    raw = as_bytes(order_status(order))
    good = sign(raw).removeprefix("sha256=")
    header = shape.format(
        good=good, short=good[:-1], zeros="0" * 64, not_hex="g" * 64, arabic=good[:-1] + "٣"
    )
    answer = client.post(
        "/api/webhooks/petpooja/order-status",
        data=raw,
        content_type="application/json",
        headers={SIGNATURE: header},
    )
    refused(answer)


def test_no_signature_at_all_is_refused(at, order, client):
    answer = client.post(
        "/api/webhooks/petpooja/order-status", data=order_status(order), content_type="application/json"
    )
    refused(answer)


def test_upper_case_hex_is_the_same_signature(at, order, client):
    raw = as_bytes(order_status(order))
    upper = "sha256=" + sign(raw).removeprefix("sha256=").upper()
    answer = client.post(
        "/api/webhooks/petpooja/order-status",
        data=raw,
        content_type="application/json",
        headers={SIGNATURE: upper},
    )
    assert answer.status_code == 200


def test_one_changed_byte_is_refused(at, order, client):
    raw = as_bytes(order_status(order))
    for position in (0, len(raw) // 2, len(raw) - 1):
        changed = raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]
        answer = client.post(
            "/api/webhooks/petpooja/order-status",
            data=changed,
            content_type="application/json",
            headers={SIGNATURE: sign(raw)},
        )
        assert answer.status_code in (400, 401)
    assert not WebhookLog.objects.exists()


def test_another_restaurant_s_secret_is_refused(at, other, order, client):
    refused(send(client, "order-status", order_status(order), secret=secret_of("efgh5678")))


@pytest.mark.parametrize(
    "values", [{"is_active": False}, {"expires_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}]
)
def test_a_retired_or_expired_secret_is_refused(at, order, client, values):
    RestaurantWebhookSecret.objects.update(**values)
    refused(send(client, "order-status", order_status(order)))


def test_during_a_rotation_both_secrets_are_good_and_then_only_the_new_one(at, order, client):
    new = rotate_secret(at.integration)
    for secret in (SECRET, new.secret):
        assert send(client, "order-status", order_status(order), secret=secret).status_code == 200
    RestaurantWebhookSecret.objects.filter(expires_at__isnull=False).update(expires_at=timezone.now())
    assert send(client, "order-status", order_status(order)).status_code == 401
    assert send(client, "order-status", order_status(order), secret=new.secret).status_code == 200
    assert WebhookLog.objects.count() == 3


def test_the_secret_that_was_used_says_when(at, order, client):
    new = rotate_secret(at.integration)
    send(client, "order-status", order_status(order))
    used = dict(RestaurantWebhookSecret.objects.values_list("pk", "last_used_at"))
    assert used.pop(new.id) is None
    assert timezone.now() - used.popitem()[1] < dt.timedelta(seconds=5)


def replace_secret_by_sql(text):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE restaurant_webhook_secrets SET secret_key = %s", [text])


def test_a_secret_written_in_the_clear_by_sql_works(at, order, client):
    replace_secret_by_sql("plain-secret-written-by-hand-1")
    answer = send(client, "order-status", order_status(order), secret="plain-secret-written-by-hand-1")
    assert answer.status_code == 200


def test_an_empty_secret_is_no_secret(at, order, client):
    replace_secret_by_sql("")
    refused(send(client, "order-status", order_status(order), secret=""))


def test_a_restaurant_without_secrets_takes_nothing(at, order, client):
    RestaurantWebhookSecret.objects.all().delete()
    refused(send(client, "order-status", order_status(order)))
    refused(send(client, "order-status", order_status(order), secret=""))
    refused(send(client, "order-status", order_status(order), secret="nobody signs with this secret"))


def test_an_unknown_restaurant_gets_the_same_answer_as_a_wrong_signature(at, order, client):
    wrong = send(client, "order-status", order_status(order), secret="wrong" * 6)
    unknown = send(client, "order-status", order_status(order, restaurant_id="zzzz9999"))
    off = None
    RestaurantPosIntegration.objects.update(active=False)
    off = send(client, "order-status", order_status(order))
    RestaurantPosIntegration.objects.update(active=True)
    PosProvider.objects.update(is_active=False)
    provider_off = send(client, "order-status", order_status(order))
    for answer in (wrong, unknown, off, provider_off):
        assert answer.content == wrong.content
        refused(answer)
    assert set(unknown.headers) == set(wrong.headers)


def test_the_restaurant_in_the_body_must_be_that_of_the_address(at, other, client):
    body = order_status("X", restaurant_id="efgh5678")
    path = f"/api/webhooks/petpooja/{at.integration.public_id}/order-status"
    refused(send(client, "order-status", body, secret=secret_of("efgh5678"), path=path))
    speaks_for_another(send(client, "order-status", body, path=path))
    assert send(client, "order-status", order_status("X"), path=path).status_code == 200


# --- order callbacks: a token in the address ------------------------------------------------------------


def callback(client, integration, reference, token, **values):
    body = {"restID": "abcd1234", "orderID": reference, "status": "1", **values}
    return client.post(
        f"/api/webhooks/petpooja/{integration.public_id}/order-callback/{token}",
        data=json.dumps(body),
        content_type="application/json",
    )


def test_an_order_s_own_token_opens_it(at, order, client):
    token = callback_token(at.integration, order.reference)
    answer = callback(client, at.integration, order.reference, token)
    assert (answer.status_code, answer.content) == (200, b"")
    assert drain() == 1
    assert history(order) == [("pending", "confirmed")]


def test_any_other_token_is_refused(at, other, order, client):
    token = callback_token(at.integration, order.reference)
    elsewhere = make_order(other.restaurant)
    for wrong in (
        "0" * 32,
        token[:-1],
        token + "0",
        token.upper() if token.upper() != token else "A" * 32,
        callback_token(at.integration, make_order(at.restaurant).reference),
        callback_token(other.integration, order.reference),
    ):
        refused(callback(client, at.integration, order.reference, wrong))
    # The right token of another restaurant's order, and of an address that is not this order's.
    refused(
        callback(
            client,
            at.integration,
            elsewhere.reference,
            callback_token(other.integration, elsewhere.reference),
        )
    )
    refused(callback(client, other.integration, order.reference, token))
    speaks_for_another(callback(client, at.integration, order.reference, token, restID="efgh5678"))
    refused(callback(client, RestaurantPosIntegration(public_id="f" * 32), order.reference, token))
    # With a look-alike of the address that all share, or without a token.
    missing = client.post(
        f"/api/webhooks/petpooja/{at.integration.public_id}/order-callback",
        data=json.dumps({"restID": "abcd1234", "orderID": order.reference, "status": "1"}),
        content_type="application/json",
    )
    refused(missing)


def test_a_token_of_a_switched_off_integration_opens_nothing(at, order, client):
    RestaurantPosIntegration.objects.update(active=False)
    refused(
        callback(client, at.integration, order.reference, callback_token(at.integration, order.reference))
    )


# --- statuses -------------------------------------------------------------------------------------------


def test_a_status_moves_the_order_and_owes_the_guest_a_message(at, order, client):
    send(client, "order-status", order_status(order))
    assert drain() == 1
    row = only()
    assert (row.status, row.verdict, row.order) == ("processed", "applied", order)
    assert row.processed_at is not None
    assert row.next_attempt_at is None
    order.refresh_from_db()
    assert order.status == "confirmed"
    change = order.history.get()
    assert (change.source, change.changed_by) == ("pos", f"webhook {row.pk}")
    assert list(Notification.objects.values_list("event", "type")) == [("confirmed", "sms")]
    assert drain() == 0


def test_the_same_webhook_fifty_times_in_parallel_is_one_event(committed):
    at = connected_place()
    order = make_order(at.restaurant, customer_phone="9000000002")
    body = order_status(order)

    def work(number):
        client = Client()
        for _ in range(5):
            assert send(client, "order-status", body).status_code == 200
            inbound.drain()

    in_threads(10, work)
    drain()
    assert WebhookLog.objects.count() == 50
    assert history(order) == [("pending", "confirmed")]
    assert Notification.objects.count() == 1
    assert sorted(set(verdicts())) == [("ignored", "duplicate"), ("processed", "applied")]
    assert WebhookLog.objects.filter(verdict="applied").count() == 1


def test_late_backward_and_stale_reports_change_nothing(at, order, client):
    now = timezone.now()

    def told(status, seconds_ago):
        send(
            client,
            "order-status",
            order_status(order, status, timestamp=(now - dt.timedelta(seconds=seconds_ago)).isoformat()),
        )

    told("READY", 60)
    told("PREPARING", 30)  # backward
    told("DISPATCHED", 90)  # forward, but older than what is known
    told("READY", 10)  # again
    told("DELIVERED", 20)
    told("CANCELLED", 5)  # too late
    assert drain() == 6
    assert verdicts() == [
        ("processed", "applied"),
        ("ignored", "late"),
        ("ignored", "stale"),
        ("ignored", "duplicate"),
        ("processed", "applied"),
        ("ignored", "late"),
    ]
    assert history(order) == [("pending", "ready"), ("ready", "delivered")]
    order.refresh_from_db()
    assert order.completed_at == now - dt.timedelta(seconds=20)


def test_a_replay_of_an_old_report_changes_nothing(at, order, client):
    first = as_bytes(order_status(order, "CONFIRMED"))
    send(client, "order-status", first)
    drain()
    send(client, "order-status", order_status(order, "READY"))
    drain()
    before = history(order)
    for _ in range(3):
        send(client, "order-status", first)
    drain()
    assert history(order) == before
    assert verdicts()[2:] == [("ignored", "late")] * 3


def test_a_clock_that_runs_ahead_does_not_make_later_reports_look_old(at, order, client):
    ahead = (timezone.now() + dt.timedelta(days=400)).isoformat()
    send(client, "order-status", order_status(order, "CONFIRMED", timestamp=ahead))
    drain()
    send(client, "order-status", order_status(order, "READY"))
    drain()
    assert history(order) == [("pending", "confirmed"), ("confirmed", "ready")]


def test_the_pos_id_names_the_order_before_our_reference_does(at, order, client):
    Order.objects.filter(pk=order.pk).update(pos_order_id="777")
    elsewhere = make_order(at.restaurant)
    send(client, "order-status", order_status(elsewhere, pos_order_id="777"))
    drain()
    assert history(order) == [("pending", "confirmed")]
    assert history(elsewhere) == []


def test_an_unknown_status_is_kept_and_ignored(at, order, client):
    send(client, "order-status", order_status(order, "TELEPORTED"))
    drain()
    assert verdicts() == [("ignored", "unsupported")]
    assert "TELEPORTED" in only().error_message
    assert history(order) == []


def test_an_unknown_order_is_looked_for_ever_later_and_parked_in_the_end(at, client):
    send(client, "order-status", order_status("NOBODY"))
    for seconds in (10, 40, 160, 640):
        assert drain() == 1
        row = only()
        assert (row.status, row.verdict) == ("failed", "unknown_order")
        wait = (row.next_attempt_at - timezone.now()).total_seconds()
        assert seconds - 5 < wait <= seconds
        assert drain() == 0
        make_all_due()
    assert drain() == 1
    row = only()
    assert (row.status, row.verdict, row.attempts) == ("parked", "unknown_order", 5)
    assert row.error_message == "No order of this restaurant has this id."
    assert row.next_attempt_at is None
    assert drain() == 0


def test_a_report_that_comes_before_its_order_is_applied_when_it_is_looked_at_again(at, client):
    send(client, "order-status", order_status("R-LATER"))
    drain()
    order = make_order(at.restaurant, reference="R-LATER")
    make_all_due()
    drain()
    assert verdicts() == [("processed", "applied")]
    assert history(order) == [("pending", "confirmed")]


def test_another_restaurant_s_order_is_left_alone(at, other, client):
    theirs = make_order(other.restaurant, pos_order_id="55")
    for body in (order_status(theirs), order_status(str(theirs.pk))):
        send(client, "order-status", body)
    drain()
    assert verdicts() == [("parked", "foreign_order")] * 2
    assert history(theirs) == []
    send(client, "order-status", order_status("", pos_order_id="55"))
    drain()
    assert verdicts()[2] == ("failed", "unknown_order")
    assert history(theirs) == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"timestamp": None}, "timestamp"),
        ({"timestamp": "soon"}, "timestamp: timestamp is not a time."),
        ({"status": {}}, "status"),
        ({"status": None}, "status"),
        ({"order_id": "", "pos_order_id": ""}, "order_id"),
        ({"order_id": ["x"]}, "order_id"),
    ],
)
def test_what_cannot_be_read_is_parked_with_the_field(at, order, client, values, words):
    assert send(client, "order-status", order_status(order, **values)).status_code == 200
    drain()
    assert verdicts() == [("parked", "malformed")]
    assert words in only().error_message
    assert history(order) == []


# --- rows that misbehave --------------------------------------------------------------------------------


def test_a_poison_row_does_not_hold_up_the_others(at, client, monkeypatch):
    orders = [make_order(at.restaurant) for _ in range(200)]
    for order in orders:
        send(client, "order-status", order_status(order))
    parse = PetPoojaAdapter.parse

    def poisoned(self, request, account):
        if orders[77].reference.encode() in request.body:
            raise ZeroDivisionError
        return parse(self, request, account)

    with monkeypatch.context() as patch:
        patch.setattr(PetPoojaAdapter, "parse", poisoned)
        assert inbound.drain().rows == 200
        assert Order.objects.filter(status="confirmed").count() == 199
        failed = WebhookLog.objects.get(status="failed")
        assert failed.payload == WebhookLog.objects.order_by("pk")[77].payload
        assert failed.error_message == "An error in ding itself: ZeroDivisionError."
        for _ in range(4):
            make_all_due()
            assert inbound.drain().rows == 1
        failed.refresh_from_db()
        assert (failed.status, failed.attempts) == ("parked", 5)
    assert inbound.retry_now(parked=True) == 1
    assert drain() == 1
    assert Order.objects.filter(status="confirmed").count() == 200


def test_a_row_that_kills_its_worker_each_time_is_parked_after_three_claims(at, order, client, monkeypatch):
    send(client, "order-status", order_status(order))

    def die(rows):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(inbound.inbox, "process", die)
        for claim in range(1, 4):
            with pytest.raises(SystemExit):
                inbound.drain()
            assert (only().attempts, only().status in ("received", "failed")) == (claim, True)
            assert not inbound.drain()  # still leased to the dead
            make_all_due()
    inbound.drain()
    row = only()
    assert (row.status, row.error_message) == ("parked", "It stopped its worker 3 times.")
    assert row.next_attempt_at is None
    assert history(order) == []


def test_rows_that_share_a_batch_with_a_killer_are_tried_alone_and_survive(at, client, monkeypatch):
    orders = [make_order(at.restaurant) for _ in range(30)]
    for order in orders:
        send(client, "order-status", order_status(order))
    process = inbound.inbox.process

    def die(rows):
        if any(orders[1].reference in row.payload for row in rows):
            raise SystemExit
        return process(rows)

    deaths = 0
    with monkeypatch.context() as patch:
        patch.setattr(inbound.inbox, "process", die)
        while WebhookLog.objects.filter(status__in=("received", "failed")).exists():
            make_all_due()
            try:
                drain()
            except SystemExit:
                deaths += 1
    assert deaths == 3
    assert [order.reference for order in orders if not history(order)] == [orders[1].reference]
    parked = WebhookLog.objects.exclude(status="processed").get()
    assert (parked.status, parked.error_message) == ("parked", "It stopped its worker 3 times.")
    assert json.loads(parked.payload)["order_id"] == orders[1].reference


def test_a_restaurant_whose_configuration_cannot_be_read_holds_up_nobody_else(at, other, client):
    mine, theirs = make_order(at.restaurant), make_order(other.restaurant)
    send(client, "order-status", order_status(mine))
    send(
        client,
        "order-status",
        order_status(theirs, restaurant_id="efgh5678"),
        secret=secret_of("efgh5678"),
    )
    type(at.restaurant).objects.filter(pk=at.restaurant.pk).update(timezone="Mars/Olympus")
    drain()
    assert verdicts() == [("failed", "configuration"), ("processed", "applied")]
    assert "Mars/Olympus" in WebhookLog.objects.order_by("pk")[0].error_message


# --- how much it costs ----------------------------------------------------------------------------------


def statements_for(at, client, number):
    for _ in range(number):
        send(client, "order-status", order_status(make_order(at.restaurant, customer_phone="9000000002")))
    with counting() as statements:
        drained = inbound.drain()
    assert drained.rows == number
    return statements()


def test_two_hundred_webhooks_cost_as_many_statements_as_one(committed):
    at = connected_place()
    client = Client()
    one, two, many = (statements_for(at, client, number) for number in (1, 2, 200))
    assert Order.objects.filter(status="confirmed").count() == 203
    assert Notification.objects.count() == 203
    assert one == two == many <= 18


def retry_statements_for(client, number):
    """How many statements it takes to look again for the orders of `number` webhooks, all unknown."""
    for i in range(number):
        send(client, "order-status", order_status(f"NOBODY-{number}-{i}"))
    assert inbound.drain().rows == number
    make_all_due()
    with counting() as statements:
        assert inbound.drain().rows == number
    assert WebhookLog.objects.filter(status="failed", attempts=2).count() == number
    WebhookLog.objects.all().delete()
    return statements()


def test_a_flood_of_unknown_orders_is_retried_in_as_many_statements_as_one(committed):
    connected_place()
    client = Client()
    one, many = (retry_statements_for(client, number) for number in (1, 150))
    assert one == many <= 12


def test_a_flood_of_unknown_orders_does_not_hold_up_a_known_one(at, order, client):
    for i in range(inbound.inbox.BATCH + 50):
        send(client, "order-status", order_status(f"NOBODY-{i}"))
    drain()
    make_all_due()
    send(client, "order-status", order_status(order))
    inbound.drain()
    assert history(order) == [("pending", "confirmed")]


def test_a_failed_row_that_kills_its_worker_later_is_tried_alone_from_then_on(at, client, monkeypatch):
    for i in range(3):
        send(client, "order-status", order_status(f"NOBODY-{i}"))
    drain()
    make_all_due()
    batches = []

    def die(rows):
        batches.append(len(rows))
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(inbound.inbox, "process", die)
        with pytest.raises(SystemExit):
            inbound.drain()
        make_all_due()
        with pytest.raises(SystemExit):
            inbound.drain()
    assert batches == [3, 1]


def test_taking_a_webhook_costs_a_few_statements(committed, client):
    at = connected_place()
    order = make_order(at.restaurant)
    send(client, "order-status", order_status(order))
    with counting() as statements:
        send(client, "order-status", order_status(order))
    assert statements() <= 4


def test_two_drains_at_once_apply_nothing_twice(committed):
    at = connected_place()
    client = Client()
    orders = [make_order(at.restaurant, customer_phone="9000000002") for _ in range(60)]
    for status in ("CONFIRMED", "READY"):
        for order in orders:
            send(client, "order-status", order_status(order, status))

    def work(number):
        while inbound.drain(limit=20):
            pass

    in_threads(4, work)
    make_all_due()
    drain()
    assert not WebhookLog.objects.filter(status__in=("received", "failed", "parked")).exists()
    for order in orders:
        statuses = [new for _, new in history(order)]
        # Another worker may have been faster with the later one: then the earlier one came late.
        assert statuses in (["confirmed", "ready"], ["ready"])
    assert OrderStatusHistory.objects.count() == WebhookLog.objects.filter(verdict="applied").count()
    assert Notification.objects.count() == OrderStatusHistory.objects.count()


def test_a_drain_that_fails_half_way_leaves_no_half(committed, monkeypatch):
    at = connected_place()
    order = make_order(at.restaurant)
    send(Client(), "order-status", order_status(order))
    with monkeypatch.context() as patch:

        def broken(works):
            assert Order.objects.get(pk=order.pk).status == "confirmed"
            raise ZeroDivisionError

        patch.setattr(inbound.inbox, "_apply_menu_changes", broken)
        inbound.drain()
    order.refresh_from_db()
    assert order.status == "pending"
    assert history(order) == []
    assert verdicts() == [("failed", "error")]


# --- menus and stock ------------------------------------------------------------------------------------


def menu_update(**values):
    return {
        "restaurant_id": "abcd1234",
        "items_updated": ["1"],
        "timestamp": timezone.now().isoformat(),
        **values,
    }


def test_a_menu_update_owes_one_sync_however_often_it_comes(at, client):
    RestaurantPosIntegration.objects.update(menu_sync_due_at=None)
    body = menu_update()
    for _ in range(3):
        send(client, "menu-update", body)
    drained = inbound.drain()
    assert (drained.rows, drained.menus_due) == (3, True)
    at.integration.refresh_from_db()
    assert at.integration.menu_sync_due_at <= timezone.now()
    # A replay later owes none.
    RestaurantPosIntegration.objects.update(menu_sync_due_at=None)
    send(client, "menu-update", body)
    assert inbound.drain().menus_due is False
    at.integration.refresh_from_db()
    assert at.integration.menu_sync_due_at is None
    assert verdicts()[3] == ("ignored", "stale")


def stock(item_id, availability, **values):
    return {
        "restaurant_id": "abcd1234",
        "item_id": item_id,
        "availability": availability,
        "timestamp": timezone.now().isoformat(),
        **values,
    }


def test_an_inventory_update_switches_an_item_off_and_on(at, client):
    version = Menu.objects.get(pk=at.restaurant.pk).version
    early = stock(at.pizza.external_id, "0")
    send(client, "inventory-update", early)
    drain()
    at.pizza.refresh_from_db()
    assert (at.pizza.in_stock, at.pizza.active) == (False, True)
    assert Menu.objects.get(pk=at.restaurant.pk).version == version + 1
    send(client, "inventory-update", stock(at.pizza.external_id, "1"))
    drain()
    at.pizza.refresh_from_db()
    assert at.pizza.in_stock
    send(client, "inventory-update", early)  # a replay
    drain()
    at.pizza.refresh_from_db()
    assert at.pizza.in_stock
    assert verdicts() == [("processed", "applied"), ("processed", "applied"), ("ignored", "stale")]


def test_stock_of_an_unknown_item_is_looked_at_again_and_then_waits_for_a_person(at, client):
    send(client, "inventory-update", stock("999", "0"))
    for _ in range(4):
        drain()
        assert verdicts() == [("failed", "unknown_item")]
        make_all_due()
    drain()
    assert verdicts() == [("parked", "unknown_item")]
    assert only().error_message == "The menu has no such item; sync the menu."


def test_stock_that_comes_before_its_item_holds_once_the_menu_brings_it(at, client):
    send(client, "inventory-update", stock([at.pizza.external_id, "999"], "0"))
    drain()
    at.pizza.refresh_from_db()
    assert (at.pizza.in_stock, verdicts()) == (False, [("failed", "partly")])
    send(client, "inventory-update", stock(at.pizza.external_id, "1"))
    drain()
    new = Item.objects.create(restaurant=at.restaurant, external_id="999", name="New", price=Decimal(10))
    make_all_due()
    drain()
    at.pizza.refresh_from_db()
    new.refresh_from_db()
    # The first report is older than the second by now, but the only one of the new item.
    assert (at.pizza.in_stock, new.in_stock) == (True, False)
    assert verdicts() == [("processed", "applied")] * 2


def test_another_restaurant_s_item_of_the_same_id_is_left_alone(at, other, client):
    send(client, "inventory-update", stock(at.pizza.external_id, "0"))
    drain()
    at.pizza.refresh_from_db()
    other.pizza.refresh_from_db()
    assert at.pizza.external_id == other.pizza.external_id
    assert (at.pizza.in_stock, other.pizza.in_stock) == (False, True)


# --- by hand --------------------------------------------------------------------------------------------


def test_retrying_by_hand_takes_only_what_failed(at, order, client):
    push = place(at)
    send(client, "order-status", order_status(push.order))
    drain()
    for status in (WebhookStatus.FAILED, WebhookStatus.PARKED):
        WebhookLog.objects.create(
            pos_provider=at.integration.pos_provider,
            integration=at.integration,
            restaurant=at.restaurant,
            webhook_type="order-status",
            payload=json.dumps(order_status(order)),
            status=status,
            attempts=5,
            next_attempt_at=None,
        )
    assert inbound.retry_now() == 1
    assert drain() == 1
    assert inbound.retry_now(parked=True, ids=[-1]) == 0
    assert inbound.retry_now(parked=True) == 1
    assert drain() == 1
    assert verdicts() == [("processed", "applied"), ("processed", "applied"), ("ignored", "duplicate")]
    assert history(order) == [("pending", "confirmed")]


def test_what_was_answered_with_200_is_committed(committed):
    at = connected_place()
    order = make_order(at.restaurant)
    opened = []

    def look(execute, sql, params, many, context):
        opened.append(connection.in_atomic_block)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        assert send(Client(), "order-status", order_status(order)).status_code == 200
    assert set(opened) == {False}
    counts = in_threads(1, lambda number: WebhookLog.objects.count())
    assert counts == [1]


def test_an_order_that_was_never_sent_stays_owed_whoever_speaks_of_it(db, client, pos):
    at = connected_place(pos)
    push = place(at)
    assert send(client, "order-status", order_status(push.order)).status_code == 200
    inbound.drain()
    push.refresh_from_db()
    assert (push.state, Order.objects.get(pk=push.order_id).status) == ("due", "confirmed")
    outbound.deliver(push.pk)
    assert [ticket.reference for ticket in pos.tickets()] == [push.order.reference]
