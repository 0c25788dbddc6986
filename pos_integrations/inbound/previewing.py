"""What a stored webhook would change if it were processed now: found out, told in words, and undone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction

from menus.models import AddOnItem, Item, Restaurant, Variation
from menus.services import MenuHeld
from orders.models import Order
from pos_integrations import menu_sync
from pos_integrations.inbound import inbox
from pos_integrations.inbound.words import Moment, say, verdict_words
from pos_integrations.messages import (
    Event,
    MenuChanged,
    MenuPublished,
    StockChanged,
    StoreStatusChanged,
)
from pos_integrations.models import OrderPush, PushKind, PushState, WebhookLog


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that would be another."""

    what: str
    old: str
    new: str


@dataclass(slots=True)
class Preview:
    """What a webhook says, what ding would make of it, and what would be different then."""

    says: list[str] = field(default_factory=list)
    verdict: str = ""
    meaning: str = ""
    differences: list[Difference] = field(default_factory=list)


def would_change(log_id: int) -> Preview:
    """Process a webhook and take it all back; nothing is written, nobody is told.

    Raises:
        WebhookLog.DoesNotExist
    """
    preview = Preview()
    rows = WebhookLog.objects.select_related("restaurant", "integration__pos_provider")
    row = rows.get(pk=log_id)
    work = inbox.parsed([row])[0]
    zone = row.restaurant.zone

    def moment(time: dt.datetime) -> str:
        return f"{time.astimezone(zone):%d %b %H:%M}"

    preview.says = [say(event, moment) for event in work.events]
    published = [event for event in work.events if isinstance(event, MenuPublished)]
    if published:
        return _with_menu(preview, row, published[0])
    after: dict[str, str] = {}
    # Rolled back whatever happens: also the nudges that wait for its commit are dropped.
    with transaction.atomic():
        try:
            with transaction.atomic():
                inbox.process([row])
                after = _facts(row, work.events, moment)
        except Exception as error:  # as in `drain`: whatever is wrong with it is what we want to know
            row.verdict, row.error_message = "error", f"An error in ding itself: {type(error).__name__}."
        transaction.set_rollback(True)
    before = _facts(row, work.events, moment) if after else {}
    preview.verdict, preview.meaning = verdict_words(row.verdict)
    preview.meaning = row.error_message or preview.meaning
    preview.differences = [
        Difference(what, before.get(what, ""), new)
        for what, new in after.items()
        if before.get(what, "") != new
    ]
    return preview


def _with_menu(preview: Preview, row: WebhookLog, event: MenuPublished) -> Preview:
    """A menu has a dry run of its own, which takes no lock."""
    try:
        result = menu_sync.preview_published(row.integration, event.menu)
    except MenuHeld as error:
        preview.verdict, preview.meaning = verdict_words("held")[0], error.message
        return preview
    for kind, counts in result.changes.items():
        words = {"added": "new", "changed": "changed", "deactivated": "gone"}
        told = [f"{count} {words[name]}" for name, count in counts.items() if count]
        if told:
            preview.differences.append(Difference(kind.replace("_", " "), "", ", ".join(told)))
    preview.verdict, preview.meaning = verdict_words("applied" if preview.differences else "duplicate")
    return preview


def _facts(row: WebhookLog, events: Sequence[Event], moment: Moment) -> dict[str, str]:
    """What `events` could touch, as it stands in the database now."""
    facts: dict[str, str] = {}
    if row.order_id is not None:
        facts |= _order_facts(row.order_id, moment)
    for event in events:
        if isinstance(event, StockChanged):
            facts |= _stock_facts(row.restaurant_id, event, moment)
        elif isinstance(event, StoreStatusChanged):
            restaurant = Restaurant.objects.get(pk=row.restaurant_id)
            facts["takes orders"] = "yes" if restaurant.accepting_orders else "no"
            facts["takes orders again"] = moment(restaurant.reopens_at) if restaurant.reopens_at else "-"
        elif isinstance(event, MenuChanged):
            integration = type(row.integration).objects.get(pk=row.integration_id)
            due = integration.menu_sync_due_at
            facts["menu is fetched"] = moment(due) if due else "-"
    return facts


def _order_facts(order_id: int, moment: Moment) -> dict[str, str]:
    order = Order.objects.get(pk=order_id)
    push = OrderPush.objects.filter(order=order_id, kind=PushKind.ORDER).first()
    promised = order.estimated_delivery_time
    facts = {
        "order": order.get_status_display(),
        "kitchen": PushState(push.state).label if push else "-",
        "promised for": moment(promised) if promised else "-",
        "POS's id": order.pos_order_id or "-",
        "rider": f"{order.rider_name} {order.rider_phone}".strip() or "-",
        "reason": order.cancellation_reason or "-",
    }
    # Whoever sends messages about orders hangs them on under this name; this app does not know who that is.
    messages = getattr(order, "notifications", None)
    if messages is not None:
        facts["messages to the guest"] = str(messages.count())
    return facts


def _stock_facts(restaurant_id: int, event: StockChanged, moment: Moment) -> dict[str, str]:
    facts = {}
    for model in (AddOnItem,) if event.addons else (Item, Variation):
        named = model._default_manager.filter(restaurant=restaurant_id, external_id__in=event.external_ids)
        for thing in named:
            back = f" until {moment(thing.back_at)}" if thing.back_at else ""
            facts[f"{thing.name} ({thing.external_id})"] = "in stock" if thing.in_stock else f"sold out{back}"
    return facts
