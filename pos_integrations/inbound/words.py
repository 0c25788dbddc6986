"""What a webhook says, and what it meant to us, in words for a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from orders.status import OrderStatus
from pos_integrations.messages import (
    Event,
    MenuChanged,
    MenuPublished,
    OrderStatusReported,
    StockChanged,
    StoreStatusChanged,
)

# Verdict → (short, what it means).
VERDICTS: dict[str, tuple[str, str]] = {
    "": ("not looked at yet", "It waits for its turn."),
    "answered": ("answered", "It was a question; the POS got its answer at once."),
    "applied": ("applied", "ding did what it says."),
    "configuration": ("cannot be read", "The integration's configuration stops ding from reading it."),
    "duplicate": ("known already", "ding knew that already; nothing changed."),
    "error": ("error in ding", "ding itself failed at it. It is kept, and can be processed again."),
    "foreign_order": (
        "another's order",
        "It names an order of another restaurant; nothing was changed. Look whether two restaurants share an id.",
    ),
    "held": (
        "menu held",
        "The menu it brought looks like an accident, so the old one stays. A person must look.",
    ),
    "late": ("too late", "The order is further on, or finished; nothing was changed."),
    "malformed": ("unreadable", "It is not what this POS is known to send."),
    "partly": (
        "in part",
        "ding did what it could: the menu does not have all the items that it names. Sync the menu, then process "
        "this again.",
    ),
    "stale": ("out of date", "Something newer is known; nothing was changed."),
    "unknown_item": ("unknown item", "The menu has no such item. Sync the menu, then process this again."),
    "unknown_order": ("unknown order", "No order of this restaurant has this id."),
    "unsupported": ("not for us", "ding has no use for this kind of message."),
}

# What a sentence says when a POS reports a status.
_REPORTS: dict[OrderStatus, str] = {
    OrderStatus.PENDING: "has it, and has not confirmed it",
    OrderStatus.CONFIRMED: "took it",
    OrderStatus.PREPARING: "is cooking it",
    OrderStatus.READY: "has it ready",
    OrderStatus.DISPATCHED: "sent it off",
    OrderStatus.DELIVERED: "delivered it",
    OrderStatus.CANCELLED: "cancelled it",
    OrderStatus.REJECTED: "refused it",
}

Moment = Callable[[dt.datetime], str]


def verdict_words(verdict: str) -> tuple[str, str]:
    """Short words for a verdict, and a sentence that explains it."""
    return VERDICTS.get(verdict, (verdict.replace("_", " "), ""))


def say(event: Event, moment: Moment) -> str:
    """The event as a sentence. `moment` writes a time."""
    if isinstance(event, OrderStatusReported):
        return _say_order(event, moment)
    if isinstance(event, StockChanged):
        what = "add-on" if event.addons else "item"
        things = f"{what}{'s' if len(event.external_ids) > 1 else ''} {', '.join(event.external_ids)}"
        state = "back in stock" if event.available else "sold out"
        return f"The POS says: {things} {state}{_until(event.until, moment)}."
    if isinstance(event, StoreStatusChanged):
        state = "takes orders again" if event.open else "takes no orders"
        because = f" Reason: {event.reason}" if event.reason else ""
        return f"The POS says: the restaurant {state}{_until(event.until, moment)}.{because}"
    if isinstance(event, MenuPublished):
        menu = event.menu
        return f"The POS sent its menu: {len(menu.items)} items in {len(menu.categories)} categories."
    if isinstance(event, MenuChanged):
        return "The POS says that its menu changed; ding fetches it."
    raise AssertionError("unreachable")


def _say_order(event: OrderStatusReported, moment: Moment) -> str:
    name = event.reference or event.pos_order_id
    parts = [f"The POS says of order {name}: the kitchen {_REPORTS[event.status]}"]
    if event.happened_at:
        parts.append(f" at {moment(event.happened_at)}")
    promises: list[Any] = []
    if event.prep_minutes:
        promises.append(f"ready in {event.prep_minutes} minutes")
    if event.delivery_minutes:
        promises.append(f"delivered in {event.delivery_minutes} minutes")
    if event.rider_name or event.rider_phone:
        promises.append(f"rider {event.rider_name} {event.rider_phone}".rstrip())
    if event.modified:
        promises.append("with changes by the restaurant")
    text = "".join(parts) + (f", {', '.join(promises)}" if promises else "") + "."
    return f"{text} Reason: {event.reason}" if event.reason else text


def _until(until: dt.datetime | None, moment: Moment) -> str:
    return f" until {moment(until)}" if until else ""
