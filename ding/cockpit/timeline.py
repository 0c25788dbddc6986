"""Everything that happened to one order, in the order in which it happened, told for a person.

The number of statements is the same for every order; `story_of` reads, the entries only show.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects

from ding.cockpit.kitchen import BAD, BUSY, GOOD, PLAIN, WARN
from notifications.models import Channel, Notification
from notifications.models import Status as MessageStatus
from orders.models import ChangeSource, Order, OrderItem, OrderStatusHistory, StaffAction
from orders.status import OrderStatus
from pos_integrations.inbound import verdict_words
from pos_integrations.models import OrderPush, OrderPushAttempt, PushKind, WebhookLog, WebhookStatus

_BY_WEBHOOK = "webhook "


@dataclass(frozen=True, slots=True)
class Body:
    """Something that was sent or received, to be unfolded: its title and its text, as it is kept."""

    title: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened.

    `icon`: a Material symbol. `folded`: the title under which the facts are folded away. `page`: its own page in the
    admin, as a view's name and an id.
    """

    at: dt.datetime
    icon: str
    tone: str
    title: str
    text: str = ""
    who: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    folded: str = ""
    bodies: tuple[Body, ...] = ()
    page: tuple[str, int] | None = None
    message: Notification | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """One line of the price: what for, how much, and how it came about."""

    label: str
    amount: Decimal
    note: str = ""
    strong: bool = False


@dataclass(slots=True)
class Story:
    """An order with all that hangs on it."""

    order: Order
    lines: list[OrderItem]
    pushes: list[OrderPush]
    messages: list[Notification]
    entries: list[Entry]
    bill: list[Bill]


def story_of(order: Order) -> Story:
    """The whole story of `order`, which comes with its restaurant."""
    prefetch_related_objects([order], "items__addons")
    lines = list(order.items.all())
    attempts = Prefetch("attempt_log", OrderPushAttempt.objects.order_by("number", "pk"))
    pushes = list(
        OrderPush.objects.filter(order=order)
        .select_related("integration__pos_provider")
        .prefetch_related(attempts)
        .defer("request_body")
        .order_by("pk")
    )
    webhooks = list(WebhookLog.objects.filter(order=order).select_related("pos_provider").order_by("pk"))
    messages = list(Notification.objects.filter(order=order).order_by("pk"))
    history = list(OrderStatusHistory.objects.filter(order=order).order_by("pk"))
    by_webhook = {
        change.changed_by: change for change in history if change.changed_by.startswith(_BY_WEBHOOK)
    }
    known = {f"{_BY_WEBHOOK}{log.pk}" for log in webhooks}
    entries: list[Entry] = []
    for change in history:
        if change.changed_by not in known:
            entries.append(_placed(order, change) if not change.old_status else _changed(change))
    bill = bill_of(order)
    entries.append(_priced(order, lines))
    for push in pushes:
        entries.extend(_tried(push))
    entries.extend(_heard(log, by_webhook.get(f"{_BY_WEBHOOK}{log.pk}")) for log in webhooks)
    for message in messages:
        entries.extend(_told(message))
    entries.extend(_acted(action) for action in StaffAction.objects.filter(order=order).order_by("pk"))
    # Stable: what happened in one instant stays in the order in which it was written above.
    entries.sort(key=lambda entry: entry.at)
    return Story(order, lines, pushes, messages, entries, bill)


