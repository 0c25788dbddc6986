"""Where an order stands with the kitchen, in words: one table for badges, filters and figures."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from orders.models import Order
from orders.status import OrderStatus
from pos_integrations.models import OrderPush, PushKind, PushState
from pos_integrations.outbound import owed_by

GOOD, BUSY, WARN, BAD, PLAIN = "good", "busy", "warn", "bad", "plain"


@dataclass(frozen=True, slots=True)
class Standing:
    """One way in which an order can stand: by its push alone, and by whether the order itself was lost (rejected)."""

    key: str
    label: str
    tone: str
    push: Q
    trouble: bool = False
    lost: bool | None = None

    @property
    def pushes(self) -> Q:
        """Picks the pushes that stand so."""
        if self.lost is None:
            return self.push
        return self.push & (_LOST if self.lost else ~_LOST)


_ORDER = Q(kind=PushKind.ORDER)
_CANCELLATION = Q(kind=PushKind.CANCELLATION)
# An order that its guest cancelled before it was sent was given up too, and is nobody's trouble.
_LOST = Q(order__status=OrderStatus.REJECTED)

STANDINGS = (
    Standing(
        "waiting", "On its way", BUSY, _ORDER & Q(state__in=(PushState.DUE, PushState.SENDING), last_error="")
    ),
    Standing(
        "retrying",
        "Trying again",
        WARN,
        _ORDER & Q(state__in=(PushState.DUE, PushState.SENDING)) & ~Q(last_error=""),
        trouble=True,
    ),
    Standing(
        "unconfirmed", "Sent, not confirmed yet", BUSY, _ORDER & Q(state=PushState.SENT, silent_since=None)
    ),
    Standing(
        "silent",
        "Kitchen silent",
        BAD,
        _ORDER & Q(state=PushState.SENT, silent_since__isnull=False),
        trouble=True,
    ),
    Standing("unknown", "Nobody knows", BAD, _ORDER & Q(state=PushState.UNKNOWN), trouble=True),
    Standing(
        "refused", "Refused by the POS", BAD, _ORDER & Q(state=PushState.REJECTED), trouble=True, lost=True
    ),
    Standing(
        "given_up", "Not reached in time", BAD, _ORDER & Q(state=PushState.EXPIRED), trouble=True, lost=True
    ),
    Standing(
        "not_told",
        "POS not told of cancellation",
        BAD,
        _CANCELLATION & Q(state__in=(PushState.UNKNOWN, PushState.REJECTED, PushState.EXPIRED)),
        trouble=True,
    ),
    Standing(
        "telling",
        "POS is being told of cancellation",
        BUSY,
        _CANCELLATION & Q(state__in=(PushState.DUE, PushState.SENDING, PushState.SENT)),
    ),
    Standing("told", "POS knows of cancellation", PLAIN, _CANCELLATION & Q(state=PushState.ACKNOWLEDGED)),
    Standing("in_kitchen", "In the kitchen", GOOD, _ORDER & Q(state=PushState.ACKNOWLEDGED)),
    Standing(
        "not_sent",
        "Never sent",
        PLAIN,
        _ORDER & Q(state__in=(PushState.EXPIRED, PushState.REJECTED)),
        lost=False,
    ),
)
# All trouble of today: what ended longer ago than that is history.
RECENTLY = dt.timedelta(hours=24)


def recent_trouble(since: dt.datetime) -> Q:
    """Pushes that may be a person's trouble, by states that the indexes know."""
    open_ = Q(state__in=(PushState.DUE, PushState.SENDING, PushState.SENT, PushState.UNKNOWN))
    open_ |= Q(state__in=(PushState.REJECTED, PushState.EXPIRED), updated_at__gte=since)
    return open_


def in_trouble() -> Q:
    """Of these, those that are."""
    found = Q()
    for standing in STANDINGS:
        if standing.trouble:
            found |= standing.pushes
    return found


BY_KEY = {standing.key: standing for standing in STANDINGS}


