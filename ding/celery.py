"""The Celery application; workers and beat start from here (`celery -A ding`)."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

from celery import Celery
from celery.signals import task_postrun, task_prerun, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ding.settings")

app = Celery("ding")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["ding.privacy"])
# Celery would close the database's connection before and after each task: four round trips to open the next one.
app.conf["CELERY_DB_REUSE_MAX"] = sys.maxsize
# So many threads of a process keep theirs: where there are 64, the others' would lie idle and be missed elsewhere.
KEPT = 8
_keepers: set[int] = set()


@task_prerun.connect
def _check_connection(**kwargs: Any) -> None:
    """As for requests: kept for CONN_MAX_AGE, and asked before its first use whether it still works."""
    # Late: settings are there only now.
    from django.db import close_old_connections

    close_old_connections()


@task_postrun.connect
def _keep_connection(**kwargs: Any) -> None:
    from django.db import close_old_connections, connections

    thread = threading.get_ident()
    if thread in _keepers or len(_keepers) < KEPT:
        _keepers.add(thread)
        close_old_connections()
    else:
        connections.close_all()


@worker_ready.connect
def _watch_too(**kwargs: Any) -> None:
    """Every worker is a second pair of eyes beside the scheduler."""
    # Late: the models are there only now.
    from ding.incidents import watchdog

    watchdog.start("worker")
