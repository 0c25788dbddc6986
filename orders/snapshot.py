"""What a kitchen needs to know of an order: plain, frozen values that cross the seam to the POS.

Money is `Decimal` in major units, rounded to 2 places. Prices are for one unit unless the name says
`total`. Ids named `external_id` are the POS's, copied from the menu when the order was placed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from menus.snapshot import AmountKind, Liability, OrderType


@dataclass(frozen=True, slots=True)
class TaxLine:
    """One tax on one thing. `amount` is for the whole line, rounded half up."""

    external_id: str
    name: str
    rate: Decimal
    amount: Decimal
    kind: AmountKind = AmountKind.PERCENT
    inclusive: bool = False


@dataclass(frozen=True, slots=True)
class AddOnLine:
    """An add-on of a line; `quantity` is per unit of the line."""

    external_id: str
    name: str
    group_id: str
    group_name: str
    price: Decimal
    quantity: int


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line. `unit_price` holds the add-ons; `unit_discount` is already rounded.

    `net_total` is (`unit_price` - `unit_discount`) x `quantity`.
    """

    external_id: str
    name: str
    unit_price: Decimal
    unit_discount: Decimal
    quantity: int
    net_total: Decimal
    variation_id: str = ""
    variation_master_id: str = ""
    variation_name: str = ""
    tax_inclusive: bool = False
    liability: Liability = Liability.RESTAURANT
    taxes: tuple[TaxLine, ...] = ()
    addons: tuple[AddOnLine, ...] = ()
    notes: str = ""


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """Packing, delivery or service: the amount before tax, and its taxes."""

    amount: Decimal = Decimal("0.00")
    taxes: tuple[TaxLine, ...] = ()

    @property
    def tax_total(self) -> Decimal:
        """The sum of its taxes."""
        return sum((tax.amount for tax in self.taxes), Decimal("0.00"))


@dataclass(frozen=True, slots=True)
class Customer:
    """Whom the food is for. Unknown facts are empty."""

    name: str = ""
    phone: str = ""
    email: str = ""
    address: str = ""
    latitude: str = ""
    longitude: str = ""


@dataclass(frozen=True, slots=True)
class OrderSnapshot:
    """One order as the POS shall get it.

    `reference` is our id, unique for ever. `placed_at`, `scheduled_for` are aware UTC. `total` is what
    the guest pays; what is due to the restaurant alone is the adapter's to derive. `pickup_code`: digits that
    the guest or rider says at the counter. `urgent_minutes`: wanted within; None: not said.
    """

    reference: str
    order_type: OrderType
    payment_type: str
    placed_at: dt.datetime
    customer: Customer
    lines: tuple[OrderLine, ...]
    packing: ChargeLine
    delivery: ChargeLine
    service: ChargeLine
    discount_total: Decimal
    tax_total: Decimal
    total: Decimal
    pos_order_id: str = ""
    scheduled_for: dt.datetime | None = None
    prep_minutes: int | None = None
    table_no: str = ""
    persons: int = 0
    notes: str = ""
    pickup_code: str = ""
    urgent: bool = False
    urgent_minutes: int | None = None
