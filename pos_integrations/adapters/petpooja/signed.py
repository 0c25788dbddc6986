"""The signed webhooks → events: status of an order, menu changed, stock.

PetPooja itself signs nothing; these are ding's own contract, for whoever stands between. They carry
`x-petpooja-signature` over the raw bytes, keyed by the restaurant's secret, and a time.
"""

from __future__ import annotations

import datetime as dt
import hmac
import re
from collections.abc import Sequence

from orders.status import OrderStatus
from pos_integrations.adapters.base import Topic, TopicAuth
from pos_integrations.adapters.petpooja import bodies, times, values
from pos_integrations.adapters.petpooja.schema import incoming
from pos_integrations.errors import MalformedPayload, UnsupportedEvent
from pos_integrations.messages import (
    Account,
    Event,
    MenuChanged,
    OrderStatusReported,
    StockChanged,
    WebhookRequest,
)
from pos_integrations.signatures import Proof, Scheme
from pos_integrations.signatures.base import first_fitting

ORDER_STATUS = Topic("order-status", TopicAuth.SIGNATURE)
MENU_UPDATE = Topic("menu-update", TopicAuth.SIGNATURE)
INVENTORY_UPDATE = Topic("inventory-update", TopicAuth.SIGNATURE)
TOPICS = (ORDER_STATUS, MENU_UPDATE, INVENTORY_UPDATE)

STATUSES = {
    "CONFIRMED": OrderStatus.CONFIRMED,
    "PREPARING": OrderStatus.PREPARING,
    "READY": OrderStatus.READY,
    "DISPATCHED": OrderStatus.DISPATCHED,
    "DELIVERED": OrderStatus.DELIVERED,
    "CANCELLED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
}
# A variation is an item to PetPooja: both kinds of id come under "item".
STOCK_TYPES = {"": False, "item": False, "variation": False, "addon": True}

SIGNATURE_HEADER = "x-petpooja-signature"

_SIGNATURE = re.compile(r"sha256=([0-9a-fA-F]{64})")

# What a clock may be ahead of ours.
MOST_AHEAD = dt.timedelta(minutes=5)


class PetPoojaHmac(Scheme):
    """`x-petpooja-signature: sha256=<hex>` over the raw body, and nothing else.

    Keeps out forgery and tampering. No time and no id are under it: what disarms a repeat is the `timestamp` in the
    body, and that every event has its effect once.
    """

    name = "petpooja_hmac"

    def is_brought(self, request: WebhookRequest) -> bool:
        """The header is there, in exactly its form."""
        return bool(_SIGNATURE.fullmatch(request.headers.get(SIGNATURE_HEADER, "")))

    def verify(self, request: WebhookRequest, secrets: Sequence[str]) -> Proof:
        """HMAC-SHA256 keyed by the secret's own text."""
        match = _SIGNATURE.fullmatch(request.headers.get(SIGNATURE_HEADER, ""))
        given = bytes.fromhex(match[1]) if match else b""
        fits = []
        for secret in secrets:
            key = secret.encode("utf-8", "surrogatepass")
            # Not `hmac.digest`: it lets the other threads run, and waiting for one's turn again costs more than the hash.
            expected = hmac.new(key, request.body, "sha256").digest()
            # An empty key is no secret: anyone can sign with it.
            fits.append(hmac.compare_digest(expected, given) and bool(key))
        return Proof(first_fitting(fits))


PETPOOJA_HMAC = PetPoojaHmac()


def order_status(request: WebhookRequest, account: Account) -> list[Event]:
    """Where an order stands."""
    body = bodies.read(incoming.OrderStatusBody, request)
    happened_at = _happened_at(body, account)
    if not body.order_id and not body.pos_order_id:
        raise MalformedPayload("order_id is missing, and so is pos_order_id.", field="order_id")
    status = STATUSES.get(body.status.upper())
    if status is None:
        raise UnsupportedEvent(f"PetPooja sent the unknown order status {body.status!r}.")
    event = OrderStatusReported(
        status=status,
        reference=body.order_id,
        pos_order_id=body.pos_order_id,
        happened_at=happened_at,
        reason=bodies.reason(body.reason),
    )
    return [event]


def menu_update(request: WebhookRequest, account: Account) -> list[Event]:
    """The menu is another one now, and not in here."""
    return [MenuChanged(happened_at=_happened_at(bodies.read(incoming.Signed, request), account))]


def inventory_update(request: WebhookRequest, account: Account) -> list[Event]:
    """Something is sold out or back."""
    body = bodies.read(incoming.StockBody, request)
    happened_at = _happened_at(body, account)
    if happened_at > request.received_at + MOST_AHEAD:
        # Stock goes both ways: a body that is always the newest could be sent again for ever.
        raise MalformedPayload("timestamp lies in the future.", field="timestamp")
    bodies.check_ids(body.item_id, "item_id")
    available = bodies.YES_OR_NO.get(values.word(body.availability))
    if available is None:
        raise MalformedPayload("availability is neither yes nor no.", field="availability")
    addons = STOCK_TYPES.get(values.word(body.type))
    if addons is None:
        raise MalformedPayload("type is neither item nor addon.", field="type")
    return [StockChanged(body.item_id, available, addons, happened_at)]


def _happened_at(body: incoming.Signed, account: Account) -> dt.datetime:
    bodies.check_restaurant(body.restaurant_id, account, "restaurant_id")
    try:
        return times.moment(body.timestamp, account.timezone)
    except ValueError as error:
        raise MalformedPayload(f"timestamp {error}.", field="timestamp") from error
