"""The rows of a menu."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from menus.snapshot import AmountKind, ChargeBase, PackingMode
from pos_integrations.adapters.petpooja.schema.lenient import LenientRow, rows_of
from pos_integrations.adapters.petpooja.values import (
    Backward,
    CoreOrTotal,
    FixedOrPercent,
    Id,
    Ids,
    InStock,
    Minutes,
    Money,
    Name,
    NamedKind,
    Object,
    Off,
    On,
    OptionalId,
    OptionalName,
    Packing,
    PercentOrFixed,
    Price,
    Rate,
    Scope,
    SpiceLevel,
    Text,
    Texts,
    TotalOrCore,
    Url,
    Whole,
)


@dataclass(slots=True, kw_only=True)
class Details(LenientRow):
    """`restaurants[0].details`: who the menu is for, and the charges."""

    kind = "restaurant"

    menusharingcode: OptionalId = ""
    minimumorderamount: Money = None
    deliverycharge: Money = None
    minimumdeliverytime: Minutes = None
    minimum_prep_time: Minutes = None
    sc_applicable_on: Texts = ()
    sc_type: FixedOrPercent = AmountKind.FIXED
    sc_calculate_on: CoreOrTotal = ChargeBase.CORE
    sc_value: Money = None
    tax_on_sc: Off = False
    calculatetaxonpacking: Off = False
    pc_taxes_id: Ids = ()
    calculatetaxondelivery: Off = False
    dc_taxes_id: Ids = ()
    packaging_applicable_on: Packing = PackingMode.NONE
    packaging_charge: Money = None
    packaging_charge_type: NamedKind = AmountKind.FIXED


@dataclass(slots=True, kw_only=True)
class Category(LenientRow):
    """`categories[]`."""

    kind = "category"
    id_field = "categoryid"

    categoryid: Id
    categoryname: Name
    active: On = True
    categoryrank: Whole = None
    parent_category_id: OptionalId = ""
    categorytimings: Any = ""
    category_image_url: Url = ""
    group_category_id: OptionalId = ""
    tags: Texts = ()


@dataclass(slots=True, kw_only=True)
class Heading(LenientRow):
    """`parentcategories[]` and `group_categories[]`."""

    kind = "heading"
    id_field = "id"

    id: Id
    name: Name
    status: On = True
    rank: Whole = None
    image_url: Url = ""


@dataclass(slots=True, kw_only=True)
class Attribute(LenientRow):
    """`attributes[]`: their word for a diet."""

    kind = "attribute"
    id_field = "attributeid"

    attributeid: Id
    attribute: Name


@dataclass(slots=True, kw_only=True)
class Offer(LenientRow):
    """`addon[]` of an item or a variation."""

    addon_group_id: Id
    addon_item_selection_min: Whole = None
    addon_item_selection_max: Whole = None


Offers = Annotated[Sequence[Any], rows_of(Offer)]


@dataclass(slots=True, kw_only=True)
class Variation(LenientRow):
    """`variation[]` of an item. `id` is its own; `variationid` is shared by many items."""

    kind = "variation"
    id_field = "id"

    id: Id
    name: Name
    price: Price
    variationid: OptionalId = ""
    groupname: OptionalName = ""
    active: On = True
    item_packingcharges: Money = None
    variationrank: Whole = None
    addon: Offers = ()


Variations = Annotated[Sequence[Any], rows_of(Variation)]


@dataclass(slots=True, kw_only=True)
class ComboPart(LenientRow):
    """`combo_items[]` of an item."""

    kind = "combo"

    item_id: OptionalId = ""
    variation_item_id: OptionalId = ""
    name: Text = ""
    quantity: Text = ""


Combo = Annotated[Sequence[Any], rows_of(ComboPart)]


@dataclass(slots=True, kw_only=True)
class Item(LenientRow):
    """`items[]`. `itemallowvariation` and `itemaddonbasedon` are not read: they contradict the lists."""

    kind = "item"
    id_field = "itemid"
    # Unread variations would sell the item at its leftover price.
    essential = frozenset({"price", "variation"})

    itemid: Id
    itemname: Name
    price: Money = None
    item_categoryid: OptionalId = ""
    itemdescription: Text = ""
    markup_price: Money = None
    active: On = True
    in_stock: InStock = True
    itemrank: Whole = None
    item_ordertype: Ids = ()
    item_tax: Ids = ()
    tax_inclusive: Off = False
    gst_type: Text = ""
    ignore_taxes: Off = False
    ignore_discounts: Off = False
    item_packingcharges: Money = None
    item_attributeid: OptionalId = ""
    item_favorite: Off = False
    is_recommend: Off = False
    minimumpreparationtime: Minutes = None
    cuisine: Texts = ()
    item_tags: Texts = ()
    item_info: SpiceLevel = ""
    item_image_url: Url = ""
    variation_groupname: OptionalName = ""
    variation: Variations = ()
    addon: Offers = ()
    combo_items: Combo = ()
    nutrition: Object = field(default_factory=dict)

    @classmethod
    def looked_at(cls, raw: dict[str, Any]) -> dict[str, Any]:
        """With variations the item's own price is "0" or a leftover: not even looked at."""
        return {**raw, "price": None} if raw.get("variation") else raw


@dataclass(slots=True, kw_only=True)
class AddOn(LenientRow):
    """`addongroupitems[]`."""

    kind = "add-on"
    id_field = "addonitemid"

    addonitemid: Id
    addonitem_name: Name
    addonitem_price: Price
    active: On = True
    attributes: OptionalId = ""
    addonitem_rank: Whole = None


AddOns = Annotated[Sequence[Any], rows_of(AddOn)]


@dataclass(slots=True, kw_only=True)
class AddOnGroup(LenientRow):
    """`addongroups[]`."""

    kind = "add-on group"
    id_field = "addongroupid"

    addongroupid: Id
    addongroup_name: Name
    active: On = True
    addongroup_rank: Whole = None
    addongroupitems: AddOns = ()


@dataclass(slots=True, kw_only=True)
class Tax(LenientRow):
    """`taxes[]`."""

    kind = "tax"
    id_field = "taxid"
    essential = frozenset({"taxtype", "tax_taxtype"})

    taxid: Id
    tax: Rate
    taxname: OptionalName = ""
    taxtype: PercentOrFixed = AmountKind.PERCENT
    tax_ordertype: Ids = ()
    tax_coreortotal: TotalOrCore = ChargeBase.CORE
    tax_taxtype: Backward = False
    consider_in_core_amount: Off = False
    active: On = True
    rank: Whole = None


@dataclass(slots=True, kw_only=True)
class Discount(LenientRow):
    """`discounts[]`. Whatever narrows it is essential: unread, it would give too much away."""

    kind = "discount"
    id_field = "discountid"
    essential = frozenset(
        {"discountcategoryitemids", "discountordertype", "discountdays", "discountminamount"}
        | {"discountmaxamount", "discountmaxlimit", "discounthascoupon", "active"}
        | {"discountstarts", "discountends", "discounttimefrom", "discounttimeto"}
    )

    discountid: Id
    discount: Price
    discountname: OptionalName = ""
    discounttype: PercentOrFixed
    discountapplicableon: Scope
    discountcategoryitemids: Ids = ()
    discountordertype: Ids = ()
    discountdays: Texts = ()
    discountontotal: Off = False
    discountstarts: Text = ""
    discountends: Text = ""
    discounttimefrom: Text = ""
    discounttimeto: Text = ""
    discountminamount: Money = None
    discountmaxamount: Money = None
    discountmaxlimit: Money = None
    discounthascoupon: Off = False
    active: On = True
    rank: Whole = None
