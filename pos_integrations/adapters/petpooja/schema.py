"""PetPooja's own field names: what comes in (pydantic, lenient) and what goes out (TypedDict).

Source: PetPooja online ordering API v2.1.0 reference.
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, NotRequired, TypedDict, TypeVar

from pydantic import BaseModel, ConfigDict

from menus.snapshot import AmountKind, ChargeBase, PackingMode
from pos_integrations.adapters.petpooja.values import (
    Backward,
    CoreOrTotal,
    FixedOrPercent,
    HopedFlag,
    HopedMinutes,
    HopedText,
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
    Rows,
    Scope,
    Text,
    Texts,
    TotalOrCore,
    Url,
    Whole,
)

T = TypeVar("T")


# --- the menu, coming in -------------------------------------------------------------------------


class Row(BaseModel):
    """One object of theirs; what we do not know is ignored.

    `kind`, `id_field`: how a report names it. `essential`: without these, beside the required ones, it is of
    no use; any other field that cannot be read is taken as absent.
    """

    model_config = ConfigDict(extra="ignore")
    kind: ClassVar[str] = ""
    id_field: ClassVar[str] = ""
    essential: ClassVar[frozenset[str]] = frozenset()


class Details(Row):
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


class Category(Row):
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


class Heading(Row):
    """`parentcategories[]` and `group_categories[]`."""

    kind = "heading"
    id_field = "id"

    id: Id
    name: Name
    status: On = True
    rank: Whole = None
    image_url: Url = ""


class Attribute(Row):
    """`attributes[]`: their word for a diet."""

    kind = "attribute"
    id_field = "attributeid"

    attributeid: Id
    attribute: Name


class Offer(Row):
    """`addon[]` of an item or a variation."""

    addon_group_id: Id
    addon_item_selection_min: Whole = None
    addon_item_selection_max: Whole = None


class Variation(Row):
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
    addon: Rows = []


class ComboPart(Row):
    """`combo_items[]` of an item."""

    item_id: OptionalId = ""
    variation_item_id: OptionalId = ""
    name: Text = ""
    quantity: Text = ""


class Item(Row):
    """`items[]`. `itemallowvariation` and `itemaddonbasedon` are not read: they contradict the lists."""

    kind = "item"
    id_field = "itemid"
    essential = frozenset({"price"})

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
    item_info: Object = {}
    item_image_url: Url = ""
    variation_groupname: OptionalName = ""
    variation: Rows = []
    addon: Rows = []
    combo_items: Rows = []
    nutrition: Object = {}


class AddOn(Row):
    """`addongroupitems[]`."""

    kind = "add-on"
    id_field = "addonitemid"

    addonitemid: Id
    addonitem_name: Name
    addonitem_price: Price
    active: On = True
    attributes: OptionalId = ""
    addonitem_rank: Whole = None


class AddOnGroup(Row):
    """`addongroups[]`."""

    kind = "add-on group"
    id_field = "addongroupid"

    addongroupid: Id
    addongroup_name: Name
    active: On = True
    addongroup_rank: Whole = None
    addongroupitems: Rows = []


class Tax(Row):
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
    active: On = True
    rank: Whole = None


class Discount(Row):
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


# --- answers and webhooks, coming in -------------------------------------------------------------


class Reply(Row):
    """What PetPooja answers to a call. `validation_errors`: lists of sentences by field, or ""."""

    success: HopedFlag = None
    message: HopedText = ""
    errorCode: HopedText = ""
    validation_errors: Any = ""
    orderID: HopedText = ""


class OrderCallback(Row):
    """PetPooja's own, unsigned report of an order's status. `orderID` is our reference.

    Source: PetPooja online ordering API v2.1.0 reference, order callback; `autoaccept` and missing rider
    keys as seen in production.
    """

    orderID: Id
    status: Id
    restID: OptionalId = ""
    cancel_reason: HopedText = ""
    # A promise that cannot be read must not cost us the status.
    minimum_prep_time: HopedMinutes = None
    minimum_delivery_time: HopedMinutes = None
    is_modified: HopedFlag = None


class Signed(Row):
    """What every signed webhook holds. The time is what makes a replay harmless."""

    restaurant_id: Id
    timestamp: Any


class OrderStatusBody(Signed):
    """Signed: where an order stands."""

    status: Id
    order_id: OptionalId = ""
    pos_order_id: OptionalId = ""
    reason: Text = ""


class StockBody(Signed):
    """Signed: an item, or several, is sold out or back."""

    item_id: Ids
    availability: Any
    type: Text = ""


# --- going out -----------------------------------------------------------------------------------


class Credentials(TypedDict):
    """In the body of every call but fetch menu."""

    app_key: str
    app_secret: str
    access_token: str


class GstRow(TypedDict):
    """Who owes how much of a charge's tax."""

    gst_liable: str
    amount: str


