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

    def execute(self, statement):
        assert statement == "SELECT UTC_TIMESTAMP(6)"

    def fetchone(self):
        return (NOON.replace(tzinfo=None),)


@pytest.fixture
def ticks(monkeypatch):
    """The ticks since the machine's start, which pass when they are told to; and a machine that is an hour slow."""
    state = {"now": 500.0}
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


@pytest.mark.django_db
def test_it_is_the_databases_time():
    assert abs((timezone.now() - database_now()).total_seconds()) < 1
    assert (clock._read is None) == (connection.vendor == "sqlite")
