"""The Celery application; workers and beat start from here (`celery -A ding`)."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ding.settings")

app = Celery("ding")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
