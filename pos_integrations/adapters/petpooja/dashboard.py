"""PetPooja's own calls whose addresses are typed into its dashboard → events: menu, stock, store.

They carry no signature; the fixed secret of the restaurant's integration, in the address or in the header that
the dashboard lets one set, is their only proof, and the core compares it. They carry no time either: what they
say was so when it arrived, however late it is worked off.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pos_integrations.adapters.base import Topic, TopicAuth, TopicKind
from pos_integrations.adapters.petpooja import bodies, times, values
from pos_integrations.adapters.petpooja.menu import check_is_menu, load, mapping_code, read_document
from pos_integrations.adapters.petpooja.schema import incoming
from pos_integrations.errors import MalformedPayload, PosError
from pos_integrations.messages import (
    Account,
    Event,
    MenuPublished,
    Outcome,
    Reply,
    StockChanged,
    StoreStatusChanged,
    WebhookRequest,
)

# 160 to 250 items are 180 to 300 kB; a body limit that cut the menu off was an expensive mistake of others.
MENU = Topic("menu", TopicAuth.SHARED_SECRET, max_bytes=10 * 1024 * 1024, heavy=True)
STOCK = Topic("stock", TopicAuth.SHARED_SECRET)
STORE_STATUS_GET = Topic("store-status-get", TopicAuth.SHARED_SECRET, TopicKind.QUERY)
STORE_STATUS_UPDATE = Topic("store-status-update", TopicAuth.SHARED_SECRET)
TOPICS = (MENU, STOCK, STORE_STATUS_GET, STORE_STATUS_UPDATE)

# Variation ids come under "item", too.
STOCK_TYPES = {"item": False, "addon": True}


def account_ref(request: WebhookRequest) -> str:
    """The mapping code in a body that can be understood; a pushed menu has no `restID`.

    All of a small body is looked at, and whether a large one is a menu: what cannot be understood has no effect,
    and whoever sent it must not hear of a success.

    Raises:
        MalformedPayload: there is none, or the rest makes no sense.
    """
    if request.topic == MENU.name:
        content = load(request.body)
        code = mapping_code(content)
        try:
            check_is_menu(content)
        except PosError as error:
            raise MalformedPayload(error.message, field="success") from error
        return code
    if request.topic == STOCK.name:
        return _stock_push(request)[0].restID
    if request.topic == STORE_STATUS_UPDATE.name:
        return _store_push(request)[0].restID
    return bodies.read(incoming.StorePush, request).restID


def menu(request: WebhookRequest, account: Account) -> list[Event]:
    """The whole menu. Raises `MalformedPayload`."""
    content = load(request.body)
    mapping_code(content)
    try:
        snapshot = read_document(
            content, external_id=account.external_id, marketplace=bool(account.config.get("marketplace"))
        )
    except PosError as error:
        raise MalformedPayload(error.message, field="menusharingcode") from error
    return [MenuPublished(snapshot)]


def stock(request: WebhookRequest, account: Account) -> list[Event]:
    """Something is sold out or back. Raises `MalformedPayload`."""
    body, available, addons = _stock_push(request)
    bodies.check_restaurant(body.restID, account, "restID")
    until = None if available else _back_on(body, request, account)
    return [StockChanged(body.itemID, available, addons, happened_at=request.received_at, until=until)]


def store_status_get(request: WebhookRequest, account: Account) -> list[Event]:
    """No event: a question. Raises `MalformedPayload`."""
    body = bodies.read(incoming.StorePush, request)
    bodies.check_restaurant(body.restID, account, "restID")
    return []


def store_status_update(request: WebhookRequest, account: Account) -> list[Event]:
    """The restaurant stops or resumes taking orders. Raises `MalformedPayload`."""
    body, is_open = _store_push(request)
    bodies.check_restaurant(body.restID, account, "restID")
    until = None if is_open else _later(body.turn_on_time, request, account)
    why = bodies.reason(body.reason)
    return [StoreStatusChanged(is_open, reason=why, until=until, happened_at=request.received_at)]


def _stock_push(request: WebhookRequest) -> tuple[incoming.StockPush, bool, bool]:
    """The body, whether it says "back on sale", and whether it names add-ons."""
    body = bodies.read(incoming.StockPush, request)
    bodies.check_ids(body.itemID, "itemID")
    available = bodies.YES_OR_NO.get(values.word(body.inStock))
    if available is None:
        raise MalformedPayload("inStock is neither true nor false.", field="inStock")
    addons = STOCK_TYPES.get(values.word(body.type))
    if addons is None:
        raise MalformedPayload("type is neither item nor addon.", field="type")
    return body, available, addons


def _store_push(request: WebhookRequest) -> tuple[incoming.StoreStatusPush, bool]:
    """The body, and whether it says "open"."""
    body = bodies.read(incoming.StoreStatusPush, request)
    is_open = bodies.YES_OR_NO.get(values.word(body.store_status))
    if is_open is None:
        raise MalformedPayload("store_status is neither 1 nor 0.", field="store_status")
    return body, is_open


def _back_on(body: incoming.StockPush, request: WebhookRequest, account: Account) -> dt.datetime | None:
    """When we are to turn it on again ourselves; nothing says that PetPooja sends an "on"."""
    when = values.word(body.autoTurnOnTime)
    if when == "endofday":
        return times.next_midnight(request.received_at, account.timezone)
    return _later(body.customTurnOnTime if when == "custom" else body.autoTurnOnTime, request, account)


def _later(value: Any, request: WebhookRequest, account: Account) -> dt.datetime | None:
    # That something is off must not be lost to a time that cannot be read, or that was over on arrival:
    # then it stays off until we are told.
    try:
        moment = times.moment(value, account.timezone)
    except ValueError:
        return None
    return moment if moment > request.received_at else None


# --- answers -------------------------------------------------------------------------------------
# Source: PetPooja online ordering API v2.1.0 reference, each word by word. It has no failure of the two
# store calls: that one is made after the failure of the stock call.


def reply(topic: Topic, outcome: Outcome, message: str, facts: Mapping[str, Any]) -> Reply:
    """What PetPooja expects to hear at `topic`."""
    if outcome is Outcome.REFUSED:
        return _refusal(topic, message)
    if topic == MENU:
        return Reply(200, {"success": "1", "message": "Menu items are successfully listed."})
    if topic == STOCK:
        return Reply(200, {"code": 200, "status": "success", "message": "Stock status updated successfully"})
    if topic == STORE_STATUS_GET:
        return Reply(
            200,
            {
                "http_code": 200,
                "status": "success",
                "store_status": "1" if facts.get("open") else "0",
                "message": "Store Delivery Status fetched successfully",
            },
        )
    return Reply(
        200,
        {
            "http_code": 200,
            "status": "success",
            "message": "Store Status updated successfully for store restID",
        },
    )


def _refusal(topic: Topic, message: str) -> Reply:
    if topic == MENU:
        return Reply(400, {"success": "0", "message": message or "Menu sync failed"})
    if topic == STOCK:
        words = message or "Stock status not updated successfully"
        return Reply(400, {"code": 400, "status": "failed", "message": words})
    words = message or "The request was refused."
    return Reply(400, {"http_code": 400, "status": "failed", "message": words})
