"""Menus: shrinking, without prices, half-written, enormous, wrong."""

from __future__ import annotations

import copy
import json
import threading
import time
from typing import TYPE_CHECKING, Any

from reliability.faults import fault
from reliability.figures import Figure, seconds, told
from reliability.processes import memory_bytes, wait_until

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


def priced(menu: dict[str, Any], price: str) -> dict[str, Any]:
    """The menu with that one price everywhere, so that half of one and half of another is seen."""
    new = copy.deepcopy(menu)
    for item in new["items"]:
        item["price"] = price
        for variation in item.get("variation") or []:
            variation["price"] = price
    return new


def push_menu(rig: Rig, code: str, menu: dict[str, Any]) -> int | None:
    """Send a whole menu as the dashboard's Menu Trigger does."""
    outlet = rig.outlets[code]
    address = f"/api/webhooks/petpooja/{outlet.public_id}/menu/{outlet.secret}"
    return rig.sender.post(address, json.dumps(menu).encode(), {"Content-Type": "application/json"})


def seen_prices(rig: Rig, code: str) -> set[str]:
    """The prices in the menu as a guest gets it now; empty when there was no answer."""
    address = f"/api/restaurants/{rig.outlets[code].restaurant}/menu"
    answer = rig.sender.request("GET", address, None, {"Authorization": f"Bearer {rig.api_key}"})
    if answer is None or answer[0] != 200:
        return set()
    found = set()
    for item in json.loads(answer[1])["items"]:
        found |= {size["price"] for size in item["variations"]} or {item["price"]}
    return found


