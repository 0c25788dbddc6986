"""Settings that would do harm are found at start, each with what to do."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Caution


@register(Tags.security)
def secrets_are_strong(**kwargs: Any) -> list[CheckMessage]:
    """Short secrets can be guessed."""
    short = [name for name in ("SECRET_KEY", "CALLBACK_KEY") if len(getattr(settings, name)) < 16]
    return [
        Error(f"{name} is shorter than 16 characters.", hint="`make .env` writes good ones.", id="ding.E001")
        for name in short
    ]


@register(Tags.compatibility)
def broker_fits_the_database(**kwargs: Any) -> list[CheckMessage]:
    """The in-memory broker reaches only the threads of one process."""
    is_mysql = settings.DATABASES["default"]["ENGINE"].endswith("mysql")
    if is_mysql and settings.CELERY_BROKER_URL.startswith("memory://"):
        return [
            Caution(
                "MariaDB with the in-memory broker: nudges from other processes reach no worker.",
                hint="Set CELERY_BROKER_URL=redis://…; until then work waits for the sweepers.",
                id="ding.W001",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def plain_http_is_for_simulators(**kwargs: Any) -> list[CheckMessage]:
    """Credentials must not cross a network in the clear."""
    if settings.POS_ALLOW_PLAIN_HTTP:
        hint = "It is meant for a simulated POS on the same machine: unset it."
        return [Caution("POS_ALLOW_PLAIN_HTTP is on.", hint=hint, id="ding.W002")]
    return []


@register(Tags.compatibility)
def the_ladder_goes_up(**kwargs: Any) -> list[CheckMessage]:
    """Alerts that come all at once, or backwards, are a slip."""
    ladder = settings.ALERT_LADDER_MINUTES
    if ladder and ladder[0] == 0 and all(low < high for low, high in pairwise(ladder)):
        return []
    hint = "Minutes from 0 upwards, such as 0,5,15,60."
    return [Error("ALERT_LADDER_MINUTES makes no ladder.", hint=hint, id="ding.E002")]
