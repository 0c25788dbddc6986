"""What is sold out, and whether the restaurant takes orders: told by the POS, or ended by the clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q
from django.utils import timezone

from ding.db import transactional, update_rows
from menus.models import AddOnItem, Item, Menu, Restaurant, Variation
from menus.services.locking import lock_menus

Sellable = Item | Variation | AddOnItem
TABLES: tuple[type[Sellable], ...] = (Item, Variation, AddOnItem)


@dataclass(frozen=True, slots=True, kw_only=True)
class StockReport:
    """Things of one restaurant are sold out or back. `happened_at` None: now.

    Without `addons` the ids name items and variations; with it, add-on items. `until`: when they come back
    by themselves.
    """

    restaurant_id: int
    external_ids: tuple[str, ...]
    available: bool
    addons: bool = False
    happened_at: dt.datetime | None = None
    until: dt.datetime | None = None


class StockVerdict:
    """What became of a stock report."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    STALE = "stale"
    # Of some ids, applied; the menu has not all of them.
    PARTLY = "partly"
    UNKNOWN_ITEM = "unknown_item"


@transactional
def change_stock(reports: Sequence[StockReport]) -> list[str]:
    """Apply `reports` in their order; one `StockVerdict` each.

    The number of statements does not grow with the reports.
    """
    now = timezone.now()
    restaurants = sorted({report.restaurant_id for report in reports})
    # The menus' rows in one order: a menu sync of the same restaurant waits, or is waited for.
    list(Menu.objects.select_for_update().filter(pk__in=restaurants).order_by("pk").values_list("pk"))
    wanted = {True: set[str](), False: set[str]()}
    for report in reports:
        wanted[report.addons].update(report.external_ids)
    rows: dict[tuple[bool, int, str], list[Sellable]] = {}
    for model, addons in ((Item, False), (Variation, False), (AddOnItem, True)):
        if wanted[addons]:
            found = model._default_manager.filter(restaurant__in=restaurants, external_id__in=wanted[addons])
            for row in found:
                rows.setdefault((addons, row.restaurant_id, row.external_id), []).append(row)

    verdicts: list[str] = []
    touched: dict[type[Sellable], dict[int, Any]] = {Item: {}, Variation: {}, AddOnItem: {}}
    before = {id(row): row.in_stock for named in rows.values() for row in named}
    for report in reports:
        named = [
            row
            for external_id in report.external_ids
            for row in rows.get((report.addons, report.restaurant_id, external_id), ())
        ]
        verdicts.append(_stock_verdict(report, named, now, touched))
    for table, changed in touched.items():
        if changed:
            columns = ("in_stock", "pos_in_stock", "stock_changed_at", "back_at", "updated_at")
            update_rows(table, list(changed.values()), columns)
    # The same news with a later time is written down, but the guests' menu is still the same.
    moved = {
        row.restaurant_id
        for changed in touched.values()
        for row in changed.values()
        if row.in_stock != before[id(row)]
    }
    Menu.objects.filter(pk__in=moved).update(version=F("version") + 1)
    return verdicts


def _stock_verdict(
    report: StockReport,
    named: list[Sellable],
    now: dt.datetime,
    touched: dict[type[Sellable], dict[int, Any]],
) -> str:
    if not named:
        return StockVerdict.UNKNOWN_ITEM
    happened_at = min(report.happened_at or now, now)
    if report.happened_at is None:
        # Without a time of its own it is the newest, though another worker's clock be a little ahead.
        happened_at = max([now, *(row.stock_changed_at for row in named if row.stock_changed_at)])
    # At the very same time the later report holds if it says something else: clocks have coarse ticks, and
    # reports without a time, taken together, all happened now.
    fresh = [
        row
        for row in named
        if row.stock_changed_at is None
        or row.stock_changed_at < happened_at
        or (row.stock_changed_at == happened_at and _said(row) != report.available)
    ]
    is_whole = {row.external_id for row in named}.issuperset(report.external_ids)
    if not fresh and is_whole:
        same = all(_said(row) == report.available for row in named)
        return StockVerdict.DUPLICATE if same else StockVerdict.STALE
    for row in fresh:
        if row.pos_in_stock is None:
            row.in_stock = report.available
        else:
            row.pos_in_stock = report.available
        row.back_at = None if report.available else report.until
        row.stock_changed_at = happened_at
        row.updated_at = now
        touched[type(row)][row.pk] = row
    return StockVerdict.APPLIED if is_whole else StockVerdict.PARTLY


