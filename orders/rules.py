"""What may be ordered: every rule of a basket, all violations collected, nothing read or written here."""

from __future__ import annotations

import calendar
import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ding.errors import DomainError
from menus.models import AddOnItem, Item, Restaurant, Variation
from menus.serialization import opening_from_json
from menus.snapshot import Charges, DiscountSnapshot, GroupOffer, OrderType, TaxSnapshot
from orders.order_request import LineRequest, OrderRequest
from orders.pricing import Basket, Hindrance, Quote, coupon_discounts, hindrance

MOST_UNITS = 999
FURTHEST_AHEAD = dt.timedelta(days=60)
MOST_ADDON_UNITS = 99
# What a money column holds.
MOST_MONEY = Decimal("9999999999.99")


class BasketRefused(DomainError):
    """The order breaks rules; `fields` has all of them."""

    code = "basket_refused"

    def __init__(self, violations: Violations) -> None:
        super().__init__(
            "The order was not placed. Each entry of `fields` says what to change.", fields=violations.fields
        )


@dataclass(slots=True)
class Violations:
    """Broken rules by field path, as `DomainError.fields` has them."""

    fields: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, path: str, rule: str, message: str, *, expected: Any = None, given: Any = None) -> None:
        """Note one; `expected` and `given` are left out when there is nothing to say."""
        facts = {"expected": expected, "given": given}
        told = {name: fact for name, fact in facts.items() if fact is not None}
        self.fields.setdefault(path, []).append({"rule": rule, "message": message, **told})

    def refuse_if_any(self) -> None:
        """Raises BasketRefused."""
        if self.fields:
            raise BasketRefused(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuExtract:
    """The part of one restaurant's menu that a request names, all of one `version`.

    `variations`: of the named items, by item. `addons`: of the groups that these offer, by group's external
    id. `version` None: the restaurant has no menu.
    """

    restaurant: Restaurant
    version: int | None
    charges: Charges
    items: dict[int, Item]
    variations: dict[int, list[Variation]]
    item_offers: dict[int, tuple[GroupOffer, ...]]
    variation_offers: dict[int, tuple[GroupOffer, ...]]
    addons: dict[str, list[AddOnItem]]
    taxes: tuple[TaxSnapshot, ...]
    discounts: tuple[DiscountSnapshot, ...]

    def variation(self, line: LineRequest) -> Variation | None:
        """The variation that a line names, if its item has it."""
        return next((v for v in self.variations.get(line.item_id, ()) if v.pk == line.variation_id), None)

    def offers(self, line: LineRequest) -> dict[str, GroupOffer]:
        """The add-on groups that a line may choose from. A variation's own limits go before its item's."""
        variation = self.variation(line)
        own = self.variation_offers[variation.pk] if variation else ()
        return {offer.group_id: offer for offer in (*self.item_offers[line.item_id], *own)}

    def offered_addons(self, line: LineRequest) -> dict[int, AddOnItem]:
        """The add-ons that a line may choose, by id; sold-out ones too."""
        return {addon.pk: addon for group_id in self.offers(line) for addon in self.addons.get(group_id, ())}


# --- before pricing ------------------------------------------------------------------------------------


def check_request(
    request: OrderRequest, menu: MenuExtract, now: dt.datetime, wanted_at: dt.datetime
) -> Violations:
    """Everything that can be wrong whatever the prices. `wanted_at`: on the restaurant's clock."""
    violations = Violations()
    if not menu.restaurant.accepting_orders:
        violations.add(
            "restaurant_id", "not_accepting_orders", "The restaurant takes no orders now. Try again later."
        )
    if menu.version is None:
        violations.add(
            "restaurant_id", "no_menu", "The restaurant has no menu yet. Synchronise its menu first."
        )
    if request.scheduled_for is not None and request.scheduled_for <= now:
        violations.add(
            "scheduled_for",
            "scheduled_in_past",
            "The time has passed. Send a later one, or none for as soon as possible.",
            expected=f"later than {now.isoformat()}",
            given=request.scheduled_for.isoformat(),
        )
    if request.scheduled_for is not None and request.scheduled_for > now + FURTHEST_AHEAD:
        violations.add(
            "scheduled_for",
            "scheduled_too_far",
            f"Order at most {FURTHEST_AHEAD.days} days ahead.",
            expected=f"until {(now + FURTHEST_AHEAD).isoformat()}",
            given=request.scheduled_for.isoformat(),
        )
    if not request.lines:
        violations.add("items", "empty_basket", "There is nothing in the basket. Add an item.")
    if menu.version is not None:
        for i, line in enumerate(request.lines):
            _check_line(violations, f"items[{i}]", line, request.order_type, menu)
            _check_hours(violations, f"items[{i}].item_id", menu.items.get(line.item_id), wanted_at)
    return violations


def _check_line(
    violations: Violations, path: str, line: LineRequest, order_type: OrderType, menu: MenuExtract
) -> None:
    if not 1 <= line.quantity <= MOST_UNITS:
        violations.add(
            f"{path}.quantity",
            "quantity_out_of_range",
            f"Order between 1 and {MOST_UNITS}.",
            expected=f"1 to {MOST_UNITS}",
            given=line.quantity,
        )
    item = menu.items.get(line.item_id)
    if item is None:
        violations.add(
            f"{path}.item_id",
            "item_unknown",
            "This restaurant has no such item. Read its menu again and remove the line.",
            given=line.item_id,
        )
        return
    variations = menu.variations.get(item.pk, [])
    if (
        not item.active
        or (item.category is not None and not item.category.active)
        or _all_switched_off(variations)
    ):
        violations.add(
            f"{path}.item_id",
            "item_unavailable",
            f"{item.name} is not on the menu now. Remove it.",
            given=item.pk,
        )
    elif not item.in_stock:
        violations.add(
            f"{path}.item_id", "item_out_of_stock", f"{item.name} is sold out. Remove it.", given=item.pk
        )
    if item.order_types and order_type not in item.order_types:
        violations.add(
            f"{path}.item_id",
            "item_not_for_order_type",
            f"{item.name} is not sold for {order_type}. Remove it or change the order type.",
            expected=item.order_types,
            given=order_type.value,
        )
    _check_variation(violations, f"{path}.variation_id", line, item, menu)
    _check_addons(violations, f"{path}.addons", line, item, menu)


def _check_hours(violations: Violations, path: str, item: Item | None, wanted_at: dt.datetime) -> None:
    """Some categories are sold at certain hours only."""
    windows = opening_from_json(item.category.opening) if item and item.category else ()
    if item and windows and not any(window.holds(wanted_at) for window in windows):
        hours = ", ".join(f"{window.opens:%H:%M} to {window.closes:%H:%M}" for window in windows)
        violations.add(
            path,
            "item_not_sold_now",
            f"{item.name} is not sold at {wanted_at:%H:%M}. Remove it or order for another time.",
            expected=hours,
            given=wanted_at.isoformat(timespec="minutes"),
        )


def _all_switched_off(variations: list[Variation]) -> bool:
    """Whether an item is sold in variations of which none is on sale; its own price means nothing then.

    Variations that have left the menu (they have no hash any more) do not count.
    """
    return not any(v.active for v in variations) and any(v.content_hash for v in variations)


def _check_variation(
    violations: Violations, path: str, line: LineRequest, item: Item, menu: MenuExtract
) -> None:
    choices = [{"id": v.pk, "name": v.name} for v in menu.variations.get(item.pk, ()) if v.active]
    chosen = menu.variation(line)
    if line.variation_id is None:
        if choices:
            violations.add(
                path, "variation_missing", f"{item.name} comes in variations. Choose one.", expected=choices
            )
    elif chosen is None:
        violations.add(
            path,
            "variation_unknown",
            f"{item.name} has no such variation. " + ("Choose one it has." if choices else "Leave it out."),
            expected=choices,
            given=line.variation_id,
        )
    elif not chosen.active:
        violations.add(
            path,
            "variation_unavailable",
            f"{item.name} ({chosen.name}) is not on the menu now. "
            + ("Choose another." if choices else "Leave it out or remove the item."),
            expected=choices,
            given=chosen.pk,
        )
    elif not chosen.in_stock:
        violations.add(
            path,
            "variation_out_of_stock",
            f"{item.name} ({chosen.name}) is sold out. Choose another.",
            expected=[choice for choice in choices if choice["id"] != chosen.pk],
            given=chosen.pk,
        )


def _check_addons(
    violations: Violations, path: str, line: LineRequest, item: Item, menu: MenuExtract
) -> None:
    offered = menu.offered_addons(line)
    chosen: Counter[str] = Counter()
    for j, wanted in enumerate(line.addons):
        if not 1 <= wanted.quantity <= MOST_ADDON_UNITS:
            violations.add(
                f"{path}[{j}].quantity",
                "quantity_out_of_range",
                f"Order between 1 and {MOST_ADDON_UNITS} of an add-on.",
                expected=f"1 to {MOST_ADDON_UNITS}",
                given=wanted.quantity,
            )
        addon = offered.get(wanted.addon_item_id)
        where = f"{path}[{j}].addon_item_id"
        if addon is None:
            violations.add(
                where,
                "addon_not_offered",
                f"{item.name} does not come with this add-on. Remove it.",
                given=wanted.addon_item_id,
            )
            continue
        chosen[addon.group.external_id] += max(wanted.quantity, 0)
        if not addon.active or not addon.group.active:
            violations.add(
                where, "addon_unavailable", f"{addon.name} is not on the menu now. Remove it.", given=addon.pk
            )
        elif not addon.in_stock:
            violations.add(
                where, "addon_out_of_stock", f"{addon.name} is sold out. Remove it.", given=addon.pk
            )
    for offer in menu.offers(line).values():
        _check_limits(violations, path, offer, chosen[offer.group_id], menu.addons.get(offer.group_id, []))


def _check_limits(
    violations: Violations, path: str, offer: GroupOffer, chosen: int, addons: list[AddOnItem]
) -> None:
    """How many of a group. Menus name groups that are missing, empty or switched off: those ask for nothing."""
    if not any(addon.active and addon.in_stock and addon.group.active for addon in addons):
        return
    group = addons[0].group
    if chosen < offer.minimum:
        violations.add(
            path,
            "addons_too_few",
            f"Choose at least {offer.minimum} of {group.name}.",
            expected={"group": group.name, "minimum": offer.minimum},
            given=chosen,
        )
    if offer.maximum is not None and chosen > offer.maximum:
        violations.add(
            path,
            "addons_too_many",
            f"Choose at most {offer.maximum} of {group.name}.",
            expected={"group": group.name, "maximum": offer.maximum},
            given=chosen,
        )


# --- after pricing -------------------------------------------------------------------------------------


def check_quote(violations: Violations, request: OrderRequest, quote: Quote, charges: Charges) -> None:
    """What can only be judged once the prices are known."""
    if any(amount > MOST_MONEY for amount in _amounts(quote)):
        violations.add(
            "items",
            "amount_too_large",
            "The order costs more than can be written down. Order less.",
            given=str(quote.total),
        )
    if request.order_type != OrderType.DINE_IN and quote.items_total < charges.minimum_order:
        violations.add(
            "items",
            "minimum_order",
            f"The restaurant takes orders from {charges.minimum_order:.2f}. Add something.",
            expected=f"{charges.minimum_order:.2f}",
            given=str(quote.items_total),
        )
    if request.expected_total is not None and request.expected_total != quote.total:
        violations.add(
            "expected_total",
            "total_differs",
            f"The total is {quote.total}. Show it to the guest and send it as expected_total.",
            expected=str(quote.total),
            given=f"{request.expected_total:.2f}",
        )


def check_coupon(violations: Violations, basket: Basket) -> None:
    """A coupon must fit a discount that this order may have, whether or not another one saves more."""
    if not basket.coupon:
        return
    offers = coupon_discounts(basket)
    if not offers:
        violations.add(
            "coupon",
            "coupon_unknown",
            "The restaurant has no such coupon now. Check how it is written or leave it out.",
            given=basket.coupon,
        )
        return
    hindrances = [hindrance(offer, basket) for offer in offers]
    if hindrances[0] is not None and all(hindrances):
        condition, needed = hindrances[0], _needed(hindrances[0], offers[0])
        violations.add(
            "coupon",
            "coupon_not_applicable",
            f"The coupon is for {needed}. Change the order or leave the coupon out.",
            expected={"condition": condition.value, "needed": needed},
            given=basket.coupon,
        )


def _needed(condition: Hindrance, offer: DiscountSnapshot) -> str:
    """What a discount is for, in words."""
    match condition:
        case Hindrance.ORDER_TYPE:
            return " or ".join(offer.order_types)
        case Hindrance.TIME:
            return _when(offer)
        case Hindrance.MINIMUM:
            return f"items of at least {offer.min_amount:.2f}"
        case Hindrance.MAXIMUM:
            return f"items of at most {offer.max_amount:.2f}"
        case Hindrance.ITEMS:
            return "other items"


def _when(offer: DiscountSnapshot) -> str:
    """The window of a discount: "Friday, Saturday, 18:00 to 02:00, until 2026-01-31"."""
    parts = [calendar.day_name[day] for day in offer.days]
    if offer.time_from or offer.time_to:
        opens, closes = offer.time_from or dt.time.min, offer.time_to or dt.time.max
        parts.append(f"{opens:%H:%M} to {closes:%H:%M}")
    parts += [f"from {offer.starts}"] if offer.starts else []
    parts += [f"until {offer.ends}"] if offer.ends else []
    return ", ".join(parts)


def _amounts(quote: Quote) -> Iterator[Decimal]:
    yield from (quote.items_total, quote.tax_total, quote.total)
    for line in quote.lines:
        yield from (line.unit_price, line.net_total)
