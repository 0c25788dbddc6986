"""Changes of a POS's menu that a person chose to leave: those rows stay as they are, sync after sync.

A dish is one choice with its sizes, an add-on group one with its add-ons. What hangs together stays
together: a dish without its new heading would stand nowhere, and a dish that stays keeps its heading.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ding.db import transactional
from menus.models import AddOnGroup, AddOnItem, Category, Discount, Item, LeftChange, MenuRow, Tax, Variation
from menus.services.locking import lock_menu
from menus.snapshot import MenuSnapshot

UNITS: Mapping[str, type[MenuRow]] = {
    "categories": Category,
    "taxes": Tax,
    "discounts": Discount,
    "addon_groups": AddOnGroup,
    "items": Item,
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One change that was looked at: of which row, and the digest of what was seen."""

    kind: str
    external_id: str
    name: str
    seen: str = ""


@transactional
def leave_changes(*, restaurant_id: int, choices: Collection[Choice], by: str = "") -> int:
    """Leave these rows as they are from now on; how many."""
    lock_menu(restaurant_id)
    rows = [
        LeftChange(
            restaurant_id=restaurant_id,
            kind=choice.kind,
            external_id=choice.external_id,
            name=choice.name[:255],
            seen=choice.seen,
            left_by=by[:150],
        )
        for choice in choices
        if choice.kind in UNITS
    ]
    _forget(restaurant_id, choices)
    LeftChange.objects.bulk_create(rows)
    return len(rows)


@transactional
def take_changes(*, restaurant_id: int, choices: Collection[Choice]) -> int:
    """Let these rows follow the POS again, from the next sync on; how many were left."""
    lock_menu(restaurant_id)
    return _forget(restaurant_id, choices)


def _forget(restaurant_id: int, choices: Collection[Choice]) -> int:
    wanted = {(choice.kind, choice.external_id) for choice in choices}
    rows = LeftChange.objects.filter(restaurant_id=restaurant_id).values_list("pk", "kind", "external_id")
    known = [pk for pk, kind, external_id in rows if (kind, external_id) in wanted]
    LeftChange.objects.filter(pk__in=known).delete()
    return len(known)


def left_alone(restaurant_id: int, menu: MenuSnapshot) -> dict[type[MenuRow], set[str]]:
    """The rows that applying `menu` does not touch: external ids by table. Empty: nobody left anything."""
    left: dict[type[MenuRow], set[str]] = {model: set() for model in UNITS.values()}
    chosen = LeftChange.objects.filter(restaurant_id=restaurant_id).values_list("kind", "external_id")
    for kind, external_id in chosen:
        left[UNITS[kind]].add(external_id)
    if not any(left.values()):
        return {}
    headings = {category.external_id for category in menu.categories}
    if left[Category]:
        ours = Category.objects.filter(restaurant_id=restaurant_id, external_id__in=left[Category])
        unknown = left[Category].difference(ours.values_list("external_id", flat=True))
        left[Item] |= {item.external_id for item in menu.items if item.category_id in unknown}
    kept = Item.objects.filter(restaurant_id=restaurant_id, external_id__in=left[Item])
    left[Category] |= {
        external_id
        for external_id in kept.values_list("category__external_id", flat=True)
        if external_id and external_id not in headings
    }
    left[Variation] = set(
        Variation.objects.filter(restaurant_id=restaurant_id, item__external_id__in=left[Item]).values_list(
            "external_id", flat=True
        )
    )
    left[Variation] |= {
        variation.external_id
        for item in menu.items
        if item.external_id in left[Item]
        for variation in item.variations
    }
    left[AddOnItem] = set(
        AddOnItem.objects.filter(
            restaurant_id=restaurant_id, group__external_id__in=left[AddOnGroup]
        ).values_list("external_id", flat=True)
    )
    left[AddOnItem] |= {
        item.external_id
        for group in menu.addon_groups
        if group.external_id in left[AddOnGroup]
        for item in group.items
    }
    return left


def forget_settled(
    restaurant_id: int, differing: Mapping[type[MenuRow], set[str]], menu: MenuSnapshot
) -> None:
    """Drop the choices whose rows do not differ any more: the POS says again what we have."""
    items = set(differing[Item])
    items.update(
        Variation.objects.filter(
            restaurant_id=restaurant_id, external_id__in=differing[Variation]
        ).values_list("item__external_id", flat=True)
    )
    items.update(
        item.external_id
        for item in menu.items
        if any(variation.external_id in differing[Variation] for variation in item.variations)
    )
    groups = set(differing[AddOnGroup])
    groups.update(
        AddOnItem.objects.filter(
            restaurant_id=restaurant_id, external_id__in=differing[AddOnItem]
        ).values_list("group__external_id", flat=True)
    )
    groups.update(
        group.external_id
        for group in menu.addon_groups
        if any(item.external_id in differing[AddOnItem] for item in group.items)
    )
    open_ones: dict[type[MenuRow], set[str]] = {**differing, Item: items, AddOnGroup: groups}
    rows = LeftChange.objects.filter(restaurant_id=restaurant_id).values_list("pk", "kind", "external_id")
    settled = [pk for pk, kind, external_id in rows if external_id not in open_ones[UNITS[kind]]]
    LeftChange.objects.filter(pk__in=settled).delete()
