"""Simulated POSes on real sockets, a database that threads share as processes do, and ding on a socket."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from django.db import connections
from pytest_django.live_server_helper import LiveServer

from pos_integrations.simulator import SimulatedPos, sample_outlets


@pytest.fixture
def start_pos():
    """Start simulated POSes that are closed after the test; quick steps, quick retries."""
    with contextlib.ExitStack() as stack:

        def start(outlets=None, **settings):
            quick = {"step_seconds": 0.02, "callback_backoff_seconds": 0.02, "seed": 1}
            chosen = sample_outlets() if outlets is None else outlets
            return stack.enter_context(SimulatedPos(chosen, **quick | settings))

        yield start


@pytest.fixture
def pos(start_pos):
    """Both sample outlets; their kitchens say nothing to anybody."""
    return start_pos(sample_outlets(callbacks="none"))


@pytest.fixture
def committed(transactional_db, tmp_path):
    """What is saved is committed, and every thread has a connection of its own.

    On SQLite that takes a file, as in production: in memory all connections would share one cache, whose
    locks nobody waits for.
    """
    memory = connections["default"]
    if memory.vendor != "sqlite":
        yield
        return
    memory.ensure_connection()
    with contextlib.closing(sqlite3.connect(tmp_path / "ding.sqlite3")) as file:
        memory.connection.backup(file)
    settings = connections.settings["default"]
    connections.settings["default"] = {**settings, "NAME": str(tmp_path / "ding.sqlite3")}
    connections["default"] = connections.create_connection("default")
    try:
        yield
    finally:
        connections["default"].close()
        connections.settings["default"] = settings
        connections["default"] = memory


@pytest.fixture
def ding_url(committed, settings):
    """ding itself on a real socket."""
    server = LiveServer("127.0.0.1:0")
    settings.PUBLIC_URL = server.url
    yield server.url
    server.stop()
