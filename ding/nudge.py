"""Tell a worker that work is due, without ever making the caller wait or fail.

The work itself is a row that a sweeper finds anyway; a nudge only makes it sooner. Publishing to a hung
Redis blocks for many seconds, so a side thread does it: a nudge is put down in memory after the commit,
the same nudge is held once however often it is asked for, and one that cannot be published is dropped.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from celery import Task
from django.db import transaction

logger = logging.getLogger(__name__)

MOST_PENDING = 10_000
# Nudges of a burst are gathered for so long: one drain for many webhooks, not one for each.
GATHER_SECONDS = 0.05
# And longer when one is asked for so often again meanwhile: the worker that heard the last one is still at these rows.
MANY = 10
GATHER_MANY_SECONDS = 0.2


# A message of a task that takes many names so many: publishing one costs as much as placing an order's rows.
MOST_IDS = 64


def nudge(task: Task, *ids: int) -> None:
    """After the commit, ask a worker to run `task` with these ids.

    A task that is declared with `takes_many=True` is run with the ids of all nudges of a burst.
    """
    # A lambda: Django reads `__qualname__` when it logs a failing callback, which a partial has not.
    transaction.on_commit(lambda: _publisher.put(task, ids), robust=True)


class _Publisher:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._pending: dict[tuple[str, tuple[int, ...]], Task] = {}
        self._again = 0
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None

    def put(self, task: Task, ids: tuple[int, ...]) -> None:
        key = task.name, ids
        with self._wake:
            if key in self._pending:
                self._again += 1
                return
            if len(self._pending) < MOST_PENDING:
                self._pending[key] = task
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="nudge", daemon=True)
                self._thread.start()
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._pending:
                    self._wake.wait()
            time.sleep(GATHER_SECONDS)
            if self._again > MANY:
                time.sleep(GATHER_MANY_SECONDS - GATHER_SECONDS)
            with self._wake:
                gathered, self._pending, self._again = self._pending, {}, 0
            for task, ids in _messages(gathered):
                self._publish(task, ids)

    def _publish(self, task: Task, ids: tuple[int, ...]) -> Any:
        try:
            return task.apply_async(args=ids, retry=False, ignore_result=True)
        except Exception:  # whatever the broker does, the row is there and the sweeper finds it
            logger.warning("Nudge not published; the sweeper will find the work.", extra={"task": task.name})
            return None


def _messages(gathered: dict[tuple[str, tuple[int, ...]], Task]) -> Iterator[tuple[Task, tuple[int, ...]]]:
    many: dict[Task, list[int]] = defaultdict(list)
    for (_, ids), task in gathered.items():
        if getattr(task, "takes_many", False):
            many[task].extend(ids)
        else:
            yield task, ids
    for task, all_ids in many.items():
        for start in range(0, len(all_ids), MOST_IDS):
            yield task, tuple(all_ids[start : start + MOST_IDS])


_publisher = _Publisher()
# A forked worker process inherits no threads.
os.register_at_fork(after_in_child=_publisher.reset)
