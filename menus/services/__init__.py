"""What can be done with menus: apply a whole one, copy its pictures, change the stock, open and close."""

from menus.services.applying import Counts, MenuChanges, MenuHeld, apply_menu
from menus.services.images import claim_images, store_images
from menus.services.leaving import Choice, leave_changes, take_changes
from menus.services.locking import bump_version, lock_menu, note_announcements
from menus.services.stock import (
    StockReport,
    StockVerdict,
    StoreReport,
    change_stock,
    change_store,
    end_shortages,
    reopen_due,
)
from menus.services.switching import SWITCHED, TimeIsPast, end_switches, switch_stock

__all__ = [
    "SWITCHED",
    "Choice",
    "Counts",
    "MenuChanges",
    "MenuHeld",
    "StockReport",
    "StockVerdict",
    "StoreReport",
    "TimeIsPast",
    "apply_menu",
    "bump_version",
    "change_stock",
    "change_store",
    "claim_images",
    "end_shortages",
    "end_switches",
    "leave_changes",
    "lock_menu",
    "note_announcements",
    "reopen_due",
    "store_images",
    "switch_stock",
    "take_changes",
]
