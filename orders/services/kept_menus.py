"""What has been read of menus, kept in memory under the version that it was read at.

It is never believed without asking: whoever wants it brings the menu's stamp as just read, and gets nothing that was
kept under another one. Bounded by rows; the menus that were asked for longest ago go first.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from menus.models import AddOnItem, Item, Restaurant, Variation
from menus.snapshot import Charges, DiscountSnapshot, GroupOffer, TaxSnapshot

# Some 2 kB each.
MOST_ROWS = 10_000

# The version alone would come again in a database that was restored from a backup.
Stamp = tuple[dt.datetime, int | None, dt.datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuPart:
    """Some dishes of one restaurant's menu with all that a price and a rule need of them, all of one version.

    `variations`: of these items, by item. `addons`: of the groups that they offer, by group's external id.
    """

    charges: Charges
    taxes: tuple[TaxSnapshot, ...] = ()
    discounts: tuple[DiscountSnapshot, ...] = ()
    items: dict[int, Item] = field(default_factory=dict)
    variations: dict[int, list[Variation]] = field(default_factory=dict)
    item_offers: dict[int, tuple[GroupOffer, ...]] = field(default_factory=dict)
    variation_offers: dict[int, tuple[GroupOffer, ...]] = field(default_factory=dict)
    addons: dict[str, list[AddOnItem]] = field(default_factory=dict)

    def add(self, other: MenuPart) -> None:
        """More dishes of the same version. The items last: others read meanwhile, and know by them what is here."""
        self.addons.update(other.addons)
        self.variation_offers.update(other.variation_offers)
        self.item_offers.update(other.item_offers)
        self.variations.update(other.variations)
        self.items.update(other.items)

    def rows(self) -> int:
        """How many rows of tables it holds."""
        parts = sum(len(rows) for rows in self.variations.values())
        parts += sum(len(rows) for rows in self.addons.values())
        return len(self.items) + parts + len(self.taxes) + len(self.discounts)


class KeptMenus:
    """Parts of menus by restaurant. Safe in threads."""

    def __init__(self, most_rows: int = MOST_ROWS) -> None:
        self._most_rows = most_rows
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, tuple[Stamp, MenuPart, int]] = OrderedDict()
        self._rows = 0

    def of(self, restaurant_id: int, stamp: Stamp) -> MenuPart | None:
        """What is kept of this very version."""
        with self._lock:
            known, part, _ = self._kept.get(restaurant_id, (None, None, 0))
            if known != stamp:
                return None
            self._kept.move_to_end(restaurant_id)
            return part

    def learn(self, restaurant_id: int, stamp: Stamp, read: MenuPart) -> MenuPart:
        """Keep what was read, and give all that there is of it now."""
        with self._lock:
            known, part, rows = self._kept.pop(restaurant_id, (None, read, 0))
            if known == stamp:
                part.add(read)
            else:
                part = read
            self._rows += part.rows() - rows
            self._kept[restaurant_id] = (stamp, part, part.rows())
            while self._rows > self._most_rows:
                self._rows -= self._kept.popitem(last=False)[1][2]
            return part

    def clear(self) -> None:
        """Forget all: for tests, which change menus without a word."""
        with self._lock:
            self._kept.clear()
            self._rows = 0


kept_menus = KeptMenus()


def stamp_of(restaurant: Restaurant) -> Stamp:
    """What names one version of one menu for ever; the version is None where there is no menu."""
    menu = getattr(restaurant, "menu", None)
    return restaurant.created_at, menu.version if menu else None, menu.synced_at if menu else None
