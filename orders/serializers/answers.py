"""What clients get."""

from __future__ import annotations

import functools
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from menus.snapshot import AmountKind, OrderType
from orders.models import ChangeSource, Order
from orders.order_request import OrderRequest
from orders.pricing import Quote
from orders.serializers.fields import Amount
from orders.serializers.telling import Answer
from orders.snapshots import breakdown_as_json, tax_as_json
from orders.status import OrderStatus


class TaxAnswer(Answer):
    """One tax on one thing. `id` is the POS's. `inclusive`: inside the price, not added to the total."""

    id = serializers.CharField()
    name = serializers.CharField()
    rate = serializers.CharField(help_text="A percentage or, with kind fixed, an amount per unit.")
    amount = serializers.CharField()
    kind = serializers.ChoiceField(choices=[kind.value for kind in AmountKind])
    inclusive = serializers.BooleanField()


class AddOnAnswer(Answer):
    """An add-on of a line; `quantity` is per unit of the line."""

    addon_item_id = serializers.IntegerField()
    name = serializers.CharField()
    group_name = serializers.CharField()
    price = Amount()
    quantity = serializers.IntegerField()


class LineAnswer(Answer):
    """One line. `unit_price` holds the add-ons; `net_total` is (`unit_price` - `unit_discount`) x `quantity`."""

    item_id = serializers.IntegerField()
    variation_id = serializers.IntegerField(allow_null=True)
    name = serializers.CharField()
    variation_name = serializers.CharField()
    quantity = serializers.IntegerField()
    base_price = Amount(help_text="The item's or variation's price, add-ons apart.")
    unit_price = Amount()
    unit_discount = Amount()
    net_total = Amount()
    tax_inclusive = serializers.BooleanField()
    taxes = TaxAnswer(many=True)
    addons = AddOnAnswer(many=True)
    notes = serializers.CharField()


class TotalsAnswer(Answer):
    """`items`: before discount. `tax`: all taxes, those inside prices too. `total`: what the guest pays."""

    items = Amount(source="items_total")
    discount = Amount(source="discount_total")
    packing = Amount(source="packing_charge")
    delivery = Amount(source="delivery_charge")
    service = Amount(source="service_charge")
    tax = Amount(source="tax_total")
    total = Amount()


class DiscountAnswer(Answer):
    """The discount that applied. `id` is the POS's."""

    id = serializers.CharField()
    name = serializers.CharField()


class BreakdownAnswer(Answer):
    """The taxes of the charges, and the discount."""

    packing = TaxAnswer(many=True, default=list)
    delivery = TaxAnswer(many=True, default=list)
    service = TaxAnswer(many=True, default=list)
    discount = DiscountAnswer(allow_null=True, default=None)


class QuoteAnswer(Answer):
    """What an order would cost now."""

    currency = serializers.CharField()
    items = LineAnswer(many=True)
    totals = TotalsAnswer(source="*")
    coupon = serializers.CharField()
    breakdown = BreakdownAnswer()

    @classmethod
    def of(cls, request: OrderRequest, quote: Quote, currency: str) -> QuoteAnswer:
        """The quote under the names that an order's columns have, so that both are written by one serializer."""
        lines = [
            {
                "item_id": wanted.item_id,
                "variation_id": wanted.variation_id,
                "name": line.name,
                "variation_name": line.variation_name,
                "quantity": line.quantity,
                "base_price": line.unit_price - sum(addon.price * addon.quantity for addon in line.addons),
                "unit_price": line.unit_price,
                "unit_discount": line.unit_discount,
                "net_total": line.net_total,
                "tax_inclusive": line.tax_inclusive,
                "taxes": [tax_as_json(tax) for tax in line.taxes],
                "addons": [
                    {
                        "addon_item_id": wanted_addon.addon_item_id,
                        "name": addon.name,
                        "group_name": addon.group_name,
                        "price": addon.price,
                        "quantity": addon.quantity,
                    }
                    for wanted_addon, addon in zip(wanted.addons, line.addons, strict=True)
                ],
                "notes": line.notes,
            }
            for wanted, line in zip(request.lines, quote.lines, strict=True)
        ]
        return cls(
            {
                "currency": currency,
                "items": lines,
                "items_total": quote.items_total,
                "discount_total": quote.discount_total,
                "packing_charge": quote.packing.amount,
                "delivery_charge": quote.delivery.amount,
                "service_charge": quote.service.amount,
                "tax_total": quote.tax_total,
                "total": quote.total,
                "coupon": request.coupon,
                "breakdown": breakdown_as_json(quote),
            }
        )


