"""PetPooja's items and their variations."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from menus.snapshot import ItemSnapshot, Liability, VariationSnapshot
from pos_integrations.adapters.petpooja.menu.addons import offers
from pos_integrations.adapters.petpooja.menu.document import Document, plain
from pos_integrations.adapters.petpooja.schema import menu as schema

NOUGHT = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What of the rest of the menu an item speaks of.

    `choices`: how many add-ons a guest can pick of each group. `marketplace`: a platform sells, and owes
    the tax on what PetPooja calls services.
    """

    category_ids: Container[str]
    tax_ids: Container[str]
    choices: Mapping[str, int]
    diets: Mapping[str, str]
    marketplace: bool


def items(document: Document, around: Surroundings) -> Iterator[ItemSnapshot]:
    """All items that can be sold at a price we know."""
    seen: set[str] = set()
    for row in document.rows(schema.Item, _taken(document.listed("items", expected=True))):
        variations = tuple(_variations(document, row, seen, around))
        if row.variation and not variations:
            done = "left out (no variation can be used)"
            document.problem("item", row.itemid, "variation", row.variation, done)
            continue
        if not row.variation and row.price is None:
            document.problem("item", row.itemid, "price", None, "left out (is missing)")
            continue
        category = row.item_categoryid
        if category not in around.category_ids:
            document.problem("item", row.itemid, "item_categoryid", category, "kept without a category")
            category = ""
        types = document.order_types("item", row.itemid, "item_ordertype", row.item_ordertype)
        sold_for_vendor = around.marketplace and row.gst_type.lower() == "services"
        yield ItemSnapshot(
            external_id=row.itemid,
            category_id=category,
            name=row.itemname,
            price=row.price or NOUGHT,
            description=row.itemdescription,
            variations=variations,
            addon_groups=offers(document, "item", row.itemid, row.addon, around.choices),
            tax_ids=document.refer("item", row.itemid, "item_tax", row.item_tax, around.tax_ids),
            tax_inclusive=row.tax_inclusive,
            tax_exempt=row.ignore_taxes,
            discount_exempt=row.ignore_discounts,
            liability=Liability.VENDOR if sold_for_vendor else Liability.RESTAURANT,
            packing_charge=row.item_packingcharges,
            order_types=types or (),
            active=row.active and types is not None,
            in_stock=row.in_stock,
            rank=row.itemrank or 0,
            diet=around.diets.get(row.item_attributeid, ""),
            # Signed anew at each fetch, good for 24 hours. Without its signature it opens nothing.
            image_url=row.item_image_url,
            prep_minutes=row.minimumpreparationtime,
            details=_details(document, row),
        )


def _taken(rows: list[Any]) -> Iterator[Any]:
    """Each of them, dropped as soon as it is used: they are many."""
    rows.reverse()
    while rows:
        yield rows.pop()


def _variations(
    document: Document, item: schema.Item, seen: set[str], around: Surroundings
) -> Iterator[VariationSnapshot]:
    for row in document.rows(schema.Variation, item.variation, seen):
        yield VariationSnapshot(
            external_id=row.id,
            name=row.name,
            price=row.price,
            master_id=row.variationid,
            group_name=row.groupname or item.variation_groupname,
            packing_charge=row.item_packingcharges,
            active=row.active,
            rank=row.variationrank or 0,
            addon_groups=offers(document, "variation", row.id, row.addon, around.choices),
        )


def _details(document: Document, row: schema.Item) -> dict[str, Any]:
    """What is for display only. Their misspelt `protien` ends here."""
    nutrition = {("protein" if key == "protien" else key): value for key, value in row.nutrition.items()}
    parts = (document.row(schema.ComboPart, part, row.itemid) for part in row.combo_items)
    details = {
        "tags": list(row.item_tags),
        "cuisine": list(row.cuisine),
        "spice_level": row.item_info,
        "markup_price": str(row.markup_price) if row.markup_price else "",
        "favorite": row.item_favorite,
        "recommended": row.is_recommend,
        "combo": [
            {
                "item_id": part.item_id,
                "variation_id": part.variation_item_id,
                "name": part.name,
                "quantity": part.quantity,
            }
            for part in parts
            if part
        ],
        "nutrition": plain(nutrition),
    }
    return {key: value for key, value in details.items() if value}