def bill_of(order: Order) -> list[Bill]:
    """How the total came about, line by line."""
    discount = order.breakdown.get("discount") or {}
    bill = [Bill("Items", order.items_total)]
    if order.discount_total:
        coupon = f"coupon {order.coupon}" if order.coupon else ""
        note = ", ".join(part for part in (str(discount.get("name") or ""), coupon) if part)
        bill.append(Bill("Discount", -order.discount_total, note))
    bill.extend(
        Bill(label, amount)
        for label, amount in (
            ("Packing", order.packing_charge),
            ("Delivery", order.delivery_charge),
            ("Service", order.service_charge),
        )
        if amount
    )
    taxes: dict[tuple[str, str, bool], Decimal] = {}
    for tax in _taxes(order):
        key = (str(tax.get("name")), str(tax.get("rate")), bool(tax.get("inclusive")))
        taxes[key] = taxes.get(key, Decimal(0)) + Decimal(str(tax.get("amount") or 0))
    for (name, rate, inclusive), amount in taxes.items():
        note = f"{rate} %" if rate else ""
        bill.append(Bill(name, amount, f"{note}, inside the prices".lstrip(", ") if inclusive else note))
    bill.append(Bill("Total", order.total, strong=True))
    return bill


def _taxes(order: Order) -> Iterator[dict[str, Any]]:
    for item in order.items.all():
        yield from item.taxes
    for charge in ("packing", "delivery", "service"):
        yield from order.breakdown.get(charge) or ()


def _placed(order: Order, change: OrderStatusHistory) -> Entry:
    scheduled = f", wanted for {order.scheduled_for:%d %b %H:%M} UTC" if order.scheduled_for else ""
    return Entry(
        at=change.happened_at,
        icon="shopping_basket",
        tone=PLAIN,
        title="Order placed",
        text=f"{order.get_order_type_display().replace('_', ' ').capitalize()}, {order.payment_type}{scheduled}.",
        who=order.client or "ordering channel",
    )


def _priced(order: Order, lines: list[OrderItem]) -> Entry:
    count = sum(line.quantity for line in lines)
    return Entry(
        at=order.created_at,
        icon="sell",
        tone=PLAIN,
        title=f"Priced at {order.currency} {order.total}",
        text=f"{count} thing{'' if count == 1 else 's'} from the menu.",
        who="ding",
        folded="How the price came about",
        facts=tuple(
            (line.label, f"{line.amount}{f' ({line.note})' if line.note else ''}") for line in bill_of(order)
        ),
    )


_STATUS_ICONS = {
    OrderStatus.PENDING: "hourglass_empty",
    OrderStatus.CONFIRMED: "thumb_up",
    OrderStatus.PREPARING: "skillet",
    OrderStatus.READY: "room_service",
    OrderStatus.DISPATCHED: "moped",
    OrderStatus.DELIVERED: "home",
    OrderStatus.CANCELLED: "cancel",
    OrderStatus.REJECTED: "block",
}


def status_tone(status: str) -> str:
    """How a status looks."""
    if status in (OrderStatus.CANCELLED, OrderStatus.REJECTED):
        return BAD
    return BUSY if status == OrderStatus.PENDING else GOOD


def _changed(change: OrderStatusHistory) -> Entry:
    who = ChangeSource(change.source).label
    if change.source == ChangeSource.STAFF and change.changed_by:
        who = f"{change.changed_by} (staff)"
    return Entry(
        at=change.created_at,
        icon=_STATUS_ICONS[OrderStatus(change.new_status)],
        tone=status_tone(change.new_status),
        title=f"Status: {_name(change.old_status)} → {_name(change.new_status)}",
        text=change.change_reason,
        who=who,
    )


def _name(status: str) -> str:
    return str(OrderStatus(status).label) if status in OrderStatus.values else status or "new"


_OUTCOMES = {
    OrderPushAttempt.Outcome.RUNNING: (BUSY, "no answer yet, or cut off"),
    OrderPushAttempt.Outcome.SENT: (GOOD, "taken"),
    OrderPushAttempt.Outcome.NOT_SENT: (WARN, "not sent"),
    OrderPushAttempt.Outcome.REFUSED: (BAD, "refused"),
    OrderPushAttempt.Outcome.UNKNOWN: (BAD, "unclear"),
    OrderPushAttempt.Outcome.BLOCKED: (BAD, "not let in"),
}


