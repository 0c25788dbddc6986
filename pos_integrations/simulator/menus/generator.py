"""Menus of any size, shaped like real ones: what tests and benchmarks feed to an import.

The mix follows menus seen in production: a dozen items per category, a quarter of them with
variations, a third with add-ons, `in_stock` "2" everywhere, ids as strings of digits.
"""

from __future__ import annotations

from itertools import count
from random import Random
from typing import Any

ITEMS_PER_CATEGORY = 12
ITEMS_PER_GROUP = 20

_COOKED = (
    "Tandoori",
    "Kadhai",
    "Malabar",
    "Chettinad",
    "Afghani",
    "Lucknowi",
    "Amritsari",
    "Goan",
    "Mughlai",
)
_MAIN = ("Paneer", "Chicken", "Mushroom", "Aloo", "Gobi", "Prawn", "Dal", "Egg", "Mutton", "Soya")
_DISH = ("Masala", "Tikka", "Biryani", "Curry", "Roll", "Thali", "Korma", "Pulao", "Kebab", "Dosa")
_HEADINGS = ("Starters", "Mains", "Breads", "Rice", "Thalis", "Desserts", "Beverages", "Chaats", "Combos")
_SIZES = (("Quarter", 0.45), ("Half", 0.6), ("Full", 1.0), ("Family", 1.8))
_ADDONS = ("Cheese", "Raita", "Papad", "Butter", "Onion Rings", "Green Chutney", "Fried Egg", "Gulab Jamun")
_TAX_IDS = ("900001", "900002")


