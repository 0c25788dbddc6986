"""A snapshot's rows as the columns of their tables: what a sync writes, and what a preview compares."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from menus.serialization import discount_as_json, offers_as_json, opening_as_json
from menus.snapshot import GroupOffer

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@lru_cache(1024)
def _list(texts: tuple[str, ...]) -> str:
    """Of ten thousand dishes the taxes and order types are the same few lists."""
    return _json(texts)


def _offers(offers: tuple[GroupOffer, ...]) -> str:
    return _json(offers_as_json(offers)) if offers else "[]"


def category_values(category: Any) -> dict[str, Any]:
    """Of a heading."""
    return {
        "parent_external_id": category.parent_id,
        "image_url": category.image_url,
        "opening": _json(opening_as_json(category.opening)),
        "details": _json(dict(category.details)),
    }


def tax_values(tax: Any) -> dict[str, Any]:
    """Of a tax."""
    return {
        "rate": tax.rate,
        "kind": tax.kind.value,
        "base": tax.base.value,
        "inclusive": tax.inclusive,
        "order_types": _list(tax.order_types),
    }


def discount_values(discount: Any) -> dict[str, Any]:
    """Of a discount."""
    return {"rule": _json(discount_as_json(discount))}


def addon_item_values(item: Any) -> dict[str, Any]:
    """Of an add-on."""
    return {"price": item.price, "diet": item.diet, "menu_in_stock": True}


def item_values(item: Any) -> dict[str, Any]:
    """Of a dish."""
    return {
        "description": item.description,
        "price": item.price,
        "packing_charge": item.packing_charge,
        "tax_ids": _list(item.tax_ids),
        "tax_inclusive": item.tax_inclusive,
        "tax_exempt": item.tax_exempt,
        "discount_exempt": item.discount_exempt,
        "liability": item.liability.value,
        "order_types": _list(item.order_types),
        "addon_groups": _offers(item.addon_groups),
        "diet": item.diet,
        "image_url": item.image_url,
        "prep_minutes": item.prep_minutes,
        "details": _json(dict(item.details)),
        "menu_in_stock": item.in_stock,
    }


def variation_values(variation: Any) -> dict[str, Any]:
    """Of a size or kind of a dish."""
    return {
        "master_id": variation.master_id,
        "group_name": variation.group_name,
        "price": variation.price,
        "packing_charge": variation.packing_charge,
        "addon_groups": _offers(variation.addon_groups),
        "menu_in_stock": True,
    }
