"""The columns of a menu's rows in words, for those who read what a sync changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

LABELS: Mapping[str, str] = {
    "active": "On the menu",
    "addon_groups": "Add-ons offered",
    "amount": "Amount",
    "base": "Taken of",
    "category": "Heading",
    "days": "Days",
    "delivery": "Delivery charge",
    "delivery_minutes": "Delivery takes (minutes)",
    "delivery_tax_ids": "Taxes on delivery",
    "description": "Description",
    "diet": "Diet mark",
    "discount_exempt": "Never discounted",
    "image_url": "Picture",
    "inclusive": "Already in the price",
    "kind": "Counted as",
    "liability": "Who owes its tax",
    "master_id": "Shared size at the POS",
    "menu_in_stock": "In stock",
    "minimum_order": "Smallest order",
    "name": "Name",
    "opening": "Sold at",
    "order_types": "Sold for",
    "packing": "Packing charge",
    "packing_charge": "Packing charge",
    "packing_mode": "Packing is charged",
    "packing_tax_ids": "Taxes on packing",
    "parent_external_id": "Under the heading",
    "prep_minutes": "Preparation (minutes)",
    "price": "Price",
    "rank": "Position",
    "rate": "Rate",
    "service": "Service charge",
    "service_order_types": "Service charge for",
    "target_ids": "Applies to",
    "tax_exempt": "Free of tax",
    "tax_ids": "Taxes",
    "tax_inclusive": "Price includes tax",
}

_ORDER_TYPES = {"DELIVERY": "delivery", "PICKUP": "pick-up", "DINE_IN": "dine-in"}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LONGEST = 300


def in_words(column: str, value: Any, names: Mapping[str, Mapping[str, str]]) -> str:
    """One column's value; `names`: external id → name of each "category", "group" and "tax"."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "" or value == [] or value == {}:
        return "always" if column == "opening" and value == [] else "—"
    if column in ("category", "parent_external_id"):
        return names["category"].get(value, str(value))
    if column in ("tax_ids", "delivery_tax_ids", "packing_tax_ids"):
        return ", ".join(names["tax"].get(one, str(one)) for one in value)
    if column == "addon_groups":
        return "; ".join(_offer(offer, names["group"]) for offer in value)
    if column in ("order_types", "service_order_types"):
        return ", ".join(_ORDER_TYPES.get(one, str(one)) for one in value)
    if column == "opening":
        return "; ".join(_window(window) for window in value)
    if column == "days":
        return ", ".join(_DAYS[day] for day in value)
    if column == "kind":
        return {"percent": "percent", "fixed": "an amount"}.get(value, str(value))
    if column in ("price", "packing_charge") and isinstance(value, Decimal):
        return f"{value:.2f}"
    return _plain(value)[:_LONGEST]


def _offer(offer: Mapping[str, Any], groups: Mapping[str, str]) -> str:
    name = groups.get(offer["group_id"], offer["group_id"])
    least, most = offer["minimum"], offer["maximum"]
    if most is None:
        return f"{name} (any number)" if not least else f"{name} (at least {least})"
    return f"{name} ({most})" if least == most else f"{name} ({least} to {most})"


def _window(window: Mapping[str, Any]) -> str:
    days = ", ".join(_DAYS[day] for day in window.get("days") or ())
    return f"{days} {str(window['opens'])[:5]}-{str(window['closes'])[:5]}".strip()


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{str(name).replace('_', ' ')}: {_plain(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(one) for one in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
