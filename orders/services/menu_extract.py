"""Reads the part of a menu that one request needs, in a number of statements that does not grow with it."""

from __future__ import annotations

from collections import defaultdict

from ding.errors import Conflict, NotFound
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
    return Menu.objects.filter(pk=restaurant_id).values_list("version", flat=True).first()


def _read(request: OrderRequest) -> MenuExtract:
    restaurant = Restaurant.objects.filter(pk=request.restaurant_id).select_related("menu").first()
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
        rows = {"restaurant": restaurant}
        wanted = {line.item_id for line in request.lines}
        items = {i.pk: i for i in Item.objects.filter(**rows, pk__in=wanted).select_related("category")}
        for variation in Variation.objects.filter(**rows, item__in=list(items)).order_by("rank", "pk"):
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
        offered = AddOnItem.objects.filter(
            **rows, group__restaurant=restaurant, group__external_id__in=groups
        )
        for addon in offered.select_related("group"):
            addons[addon.group.external_id].append(addon)
        taxes = tuple(_tax(tax) for tax in Tax.objects.filter(**rows, active=True).order_by("rank", "pk"))
        discounts = tuple(
            discount_from_json(row.rule) for row in Discount.objects.filter(**rows, active=True) if row.rule
        )
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
