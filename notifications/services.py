"""Owing messages and sending them: at most once per order, event and channel."""

from __future__ import annotations

import datetime as dt
import itertools
import logging
import random
import time
import traceback
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone

from ding.db import insert_rows, transactional
from menus.models import Restaurant
from notifications import quota, wording
from notifications.channels import (
    ChannelDown,
    EmailChannel,
    MessageChannel,
    NotSent,
    Outgoing,
    Refused,
    Unclear,
)
from notifications.models import Channel, Event, Notification, Status
from notifications.sms import sms_channel
from orders.models import Order, OrderStatusHistory, StaffAction

logger = logging.getLogger(__name__)

MOST_TRIES = 5
FIRST_DELAY_SECONDS = 15.0
RESTORED = "restored from a backup: it may have been sent before, so it is not sent again"
STOPPED = "the worker stopped while sending: it may have arrived, so it is not sent again"
USED_UP = (
    "the restaurant's messages of today are used up (MESSAGES_PER_RESTAURANT_DAY): send it again tomorrow"
)

# What a guest is told in place of the status's name; at most 30 characters, for SMS templates take no more.
_STATUS_WORDS = {
    Event.UNCONFIRMED: "not confirmed yet",
    Event.CONFIRMED: "confirmed",
    Event.READY: "ready",
    Event.DISPATCHED: "on its way",
    Event.DELIVERED: "delivered",
    Event.CANCELLED: "cancelled",
    Event.REJECTED: "not accepted, sorry",
}


def owe_messages(changes: Sequence[OrderStatusHistory]) -> int:
    """Owe the guests of changed orders their messages; to be called in the transaction of the changes.

    At most one statement to read and one to write, however many changes. What is owed already stays as it
    is. Returns how many messages these changes call for.
    """
    told = [c for c in changes if c.new_status in Event.values and _channels_for(c.order)]
    return _owe([(change.order, Event(change.new_status), change.reason_for_guest) for change in told])


def owe_unconfirmed(orders: Sequence[Order]) -> int:
    """Owe the guests of these orders the news that the kitchen has not confirmed them yet; as above."""
    return _owe([(order, Event.UNCONFIRMED, "") for order in orders])


def _owe(occasions: Sequence[tuple[Order, Event, str]]) -> int:
    now = timezone.now()
    if not occasions:
        return 0
    restaurants = Restaurant.objects.in_bulk({order.restaurant_id for order, _, _ in occasions})
    rows: list[Notification] = []
    for order, event, reason in occasions:
        restaurant = restaurants[order.restaurant_id]
        facts = wording.facts_of(order, event, reason, restaurant, now)
        for channel in _channels_for(order):
            row = Notification(order=order, type=channel, event=event, next_attempt_at=now)
            if channel == Channel.SMS:
                row.phone_number = wording.international_number(order.customer_phone, restaurant.currency)
                row.message = wording.sms_text(facts)
            else:
                row.email = wording.one_line(order.customer_email)
                row.subject = wording.email_subject(facts)
                row.message = wording.email_text(facts)
            rows.append(row)
    insert_rows(rows, ignore=True)
    return len(rows)


def _channels_for(order: Order) -> list[Channel]:
    channels = []
    if order.customer_phone.strip() and settings.SMS_CHANNEL != "none":
        channels.append(Channel.SMS)
    if order.customer_email.strip():
        channels.append(Channel.EMAIL)
    return channels


def send_due(now: dt.datetime | None = None, limit: int = 100, *, stop_at: float | None = None) -> int:
    """Send up to `limit` due messages, none after `stop_at` (monotonic seconds). Returns how many were tried.

    Not to be called in a transaction: each claim and each result is one of its own. A channel that is down
    is left alone for the rest of the call, so that its time-outs do not hold up the other.
    """
    _give_up_abandoned(now or timezone.now())
    down: set[str] = set()
    tried = 0
    for pk, channel in _due(now or timezone.now(), limit):
        if stop_at is not None and time.monotonic() >= stop_at:
            break
        if channel in down or (row := _claim(pk, now or timezone.now())) is None:
            continue
        tried += 1
        if not _send(row, now):
            down.add(channel)
    return tried


@transactional
def send_again(ids: Collection[int], *, by: str = "", sent_too: bool = False) -> int:
    """Make failed messages due once more, with all their tries. Returns how many there were.

    `sent_too`: also those that went out already: somebody says that they did not arrive. `by` is written down.
    """
    now = timezone.now()
    statuses = [Status.FAILED, *([Status.SENT] if sent_too else [])]
    rows = list(Notification.objects.select_for_update().filter(pk__in=ids, status__in=statuses))
    if by:
        StaffAction.objects.bulk_create(
            StaffAction(
                order_id=row.order_id,
                kind=StaffAction.Kind.TOLD_AGAIN,
                by=by[:150],
                note=f"{row.get_type_display()}, {row.get_event_display()}; it was {row.get_status_display().lower()}",
                created_at=now,
            )
            for row in rows
        )
    return Notification.objects.filter(pk__in=[row.pk for row in rows]).update(
        status=Status.PENDING, retry_count=0, next_attempt_at=now, leased_until=None, updated_at=now
    )


