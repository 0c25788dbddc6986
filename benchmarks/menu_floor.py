"""Reading a menu's document the straightforward way, for the floors: its fields as they stand, trusting each of them.

No default, no second spelling, no report: one odd value and the whole menu is lost. What it gives of each row is what
has to be compared: its id and a hash of its content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any


def read(raw: bytes) -> dict[str, list[tuple[str, str]]]:
    """By table: id and hash of each row in `raw`."""
    menu = json.loads(raw)
    items, groups = menu["items"], menu["addongroups"]
    return {
        "Categories": [_row(c["categoryid"], _category(c)) for c in menu["categories"]],
        "AddOnGroups": [
            _row(g["addongroupid"], (g["addongroup_name"], g["active"] == "1", int(g["addongroup_rank"])))
            for g in groups
        ],
        "Items": [_row(i["itemid"], _item(i)) for i in items],
        "AddOnItems": [
            _row(a["addonitemid"], _addon(a, g["addongroupid"])) for g in groups for a in g["addongroupitems"]
        ],
        "Variations": [_row(v["id"], _variation(v, i["itemid"])) for i in items for v in i["variation"]],
        "MenuImages": [
            (hashlib.sha256(i["item_image_url"].encode()).hexdigest(), i["item_image_url"]) for i in items
        ],
    }


def _row(key: str, content: Iterable[Any]) -> tuple[str, str]:
    return key, hashlib.blake2b(repr(content).encode(), digest_size=16).hexdigest()


def _category(c: dict[str, Any]) -> tuple[Any, ...]:
    rank, parent = int(c["categoryrank"]), c["parent_category_id"]
    return c["categoryname"], c["active"] == "1", rank, parent, c["category_image_url"], c["categorytimings"]


def _item(i: dict[str, Any]) -> tuple[Any, ...]:
    return (
        i["itemname"],
        i["itemdescription"],
        i["item_categoryid"],
        Decimal(i["price"]),
        Decimal(i["item_packingcharges"] or 0),
        i["active"] == "1",
        i["in_stock"] != "0",
        int(i["itemrank"]),
        json.dumps(i["item_tax"].split(",")),
        json.dumps(i["item_ordertype"].split(",")),
        i["tax_inclusive"],
        i["ignore_taxes"] == "1",
        i["ignore_discounts"] == "1",
        i["gst_type"],
        i["item_attributeid"],
        i["item_image_url"],
        i["minimumpreparationtime"],
        json.dumps([_offer(offer) for offer in i["addon"]]),
        json.dumps({"tags": i["item_tags"], "cuisine": i["cuisine"], "info": i["item_info"]}),
    )


def _variation(v: dict[str, Any], item: str) -> tuple[Any, ...]:
    return (
        item,
        v["name"],
        v["groupname"],
        v["variationid"],
        Decimal(v["price"]),
        Decimal(v["item_packingcharges"] or 0),
        v["active"] == "1",
        int(v["variationrank"]),
        json.dumps([_offer(offer) for offer in v["addon"]]),
    )


def _addon(a: dict[str, Any], group: str) -> tuple[Any, ...]:
    price, rank = Decimal(a["addonitem_price"]), int(a["addonitem_rank"])
    return group, a["addonitem_name"], price, a["active"] == "1", a["attributes"], rank


def _offer(o: dict[str, Any]) -> tuple[str, int, int]:
    return (
        o["addon_group_id"],
        int(o["addon_item_selection_min"]),
        int(o["addon_item_selection_max"]),
    )
