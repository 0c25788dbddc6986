"""What a POS publishes as its menu: plain, frozen values that cross the seam.

Adapters build a `MenuSnapshot`; `menus.services.apply_menu` writes it; `orders.pricing` computes with
the same words. Every `external_id` is the POS's own id, unique per restaurant and kind. Money is a
`Decimal` in major units (rupees, dollars), never a float; rates are percentages (`2.5` means 2.5 %).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any


class OrderType(StrEnum):
    """How the guest gets the food."""

    DELIVERY = "DELIVERY"
    PICKUP = "PICKUP"
    DINE_IN = "DINE_IN"


class AmountKind(StrEnum):
    """Whether a number is a percentage or an amount of money."""

    PERCENT = "percent"
    FIXED = "fixed"


class ChargeBase(StrEnum):
    """What a percentage is taken of: the items alone, or the items after discount with their taxes."""

    CORE = "core"
    TOTAL = "total"


class PackingMode(StrEnum):
    """Whether packing is charged, and whether once per order or per item."""

    NONE = "none"
    ITEM = "item"
    ORDER = "order"


class DiscountScope(StrEnum):
    """What a discount applies to."""

    ALL = "all"
    CATEGORIES = "categories"
    ITEMS = "items"


class Liability(StrEnum):
    """Who owes the tax of an item to the state: the restaurant, or the marketplace that sells for it."""

    RESTAURANT = "restaurant"
    VENDOR = "vendor"


@dataclass(frozen=True, slots=True)
class TaxSnapshot:
    """One tax. `inclusive`: already inside the price. Empty `order_types`: applies to all of them.

    `base`: total makes it a tax on taxes, see `orders.pricing.taxes`.
    """

    external_id: str
    name: str
    rate: Decimal
    kind: AmountKind = AmountKind.PERCENT
    base: ChargeBase = ChargeBase.CORE
    inclusive: bool = False
    order_types: tuple[OrderType, ...] = ()
    active: bool = True
    rank: int = 0


@dataclass(frozen=True, slots=True)
class GroupOffer:
    """An item or variation offers this add-on group; the guest picks `minimum` to `maximum` of it.

    `maximum` None: no upper limit.
    """

    group_id: str
    minimum: int = 0
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class VariationSnapshot:
    """One size or kind of an item; its price replaces the item's.

    `master_id`: the POS's id of the shared notion ("Large"), where it has one beside `external_id`.
    """

    external_id: str
    name: str
    price: Decimal
    master_id: str = ""
    group_name: str = ""
    packing_charge: Decimal | None = None
    active: bool = True
    rank: int = 0
    addon_groups: tuple[GroupOffer, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemSnapshot:
    """One dish. With variations its own `price` means nothing.

    `active`: switched on in the POS's menu. `in_stock`: the menu itself does not say "sold out".
    Empty `order_types`: sold for all of them. `details`: JSON-ready facts for display only
    (tags, nutrition, spice level, cuisine).
    """

    external_id: str
    category_id: str
    name: str
    price: Decimal
    description: str = ""
    variations: tuple[VariationSnapshot, ...] = ()
    addon_groups: tuple[GroupOffer, ...] = ()
    tax_ids: tuple[str, ...] = ()
    tax_inclusive: bool = False
    tax_exempt: bool = False
    discount_exempt: bool = False
    liability: Liability = Liability.RESTAURANT
    packing_charge: Decimal | None = None
    order_types: tuple[OrderType, ...] = ()
    active: bool = True
    in_stock: bool = True
    rank: int = 0
    diet: str = ""
    image_url: str = ""
    prep_minutes: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AddOnItemSnapshot:
    """One thing that can be added to an item, for `price` on top."""

    external_id: str
    name: str
    price: Decimal
    active: bool = True
    rank: int = 0
    diet: str = ""


@dataclass(frozen=True, slots=True)
class AddOnGroupSnapshot:
    """Add-ons offered together, such as "Extra toppings"."""

    external_id: str
    name: str
    items: tuple[AddOnItemSnapshot, ...] = ()
    active: bool = True
    rank: int = 0


@dataclass(frozen=True, slots=True)
class OpeningWindow:
    """When something is sold, on the restaurant's clock. Empty `days`: each; 0 is Monday.

    `closes` before `opens`: over midnight, and the window belongs to the day on which it began.
    """

    opens: dt.time
    closes: dt.time
    days: tuple[int, ...] = ()

    def holds(self, local_time: dt.datetime) -> bool:
        """Whether `local_time`, on the restaurant's clock, is in it; both ends are."""
        now = local_time.time().replace(second=0, microsecond=0)
        day = local_time.weekday()
        if self.opens > self.closes:
            if self.closes < now < self.opens:
                return False
            if now <= self.closes:
                day = (day - 1) % 7
        elif self.opens < self.closes and not self.opens <= now <= self.closes:
            return False
        return not self.days or day in self.days


