"""Every change of an order's status, one or many: one set of rules, one way to write it down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.utils import timezone

from ding.db import insert_rows, transactional, update_rows
from ding.errors import Conflict
from menus.snapshot import OrderType
from orders.models import ChangeSource, Order, OrderStatusHistory
from orders.signals import order_status_changed, orders_unconfirmed
from orders.status import FINAL, OrderStatus, can_move


class Verdict(StrEnum):
    """What became of a report. Only `applied` changed anything."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"  # the order is in that status already, and nothing else in it is new
    LATE = "late"  # the order is further on, or finished, and nothing else in it is new
    STALE = "stale"  # older than what the order knows
    UNKNOWN_ORDER = "unknown_order"
    FOREIGN_ORDER = "foreign_order"  # another restaurant's


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """Somebody says that an order has reached a status.

    The order is named by `pos_order_id`, else by `reference` (ours; our numeric id will do too).
    `happened_at` None: now. `prep_minutes`, `delivery_minutes`: promised from then on. The rider is the
    restaurant's own; `modified`: it changed the order; `auto_accepted`: nobody in the kitchen pressed a button.
    """

    restaurant_id: int
    status: OrderStatus
    source: ChangeSource
    reference: str = ""
    pos_order_id: str = ""
    changed_by: str = ""
    reason: str = ""
    happened_at: dt.datetime | None = None
    prep_minutes: int | None = None
    delivery_minutes: int | None = None
    rider_name: str = ""
    rider_phone: str = ""
    modified: bool = False
    auto_accepted: bool | None = None


@dataclass(frozen=True, slots=True)
class ReportResult:
    """The verdict on one report, and the order it was about, when that is known and the restaurant's own."""

    verdict: Verdict
    order_id: int | None = None


@transactional
def report_statuses(reports: Sequence[StatusReport]) -> list[ReportResult]:
    """Apply `reports` in their order; one result each.

    The number of statements does not grow with the reports. Orders are locked, in the order of their ids.
    Sends `order_status_changed` once, with all changes.
    """
    orders = _lock_named(reports)
    now = timezone.now()
    results: list[ReportResult] = []
    changes: list[OrderStatusHistory] = []
    touched: dict[int, Order] = {}
    for report in reports:
        order = orders.find(report)
        if order is None:
            known_elsewhere = orders.is_foreign(report)
            results.append(ReportResult(Verdict.FOREIGN_ORDER if known_elsewhere else Verdict.UNKNOWN_ORDER))
            continue
        verdict, change = _apply(order, report, now)
        if change is not None:
            changes.append(change)
        if verdict is Verdict.APPLIED:
            touched[order.pk] = order
        results.append(ReportResult(verdict, order.pk))
    _save(touched, changes)
    return results


@transactional
def change_status(
    order_id: int,
    status: OrderStatus,
    *,
    source: ChangeSource,
    changed_by: str = "",
    reason: str = "",
) -> Verdict:
    """Move one order; the same rules, signals and history as for reports."""
    order = Order.objects.select_for_update().get(pk=order_id)
    report = StatusReport(
        restaurant_id=order.restaurant_id, status=status, source=source, changed_by=changed_by, reason=reason
    )
    verdict, change = _apply(order, report, timezone.now())
    _save({order.pk: order} if change else {}, [change] if change else [])
    return verdict


@transactional
def note_unconfirmed(order_ids: Sequence[int]) -> None:
    """Let everybody know of orders, still pending, that the kitchen has not confirmed in time."""
    orders = list(Order.objects.filter(pk__in=order_ids, status=OrderStatus.PENDING))
    if orders:
        orders_unconfirmed.send(sender=Order, orders=orders)


@transactional
def cancel_order(order_id: int, *, reason: str, source: ChangeSource, changed_by: str) -> None:
    """Cancel an open order. Cancelling a cancelled one is harmless.

    Raises:
        Conflict: it is delivered, dispatched or rejected.
    """
    order = Order.objects.select_for_update().get(pk=order_id)
    if order.status == OrderStatus.CANCELLED:
        return
    if order.status == OrderStatus.DISPATCHED or not can_move(order.status, OrderStatus.CANCELLED):
        raise Conflict(
            f"The order is {order.status} and can no longer be cancelled. Call the restaurant at "
            f"{order.restaurant.phone or 'its counter'}."
        )
    change_status(order_id, OrderStatus.CANCELLED, source=source, changed_by=changed_by, reason=reason)


