"""A worker keeps its connection to the database from task to task, as long as it works."""

from __future__ import annotations

from contextlib import suppress

import pytest
from celery import signals
from django.db import connection

from ding import connections
from ding.celery import app


@app.task(name="ding.tests.look", shared=False)
def look() -> object:
    """One statement; the connection that it went over."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return connection.connection


@pytest.fixture
def run(monkeypatch):
    """Run the task as a worker does, between the signals that Celery's own part for Django listens to."""
    monkeypatch.setattr(connections, "_keepers", set())
    fixup = app._fixups[0].worker_fixup.install()

    def once():
        signals.task_prerun.send(sender=look, task=look)
        try:
            return look()
        finally:
            signals.task_postrun.send(sender=look, task=look)

    yield once
    signals.task_prerun.disconnect(fixup.on_task_prerun)
    signals.task_postrun.disconnect(fixup.on_task_postrun)
    signals.worker_process_init.disconnect(fixup.on_worker_process_init)
    signals.beat_embedded_init.disconnect(fixup.close_database)


@pytest.mark.django_db(transaction=True)
def test_the_next_task_uses_the_same_connection(run):
    assert run() is run()


@pytest.mark.django_db(transaction=True)
def test_only_some_threads_of_a_process_keep_theirs(run, monkeypatch):
    monkeypatch.setattr(connections, "_keepers", set(range(connections.KEPT)))
    if connection.vendor != "mysql":
        pytest.skip("SQLite in memory is never closed")
    run()
    assert connection.connection is None


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_database_closed_is_not_used_again(run):
    if connection.vendor != "mysql":
        pytest.skip("SQLite has nobody who could close it")
    closed = run()
    with suppress(closed.OperationalError):
        closed.query("KILL CONNECTION_ID()")

    assert run() is not closed