class RestaurantDetails(TypedDict):
    """`restID` is the mapping code, never the numeric id."""

    res_name: str
    address: str
    contact_information: str
    restID: str


class CustomerDetails(TypedDict):
    """All text; "" for what is not known."""

    email: str
    name: str
    address: str
    phone: str
    latitude: str
    longitude: str


class OrderDetails(TypedDict):
    """The order's head. All amounts are text."""

    orderID: str
    preorder_date: str
    preorder_time: str
    service_charge: str
    sc_tax_amount: str
    delivery_charges: str
    dc_tax_percentage: str
    dc_tax_amount: str
    dc_gst_details: list[GstRow]
    packing_charges: str
    pc_tax_percentage: str
    pc_tax_amount: str
    pc_gst_details: list[GstRow]
    order_type: str
    ondc_bap: str
    advanced_order: str
    urgent_order: bool
    payment_type: str
    table_no: str
    no_of_persons: str
    discount_total: str
    tax_total: str
    discount_type: str
    total: str
    description: str
    created_on: str
    enable_delivery: int
    min_prep_time: NotRequired[int]
    callback_url: str
    collect_cash: str
    otp: str


class ItemTax(TypedDict):
    """One tax of a line, for the whole line."""

    id: str
    name: str
    tax_percentage: str
    amount: str


class AddOnDetails(TypedDict):
    """An add-on of a line; its price is already in the line's."""

    id: str
    name: str
    group_name: str
    price: str
    group_id: int | str
    quantity: str


class Block(TypedDict, Generic[T]):
    """Lists, too, sit in a member called `details`: a bare one is answered with success and then dropped."""

    details: T


class OrderItem(TypedDict):
    """A line. `id` is the variation's own id where there is one, `variation_id` the shared one."""

    id: str
    name: str
    tax_inclusive: bool
    gst_liability: str
    item_tax: list[ItemTax]
    item_discount: str
    price: str
    final_price: str
    quantity: str
    description: str
    variation_name: str
    variation_id: str
    AddonItem: Block[list[AddOnDetails]]


class OrderTax(TypedDict):
    """The sum of one tax over all lines."""

    id: str
    title: str
    type: str
    price: str
    tax: str
    restaurant_liable_amt: str


class OrderInfo(TypedDict):
    """The order itself. No `Discount` block: PetPooja's newer guide asks to leave it out."""

    Restaurant: Block[RestaurantDetails]
    Customer: Block[CustomerDetails]
    Order: Block[OrderDetails]
    OrderItem: Block[list[OrderItem]]
    Tax: Block[list[OrderTax]]


class Envelope(TypedDict):
    """`udid` and `device_type` stand beside the order, not at the root."""

    OrderInfo: OrderInfo
    udid: str
    device_type: str


class SaveOrder(Credentials):
    """The whole body of save_order."""

    orderinfo: Envelope


class UpdateOrderStatus(Credentials):
    """The whole body of update_order_status, which can only cancel. Mind the small o in `clientorderID`."""

    restID: str
    orderID: str
    clientorderID: str
    cancelReason: str
    status: str
