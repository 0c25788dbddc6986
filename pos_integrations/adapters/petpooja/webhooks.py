"""What PetPooja sends → events.

Two families. The signed ones carry `x-petpooja-signature` over the raw bytes, keyed by the restaurant's
secret. PetPooja's own order callback carries no signature and no header of ours at all: an unguessable
token in each order's `callback_url` is its only proof, and the core checks that one.
"""

from __future__ import annotations

import datetime as dt
import hmac
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from orders.status import OrderStatus
from pos_integrations import strict_json
from pos_integrations.adapters.base import Topic, TopicAuth
from pos_integrations.adapters.petpooja import schema, values
from pos_integrations.errors import MalformedPayload, NotAuthentic, UnsupportedEvent
from pos_integrations.messages import (
    Account,
    Event,
    MenuChanged,
    OrderStatusReported,
    Outcome,
    Reply,
    StockChanged,
    WebhookRequest,
)

ORDER_STATUS = Topic("order-status", TopicAuth.SIGNATURE)
MENU_UPDATE = Topic("menu-update", TopicAuth.SIGNATURE)
INVENTORY_UPDATE = Topic("inventory-update", TopicAuth.SIGNATURE)
ORDER_CALLBACK = Topic("order-callback", TopicAuth.ORDER_TOKEN)
TOPICS = (ORDER_STATUS, MENU_UPDATE, INVENTORY_UPDATE, ORDER_CALLBACK)

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
SIGNED_STATUSES = {
    "CONFIRMED": OrderStatus.CONFIRMED,
    "PREPARING": OrderStatus.PREPARING,
    "READY": OrderStatus.READY,
    "DISPATCHED": OrderStatus.DISPATCHED,
    "DELIVERED": OrderStatus.DELIVERED,
    "CANCELLED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
}
AVAILABILITIES = {
    **dict.fromkeys(("1", "true", "yes", "on", "available", "instock"), True),
    **dict.fromkeys(("0", "false", "no", "off", "unavailable", "outofstock", "soldout"), False),
}
# A variation is an item to PetPooja: both kinds of id come under "item".
STOCK_TYPES = {"": False, "item": False, "variation": False, "addon": True}

SIGNATURE_HEADER = "x-petpooja-signature"
MAX_IDS = 1000
MAX_REASON = 500

_SIGNATURE = re.compile(r"sha256=([0-9a-fA-F]{64})")
_ISO = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?", re.ASCII | re.IGNORECASE
)
_EPOCH = re.compile(r"\d{1,16}(\.\d{1,9})?", re.ASCII)
# Later than this as seconds would be the year 5138: it must be milliseconds.
_FIRST_MILLISECONDS = 100_000_000_000
_SANE_YEARS = range(2000, 2101)

M = TypeVar("M", bound=schema.Row)


def verify(request: WebhookRequest, secrets: Sequence[str]) -> int:
    """The index of the secret that signed `request`. Every secret is tried, found or not.

    Raises:
        NotAuthentic: none did, or there is no signature of the right shape.
    """
    match = _SIGNATURE.fullmatch(request.headers.get(SIGNATURE_HEADER, ""))
    given = bytes.fromhex(match[1]) if match else b""
    found = -1
    for index, secret in enumerate(secrets):
        key = secret.encode("utf-8", "surrogatepass")
        fits = hmac.compare_digest(hmac.digest(key, request.body, "sha256"), given)
        # An empty key is no secret: anyone can sign with it.
        if fits and key and found < 0:
            found = index
    if found < 0:
        raise NotAuthentic("The signature does not fit.")
    return found


def account_ref(request: WebhookRequest) -> str:
    """The mapping code of the restaurant that the body names.

    Raises:
        MalformedPayload: it names none.
    """
    field = "restID" if request.topic == ORDER_CALLBACK.name else "restaurant_id"
    return _id_at(request, field)


def order_reference(request: WebhookRequest) -> str:
    """Our reference of the order; PetPooja calls it `orderID` here and nowhere else.

    Raises:
        MalformedPayload: there is none.
    """
    return _id_at(request, "orderID")


def parse(request: WebhookRequest, account: Account) -> list[Event]:
    """The events in an authentic request.

    Raises:
        MalformedPayload: a wrong shape, or another restaurant's.
        UnsupportedEvent: a status or a topic that we do not know.
    """
    if request.topic == ORDER_CALLBACK.name:
        return [_callback(_read(schema.OrderCallback, request), account)]
    if request.topic == ORDER_STATUS.name:
        return [_order_status(_read(schema.OrderStatusBody, request), account)]
    if request.topic == MENU_UPDATE.name:
        return [MenuChanged(happened_at=_happened_at(_read(schema.Signed, request), account))]
    if request.topic == INVENTORY_UPDATE.name:
        return [_stock(_read(schema.StockBody, request), account)]
    raise UnsupportedEvent(f"PetPooja has no topic {request.topic[:64]!r}.")