def make_menu(
    items: int, seed: int = 0, *, code: str = "made0001", tax_inclusive: bool = False
) -> dict[str, Any]:
    """A whole menu document with that many items; the same arguments give the same menu."""
    dice = Random(f"{seed}:{items}")
    ids = count(5_000_000 + seed % 1000 * 1_000_000)
    categories = [_category(ids, rank) for rank in range(1, -(-items // ITEMS_PER_CATEGORY) + 1)]
    groups = [_group(ids, dice, rank) for rank in range(1, -(-items // ITEMS_PER_GROUP) + 1)]
    return {
        "success": "1",
        "message": "Menu items are successfully listed.",
        "restaurants": [_restaurant(code, tax_inclusive)],
        "ordertypes": [
            {"ordertypeid": 1, "ordertype": "Delivery"},
            {"ordertypeid": 2, "ordertype": "Pick Up"},
            {"ordertypeid": 3, "ordertype": "Dine In"},
        ],
        "group_categories": [],
        "categories": categories,
        "parentcategories": [],
        "items": [
            _item(ids, dice, rank, categories[rank // ITEMS_PER_CATEGORY], groups, tax_inclusive)
            for rank in range(items)
        ],
        "variations": [],
        "addongroups": groups,
        "attributes": [
            {"attributeid": "1", "attribute": "veg", "active": "1"},
            {"attributeid": "2", "attribute": "non-veg", "active": "1"},
            {"attributeid": "24", "attribute": "egg", "active": "1"},
        ],
        "taxes": [
            _tax(tax_id, name, rank, tax_inclusive)
            for rank, (tax_id, name) in enumerate(zip(_TAX_IDS, ("CGST", "SGST"), strict=True), 1)
        ],
        "discounts": [],
        "serverdatetime": "2026-01-15 12:00:00",
        "db_version": "1.0",
        "application_version": "4.0",
        "http_code": 200,
    }


def _restaurant(code: str, tax_inclusive: bool) -> dict[str, Any]:
    packing_taxed = 0 if tax_inclusive else 1
    return {
        "restaurantid": "99001",
        "active": "1",
        "details": {
            "menusharingcode": code,
            "currency_html": "₹",
            "country": "India",
            "images": [],
            "restaurantname": f"Made-up Kitchen {code}",
            "address": "7 Sample Street, Testpur",
            "contact": "9000000007",
            "latitude": "12.970000",
            "longitude": "77.590000",
            "landmark": "",
            "city": "Bengaluru",
            "state": "Karnataka",
            "minimumorderamount": "0",
            "minimumdeliverytime": "45 Minutes",
            "minimum_prep_time": "20",
            "deliverycharge": "40",
            "deliveryhoursfrom1": "",
            "deliveryhoursto1": "",
            "deliveryhoursfrom2": "",
            "deliveryhoursto2": "",
            "calculatetaxonpacking": packing_taxed,
            "pc_taxes_id": ",".join(_TAX_IDS) if packing_taxed else "",
            "calculatetaxondelivery": 0,
            "dc_taxes_id": "",
            "packaging_applicable_on": "ORDER",
            "packaging_charge": "15",
            "packaging_charge_type": "FIXED",
        },
    }


def _category(ids: count[int], rank: int) -> dict[str, Any]:
    return {
        "categoryid": str(next(ids)),
        "active": "1",
        "categoryrank": str(rank),
        "parent_category_id": "0",
        "tags": None,
        "categoryname": f"{_HEADINGS[rank % len(_HEADINGS)]} {rank}",
        "categorytimings": "",
        "category_image_url": "",
        "group_category_id": "",
    }


def _group(ids: count[int], dice: Random, rank: int) -> dict[str, Any]:
    return {
        "addongroupid": str(next(ids)),
        "addongroup_rank": str(rank),
        "active": "1",
        "addongroupitems": [
            {
                "addonitemid": str(next(ids)),
                "addonitem_name": name,
                "addonitem_price": str(dice.choice((0, 10, 20, 35, 50))),
                "active": "1",
                "attributes": "1",
                "addonitem_rank": str(place),
                "sap_code": "",
            }
            for place, name in enumerate(dice.sample(_ADDONS, dice.randint(2, 6)), 1)
        ],
        "addongroup_name": f"Extras {rank}",
    }


def _item(
    ids: count[int],
    dice: Random,
    rank: int,
    category: dict[str, Any],
    groups: list[dict[str, Any]],
    tax_inclusive: bool,
) -> dict[str, Any]:
    item_id, price = next(ids), dice.randrange(60, 900, 5)
    main = dice.choice(_MAIN)
    offers = (
        _offers(dice, dice.sample(groups, min(len(groups), dice.randint(1, 2))))
        if dice.random() < 0.33
        else []
    )
    sizes = sorted(dice.sample(range(4), dice.randint(2, 4))) if dice.random() < 0.25 else []
    variations = [_variation(ids, place, price, offers) for place in sizes]
    return {
        "itemid": str(item_id),
        "itemallowvariation": "1" if variations else "0",
        "itemrank": str(rank + 1),
        "item_categoryid": category["categoryid"],
        "item_ordertype": "1,2,3",
        "item_packingcharges": "",
        "itemallowaddon": "1" if offers else "0",
        "itemaddonbasedon": "1" if offers and variations else "0",
        "item_favorite": "0",
        "ignore_taxes": "0",
        "ignore_discounts": "0",
        "in_stock": "2",
        "sap_code": None,
        "cuisine": [],
        "variation_groupname": "Size" if variations else "",
        "is_combo": "0",
        "variation": variations,
        "addon": [] if variations else offers,
        "is_recommend": "0",
        "itemname": f"{dice.choice(_COOKED)} {main} {dice.choice(_DISH)} {rank + 1}",
        "item_attributeid": {"Egg": "24", "Chicken": "2", "Mutton": "2", "Prawn": "2"}.get(main, "1"),
        "itemdescription": f"{main} cooked over charcoal with whole spices, ginger and fresh coriander.",
        "minimumpreparationtime": "",
        "price": "0" if variations else f"{price}.00",
        "active": "1",
        "markup_price": "",
        "item_tags": [],
        "item_info": {"spice_level": "not-applicable"},
        "item_image_url": f"https://images.example.com/homewebsite/99001/thumb_{item_id}.jpg",
        "item_tax": ",".join(_TAX_IDS),
        "tax_inclusive": tax_inclusive,
        "gst_type": "services",
    }


def _offers(dice: Random, groups: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [
        {
            "addon_group_id": group["addongroupid"],
            "addon_item_selection_min": "0",
            "addon_item_selection_max": str(dice.randint(1, len(group["addongroupitems"]))),
        }
        for group in groups
    ]


def _variation(ids: count[int], place: int, price: int, offers: list[dict[str, str]]) -> dict[str, Any]:
    name, factor = _SIZES[place]
    return {
        "id": str(next(ids)),
        # The master id is shared by all items of the menu, as it is in real ones.
        "variationid": str(89_000 + place),
        "name": name,
        "groupname": "Size",
        "price": f"{round(price * factor)}.00",
        "markup_price": "",
        "active": "1",
        "item_packingcharges": "",
        "variationrank": str(place + 1),
        "addon": offers,
        "variationallowaddon": 1 if offers else 0,
    }


def _tax(tax_id: str, name: str, rank: int, inclusive: bool) -> dict[str, Any]:
    return {
        "taxid": tax_id,
        "taxname": name,
        "tax": "2.5",
        "taxtype": "1",
        "tax_ordertype": "",
        "active": "1",
        "tax_coreortotal": "2",
        "tax_taxtype": "2" if inclusive else "1",
        "rank": str(rank),
        "consider_in_core_amount": "0",
        "description": "",
    }