@dataclass(frozen=True, slots=True)
class CategorySnapshot:
    """A heading of the menu. `parent_id` is empty at the top. Without `opening` it is always sold."""

    external_id: str
    name: str
    parent_id: str = ""
    active: bool = True
    rank: int = 0
    image_url: str = ""
    opening: tuple[OpeningWindow, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DiscountSnapshot:
    """A discount of the menu. Empty `order_types`, `days`: all of them. `days`: 0 is Monday.

    `min_amount`: the items' sum from which it applies. `max_discount`: the most it takes off an order.
    `needs_coupon`: applies only when the guest gives `coupon_code`, in any case; so never without a code.
    """

    external_id: str
    name: str
    kind: AmountKind
    amount: Decimal
    scope: DiscountScope = DiscountScope.ALL
    target_ids: tuple[str, ...] = ()
    order_types: tuple[OrderType, ...] = ()
    days: tuple[int, ...] = ()
    starts: dt.date | None = None
    ends: dt.date | None = None
    time_from: dt.time | None = None
    time_to: dt.time | None = None
    min_amount: Decimal | None = None
    max_amount: Decimal | None = None
    max_discount: Decimal | None = None
    needs_coupon: bool = False
    coupon_code: str = ""
    active: bool = True
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Charges:
    """What the restaurant charges beside the food, and the times it promises."""

    delivery: Decimal = Decimal(0)
    delivery_tax_ids: tuple[str, ...] = ()
    packing_mode: PackingMode = PackingMode.NONE
    packing_kind: AmountKind = AmountKind.FIXED
    packing: Decimal = Decimal(0)
    packing_tax_ids: tuple[str, ...] = ()
    service_order_types: tuple[OrderType, ...] = ()
    service_kind: AmountKind = AmountKind.FIXED
    service: Decimal = Decimal(0)
    service_base: ChargeBase = ChargeBase.CORE
    service_taxed: bool = False
    minimum_order: Decimal = Decimal(0)
    prep_minutes: int | None = None
    delivery_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class MenuProblem:
    """One thing in a POS's menu that could not be used: which, what was found, what was done."""

    kind: str
    external_id: str
    field: str
    found: str
    done: str

    def as_json(self) -> dict[str, str]:
        """The line that `MenuSyncHistory.errors` keeps."""
        return {
            "kind": self.kind,
            "external_id": self.external_id,
            "field": self.field,
            "found": self.found,
            "done": self.done,
        }


@dataclass(frozen=True, slots=True)
class MenuSnapshot:
    """A whole menu. What is not in it is gone from the menu.

    `details`: JSON-ready facts about it as a whole that nothing here computes with (tables, delivery hours).
    """

    categories: tuple[CategorySnapshot, ...] = ()
    items: tuple[ItemSnapshot, ...] = ()
    addon_groups: tuple[AddOnGroupSnapshot, ...] = ()
    taxes: tuple[TaxSnapshot, ...] = ()
    discounts: tuple[DiscountSnapshot, ...] = ()
    charges: Charges = Charges()
    problems: tuple[MenuProblem, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
