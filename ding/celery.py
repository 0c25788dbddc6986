"""The Celery application; workers and beat start from here (`celery -A ding`)."""

from __future__ import annotations

import os
import sys
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


@task_prerun.connect
def _before(**kwargs: Any) -> None:
    # Late: settings are there only now.
    from ding.connections import before_work

    before_work()


@task_postrun.connect
def _after(**kwargs: Any) -> None:
    from ding.connections import after_work

    after_work()


@worker_ready.connect
def _watch_too(**kwargs: Any) -> None:
    """Every worker is a second pair of eyes beside the scheduler."""
    # Late: the models are there only now.
    from ding.incidents import watchdog

    watchdog.start("worker")
