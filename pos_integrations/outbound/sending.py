"""Bringing one push to its POS.

A push is claimed by a conditional update with a lease, and the attempt is written and committed before the
call. What follows is told apart by proof: provably not taken → tried again; refused → rejected with the
POS's reason; anything unclear → never blindly again, unless this POS is known to make no second ticket.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import connection

from orders.snapshots import snapshot_of
from pos_integrations.adapters.base import PosAdapter
from pos_integrations.configuration import account_for, adapter_of, callback_url, http_for
from pos_integrations.errors import ConfigurationError, OutcomeUnknown, PosError, TransientError
from pos_integrations.fields import Unreadable, seal
from pos_integrations.http import PosHttp
from pos_integrations.messages import Account, PushResult, RiderUpdate
from pos_integrations.models import OrderPush, OrderPushAttempt, PushKind, PushState
from pos_integrations.outbound.claiming import RIDER_STATUSES, claim
from pos_integrations.outbound.settling import settle

logger = logging.getLogger(__name__)

_KEEP = "UPDATE OrderPushes SET request_body = %s WHERE id = %s AND state = %s AND attempts = %s"
# Of an order: unless the POS may have taken an earlier call.
_IN_NO_KITCHEN = (PushState.DUE, PushState.EXPIRED, PushState.REJECTED)


def deliver(push_id: int) -> None:
    """Try one push, if it is due and nobody else is at it. Safe to call at any time, any number of times."""
    claimed = claim(push_id)
    if claimed is None:
        return
    push, attempt = claimed
    call = Call(push, attempt)
    try:
        result = call.make()
    except PosError as error:
        settle(call, error=error)
    except Exception as error:
        # One of two places that catch everything: a bug of ours must leave the row in a named state.
        logger.exception("A push failed in our own code.", extra={"push": push.pk})
        kind = OutcomeUnknown if call.sent_anything else TransientError
        settle(call, error=kind(f"An error in ding itself: {type(error).__name__}.", code="bug"))
    else:
        settle(call, result=result)


class Call:
    """One call for one claimed push; what is known of it when it ends decides what comes next."""

    def __init__(self, push: OrderPush, attempt: OrderPushAttempt | None = None) -> None:
        self.push = push
        self.attempt = attempt
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
        order = push.order
        url = callback_url(integration, order.reference)
        # The claim's lease: after it nobody knows any more that we are at it.
        begin_by = min(push.expires_at, push.next_attempt_at or push.expires_at)
        hidden = [url.rpartition("/")[2]]
        self.http = http_for(self.account, hidden=hidden, keep=self._keep, begin_by=begin_by)
        if push.kind in RIDER_STATUSES:
            rider = RiderUpdate(RIDER_STATUSES[PushKind(push.kind)], order.rider_name, order.rider_phone)
            self.adapter.update_rider(snapshot_of(order), rider, self.account, self.http)
            return PushResult()
        if push.kind == PushKind.CANCELLATION:
            sent = push.order.pushes.get(kind=PushKind.ORDER)
            if sent.state == PushState.SENDING:
                raise TransientError("The order itself is on its way just now.", code="order_in_flight")
            if not sent.maybe_taken and sent.state in _IN_NO_KITCHEN:
                # It was on its way when it was cancelled, and did not get there.
                return PushResult()
            self.adapter.cancel_order(snapshot_of(order), order.cancellation_reason, self.account, self.http)
            return PushResult()
        return self.adapter.save_order(snapshot_of(order), self.account, self.http, callback_url=url)

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
        with connection.cursor() as cursor:
            cursor.execute(_KEEP, [seal(body.decode(), context), push.pk, PushState.SENDING, push.attempts])
            kept = cursor.rowcount
        if not kept:
            raise TransientError("The claim ended before anything was sent.", code="claim_lost")
        return body
