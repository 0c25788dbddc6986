"""A scheduler whose clock is set back goes on at its pace."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from celery import Celery

from ding.beat import Scheduler

NOON = dt.datetime(2026, 11, 28, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def scheduler(tmp_path, monkeypatch):
    app = Celery("test", broker="memory://")
    app.conf.beat_schedule = {
        "sweep": {"task": "sweep", "schedule": 5.0},
        "look": {"task": "look", "schedule": 7.0},
    }
    scheduler = Scheduler(app, schedule_filename=str(tmp_path / "schedule"))
    scheduler.sent = []
    monkeypatch.setattr(
        scheduler, "apply_entry", lambda entry, producer=None: scheduler.sent.append(entry.task)
    )
    yield scheduler
    scheduler.close()


def run(scheduler, traveller, seconds):
    """Let so much time pass, with a wake-up in each second; what was sent."""
    scheduler.sent.clear()
    for _ in range(seconds):
        traveller.shift(1)
        scheduler.tick()
    return {task: scheduler.sent.count(task) for task in ("sweep", "look")}


def test_ticks_come_at_their_pace_before_and_after_the_clock_is_set_back_an_hour(scheduler):
    with time_machine.travel(NOON, tick=False) as traveller:
        before = run(scheduler, traveller, 70)
        traveller.shift(-3600)
        after = run(scheduler, traveller, 70)

    assert min(before["sweep"], after["sweep"]) >= 12
    assert min(before["look"], after["look"]) >= 8
