"""What an order costs: every money rule, each a function. No database, no clock, no floats.

Rounding: `money` rounds half up to 2 places, at each tax line, each unit discount and each charge. All
totals are sums of rounded values, so a receipt adds up. `TaxSnapshot.base` is not used: every percentage
of a line is taken of the line's net.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from menus.snapshot import (
    AmountKind,
    ChargeBase,
    Charges,
    DiscountScope,
    DiscountSnapshot,
    Liability,
    OrderType,
    PackingMode,
    TaxSnapshot,
)
from orders.snapshot import AddOnLine, ChargeLine, OrderLine, TaxLine

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


def money(amount: Decimal) -> Decimal:
    """Round half up to 2 places."""
    return amount.quantize(CENT, ROUND_HALF_UP)


# --- what goes in and what comes out -----------------------------------------------------------------


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
    """Everything a price depends on. `local_time`: now, on the restaurant's clock."""

    order_type: OrderType
    local_time: dt.datetime
    lines: tuple[BasketLine, ...]
    charges: Charges = Charges()
    taxes: tuple[TaxSnapshot, ...] = ()
    discounts: tuple[DiscountSnapshot, ...] = ()


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
        if tax.active and _covers(tax.order_types, basket.order_type)
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
        items_total=_total(line.unit_price * line.quantity for line in lines),
        discount_total=_total(line.unit_discount * line.quantity for line in lines),
        tax_total=_total(tax.amount for line in lines for tax in line.taxes)
        + _total(charge.tax_total for charge in charges),
        total=_total(line.net_total for line in lines)
        + forward_tax(lines)
        + _total(charge.amount + charge.tax_total for charge in charges),
    )


# --- lines -------------------------------------------------------------------------------------------


def unit_price(line: BasketLine) -> Decimal:
    """The item's or variation's price and the add-ons of one unit."""
    return money(line.price + _total(addon.price * addon.quantity for addon in line.addons))


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


def line_taxes(line: BasketLine, net: Decimal, taxes: Mapping[str, TaxSnapshot]) -> tuple[TaxLine, ...]:
    """The taxes of a line, in the order in which the item names them; none for an exempt one.

    Those inside the price are taken out of it first; forward ones are computed on what is left.
    """
    if line.tax_exempt:
        return ()
    named = _named(line.tax_ids, taxes)
    inside = [tax for tax in named if line.tax_inclusive or tax.inclusive]
    amounts = inclusive_amounts(inside, net, line.quantity)
    core = net - _total(amounts.values())
    for tax in named:
        if tax.external_id not in amounts:
            amounts[tax.external_id] = forward_amount(tax, core, line.quantity)
    included = {tax.external_id for tax in inside}
    return tuple(
        _tax_line(tax, amounts[tax.external_id], inclusive=tax.external_id in included) for tax in named
    )


def forward_amount(tax: TaxSnapshot, core: Decimal, quantity: int) -> Decimal:
    """A tax on top of `core`: for the whole line, not per unit; a fixed one is an amount per unit."""
    if tax.kind == AmountKind.FIXED:
        return money(tax.rate * quantity)
    return money(core * tax.rate / 100)


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
    rates = _total(tax.rate for tax in taxes if tax.kind == AmountKind.PERCENT)
    base = left
    for tax in taxes:
        if tax.kind == AmountKind.PERCENT:
            amounts[tax.external_id] = min(money(base * tax.rate / (100 + rates)), left)
            left -= amounts[tax.external_id]
    return amounts


def forward_tax(lines: Iterable[OrderLine]) -> Decimal:
    """What the lines' taxes add to the total."""
    return _total(tax.amount for line in lines for tax in line.taxes if not tax.inclusive)


# --- discounts ---------------------------------------------------------------------------------------


