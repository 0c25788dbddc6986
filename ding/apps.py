"""The project as a Django app: API keys, the whole-system commands, and database manners."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.core.signals import request_finished, request_started
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate

from ding import clock

# Here, for apps are loaded before any model.
clock.install()


class StaffSiteConfig(AdminConfig):
    """Django's admin, with our site for staff."""

    default_site = "ding.site.StaffSite"


class DingConfig(AppConfig):
    """Owns API keys, staff's roles and the audit trail."""

    name = "ding"

    def ready(self) -> None:
        """Register checks, signals, and the per-connection setting of SQLite."""
        from ding import checks, sessions  # noqa: F401
        from ding.db import note_answer, raise_sqlite_parameter_limit, trust_recent_answer
        from ding.roles import set_roles

        post_migrate.connect(set_roles, sender=self)
        connection_created.connect(raise_sqlite_parameter_limit)
        request_started.connect(trust_recent_answer)
        request_finished.connect(note_answer)
