from __future__ import annotations

import datetime as dt
import logging
import time

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from notifications import services, tasks, wording
from notifications.channels import ChannelDown, MessageChannel, NotSent, Refused, Unclear
from notifications.models import Notification
from notifications.tests.conftest import NOW, change, move
from orders.signals import order_status_changed

pytestmark = pytest.mark.django_db


class Recorder(MessageChannel):
    """Keeps what it is given, and fails as told."""

    def __init__(self):
        self.sent = []
        self.error = None
        self.on_send = None

    def send(self, message):
        self.sent.append(message.id)
        if self.on_send:
            self.on_send(message)
        if self.error:
            raise self.error
        return f"id-{message.id}"


@pytest.fixture
def sms(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(services, "sms_channel", lambda: recorder)
    return recorder


@pytest.fixture
def email(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(services, "EmailChannel", lambda: recorder)
    return recorder


@pytest.fixture
def nudged(monkeypatch):
    names = []
    monkeypatch.setattr("ding.nudge._publisher.put", lambda task, ids: names.append(task.name))
    return names


# --- Owing ---


def test_a_status_change_owes_one_message_per_channel_and_nudges(
    order, nudged, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        move(order, "confirmed")
    rows = Notification.objects.order_by("type").values(
        "user_id",
        "order_id",
        "type",
        "event",
        "phone_number",
        "email",
        "subject",
        "message",
        "status",
        "retry_count",
    )
    common = {
        "user_id": None,
        "order_id": order.pk,
        "event": "confirmed",
        "status": "pending",
        "retry_count": 0,
    }
    assert list(rows) == [
        {
            **common,
            "type": "email",
            "phone_number": "",
            "email": "asha@example.com",
            "subject": "Spice Garden: your order DABC1234 is confirmed",
            "message": (
                "Hello,\n\nSpice Garden has confirmed your order DABC1234.\n\n"
                "If anything has to change, please call the restaurant at +91 22 5555 0100.\n\n"
                "Thank you for your order!\n"
            ),
        },
        {
            **common,
            "type": "sms",
            "phone_number": "+919876543210",
            "email": "",
            "subject": "",
            "message": "Spice Garden: your order DABC1234 is confirmed. Thank you!",
        },
    ]
    assert nudged == ["notifications.tasks.send_due"]


def test_a_rolled_back_change_owes_nothing(order, nudged):
    class Oops(Exception):
        pass

    def fail():
        with transaction.atomic():
            move(order, "confirmed")
            assert Notification.objects.count() == 2
            raise Oops

    with pytest.raises(Oops):
        fail()
    assert Notification.objects.count() == 0
    assert nudged == []


def test_the_same_change_told_twice_owes_nothing_more(order):
    first = change(order, "confirmed")
    order_status_changed.send(sender=type(order), changes=[first])
    Notification.objects.update(message="as it was", status="sent")
    order_status_changed.send(sender=type(order), changes=[first, first])
    assert list(Notification.objects.values_list("message", "status")) == [("as it was", "sent")] * 2


def test_a_step_that_guests_are_not_told_of_owes_nothing(
    order, nudged, django_assert_num_queries, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True), django_assert_num_queries(0):
        order_status_changed.send(sender=type(order), changes=[change(order, "preparing")])
    assert Notification.objects.count() == 0
    assert nudged == []


@pytest.mark.parametrize(
    ("phone", "address", "channel", "types"),
    [
        ("+919876543210", "", "console", ["sms"]),
        ("", "asha@example.com", "console", ["email"]),
        ("", "", "console", []),
        (" ", " ", "console", []),
        ("+919876543210", "asha@example.com", "none", ["email"]),
        ("+919876543210", "", "none", []),
    ],
)
def test_only_channels_that_are_on_and_lead_somewhere_are_owed(
    make_order, settings, phone, address, channel, types
):
    settings.SMS_CHANNEL = channel
    move(make_order(customer_phone=phone, customer_email=address), "confirmed")
    assert list(Notification.objects.order_by("type").values_list("type", flat=True)) == types


@pytest.mark.parametrize("count", [1, 100])
def test_a_batch_of_changes_takes_two_statements_whatever_its_size(
    make_order, django_assert_num_queries, count
):
    orders = [make_order() for _ in range(count)]
    changes = [change(order, "ready") for order in orders]
    for order in orders:
        order._state.fields_cache.clear()  # as loaded without its restaurant
    with django_assert_num_queries(2):
        assert services.owe_messages(changes) == 2 * count
    assert Notification.objects.count() == 2 * count


# --- Sending ---


def test_due_messages_are_sent_once_and_the_providers_id_is_kept(make_row, sms):
    row = make_row()
    assert services.send_due(NOW) == 1
    assert services.send_due(NOW) == 0
    row.refresh_from_db()
    assert (
        row.status,
        row.provider_message_id,
        row.sent_at,
        row.retry_count,
        row.last_error,
        row.leased_until,
    ) == (
        "sent",
        f"id-{row.pk}",
        NOW,
        0,
        "",
        None,
    )
    assert sms.sent == [row.pk]


def test_what_is_not_due_or_not_pending_stays(make_row, sms):
    make_row(next_attempt_at=NOW + dt.timedelta(seconds=1))
    make_row(event="confirmed", status="sent")
    make_row(event="delivered", status="failed")
    make_row(event="dispatched", leased_until=NOW + dt.timedelta(seconds=1))
    assert services.send_due(NOW) == 0
    assert sms.sent == []


def test_two_workers_on_one_row_send_once(make_row, sms):
    row = make_row()
    counts = []
    # The second worker comes while the first one is sending.
    sms.on_send = lambda message: counts.append(services.send_due(NOW))
    assert services.send_due(NOW) == 1
    assert counts == [0]
    assert sms.sent == [row.pk]


def test_a_worker_that_saw_the_row_free_but_came_late_does_not_get_it(make_row):
    row = make_row()
    assert services._claim(row.pk, NOW).pk == row.pk
    assert services._claim(row.pk, NOW) is None


def test_a_message_whose_worker_died_is_failed_and_not_sent_again(make_row, sms):
    row = make_row(leased_until=NOW)
    assert services.send_due(NOW) == 0
    row.refresh_from_db()
    assert (row.status, row.last_error, row.leased_until) == (
        "failed",
        "the worker stopped while sending: it may have arrived, so it is not sent again",
        None,
    )
    assert sms.sent == []


def test_a_worker_whose_lease_ran_out_does_not_overwrite_what_was_decided(make_row, sms, settings):
    row = make_row()
    sms.on_send = lambda message: services.send_due(NOW + dt.timedelta(seconds=settings.LEASE_SECONDS))
    services.send_due(NOW)
    row.refresh_from_db()
    assert (row.status, row.last_error) == ("failed", services.STOPPED)
    assert sms.sent == [row.pk]


def test_what_was_not_sent_is_tried_again_later_and_later_and_then_failed(make_row, sms, monkeypatch):
    monkeypatch.setattr(services.random, "uniform", lambda low, high: 1.0)
    row = make_row()
    sms.error = NotSent("not now")
    now, waits = NOW, []
    for tries in range(1, 5):
        assert services.send_due(now) == 1
        row.refresh_from_db()
        assert (row.status, row.retry_count, row.last_error, row.leased_until) == (
            "pending",
            tries,
            "not now",
            None,
        )
        waits.append((row.next_attempt_at - now).total_seconds())
        assert services.send_due(row.next_attempt_at - dt.timedelta(seconds=1)) == 0
        now = row.next_attempt_at
    assert waits == [15, 45, 135, 405]
    services.send_due(now)
    row.refresh_from_db()
    assert (row.status, row.retry_count, row.last_error) == ("failed", 5, "not now")
    assert len(sms.sent) == 5
    assert services.send_due(now + dt.timedelta(days=1)) == 0


def test_the_delay_is_scattered_by_a_quarter():
    delays = {services._delay(1) for _ in range(200)}
    assert len(delays) > 100
    assert min(delays) >= 11.25
    assert max(delays) <= 18.75


def test_a_provider_that_names_a_longer_wait_gets_it(make_row, sms):
    row = make_row()
    sms.error = NotSent("slow down", retry_after=600)
    services.send_due(NOW)
    row.refresh_from_db()
    assert row.next_attempt_at == NOW + dt.timedelta(seconds=600)


@pytest.mark.parametrize("error", [Refused("wrong number"), Unclear("no answer")])
def test_refused_and_unclear_messages_are_not_sent_again(make_row, sms, error):
    row = make_row()
    sms.error = error
    services.send_due(NOW)
    assert services.send_due(NOW + dt.timedelta(days=1)) == 0
    row.refresh_from_db()
    assert (row.status, row.retry_count, row.last_error) == ("failed", 0, str(error))
    assert sms.sent == [row.pk]


def test_a_mistake_of_ours_fails_its_own_row_only_and_logs_no_address(make_row, sms, caplog):
    broken, good = make_row(), make_row(event="delivered")
    sms.on_send = lambda message: 1 / 0 if message.id == broken.pk else None
    assert services.send_due(NOW) == 2
    broken.refresh_from_db()
    good.refresh_from_db()
    assert (broken.status, broken.last_error) == (
        "failed",
        "Sending broke (ZeroDivisionError): it may have arrived, so it is not sent again.",
    )
    assert good.status == "sent"
    (record,) = [r for r in caplog.records if r.message == "Sending broke."]
    assert (record.notification, record.error) == (broken.pk, "ZeroDivisionError")
    assert "in send" in record.at
    assert "9876543210" not in str(vars(record))


def test_each_channel_is_tried_and_fails_on_its_own(order, sms, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    move(order, "confirmed")
    sms.error = NotSent("not now")
    later = timezone.now() + dt.timedelta(seconds=1)
    assert services.send_due(later) == 2
    assert dict(Notification.objects.values_list("type", "status")) == {"sms": "pending", "email": "sent"}
    assert dict(Notification.objects.values_list("type", "retry_count")) == {"sms": 1, "email": 0}
    sms.error = None
    services.send_due(later + dt.timedelta(minutes=1))
    assert dict(Notification.objects.values_list("type", "status")) == {"sms": "sent", "email": "sent"}
    assert len(mail.outbox) == 1
    assert len(sms.sent) == 2


def test_a_channel_that_is_down_is_asked_once_per_round_and_does_not_hold_up_the_other(make_row, sms, email):
    for event in ("confirmed", "ready", "delivered"):
        make_row(event=event, type="email")
        make_row(event=event, type="sms")
    email.error = ChannelDown("no connection")
    assert services.send_due(NOW) == 4
    assert len(email.sent) == 1
    assert len(sms.sent) == 3


def test_channels_take_turns(make_row, sms, email):
    turns = []
    sms.on_send = email.on_send = lambda message: turns.append(message.id)
    emails = [make_row(event=event, type="email") for event in ("confirmed", "ready")]
    text = make_row(event="delivered", next_attempt_at=NOW)
    services.send_due(NOW)
    assert turns == [text.pk, emails[0].pk, emails[1].pk]


def test_sending_stops_at_the_limit_and_when_the_time_is_up(make_row, sms):
    for event in ("confirmed", "ready", "delivered"):
        make_row(event=event)
    assert services.send_due(NOW, limit=2) == 2
    assert services.send_due(NOW, stop_at=time.monotonic()) == 0
    assert len(sms.sent) == 2


def test_a_channel_switched_off_after_the_message_was_owed_fails_it_with_the_reason(make_row, settings):
    settings.SMS_CHANNEL = "none"
    row, strange = make_row(), make_row(type="pigeon")
    services.send_due(NOW)
    row.refresh_from_db()
    strange.refresh_from_db()
    assert (row.status, row.last_error) == ("failed", "SMS is switched off (SMS_CHANNEL).")
    assert (strange.status, strange.last_error) == ("failed", "There is no such channel.")


def test_a_failed_message_can_be_sent_again_with_all_its_tries(make_row, sms):
    failed = make_row(status="failed", retry_count=5, last_error="not now")
    sent = make_row(event="confirmed", status="sent")
    assert services.send_again([failed.pk, sent.pk]) == 1
    failed.refresh_from_db()
    sent.refresh_from_db()
    assert (failed.status, failed.retry_count, sent.status) == ("pending", 0, "sent")
    services.send_due(failed.next_attempt_at)
    failed.refresh_from_db()
    assert (failed.status, failed.last_error) == ("sent", "")


def test_the_task_sends_until_nothing_is_due(make_row, sms, monkeypatch):
    monkeypatch.setattr(services.send_due, "__defaults__", (None, 1))
    for event in ("confirmed", "ready", "delivered"):
        make_row(event=event)
    tasks.send_due()
    assert Notification.objects.filter(status="sent").count() == 3


def test_the_task_stops_when_its_time_is_up(make_row, sms, monkeypatch):
    make_row()
    monkeypatch.setattr(tasks, "BUDGET_SECONDS", 0.0)
    tasks.send_due()
    assert sms.sent == []


def test_logs_hold_ids_only(make_row, sms, caplog):
    caplog.set_level(logging.INFO)
    row = make_row()
    services.send_due(NOW)
    (record,) = [r for r in caplog.records if r.name == "notifications.services"]
    assert (record.message, record.notification, record.channel) == ("Message sent.", row.pk, "sms")
    assert "9876543210" not in str(vars(record))
    assert "Spice Garden" not in str(vars(record))


def test_every_event_has_a_status_word_that_fits_an_sms_template():
    assert set(services._STATUS_WORDS) == set(wording.Event)
    assert max(map(len, services._STATUS_WORDS.values())) <= 30
