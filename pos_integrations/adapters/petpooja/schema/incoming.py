"""PetPooja's answers to our calls, and what it sends by itself, but for menus."""

from __future__ import annotations

from typing import Any

from pos_integrations.adapters.petpooja.schema.row import Row
from pos_integrations.adapters.petpooja.values import (
    HopedFlag,
    HopedMinutes,
    HopedText,
    Id,
    Ids,
    OptionalId,
    RiderFlag,
    Text,
)


class Reply(Row):
    """What PetPooja answers to a call. `validation_errors`: lists of sentences by field, or ""."""

    success: HopedFlag = None
    message: HopedText = ""
    errorCode: HopedText = ""
    validation_errors: Any = ""
    orderID: HopedText = ""


class RiderReply(Reply):
    """The answer to rider_status_update: `success` is a word here, and `code` an HTTP code as text or number."""

    success: RiderFlag = None
    code: HopedText = ""


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
    rider_name: HopedText = ""
    rider_phone_number: HopedText = ""
    is_modified: HopedFlag = None
    autoaccept: HopedFlag = None


class StorePush(Row):
    """What every call has that is configured in PetPooja's dashboard, but for the menu."""

    restID: Id


class StockPush(StorePush):
    """Items, variations (which are items to PetPooja) or add-ons are sold out or back.

    `autoTurnOnTime`: "custom", and then `customTurnOnTime` is when; "endofday"; a time itself; or "".
    """

    type: Any = ""
    inStock: Any = None
    itemID: Ids = ()
    autoTurnOnTime: Any = ""
    customTurnOnTime: Any = ""


class StoreStatusPush(StorePush):
    """The restaurant stops or resumes taking orders; `turn_on_time` means something only when it stops."""

    store_status: Any = None
    turn_on_time: Any = ""
    reason: HopedText = ""


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
