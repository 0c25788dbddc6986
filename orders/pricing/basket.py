"""What goes into pricing: everything that a price depends on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from menus.snapshot import Charges, DiscountSnapshot, Liability, OrderType, TaxSnapshot
from orders.pricing.money import money, total
from orders.snapshot import AddOnLine


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketLine:
    """One line to be priced.

    `price`: the variation's where there is one, else the item's. `packing_charge`: likewise. `tax_ids`: the
    taxes that the item names; those that the restaurant does not have are ignored.
    """

    external_id: str
    name: str
    price: Decimal
    quantity: int
    category_id: str = ""
    variation_id: str = ""
    variation_master_id: str = ""
    variation_name: str = ""
    addons: tuple[AddOnLine, ...] = ()
    tax_ids: tuple[str, ...] = ()
    tax_inclusive: bool = False
    tax_exempt: bool = False
    discount_exempt: bool = False
    packing_charge: Decimal | None = None
    liability: Liability = Liability.RESTAURANT
    notes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """One order to be priced. `local_time`: now, on the restaurant's clock. `coupon`: as the guest wrote it."""

    order_type: OrderType
    local_time: dt.datetime
    lines: tuple[BasketLine, ...]
    charges: Charges = Charges()
    taxes: tuple[TaxSnapshot, ...] = ()
    discounts: tuple[DiscountSnapshot, ...] = ()
    coupon: str = ""


def unit_price(line: BasketLine) -> Decimal:
    """The item's or variation's price and the add-ons of one unit."""
    return money(line.price + total(addon.price * addon.quantity for addon in line.addons))


def items_total(lines: Iterable[BasketLine]) -> Decimal:
    """The lines before discount and taxes."""
    return total(unit_price(line) * line.quantity for line in lines)


def covers(order_types: Sequence[OrderType], order_type: OrderType) -> bool:
    """An empty list means all of them."""
    return not order_types or order_type in order_types
