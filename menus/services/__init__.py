"""What can be done with menus: apply a whole one, copy its pictures, change the stock, open and close."""

from menus.services.applying import Counts, MenuChanges, MenuHeld, apply_menu
from menus.services.images import claim_images, store_images
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

__all__ = [
    "Counts",
    "MenuChanges",
    "MenuHeld",
    "StockReport",
    "StockVerdict",
    "StoreReport",
    "apply_menu",
    "bump_version",
    "change_stock",
    "change_store",
    "claim_images",
    "end_shortages",
    "lock_menu",
    "note_announcements",
    "reopen_due",
    "store_images",
]
