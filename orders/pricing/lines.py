"""One line of a basket, priced."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from menus.snapshot import TaxSnapshot
from orders.pricing.basket import BasketLine, unit_price
from orders.pricing.taxes import line_taxes
from orders.snapshot import OrderLine


def price_line(line: BasketLine, unit_discount: Decimal, taxes: Mapping[str, TaxSnapshot]) -> OrderLine:
    """One line with its discount taken off and its taxes computed. `taxes`: those of this order type, by id."""
    price_each = unit_price(line)
    net = (price_each - unit_discount) * line.quantity
    return OrderLine(
        external_id=line.external_id,
        name=line.name,
        unit_price=price_each,
        unit_discount=unit_discount,
        quantity=line.quantity,
        net_total=net,
        variation_id=line.variation_id,
        variation_master_id=line.variation_master_id,
        variation_name=line.variation_name,
        tax_inclusive=line.tax_inclusive,
        liability=line.liability,
        taxes=line_taxes(line, net, taxes),
        addons=line.addons,
        notes=line.notes,
    )
