"""What is wrong now: a list of small functions over the tables, each with one or two statements.

A detector says which kinds it answers for. When it fails, those kinds are left as they are: the others go on,
and nothing counts as gone because nobody looked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from ding.incidents.causes import Cause
from ding.incidents.detecting import integrations, messages, orders, reports, system


@dataclass(frozen=True, slots=True)
class Detector:
    """`find(now)` gives all causes of `kinds` that stand at `now`, the database's time.

    `seldom`: it reads whole tables for what can wait some minutes.
    """

    find: Callable[[dt.datetime], list[Cause]]
    kinds: frozenset[str]
    seldom: bool = False


def _detector(find: Callable[[dt.datetime], list[Cause]], *kinds: str, seldom: bool = False) -> Detector:
    return Detector(find, frozenset(kinds), seldom)


DETECTORS = (
    _detector(
        orders.failed_pushes,
        "order-refused",
        "order-not-sent",
        "order-unclear",
        "cancellation-failed",
        "rider-not-told",
        "kitchen-silent",
        "no-integration",
        "access-refused",
    ),
    _detector(integrations.secrets_that_end, "secret-expiring", "secret-expired"),
    _detector(integrations.syncs, "sync-held", "sync-failing"),
    _detector(integrations.secrets_in_the_clear, "secrets-open", seldom=True),
    _detector(integrations.unsigned_webhooks, "webhooks-unsigned"),
    _detector(reports.parked, "webhook-parked"),
    _detector(reports.refused, "webhooks-refused"),
    _detector(messages.failed_notifications, "notification-failed"),
    _detector(messages.failed_alerts, "alert-failed"),
    _detector(system.scheduler_and_queues, "scheduler-dead", "queue-stalled"),
    _detector(system.clocks, "clock-skewed"),
)