@transactional
def give_up_pending() -> int:
    """Send nothing that may have been sent after the backup from which the database was restored; how many."""
    return Notification.objects.filter(status=Status.PENDING).update(
        status=Status.FAILED, last_error=RESTORED, leased_until=None, updated_at=timezone.now()
    )


@transactional
def _give_up_abandoned(now: dt.datetime) -> None:
    given_up = Notification.objects.abandoned(now).update(
        status=Status.FAILED, last_error=STOPPED, leased_until=None, updated_at=now
    )
    if given_up:
        logger.warning("Messages given up: their workers stopped.", extra={"count": given_up})


def _due(now: dt.datetime, limit: int) -> Iterator[tuple[int, str]]:
    """Ids and channels, the oldest first, the channels in turn."""
    due = Notification.objects.due(now).order_by("next_attempt_at", "pk").values_list("pk", "type")
    queues = (due.filter(type=Channel.SMS)[:limit], due.exclude(type=Channel.SMS)[:limit])
    in_turn = itertools.chain.from_iterable(itertools.zip_longest(*queues))
    return itertools.islice((entry for entry in in_turn if entry is not None), limit)


@transactional
def _claim(pk: int, now: dt.datetime) -> Notification | None:
    """The row, leased to us; None if somebody else was faster."""
    claimed = (
        Notification.objects.due(now)
        .filter(pk=pk)
        .update(leased_until=now + dt.timedelta(seconds=settings.LEASE_SECONDS), updated_at=now)
    )
    if claimed != 1:
        return None
    return Notification.objects.select_related("order__restaurant").get(pk=pk)


def _send(row: Notification, now: dt.datetime | None) -> bool:
    """Send a claimed row and write down what became of it. False: its channel is down."""
    channel_works = True
    try:
        if not quota.take(row.order.restaurant_id, now or timezone.now()):
            raise Refused(USED_UP)
        provider_id = _channel(row.type).send(_outgoing(row))
    except NotSent as error:
        channel_works = not isinstance(error, ChannelDown)
        tries = row.retry_count + 1
        result: dict[str, Any] = {"retry_count": tries, "last_error": str(error)}
        if tries >= MOST_TRIES:
            result["status"] = Status.FAILED
        else:
            delay = max(_delay(tries), error.retry_after)
            result["next_attempt_at"] = (now or timezone.now()) + dt.timedelta(seconds=delay)
    except (Refused, Unclear) as error:
        result = {"status": Status.FAILED, "last_error": str(error)}
    except Exception as error:  # a mistake of ours: the row must not be tried for ever, nor stop the others
        # The places, not the words: an error's text may hold a guest's address.
        places = "".join(traceback.format_tb(error.__traceback__))
        logger.error(
            "Sending broke.", extra={"notification": row.pk, "error": type(error).__name__, "at": places}
        )
        result = {
            "status": Status.FAILED,
            "last_error": f"Sending broke ({type(error).__name__}): it may have arrived, so it is not sent again.",
        }
    else:
        result = {
            "status": Status.SENT,
            "provider_message_id": provider_id[:255],
            "sent_at": now or timezone.now(),
            "last_error": "",
        }
    _record(row, result, now or timezone.now())
    return channel_works


@transactional
def _record(row: Notification, result: dict[str, Any], now: dt.datetime) -> None:
    if "last_error" in result:
        result["last_error"] = wording.one_line(result["last_error"])[:500]
    written = Notification.objects.filter(
        pk=row.pk, status=Status.PENDING, leased_until=row.leased_until
    ).update(leased_until=None, updated_at=now, **result)
    status = result.get("status", Status.PENDING)
    about = {"notification": row.pk, "order": row.order_id, "channel": row.type, "event_name": row.event}
    if not written:
        logger.warning("A message's lease ran out before its result was known.", extra=about)
    elif status == Status.FAILED:
        logger.warning("Message failed.", extra=about)
    else:
        logger.info("Message sent." if status == Status.SENT else "Message to be tried again.", extra=about)


def _delay(tries: int) -> float:
    """Seconds until the next try: 15, 45, 135, 405, each a quarter more or less."""
    return FIRST_DELAY_SECONDS * 3 ** (tries - 1) * random.uniform(0.75, 1.25)  # noqa: S311 - jitter


def _channel(name: str) -> MessageChannel:
    if name == Channel.SMS:
        return sms_channel()
    if name == Channel.EMAIL:
        return EmailChannel()
    raise Refused("There is no such channel.")


def _outgoing(row: Notification) -> Outgoing:
    return Outgoing(
        id=row.pk,
        event=row.event,
        status=_STATUS_WORDS.get(row.event, row.event),  # type: ignore[call-overload]
        reference=row.order.reference,
        restaurant=wording.one_line(row.order.restaurant.name),
        to=row.phone_number if row.type == Channel.SMS else row.email,
        text=row.message,
        subject=row.subject,
    )
