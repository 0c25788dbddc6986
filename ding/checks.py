"""Settings that would do harm are found at start, each with what to do."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Caution


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


@register(Tags.security, deploy=True)
def what_goes_over_a_network_is_sealed(**kwargs: Any) -> list[CheckMessage]:
    """Addresses that a POS or a worker reaches us by."""
    found: list[CheckMessage] = []
    if not settings.PUBLIC_URL.startswith("https://"):
        hint = "Order callbacks carry their token in the address: set PUBLIC_URL=https://…"
        found.append(Caution("PUBLIC_URL is not https://.", hint=hint, id="ding.W003"))
    broker = urlsplit(settings.CELERY_BROKER_URL)
    if broker.scheme.startswith("redis") and broker.hostname not in _THIS_MACHINE and not broker.password:
        hint = "Whoever reaches Redis can make workers work: give it a password, or let it listen on a socket only."
        found.append(Caution("Redis has no password.", hint=hint, id="ding.W004"))
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("mysql") and database.get("USER") in ("root", ""):
        hint = "Give ding a user of its own; docs/security.md has the GRANT lines."
        found.append(Caution("ding is the database's root.", hint=hint, id="ding.W005"))
    return found


_THIS_MACHINE = ("127.0.0.1", "localhost", "::1", None)


@register(Tags.security, deploy=True)
def repeats_are_known_long_enough(**kwargs: Any) -> list[CheckMessage]:
    """A webhook's id is known as long as its row is there."""
    if 0 < settings.RETENTION_WEBHOOK_DAYS < 30:
        hint = "An order may change for weeks, and so long a repeat must be known: set it to 30 or more."
        return [Caution("RETENTION_WEBHOOK_DAYS is below 30.", hint=hint, id="ding.W006")]
    return []


@register(Tags.security, deploy=True)
def staff_have_a_second_factor(**kwargs: Any) -> list[CheckMessage]:
    """A password alone is shared, guessed and phished."""
    if not settings.STAFF_SECOND_FACTOR:
        hint = "Set STAFF_SECOND_FACTOR=true, or put the admin behind a log-in that has one."
        return [Caution("Staff need no second factor.", hint=hint, id="ding.W007")]
    return []
