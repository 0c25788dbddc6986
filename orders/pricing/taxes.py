"""The taxes of a line: inside its price, on its core, on its total.

Inside: taken out of the line's net, whatever their base. Core: the net without those. Total: the net with
the line's taxes on core, so that a tax on total is a tax on taxes, but never on another one on total.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from menus.snapshot import AmountKind, ChargeBase, TaxSnapshot
from orders.pricing.basket import BasketLine
from orders.pricing.money import money, total
from orders.snapshot import OrderLine, TaxLine


def line_taxes(line: BasketLine, net: Decimal, taxes: Mapping[str, TaxSnapshot]) -> tuple[TaxLine, ...]:
    """The taxes of a line, in the order in which the item names them; none for an exempt one.

    Those inside the price are taken out of it first.
    """
    if line.tax_exempt:
        return ()
    owed = named(line.tax_ids, taxes)
    inside = [tax for tax in owed if line.tax_inclusive or tax.inclusive]
    amounts = inclusive_amounts(inside, net, line.quantity)
    forward = [tax for tax in owed if tax.external_id not in amounts]
    amounts |= forward_amounts(forward, net - total(amounts.values()), net, line.quantity)
    included = {tax.external_id for tax in inside}
    return tuple(
        tax_line(tax, amounts[tax.external_id], inclusive=tax.external_id in included) for tax in owed
    )


def forward_amounts(
    taxes: Sequence[TaxSnapshot], core: Decimal, net: Decimal, quantity: int
) -> dict[str, Decimal]:
    """Taxes on top of a line, by id: first those on `core`, then those on `net` and all of the first."""
    on_core = {
        tax.external_id: forward_amount(tax, core, quantity) for tax in taxes if tax.base == ChargeBase.CORE
    }
    whole = net + total(on_core.values())
    return on_core | {
        tax.external_id: forward_amount(tax, whole, quantity) for tax in taxes if tax.base == ChargeBase.TOTAL
    }


def forward_amount(tax: TaxSnapshot, base: Decimal, quantity: int) -> Decimal:
    """A tax on top of `base`: for the whole line, not per unit; a fixed one is an amount per unit."""
    if tax.kind == AmountKind.FIXED:
        return money(tax.rate * quantity)
    return money(base * tax.rate / 100)


def inclusive_amounts(taxes: Sequence[TaxSnapshot], net: Decimal, quantity: int) -> dict[str, Decimal]:
    """Taxes inside `net`, by id: net x rate / (100 + all rates); 360 at 2.5 and 2.5 holds 8.57 and 8.57.

    Fixed ones come out first. Together they are never more than `net`.
    """
    amounts: dict[str, Decimal] = {}
    left = net
    for tax in taxes:
        if tax.kind == AmountKind.FIXED:
            amounts[tax.external_id] = min(money(tax.rate * quantity), left)
            left -= amounts[tax.external_id]
    rates = total(tax.rate for tax in taxes if tax.kind == AmountKind.PERCENT)
    base = left
    for tax in taxes:
        if tax.kind == AmountKind.PERCENT:
            amounts[tax.external_id] = min(money(base * tax.rate / (100 + rates)), left)
            left -= amounts[tax.external_id]
    return amounts


def forward_tax(lines: Iterable[OrderLine]) -> Decimal:
    """What the lines' taxes add to the total."""
    return total(tax.amount for line in lines for tax in line.taxes if not tax.inclusive)


def named(tax_ids: Iterable[str], taxes: Mapping[str, TaxSnapshot]) -> list[TaxSnapshot]:
    """The taxes of these ids, each once; unknown ones are ignored."""
    return [taxes[tax_id] for tax_id in dict.fromkeys(tax_ids) if tax_id in taxes]


def tax_line(tax: TaxSnapshot, amount: Decimal, *, inclusive: bool) -> TaxLine:
    """What an order keeps of a tax."""
    return TaxLine(tax.external_id, tax.name, tax.rate, amount, tax.kind, inclusive)
