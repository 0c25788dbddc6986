from __future__ import annotations

import os
import threading
import time

import pytest
from django.db import transaction

from ding import nudge as nudging
from ding.nudge import nudge

THE_PUBLISHER = nudging._publisher
SOON = 5  # seconds that nothing here takes


class FakeTask:
    """A task whose broker does what the test wants."""

    def __init__(self, name="a task"):
        self.name = name
        self.published = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.error = None
        self.arrived = threading.Condition()

    def apply_async(self, args, **options):
        assert options == {"retry": False, "ignore_result": True}
        self.entered.set()
        self.gate.wait(SOON)
        with self.arrived:
            self.published.append(args)
            self.arrived.notify_all()
        if self.error:
            raise self.error

    def wait_for(self, count):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.published) >= count, SOON)
        return self.published


@pytest.fixture(autouse=True)
def publisher(monkeypatch):
    publisher = nudging._Publisher()
    monkeypatch.setattr(nudging, "_publisher", publisher)
    return publisher


def hang(task):
    """Let the broker hang in the middle of publishing."""
    task.gate.clear()
    nudge(task, 0)
    assert task.entered.wait(SOON)


@pytest.mark.django_db(transaction=True)
def test_a_nudge_goes_out_after_the_commit_and_never_after_a_rollback():
    task = FakeTask()
    with transaction.atomic():
        nudge(task, 1)
        time.sleep(0.05)
        assert task.published == []
    assert task.wait_for(1) == [(1,)]
    with transaction.atomic():
        nudge(task, 2)
        transaction.set_rollback(True)
    nudge(task, 3)
    assert task.wait_for(2) == [(1,), (3,)]


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_hangs_makes_nobody_wait():
    task = FakeTask()
    hang(task)
    began = time.monotonic()
    for i in range(1, 1001):
        nudge(task, i)
    assert time.monotonic() - began < SOON - 1
    task.gate.set()
    assert task.wait_for(1001) == [(i,) for i in range(1001)]


@pytest.mark.django_db(transaction=True)
def test_the_same_nudge_is_held_once():
    task, other = FakeTask(), FakeTask("another task")
    hang(task)
    for _ in range(50):
        nudge(task, 1)
        nudge(task, 2)
        nudge(task)
        nudge(other, 1)
    task.gate.set()
    assert task.wait_for(4) == [(0,), (1,), (2,), ()]
    assert other.wait_for(1) == [(1,)]
    # What has gone out may be asked for again.
    nudge(task, 1)
    assert task.wait_for(5)[4:] == [(1,)]


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_fails_harms_nobody(caplog):
    task = FakeTask()
    task.error = ConnectionRefusedError("no broker at redis://user:password@host")
    nudge(task, 1)
    task.wait_for(1)
    task.error = None
    nudge(task, 2)
    assert task.wait_for(2) == [(1,), (2,)]
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.message == "Nudge not published; the sweeper will find the work."
    assert "password" not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_so_many_may_wait_and_no_more(monkeypatch):
    monkeypatch.setattr(nudging, "MOST_PENDING", 3)
    task = FakeTask()
    hang(task)
    for i in range(1, 10):
        nudge(task, i)
    task.gate.set()
    task.wait_for(4)
    nudge(task, 99)
    assert task.wait_for(5) == [(0,), (1,), (2,), (3,), (99,)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_publishes_its_own_nudges_and_not_its_parents(monkeypatch):
    monkeypatch.setattr(nudging, "_publisher", THE_PUBLISHER)
    task = FakeTask()
    hang(task)
    nudge(task, 1)  # waits in the parent
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        # Nothing of the test's own locks or threads is any good here.
        mine = FakeTask("child's")
        THE_PUBLISHER.put(mine, (7,))
        published = mine.wait_for(1)
        os.write(write, repr((published, len(THE_PUBLISHER._pending))).encode())
        os._exit(0)
    os.close(write)
    try:
        assert os.read(read, 100) == b"([(7,)], 0)"
    finally:
        os.close(read)
        os.waitpid(child, 0)
    task.gate.set()
    assert task.wait_for(2) == [(0,), (1,)]


@pytest.mark.django_db(transaction=True)
def test_a_task_that_takes_many_gets_those_of_a_burst_in_one_message(monkeypatch):
    monkeypatch.setattr(nudging, "MOST_IDS", 4)
    task = FakeTask()
    task.takes_many = True
    hang(task)
    for i in (1, 2, 3, 3, 4, 5, 6):
        nudge(task, i)
    task.gate.set()
    assert task.wait_for(3) == [(0,), (1, 2, 3, 4), (5, 6)]


@pytest.mark.django_db(transaction=True)
def test_what_is_asked_for_again_and_again_goes_out_less_often(publisher):
    task = FakeTask()
    began = time.monotonic()
    while time.monotonic() - began < 1:
        nudge(task, 1)
        time.sleep(0.001)
    # Some 20 if none of them were held back.
    assert 2 <= len(task.published) <= 8
    assert task.wait_for(3)
