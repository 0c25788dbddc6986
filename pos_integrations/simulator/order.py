"""What the simulated POS knows of one order: the facts in a save_order body, its decision, its stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Decision(StrEnum):
    """What became of one save_order call.

    `IGNORED`: not kept, and the client was not honestly told so (silence, a 500, a page of HTML).
    """

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    DROPPED = "dropped"
    IGNORED = "ignored"


class Stage(StrEnum):
    """Where a ticket stands in the kitchen, in the words of signed webhooks and in order of time."""

    CONFIRMED = "CONFIRMED"
    PREPARING = "PREPARING"
    READY = "READY"
    DISPATCHED = "DISPATCHED"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"

    @property
    def is_last(self) -> bool:
        """Whether nothing can follow."""
        return self in (Stage.DELIVERED, Stage.CANCELLED, Stage.REJECTED)

    def is_after(self, other: Stage | None) -> bool:
        """Whether this comes later in the life of an order."""
        order = list(Stage)
        return other is None or order.index(self) > order.index(other)


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What the POS acts upon in a save_order body; whatever is missing is empty."""

    reference: str = ""
    outlet_code: str = ""
    order_type: str = ""
    note: str = ""
    callback_url: str = ""
    prep_minutes: int = 20
    own_delivery: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What makes two saves the same order."""
        return self.outlet_code, self.reference

    @property
    def is_delivery(self) -> bool:
        """Whether someone drives it to the guest."""
        return self.order_type == "H"

    @classmethod
    def of(cls, body: Any) -> OrderFacts:
        """The facts in a body, however wrong its shape."""
        blocks = part(body, "orderinfo", "OrderInfo")
        order = part(blocks, "Order", "details")
        minutes = str(order.get("min_prep_time") or "")
        return cls(
            reference=text(order.get("orderID")),
            outlet_code=text(part(blocks, "Restaurant", "details").get("restID")),
            order_type=text(order.get("order_type")),
            note=text(order.get("description")),
            callback_url=text(order.get("callback_url")),
            prep_minutes=int(minutes) if minutes.isascii() and minutes.isdigit() and len(minutes) < 5 else 20,
            own_delivery=text(order.get("enable_delivery")) == "1",
        )


@dataclass(frozen=True, slots=True)
class Typed:
    """What a person at the terminal typed for one order; callbacks carry it."""

    prep_minutes: int | None = None
    delivery_minutes: str = ""
    rider_name: str = ""
    rider_phone: str = ""
    modified: bool = False


def part(document: Any, *names: str) -> Mapping[str, Any]:
    """The object at that path in `document`, or an empty one."""
    for name in names:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document if isinstance(document, Mapping) else {}


def objects(value: Any) -> list[Mapping[str, Any]]:
    """The objects in a list, and nothing when it is none."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """A text or number as text, anything else as nothing."""
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
