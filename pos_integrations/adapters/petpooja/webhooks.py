"""What PetPooja sends → events: which topic is whose, and the order callback.

Three families, by their proof: the signed ones (`signed.py`), those that are configured in PetPooja's
dashboard (`dashboard.py`), and the callback of one order. That one comes from an older service of
PetPooja's, without signature and without any header of ours: an unguessable token in each order's
`callback_url` is its only proof, and the core checks it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orders.status import OrderStatus
from pos_integrations.adapters.base import Topic, TopicAuth
from pos_integrations.adapters.petpooja import bodies, dashboard, signed, values
from pos_integrations.adapters.petpooja.schema import incoming
from pos_integrations.errors import UnsupportedEvent
from pos_integrations.messages import Account, Event, OrderStatusReported, Outcome, Reply, WebhookRequest

ORDER_CALLBACK = Topic("order-callback", TopicAuth.ORDER_TOKEN)
TOPICS = (*signed.TOPICS, *dashboard.TOPICS, ORDER_CALLBACK)
_SIGNED = frozenset(topic.name for topic in signed.TOPICS)
_OF_THE_DASHBOARD = frozenset(topic.name for topic in dashboard.TOPICS)

# Source: PetPooja online ordering API v2.1.0 reference, order callback. 1, 2 and 3 all mean accepted; the
# numbers are not in order of time: 5 (food ready) comes before 4 (dispatched). -1 is both a refusal and a
# later cancellation: the core takes a refusal of an order that the kitchen had taken for a cancellation.
CALLBACK_STATUSES = {
    "-1": OrderStatus.REJECTED,
    "1": OrderStatus.CONFIRMED,
    "2": OrderStatus.CONFIRMED,
    "3": OrderStatus.CONFIRMED,
    "4": OrderStatus.DISPATCHED,
    "5": OrderStatus.READY,
    "10": OrderStatus.DELIVERED,
}

MAX_RIDER_NAME = 100
MAX_PHONE = 32


def account_ref(request: WebhookRequest) -> str:
    """The mapping code of the restaurant that the body names.

    Raises:
        MalformedPayload: it names none, or whoever sent it waits to hear what else is wrong.
    """
    if request.topic in _OF_THE_DASHBOARD:
        return dashboard.account_ref(request)
    return bodies.id_at(request, "restaurant_id" if request.topic in _SIGNED else "restID")


def order_reference(request: WebhookRequest) -> str:
    """Our reference of the order; PetPooja calls it `orderID` here and nowhere else.

    Raises:
        MalformedPayload: there is none.
    """
    return bodies.id_at(request, "orderID")


def parse(request: WebhookRequest, account: Account) -> list[Event]:
    """The events in an authentic request.

    Raises:
        MalformedPayload: a wrong shape, or another restaurant's.
        UnsupportedEvent: a status or a topic that we do not know.
    """
    read = _READERS.get(request.topic)
    if read is None:
        raise UnsupportedEvent(f"PetPooja has no topic {request.topic[:64]!r}.")
    return read(request, account)


def reply(topic: Topic, outcome: Outcome, message: str = "", facts: Mapping[str, Any] | None = None) -> Reply:
    """What the caller at `topic` expects to hear.

    Source: PetPooja online ordering API v2.1.0 reference, order callback (an empty 200).
    """
    if topic in dashboard.TOPICS:
        return dashboard.reply(topic, outcome, message, facts or {})
    if outcome is Outcome.REFUSED:
        return Reply(400, {"success": False, "message": message or "The request was refused."})
    if topic == ORDER_CALLBACK:
        return Reply(200, None)
    return Reply(200, {"success": True, "message": message or "Received."})


def _callback(request: WebhookRequest, account: Account) -> list[Event]:
    body = bodies.read(incoming.OrderCallback, request)
    # The token already ties the call to the order; a restaurant, when named, must be the order's.
    if body.restID:
        bodies.check_restaurant(body.restID, account, "restID")
    status = CALLBACK_STATUSES.get(body.status)
    if status is None:
        raise UnsupportedEvent(f"PetPooja sent the unknown order status {body.status!r}.")
    modified, reason = bool(body.is_modified), ""
    if status is OrderStatus.REJECTED:
        reason = bodies.reason(body.cancel_reason)
    elif modified:
        # What a changed order looks like is documented nowhere: all we know is that it was.
        reason = "The restaurant changed the order."
    event = OrderStatusReported(
        status=status,
        reference=body.orderID,
        reason=reason,
        prep_minutes=body.minimum_prep_time,
        delivery_minutes=body.minimum_delivery_time,
        rider_name=values.one_line(body.rider_name)[:MAX_RIDER_NAME],
        rider_phone=values.one_line(body.rider_phone_number)[:MAX_PHONE],
        modified=modified,
        auto_accepted=body.autoaccept,
    )
    return [event]


_READERS: dict[str, Callable[[WebhookRequest, Account], list[Event]]] = {
    signed.ORDER_STATUS.name: signed.order_status,
    signed.MENU_UPDATE.name: signed.menu_update,
    signed.INVENTORY_UPDATE.name: signed.inventory_update,
    dashboard.MENU.name: dashboard.menu,
    dashboard.STOCK.name: dashboard.stock,
    dashboard.STORE_STATUS_GET.name: dashboard.store_status_get,
    dashboard.STORE_STATUS_UPDATE.name: dashboard.store_status_update,
    ORDER_CALLBACK.name: _callback,
}
