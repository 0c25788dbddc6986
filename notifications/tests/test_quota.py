"""What callbacks, loops and buttons can cost: messages per order, per restaurant, per day (S17)."""

from __future__ import annotations

import datetime as dt

from django.db import connection
from django.test.utils import CaptureQueriesContext

from menus.models import Restaurant
from notifications import quota, services
from notifications.channels import NotSent
from notifications.models import Channel, Event, MessageQuota, Notification, Status
from notifications.tests.conftest import NOW, change
from notifications.tests.test_services import sms  # noqa: F401 - a fixture

A_DAY = dt.timedelta(days=1)


def test_a_day_has_so_many_and_the_next_one_again(restaurant, settings):
    settings.MESSAGES_PER_RESTAURANT_DAY = 3
    assert [quota.take(restaurant.pk, NOW) for _ in range(5)] == [True, True, True, False, False]
    other = Restaurant.objects.create(name="Another")
    assert quota.take(other.pk, NOW)
    assert quota.take(restaurant.pk, NOW + A_DAY)
    # A process whose clock is behind does not begin yesterday anew.
    assert [quota.take(restaurant.pk, NOW) for _ in range(3)] == [True, True, False]
    assert MessageQuota.objects.get(restaurant=restaurant).sent == 3


def test_no_limit_asks_nobody(restaurant, settings, django_assert_num_queries):
    settings.MESSAGES_PER_RESTAURANT_DAY = 0
    with django_assert_num_queries(0):
        assert all(quota.take(restaurant.pk, NOW) for _ in range(5))


def test_it_costs_one_statement(restaurant, settings):
    settings.MESSAGES_PER_RESTAURANT_DAY = 100
    quota.take(restaurant.pk, NOW)
    with CaptureQueriesContext(connection) as queries:
        quota.take(restaurant.pk, NOW)
    assert (
        len([q for q in queries if q["sql"].startswith("UPDATE")])
        == len([q for q in queries if "Quota" in q["sql"]])
        == 1
    )


def test_what_is_over_it_is_failed_with_the_reason_and_may_be_sent_tomorrow(make_row, sms, settings):  # noqa: F811
    settings.MESSAGES_PER_RESTAURANT_DAY = 2
    rows = [make_row(event=event) for event in ("confirmed", "ready", "dispatched", "delivered")]
    services.send_due(NOW)
    assert sorted(sms.sent) == [row.pk for row in rows[:2]]
    failed = Notification.objects.filter(status=Status.FAILED)
    assert {row.last_error for row in failed} == {services.USED_UP}
    # The button does not lead around it.
    ids = [row.pk for row in failed]
    for now, sent in ((NOW, 2), (NOW + A_DAY, 4)):
        assert services.send_again(ids, by="anna") == 2
        Notification.objects.filter(pk__in=ids).update(next_attempt_at=now)
        assert services.send_due(now) == 2
        assert len(sms.sent) == sent


def test_tries_that_fail_count_too(make_row, sms, settings):  # noqa: F811
    settings.MESSAGES_PER_RESTAURANT_DAY = 2
    make_row()
    sms.error = NotSent("busy")
    for hours in range(4):
        services.send_due(NOW + dt.timedelta(hours=hours))
    assert len(sms.sent) == 2
    assert Notification.objects.get().last_error == services.USED_UP


def test_an_order_causes_one_message_per_event_and_channel_however_often_it_is_told(order):
    changes = [
        change(order, status)
        for status in ("confirmed", "ready", "dispatched", "delivered", "cancelled", "rejected")
    ]
    for _ in range(200):
        services.owe_messages(changes)
        services.owe_unconfirmed([order])
    assert Notification.objects.count() == len(Event.values) * len(Channel.values)