def _tried(push: OrderPush) -> Iterator[Entry]:
    pos = str(push.integration.pos_provider) if push.integration else "POS"
    what = {PushKind.ORDER: "order", PushKind.CANCELLATION: "cancellation"}.get(
        PushKind(push.kind), push.get_kind_display().lower()
    )
    for attempt in push.attempt_log.all():
        tone, outcome = _OUTCOMES[OrderPushAttempt.Outcome(attempt.outcome)]
        facts = []
        if attempt.response_status is not None:
            facts.append(("Answer", f"HTTP {attempt.response_status}"))
        if attempt.duration_ms is not None:
            facts.append(("Took", f"{attempt.duration_ms} ms"))
        if attempt.url:
            facts.append(("Address", attempt.url))
        bodies = []
        if attempt.request_body:
            bodies.append(Body("What was sent", attempt.request_body))
        if attempt.response_body:
            bodies.append(Body("What came back", attempt.response_body))
        yield Entry(
            at=attempt.started_at,
            icon="send",
            tone=tone,
            title=f"To {pos}: {what}, attempt {attempt.number}: {outcome}",
            text=attempt.error,
            who="ding",
            facts=tuple(facts),
            bodies=tuple(bodies),
            page=("pos_integrations_orderpushattempt_change", attempt.pk),
        )
    if push.silent_since is not None:
        yield Entry(
            at=push.silent_since,
            icon="notifications_paused",
            tone=BAD,
            title="The kitchen is silent",
            text=f"{pos} took the {what}, and nobody in the kitchen has confirmed it.",
            who="ding",
        )


def _heard(log: WebhookLog, change: OrderStatusHistory | None) -> Entry:
    short, meaning = verdict_words(log.verdict)
    if change is not None:
        title = f"{log.pos_provider} says: {_name(change.new_status).lower()}"
        tone, icon = status_tone(change.new_status), _STATUS_ICONS[OrderStatus(change.new_status)]
        text = change.change_reason
        facts: tuple[tuple[str, str], ...] = (
            ("Status", f"{_name(change.old_status)} → {_name(change.new_status)}"),
        )
    else:
        title, icon, facts = f"{log.pos_provider} sent a report: {short}", "webhook", ()
        tone = BAD if log.status in (WebhookStatus.PARKED, WebhookStatus.FAILED) else PLAIN
        text = log.error_message or meaning
    return Entry(
        at=log.created_at,
        icon=icon,
        tone=tone,
        title=title,
        text=text,
        who=str(log.pos_provider),
        facts=facts,
        bodies=(Body("What it sent", log.payload),),
        page=("pos_integrations_webhooklog_change", log.pk),
    )


def _told(message: Notification) -> Iterator[Entry]:
    to = message.phone_number if message.type == Channel.SMS else message.email
    staff = message.event.startswith("kitchen_silent")
    whom = "staff" if staff else "guest"
    tone, state = {
        MessageStatus.PENDING: (BUSY, "waiting"),
        MessageStatus.SENT: (GOOD, "sent"),
        MessageStatus.FAILED: (BAD, "failed"),
    }[MessageStatus(message.status)]
    yield Entry(
        at=message.sent_at or message.created_at,
        icon="sms" if message.type == Channel.SMS else "mail",
        tone=tone,
        title=f"{message.get_type_display()} to {whom}, “{message.get_event_display().lower()}”: {state}",
        text=message.last_error,
        who="ding",
        facts=(("To", to),) if to else (),
        bodies=(Body("What it says", message.message),),
        message=message,
    )


def _acted(action: StaffAction) -> Entry:
    icons = {
        StaffAction.Kind.PUSHED_AGAIN: "refresh",
        StaffAction.Kind.HANDLED: "phone_in_talk",
        StaffAction.Kind.TOLD_AGAIN: "forward_to_inbox",
    }
    return Entry(
        at=action.created_at,
        icon=icons[StaffAction.Kind(action.kind)],
        tone=PLAIN,
        title=action.get_kind_display(),
        text=action.note,
        who=f"{action.by} (staff)",
    )
