"""Writing down how calls ended: those that went well together, each failure by itself.

What is told apart by proof: provably not taken → tried again; refused → rejected with the POS's reason; anything
unclear → never blindly again, unless this POS is known to make no second ticket.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from ding.db import transactional, update_rows
from ding.plans import Plan
from ding.together import Together
from orders.models import ChangeSource, Order, OrderStatusHistory
from orders.services.statuses import change_status
from orders.status import OrderStatus
from pos_integrations.adapters.base import Dedupes, PosAdapter
from pos_integrations.errors import (
    ConfigurationError,
    OutcomeUnknown,
    PermanentError,
    PosError,
    TransientError,
)
from pos_integrations.messages import PushResult
from pos_integrations.models import OrderPush, OrderPushAttempt, PushKind, PushState, RestaurantPosIntegration
from pos_integrations.outbound.resting import note_call

if TYPE_CHECKING:
    from pos_integrations.outbound.sending import Call

# A misconfigured or missing integration is looked at again this often, until the deadline.
LOOK_AGAIN = dt.timedelta(seconds=30)

_locked = Plan(
    lambda ids: (
        OrderPush.objects.filter(pk__in=ids).only("state", "attempts").select_for_update().order_by("pk")
    )
)


def settle(call: Call, *, result: PushResult | None = None, error: PosError | None = None) -> None:
    """Write down how a call ended; without effect on the push when the lease was lost meanwhile."""
    if error is not None:
        _settle_failed(call, error)
    else:
        _settle_sent((call, result or PushResult()))


@transactional
def _all_sent(ended: Sequence[tuple[Call, PushResult]]) -> list[None]:
    """What went well, with a number of statements that does not grow with the calls."""
    now = timezone.now()
    # Orders before pushes, as webhooks lock them.
    _keep_pos_ids({call.push.order_id: result for call, result in ended if call.push.kind == PushKind.ORDER})
    rows = {row.pk: row for row in _locked({call.push.pk for call, _ in ended})}
    held = []
    for call, _ in ended:
        row = rows.get(call.push.pk)
        if row is None or row.state != PushState.SENDING or row.attempts != call.push.attempts:
            continue
        row.state, row.sent_at, row.last_error, row.updated_at = PushState.SENT, now, "", now
        row.next_attempt_at, row.acknowledged_at, row.request_body = now + _patience(call), None, None
        if call.push.kind != PushKind.ORDER:
            # There is no further proof to wait for.
            row.state, row.acknowledged_at, row.next_attempt_at = PushState.ACKNOWLEDGED, now, None
        held.append(row)
    # Nothing is unclear any more, so its bytes go.
    columns = ["state", "sent_at", "last_error", "updated_at", "next_attempt_at", "acknowledged_at"]
    update_rows(OrderPush, held, [*columns, "request_body"])
    _record_all([call for call, _ in ended])
    integrations = {call.push.integration for call, _ in ended if call.push.integration is not None}
    well = {"failed_calls": 0, "rests_until": None, "problem": ""}
    if ailing := [i.pk for i in integrations if i.failed_calls or i.rests_until or i.problem]:
        RestaurantPosIntegration.objects.filter(pk__in=ailing).update(**well)
    return [None] * len(ended)


_settle_sent: Together[tuple[Call, PushResult], None] = Together(_all_sent)


def _keep_pos_ids(results: dict[int, PushResult]) -> None:
    """Also when a webhook was faster: only the answer may bring the POS's own id."""
    named = {
        order_id: result.pos_order_id[:64] for order_id, result in results.items() if result.pos_order_id
    }
    if not named:
        return
    orders = Order.objects.filter(pk__in=named, pos_order_id="").order_by("pk")
    rows = list(orders.select_for_update().only("pos_order_id"))
    for order in rows:
        order.pos_order_id = named[order.pk]
    update_rows(Order, rows, ["pos_order_id"])


def _record_all(calls: Sequence[Call]) -> None:
    attempts = [call.attempt for call in calls if call.attempt is not None]
    for call in calls:
        if call.attempt is not None:
            for name, value in _recorded(call, OrderPushAttempt.Outcome.SENT, None).items():
                setattr(call.attempt, name, value)
    columns = ["outcome", "error", "url", "request_body", "response_status", "response_body", "duration_ms"]
    update_rows(OrderPushAttempt, attempts, columns)


@transactional
def _settle_failed(call: Call, error: PosError) -> None:
    push, now = call.push, timezone.now()
    next_ = _after(call, error)
    values: dict[str, Any] = {
        "state": next_.state,
        "last_error": error.message[:500],
        "next_attempt_at": now + next_.wait if next_.wait else None,
        "updated_at": now,
    }
    if next_.outcome == OrderPushAttempt.Outcome.UNKNOWN:
        values["maybe_taken"] = True
    if (
        next_.state not in (PushState.DUE, PushState.UNKNOWN)
        or next_.outcome == OrderPushAttempt.Outcome.BLOCKED
    ):
        # Nothing is unclear any more; or our access is refused, and is written into them.
        values["request_body"] = None
    attempt = OrderPushAttempt.objects.filter(push=push, number=push.attempts)
    attempt.update(**_recorded(call, next_.outcome, error))
    mine = OrderPush.objects.filter(pk=push.pk, state=PushState.SENDING, attempts=push.attempts)
    held = mine.update(**values)
    _note_problem(push, error)
    if push.integration is not None and call.account is not None and call.sent_anything:
        note_call(push.integration, error, now, call.account.config["rest_after_failures"])
    if held and push.kind == PushKind.ORDER:
        _tell_the_order(push, next_.state, error.message, permanent=isinstance(error, PermanentError))


