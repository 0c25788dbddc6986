"""PetPooja's add-on groups, and who offers them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from menus.snapshot import AddOnGroupSnapshot, AddOnItemSnapshot, GroupOffer
from pos_integrations.adapters.petpooja.menu.document import Document
from pos_integrations.adapters.petpooja.schema import menu as schema


def addon_groups(document: Document, diets: Mapping[str, str]) -> Iterator[AddOnGroupSnapshot]:
    """All groups, offered by an item or not. The same name under several ids is several add-ons."""
    seen: set[str] = set()
    for row in document.rows(schema.AddOnGroup, document.listed("addongroups")):
        yield AddOnGroupSnapshot(
            external_id=row.addongroupid,
            name=row.addongroup_name,
            items=tuple(
                AddOnItemSnapshot(
                    external_id=item.addonitemid,
                    name=item.addonitem_name,
                    price=item.addonitem_price,
                    active=item.active,
                    rank=item.addonitem_rank or 0,
                    diet=diets.get(item.attributes, ""),
                )
                for item in document.rows(schema.AddOn, row.addongroupitems, seen)
            ),
            active=row.active,
            rank=row.addongroup_rank or 0,
        )


def offers(
    document: Document, kind: str, external_id: str, raw: Sequence[Any], choices: Mapping[str, int]
) -> tuple[GroupOffer, ...]:
    """The groups that an item or variation offers. `choices`: how many add-ons a guest can pick of each."""
    if not raw:
        return ()
    found: dict[str, GroupOffer] = {}
    for row in raw:
        offer = document.row(schema.Offer, row, external_id, kind)
        if offer is None or offer.addon_group_id in found:
            continue
        group = offer.addon_group_id
        if group not in choices:
            document.problem(kind, external_id, "addon", group, "offer dropped (no such add-on group)")
            continue
        minimum, maximum = max(offer.addon_item_selection_min or 0, 0), offer.addon_item_selection_max
        if maximum is not None and maximum <= 0:
            done = f"{group}: read as no limit"
            document.problem(kind, external_id, "addon_item_selection_max", maximum, done)
            maximum = None
        if maximum is not None and minimum > maximum:
            done = f"{group}: raised to {minimum}"
            document.problem(kind, external_id, "addon_item_selection_max", maximum, done)
            maximum = minimum
        if minimum > choices[group]:
            done = f"{group}: lowered to {choices[group]}"
            document.problem(kind, external_id, "addon_item_selection_min", minimum, done)
            minimum = choices[group]
        found[group] = GroupOffer(group, minimum, maximum)
    return tuple(found.values())
