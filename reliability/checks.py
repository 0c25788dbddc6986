"""The checker: what senders, kitchens and the database say must agree. One figure per promise."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from reliability.figures import Figure, quantile, seconds, told
from reliability.orders import Placed
from reliability.processes import wait_until
from reliability.sender import Event

if TYPE_CHECKING:
    from reliability.load import Load
    from reliability.rig import Rig

_EVENT_ID = re.compile(r'"event_id": "([^"]+)"')
_WORDS = ("PENDING", "CONFIRMED", "PREPARING", "READY", "DISPATCHED", "DELIVERED")
ACK_CALM, ACK_FAULT, ANSWER_WITHOUT_DATABASE = 0.5, 2.0, 5.0


def judge(rig: Rig, load: Load, *, ack: float | None = ACK_FAULT, quiet: float = 120) -> list[Figure]:
    """Wait for quiet, then every figure that a load gives; `ack`: the longest p99 of its acknowledgements."""
    waited = rig.quiet(quiet)
    found = [told("quiet after", waited, "s")]
    if load.events:
        found += webhooks(load.events)
        found += refusals(load.events)
        took = ack_seconds(load.events)
        found.append(told("ack_p50", quantile(took, 0.5), "s"))
        p99 = quantile(took, 0.99)
        found.append(told("ack_p99", p99, "s") if ack is None else seconds("ack_p99", p99, ack))
    if load.orders:
        found += orders(rig, load.orders)
    return found


def ack_seconds(events: Iterable[Event]) -> list[float]:
    """How long each answer that was an acknowledgement took."""
    return [
        took
        for event in events
        for status, took in zip([s for s in event.statuses if s is not None], event.seconds, strict=False)
        if status < 300
    ]


def refusals(events: Sequence[Event]) -> list[Figure]:
    """Rightly signed, and yet refused; and answers that say that ding itself is broken."""
    once = {event.id: event for event in events}.values()
    answers = [status for event in once for status in event.statuses if status is not None]
    return [
        Figure("valid_refused", sum(400 <= status < 500 for status in answers), len(answers)),
        Figure("input_5xx", sum(status >= 500 and status != 503 for status in answers), len(answers)),
    ]


def webhooks(events: Sequence[Event]) -> list[Figure]:
    """Nothing acknowledged is lost or skipped; each has its effect, once."""
    events = list({event.id: event for event in events}.values())
    acknowledged = [event for event in events if event.acknowledged]
    rows = _rows_of({event.id for event in events})
    done = {"processed", "ignored", "parked"}
    lost = [event for event in acknowledged if not rows.get(event.id)]
    skipped = [
        event for event in acknowledged if rows.get(event.id) and not done.intersection(rows[event.id])
    ]
    figures = [
        Figure("acked_lost", len(lost), len(acknowledged)),
        Figure("acked_not_worked_off", len(skipped), len(acknowledged)),
    ]
    return figures + _effects(acknowledged)


def _rows_of(ids: set[str]) -> dict[str, list[str]]:
    from pos_integrations.models import WebhookLog

    rows: dict[str, list[str]] = defaultdict(list)
    for log in WebhookLog.objects.only("payload", "status").iterator(2000):
        match = _EVENT_ID.search(log.payload)
        if match and match[1] in ids:
            rows[match[1]].append(str(log.status))
    return rows


def _effects(acknowledged: Sequence[Event]) -> list[Figure]:
    from orders.models import Order, OrderStatusHistory

    furthest: dict[str, int] = {}
    for event in acknowledged:
        if event.about.get("status") in _WORDS:
            reference = event.about["reference"]
            furthest[reference] = max(furthest.get(reference, 0), _WORDS.index(event.about["status"]))
    references = list(furthest)
    missing, twice = 0, 0
    for start in range(0, len(references), 2000):
        some = references[start : start + 2000]
        stands = dict(Order.objects.filter(reference__in=some).values_list("reference", "status"))
        missing += sum(_rank(stands.get(reference, "")) < furthest[reference] for reference in some)
        history = OrderStatusHistory.objects.filter(order__reference__in=some)
        counted = Counter(history.values_list("order_id", "new_status"))
        twice += sum(count > 1 for count in counted.values())
    figures = []
    if references:
        figures += [
            Figure("effect_missing", missing, len(references)),
            Figure("effect_dup", twice, len(references)),
        ]
    return figures + _stock_effects(acknowledged)


def _rank(status: str) -> int:
    return _WORDS.index(status.upper()) if status.upper() in _WORDS else -1


def _stock_effects(acknowledged: Sequence[Event]) -> list[Figure]:
    from menus.models import Item

    newest: dict[tuple[int, str], Event] = {}
    for event in acknowledged:
        item = event.about.get("item")
        if item and (item not in newest or newest[item].about["happened"] < event.about["happened"]):
            newest[item] = event
    if not newest:
        return []
    stands = {
        (restaurant, external_id): in_stock
        for restaurant, external_id, in_stock in Item.objects.filter(
            external_id__in=[external_id for _, external_id in newest]
        ).values_list("restaurant_id", "external_id", "in_stock")
    }
    wrong = sum(stands.get(item) != event.about["available"] for item, event in newest.items())
    return [Figure("stock_wrong", wrong, len(newest))]


# --- orders ---------------------------------------------------------------------------------------------


def orders(rig: Rig, asked: Sequence[Placed]) -> list[Figure]:
    """Each order is known once, in a kitchen at most once, and in a named state."""
    from orders.models import Order
    from pos_integrations.models import OrderPush, PushKind, PushState
    from pos_integrations.simulator import Decision

    placed = [order for order in asked if order.reference]
    references = {order.reference for order in placed}
    known = set(Order.objects.filter(reference__in=references).values_list("reference", flat=True))
    pushes = {
        push.order.reference: push
        for push in OrderPush.objects.filter(
            kind=PushKind.ORDER, order__reference__in=references
        ).select_related("order")
    }
    entries = [e for e in kitchen_calls(rig) if e.facts.reference in references]
    tickets = Counter(
        ticket.reference
        for pos in (rig.strict, rig.lenient)
        for ticket in pos.tickets()
        if ticket.reference in references
    )
    dropped = {e.facts.reference for e in entries if e.decision is Decision.DROPPED}
    open_states = (PushState.DUE, PushState.SENDING)
    not_taken, taken = (
        (PushState.REJECTED, PushState.EXPIRED),
        (PushState.SENT, PushState.ACKNOWLEDGED),
    )
    keys = {order.key for order in asked}
    count = len(placed)
    return [
        Figure("orders_lost", len(references - known), count),
        Figure("orders_twice", _ordered_twice(keys), len(keys)),
        Figure("pos_dup", sum(number > 1 for number in tickets.values()), count),
        Figure("blind_resend", blind_resends(rig, references), count),
        Figure("late_push", _late(entries, pushes), len(entries) or None),
        Figure(
            "orders_open_past_deadline", sum(push.state in open_states for push in pushes.values()), count
        ),
        Figure(
            "called_lost_but_cooked",
            sum(tickets[r] > 0 and p.state in not_taken for r, p in pushes.items()),
            count,
        ),
        Figure(
            "called_taken_but_not_cooked",
            sum(not tickets[r] and p.state in taken and r not in dropped for r, p in pushes.items()),
            count,
        ),
        told("for a person", sum(push.state == PushState.UNKNOWN for push in pushes.values())),
        *callbacks(rig, references),
    ]


def kitchen_calls(rig: Rig) -> list[Any]:
    """Every save_order call that a kitchen read."""
    return [entry for pos in (rig.strict, rig.lenient) for entry in pos.ledger.entries()]


def _ordered_twice(keys: set[str]) -> int:
    """Keys under which more than one order stands."""
    from orders.models import IdempotencyKey

    found = IdempotencyKey.objects.filter(key__in=keys).values_list("key", flat=True)
    return sum(count > 1 for count in Counter(found).values())


def blind_resends(rig: Rig, references: set[str]) -> int:
    """Orders that were sent again after an unclear call, to a POS that makes a second ticket of them."""
    from pos_integrations.models import OrderPushAttempt

    strict = [outlet.restaurant for outlet in rig.outlets.values() if outlet.pos is rig.strict]
    attempts = OrderPushAttempt.objects.filter(
        push__kind="order", push__order__reference__in=references, push__order__restaurant__in=strict
    ).order_by("number")
    unclear: set[int] = set()
    again: set[int] = set()
    for push, outcome in attempts.values_list("push_id", "outcome"):
        if push in unclear:
            again.add(push)
        if outcome in (OrderPushAttempt.Outcome.UNKNOWN, OrderPushAttempt.Outcome.RUNNING):
            unclear.add(push)
    return len(again)


def unclear_sends(references: set[str]) -> int:
    """Calls of which nobody knew whether the POS had taken them."""
    from pos_integrations.models import OrderPushAttempt

    unclear = (OrderPushAttempt.Outcome.UNKNOWN, OrderPushAttempt.Outcome.RUNNING)
    return OrderPushAttempt.objects.filter(
        push__order__reference__in=references, push__kind="order", outcome__in=unclear
    ).count()


def _late(entries: Sequence[Any], pushes: dict[str, Any]) -> int:
    """Calls that a kitchen read after the order's deadline; a second for the way."""
    late = 0
    for entry in entries:
        push = pushes.get(entry.facts.reference)
        read = dt.datetime.fromisoformat(entry.at)
        late += push is not None and read > push.expires_at + dt.timedelta(seconds=1)
    return late


