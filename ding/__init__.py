"""The project itself: settings, URLs, the HTTP API's manners, and the foundation that every app stands on."""

from ding.celery import app as celery_app

__all__ = ["celery_app"]
