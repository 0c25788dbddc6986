"""Bringing one push to its POS.

A push is claimed by a conditional update with a lease, and the attempt is written and committed before the
call. What follows is told apart by proof: provably not taken → tried again; refused → rejected with the
POS's reason; anything unclear → never blindly again, unless this POS is known to make no second ticket.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from ding.db import transactional
from orders.models import ChangeSource, Order
from orders.services.statuses import change_status
from orders.snapshots import snapshot_of
from orders.status import FINAL, OrderStatus
from pos_integrations.adapters.base import Dedupes, PosAdapter
from pos_integrations.configuration import account_for, adapter_of, callback_url, http_for
from pos_integrations.errors import (
    ConfigurationError,
    OutcomeUnknown,
    PermanentError,
    PosError,
    TransientError,
)
from pos_integrations.fields import Secret, Unreadable, seal
from pos_integrations.http import PosHttp
from pos_integrations.messages import Account, PushResult, RiderStatus, RiderUpdate
from pos_integrations.models import OrderPush, OrderPushAttempt, PushKind, PushState, RestaurantPosIntegration
from pos_integrations.outbound.owing import DEFAULT_DEADLINE, active_integration
from pos_integrations.outbound.resting import note_call, rests_until

logger = logging.getLogger(__name__)

# A misconfigured or missing integration is looked at again this often, until the deadline.
LOOK_AGAIN = dt.timedelta(seconds=30)
ONE_AT_A_TIME = dt.timedelta(seconds=1)
# In the order in which a rider does them.
RIDER_STATUSES = {PushKind(f"rider_{status.value}"): status for status in RiderStatus}


def deliver(push_id: int) -> None:
    """Try one push, if it is due and nobody else is at it. Safe to call at any time, any number of times."""
    push = _claim(push_id)
    if push is None:
        return
    call = Call(push)
    try:
        result = call.make()
    except PosError as error:
        settle(push, call, error=error)
    except Exception as error:
        # One of two places that catch everything: a bug of ours must leave the row in a named state.
        logger.exception("A push failed in our own code.", extra={"push": push.pk})
        kind = OutcomeUnknown if call.sent_anything else TransientError
        settle(push, call, error=kind(f"An error in ding itself: {type(error).__name__}.", code="bug"))
    else:
        settle(push, call, result=result)


@transactional
def _claim(push_id: int) -> OrderPush | None:
    now = timezone.now()
    taken = (
        OrderPush.objects.due(now)
        .filter(pk=push_id, expires_at__gt=now)
        .update(
            state=PushState.SENDING,
            attempts=F("attempts") + 1,
            next_attempt_at=now + dt.timedelta(seconds=settings.LEASE_SECONDS),
            updated_at=now,
        )
    )
    if not taken:
        return None
    push = OrderPush.objects.select_related(
        "order", "integration__restaurant", "integration__pos_provider"
    ).get(pk=push_id)
    if push.request_body is not None and not push.maybe_taken:
        # No POS has it: what is sent now may be written anew, with mended credentials.
        push.request_body = None
        OrderPush.objects.filter(pk=push.pk).update(request_body=None)
    if push.kind == PushKind.ORDER and push.order.status in FINAL:
        why = f"The order is {push.order.status} already."
        OrderPush.objects.filter(pk=push.pk).update(
            state=PushState.UNKNOWN if push.maybe_taken else PushState.EXPIRED,
            last_error=why,
            next_attempt_at=None,
        )
        return None
    if push.kind in RIDER_STATUSES and (waits := _beside_other_news(push, now)):
        OrderPush.objects.filter(pk=push.pk).update(**waits)
        return None
    if push.integration is None or (_is_untouched(push) and not _is_on(push.integration)):
        push.integration = active_integration(push.order.restaurant_id)
        OrderPush.objects.filter(pk=push.pk).update(integration=push.integration)
    if push.integration is not None and (later := rests_until(push.integration, now)):
        waiting = OrderPush.objects.filter(pk=push.pk)
        waiting.update(state=PushState.DUE, attempts=F("attempts") - 1, next_attempt_at=later)
        return None
    OrderPushAttempt.objects.create(push=push, number=push.attempts, started_at=now)
    return push


def _beside_other_news(push: OrderPush, now: dt.datetime) -> dict[str, Any] | None:
    """What becomes of a rider's news beside the order's other pushes; None: it may go.

    A POS refuses riders of an order that it has not got yet, and shows what it heard last: so one at a time, after the
    order, and nothing old after something new.
    """
    kinds = list(RIDER_STATUSES)
    mine = OrderPush.objects.filter(order=push.order_id).exclude(pk=push.pk)
    others = {other.kind: other for other in mine.filter(kind__in=kinds).select_for_update().order_by("pk")}
    on_its_way = (PushState.DUE, PushState.SENDING)
    if (
        any(other.state == PushState.SENDING for other in others.values())
        or mine.filter(kind=PushKind.ORDER, state__in=on_its_way).exists()
    ):
        return {"state": PushState.DUE, "attempts": F("attempts") - 1, "next_attempt_at": now + ONE_AT_A_TIME}
    owed_since = push.expires_at - DEFAULT_DEADLINE
    for kind in kinds[kinds.index(PushKind(push.kind)) + 1 :]:
        told_at = others[kind].acknowledged_at if kind in others else None
        if told_at is not None and told_at > owed_since:
            why = "The POS was told later news of the rider meanwhile."
            return {"state": PushState.EXPIRED, "last_error": why, "next_attempt_at": None}
    return None


def _is_untouched(push: OrderPush) -> bool:
    """Whether no POS can have the order yet: then it may still go to another one."""
    return push.kind == PushKind.ORDER and not push.maybe_taken


def _is_on(integration: RestaurantPosIntegration) -> bool:
    return integration.active and integration.pos_provider.is_active


class Call:
    """One call for one claimed push; what is known of it when it ends decides what comes next."""

    def __init__(self, push: OrderPush) -> None:
        self.push = push
        self.order: Order | None = None
        self.adapter: PosAdapter | None = None
        self.account: Account | None = None
        self.http: PosHttp | None = None

    @property
    def sent_anything(self) -> bool:
        """Whether any bytes may have left."""
        return self.http is not None and bool(self.http.exchanges)

    def make(self) -> PushResult:
        """Make it. Raises any `PosError`."""
        push, integration = self.push, self.push.integration
        if integration is None:
            raise ConfigurationError("The restaurant has no active POS integration.", code="no_integration")
        self.adapter = adapter_of(integration.pos_provider)
        self.account = account_for(integration)
        self.order = Order.objects.for_push().get(pk=push.order_id)
        url = callback_url(integration, self.order.reference)
        # The claim's lease: after it nobody knows any more that we are at it.
        begin_by = min(push.expires_at, push.next_attempt_at or push.expires_at)
        hidden = [url.rpartition("/")[2]]
        self.http = http_for(self.account, hidden=hidden, keep=self._keep, begin_by=begin_by)
        if push.kind in RIDER_STATUSES:
            rider = RiderUpdate(
                RIDER_STATUSES[PushKind(push.kind)], self.order.rider_name, self.order.rider_phone
            )
            self.adapter.update_rider(snapshot_of(self.order), rider, self.account, self.http)
            return PushResult()
        if push.kind == PushKind.CANCELLATION:
            if push.order.pushes.filter(kind=PushKind.ORDER, state=PushState.SENDING).exists():
                raise TransientError("The order itself is on its way just now.", code="order_in_flight")
            self.adapter.cancel_order(
                snapshot_of(self.order), self.order.cancellation_reason, self.account, self.http
            )
            return PushResult()
        return self.adapter.save_order(snapshot_of(self.order), self.account, self.http, callback_url=url)

    def _keep(self, body: bytes) -> bytes:
        """Commit the bytes before they leave; where the POS may have some already, those again and no others.

        It is also the last look at the claim: a worker that slept through its lease sends nothing.
        """
        push, context = self.push, self.push.sealing_context()
        before: Any = push.request_body
        if push.maybe_taken and before is not None:
            try:
                body = before.open(context).encode()
            except Unreadable as error:
                raise ConfigurationError(f"What was sent before cannot be read. {error}") from error
        mine = OrderPush.objects.filter(pk=push.pk, state=PushState.SENDING, attempts=push.attempts)
        if not mine.update(request_body=Secret(seal(body.decode(), context))):
            raise TransientError("The claim ended before anything was sent.", code="claim_lost")
        return body


@dataclass(frozen=True, slots=True)
class _Next:
    """What becomes of a push after a failed call."""

    state: PushState
    outcome: OrderPushAttempt.Outcome
    wait: dt.timedelta | None = None


def _after(push: OrderPush, call: Call, error: PosError) -> _Next:
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


@transactional
def settle(
    push: OrderPush, call: Call, *, result: PushResult | None = None, error: PosError | None = None
) -> None:
    """Write down how a call ended; without effect when the lease was lost meanwhile."""
    now = timezone.now()
    values: dict[str, Any] = {"updated_at": now}
    if error is None:
        outcome = OrderPushAttempt.Outcome.SENT
        values |= {"state": PushState.SENT, "sent_at": now, "last_error": ""}
        values["next_attempt_at"] = now + _patience(call)
        if push.kind != PushKind.ORDER:
            # There is no further proof to wait for.
            values |= {"state": PushState.ACKNOWLEDGED, "acknowledged_at": now, "next_attempt_at": None}
    else:
        next_ = _after(push, call, error)
        outcome = next_.outcome
        values |= {
            "state": next_.state,
            "last_error": error.message[:500],
            "next_attempt_at": now + next_.wait if next_.wait else None,
        }
        if outcome == OrderPushAttempt.Outcome.UNKNOWN:
            values["maybe_taken"] = True
    if (
        values["state"] not in (PushState.DUE, PushState.UNKNOWN)
        or outcome == OrderPushAttempt.Outcome.BLOCKED
    ):
        # Nothing is unclear any more; or our access is refused, and is written into them.
        values["request_body"] = None
    _record(push, call, outcome, error)
    mine = OrderPush.objects.filter(pk=push.pk, state=PushState.SENDING, attempts=push.attempts)
    held = mine.update(**values)
    if push.kind == PushKind.ORDER and result is not None and result.pos_order_id:
        # Also when a webhook was faster: only the answer may bring the POS's own id.
        Order.objects.filter(pk=push.order_id, pos_order_id="").update(pos_order_id=result.pos_order_id[:64])
    _note_problem(push, error)
    if push.integration is not None and call.account is not None and call.sent_anything:
        note_call(push.integration, error, now, call.account.config["rest_after_failures"])
    if held and push.kind == PushKind.ORDER and error is not None:
        _tell_the_order(push, values["state"], error.message, permanent=isinstance(error, PermanentError))


def _record(push: OrderPush, call: Call, outcome: str, error: PosError | None) -> None:
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
    OrderPushAttempt.objects.filter(push=push, number=push.attempts).update(**values)


def _note_problem(push: OrderPush, error: PosError | None) -> None:
    """Mark the integration when the POS refused *us*, and clear the mark when it takes us again."""
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
        change_status(push.order_id, OrderStatus.REJECTED, source=source, changed_by="push", reason=reason)
    elif state == PushState.EXPIRED:
        reject_unsent(push.order_id)


def reject_unsent(order_id: int) -> None:
    """The order provably is in no kitchen and will not be: the guest must know."""
    change_status(
        order_id,
        OrderStatus.REJECTED,
        source=ChangeSource.SYSTEM,
        changed_by="push",
        reason="The restaurant could not be reached in time.",
    )