def reply(topic: Topic, outcome: Outcome, message: str = "") -> Reply:
    """What the caller at `topic` expects to hear.

    Source: PetPooja online ordering API v2.1.0 reference, order callback (an empty 200).
    """
    if outcome is Outcome.REFUSED:
        return Reply(400, {"success": False, "message": message or "The request was refused."})
    if topic.auth is TopicAuth.ORDER_TOKEN:
        return Reply(200)
    return Reply(200, {"success": True, "message": message or "Received."})


# --- one function per topic ----------------------------------------------------------------------


def _callback(body: schema.OrderCallback, account: Account) -> OrderStatusReported:
    # The token already ties the call to the order; a restaurant, when named, must be the order's.
    if body.restID:
        _same_restaurant(body.restID, account, "restID")
    status = CALLBACK_STATUSES.get(body.status)
    if status is None:
        raise UnsupportedEvent(f"PetPooja sent the unknown order status {body.status!r}.")
    reason = ""
    if status is OrderStatus.REJECTED:
        reason = values.one_line(body.cancel_reason)[:MAX_REASON]
    elif body.is_modified:
        # What a changed order looks like is documented nowhere: all we know is that it was.
        reason = "The restaurant changed the order."
    return OrderStatusReported(
        status=status,
        reference=body.orderID,
        reason=reason,
        prep_minutes=body.minimum_prep_time,
        delivery_minutes=body.minimum_delivery_time,
    )


def _order_status(body: schema.OrderStatusBody, account: Account) -> OrderStatusReported:
    happened_at = _happened_at(body, account)
    if not body.order_id and not body.pos_order_id:
        raise MalformedPayload("order_id is missing, and so is pos_order_id.", field="order_id")
    status = SIGNED_STATUSES.get(body.status.upper())
    if status is None:
        raise UnsupportedEvent(f"PetPooja sent the unknown order status {body.status!r}.")
    return OrderStatusReported(
        status=status,
        reference=body.order_id,
        pos_order_id=body.pos_order_id,
        happened_at=happened_at,
        reason=values.one_line(body.reason)[:MAX_REASON],
    )


def _stock(body: schema.StockBody, account: Account) -> StockChanged:
    happened_at = _happened_at(body, account)
    if not body.item_id:
        raise MalformedPayload("item_id is missing.", field="item_id")
    if len(body.item_id) > MAX_IDS:
        raise MalformedPayload(f"item_id holds more than {MAX_IDS} ids.", field="item_id")
    available = AVAILABILITIES.get(_word(body.availability))
    if available is None:
        raise MalformedPayload("availability is neither yes nor no.", field="availability")
    addons = STOCK_TYPES.get(_word(body.type))
    if addons is None:
        raise MalformedPayload("type is neither item nor addon.", field="type")
    return StockChanged(
        external_ids=body.item_id, available=available, addons=addons, happened_at=happened_at
    )


# --- what they share -----------------------------------------------------------------------------


def _read(model: type[M], request: WebhookRequest) -> M:
    body = strict_json.parse_object(request.body)
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = str(first["loc"][0])
        raise MalformedPayload(f"{field} {values.why(first)}.", field=field) from error


def _id_at(request: WebhookRequest, field: str) -> str:
    value = strict_json.parse_object(request.body).get(field)
    try:
        return values.read_id(value)
    except ValueError as error:
        raise MalformedPayload(f"{field} {error}.", field=field) from error


def _happened_at(body: schema.Signed, account: Account) -> dt.datetime:
    _same_restaurant(body.restaurant_id, account, "restaurant_id")
    return _moment(body.timestamp, account.timezone)


def _same_restaurant(named: str, account: Account, field: str) -> None:
    if named != account.external_id:
        raise MalformedPayload(f"{field} names another restaurant.", field=field)


def _moment(value: Any, timezone: ZoneInfo) -> dt.datetime:
    """ISO 8601, without an offset in the restaurant's time; or seconds or milliseconds since 1970. UTC."""
    if values.is_blank(value):
        raise MalformedPayload("timestamp is missing.", field="timestamp")
    text = values.hoped_text(value)
    try:
        if _EPOCH.fullmatch(text):
            number = Decimal(text)
            seconds = number / 1000 if number >= _FIRST_MILLISECONDS else number
            moment = dt.datetime.fromtimestamp(float(seconds), dt.UTC)
        elif _ISO.fullmatch(text):
            moment = dt.datetime.fromisoformat(text.upper())
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=timezone)
            moment = moment.astimezone(dt.UTC)
        else:
            raise ValueError(text)
        if moment.year not in _SANE_YEARS:
            raise ValueError(text)
    except (ValueError, OverflowError, OSError) as error:
        raise MalformedPayload("timestamp is not a time.", field="timestamp") from error
    return moment


def _word(value: Any) -> str:
    """`true` → "true", `"In Stock"` and `"in_stock"` → "instock"."""
    text = str(value).lower() if isinstance(value, bool) else values.hoped_text(value).lower()
    return text.replace(" ", "").replace("_", "").replace("-", "")