class CustomerAnswer(Answer):
    """Whom the food is for."""

    name = serializers.CharField(source="customer_name")
    phone = serializers.CharField(source="customer_phone")
    email = serializers.CharField(source="customer_email")
    address = serializers.CharField(source="customer_address")
    latitude = serializers.DecimalField(max_digits=9, decimal_places=6, allow_null=True)
    longitude = serializers.DecimalField(max_digits=9, decimal_places=6, allow_null=True)


class HistoryAnswer(Answer):
    """One change of status. `happened_at`: in the world; `recorded_at`: when we learned it."""

    old_status = serializers.CharField(help_text="Empty for a new order.")
    new_status = serializers.ChoiceField(choices=OrderStatus.choices)
    source = serializers.ChoiceField(choices=ChangeSource.choices)  # type: ignore[assignment]
    changed_by = serializers.CharField()
    reason = serializers.CharField(source="change_reason")
    happened_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField(source="created_at")


class PushAnswer(Answer):
    """How far the bringing to the POS is."""

    state = serializers.CharField()
    attempts = serializers.IntegerField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField()
    sent_at = serializers.DateTimeField(allow_null=True)
    acknowledged_at = serializers.DateTimeField(allow_null=True, help_text="When the kitchen confirmed it.")
    silent_since = serializers.DateTimeField(
        allow_null=True, help_text="Not confirmed by the kitchen in time."
    )


class PushesAnswer(Answer):
    """Null: nothing of that kind is owed to a POS."""

    order = PushAnswer(allow_null=True)
    cancellation = PushAnswer(allow_null=True)


class RiderAnswer(Answer):
    """Who brings the food, when the restaurant has said so."""

    name = serializers.CharField(source="rider_name")
    phone = serializers.CharField(source="rider_phone")


class OrderAnswer(Answer):
    """An order with all that is known of it."""

    id = serializers.IntegerField()
    reference = serializers.CharField(help_text="The order's name towards guest and POS.")
    restaurant_id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=OrderStatus.choices)
    order_type = serializers.ChoiceField(choices=[order_type.value for order_type in OrderType])
    payment_type = serializers.CharField()
    customer = CustomerAnswer(source="*")
    table_no = serializers.CharField()
    persons = serializers.IntegerField()
    notes = serializers.CharField()
    items = LineAnswer(many=True)
    currency = serializers.CharField()
    totals = TotalsAnswer(source="*")
    coupon = serializers.CharField(
        help_text="As the guest wrote it; the discount that applied is in `breakdown`."
    )
    breakdown = BreakdownAnswer()
    pickup_code = serializers.CharField()
    urgent = serializers.BooleanField()
    urgent_minutes = serializers.IntegerField(allow_null=True)
    pos_order_id = serializers.CharField()
    prep_minutes = serializers.IntegerField(allow_null=True)
    scheduled_for = serializers.DateTimeField(allow_null=True)
    estimated_delivery_time = serializers.DateTimeField(allow_null=True)
    rider = RiderAnswer(source="*")
    modified_by_restaurant = serializers.BooleanField()
    auto_accepted = serializers.BooleanField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)
    cancellation_reason = serializers.CharField()
    history = HistoryAnswer(many=True)
    push = serializers.SerializerMethodField()

    @extend_schema_field(PushesAnswer)
    def get_push(self, order: Order) -> dict[str, Any]:
        """From the reverse relation `pushes`, if anybody has made one; see `OrderQuerySet.for_answer`."""
        pushes = {push.kind: push for push in order.pushes.all()} if hasattr(order, "pushes") else {}
        return {
            kind: _push_answer().to_representation(pushes[kind]) if kind in pushes else None
            for kind in ("order", "cancellation")
        }


@functools.cache
def _push_answer() -> PushAnswer:
    """One for all: making a serializer copies each of its fields."""
    return PushAnswer()
