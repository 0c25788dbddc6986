"""The project as a Django app: API keys, the whole-system commands, and database manners."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.backends.signals import connection_created


class DingConfig(AppConfig):
    """Owns API keys."""

    name = "ding"

    def ready(self) -> None:
        """Register checks and the per-connection setting of SQLite."""
        from ding import checks  # noqa: F401
        from ding.db import raise_sqlite_parameter_limit

        connection_created.connect(raise_sqlite_parameter_limit)