@transactional
def reopen_order(order_id: int, *, changed_by: str, reason: str) -> None:
    """Make a rejected order pending again: a person found out that the kitchen will cook it after all.

    The only way out of a final status, and only for staff: no report of a POS leads here.

    Raises:
        Conflict: it is not rejected.
    """
    order = Order.objects.select_for_update().get(pk=order_id)
    if order.status != OrderStatus.REJECTED:
        raise Conflict(f"The order is {order.status}; only a rejected one can be opened again.")
    now = timezone.now()
    change = OrderStatusHistory(
        order=order,
        old_status=order.status,
        new_status=OrderStatus.PENDING,
        source=ChangeSource.STAFF,
        changed_by=changed_by[:100],
        change_reason=reason[:500],
        happened_at=now,
        created_at=now,
    )
    order.status = OrderStatus.PENDING
    order.updated_at = now
    order.cancelled_at, order.cancellation_reason = None, ""
    _save({order.pk: order}, [change])


def _apply(order: Order, report: StatusReport, now: dt.datetime) -> tuple[Verdict, OrderStatusHistory | None]:
    """Move `order` in memory if the rules allow it.

    A POS's report that moves nothing may still bring news: the rider, or that the restaurant changed the order.
    """
    status = report.status
    if status == OrderStatus.REJECTED and order.status not in (OrderStatus.PENDING, OrderStatus.REJECTED):
        # A kitchen that had taken the order and refuses it afterwards has cancelled it.
        status = OrderStatus.CANCELLED
    # A clock that runs ahead must not make every later report look old.
    happened_at = min(report.happened_at or now, now)
    # A report without a time of its own cannot be old: the clocks of two workers differ by more than two reports.
    known = order.pos_status_updated_at
    is_old = (
        report.happened_at is not None and known is not None and happened_at < _as_fine(known, happened_at)
    )
    if not can_move(order.status, status):
        if report.source == ChangeSource.POS and not is_old and _note_pos_facts(order, report):
            order.updated_at = now
            return Verdict.APPLIED, None
        return Verdict.DUPLICATE if order.status == status else Verdict.LATE, None
    if report.source == ChangeSource.POS:
        if is_old:
            return Verdict.STALE, None
        order.pos_status_updated_at = max(happened_at, known or happened_at)
    change = OrderStatusHistory(
        order=order,
        old_status=order.status,
        new_status=status,
        source=report.source,
        changed_by=report.changed_by[:100],
        change_reason=report.reason[:500],
        happened_at=happened_at,
        created_at=now,
    )
    order.status = status
    order.updated_at = now
    if status == OrderStatus.DELIVERED:
        order.completed_at = happened_at
    elif status in (OrderStatus.CANCELLED, OrderStatus.REJECTED):
        order.cancelled_at = happened_at
        order.cancellation_reason = report.reason[:500]
    if report.source == ChangeSource.POS:
        _note_pos_facts(order, report)
    order.estimated_delivery_time = order.estimated_delivery_time or _promised(order, report, happened_at)
    return Verdict.APPLIED, change


def _as_fine(moment: dt.datetime, told: dt.datetime) -> dt.datetime:
    """`moment`, as fine as `told` is: a clock of whole seconds says of a whole second that it has begun."""
    return moment if told.microsecond else moment.replace(microsecond=0)


def _promised(order: Order, report: StatusReport, happened_at: dt.datetime) -> dt.datetime | None:
    """When the guest may expect the food, by the first report that says so.

    A POS repeats its minutes with every later status: counted anew each time, the food would never come nearer.
    What is ready needs no more preparation.
    """
    minutes = report.prep_minutes if order.status in (OrderStatus.CONFIRMED, OrderStatus.PREPARING) else None
    on_its_way = order.order_type == OrderType.DELIVERY and order.status not in FINAL
    if on_its_way and report.delivery_minutes is not None:
        minutes = report.delivery_minutes
    if not minutes:
        return None
    soonest = happened_at + dt.timedelta(minutes=minutes)
    return max(soonest, order.scheduled_for) if order.scheduled_for else soonest