def best_discount(basket: Basket) -> tuple[DiscountSnapshot | None, list[Decimal]]:
    """The one discount of the order, and what it takes off a unit of each line.

    Of several that apply, the one that takes most off wins; of equal ones the lowest rank, then the lowest id.
    """
    best: DiscountSnapshot | None = None
    best_units = [ZERO] * len(basket.lines)
    best_saving = ZERO
    items_total = _total(unit_price(line) * line.quantity for line in basket.lines)
    for discount in sorted(basket.discounts, key=lambda discount: (discount.rank, discount.external_id)):
        if not discount_applies(discount, basket.order_type, basket.local_time, items_total):
            continue
        units = unit_discounts(discount, basket.lines)
        saving = _total(unit * line.quantity for unit, line in zip(units, basket.lines, strict=True))
        if saving > best_saving:
            best, best_units, best_saving = discount, units, saving
    return best, best_units


def discount_applies(
    discount: DiscountSnapshot, order_type: OrderType, local_time: dt.datetime, items_total: Decimal
) -> bool:
    """Whether an order may have it: switched on, no coupon needed, order type, time and sum of the items."""
    return (
        discount.active
        and not discount.needs_coupon
        and _covers(discount.order_types, order_type)
        and in_window(discount, local_time)
        and (discount.min_amount is None or items_total >= discount.min_amount)
        and (discount.max_amount is None or items_total <= discount.max_amount)
    )


def in_window(discount: DiscountSnapshot, local_time: dt.datetime) -> bool:
    """Whether it is the day, date and time of a discount; all bounds belong to it.

    A window over midnight belongs to the day on which it began: with Friday 18:00 to 02:00, Saturday 01:00
    is in. Equal times mean the whole day.
    """
    day = local_time.date()
    now = local_time.time().replace(second=0, microsecond=0)
    opens = discount.time_from or dt.time.min
    closes = discount.time_to or dt.time.max
    if opens < closes and not opens <= now <= closes:
        return False
    if opens > closes:
        if closes < now < opens:
            return False
        if now <= closes:
            day -= dt.timedelta(days=1)
    return (
        (not discount.days or day.weekday() in discount.days)
        and (discount.starts is None or day >= discount.starts)
        and (discount.ends is None or day <= discount.ends)
    )


def covers_line(discount: DiscountSnapshot, line: BasketLine) -> bool:
    """Whether a discount touches a line."""
    if line.discount_exempt:
        return False
    if discount.scope == DiscountScope.CATEGORIES:
        return line.category_id in discount.target_ids
    if discount.scope == DiscountScope.ITEMS:
        return line.external_id in discount.target_ids or line.variation_id in discount.target_ids
    return True


def unit_discounts(discount: DiscountSnapshot, lines: Sequence[BasketLine]) -> list[Decimal]:
    """What a discount takes off a unit of each line: a percentage, or a share of an amount; capped."""
    covered = [covers_line(discount, line) for line in lines]
    if discount.kind == AmountKind.FIXED:
        amount = (
            discount.amount if discount.max_discount is None else min(discount.amount, discount.max_discount)
        )
        return spread(amount, lines, covered)
    percent = min(max(discount.amount, ZERO), Decimal(100))
    units = [
        money(unit_price(line) * percent / 100) if is_covered else ZERO
        for line, is_covered in zip(lines, covered, strict=True)
    ]
    saving = _total(unit * line.quantity for unit, line in zip(units, lines, strict=True))
    if discount.max_discount is not None and saving > discount.max_discount:
        return spread(discount.max_discount, lines, covered)
    return units


