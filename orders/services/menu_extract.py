"""Reads the part of a menu that one request needs, in a number of statements that does not grow with it."""

from __future__ import annotations

from collections import defaultdict

from ding.errors import Conflict, NotFound
from ding.plans import Plan
from menus.models import AddOnItem, Discount, Item, Menu, Restaurant, Tax, Variation
from menus.serialization import charges_from_json, discount_from_json, offers_from_json
from menus.snapshot import (
    AmountKind,
    ChargeBase,
    Charges,
    DiscountSnapshot,
    GroupOffer,
    OrderType,
    TaxSnapshot,
)
from orders.order_request import OrderRequest
from orders.rules import MenuExtract

READS = 3

_restaurant = Plan(lambda pk: Restaurant.objects.filter(pk=pk).select_related("menu").order_by())
_menu = Plan(lambda pk: Menu.objects.filter(pk=pk).only("version"))
_items = Plan(
    lambda restaurant, ids: Item.objects.filter(restaurant=restaurant, pk__in=ids).select_related("category")
)
_variations = Plan(
    lambda restaurant, ids: Variation.objects.filter(restaurant=restaurant, item__in=ids).order_by(
        "rank", "pk"
    )
)
_addons = Plan(
    lambda restaurant, groups: AddOnItem.objects.filter(
        restaurant=restaurant, group__restaurant=restaurant, group__external_id__in=groups
    ).select_related("group")
)
_taxes = Plan(
    lambda restaurant: Tax.objects.filter(restaurant=restaurant, active=True).order_by("rank", "pk")
)
_discounts = Plan(lambda restaurant: Discount.objects.filter(restaurant=restaurant, active=True))


def read_menu(request: OrderRequest) -> MenuExtract:
    """The extract, all of one version of the menu: a sync that comes in between makes us read again.

    Raises:
        NotFound: there is no such restaurant.
        Conflict: the menu changed during each of several readings.
    """
    for _ in range(READS):
        extract = _read(request)
        if extract.version is None or extract.version == _version(request.restaurant_id):
            return extract
    raise Conflict("The menu is being changed at this moment. Try again in a second.")


def _version(restaurant_id: int) -> int | None:
    return next((menu.version for menu in _menu(restaurant_id)), None)


def _read(request: OrderRequest) -> MenuExtract:
    restaurant = next(iter(_restaurant(request.restaurant_id)), None)
    if restaurant is None:
        raise NotFound("There is no such restaurant, or not for you.")
    menu: Menu | None = getattr(restaurant, "menu", None)
    items: dict[int, Item] = {}
    variations: dict[int, list[Variation]] = defaultdict(list)
    item_offers: dict[int, tuple[GroupOffer, ...]] = {}
    variation_offers: dict[int, tuple[GroupOffer, ...]] = {}
    addons: dict[str, list[AddOnItem]] = defaultdict(list)
    taxes: tuple[TaxSnapshot, ...] = ()
    discounts: tuple[DiscountSnapshot, ...] = ()
    if menu is not None:
        wanted = {line.item_id for line in request.lines}
        items = {item.pk: item for item in _items(restaurant.pk, wanted)}
        for variation in _variations(restaurant.pk, list(items)):
            variations[variation.item_id].append(variation)
        item_offers = {item.pk: offers_from_json(item.addon_groups) for item in items.values()}
        variation_offers = {
            variation.pk: offers_from_json(variation.addon_groups)
            for siblings in variations.values()
            for variation in siblings
        }
        groups = {
            offer.group_id
            for offers in (*item_offers.values(), *variation_offers.values())
            for offer in offers
        }
        for addon in _addons(restaurant.pk, groups):
            addons[addon.group.external_id].append(addon)
        taxes = tuple(_tax(tax) for tax in _taxes(restaurant.pk))
        discounts = tuple(discount_from_json(row.rule) for row in _discounts(restaurant.pk) if row.rule)
    return MenuExtract(
        restaurant=restaurant,
        version=menu.version if menu else None,
        charges=charges_from_json(menu.charges) if menu else Charges(),
        items=items,
        variations=variations,
        item_offers=item_offers,
        variation_offers=variation_offers,
        addons=addons,
        taxes=taxes,
        discounts=discounts,
    )


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
