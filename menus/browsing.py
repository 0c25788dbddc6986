"""A menu as its guests see it, a page at a time, with what staff need beside it: what is off, since whom, until when.

As many statements for 20,000 dishes as for three: headings are counted by the database, dishes come in pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet

from menus.images import source_key
from menus.models import AddOnGroup, AddOnItem, Category, Item, Menu, MenuImage, Restaurant, Variation
from menus.serialization import opening_from_json

PER_PAGE = 48
ADD_ONS = "addons"
NO_HEADING = "none"

ONLY = {
    "": "On the menu",
    "out": "Sold out",
    "switched": "Switched by staff",
    "gone": "Not on the menu",
}


@dataclass(slots=True)
class Heading:
    """A category in the list beside the dishes."""

    key: str
    name: str
    count: int
    out: int
    hours: str = ""
    hidden: bool = False


@dataclass(slots=True)
class Sellable:
    """One thing that can be switched, ready to be shown."""

    kind: str
    id: int
    name: str
    price: Any
    available: bool
    switched: bool
    switched_until: Any
    back_at: Any
    pos_available: bool
    active: bool
    diet: str = ""


@dataclass(slots=True)
class Dish:
    """A dish with its picture, sizes and the add-ons that it offers."""

    row: Sellable
    description: str
    image: str
    category: str
    sizes: list[Sellable] = field(default_factory=list)
    offers: list[str] = field(default_factory=list)
    external_id: str = ""

    @property
    def available(self) -> bool:
        """Whether a guest can order it now."""
        return self.row.available and (not self.sizes or any(size.available for size in self.sizes))


@dataclass(slots=True)
class MenuPage:
    """One page of a menu. `page` holds dishes, or groups of add-ons with their things."""

    headings: list[Heading]
    total: int
    page: Page[Any]
    dishes: list[Dish] = field(default_factory=list)
    groups: list[tuple[str, list[Sellable]]] = field(default_factory=list)
    addon_groups: int = 0


def browse(restaurant: Restaurant, *, heading: str, words: str, only: str, page: int) -> MenuPage:
    """The page that was asked for. Words are searched in the whole menu."""
    everything = Item.objects.filter(restaurant=restaurant)
    shown = everything.filter(_filter(restaurant, only))
    headings = _headings(restaurant, shown)
    total = sum(one.count for one in headings)
    addon_groups = AddOnGroup.objects.filter(restaurant=restaurant, active=True).count()
    if heading == ADD_ONS:
        return _add_ons(restaurant, headings, total, addon_groups, words=words, only=only, page=page)
    rows = shown.select_related("category")
    if words:
        rows = rows.filter(Q(name__icontains=words) | Q(external_id=words))
    elif heading == NO_HEADING:
        rows = rows.filter(category=None)
    elif heading.isascii() and heading.isdigit():
        rows = rows.filter(category=int(heading[:18]))
    found = Paginator(rows.order_by("category__rank", "category", "rank", "pk"), PER_PAGE).get_page(page)
    return MenuPage(
        headings, total, found, dishes=_dishes(restaurant, list(found)), addon_groups=addon_groups
    )


@dataclass(frozen=True, slots=True)
class WholeHeading:
    """The dishes on the menu under one heading, to be switched together."""

    name: str
    ids: list[int]


def heading_of(restaurant: Restaurant, key: str) -> WholeHeading | None:
    """All under the heading with this `Heading.key`; None: there is none."""
    if key == NO_HEADING:
        category = None
    elif key.isascii() and key.isdigit() and len(key) < 19:
        category = Category.objects.filter(restaurant=restaurant, pk=int(key)).first()
        if category is None:
            return None
    else:
        return None
    dishes = Item.objects.filter(restaurant=restaurant, category=category, active=True)
    return WholeHeading(
        category.name if category else "Under no heading", list(dishes.values_list("pk", flat=True))
    )


def facts(restaurant: Restaurant) -> dict[str, Any]:
    """How the whole menu stands: two statements."""
    menu = Menu.objects.filter(pk=restaurant.pk).first()
    counted = Item.objects.filter(restaurant=restaurant, active=True).aggregate(
        items=Count("pk"),
        out=Count("pk", filter=Q(in_stock=False)),
        switched=Count("pk", filter=Q(pos_in_stock__isnull=False)),
    )
    return {"menu": menu, **counted}


def _filter(restaurant: Restaurant, only: str) -> Q:
    sizes = Variation.objects.filter(restaurant=restaurant, active=True).order_by()
    if only == "out":
        in_sizes = Q(pk__in=sizes.filter(in_stock=False).values("item"))
        return Q(active=True) & (Q(in_stock=False) | in_sizes)
    if only == "switched":
        in_sizes = Q(pk__in=sizes.filter(pos_in_stock__isnull=False).values("item"))
        return Q(active=True) & (Q(pos_in_stock__isnull=False) | in_sizes)
    return Q(active=only != "gone")


def _headings(restaurant: Restaurant, rows: QuerySet[Item]) -> list[Heading]:
    counted: dict[int | None, Any] = {
        row["category"]: row
        for row in rows.order_by()
        .values("category")
        .annotate(
            count=Count("pk"),
            out=Count("pk", filter=Q(in_stock=False)),
        )
    }
    found = [
        Heading(
            str(category.pk),
            category.name,
            counted[category.pk]["count"],
            counted[category.pk]["out"],
            _hours(category.opening),
            not category.active,
        )
        for category in Category.objects.filter(restaurant=restaurant).order_by("rank", "pk")
        if category.pk in counted
    ]
    if None in counted:
        found.append(Heading(NO_HEADING, "Under no heading", counted[None]["count"], counted[None]["out"]))
    return found


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def _hours(opening: Any) -> str:
    windows = opening_from_json(opening) if opening else ()
    return "; ".join(
        f"{', '.join(_DAYS[day] for day in window.days)} {window.opens:%H:%M} to {window.closes:%H:%M}".strip()
        for window in windows
    )


def _dishes(restaurant: Restaurant, items: list[Item]) -> list[Dish]:
    sizes: dict[int, list[Variation]] = {}
    for size in Variation.objects.filter(item__in=[item.pk for item in items]).order_by("rank", "pk"):
        if size.active or size.content_hash:
            sizes.setdefault(size.item_id, []).append(size)
    offers = [offer for item in items for offer in item.addon_groups]
    offers += [offer for some in sizes.values() for size in some for offer in size.addon_groups]
    offered = {offer["group_id"] for offer in offers}
    groups = dict(
        AddOnGroup.objects.filter(restaurant=restaurant, external_id__in=offered, active=True).values_list(
            "external_id", "name"
        )
    )
    keys = {source_key(item.image_url) for item in items if item.image_url}
    # Only our own copies: the staff's pages ask no other host.
    images = dict(
        MenuImage.objects.filter(restaurant=restaurant, source_key__in=keys)
        .exclude(file="")
        .values_list("source_key", "file")
    )
    dishes = []
    for item in items:
        own = [size for size in sizes.get(item.pk, []) if size.active]
        file = images.get(source_key(item.image_url)) if item.image_url else None
        rows: Iterable[Item | Variation] = (item, *own)
        dishes.append(
            Dish(
                row=_sellable("item", item, None if own else item.price, item.diet),
                description=item.description,
                image=settings.MEDIA_URL + file if file else "",
                category=item.category.name if item.category else "",
                sizes=[_sellable("variation", size, size.price) for size in own],
                offers=sorted(
                    {
                        groups[offer["group_id"]]
                        for row in rows
                        for offer in row.addon_groups
                        if offer["group_id"] in groups
                    }
                ),
                external_id=item.external_id,
            )
        )
    return dishes


def _add_ons(
    restaurant: Restaurant,
    headings: list[Heading],
    total: int,
    addon_groups: int,
    *,
    words: str,
    only: str,
    page: int,
) -> MenuPage:
    things = AddOnItem.objects.filter(restaurant=restaurant)
    if only == "out":
        things = things.filter(active=True, in_stock=False)
    elif only == "switched":
        things = things.filter(pos_in_stock__isnull=False)
    else:
        things = things.filter(active=only != "gone")
    if words:
        things = things.filter(Q(name__icontains=words) | Q(group__name__icontains=words))
    rows = AddOnGroup.objects.filter(restaurant=restaurant, pk__in=things.order_by().values("group"))
    found = Paginator(rows.order_by("rank", "pk"), PER_PAGE).get_page(page)
    names = {group.pk: group.name for group in found}
    groups: dict[int, list[Sellable]] = {pk: [] for pk in names}
    for thing in things.filter(group__in=list(names)).order_by("rank", "pk"):
        groups[thing.group_id].append(_sellable("addon", thing, thing.price, thing.diet))
    return MenuPage(
        headings,
        total,
        found,
        groups=[(names[pk], some) for pk, some in groups.items()],
        addon_groups=addon_groups,
    )


def _sellable(kind: str, row: Item | Variation | AddOnItem, price: Any, diet: str = "") -> Sellable:
    return Sellable(
        kind=kind,
        id=row.pk,
        name=row.name,
        price=price,
        available=row.in_stock,
        switched=row.pos_in_stock is not None,
        switched_until=row.switched_until,
        back_at=row.back_at,
        pos_available=row.in_stock if row.pos_in_stock is None else row.pos_in_stock,
        active=row.active,
        diet=diet,
    )
