"""Packing, delivery and service, with their taxes.

Their taxes are each a rate of the charge itself, whatever they are for items: a POS gets one rate per charge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from menus.snapshot import AmountKind, ChargeBase, OrderType, PackingMode, TaxSnapshot
from orders.pricing.basket import Basket
from orders.pricing.money import ZERO, money, total
from orders.pricing.taxes import forward_amount, forward_tax, named, tax_line
from orders.snapshot import ChargeLine, OrderLine, TaxLine


def packing_charge(
    basket: Basket, lines: Sequence[OrderLine], taxes: Mapping[str, TaxSnapshot]
) -> ChargeLine:
    """Once per order (an amount, or a percentage of the net items) or per unit; not for guests at a table."""
    charges = basket.charges
    if basket.order_type == OrderType.DINE_IN or charges.packing_mode == PackingMode.NONE:
        return ChargeLine()
    if charges.packing_mode == PackingMode.ITEM:
        amount = total(money(line.packing_charge or ZERO) * line.quantity for line in basket.lines)
    elif charges.packing_kind == AmountKind.PERCENT:
        amount = money(total(line.net_total for line in lines) * charges.packing / 100)
    else:
        amount = money(charges.packing)
    return taxed_charge(amount, named(charges.packing_tax_ids, taxes))


def delivery_charge(basket: Basket, taxes: Mapping[str, TaxSnapshot]) -> ChargeLine:
    """For deliveries only."""
    if basket.order_type != OrderType.DELIVERY:
        return ChargeLine()
    return taxed_charge(money(basket.charges.delivery), named(basket.charges.delivery_tax_ids, taxes))


def taxed_charge(amount: Decimal, taxes: Iterable[TaxSnapshot]) -> ChargeLine:
    """A charge with its taxes on top, whatever they are for items."""
    if not amount:
        return ChargeLine()
    return ChargeLine(
        amount, tuple(tax_line(tax, forward_amount(tax, amount, 1), inclusive=False) for tax in taxes)
    )


def service_charge(basket: Basket, lines: Sequence[OrderLine]) -> ChargeLine:
    """An amount, or a percentage of the items: before discount (core), or after it with their taxes (total)."""
    charges = basket.charges
    if basket.order_type not in charges.service_order_types:
        return ChargeLine()
    if charges.service_kind == AmountKind.FIXED:
        amount = money(charges.service)
    elif charges.service_base == ChargeBase.CORE:
        amount = money(total(line.unit_price * line.quantity for line in lines) * charges.service / 100)
    else:
        base = total(line.net_total for line in lines) + forward_tax(lines)
        amount = money(base * charges.service / 100)
    if not amount:
        return ChargeLine()
    return ChargeLine(amount, service_taxes(amount, lines) if charges.service_taxed else ())


def service_taxes(amount: Decimal, lines: Sequence[OrderLine]) -> tuple[TaxLine, ...]:
    """Tax a service charge like the food: each forward percentage on the share of the lines that carry it."""
    net = total(line.net_total for line in lines)
    carried: dict[str, Decimal] = {}
    taxes: dict[str, TaxLine] = {}
    for line in lines:
        for tax in line.taxes:
            if not tax.inclusive and tax.kind == AmountKind.PERCENT:
                carried[tax.external_id] = carried.get(tax.external_id, ZERO) + line.net_total
                taxes[tax.external_id] = tax
    if not net:
        return ()
    return tuple(
        replace(taxes[tax_id], amount=money(amount * carried[tax_id] * taxes[tax_id].rate / (net * 100)))
        for tax_id in sorted(taxes)
    )
