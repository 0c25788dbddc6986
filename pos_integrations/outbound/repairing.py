"""What a person may do about an order that did not reach the kitchen: send it again, or settle it by phone.

Neither makes a call. `push_again` leaves a due row, for which the caller nudges a worker.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from ding.db import transactional
from ding.errors import Conflict
from orders.models import ChangeSource, Order, StaffAction
from orders.services.statuses import change_status, reopen_order
from orders.status import OrderStatus
from pos_integrations.models import OrderPush, PushKind, PushState
from pos_integrations.outbound.owing import active_integration, deadline_of, first_moment, owe_pushes

TWICE = "The POS may have this order already. Sent again, the kitchen may cook it twice."
CALL_GUEST = "The guest has been told that the order was not accepted. Call the guest first."


class MayCookTwice(Conflict):
    """Only with an explicit word: the POS may have the order already."""

    code = "may_cook_twice"


@dataclass(frozen=True, slots=True)
class Repair:
    """What can be done about an order now: `refusal` says why it cannot, `warnings` what to think of first."""

    refusal: str = ""
    twice: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def possible(self) -> bool:
        """Whether the button makes sense."""
        return not self.refusal


def pushing_again(order: Order, push: OrderPush | None) -> Repair:
    """Whether `push_again` would do something for `order`, given what it owes now (`owed_by`)."""
    if push is None:
        return Repair("Nothing is owed to the kitchen.")
    if push.state == PushState.SENDING:
        return Repair("It is being sent at this moment. Look again in a minute.")
    if push.kind == PushKind.CANCELLATION:
        known = push.state == PushState.ACKNOWLEDGED
        return Repair("The POS knows that the order is cancelled.") if known else Repair()
    if order.status == OrderStatus.CANCELLED:
        return Repair("The order is cancelled. Place a new one.")
    if push.state == PushState.ACKNOWLEDGED:
        if order.status == OrderStatus.REJECTED:
            return Repair("The kitchen has it and refused it. Call the restaurant.")
        return Repair("The kitchen has it.")
    if order.status not in (OrderStatus.PENDING, OrderStatus.REJECTED):
        return Repair(f"The order is {order.status}: the kitchen has it.")
    warnings = []
    twice = push.maybe_taken or push.state in (PushState.SENT, PushState.UNKNOWN)
    if twice:
        warnings.append(TWICE)
    if order.status == OrderStatus.REJECTED:
        warnings.append(CALL_GUEST)
    return Repair(twice=twice, warnings=tuple(warnings))


def handling(order: Order, push: OrderPush | None) -> Repair:
    """Whether `mark_handled` would do something for `order`."""
    if push is None:
        return Repair("Nothing is owed to the kitchen.")
    if push.state == PushState.SENDING:
        return Repair("It is being sent at this moment. Look again in a minute.")
    if push.state == PushState.ACKNOWLEDGED:
        return Repair("The kitchen has it.")
    if push.kind == PushKind.ORDER and order.status == OrderStatus.CANCELLED:
        return Repair("The order is cancelled.")
    return Repair(warnings=(CALL_GUEST,) if order.status == OrderStatus.REJECTED else ())


def owed_by(order: Order, pushes: list[OrderPush]) -> OrderPush | None:
    """Of an order's pushes the one that counts now: for a cancelled order its cancellation, if there is one."""
    by_kind = {push.kind: push for push in pushes}
    if order.status == OrderStatus.CANCELLED and PushKind.CANCELLATION in by_kind:
        return by_kind[PushKind.CANCELLATION]
    return by_kind.get(PushKind.ORDER)


@transactional
def push_again(order_id: int, *, by: str, twice_is_fine: bool = False) -> OrderPush:
    """Owe the POS the order (or its cancellation) anew, with all its retries and a new deadline; the push.

    A rejected order becomes pending again. `by` is written down. The caller nudges a worker.

    Raises:
        Conflict: there is nothing to send; the message says why.
        MayCookTwice: the POS may have it already, and `twice_is_fine` is not said.
    """
    order, push = _locked(order_id)
    if push is None and order.status == OrderStatus.PENDING:
        (push,) = owe_pushes([order])
    repair = pushing_again(order, push)
    if push is None or not repair.possible:
        raise Conflict(repair.refusal)
    if repair.twice and not twice_is_fine:
        raise MayCookTwice(f"{TWICE} Call the restaurant at {order.restaurant.phone or 'its counter'} first.")
    if order.status == OrderStatus.REJECTED:
        reopen_order(order_id, changed_by=by, reason="It is sent to the kitchen again.")
    now = timezone.now()
    was = push.get_state_display()
    if not (push.maybe_taken or repair.twice) and push.kind == PushKind.ORDER:
        # No POS can have it: it goes to wherever the restaurant's orders go now.
        push.integration = active_integration(order.restaurant_id)
    push.maybe_taken = push.maybe_taken or repair.twice
    start = first_moment(order, push.integration, now) if push.kind == PushKind.ORDER else now
    push.state, push.next_attempt_at, push.expires_at = (
        PushState.DUE,
        start,
        start + deadline_of(push.integration),
    )
    push.attempts_before, push.silent_since, push.last_error, push.updated_at = push.attempts, None, "", now
    push.save()
    _note(order, StaffAction.Kind.PUSHED_AGAIN, by, f"{push.get_kind_display()}, until then: {was}")
    return push


@transactional
def mark_handled(order_id: int, *, by: str, note: str = "") -> OrderPush:
    """A person told the kitchen by phone: nothing is sent any more, and nobody is alarmed about it.

    A pending (or rejected) order is confirmed, so the guest hears of it. `by` and `note` are written down.

    Raises:
        Conflict: the kitchen has it anyway, or a worker is at it; the message says which.
    """
    order, push = _locked(order_id)
    repair = handling(order, push)
    if push is None or not repair.possible:
        raise Conflict(repair.refusal)
    now = timezone.now()
    push.state, push.acknowledged_at, push.next_attempt_at = PushState.ACKNOWLEDGED, now, None
    push.request_body, push.last_error, push.updated_at = None, "", now
    push.save()
    if push.kind == PushKind.ORDER:
        if order.status == OrderStatus.REJECTED:
            reopen_order(order_id, changed_by=by, reason="The kitchen takes it by phone.")
        change_status(
            order_id,
            OrderStatus.CONFIRMED,
            source=ChangeSource.STAFF,
            changed_by=by,
            reason="Handled by phone.",
        )
    _note(order, StaffAction.Kind.HANDLED, by, note)
    return push


@transactional
def hold_open_orders() -> int:
    """Send no order that may have been sent after the backup from which the database was restored; how many.

    A person, or a report of the POS, settles them. Cancellations and riders' news may be told twice.
    """
    open_orders = OrderPush.objects.filter(kind=PushKind.ORDER, state__in=(PushState.DUE, PushState.SENDING))
    return open_orders.update(
        state=PushState.UNKNOWN,
        maybe_taken=True,
        next_attempt_at=None,
        last_error="The database was restored from a backup: the POS may have this order. Ask the restaurant.",
        updated_at=timezone.now(),
    )


def _locked(order_id: int) -> tuple[Order, OrderPush | None]:
    """Locked as webhooks lock them too: first the order, then its pushes."""
    order = Order.objects.select_for_update().get(pk=order_id)
    pushes = list(OrderPush.objects.select_for_update().filter(order=order).order_by("pk"))
    return order, owed_by(order, pushes)


def _note(order: Order, kind: StaffAction.Kind, by: str, note: str) -> None:
    StaffAction.objects.create(order=order, kind=kind, by=by[:150], note=note[:500])