def standing_of(order: Order, push: OrderPush | None) -> Standing | None:
    """Where `order` stands, given the push that counts (`owed_by`)."""
    if push is None:
        return None
    failed = push.state in (PushState.REJECTED, PushState.EXPIRED)
    if push.kind == PushKind.CANCELLATION:
        failed = failed or push.state == PushState.UNKNOWN
        known = push.state == PushState.ACKNOWLEDGED
        return BY_KEY["not_told"] if failed else BY_KEY["told" if known else "telling"]
    if failed and order.status != OrderStatus.REJECTED:
        return BY_KEY["not_sent"]
    if push.state in (PushState.DUE, PushState.SENDING):
        return BY_KEY["retrying" if push.last_error else "waiting"]
    if push.state == PushState.SENT:
        return BY_KEY["silent" if push.silent_since else "unconfirmed"]
    keys = {
        PushState.UNKNOWN: "unknown",
        PushState.REJECTED: "refused",
        PushState.EXPIRED: "given_up",
        PushState.ACKNOWLEDGED: "in_kitchen",
    }
    return BY_KEY[keys[PushState(push.state)]]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is the matter with an order, and what to do, for somebody who has never seen ding."""

    tone: str
    headline: str
    why: str
    advice: str = ""


def diagnose(order: Order, pushes: list[OrderPush]) -> Diagnosis:
    """In words. `pushes`: all of the order's, each with its integration and provider."""
    push = owed_by(order, pushes)
    if push is None:
        return Diagnosis(
            WARN, "Nothing was ever sent to the kitchen.", "", "Send it, or call the restaurant."
        )
    phone = order.restaurant.phone or "(no phone number on file)"
    call = f"Call {order.restaurant.name}: {phone}."
    pos = str(push.integration.pos_provider) if push.integration else "the POS"
    if push.kind == PushKind.CANCELLATION:
        return _about_cancellation(push, pos, call)
    by_phone = "If they have it, or take it down by phone: mark it as handled. If not: send it again."
    if push.state in (PushState.DUE, PushState.SENDING):
        return _about_waiting(order, push, pos, call)
    if push.state == PushState.SENT and push.silent_since:
        return Diagnosis(
            BAD,
            "The kitchen has not confirmed this order.",
            f"{pos} took it {ago(push.sent_at)}, but nobody in the kitchen pressed a button since.",
            f"{call} {by_phone}",
        )
    if push.state == PushState.SENT:
        return Diagnosis(
            BUSY, f"{pos} took the order.", "The kitchen has not confirmed it yet; that is usual."
        )
    if push.state == PushState.UNKNOWN:
        return Diagnosis(
            BAD, "Nobody knows whether the kitchen has this order.", push.last_error, f"{call} {by_phone}"
        )
    if push.state == PushState.ACKNOWLEDGED:
        if order.status == OrderStatus.REJECTED:
            return Diagnosis(WARN, "The kitchen refused this order.", order.cancellation_reason)
        return Diagnosis(GOOD, "The kitchen has this order.", "")
    if order.status == OrderStatus.REJECTED:
        refused = push.state == PushState.REJECTED
        return Diagnosis(
            BAD,
            f"{pos} refused this order." if refused else "This order did not reach the kitchen in time.",
            push.last_error or order.cancellation_reason,
            f"The guest was told that it is not accepted. {call} If they can cook it: send it again, or tell them "
            "by phone and mark it as handled. Then tell the guest.",
        )
    return Diagnosis(PLAIN, "This order was never sent to the kitchen.", push.last_error)


def _about_waiting(order: Order, push: OrderPush, pos: str, call: str) -> Diagnosis:
    if push.integration is None:
        return Diagnosis(
            BAD,
            "This restaurant is connected to no POS.",
            f"The order waits until {_clock(order, push.expires_at)}, then it is rejected.",
            f"Connect the restaurant, or: {call} Then mark it as handled.",
        )
    if push.integration.problem:
        return Diagnosis(
            BAD,
            f"{pos} does not let ding in.",
            push.integration.problem,
            f"Correct the restaurant's integration: the order then goes out by itself. Meanwhile: {call} "
            "Then mark it as handled.",
        )
    if push.last_error:
        return Diagnosis(
            WARN,
            f"{pos} did not take the order; ding tries again.",
            f"{push.last_error} It is tried until {_clock(order, push.expires_at)}, then rejected.",
            f"If that is too late: {call} Then mark it as handled.",
        )
    if push.next_attempt_at and push.next_attempt_at > timezone.now() + dt.timedelta(minutes=1):
        when = _clock(order, push.next_attempt_at)
        return Diagnosis(PLAIN, f"This order is for later: it goes to the kitchen at {when}.", "")
    return Diagnosis(BUSY, "The order is on its way to the kitchen.", "")


def _about_cancellation(push: OrderPush, pos: str, call: str) -> Diagnosis:
    if push.state == PushState.ACKNOWLEDGED:
        return Diagnosis(PLAIN, "The order is cancelled, and the POS knows it.", "")
    if push.state in (PushState.DUE, PushState.SENDING, PushState.SENT):
        return Diagnosis(BUSY, f"The order is cancelled; {pos} is being told.", push.last_error)
    return Diagnosis(
        BAD,
        "The order is cancelled, but the kitchen may still be cooking it.",
        f"{pos} could not be told. {push.last_error}".strip(),
        f"{call} Then mark it as handled, or tell the POS again.",
    )


def ago(moment: dt.datetime | None) -> str:
    """How long ago, as one says it: 40 s, 12 min, 3 h, 2 days."""
    if moment is None:
        return ""
    return f"{span((timezone.now() - moment).total_seconds())} ago"


def span(seconds: float) -> str:
    """A length of time in its largest unit."""
    seconds = max(0, int(seconds))
    for unit, length in (("day", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length * (2 if unit == "day" else 1):
            count = seconds // length
            return f"{count} {unit}{'s' if unit == 'day' else ''}"
    return f"{seconds} s"


def _clock(order: Order, moment: dt.datetime) -> str:
    local = moment.astimezone(order.restaurant.zone)
    today = timezone.now().astimezone(order.restaurant.zone).date() == local.date()
    return f"{local:%H:%M}" if today else f"{local:%H:%M on %d %B}"
