"""One guest, on request: found by phone, e-mail or order, and taken out of every table.

First what is tied to the guest's orders; then a look through all texts for the phone number, the e-mail address and
the name, in which somebody may have written them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.contrib.admin.models import LogEntry
from django.db import connection, models
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from ding.audit import AuditEvent
from ding.db import transactional
from ding.incidents.models import Incident
from ding.privacy.guests import forget_orders
from notifications.models import Notification
from orders.models import IdempotencyKey, Order, OrderItem, OrderStatusHistory, StaffAction
from orders.status import FINAL
from pos_integrations.models import OrderPush, OrderPushAttempt, WebhookLog

MASK = "•••"
CHUNK = 1000
# A shorter name would be found in other people's texts.
SHORTEST_NAME = 8

Texts = tuple[tuple[type[models.Model], tuple[str, ...]], ...]

# Texts of programs. They are tied to orders, and another guest may have the same name: no names are looked for.
COPIES: Texts = (
    (WebhookLog, ("payload", "error_message")),
    (OrderPushAttempt, ("request_body", "response_body", "error")),
    (OrderPush, ("last_error",)),
    (Notification, ("phone_number", "email", "subject", "message", "last_error")),
    (IdempotencyKey, ("answer",)),
)
# Texts of people, who may name anybody.
WRITTEN: Texts = (
    (Order, ("notes", "cancellation_reason")),
    (OrderItem, ("notes",)),
    (OrderStatusHistory, ("change_reason", "changed_by")),
    (StaffAction, ("note",)),
    (AuditEvent, ("note", "changes", "object_label")),
    (LogEntry, ("change_message", "object_repr")),
    (Incident, ("what", "note")),
)


@dataclass(slots=True)
class Erased:
    """What was done: rows by kind, and references of orders that are still open and were left."""

    orders: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)

    def add(self, name: str, count: int) -> None:
        """Count."""
        if count:
            self.rows[name] = self.rows.get(name, 0) + count


def find_orders(*, phone: str = "", email: str = "", order: str = "") -> list[Order]:
    """All orders of a guest; a phone number is compared by its last ten digits, with whatever stands before them."""
    wanted = Q(pk__in=())
    if digits := re.sub(r"\D", "", phone):
        wanted |= Q(customer_phone__endswith=digits[-10:]) if len(digits) >= 10 else Q(customer_phone=phone)
    if email:
        wanted |= Q(customer_email__iexact=email)
    if order:
        wanted |= Q(reference=order)
        if order.isascii() and order.isdigit():
            wanted |= Q(pk=int(order[:18]))
    return list(Order.objects.filter(wanted).order_by("pk"))


def erase(
    orders: Iterable[Order],
    *,
    words: Iterable[str] = (),
    open_too: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> Erased:
    """Take the guest of `orders` out of everything; `words`: what else to look for in texts.

    An order that is still open is left, for the kitchen needs its guest, unless `open_too`. May be run again.
    """
    erased = Erased()
    _overwrite_what_is_freed()
    identifiers, names = {word.strip() for word in words if word.strip()}, set[str]()
    batch: list[Order] = []
    for order in orders:
        if order.status not in FINAL and not open_too:
            erased.open.append(order.reference)
            continue
        identifiers |= set(_identifiers(order))
        names |= {
            text for text in (order.customer_name, order.customer_address) if len(text) >= SHORTEST_NAME
        }
        batch.append(order)
        if len(batch) == 100:
            _forget(batch, erased, tell)
            batch = []
    if batch:
        _forget(batch, erased, tell)
    _search(COPIES, identifiers, erased, tell)
    _search(WRITTEN, identifiers | names, erased, tell)
    _truncate_log()
    return erased


def _identifiers(order: Order) -> Iterator[str]:
    if len(re.sub(r"\D", "", order.customer_phone)) >= 7:
        yield order.customer_phone
        if len(digits := re.sub(r"\D", "", order.customer_phone)) > 10:
            yield digits[-10:]
    if order.customer_email:
        yield order.customer_email


@transactional
def _forget_batch(orders: list[Order]) -> dict[str, int]:
    return forget_orders(orders)


def _forget(orders: list[Order], erased: Erased, tell: Callable[[str], None]) -> None:
    for name, count in _forget_batch(orders).items():
        erased.add(name, count)
    erased.orders += len(orders)
    tell(f"{erased.orders} orders erased")


def _search(texts: Texts, identifiers: set[str], erased: Erased, tell: Callable[[str], None]) -> None:
    """Mask `identifiers` in these texts, table by table, some thousand rows at a time."""
    # As JSON may spell them, too.
    spelled = {word for one in identifiers for word in (one, json.dumps(one)[1:-1])}
    if not spelled:
        return
    longest_first = sorted(spelled, key=len, reverse=True)
    pattern = re.compile("|".join(re.escape(word) for word in longest_first), re.IGNORECASE)
    for model, columns in texts:
        found = sum(_mask(row, columns, pattern) for row in _rows_with(model, columns, spelled))
        erased.add(str(model._meta.verbose_name_plural), found)
        tell(f"looked through {model._meta.db_table}: {found} rows masked")


def _rows_with(
    model: type[models.Model], columns: tuple[str, ...], words: set[str]
) -> Iterator[models.Model]:
    texts = {f"text_of_{name}": Cast(name, TextField()) for name in columns}
    wanted = Q(pk__in=())
    for name in texts:
        for word in words:
            wanted |= Q(**{f"{name}__icontains": word})
    at = 0
    while True:
        ids = list(
            model._default_manager.filter(pk__gt=at).order_by("pk").values_list("pk", flat=True)[:CHUNK]
        )
        if not ids:
            return
        within = model._default_manager.filter(pk__gt=at, pk__lte=ids[-1])
        yield from within.annotate(**texts).filter(wanted).order_by("pk")
        at = ids[-1]


def _mask(row: models.Model, columns: tuple[str, ...], pattern: re.Pattern[str]) -> int:
    changed: dict[str, Any] = {}
    for name in columns:
        value = getattr(row, name)
        masked = pattern.sub(MASK, value) if isinstance(value, str) else _masked(value, pattern)
        if masked != value:
            changed[name] = masked
    if not changed:
        return 0
    return type(row)._default_manager.filter(pk=row.pk).update(**changed)


def _masked(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, dict):
        return {key: _masked(member, pattern) for key, member in value.items()}
    if isinstance(value, list):
        return [_masked(member, pattern) for member in value]
    return pattern.sub(MASK, value) if isinstance(value, str) else value


def _overwrite_what_is_freed() -> None:
    # SQLite leaves what is deleted lying in the file until the page is used again.
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")


def _truncate_log() -> None:
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
