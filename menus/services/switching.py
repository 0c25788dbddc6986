"""Staff switch things on or off themselves, until a time or until they end it; the POS's word waits meanwhile."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping

from django.db.models import F
from django.utils import timezone

from ding.db import transactional
from ding.errors import Conflict
from menus.models import AddOnItem, Item, Menu, Variation
from menus.services.locking import lock_menus
from menus.services.stock import Sellable

SWITCHED: Mapping[str, type[Sellable]] = {"item": Item, "variation": Variation, "addon": AddOnItem}


class TimeIsPast(Conflict):
    """A switch cannot end before it begins."""

    code = "time_is_past"


@transactional
def switch_stock(
    *,
    restaurant_id: int,
    kind: str,
    ids: Collection[int],
    available: bool,
    until: dt.datetime | None = None,
) -> int:
    """Sell these rows of a restaurant, or do not, whatever the POS says; how many there are.

    `kind` is a key of `SWITCHED`. `until`: when the POS's word holds again; None: when `end_switches` says so.

    Raises:
        TimeIsPast: nothing was switched.
    """
    now = timezone.now()
    if until is not None and until <= now:
        raise TimeIsPast("That time is past. Choose one that is still to come.")
    lock_menus([restaurant_id])
    rows = SWITCHED[kind]._default_manager.filter(restaurant_id=restaurant_id, pk__in=ids)
    rows.filter(pos_in_stock=None).update(pos_in_stock=F("in_stock"))
    count = rows.update(in_stock=available, switched_until=until, updated_at=now)
    _changed(restaurant_id, count)
    return count


@transactional
def end_switches(*, restaurant_id: int, kind: str, ids: Collection[int]) -> int:
    """From now on the POS's word holds again for these rows; how many were switched."""
    lock_menus([restaurant_id])
    rows = SWITCHED[kind]._default_manager.filter(restaurant_id=restaurant_id, pk__in=ids)
    count = rows.filter(pos_in_stock__isnull=False).update(
        in_stock=F("pos_in_stock"), pos_in_stock=None, switched_until=None, updated_at=timezone.now()
    )
    _changed(restaurant_id, count)
    return count


def _changed(restaurant_id: int, count: int) -> None:
    if count:
        Menu.objects.filter(pk=restaurant_id).update(version=F("version") + 1)