def _note_pos_facts(order: Order, report: StatusReport) -> bool:
    """What the POS tells beside the status; whether any is new. A report without a fact does not take it back."""
    before = [getattr(order, column) for column in _POS_FACTS]
    order.pos_order_id = order.pos_order_id or report.pos_order_id
    order.rider_name = report.rider_name[:200] or order.rider_name
    order.rider_phone = report.rider_phone[:50] or order.rider_phone
    order.modified_by_restaurant |= report.modified
    if report.auto_accepted is not None:
        order.auto_accepted = report.auto_accepted
    return before != [getattr(order, column) for column in _POS_FACTS]


_POS_FACTS = ("pos_order_id", "rider_name", "rider_phone", "modified_by_restaurant", "auto_accepted")
_CHANGED_COLUMNS = (
    "status",
    "updated_at",
    "pos_status_updated_at",
    "completed_at",
    "cancelled_at",
    "cancellation_reason",
    "estimated_delivery_time",
    *_POS_FACTS,
)


def _save(orders: dict[int, Order], changes: list[OrderStatusHistory]) -> None:
    update_rows(Order, list(orders.values()), _CHANGED_COLUMNS)
    if not changes:
        return
    insert_rows(changes)
    order_status_changed.send(sender=Order, changes=changes)


# What moving an order and telling of it takes; the other columns are many and stay where they are.
_NEEDED_COLUMNS = (
    *_CHANGED_COLUMNS,
    "restaurant",
    "reference",
    "order_type",
    "customer_phone",
    "customer_email",
)


class _Named:
    """The locked orders that some reports speak of, to be found as each report names them."""

    def __init__(self, orders: Sequence[Order]) -> None:
        self._by_reference = {order.reference: order for order in orders}
        self._by_id = {str(order.pk): order for order in orders}
        self._by_pos_id = {
            (order.restaurant_id, order.pos_order_id): order for order in orders if order.pos_order_id
        }

    def find(self, report: StatusReport) -> Order | None:
        """The restaurant's own order, by POS id first."""
        by_pos_id = self._by_pos_id.get((report.restaurant_id, report.pos_order_id))
        order = by_pos_id or self._by_our_name(report)
        return order if order is not None and order.restaurant_id == report.restaurant_id else None

    def is_foreign(self, report: StatusReport) -> bool:
        """Whether the report names another restaurant's order."""
        return self._by_our_name(report) is not None

    def _by_our_name(self, report: StatusReport) -> Order | None:
        return self._by_reference.get(report.reference) or self._by_id.get(report.reference)


def _lock_named(reports: Sequence[StatusReport]) -> _Named:
    references = {report.reference for report in reports if report.reference}
    # At most 18 digits: more would not fit the column.
    ids = {int(r) for r in references if r.isascii() and r.isdigit() and len(r) <= 18}
    pos_ids = {report.pos_order_id for report in reports if report.pos_order_id}
    restaurants = {report.restaurant_id for report in reports}
    # A union, for each kind of name has an index of its own.
    ways = []
    if references:
        ways.append(Order.objects.filter(reference__in=references))
    if ids:
        ways.append(Order.objects.filter(pk__in=ids))
    if pos_ids:
        ways.append(Order.objects.filter(pos_order_id__in=pos_ids, restaurant__in=restaurants))
    if not ways:
        return _Named([])
    first, *others = (way.order_by().values_list("pk", flat=True) for way in ways)
    found = list(first.union(*others) if others else first)
    # Locked by primary key in one order, so that two batches cannot wait for each other.
    locked = Order.objects.select_for_update().filter(pk__in=sorted(found)).order_by("pk")
    return _Named(list(locked.only(*_NEEDED_COLUMNS)) if found else [])
