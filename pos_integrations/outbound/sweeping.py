"""What nudges missed, what dead workers held, what is too late, and where the kitchen is silent."""

from __future__ import annotations

import datetime as dt
import logging

from django.db.models import Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from ding.db import transactional
from orders.models import ChangeSource
from orders.services.statuses import Verdict, change_status, note_unconfirmed
from orders.status import OrderStatus
from pos_integrations.configuration import account_for, adapter_of
from pos_integrations.errors import (
    ConfigurationError,
    OutcomeUnknown,
    PosError,
    TransientError,
)
from pos_integrations.models import OrderPush, PushKind, PushState
from pos_integrations.outbound.owing import owe_cancellations
from pos_integrations.outbound.sending import Call
from pos_integrations.outbound.settling import reject_unsent, settle

logger = logging.getLogger(__name__)


# What waited goes out at a pace, for each restaurant: a POS that comes back is not run over, and one
# restaurant's backlog does not stand before another's. Two orders a second, by the beat's schedule.
BACKLOG_PER_SWEEP = 10


def due_pushes(limit: int = 500) -> list[int]:
    """Ids of the pushes that are due now, the oldest first; not more of one restaurant than it bears."""
    now = timezone.now()
    place = Window(RowNumber(), partition_by="integration_id", order_by=("next_attempt_at", "pk"))
    due = OrderPush.objects.due(now).filter(expires_at__gt=now).annotate(place=place)
    paced = due.filter(place__lte=BACKLOG_PER_SWEEP).order_by("place", "next_attempt_at")
    return list(paced.values_list("pk", flat=True)[:limit])


def release_stuck(limit: int = 100) -> int:
    """Settle pushes whose worker died between claim and answer.

    Whether the POS has them nobody knows, unless the bytes were not written down yet: then nothing was sent.
    """
    now = timezone.now()
    stuck = OrderPush.objects.stuck(now).select_related(
        "integration__pos_provider", "integration__restaurant"
    )
    count = 0
    for push in stuck[:limit]:
        call = Call(push)
        if push.integration is not None:
            try:
                call.adapter, call.account = (
                    adapter_of(push.integration.pos_provider),
                    account_for(push.integration),
                )
            except ConfigurationError:
                logger.warning("The integration of a stuck push cannot be read.", extra={"push": push.pk})
        settle(call, error=_cut_off(push))
        count += 1
    return count


def _cut_off(push: OrderPush) -> PosError:
    if push.kind == PushKind.ORDER and push.request_body is None:
        return TransientError("The worker stopped before it sent anything.", code="worker_lost")
    return OutcomeUnknown("The worker stopped while it was sending.", code="worker_lost")


def expire_overdue(limit: int = 500) -> int:
    """Stop sending what is past its deadline. What was never sent is rejected, the rest is a person's."""
    now = timezone.now()
    overdue = list(
        OrderPush.objects.filter(state=PushState.DUE, expires_at__lte=now).values_list("pk", flat=True)[
            :limit
        ]
    )
    for push_id in overdue:
        _expire(push_id, now)
    return len(overdue)


@transactional
def _expire(push_id: int, now: dt.datetime) -> None:
    due = OrderPush.objects.filter(pk=push_id, state=PushState.DUE, expires_at__lte=now)
    if due.filter(maybe_taken=True).update(state=PushState.UNKNOWN, next_attempt_at=None, updated_at=now):
        return
    gone = {"state": PushState.EXPIRED, "request_body": None, "next_attempt_at": None}
    if due.update(**gone, updated_at=now):
        push = OrderPush.objects.get(pk=push_id)
        if push.kind == PushKind.ORDER:
            reject_unsent(push.order_id)


def note_silence(limit: int = 200) -> int:
    """Look at orders that the POS took and the kitchen has not confirmed in time; how many.

    The guest is told once. Where the integration says so, such an order is cancelled at the POS when its
    deadline comes.
    """
    now = timezone.now()
    silent = OrderPush.objects.silent(now).select_related(
        "order", "integration__pos_provider", "integration__restaurant"
    )
    found = list(silent.order_by("next_attempt_at")[:limit])
    for push in found:
        if push.silent_since is None:
            _first_silence(push, now)
        else:
            _give_up_on_silent(push, now)
    return len(found)


@transactional
def _first_silence(push: OrderPush, now: dt.datetime) -> None:
    last_word = push.expires_at if _cancels_silent(push) else None
    mine = OrderPush.objects.silent(now).filter(pk=push.pk, silent_since=None)
    if not mine.update(
        silent_since=now,
        next_attempt_at=max(last_word, now) if last_word else None,
        last_error="The kitchen has not confirmed the order. Call the restaurant.",
        updated_at=now,
    ):
        return
    note_unconfirmed([push.order_id])
    logger.error("The kitchen has not confirmed an order.", extra={"order": push.order_id, "push": push.pk})


@transactional
def _give_up_on_silent(push: OrderPush, now: dt.datetime) -> None:
    if not OrderPush.objects.silent(now).filter(pk=push.pk).update(next_attempt_at=None, updated_at=now):
        return
    reason = "The restaurant did not confirm the order in time."
    verdict = change_status(
        push.order_id, OrderStatus.REJECTED, source=ChangeSource.SYSTEM, changed_by="silence", reason=reason
    )
    if verdict is Verdict.APPLIED:
        owe_cancellations([push.order_id])


def _cancels_silent(push: OrderPush) -> bool:
    try:
        return push.integration is not None and account_for(push.integration).config["cancel_when_silent"]
    except ConfigurationError:
        return False
