"""The Celery application; workers and beat start from here (`celery -A ding`)."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ding.settings")

app = Celery("ding")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["ding.privacy"])


@worker_ready.connect
def _watch_too(**kwargs: Any) -> None:
    """Every worker is a second pair of eyes beside the scheduler."""
    # Late: the models are there only now.
    from ding.incidents import watchdog

    watchdog.start("worker")
