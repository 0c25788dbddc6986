"""Changes of one menu take turns: its row in `Menus` is the lock, and its version says that it changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import F
from django.utils import timezone

from ding.db import transactional, update_rows
from menus.models import Menu


def lock_menu(restaurant_id: int) -> Menu:
    """The restaurant's menu row, held until the transaction ends: changes of one menu take turns."""
    return lock_menus([restaurant_id])[0]


def lock_menus(restaurant_ids: Iterable[int]) -> list[Menu]:
    """The menu rows of these restaurants, made where missing, held in one order.

    Only a missing row is inserted: an insert that finds its row there leaves a shared lock on it, and two
    that hold one and both want to change the row wait for each other.
    """
    wanted = sorted(restaurant_ids)
    held = Menu.objects.select_for_update().filter(pk__in=wanted).order_by("pk")
    rows = list(held)
    if len(rows) < len(wanted):
        missing = sorted(set(wanted).difference(row.pk for row in rows))
        Menu.objects.bulk_create([Menu(restaurant_id=pk) for pk in missing], ignore_conflicts=True)
        rows = list(held.all())
    return rows


def bump_version(restaurant_id: int, **values: Any) -> None:
    """Say, in the transaction that changed it, that the menu is another one now."""
    Menu.objects.filter(restaurant_id=restaurant_id).update(version=F("version") + 1, **values)


@transactional
def note_announcements(announced: Mapping[int, dt.datetime]) -> set[int]:
    """Remember when a POS last said that a restaurant's menu changed; the restaurants to which that is news."""
    now = timezone.now()
    news = []
    for row in lock_menus(announced):
        happened_at = min(announced[row.pk], now)
        if row.announced_at is None or row.announced_at < happened_at:
            row.announced_at = happened_at
            news.append(row)
    update_rows(Menu, news, ("announced_at",))
    return {row.pk for row in news}
