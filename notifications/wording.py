"""The words of a message: templates, and values made safe to stand in them.

Every value is one line, so that nothing a guest, a restaurant or a POS wrote can add a header or a
paragraph. SMS texts are one line of at most 300 characters; the reason is cut first.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import zoneinfo
from dataclasses import dataclass
from pathlib import Path

from django.template import Context, Engine

from menus.models import Restaurant
from menus.snapshot import OrderType
from notifications.models import Event
from orders.models import Order

MOST_SMS_CHARACTERS = 300
# A name may be longer than is bearable in a text; the whole one is in the guest's memory.
MOST_SMS_NAME = 60
MOST_EMAIL_NAME = 120

# White space, control characters, and marks that turn the direction of what follows.
_NOT_ONE_LINE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_MANY_BLANK_LINES = re.compile(r"\n\s*\n\s*")
_NOT_PHONE = re.compile(r"[\s().\-/]+")

# Stands for the reference in kept words; of a private plane, which no name uses.
_REFERENCE = "\U000f0000reference\U000f0000"

# Text, not HTML: an apostrophe must stay one. Compiled once per process, by the engine's own cache.
_engine = Engine(dirs=[str(Path(__file__).parent / "templates")], autoescape=False)


@dataclass(frozen=True, slots=True)
class Facts:
    """What can be told about one event. All text is one line."""

    event: Event
    order_type: str
    reference: str
    restaurant: str
    phone: str
    expected: str
    reason: str


def facts_of(order: Order, event: Event, reason: str, restaurant: Restaurant, now: dt.datetime) -> Facts:
    """The facts of what happened to `order`, as they are now."""
    return Facts(
        event=event,
        order_type=order.order_type,
        reference=one_line(order.reference),
        restaurant=one_line(restaurant.name),
        phone=one_line(restaurant.phone),
        expected=_local_time(order.estimated_delivery_time, restaurant.timezone, now),
        reason=one_line(reason).rstrip(" .!,;:"),
    )


def sms_text(facts: Facts) -> str:
    """One line of at most 300 characters."""
    name = _cut(facts.restaurant, MOST_SMS_NAME)
    text = one_line(_render(facts, "sms", restaurant=name, reason=facts.reason))
    if (excess := len(text) - MOST_SMS_CHARACTERS) > 0:
        reason = _cut(facts.reason, max(0, len(facts.reason) - excess))
        text = one_line(_render(facts, "sms", restaurant=name, reason=reason))
    return _cut(text, MOST_SMS_CHARACTERS)


def email_subject(facts: Facts) -> str:
    """One line of at most 255 characters."""
    name = _cut(facts.restaurant, MOST_EMAIL_NAME)
    return one_line(_render(facts, "subject", restaurant=name, reason=facts.reason))[:255]


def email_text(facts: Facts) -> str:
    """Paragraphs with one empty line between them, and a newline at the end."""
    name = _cut(facts.restaurant, MOST_EMAIL_NAME)
    text = _render(facts, "email", restaurant=name, reason=facts.reason)
    return _MANY_BLANK_LINES.sub("\n\n", text).strip() + "\n"


def one_line(text: str) -> str:
    """`text` without control characters; line ends and runs of white space become one space."""
    return _NOT_ONE_LINE.sub(" ", text).strip()


def international_number(phone: str, currency: str) -> str:
    """`phone` as +country and digits, where that is certain; else as it was given.

    A ten-digit Indian mobile number without its country code would be read by a gateway as a number of
    whichever country the first digits happen to name, and reach a stranger there.
    """
    number = _NOT_PHONE.sub("", one_line(phone))
    if number.startswith("00"):
        number = f"+{number[2:]}"
    if currency == "INR" and re.fullmatch(r"0?[6-9][0-9]{9}", number):
        number = f"+91{number[-10:]}"
    if currency == "INR" and re.fullmatch(r"91[6-9][0-9]{9}", number):
        number = f"+{number}"
    return number[:32]


def _render(facts: Facts, kind: str, *, restaurant: str, reason: str) -> str:
    worded = _worded(facts.event, kind, facts.order_type, restaurant, facts.phone, facts.expected, reason)
    return worded.replace(_REFERENCE, facts.reference)


@functools.lru_cache(maxsize=2048)
def _worded(
    event: Event, kind: str, order_type: str, restaurant: str, phone: str, expected: str, reason: str
) -> str:
    """Of a hundred orders confirmed at once by one kitchen the words differ in the reference alone."""
    values = {
        "restaurant": restaurant,
        "reference": _REFERENCE,
        "delivery": order_type == OrderType.DELIVERY,
        "pickup": order_type == OrderType.PICKUP,
        "dine_in": order_type == OrderType.DINE_IN,
        "phone": phone,
        "expected": expected,
        "reason": reason,
    }
    template = _engine.get_template(f"notifications/{event.value}.{kind}.txt")
    return template.render(Context(values, autoescape=False))


def _local_time(moment: dt.datetime | None, zone: str, now: dt.datetime) -> str:
    """`moment` as the restaurant's clock shows it, with the day if it is not today; empty when it is past."""
    if moment is None or moment <= now:
        return ""
    try:
        tz = zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return ""  # rather no time than a wrong one
    local = moment.astimezone(tz)
    if local.date() == now.astimezone(tz).date():
        return f"{local:%H:%M}"
    return f"{local:%H:%M} on {local.day} {local:%B}"


def _cut(text: str, length: int) -> str:
    # Three dots, not an ellipsis: that one character would double the price of an SMS.
    if len(text) <= length:
        return text
    return f"{text[: length - 3].rstrip()}..." if length > 3 else ""
