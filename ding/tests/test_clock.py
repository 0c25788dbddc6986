"""All processes live by the database's clock; a machine's own may be wrong."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.utils import timezone

from ding import clock
from ding.db import database_now

NOON = dt.datetime(2026, 11, 28, 12, 0, tzinfo=dt.UTC)


class Answering:
    """A connection to a database that says what time it is."""

    vendor = "mysql"

    def cursor(self):
        return self

    __enter__ = cursor

    def __exit__(self, *exc_info):
        return None

    def __init__(self, takes=lambda: None):
        self.takes = takes

    def execute(self, statement):
        assert statement == "SELECT UTC_TIMESTAMP(6)"
        self.takes()

    def fetchone(self):
        return (NOON.replace(tzinfo=None),)


@pytest.fixture
def ticks(monkeypatch, settings):
    """The ticks since the machine's start, which pass when they are told to; and a machine that is an hour slow."""
    state = {"now": 500.0}
    settings.DATABASE_CLOCK = True
    monkeypatch.setattr(clock, "_read", None)
    monkeypatch.setattr(clock, "machine_now", lambda: NOON - dt.timedelta(hours=1))
    monkeypatch.setattr(clock.time, "clock_gettime", lambda which: state["now"])
    return state


def test_a_new_connection_sets_the_clock_and_ticks_carry_it_on(ticks):
    assert timezone.now() == NOON - dt.timedelta(hours=1)

    clock.read_clock(None, Answering())

    assert timezone.now() == NOON
    ticks["now"] += 90
    assert timezone.now() == NOON + dt.timedelta(seconds=90)


def test_a_machine_whose_clock_jumps_changes_nothing(ticks, monkeypatch):
    clock.read_clock(None, Answering())
    monkeypatch.setattr(clock, "machine_now", lambda: NOON + dt.timedelta(days=1))

    assert timezone.now() == NOON


def test_a_slow_reading_is_halved_and_does_not_replace_a_quick_one_until_that_is_old(ticks):
    def slowly():
        ticks["now"] += 4

    clock.read_clock(None, Answering(slowly))
    assert timezone.now() == NOON + dt.timedelta(seconds=2)
    clock.read_clock(None, Answering())
    assert timezone.now() == NOON

    clock.read_clock(None, Answering(slowly))
    assert timezone.now() == NOON + dt.timedelta(seconds=4)
    ticks["now"] += 601
    clock.read_clock(None, Answering(slowly))
    assert timezone.now() == NOON + dt.timedelta(seconds=2)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_of_the_database_that_is_set_is_followed_however_slow_the_reading(ticks, hours):
    def slowly():
        ticks["now"] += 4

    clock.read_clock(None, Answering())
    was_set = Answering(slowly)
    was_set.fetchone = lambda: (NOON.replace(tzinfo=None) + dt.timedelta(hours=hours),)
    clock.read_clock(None, was_set)

    assert timezone.now() == NOON + dt.timedelta(hours=hours, seconds=2)


@pytest.mark.django_db
def test_it_is_the_databases_time(settings, monkeypatch):
    monkeypatch.setattr(clock, "_read", None)
    settings.DATABASE_CLOCK = True

    clock.read_clock(None, connection)

    assert (clock._read is None) == (connection.vendor == "sqlite")
    assert abs((timezone.now() - database_now()).total_seconds()) < 1
