"""The whole price of a basket."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from menus.snapshot import DiscountSnapshot
from orders.pricing.basket import Basket, covers
from orders.pricing.charges import delivery_charge, packing_charge, service_charge
from orders.pricing.discounts import best_discount
from orders.pricing.lines import price_line
from orders.pricing.money import total
from orders.pricing.taxes import forward_tax
from orders.snapshot import ChargeLine, OrderLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What it costs. `lines` are in the basket's order.

    `items_total`: the lines before discount. `tax_total`: all taxes, those inside prices too. `total`: what
    the guest pays. `discount`: the one that applied.
    """

    lines: tuple[OrderLine, ...]
    packing: ChargeLine
    delivery: ChargeLine
    service: ChargeLine
    discount: DiscountSnapshot | None
    items_total: Decimal
    discount_total: Decimal
    tax_total: Decimal
    total: Decimal


def price(basket: Basket) -> Quote:
    """Apply all rules: discount first, then the taxes of the lines, then the charges and theirs."""
    taxes = {
        tax.external_id: tax
        for tax in basket.taxes
        if tax.active and covers(tax.order_types, basket.order_type)
    }
    discount, unit_discounts = best_discount(basket)
    lines = tuple(
        price_line(line, unit_discount, taxes)
        for line, unit_discount in zip(basket.lines, unit_discounts, strict=True)
    )
    packing = packing_charge(basket, lines, taxes)
    delivery = delivery_charge(basket, taxes)
    service = service_charge(basket, lines)
    charges = (packing, delivery, service)

    return Quote(
        lines=lines,
        packing=packing,
        delivery=delivery,
        service=service,
        discount=discount,
        items_total=total(line.unit_price * line.quantity for line in lines),
        discount_total=total(line.unit_discount * line.quantity for line in lines),
        tax_total=total(tax.amount for line in lines for tax in line.taxes)
        + total(charge.tax_total for charge in charges),
        total=total(line.net_total for line in lines)
        + forward_tax(lines)
        + total(charge.amount + charge.tax_total for charge in charges),
    )