def spread(amount: Decimal, lines: Sequence[BasketLine], covered: Sequence[bool]) -> list[Decimal]:
    """Share an amount among the covered lines in proportion to their prices, per unit, never more than it.

    Shares are rounded down; then whole cents per unit are given out while they fit, largest remainder first.
    What does not fit (1.00 on 3 units: 0.33 each) is not given: what applied is what the lines say.
    """
    prices = [
        unit_price(line) if is_covered else ZERO for line, is_covered in zip(lines, covered, strict=True)
    ]
    whole = _total(price * line.quantity for price, line in zip(prices, lines, strict=True))
    amount = min(max(amount, ZERO), whole)
    if not amount:
        return [ZERO] * len(lines)
    exact = [price * amount / whole for price in prices]
    units = [share.quantize(CENT, ROUND_DOWN) for share in exact]
    left = amount - _total(unit * line.quantity for unit, line in zip(units, lines, strict=True))
    # Ordered by content, so that the order of the lines does not matter.
    for i in sorted(range(len(lines)), key=lambda i: (units[i] - exact[i], -prices[i], repr(lines[i]))):
        if units[i] + CENT <= prices[i] and left >= CENT * lines[i].quantity:
            units[i] += CENT
            left -= CENT * lines[i].quantity
    return units


# --- charges -----------------------------------------------------------------------------------------


def packing_charge(
    basket: Basket, lines: Sequence[OrderLine], taxes: Mapping[str, TaxSnapshot]
) -> ChargeLine:
    """Once per order (an amount, or a percentage of the net items) or per unit; not for guests at a table."""
    charges = basket.charges
    if basket.order_type == OrderType.DINE_IN or charges.packing_mode == PackingMode.NONE:
        return ChargeLine()
    if charges.packing_mode == PackingMode.ITEM:
        amount = _total(money(line.packing_charge or ZERO) * line.quantity for line in basket.lines)
    elif charges.packing_kind == AmountKind.PERCENT:
        amount = money(_total(line.net_total for line in lines) * charges.packing / 100)
    else:
        amount = money(charges.packing)
    return taxed_charge(amount, _named(charges.packing_tax_ids, taxes))


def delivery_charge(basket: Basket, taxes: Mapping[str, TaxSnapshot]) -> ChargeLine:
    """For deliveries only."""
    if basket.order_type != OrderType.DELIVERY:
        return ChargeLine()
    return taxed_charge(money(basket.charges.delivery), _named(basket.charges.delivery_tax_ids, taxes))


def taxed_charge(amount: Decimal, taxes: Iterable[TaxSnapshot]) -> ChargeLine:
    """A charge with its taxes on top, whatever they are for items."""
    if not amount:
        return ChargeLine()
    return ChargeLine(
        amount, tuple(_tax_line(tax, forward_amount(tax, amount, 1), inclusive=False) for tax in taxes)
    )


def service_charge(basket: Basket, lines: Sequence[OrderLine]) -> ChargeLine:
    """An amount, or a percentage of the items: before discount (core), or after it with their taxes (total)."""
    charges = basket.charges
    if basket.order_type not in charges.service_order_types:
        return ChargeLine()
    if charges.service_kind == AmountKind.FIXED:
        amount = money(charges.service)
    elif charges.service_base == ChargeBase.CORE:
        amount = money(_total(line.unit_price * line.quantity for line in lines) * charges.service / 100)
    else:
        base = _total(line.net_total for line in lines) + forward_tax(lines)
        amount = money(base * charges.service / 100)
    if not amount:
        return ChargeLine()
    return ChargeLine(amount, service_taxes(amount, lines) if charges.service_taxed else ())


def service_taxes(amount: Decimal, lines: Sequence[OrderLine]) -> tuple[TaxLine, ...]:
    """Tax a service charge like the food: each forward percentage on the share of the lines that carry it."""
    net = _total(line.net_total for line in lines)
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


# --- small change ------------------------------------------------------------------------------------


def _total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def _covers(order_types: Sequence[OrderType], order_type: OrderType) -> bool:
    """An empty list means all of them."""
    return not order_types or order_type in order_types


def _named(tax_ids: Iterable[str], taxes: Mapping[str, TaxSnapshot]) -> list[TaxSnapshot]:
    return [taxes[tax_id] for tax_id in dict.fromkeys(tax_ids) if tax_id in taxes]


def _tax_line(tax: TaxSnapshot, amount: Decimal, *, inclusive: bool) -> TaxLine:
    return TaxLine(tax.external_id, tax.name, tax.rate, amount, tax.kind, inclusive)
