"""The bodies of our calls to PetPooja. Numbers are text; what is a number here is one there."""

from __future__ import annotations

from typing import Generic, NotRequired, TypedDict, TypeVar

T = TypeVar("T")


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
    urgent_time: NotRequired[int]
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


class RiderData(TypedDict):
    """Who brings the order."""

    rider_name: str
    rider_phone_number: str


class RiderStatusUpdate(Credentials):
    """The whole body of rider_status_update. `order_id` is ours; `outlet_id` is the mapping code."""

    order_id: str
    outlet_id: str
    status: str
    rider_data: RiderData
    external_order_id: str
