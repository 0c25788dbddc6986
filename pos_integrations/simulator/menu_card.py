"""Menu card: a menu as the terminal page shows it, each thing with its switch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pos_integrations.simulator.order import objects, part, text
from pos_integrations.simulator.switches import Switches


def menu_card(menu: Mapping[str, Any] | None, switches: Switches) -> dict[str, Any]:
    """Categories with their items and variations, and groups of add-ons. Empty when there is no menu."""

    def line(one: Mapping[str, Any], prefix: str, id_name: str, *, addon: bool = False) -> dict[str, Any]:
        id = text(one.get(id_name))
        return {
            "id": id,
            "name": text(one.get(f"{prefix}name")),
            "price": text(one.get(f"{prefix}price") if prefix != "item" else one.get("price")),
            "in_stock": switches.has(id, addon=addon),
            "back_at": switches.back_at(id, addon=addon),
        }

    document = menu or {}
    items: dict[str, list[dict[str, Any]]] = {}
    for item in objects(document.get("items")):
        variations = [line(one, "", "id") for one in objects(item.get("variation"))]
        shown = {**line(item, "item", "itemid"), "variations": variations}
        items.setdefault(text(item.get("item_categoryid")), []).append(shown)
    names = {
        text(one.get("categoryid")): text(one.get("categoryname"))
        for one in objects(document.get("categories"))
    }
    return {
        "categories": [{"name": names.get(id, ""), "items": lines} for id, lines in items.items()],
        "addons": [
            {
                "name": text(group.get("addongroup_name")),
                "items": [
                    line(one, "addonitem_", "addonitemid", addon=True)
                    for one in objects(group.get("addongroupitems"))
                ],
            }
            for group in objects(document.get("addongroups"))
        ],
    }


def ids_in(menu: Mapping[str, Any] | None) -> Iterator[str]:
    """The ids that an order's items may have: of items, and of their variations."""
    for item in objects(part(menu).get("items")):
        yield text(item.get("itemid"))
        for variation in objects(item.get("variation")):
            yield text(variation.get("id"))
