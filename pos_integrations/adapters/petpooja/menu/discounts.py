"""PetPooja's discounts → ours. In doubt a discount is left out: one that gives too much costs money.

Source: PetPooja online ordering API v2.1.0 reference, fetch menu, `discounts`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from menus.snapshot import AmountKind, DiscountScope, DiscountSnapshot, OrderType
from pos_integrations.adapters.petpooja import times
from pos_integrations.adapters.petpooja.menu.document import Document
from pos_integrations.adapters.petpooja.schema import menu as schema
from pos_integrations.adapters.petpooja.values import hoped_text

# Types that give dishes, not money: we have no words for them.
GIFTS = {"3": "buy one, get one", "7": "freebie"}
# What an order takes as a coupon.
LONGEST_COUPON = 50


class Unusable(Exception):
    """A discount that must be left out: `field`, what was `found` there and `why` it will not do."""

    def __init__(self, field: str, found: Any, why: str) -> None:
        super().__init__(why)
        self.field, self.found, self.why = field, found, why


def discounts(document: Document) -> Iterator[DiscountSnapshot]:
    """The discounts that take money off; what they cannot be used for is reported."""
    raw = [row for row in document.listed("discounts") if not _is_gift(document, row)]
    for row in document.rows(schema.Discount, raw):
        types = document.order_types("discount", row.discountid, "discountordertype", row.discountordertype)
        try:
            discount = _discount(row, types)
        except Unusable as error:
            document.problem("discount", row.discountid, error.field, error.found, f"left out ({error.why})")
            continue
        if row.discountontotal and discount.kind is AmountKind.PERCENT:
            document.problem(
                "discount", row.discountid, "discountontotal", "1", "taken of the items before tax"
            )
        yield discount


def _is_gift(document: Document, row: Any) -> bool:
    if not isinstance(row, dict) or str(row.get("discounttype")) not in GIFTS:
        return False
    kind, name = row["discounttype"], GIFTS[str(row["discounttype"])]
    external_id = hoped_text(row.get("discountid"))
    document.problem("discount", external_id, "discounttype", kind, f"kept out ({name})")
    return True


def _coupon_code(row: schema.Discount) -> str:
    """PetPooja has no key for the code: the guest types the discount's name."""
    if not row.discounthascoupon:
        return ""
    if not row.discountname:
        raise Unusable("discountname", "", "needs a coupon and has no name to be its code")
    if len(row.discountname) > LONGEST_COUPON:
        raise Unusable("discountname", row.discountname, "is too long for a coupon's code")
    return row.discountname


def _discount(row: schema.Discount, types: tuple[OrderType, ...] | None) -> DiscountSnapshot:
    # `types` None switches it off.
    if row.discounttype is AmountKind.PERCENT and row.discount > 100:
        raise Unusable("discount", row.discount, "is over 100 %")
    if row.discountapplicableon is not DiscountScope.ALL and not row.discountcategoryitemids:
        raise Unusable("discountcategoryitemids", "", "names nothing that it applies to")
    return DiscountSnapshot(
        external_id=row.discountid,
        name=row.discountname or "Discount",
        kind=row.discounttype,
        amount=row.discount,
        scope=row.discountapplicableon,
        target_ids=row.discountcategoryitemids,
        order_types=types or (),
        days=_days(row.discountdays),
        starts=_date("discountstarts", row.discountstarts),
        ends=_date("discountends", row.discountends),
        time_from=_time("discounttimefrom", row.discounttimefrom),
        time_to=_time("discounttimeto", row.discounttimeto),
        min_amount=row.discountminamount,
        max_amount=row.discountmaxamount,
        max_discount=row.discountmaxlimit,
        needs_coupon=row.discounthascoupon,
        coupon_code=_coupon_code(row),
        active=row.active and types is not None,
        rank=row.rank or 0,
    )


def _days(names: tuple[str, ...]) -> tuple[int, ...]:
    try:
        return times.weekdays(names)
    except ValueError as error:
        raise Unusable("discountdays", ",".join(names), str(error)) from error


def _date(field: str, text: str) -> dt.date | None:
    # Unset is "" in the reference; MySQL's own way of saying so is zeros.
    if not text or text.startswith("0000-00-00"):
        return None
    try:
        return dt.date.fromisoformat(text[:10])
    except ValueError as error:
        raise Unusable(field, text, "is not a date such as 2026-01-31") from error


def _time(field: str, text: str) -> dt.time | None:
    if not text:
        return None
    try:
        return times.clock(text)
    except ValueError as error:
        raise Unusable(field, text, str(error)) from error