def _said(row: Sellable) -> bool:
    """What the POS says, whatever staff say."""
    return row.in_stock if row.pos_in_stock is None else row.pos_in_stock


@transactional
def end_shortages() -> int:
    """Put back what was sold out until a time that has come, end staff's switches; how many things."""
    now = timezone.now()
    sold_out = Q(in_stock=False, pos_in_stock=None) | Q(pos_in_stock=False)
    is_due = Q(back_at__lte=now) & sold_out | Q(switched_until__lte=now)
    due = {
        restaurant_id
        for table in TABLES
        for restaurant_id in table._default_manager.filter(is_due)
        .order_by()
        .values_list("restaurant_id", flat=True)
        .distinct()
    }
    if not due:
        return 0
    lock_menus(due)
    ended = 0
    for table in TABLES:
        rows = table._default_manager.filter(restaurant__in=due)
        back = rows.filter(back_at__lte=now)
        told = {"back_at": None, "stock_changed_at": now, "updated_at": now}
        ended += back.filter(in_stock=False, pos_in_stock=None).update(in_stock=True, **told)
        ended += back.filter(pos_in_stock=False).update(pos_in_stock=True, **told)
        ended += rows.filter(switched_until__lte=now, pos_in_stock__isnull=False).update(
            in_stock=F("pos_in_stock"), pos_in_stock=None, switched_until=None, updated_at=now
        )
    Menu.objects.filter(pk__in=due).update(version=F("version") + 1)
    return ended


# --- the restaurant itself ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreReport:
    """A restaurant stopped taking orders, perhaps until a time, or takes them again. `happened_at` None: now."""

    restaurant_id: int
    accepting: bool
    until: dt.datetime | None = None
    happened_at: dt.datetime | None = None


@transactional
def change_store(reports: Sequence[StoreReport]) -> list[str]:
    """Apply `reports` in their order; one `StockVerdict` each. As many statements for one as for many."""
    now = timezone.now()
    wanted = {report.restaurant_id for report in reports}
    found = Restaurant.objects.select_for_update().filter(pk__in=wanted).order_by("pk")
    restaurants = {restaurant.pk: restaurant for restaurant in found}
    verdicts: list[str] = []
    touched: dict[int, Restaurant] = {}
    for report in reports:
        restaurant = restaurants[report.restaurant_id]
        happened_at = min(report.happened_at or now, now)
        until = None if report.accepting else report.until
        known = restaurant.store_changed_at
        if report.happened_at is not None and known is not None and happened_at < known:
            verdicts.append(StockVerdict.STALE)
        elif restaurant.accepting_orders == report.accepting and restaurant.reopens_at == until:
            verdicts.append(StockVerdict.DUPLICATE)
        else:
            restaurant.accepting_orders, restaurant.reopens_at = report.accepting, until
            restaurant.store_changed_at = max(happened_at, known or happened_at)
            restaurant.updated_at = now
            touched[restaurant.pk] = restaurant
            verdicts.append(StockVerdict.APPLIED)
    if touched:
        columns = ("accepting_orders", "reopens_at", "store_changed_at", "updated_at")
        update_rows(Restaurant, list(touched.values()), columns)
    return verdicts


def reopen_due() -> int:
    """Let restaurants take orders again whose time has come; how many."""
    now = timezone.now()
    return Restaurant.objects.filter(reopens_at__lte=now, accepting_orders=False).update(
        accepting_orders=True, reopens_at=None, store_changed_at=now, updated_at=now
    )