@dataclass(frozen=True, slots=True)
class _Next:
    """What becomes of a push after a failed call."""

    state: PushState
    outcome: OrderPushAttempt.Outcome
    wait: dt.timedelta | None = None


def _after(call: Call, error: PosError) -> _Next:
    push = call.push
    outcomes = OrderPushAttempt.Outcome
    config = call.account.config if call.account else {}
    # Waiting for a person to mend our access uses no retry up.
    since = push.attempts_before
    blocked = push.attempt_log.filter(outcome=outcomes.BLOCKED, number__gt=since).count()
    tries = push.attempts - since - blocked
    retries_left = tries <= config.get("push_retries", 3)
    wait = _back_off(tries, config.get("push_retry_seconds", 10), error.retry_after)
    if isinstance(error, ConfigurationError):
        # The order is good; our access is not. It waits for a person, until its deadline.
        return _Next(PushState.DUE, outcomes.BLOCKED, LOOK_AGAIN)
    if isinstance(error, PermanentError):
        # A refusal of the second try says nothing about the first.
        return _Next(PushState.UNKNOWN if push.maybe_taken else PushState.REJECTED, outcomes.REFUSED)
    if isinstance(error, TransientError):
        if retries_left:
            return _Next(PushState.DUE, outcomes.NOT_SENT, wait)
        return _Next(PushState.UNKNOWN if push.maybe_taken else PushState.EXPIRED, outcomes.NOT_SENT)
    # Unclear. A cancellation or a rider's news may be repeated; an order only where that is proven harmless.
    harmless = push.kind != PushKind.ORDER or _may_resend(call.adapter, config)
    if harmless and retries_left:
        return _Next(PushState.DUE, outcomes.UNKNOWN, wait)
    return _Next(PushState.UNKNOWN, outcomes.UNKNOWN)


def _patience(call: Call) -> dt.timedelta:
    """How long the kitchen may be silent about an order that the POS took."""
    return dt.timedelta(minutes=call.account.config["silence_minutes"] if call.account else 5)


def _may_resend(adapter: PosAdapter | None, config: Any) -> bool:
    dedupes = adapter.dedupes_by_reference if adapter else Dedupes.NO
    return dedupes is Dedupes.YES or (dedupes is Dedupes.UNPROVEN and bool(config.get("resend_unclear")))


def _back_off(attempts: int, first_seconds: int, retry_after: float | None) -> dt.timedelta:
    jitter = random.uniform(0.75, 1.25)  # noqa: S311 - so that a thousand orders do not return at once
    seconds = first_seconds * 4 ** max(0, attempts - 1) * jitter
    return dt.timedelta(seconds=max(min(seconds, 3600), retry_after or 0))


def _recorded(call: Call, outcome: str, error: PosError | None) -> dict[str, Any]:
    """What an attempt tells of its call."""
    exchange = call.http.exchanges[-1] if call.http and call.http.exchanges else None
    values: dict[str, Any] = {"outcome": outcome, "error": error.message[:500] if error else ""}
    if exchange is not None:
        values |= {
            "url": exchange.url[:500],
            "request_body": exchange.request_body,
            "response_status": exchange.status,
            "response_body": exchange.response_body,
            "duration_ms": exchange.duration_ms,
        }
    return values


def _note_problem(push: OrderPush, error: PosError) -> None:
    """Mark the integration when the POS refused *us*, and clear the mark when it refuses only the order."""
    if push.integration is None:
        return
    problem = error.message[:500] if isinstance(error, ConfigurationError) else ""
    if isinstance(error, TransientError | OutcomeUnknown) or push.integration.problem == problem:
        return
    RestaurantPosIntegration.objects.filter(pk=push.integration.pk).update(problem=problem)


def _tell_the_order(push: OrderPush, state: PushState, reason: str, *, permanent: bool) -> None:
    """An order that provably is not in the kitchen, and will not be, is rejected: the guest must know."""
    if state == PushState.REJECTED:
        source = ChangeSource.POS if permanent else ChangeSource.SYSTEM
        by = OrderStatusHistory.BY_PUSH
        change_status(push.order_id, OrderStatus.REJECTED, source=source, changed_by=by, reason=reason)
    elif state == PushState.EXPIRED:
        reject_unsent(push.order_id)


def reject_unsent(order_id: int) -> None:
    """The order provably is in no kitchen and will not be: the guest must know."""
    change_status(
        order_id,
        OrderStatus.REJECTED,
        source=ChangeSource.SYSTEM,
        changed_by=OrderStatusHistory.BY_PUSH,
        reason="The restaurant could not be reached in time.",
    )
