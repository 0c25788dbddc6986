"""What an operator should know of the tables: secrets in the clear, values that no key opens."""

from __future__ import annotations

from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.db import DatabaseError

from pos_integrations.sealing import plain_secrets


@register(Tags.database)
def secrets_are_sealed(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Plain SQL may write plain secrets; they work, and should be sealed soon."""
    if not databases:
        return []
    try:
        found = list(plain_secrets())
    except DatabaseError:
        return []  # not migrated yet
    if not found:
        return []
    return [
        checks.Warning(
            f"{len(found)} secrets lie open in the database, such as {found[0]}.",
            hint="Run `manage.py seal_secrets`.",
            id="pos_integrations.W001",
        )
    ]
