"""PetPooja's rules and words: what it checks, what it does not, and its answers letter for letter.

Source: https://onlineorderingapisv210.docs.apiary.io, v2.1.0, and answers seen by integrators. It does not
check the kind of `restID`, item ids, phones, or whether the sums agree: such orders get success.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pos_integrations.simulator.order import Decision, OrderFacts, part, text
from pos_integrations.simulator.outlet import Outlet
from pos_integrations.simulator.slip import remarks_on
from pos_integrations.simulator.switches import TIMEZONE

Document = dict[str, Any]

INVALID_CREDENTIALS: Document = {
    "success": "0",
    "message": "Invalid client credentials.",
    "errorCode": "GN_105",
    "validation_errors": "",
}
# The trailing blank is real.
INVALID_RELAY_PAYLOAD: Document = {"success": "0", "message": "Invalid order relay payload "}
INVALID_RESTAURANT: Document = {
    "success": "0",
    "message": "There were some error in restaurant mapping.",
    "errorCode": "MS_101",
    "validation_errors": {"restID": ["Please provide valid restaurant id."]},
}
MENU_NEVER_TRIGGERED: Document = {
    "success": "0",
    "message": "unable to fetch Object from s3 bucket",
    "validation_errors": "",
}
MENU_NOT_AVAILABLE: Document = {"success": "0", "message": "Menu is not available for this outlet."}
CANCEL_REFUSED: Document = {
    "success": "0",
    "message": "There were some error in update order status.",
    "errorCode": "UOS_105",
    "validation_errors": "",
}
# The spelling is as received from the live service.
RIDER_SAVED: Document = {"success": "success", "message": "Your reuqest received succesfully", "code": 200}
RIDER_REFUSED: Document = {
    "code": "400",
    "message": "Order Id not found./Invalid Rider status.",
    "success": "failed",
}
RIDER_STATUSES = ("rider-assigned", "rider-arrived", "pickedup", "delivered")


def order_invalid(field: str, message: str) -> Document:
    """SO_105: something is wrong with the order block."""
    return {
        "success": "0",
        "message": "There were some error in order details.",
        "errorCode": "SO_105",
        "validation_errors": {field: [message]},
    }


def items_invalid(field: str, message: str) -> Document:
    """SO_106: something is wrong with an item."""
    return {
        "success": "0",
        "message": "There were some error in order item details.",
        "errorCode": "SO_106",
        "validation_errors": {field: [message]},
    }


def order_saved(facts: OrderFacts, pos_order_id: str) -> Document:
    """Success. The live service leaves `orderID` empty."""
    return {
        "success": "1",
        "message": "Your order is saved.",
        "restID": facts.outlet_code,
        "clientOrderID": facts.reference,
        "orderID": pos_order_id,
    }


def cancel_saved(body: Mapping[str, Any]) -> Document:
    """Success of update_order_status, echoing what was asked."""
    return {
        "success": "1",
        "message": "Order status updated successfully.",
        "restID": text(body.get("restID")),
        "clientOrderID": text(body.get("clientorderID")),
    }


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say of a save_order body. `refusal`: the answer, when it is refused."""

    decision: Decision
    facts: OrderFacts
    why: str = ""
    refusal: Document | None = None


def judge_order(body: Any, outlets: Mapping[str, Outlet], now: dt.datetime) -> Judgement:
    """Check a save_order body in the order in which PetPooja does: envelope, credentials, order, items."""
    facts = OrderFacts.of(body)

    def refused(why: str, refusal: Document) -> Judgement:
        return Judgement(Decision.REFUSED, facts, why, refusal)

    blocks = part(body, "orderinfo", "OrderInfo")
    order = part(blocks, "Order", "details")
    if not order or not part(blocks, "Restaurant", "details"):
        return refused("wrong envelope", INVALID_RELAY_PAYLOAD)
    outlet = outlets.get(facts.outlet_code)
    if not may_call(body, outlet, outlets):
        return refused("wrong credentials", INVALID_CREDENTIALS)
    if not facts.reference:
        return refused("no orderID", order_invalid("orderID", "Please provide order id."))
    if _is_too_late(order, outlet, now):
        return refused(
            "preorder_date after today",
            order_invalid("preorder_date", "Preorder date is greater than current date.[Format:Y-m-d]"),
        )
    items = blocks.get("OrderItem")
    if not isinstance(items, list) and _has_nameless_item(part(items).get("details")):
        return refused("an item without a name", items_invalid("name", "Please enter item name."))
    # From here on PetPooja answers success, and yet not every order reaches a kitchen.
    for block in ("OrderItem", "Tax"):
        if isinstance(blocks.get(block), list):
            return Judgement(Decision.DROPPED, facts, f"{block} is a bare list")
    if outlet is None:
        return Judgement(Decision.DROPPED, facts, "restID is no mapping code of an outlet here")
    return Judgement(Decision.ACCEPTED, facts, "; ".join(remarks_on(body, outlet.item_ids, now)))


def may_call(given: Mapping[str, Any], outlet: Outlet | None, outlets: Mapping[str, Outlet]) -> bool:
    """Whether the credentials fit the outlet, or any of them when the outlet is unknown."""
    return any(known.credentials.match(given) for known in ([outlet] if outlet else outlets.values()))


def _is_too_late(order: Mapping[str, Any], outlet: Outlet | None, now: dt.datetime) -> bool:
    date = text(order.get("preorder_date"))
    if not date or (outlet and outlet.takes_advance_orders and order.get("advanced_order") == "Y"):
        return False
    try:
        return dt.date.fromisoformat(date) > now.astimezone(TIMEZONE).date()
    except ValueError:
        return True  # its only words about this field name the format


def _has_nameless_item(items: Any) -> bool:
    if not isinstance(items, list) or not items:
        return True
    return any(not text(part(item).get("name")).strip() for item in items)
