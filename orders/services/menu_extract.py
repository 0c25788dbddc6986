"""Reads the parts of menus that orders need, in a number of statements that grows neither with them nor with the orders.

One statement tells the restaurants as they are now and their menus' versions. What those versions say of a dish is read
once and kept (`orders.services.kept_menus`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace

from django.db.models import F

from ding.errors import Conflict, DomainError, NotFound
from ding.plans import Plan
from menus.models import AddOnItem, Discount, Item, Menu, Restaurant, Tax, Variation
from menus.serialization import charges_from_json, discount_from_json, offers_from_json
from menus.snapshot import AmountKind, ChargeBase, Charges, OrderType, TaxSnapshot
from orders.order_request import OrderRequest
from orders.rules import MenuExtract
from orders.services.kept_menus import MenuPart, kept_menus, stamp_of

READS = 3

_restaurants = Plan(lambda ids: Restaurant.objects.filter(pk__in=ids).select_related("menu").order_by())
_menus = Plan(lambda ids: Menu.objects.filter(pk__in=ids).only("version"))
# What nobody needs for a price would only fill the memory.
_items = Plan(
    lambda restaurants, ids: (
        Item.objects.filter(restaurant__in=restaurants, pk__in=ids)
        .select_related("category")
        .defer("description", "image_url", "details")
    )
)
_variations = Plan(
    lambda restaurants, ids: Variation.objects.filter(restaurant__in=restaurants, item__in=ids).order_by(
        "rank", "pk"
    )
)
_addons = Plan(
    lambda restaurants, groups: AddOnItem.objects.filter(
        restaurant__in=restaurants, group__restaurant=F("restaurant"), group__external_id__in=groups
    ).select_related("group")
)
_taxes = Plan(
    lambda restaurants: Tax.objects.filter(restaurant__in=restaurants, active=True).order_by("rank", "pk")
)
_discounts = Plan(lambda restaurants: Discount.objects.filter(restaurant__in=restaurants, active=True))

# What can be ordered in one restaurant, or why nothing can.
Found = MenuExtract | DomainError


def read_menus(requests: Sequence[OrderRequest]) -> dict[int, Found]:
    """By restaurant: the extract for all its requests, all of one version. A sync that comes in between makes us read again.

    NotFound: there is no such restaurant. Conflict: the menu changed during each of several readings.
    """
    wanted: dict[int, set[int]] = defaultdict(set)
    for request in requests:
        wanted[request.restaurant_id].update(line.item_id for line in request.lines)
    found: dict[int, Found] = {}
    for _ in range(READS):
        left = {restaurant: items for restaurant, items in wanted.items() if restaurant not in found}
        if left:
            found |= _read(left)
    busy = Conflict("The menu is being changed at this moment. Try again in a second.")
    return {restaurant: found.get(restaurant, busy) for restaurant in wanted}


def _read(wanted: Mapping[int, set[int]]) -> dict[int, Found]:
    """As `read_menus`, without those whose menu changed meanwhile."""
    restaurants = {restaurant.pk: restaurant for restaurant in _restaurants(wanted)}
    found: dict[int, Found] = {
        pk: NotFound("There is no such restaurant, or not for you.") for pk in wanted.keys() - restaurants
    }
    unread = []
    for pk, restaurant in restaurants.items():
        kept = kept_menus.of(pk, stamp_of(restaurant))
        if kept is None or wanted[pk] - kept.items.keys():
            unread.append(restaurant)
        else:
            found[pk] = _extract(restaurant, kept)
    if unread:
        read = _fetch(unread, {item for restaurant in unread for item in wanted[restaurant.pk]})
        versions = {menu.pk: menu.version for menu in _menus([restaurant.pk for restaurant in unread])}
        for restaurant in unread:
            stamp, part = stamp_of(restaurant), read[restaurant.pk]
            if versions.get(restaurant.pk) == stamp[1]:
                found[restaurant.pk] = _extract(restaurant, kept_menus.learn(restaurant.pk, stamp, part))
    return found


def _extract(restaurant: Restaurant, part: MenuPart) -> MenuExtract:
    _, version, _ = stamp_of(restaurant)
    parts = {field.name: getattr(part, field.name) for field in _FIELDS}
    return MenuExtract(restaurant=restaurant, version=version, **parts)


_FIELDS = fields(MenuPart)


def _fetch(restaurants: Iterable[Restaurant], item_ids: set[int]) -> dict[int, MenuPart]:
    """Of each restaurant those of the items that are its own."""
    parts = {restaurant.pk: MenuPart(charges=_charges(restaurant)) for restaurant in restaurants}
    taxes: dict[int, list[TaxSnapshot]] = defaultdict(list)
    for tax in _taxes(parts):
        taxes[tax.restaurant_id].append(_tax(tax))
    discounts = defaultdict(list)
    for discount in _discounts(parts):
        if discount.rule:
            discounts[discount.restaurant_id].append(discount_from_json(discount.rule))
    items = _items(parts, item_ids)
    for item in items:
        part = parts[item.restaurant_id]
        part.items[item.pk] = item
        part.variations[item.pk] = []
        part.item_offers[item.pk] = offers_from_json(item.addon_groups)
    for variation in _variations(parts, [item.pk for item in items]):
        part = parts[variation.restaurant_id]
        part.variations.setdefault(variation.item_id, []).append(variation)
        part.variation_offers[variation.pk] = offers_from_json(variation.addon_groups)
    groups = {
        offer.group_id
        for part in parts.values()
        for offers in (*part.item_offers.values(), *part.variation_offers.values())
        for offer in offers
    }
    for addon in _addons(parts, groups):
        parts[addon.restaurant_id].addons.setdefault(addon.group.external_id, []).append(addon)
    return {
        pk: replace(part, taxes=tuple(taxes[pk]), discounts=tuple(discounts[pk]))
        for pk, part in parts.items()
    }


def _charges(restaurant: Restaurant) -> Charges:
    menu: Menu | None = getattr(restaurant, "menu", None)
    return charges_from_json(menu.charges) if menu else Charges()


def _tax(tax: Tax) -> TaxSnapshot:
    return TaxSnapshot(
        external_id=tax.external_id,
        name=tax.name,
        rate=tax.rate,
        kind=AmountKind(tax.kind),
        base=ChargeBase(tax.base),
        inclusive=tax.inclusive,
        order_types=tuple(OrderType(order_type) for order_type in tax.order_types),
        active=tax.active,
        rank=tax.rank,
    )
