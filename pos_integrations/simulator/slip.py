"""Slip: an order as the kitchen reads it, and what the POS left out without a word."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from pos_integrations.simulator.order import objects, part, text
from pos_integrations.simulator.switches import STORE_TIME, TIMEZONE

PAYMENT_TYPES = ("COD", "CARD", "CREDIT", "ONLINE", "OTHER")


def slip_of(body: Any) -> dict[str, Any]:
    """What stands on the ticket, from a save_order body of any shape."""
    blocks = part(body, "orderinfo", "OrderInfo")
    customer, order = part(blocks, "Customer", "details"), part(blocks, "Order", "details")
    items = objects(part(blocks, "OrderItem").get("details"))
    return {
        "customer": {name: text(customer.get(name)) for name in ("name", "phone", "address")},
        "lines": [_line(item) for item in items],
        "lines_total": _sum(items),
        **{
            name: text(order.get(name))
            for name in (
                *("order_type", "payment_type", "description", "table_no", "no_of_persons", "otp"),
                *("total", "tax_total", "discount_total"),
                *("delivery_charges", "packing_charges", "service_charge"),
                *("collect_cash", "created_on", "preorder_date", "preorder_time", "advanced_order"),
            )
        },
        "own_delivery": text(order.get("enable_delivery")) == "1",
    }


def remarks_on(body: Any, item_ids: Collection[str], now: dt.datetime) -> list[str]:
    """What PetPooja takes without complaint though it goes wrong in the kitchen."""
    blocks = part(body, "orderinfo", "OrderInfo")
    order = part(blocks, "Order", "details")
    remarks = []
    for item in objects(part(blocks, "OrderItem").get("details")):
        name = text(item.get("name"))
        if item.get("addon_items"):
            remarks.append(f"{name}: addon_items is not read, add-ons are missing")
        if isinstance(item.get("AddonItem"), list) and item["AddonItem"]:
            remarks.append(f"{name}: AddonItem is a bare list, add-ons are missing")
        if text(item.get("id")) not in item_ids:
            remarks.append(f"{name}: its id is not in the menu")
    if (payment := text(order.get("payment_type"))) not in PAYMENT_TYPES:
        remarks.append(f"payment_type {payment!r} is in no list")
    if _is_off_the_clock(text(order.get("created_on")), now):
        remarks.append("created_on is not the restaurant's local time")
    return remarks


def _line(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "quantity": text(item.get("quantity")),
        "name": text(item.get("name")),
        "variation": text(item.get("variation_name")),
        "final_price": text(item.get("final_price")),
        "note": text(item.get("description")),
        "addons": [
            {name: text(addon.get(name)) for name in ("name", "quantity", "price", "group_name")}
            for addon in objects(part(item, "AddonItem").get("details"))
        ],
    }


def _sum(items: list[Mapping[str, Any]]) -> str:
    """What the lines make; the POS bills from them, whatever `total` says."""
    total = sum(
        (_number(item.get("final_price")) * _number(item.get("quantity")) for item in items), Decimal()
    )
    return f"{total:.2f}" if total.is_finite() and abs(total) < 10**12 else ""


def _number(value: Any) -> Decimal:
    try:
        number = Decimal(text(value))
    except InvalidOperation:
        return Decimal()
    return number if number.is_finite() and abs(number) < 10**9 else Decimal()


def _is_off_the_clock(written: str, now: dt.datetime) -> bool:
    try:
        created = dt.datetime.strptime(written, STORE_TIME).replace(tzinfo=TIMEZONE)
    except ValueError:
        return True
    return abs(now - created) > dt.timedelta(hours=1)