def callbacks(rig: Rig, references: set[str]) -> list[Figure]:
    """What the kitchens told and ding acknowledged is there, and had its effect."""
    from orders.models import Order
    from pos_integrations.models import WebhookLog

    told_by = [
        call
        for pos in (rig.strict, rig.lenient)
        for call in pos.ledger.callbacks()
        if call["reference"] in references and call["result"] == "acknowledged"
    ]
    if not told_by:
        return []
    rows = WebhookLog.objects.filter(order__reference__in=references, webhook_type="order-callback").count()
    delivered = {call["reference"] for call in told_by if call["status"] == "10"}
    finished = set(
        Order.objects.filter(
            reference__in=delivered, status__in=("delivered", "cancelled", "rejected")
        ).values_list("reference", flat=True)
    )
    return [
        Figure("callbacks_lost", max(0, len(told_by) - rows), len(told_by)),
        Figure("callbacks_not_applied", len(delivered - finished), len(delivered) or None),
    ]


def ids_of(orders: Iterable[Placed]) -> set[str]:
    """The references of those that were placed."""
    return {order.reference for order in orders if order.reference}


def secrets_seen(rig: Rig) -> list[Figure]:
    """Secrets that stand in what ding's processes wrote all the while."""
    from django.conf import settings

    from pos_integrations.simulator import DEMO_CREDENTIALS

    secrets = {outlet.secret for outlet in rig.outlets.values()} | {rig.api_key}
    secrets |= {DEMO_CREDENTIALS.app_key, DEMO_CREDENTIALS.app_secret, DEMO_CREDENTIALS.access_token}
    secrets |= {settings.SECRET_KEY, settings.CALLBACK_KEY}
    secrets |= {key.rpartition(":")[2] for key in settings.ENCRYPTION_KEYS.split(",")}
    logs = [rig.folder / f"{process.name}.log" for process in rig.processes]
    texts = [log.read_text(errors="replace") for log in logs if log.exists()]
    return [
        Figure("secret_seen", sum(secret in text for secret in secrets for text in texts), len(secrets)),
        told("kilobytes of logs", sum(map(len, texts)) // 1000),
    ]


# --- alarms ---------------------------------------------------------------------------------------------

ALERT_WITHIN = 60.0
MOST_ALERTS = 3


def alerted(
    kind: str,
    since: dt.datetime,
    *,
    within: float = ALERT_WITHIN,
    restaurant: int | None = None,
    cause: str = "",
) -> list[Figure]:
    """Staff is alerted of an incident of that kind, soon and not a hundred times."""
    from ding.incidents.models import Incident

    found = Incident.objects.filter(kind=kind, updated_at__gte=since, alerts__gt=0)
    if cause:
        found = found.filter(cause__contains=cause)
    if restaurant is not None:
        found = found.filter(restaurant_id=restaurant)
    with suppress(TimeoutError):
        wait_until(found.exists, within + 30)
    told_at = (timezone.now() - since).total_seconds()
    alerts = max(found.values_list("alerts", flat=True), default=0)
    return [
        Figure("alert_missing", int(not alerts), 1),
        seconds(f"alert {kind} after", told_at, within),
        Figure("alerts_of_one_incident", alerts, None, MOST_ALERTS),
    ]
