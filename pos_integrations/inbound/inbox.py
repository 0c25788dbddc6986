"""The inbox: `drain` works rows off in batches, one transaction each.

The number of statements does not grow with the batch, nor does it for rows that failed in order and are tried
again. A row that breaks something is tried alone, later, and in the end parked with its reason; alone, too, is
one whose work takes seconds.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from ding.db import transactional, update_rows
from menus.services import (
    MenuHeld,
    StockReport,
    StockVerdict,
    StoreReport,
    change_stock,
    change_store,
    note_announcements,
)
from orders.models import ChangeSource
from orders.services.statuses import ReportResult, StatusReport, Verdict, report_statuses
from pos_integrations import menu_sync
from pos_integrations.adapters.registry import heavy_topics
from pos_integrations.configuration import account_for, adapter_of
from pos_integrations.errors import ConfigurationError, MalformedPayload, UnsupportedEvent
from pos_integrations.messages import (
    Account,
    Event,
    MenuChanged,
    MenuPublished,
    OrderStatusReported,
    StockChanged,
    StoreStatusChanged,
    WebhookRequest,
)
from pos_integrations.models import (
    OrderPush,
    PushKind,
    PushState,
    RestaurantPosIntegration,
    WebhookLog,
    WebhookStatus,
)

logger = logging.getLogger(__name__)

BATCH = 500
MOST_ATTEMPTS = 5
# Each costs a worker, and a lease of waiting for those who shared the claim.
MOST_DEATHS = 3
FIRST_RETRY = dt.timedelta(seconds=10)
# Verdicts of attempts that went through and may go through better later.
_FAILED_IN_ORDER = frozenset({Verdict.UNKNOWN_ORDER.value, "configuration"})


@dataclass(slots=True)
class Drained:
    """What one `drain` did; false when there was nothing to do."""

    rows: int = 0
    menus_due: bool = False

    def __bool__(self) -> bool:
        return bool(self.rows)


@dataclass(slots=True)
class Work:
    """One row on its way: its events, and in the end its verdict."""

    row: WebhookLog
    events: list[Event] = field(default_factory=list)
    status: WebhookStatus = WebhookStatus.PROCESSED
    verdict: str = ""
    error: str = ""
    order_id: int | None = None


def drain(limit: int = BATCH) -> Drained:
    """Claim what is due and work it off: together what did no harm yet, the rest one by one."""
    together, alone = _claim(limit)
    drained = Drained(len(together) + len(alone))
    if together:
        try:
            drained.menus_due |= process(together)
        except Exception:
            # One of two places that catch everything: one row must not hold up the others.
            logger.exception("A batch of webhooks failed; its rows are tried one by one.")
            alone = together + alone
    for row in alone:
        if not row.verdict and row.attempts > MOST_DEATHS:
            why = f"It stopped its worker {MOST_DEATHS} times."
            _save([Work(row, status=WebhookStatus.PARKED, verdict="error", error=why)])
            continue
        try:
            drained.menus_due |= process([row])
        except Exception as error:
            logger.exception("A webhook failed.", extra={"webhook": row.pk})
            _save([_failed(Work(row), "error", f"An error in ding itself: {type(error).__name__}.")])
    return drained


@transactional
def _claim(limit: int) -> tuple[list[WebhookLog], list[WebhookLog]]:
    """Due rows, leased: those that may share a transaction, and those that may not.

    New ones may, and those that failed in order: a flood of unknown orders costs one batch, not a drain each.
    The attempt is counted here and the verdict taken away, before the work: a row that kills its worker is
    found by its count, and whoever shared its claim is without a verdict. Of those only one is claimed:
    whoever shares a claim with a killer pays with an attempt too.
    """
    now = timezone.now()
    due = WebhookLog.objects.select_for_update(skip_locked=True).order_by("next_attempt_at", "pk")
    rows = list(due.filter(status=WebhookStatus.RECEIVED, next_attempt_at__lte=now)[:limit])
    fresh = [row for row in rows if not row.attempts]
    if len(fresh) < len(rows):
        # Their worker died.
        died = [row.pk for row in rows if row.attempts]
        WebhookLog.objects.filter(pk__in=died).update(status=WebhookStatus.FAILED, verdict="")
    failed = list(due.filter(status=WebhookStatus.FAILED, next_attempt_at__lte=now)[:limit])
    heavy = heavy_topics()
    again = [row for row in failed if row.verdict in _FAILED_IN_ORDER and row.webhook_type not in heavy]
    chosen = {row.pk for row in again}
    suspects = [row for row in failed if row.pk not in chosen]
    together = sorted([row for row in fresh if row.webhook_type not in heavy] + again, key=lambda row: row.pk)
    alone = [row for row in fresh if row.webhook_type in heavy] + suspects[:1]
    claimed = together + alone
    if claimed:
        WebhookLog.objects.filter(pk__in=[row.pk for row in claimed]).update(
            attempts=F("attempts") + 1,
            next_attempt_at=now + dt.timedelta(seconds=settings.LEASE_SECONDS),
            verdict="",
        )
    for row in claimed:
        row.attempts += 1
    return together, alone


@transactional
def process(rows: Sequence[WebhookLog]) -> bool:
    """Parse and apply rows, and save their verdicts, in one transaction; whether a menu sync is owed now."""
    works = parsed(rows)
    _apply_statuses(works)
    _apply_stock(works)
    _apply_store(works)
    _apply_published(works)
    menus_due = _apply_menu_changes(works)
    _save(works)
    return menus_due


def parsed(rows: Sequence[WebhookLog]) -> list[Work]:
    """Each row with what it says, or with what is wrong with it."""
    integrations = {
        integration.pk: integration
        for integration in RestaurantPosIntegration.objects.select_related(
            "pos_provider", "restaurant"
        ).filter(pk__in={row.integration_id for row in rows})
    }
    accounts: dict[int, Account] = {}
    works = []
    for row in rows:
        work = Work(row)
        works.append(work)
        integration = row.integration = integrations[row.integration_id]
        try:
            if integration.pk not in accounts:
                accounts[integration.pk] = account_for(integration)
            request = WebhookRequest(row.webhook_type, row.payload.encode(), received_at=row.created_at)
            work.events = adapter_of(integration.pos_provider).parse(request, accounts[integration.pk])
            row.order_ref = _order_named(work.events)
        except UnsupportedEvent as error:
            work.status, work.verdict, work.error = WebhookStatus.IGNORED, "unsupported", str(error)[:500]
        except MalformedPayload as error:
            # The same bytes will not parse later either.
            where = f"{error.field}: " if error.field else ""
            work.status, work.verdict = WebhookStatus.PARKED, "malformed"
            work.error = f"{where}{error.message}"[:500]
        except ConfigurationError as error:
            _failed(work, "configuration", error.message)
    return works


def _order_named(events: Sequence[Event]) -> str:
    """What the POS calls the order that it speaks of: the ledger is searched by it, known to us or not."""
    named = [event for event in events if isinstance(event, OrderStatusReported)]
    return (named[0].reference or named[0].pos_order_id)[:64] if named else ""


def _each(works: Sequence[Work], kind: type) -> list[tuple[Work, Any]]:
    return [(work, event) for work in works for event in work.events if isinstance(event, kind)]


def _apply_statuses(works: Sequence[Work]) -> None:
    pairs = _each(works, OrderStatusReported)
    if not pairs:
        return
    results = report_statuses(
        [
            StatusReport(
                restaurant_id=work.row.restaurant_id,
                status=event.status,
                source=ChangeSource.POS,
                reference=event.reference,
                pos_order_id=event.pos_order_id,
                changed_by=f"webhook {work.row.pk}",
                reason=event.reason,
                happened_at=event.happened_at,
                prep_minutes=event.prep_minutes,
                delivery_minutes=event.delivery_minutes,
                rider_name=event.rider_name,
                rider_phone=event.rider_phone,
                modified=event.modified,
                auto_accepted=event.auto_accepted,
            )
            for work, event in pairs
        ]
    )
    for (work, _), result in zip(pairs, results, strict=True):
        _conclude(work, result)
    proven = {result.order_id for result in results if result.order_id is not None}
    if proven:
        # Whatever the status: the POS spoke of the order, so the kitchen has it. Not so where it provably was
        # never sent: whoever speaks of that one, it is still owed.
        now = timezone.now()
        OrderPush.objects.filter(order__in=proven, kind=PushKind.ORDER).exclude(
            state__in=(PushState.ACKNOWLEDGED, PushState.REJECTED)
        ).exclude(state=PushState.DUE, maybe_taken=False).update(
            state=PushState.ACKNOWLEDGED,
            request_body=None,
            acknowledged_at=now,
            next_attempt_at=None,
            last_error="",
            updated_at=now,
        )


def _conclude(work: Work, result: ReportResult) -> None:
    work.verdict, work.order_id = result.verdict.value, result.order_id
    if result.verdict is Verdict.UNKNOWN_ORDER:
        # The POS may be faster than our own commit, or speak of an order by an id that we learn later.
        _failed(work, result.verdict.value, "No order of this restaurant has this id.")
    elif result.verdict is Verdict.FOREIGN_ORDER:
        work.status = WebhookStatus.PARKED
        work.error = "The order belongs to another restaurant; nothing was changed."
        logger.warning("A webhook names another restaurant's order.", extra={"webhook": work.row.pk})
    elif result.verdict is not Verdict.APPLIED:
        work.status = WebhookStatus.IGNORED


def _apply_stock(works: Sequence[Work]) -> None:
    pairs = _each(works, StockChanged)
    if not pairs:
        return
    verdicts = change_stock(
        [
            StockReport(
                restaurant_id=work.row.restaurant_id,
                external_ids=event.external_ids,
                available=event.available,
                addons=event.addons,
                happened_at=event.happened_at,
                until=event.until,
            )
            for work, event in pairs
        ]
    )
    _conclude_stock(pairs, verdicts)


def _conclude_stock(pairs: Sequence[tuple[Work, Any]], verdicts: Sequence[str]) -> None:
    for (work, _), verdict in zip(pairs, verdicts, strict=True):
        work.verdict = verdict
        if verdict in (StockVerdict.UNKNOWN_ITEM, StockVerdict.PARTLY):
            # The menu that brings the item may be on its way; what is known already is done.
            whose = "no such item" if verdict == StockVerdict.UNKNOWN_ITEM else "not all of these items"
            _failed(work, verdict, f"The menu has {whose}; sync the menu.")
        elif verdict != StockVerdict.APPLIED:
            work.status = WebhookStatus.IGNORED


def _apply_store(works: Sequence[Work]) -> None:
    pairs = _each(works, StoreStatusChanged)
    if not pairs:
        return
    verdicts = change_store(
        [
            StoreReport(
                restaurant_id=work.row.restaurant_id,
                accepting=event.open,
                until=event.until,
                happened_at=event.happened_at,
            )
            for work, event in pairs
        ]
    )
    _conclude_stock(pairs, verdicts)


def _apply_published(works: Sequence[Work]) -> None:
    for work, event in _each(works, MenuPublished):
        try:
            applied = menu_sync.apply_published(work.row.integration, event.menu)
        except MenuHeld as error:
            work.status, work.verdict, work.error = WebhookStatus.PARKED, "held", error.message[:500]
        else:
            work.verdict = Verdict.APPLIED.value if applied else Verdict.DUPLICATE.value
            work.status = WebhookStatus.PROCESSED if applied else WebhookStatus.IGNORED


def _apply_menu_changes(works: Sequence[Work]) -> bool:
    pairs = _each(works, MenuChanged)
    if not pairs:
        return False
    now = timezone.now()
    announced: dict[int, dt.datetime] = {}
    for work, event in pairs:
        happened_at = event.happened_at or now
        announced[work.row.restaurant_id] = max(
            happened_at, announced.get(work.row.restaurant_id, happened_at)
        )
    news = note_announcements(announced)
    due = set()
    for work, _ in pairs:
        if work.row.restaurant_id in news:
            due.add(work.row.integration_id)
            work.verdict = "applied"
        else:
            work.status, work.verdict = WebhookStatus.IGNORED, Verdict.STALE.value
    RestaurantPosIntegration.objects.owe_menu_sync(due)
    return bool(due)


def _failed(work: Work, verdict: str, why: str) -> Work:
    """To be tried again after a while that grows, and parked in the end."""
    last = work.row.attempts >= MOST_ATTEMPTS
    work.status = WebhookStatus.PARKED if last else WebhookStatus.FAILED
    work.verdict, work.error = verdict, why[:500]
    return work


def _save(works: Sequence[Work]) -> None:
    now = timezone.now()
    for work in works:
        row = work.row
        row.status, row.verdict, row.error_message = work.status, work.verdict, work.error
        row.order_id = work.order_id
        retry = work.status == WebhookStatus.FAILED
        row.next_attempt_at = now + FIRST_RETRY * 4 ** max(0, row.attempts - 1) if retry else None
        row.processed_at = None if retry else now
    update_rows(
        WebhookLog,
        [work.row for work in works],
        ("status", "verdict", "error_message", "order", "order_ref", "next_attempt_at", "processed_at"),
    )


# --- by hand --------------------------------------------------------------------------------------------

# In one statement at most; a filter may match the whole table.
AGAIN_AT_ONCE = 2000


def worth_again(rows: QuerySet[WebhookLog]) -> QuerySet[WebhookLog]:
    """Those of `rows` that may come out otherwise: failed, parked, and what ding did not understand then.

    Not what was applied: an old menu applied once more would be the menu again.
    """
    stopped = Q(status__in=(WebhookStatus.FAILED, WebhookStatus.PARKED))
    return rows.filter(stopped | Q(status=WebhookStatus.IGNORED, verdict="unsupported"))


def process_again(rows: QuerySet[WebhookLog]) -> int:
    """Make those of `rows` that are worth it due now, with their attempts counted afresh; how many."""
    count = 0
    ids = list(worth_again(rows).order_by().values_list("pk", flat=True))
    for start in range(0, len(ids), AGAIN_AT_ONCE):
        # Asked again: a worker may have been at some of them meanwhile.
        mine = worth_again(WebhookLog.objects.filter(pk__in=ids[start : start + AGAIN_AT_ONCE]))
        count += mine.update(status=WebhookStatus.RECEIVED, attempts=0, next_attempt_at=timezone.now())
    return count


def retry_now(*, parked: bool = False, ids: Sequence[int] | None = None) -> int:
    """Make failed rows (and parked ones) due now, with their attempts counted afresh; how many."""
    statuses = [WebhookStatus.FAILED] + ([WebhookStatus.PARKED] if parked else [])
    rows = WebhookLog.objects.filter(status__in=statuses)
    return process_again(rows if ids is None else rows.filter(pk__in=ids))
