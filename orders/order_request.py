"""What a client asks for, once its shape is right: plain, frozen values. No prices, for those are ours."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from typing import Any

from menus.snapshot import OrderType
from orders.snapshot import Customer


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOnRequest:
    """An add-on of a line; `quantity` is per unit of the line."""

    addon_item_id: int
    quantity: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRequest:
    """One line. The ids are those that the menu endpoint gives."""

    item_id: int
    variation_id: int | None = None
    quantity: int = 1
    notes: str = ""
    addons: tuple[AddOnRequest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """One order. `expected_total`: what the client has shown to the guest; None: not checked.

    `pickup_code`: what the guest or rider says at the counter. `urgent_minutes`: wanted within; None: not said.
    """

    restaurant_id: int
    order_type: OrderType
    payment_type: str
    customer: Customer
    lines: tuple[LineRequest, ...]
    table_no: str = ""
    persons: int = 0
    scheduled_for: dt.datetime | None = None
    notes: str = ""
    coupon: str = ""
    pickup_code: str = ""
    urgent: bool = False
    urgent_minutes: int | None = None
    expected_total: Decimal | None = None

    def sha256(self) -> str:
        """Tells whether two requests ask for the same, however their JSON was written."""
        text = json.dumps(self, sort_keys=True, separators=(",", ":"), default=_plain)
        return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """What JSON has no word for. By hand: `asdict` copies every value first, which takes four times as long."""
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return str(value)
