"""What crosses the seam between ding and an adapter: accounts and results one way, events the other.

Plain frozen values: an adapter sees no ORM, no settings, no clock but what is in here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from menus.snapshot import MenuSnapshot
from orders.status import OrderStatus

# --- ding → adapter ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RestaurantFacts:
    """Who the restaurant is, as printed on a bill."""

    name: str = ""
    address: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """One restaurant's account at one POS: the merged configuration, secrets in the clear.

    Built by `configuration.account_for`. `external_id`: the POS's id of the restaurant.
    `config`: the adapter's declared fields by name, defaults filled in. `repr` shows neither values
    nor secrets.
    """

    external_id: str
    base_url: str = field(repr=False)
    config: Mapping[str, Any] = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Kolkata"))
    currency: str = "INR"
    restaurant: RestaurantFacts = field(default_factory=RestaurantFacts)


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """One request from a POS, as it arrived. `headers` have lower-case names; `token`: the last part of the address.

    `received_at` (aware): against it an adapter reads words like "until the end of the day". Whoever works
    a request off later passes the time of its arrival.
    """

    topic: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    received_at: dt.datetime = field(default_factory=lambda: timezone.now(), compare=False)
    token: str = field(default="", repr=False)


class RiderStatus(StrEnum):
    """How far a rider is who is not the restaurant's own."""

    ASSIGNED = "assigned"
    ARRIVED = "arrived"
    PICKED_UP = "picked_up"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class RiderUpdate:
    """Who brings an order, and how far he is. Unknown facts are empty."""

    status: RiderStatus
    name: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)


class Outcome(StrEnum):
    """What became of a webhook at the door."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


# --- adapter → ding ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PushResult:
    """The POS took the order. Many POSes give no id of their own: `pos_order_id` may be empty."""

    pos_order_id: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer a POS, in its own words. `body` None: an empty answer."""

    status: int
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a connection test: what was tried, whether it works, and what to do if not."""

    check: str
    ok: bool
    message: str


@dataclass(frozen=True, slots=True)
class OrderStatusReported:
    """The POS says where an order stands.

    The order is named by its POS id, else by our reference. `happened_at`: when the POS says it
    happened (aware), None when it does not say. `rider_…`: who brings it, when the restaurant delivers
    itself. `modified`: the restaurant changed the order. `auto_accepted`: taken by the POS itself, not by a
    person; None when it does not say.
    """

    status: OrderStatus
    reference: str = ""
    pos_order_id: str = ""
    happened_at: dt.datetime | None = None
    reason: str = ""
    prep_minutes: int | None = None
    delivery_minutes: int | None = None
    rider_name: str = ""
    rider_phone: str = ""
    modified: bool = False
    auto_accepted: bool | None = None


@dataclass(frozen=True, slots=True)
class MenuChanged:
    """The POS says that its menu changed, without sending it: a sync is due."""

    happened_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class MenuPublished:
    """The POS sent its whole menu."""

    menu: MenuSnapshot


@dataclass(frozen=True, slots=True)
class StockChanged:
    """Items (which may be variations) or add-on items are sold out, or back.

    `until`: when to turn them on again ourselves (aware), None for not before we are told.
    """

    external_ids: tuple[str, ...]
    available: bool
    addons: bool = False
    happened_at: dt.datetime | None = None
    until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class StoreStatusChanged:
    """The restaurant stopped or resumed taking orders.

    `until`: when to open it again ourselves (aware), None for not before we are told.
    """

    open: bool
    reason: str = ""
    until: dt.datetime | None = None
    happened_at: dt.datetime | None = None


Event = OrderStatusReported | MenuChanged | MenuPublished | StockChanged | StoreStatusChanged
