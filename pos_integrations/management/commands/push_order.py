"""`manage.py push_order`: bring an order to the kitchen now, without broker and worker."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from ding.operator_command import OperatorCommand
from orders.models import Order
from pos_integrations import outbound
from pos_integrations.models import OrderPush, PushState


class Command(OperatorCommand):
    """What "Push again" does in the admin, and then the call itself."""

    help = "Send an order (or its cancellation) to the POS again, now."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which order."""
        parser.add_argument("reference", help="the order's reference, as the guest knows it")
        parser.add_argument(
            "--twice-is-fine",
            action="store_true",
            help="also when the POS may have it already: the kitchen may then cook it twice",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Owe it anew, and try it."""
        order = Order.objects.filter(reference=options["reference"]).first()
        if order is None:
            raise self.refusal("There is no order of this reference.")
        push = outbound.push_again(order.pk, by="command:push_order", twice_is_fine=options["twice_is_fine"])
        outbound.deliver(push.pk)
        push = OrderPush.objects.get(pk=push.pk)
        told = f"{order.reference}: {push.get_state_display()}."
        if push.state in (PushState.SENT, PushState.ACKNOWLEDGED):
            self.stdout.write(told)
            return
        if push.state == PushState.DUE:
            told += f" It is tried again by itself until {push.expires_at:%H:%M} UTC."
        raise self.needs_a_person(f"{told} {push.last_error}".strip())
