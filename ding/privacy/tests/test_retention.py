"""What is too old goes, in ranges of primary keys; what is not stays to the letter."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from ding.audit import AuditEvent
from ding.incidents.models import Incident, IncidentAlert
from ding.privacy import retention
from ding.privacy.models import RetentionMark
from ding.privacy.retention import boundary, expire
from ding.privacy.tasks import retain
from menus.images import source_key
from menus.models import Item, MenuImage
from menus.tests.factories import statements
from notifications.models import Notification
from orders.models import IdempotencyKey, Order, OrderItem
from orders.tests.factories import make_order
from pos_integrations.models import MenuRequest, OrderPush, OrderPushAttempt, WebhookLog
from pos_integrations.tests.factories import connected_place, place

NOW = timezone.now()


@pytest.fixture(autouse=True)
def days(settings):
    settings.RETENTION_ORDER_DAYS = 180
    for kind in ("WEBHOOK", "CALL", "MESSAGE"):
        setattr(settings, f"RETENTION_{kind}_DAYS", 30)


@pytest.fixture
def at(db):
    return connected_place()


def log(at, days_ago, **values):
    row = WebhookLog.objects.create(
        pos_provider=at.integration.pos_provider,
        integration=at.integration,
        restaurant=at.restaurant,
        webhook_type="order-status",
        payload='{"a": 1}',
        **values,
    )
    aged(row, days_ago)
    return row


def aged(row, days_ago, column="created_at"):
    type(row).objects.filter(pk=row.pk).update(**{column: NOW - dt.timedelta(days=days_ago)})


def run(**values):
    done, left = expire(budget_seconds=10, now=NOW, **values)
    assert not left
    return done


def test_webhooks_of_yesterday_stay_and_those_of_last_month_go(at):
    rows = [log(at, days_ago) for days_ago in (400, 31, 30.1, 29.9, 1, 0)]
    assert run() == {"webhooks": 3}
    assert set(WebhookLog.objects.values_list("pk", flat=True)) == {row.pk for row in rows[3:]}
    assert run() == {}


def test_an_order_keeps_its_amounts_and_loses_its_guest(at):
    push = place(at)
    OrderItem.objects.update(notes="no onion")
    before = Order.objects.get()
    Notification.objects.create(order=before, type="sms", event="ready", message="x", next_attempt_at=NOW)
    attempt = OrderPushAttempt.objects.create(
        push=push, number=1, request_body="b", response_body="c", started_at=NOW
    )
    aged(before, 181)
    aged(attempt, 31, "started_at")
    for message in Notification.objects.all():
        aged(message, 31)
    young = make_order(at.restaurant, customer_phone="9000000009")

    done = run()

    assert (done["orders"], done["calls to the POS"], done["messages"]) == (1, 1, 1)
    order = Order.objects.get(pk=before.pk)
    for name in (
        "customer_name",
        "customer_phone",
        "customer_email",
        "customer_address",
        "notes",
        "rider_name",
    ):
        assert getattr(order, name) == ""
    assert (order.latitude, order.longitude) == (None, None)
    assert set(order.items.values_list("notes", flat=True)) == {""}
    same = ("reference", "total", "tax_total", "status", "created_at", "updated_at")
    assert [getattr(order, n) for n in same if n != "created_at"] == [
        getattr(before, n) for n in same if n != "created_at"
    ]
    attempt.refresh_from_db()
    assert (attempt.request_body, attempt.response_body, attempt.number) == ("", "", 1)
    assert Order.objects.get(pk=young.pk).customer_phone == "9000000009"
    assert OrderPush.objects.filter(pk=push.pk).exists()


def test_what_an_unclear_order_was_sent_with_goes_with_the_calls(at):
    pushes = [place(at) for _ in range(2)]
    OrderPush.objects.update(request_body="the bytes, sealed")
    aged(pushes[0], 31)
    assert run()["unclear calls"] == 1
    assert list(OrderPush.objects.order_by("pk").values_list("request_body", flat=True))[0] is None
    assert OrderPush.objects.filter(request_body__isnull=False).get() == pushes[1]


def test_zero_days_is_for_ever(at, settings):
    log(at, 9000)
    settings.RETENTION_WEBHOOK_DAYS = 0
    assert run() == {}
    assert WebhookLog.objects.exists()


def test_remembered_answers_and_the_trail_have_days_of_their_own(db, settings):
    settings.RETENTION_ANSWER_DAYS, settings.RETENTION_AUDIT_DAYS = 7, 730
    old = IdempotencyKey.objects.create(client="a", key="1", body_sha256="x", answer={"id": 1})
    IdempotencyKey.objects.create(client="a", key="2", body_sha256="x")
    event = AuditEvent.objects.create(actor="a", action="b")
    aged(old, 8)
    aged(event, 731)
    assert run() == {"remembered answers": 1, "audit trail": 1}
    assert IdempotencyKey.objects.get().key == "2"


def test_incidents_go_with_the_trail_unless_they_are_still_open(db, settings):
    settings.RETENTION_AUDIT_DAYS = 730
    closed = Incident.objects.create(kind="sync-held", what="…", closed_at=NOW)
    IncidentAlert.objects.create(incident=closed, number=1, channel="email")
    still_open = Incident.objects.create(kind="sync-held", what="…")
    for incident in (closed, still_open):
        aged(incident, 731)
    assert run() == {"incidents": 1}
    assert Incident.objects.get() == still_open
    assert not IncidentAlert.objects.exists()


def test_wishes_for_menus_go_with_the_calls_unless_they_are_owed(at):
    for state in ("done", "failed", "queued"):
        wish = MenuRequest.objects.create(integration=at.integration, kind="sync", state=state)
        aged(wish, 31)
    assert run() == {"wishes for menus": 2}
    assert MenuRequest.objects.get().state == "queued"


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 7, 40])
def test_where_the_old_ones_end_is_found_by_halving(at, rows):
    made = [log(at, rows - number) for number in range(rows)]
    for row in made[1::3]:
        row.delete()
    left = [row for row in made if row.pk]
    for days in range(rows + 2):
        cutoff = NOW - dt.timedelta(days=days, hours=1)
        young = [row.pk for row in left if WebhookLog.objects.get(pk=row.pk).created_at >= cutoff]
        end = boundary(WebhookLog, "created_at", cutoff)
        assert [row.pk for row in left if row.pk >= end] == young


def test_many_go_chunk_by_chunk_and_the_budget_is_kept(at, monkeypatch):
    monkeypatch.setattr(retention, "CHUNK", 3)
    for _ in range(10):
        log(at, 40)
    done, left = expire(budget_seconds=-1, now=NOW)
    assert (done, left) == ({"webhooks": 3}, True)
    assert run() == {"webhooks": 7}
    assert not WebhookLog.objects.exists()


def test_the_number_of_statements_does_not_grow_with_the_rows(at):
    counts = []
    for rows in (5, 200):
        for _ in range(rows):
            log(at, 40)
        # The halving takes as many look-ups as the number of rows has binary digits.
        with statements() as sent:
            run()
        counts.append(len(sent))
    assert counts[1] - counts[0] <= 12


def test_masked_orders_are_not_looked_at_again(at):
    for _ in range(3):
        aged(make_order(at.restaurant, customer_phone="9000000009"), 200)
    assert run()["orders"] == 3
    assert RetentionMark.objects.get(name="orders").done_until == Order.objects.latest("pk").pk
    late = make_order(at.restaurant, customer_phone="9000000009")
    aged(late, 200)
    assert run() == {"orders": 1}


def test_pictures_that_no_menu_shows_go_with_their_files(at, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    Item.objects.filter(pk=at.pizza.pk).update(image_url="https://pos.example.com/used.jpg?sign=1")
    for name in ("used", "unused", "young"):
        (tmp_path / f"{name}.jpg").write_bytes(b"x")
        MenuImage.objects.create(
            restaurant=at.restaurant,
            source_key=source_key(f"https://pos.example.com/{name}.jpg"),
            url="u",
            file=f"{name}.jpg",
        )
    MenuImage.objects.exclude(file="young.jpg").update(updated_at=NOW - dt.timedelta(days=31))
    assert run() == {"pictures": 1}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["used.jpg", "young.jpg"]


def test_the_task_asks_for_another_run_while_work_is_left(at, monkeypatch):
    asked = []
    monkeypatch.setattr("ding.privacy.tasks.nudge", asked.append)
    monkeypatch.setattr("ding.privacy.tasks.BUDGET_SECONDS", -1)
    log(at, 4000)
    retain()
    assert asked == [retain]
    retain()
    assert asked == [retain]
    assert not WebhookLog.objects.exists()
