"""The one discount of an order: which of the menu's applies, and what it takes off each line.

A discount that needs a coupon applies only when the guest gives its code. A coupon never makes an order
dearer: when a discount that needs none saves more, that one applies; of equal ones the coupon's does.

Percentages are taken of the items before tax, also those that a POS calls "on total": the taxes are
computed on what is left, so the total with its percentage taxes falls by the same percentage.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

from menus.snapshot import AmountKind, DiscountScope, DiscountSnapshot
from orders.pricing.basket import Basket, BasketLine, covers, items_total, unit_price
from orders.pricing.money import CENT, ZERO, money, total


class Hindrance(StrEnum):
    """Why an order may not have a discount."""

    ORDER_TYPE = "order_type"
    TIME = "time"
    MINIMUM = "minimum_amount"
    MAXIMUM = "maximum_amount"
    ITEMS = "items"  # it takes nothing off any of them


def best_discount(basket: Basket) -> tuple[DiscountSnapshot | None, list[Decimal]]:
    """The one discount of the order, and what it takes off a unit of each line.

    Of several that apply, the one that takes most off wins; of equal ones the coupon's, then the lowest rank,
    then the lowest id.
    """
    best: DiscountSnapshot | None = None
    best_units = [ZERO] * len(basket.lines)
    automatic = [offer for offer in basket.discounts if offer.active and not offer.needs_coupon]
    for discount in (*coupon_discounts(basket), *sorted(automatic, key=_precedence)):
        if hindrance(discount, basket) is None:
            units = unit_discounts(discount, basket.lines)
            if saving(units, basket.lines) > saving(best_units, basket.lines):
                best, best_units = discount, units
    return best, best_units


def coupon_discounts(basket: Basket) -> list[DiscountSnapshot]:
    """The discounts whose code the guest gave, in any case, whether they apply or not."""
    code = _folded(basket.coupon)
    offers = (offer for offer in basket.discounts if offer.active and offer.needs_coupon)
    return sorted((offer for offer in offers if code and _folded(offer.coupon_code) == code), key=_precedence)


def hindrance(discount: DiscountSnapshot, basket: Basket) -> Hindrance | None:
    """What keeps a discount from an order, be it automatic or a coupon's; None: nothing."""
    amount = items_total(basket.lines)
    if not covers(discount.order_types, basket.order_type):
        return Hindrance.ORDER_TYPE
    if not in_window(discount, basket.local_time):
        return Hindrance.TIME
    if discount.min_amount is not None and amount < discount.min_amount:
        return Hindrance.MINIMUM
    if discount.max_amount is not None and amount > discount.max_amount:
        return Hindrance.MAXIMUM
    if not any(unit_discounts(discount, basket.lines)):
        return Hindrance.ITEMS
    return None


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
    if discount.max_discount is not None and saving(units, lines) > discount.max_discount:
        return spread(discount.max_discount, lines, covered)
    return units


def saving(units: Sequence[Decimal], lines: Sequence[BasketLine]) -> Decimal:
    """What these unit discounts take off all lines together."""
    return total(unit * line.quantity for unit, line in zip(units, lines, strict=True))


def spread(amount: Decimal, lines: Sequence[BasketLine], covered: Sequence[bool]) -> list[Decimal]:
    """Share an amount among the covered lines in proportion to their prices, per unit, never more than it.

    Shares are rounded down; then whole cents per unit are given out while they fit, largest remainder first.
    What does not fit (1.00 on 3 units: 0.33 each) is not given: what applied is what the lines say.
    """
    prices = [
        unit_price(line) if is_covered else ZERO for line, is_covered in zip(lines, covered, strict=True)
    ]
    whole = total(price * line.quantity for price, line in zip(prices, lines, strict=True))
    amount = min(max(amount, ZERO), whole)
    if not amount:
        return [ZERO] * len(lines)
    exact = [price * amount / whole for price in prices]
    units = [share.quantize(CENT, ROUND_DOWN) for share in exact]
    left = amount - saving(units, lines)
    # Ordered by content, so that the order of the lines does not matter.
    for i in sorted(range(len(lines)), key=lambda i: (units[i] - exact[i], -prices[i], repr(lines[i]))):
        if units[i] + CENT <= prices[i] and left >= CENT * lines[i].quantity:
            units[i] += CENT
            left -= CENT * lines[i].quantity
    return units


def _precedence(discount: DiscountSnapshot) -> tuple[int, str]:
    return discount.rank, discount.external_id


def _folded(code: str) -> str:
    return " ".join(code.split()).casefold()
