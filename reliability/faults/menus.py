"""Menus: shrinking, without prices, half-written, enormous, wrong."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from reliability.faults import fault
from reliability.figures import Figure, told

if TYPE_CHECKING:
    from reliability.rig import Rig

CODE = "strict3"


def live_items(rig: Rig, code: str) -> dict[str, str]:
    """What guests see: the price of each live item."""
    from menus.models import Item

    items = Item.objects.filter(restaurant=rig.outlets[code].restaurant, active=True)
    return {external_id: str(price) for external_id, price in items.values_list("external_id", "price")}


def sync(rig: Rig, code: str) -> int | None:
    """Ask ding to fetch that menu now; the answer's status."""
    address = f"/api/menu-sync/{rig.outlets[code].restaurant}/sync"
    return rig.sender.post(
        address, b"{}", {"Authorization": f"Bearer {rig.api_key}", "Content-Type": "application/json"}
    )


def _accidents(menu: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Menus that no restaurant means, by what happened to them."""

    def with_items(items: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        return {**copy.deepcopy(menu), "items": items, **more}

    items = menu["items"]
    free = [
        {**item, "price": "0", "variation": [{**v, "price": "0"} for v in item.get("variation", [])]}
        for item in copy.deepcopy(items)
    ]
    half = len(items) // 2
    return {
        "nothing": with_items([]),
        "no categories": with_items([], categories=[]),
        "one item": with_items(items[:1]),
        "half": with_items(items[:half]),
        "the other half": with_items(items[half:]),
        "all off": with_items([{**item, "active": "0"} for item in items]),
        "no prices": with_items(free),
        "other ids": with_items([{**item, "itemid": f"9{item['itemid']}"} for item in items]),
    }


@fault(
    "F46",
    "a menu shrinks to nothing, to half, creeps, loses all prices",
    trials=3,
    smoke=1,
    carried_by="the guard compares a menu as a whole before anything is written; one transaction",
)
def shrinking_menu(rig: Rig, n: int) -> list[Figure]:
    """Each accident is fetched and pushed `n` times; the live menu stays."""
    from pos_integrations.models import MenuSyncHistory

    before = live_items(rig, CODE)
    good = copy.deepcopy(rig.strict.outlets[CODE].menu)
    wiped = tries = silent = 0
    for name, menu in _accidents(good).items():
        for _ in range(n):
            rig.strict.set_menu(CODE, menu)
            held = MenuSyncHistory.objects.filter(
                restaurant=rig.outlets[CODE].restaurant, status="failed"
            ).count()
            status = sync(rig, CODE)
            tries += 1
            if live_items(rig, CODE) != before:
                wiped += 1
                rig.say(f"the menu {name!r} was applied (HTTP {status})")
                rig.strict.set_menu(CODE, good)
                sync(rig, CODE)
            elif (
                MenuSyncHistory.objects.filter(
                    restaurant=rig.outlets[CODE].restaurant, status="failed"
                ).count()
                == held
            ):
                silent += 1
    rig.strict.set_menu(CODE, good)
    sync(rig, CODE)
    still = live_items(rig, CODE)
    return [
        Figure("wipe_applied", wiped, tries),
        Figure("held_in_silence", silent, tries),
        Figure("menu_lost", len(before.keys() - still.keys()), len(before)),
        told("live items", len(still)),
    ]