@fault(
    "F24",
    "two menus at once, and stock, and readers, and a kill in between",
    trials=20,
    carried_by="a menu is applied in one transaction under the restaurant's lock; readers get one version",
)
def two_menus(rig: Rig, n: int) -> list[Figure]:
    """Two different 200-item menus pushed `n` times, with toggles and readers; workers are killed meanwhile."""
    from pos_integrations.simulator import make_menu

    good = copy.deepcopy(rig.strict.outlets[CODE].menu)
    wide = make_menu(200, seed=7, code=CODE)
    versions = {"100.00": priced(wide, "100.00"), "200.00": priced(wide, "200.00")}
    # From the first read on only these two are to be seen.
    rig.strict.set_menu(CODE, versions["100.00"])
    rig.force_menu(CODE)
    rig.quiet(60)
    stop, seen, torn = threading.Event(), [0], []

    def read() -> None:
        while not stop.is_set():
            prices = seen_prices(rig, CODE)
            if prices:
                seen[0] += 1
            if len(prices) > 1:
                torn.append(prices)

    def switch() -> None:
        while not stop.wait(0.2):
            item = rig.dice.choice(wide["items"])["itemid"]
            address = f"/api/webhooks/petpooja/{rig.outlets[CODE].public_id}/stock/{rig.outlets[CODE].secret}"
            body = {"restID": CODE, "type": "item", "inStock": rig.dice.random() < 0.5, "itemID": [item]}
            rig.sender.post(address, json.dumps(body).encode(), {"Content-Type": "application/json"})

    threads = [threading.Thread(target=read) for _ in range(4)] + [threading.Thread(target=switch)]
    for thread in threads:
        thread.start()
    for number in range(n):
        pushes = [threading.Thread(target=push_menu, args=(rig, CODE, menu)) for menu in versions.values()]
        for push in pushes:
            push.start()
        for push in pushes:
            push.join()
        if number % 4 == 1:
            time.sleep(rig.dice.uniform(0, 0.3))
            rig.kill(rig.workers[number // 4 % 2])
    rig.quiet(120)
    stop.set()
    for thread in threads:
        thread.join()
    rest = rig.open_rows()["webhooks"]
    final = seen_prices(rig, CODE)
    rig.strict.set_menu(CODE, good)
    rig.force_menu(CODE)
    return [
        Figure("torn_menu", len(torn) + (len(final) != 1), seen[0]),
        Figure("pushes_left_undone", rest, 2 * n),
    ]


def _wrong_menus(menu: dict[str, Any]) -> dict[str, Any]:
    """Menus that are wrong in a place."""

    def with_first(**values: Any) -> dict[str, Any]:
        new = copy.deepcopy(menu)
        new["items"][0].update(values)
        return new

    twice = copy.deepcopy(menu)
    twice["items"].append({**twice["items"][0], "price": "999999"})
    cycle = copy.deepcopy(menu)
    if cycle["categories"]:
        cycle["categories"][0]["parent_category_id"] = cycle["categories"][0]["categoryid"]
    other = copy.deepcopy(menu)
    other["restaurants"][0]["details"]["menusharingcode"] = "somebody"
    return {
        "an id twice": twice,
        "a negative price": with_first(price="-5"),
        "a price in words": with_first(price="cheap"),
        "NaN": with_first(price=float("nan")),
        "infinity": with_first(price=float("inf")),
        "a price of a million digits": with_first(price="9" * 100_000),
        "no id": with_first(itemid=""),
        "an id of 300 characters": with_first(itemid="9" * 300),
        "a name of a megabyte": with_first(itemname="x" * 1_000_000),
        "an unknown category": with_first(item_categoryid="nowhere"),
        "an unknown add-on group": with_first(addon=[{"addon_group_id": "nowhere"}]),
        "items are a text": {**menu, "items": "none"},
        "an item is a number": {**menu, "items": [1, *menu["items"][1:]]},
        "a category in itself": cycle,
        "another restaurant's": other,
    }


@fault(
    "F47",
    "ids twice, negative prices, NaN, cycles, another restaurant's menu, 20,000 items",
    trials=1,
    carried_by="a menu is read strictly, row by row; what is wrong is left out and named; bulk statements",
)
def wrong_menus(rig: Rig, n: int) -> list[Figure]:
    """Each pushed and fetched; then a menu of 20,000 items, pushed by the clock of a worker."""
    from menus.models import Item
    from pos_integrations.simulator import make_menu

    good = copy.deepcopy(rig.strict.outlets[CODE].menu)
    statuses, bad, tries = [], 0, 0
    mine = Item.objects.filter(restaurant=rig.outlets[CODE].restaurant, active=True)
    for name, menu in _wrong_menus(good).items():
        rig.strict.set_menu(CODE, menu)
        statuses += [sync(rig, CODE), push_menu(rig, CODE, menu)]
        rig.quiet(30)
        tries += 1
        wrong = mine.filter(price__lt=0).count() + mine.filter(price__gt=900_000).count()
        if wrong or mine.count() > len(good["items"]):
            bad += 1
            rig.say(f"{name}: {wrong} wrong prices, {mine.count()} live items")
    rig.strict.set_menu(CODE, good)
    sync(rig, CODE)
    before = {worker.name: memory_bytes(worker) for worker in rig.workers}
    large = make_menu(20_000, seed=9, code=CODE)
    for kind in ("items", "categories", "addongroups"):
        large[kind] = [*good[kind], *large[kind]]
    rig.strict.set_menu(CODE, large)
    started = time.monotonic()
    rig.sync_soon(CODE)
    wait_until(lambda: mine.count() >= 20_000, 180, "20,000 items")
    took = time.monotonic() - started
    grown = max(memory_bytes(worker) - before[worker.name] for worker in rig.workers) / 2**20
    live = mine.count()
    rig.strict.set_menu(CODE, good)
    rig.force_menu(CODE)
    return [
        Figure("bad_item_live", bad, tries),
        Figure("input_5xx", sum(s is None or (s >= 500 and s != 502) for s in statuses), len(statuses)),
        seconds("20,000 items", took, 60),
        Figure("worker_growth", grown, None, 200, "MB"),
        told("live items", live),
    ]
