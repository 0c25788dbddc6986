"""The watch goes on when the scheduler is dead, and clocks are compared."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from ding import tasks
from ding.incidents import pulses, watchdog
from ding.incidents.models import Incident, IncidentAlert, Pulse
from ding.incidents.tests.factories import make_place, make_push
from pos_integrations.models import RestaurantWebhookSecret

pytestmark = pytest.mark.django_db


def let_the_scheduler_be_silent(seconds):
    Pulse.objects.update_or_create(
        name=pulses.SCHEDULER, defaults={"at": timezone.now() - dt.timedelta(seconds=seconds)}
    )


def test_a_tick_watches_and_is_the_schedulers_sign_of_life():
    make_push(make_place(), "rejected", status="rejected")
    let_the_scheduler_be_silent(1000)
    tasks.watch()
    assert -1 < pulses.silent_seconds() < 5
    assert [i.kind for i in Incident.objects.all()] == ["order-refused"], "a scheduler that ticks is alive"
    tasks.send_alerts()
    assert len(mail.outbox) == 1


def test_what_reads_whole_tables_is_looked_for_seldom(monkeypatch):
    place = make_place()
    RestaurantWebhookSecret.objects.create(
        restaurant=place.restaurant, pos_provider=place.provider, secret_key="s" * 24
    )
    with connection.cursor() as cursor:
        cursor.execute("UPDATE restaurant_webhook_secrets SET secret_key = 'plain-plain-plain-plain-plain'")
    tasks.watch()
    assert not Incident.objects.exists()
    tasks.watch_seldom()
    assert Incident.objects.get().kind == "secrets-open"
    tasks.watch()
    assert Incident.objects.open().exists(), "whoever does not look for it does not close it"


def test_while_the_scheduler_lives_the_watchdog_does_nothing():
    make_push(make_place(), "rejected", status="rejected")
    let_the_scheduler_be_silent(20)
    assert watchdog.look("web") is False
    assert not Incident.objects.exists()


def test_a_dead_scheduler_is_told_by_whoever_lives():
    make_push(make_place(), "rejected", status="rejected")
    let_the_scheduler_be_silent(60)
    assert watchdog.look("web") is True
    assert sorted(i.kind for i in Incident.objects.all()) == ["order-refused", "scheduler-dead"]
    (letter,) = mail.outbox
    assert letter.subject.startswith("[ding] 2 incidents: ")
    assert "The scheduler's ticks do not arrive" in letter.subject
    assert watchdog.look("worker") is True
    assert len(mail.outbox) == 1
    tasks.watch()
    assert Incident.objects.open().get().kind == "order-refused"


def test_a_scheduler_that_never_came_up_is_missed_from_the_first_look_on():
    assert watchdog.look("web") is False
    let_the_scheduler_be_silent(60)
    watchdog.look("web")
    assert Incident.objects.get().kind == "scheduler-dead"


def test_after_a_start_of_everything_the_scheduler_gets_its_time():
    let_the_scheduler_be_silent(7 * 3600)
    assert watchdog.look("web", alone=False) is False
    assert not Incident.objects.exists()


def test_a_wrong_clock_is_written_down_and_becomes_an_incident(monkeypatch):
    behind = timezone.now() - dt.timedelta(minutes=10)
    monkeypatch.setattr(pulses, "machine_now", lambda: behind)
    monkeypatch.setattr(pulses, "database_now", lambda: behind + dt.timedelta(minutes=10))
    assert pulses.look_at_clock("web") == -600
    monkeypatch.undo()
    tasks.watch()
    incident = Incident.objects.get()
    assert incident.kind == "clock-skewed"
    assert "600 seconds behind the database's" in incident.what
    Pulse.objects.exclude(name=pulses.SCHEDULER).update(at=timezone.now() - dt.timedelta(minutes=3))
    tasks.watch()
    assert not Incident.objects.open().exists()


def test_a_right_clock_leaves_no_row():
    pulses.look_at_clock("web")
    assert not Pulse.objects.exists()


def test_the_thread_outlives_a_failing_look(monkeypatch, caplog):
    looks = []

    class Enough(BaseException):
        pass

    def look(role, alone):
        looks.append((role, alone))
        if len(looks) == 3:
            raise Enough
        raise RuntimeError("no database, password=hunter2")

    monkeypatch.setattr(watchdog, "look", look)
    monkeypatch.setattr(watchdog.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(watchdog.connection, "close", lambda: None)
    with pytest.raises(Enough):
        watchdog._run("web")
    assert looks == [("web", False)] * 3
    assert "hunter2" not in caplog.text
    assert not IncidentAlert.objects.exists()
