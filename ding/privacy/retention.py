"""Old records go, some rows at a time: bodies and guests' data after so many days, each kind after its own.

Rows are written in the order of time, so where the old ones end is found by halving the primary keys, without an index
of its own; then ranges of primary keys are masked or deleted, each in a short transaction. Safe at any time, twice and
on several workers.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import models
from django.db.models import QuerySet
from django.utils import timezone

from ding.audit import AuditEvent
from ding.db import transactional
from ding.incidents.models import Incident, IncidentAlert
from ding.privacy.guests import CALL_BLANK, blank_orders
from ding.privacy.images import drop_unused_images
from ding.privacy.models import RetentionMark
from notifications.models import Notification
from orders.models import IdempotencyKey, Order
from pos_integrations.menu_models import OPEN
from pos_integrations.models import MenuRequest, OrderPush, OrderPushAttempt, WebhookLog

CHUNK = 1000
# After each chunk so many times as long as it took: those who are served beside it must not feel it. Some thousand rows
# go in a second all the same.
REST = 9


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of record: how old it may get, and what then happens to a range of its rows."""

    name: str
    model: type[models.Model]
    column: str
    setting: str
    end: Callable[[QuerySet[Any]], int]

    @property
    def days(self) -> int:
        """0: for ever."""
        return int(getattr(settings, self.setting))


def _delete(rows: QuerySet[Any]) -> int:
    # Nothing points at these; so one DELETE, without fetching what is deleted.
    return int(rows._raw_delete(rows.db))


def _mask_orders(rows: QuerySet[Order]) -> int:
    return blank_orders(rows, rows.values("pk"))


def _delete_closed_incidents(rows: QuerySet[Incident]) -> int:
    closed = rows.exclude(closed_at=None)
    _delete(IncidentAlert.objects.filter(incident__in=list(closed.values_list("pk", flat=True))))
    return _delete(closed)


RULES = (
    Rule("orders", Order, "created_at", "RETENTION_ORDER_DAYS", _mask_orders),
    Rule("remembered answers", IdempotencyKey, "created_at", "RETENTION_ANSWER_DAYS", _delete),
    Rule("messages", Notification, "created_at", "RETENTION_MESSAGE_DAYS", _delete),
    Rule(
        "calls to the POS",
        OrderPushAttempt,
        "started_at",
        "RETENTION_CALL_DAYS",
        lambda rows: rows.update(**CALL_BLANK),
    ),
    # What an order that stayed unclear would have been sent again with.
    Rule(
        "unclear calls",
        OrderPush,
        "created_at",
        "RETENTION_CALL_DAYS",
        lambda rows: rows.filter(request_body__isnull=False).update(request_body=None),
    ),
    Rule(
        "wishes for menus",
        MenuRequest,
        "created_at",
        "RETENTION_CALL_DAYS",
        lambda rows: _delete(rows.exclude(state__in=OPEN)),
    ),
    Rule("webhooks", WebhookLog, "created_at", "RETENTION_WEBHOOK_DAYS", _delete),
    Rule("audit trail", AuditEvent, "created_at", "RETENTION_AUDIT_DAYS", _delete),
    Rule("incidents", Incident, "created_at", "RETENTION_AUDIT_DAYS", _delete_closed_incidents),
    Rule("admin log", LogEntry, "action_time", "RETENTION_AUDIT_DAYS", _delete),
)


def expire(*, budget_seconds: float, now: dt.datetime | None = None) -> tuple[dict[str, int], bool]:
    """Deal with what is too old, for at most so long: rows by kind, and whether some is left."""
    now, until = now or timezone.now(), time.monotonic() + budget_seconds
    done: dict[str, int] = {}
    left = False
    for rule in RULES:
        if not rule.days:
            continue
        end = boundary(rule.model, rule.column, now - dt.timedelta(days=rule.days))
        began = time.monotonic()
        while (count := _chunk(rule, end)) is not None:
            done[rule.name] = done.get(rule.name, 0) + count
            ended = time.monotonic()
            if ended > until:
                left = True
                break
            time.sleep(min(REST * (ended - began), until - ended))
            began = time.monotonic()
    if settings.RETENTION_IMAGE_DAYS and not left:
        done["pictures"] = drop_unused_images(now - dt.timedelta(days=settings.RETENTION_IMAGE_DAYS))
    return {name: count for name, count in done.items() if count}, left


def boundary(model: type[models.Model], column: str, cutoff: dt.datetime) -> int:
    """The smallest primary key whose row is not older than `cutoff`; beyond the last one when all are older."""
    rows = model._default_manager.order_by("pk")
    first = rows.values_list("pk", flat=True).first()
    last = rows.values_list("pk", flat=True).last()
    if first is None or last is None:
        return 0
    low, high = int(first), int(last) + 1
    while low < high:
        middle = (low + high) // 2
        found = rows.filter(pk__gte=middle).values_list("pk", column).first()
        if found is not None and found[1] < cutoff:
            low = found[0] + 1
        else:
            high = middle
    return low


@transactional
def _chunk(rule: Rule, end: int) -> int | None:
    """Deal with the next rows before `end`; None when there are none."""
    mark, _ = RetentionMark.objects.select_for_update().get_or_create(name=rule.name)
    rows = rule.model._default_manager.filter(pk__gt=mark.done_until, pk__lt=end).order_by("pk")
    ids = list(rows.values_list("pk", flat=True)[:CHUNK])
    if not ids:
        return None
    chunk = rule.model._default_manager.filter(pk__gte=ids[0], pk__lte=ids[-1])
    count = rule.end(chunk)
    RetentionMark.objects.filter(pk=rule.name).update(done_until=ids[-1])
    return count
