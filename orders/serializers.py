"""The shapes of orders in the REST API. Shape only: what may be ordered is in `orders.rules`."""

from __future__ import annotations

import datetime as dt
import math
import unicodedata
from decimal import Decimal
from typing import Any

from django.core.validators import RegexValidator
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from menus.snapshot import AmountKind, OrderType
from orders.models import ChangeSource, Order
from orders.order_request import AddOnRequest, LineRequest, OrderRequest
from orders.pricing import Quote
from orders.snapshot import Customer
from orders.snapshots import breakdown_as_json, tax_as_json
from orders.status import OrderStatus

PAYMENT_TYPES = ("CASH", "COD", "CARD", "UPI", "WALLET", "ONLINE", "CREDIT", "OTHER")
MOST_LINES = 200
MOST_ADDONS = 50
MOST_ID = 2**63 - 1
# More than any rule allows, and still a number that every database takes.
MOST_COUNT = 2**31 - 1


# --- fields that take no surprises ---------------------------------------------------------------------


class OnlyText(serializers.Field):
    """A field that takes JSON strings, not whatever could be printed as one."""

    default_error_messages = {"text": "Not a valid string."}

    def run_validation(self, data: Any = empty) -> Any:
        """Refuse other types before anything tries to print them."""
        if data is not empty and data is not None and not isinstance(data, str):
            self.fail("text")
        return super().run_validation(data)


class Text(OnlyText, serializers.CharField):
    """Text without control characters; on one line, unless `lines`."""

    default_error_messages = {
        "control": "Remove control characters.",
        "one_line": "Write it on one line, without control characters.",
    }

    def __init__(self, *, lines: bool = False, **kwargs: Any) -> None:
        self._lines = lines
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        """The text, trimmed."""
        text = super().to_internal_value(data)
        if self._lines:
            text = text.replace("\r\n", "\n")
        allowed = "\n\t" if self._lines else ""
        if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in allowed for c in text):
            self.fail("control" if self._lines else "one_line")
        return text


class Email(OnlyText, serializers.EmailField):
    """An address, or nothing."""


class OnlyBoolean(serializers.BooleanField):
    """A field that takes JSON's true and false, not what could be read as one."""

    def run_validation(self, data: Any = empty) -> Any:
        """Refuse other types."""
        if data is not empty and not isinstance(data, bool):
            self.fail("invalid", input=data)
        return super().run_validation(data)


class Word(OnlyText, serializers.ChoiceField):
    """One of some words, in any case."""

    def to_internal_value(self, data: Any) -> Any:
        """The word as we write it."""
        return super().to_internal_value(data.upper())


class Lower(OnlyText, serializers.ChoiceField):
    """One of some words, exactly."""


class Amount(serializers.DecimalField):
    """Money, as a JSON number or string."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=12, decimal_places=2, **kwargs)

    def run_validation(self, data: Any = empty) -> Decimal | None:
        """Refuse numbers that are too long to be printed, too."""
        try:
            return super().run_validation(data)
        except (ValueError, ArithmeticError):
            self.fail("invalid")


class Moment(serializers.DateTimeField):
    """A time that says its UTC offset."""

    default_error_messages = {"naive": "Add the UTC offset, as in 2026-01-15T19:30:00+05:30."}

    def enforce_timezone(self, value: dt.datetime) -> dt.datetime:
        """Refuse a time that could be anywhere; the rest in UTC."""
        if timezone.is_naive(value):
            self.fail("naive")
        return super().enforce_timezone(value)


@extend_schema_field({"type": "number", "format": "double"})
class Degrees(serializers.Field):
    """A coordinate, as a JSON number or string; kept as text with 6 places. Empty or null: not known."""

    default_error_messages = {"invalid": "A number between -{limit} and {limit} is needed."}

    def __init__(self, *, limit: int, **kwargs: Any) -> None:
        self._limit = limit
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        """The number as text."""
        if data == "":
            return ""
        if isinstance(data, bool) or not isinstance(data, int | float | str):
            self.fail("invalid", limit=self._limit)
        try:
            number = float(data)
        except (ValueError, OverflowError):
            number = math.inf
        if not abs(number) <= self._limit:  # not a number is not in any range
            self.fail("invalid", limit=self._limit)
        return f"{number:.6f}"

    def to_representation(self, value: Any) -> str:
        """Text."""
        return str(value)


def _id(**kwargs: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=MOST_ID, **kwargs)


def _count(**kwargs: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=-MOST_COUNT, max_value=MOST_COUNT, **kwargs)


def _phone() -> RegexValidator:
    return RegexValidator(
        r"^\+?[0-9]{7,15}\Z", "Write 7 to 15 digits, with a + before a country code.", "phone"
    )


def _pickup_code() -> RegexValidator:
    return RegexValidator(r"^[0-9]{4,10}\Z", "Write 4 to 10 digits.", "pickup_code")


# --- in ------------------------------------------------------------------------------------------------


class AddOnInput(serializers.Serializer):
    """An add-on of a line; `quantity` is per unit of the line."""

    addon_item_id = _id()
    quantity = _count(default=1)


class LineInput(serializers.Serializer):
    """One line; the ids are those of the menu endpoint."""

    item_id = _id()
    variation_id = _id(allow_null=True, default=None)
    quantity = _count(default=1)
    notes = Text(lines=True, max_length=500, allow_blank=True, default="")
    addons = AddOnInput(many=True, max_length=MOST_ADDONS, default=list)  # type: ignore[call-arg]


class CustomerInput(serializers.Serializer):
    """Whom the food is for."""

    name = Text(max_length=200)
    phone = Text(max_length=16, allow_blank=True, default="", validators=[_phone()])
    email = Email(max_length=254, allow_blank=True, default="")
    address = Text(max_length=500, allow_blank=True, default="", help_text="Required for DELIVERY.")
    latitude = Degrees(limit=90, allow_null=True, default=None)
    longitude = Degrees(limit=180, allow_null=True, default=None)


class OrderInput(serializers.Serializer):
    """An order to be placed or priced. Prices are computed here, never taken from a client."""

    restaurant_id = _id()
    order_type = Word(choices=[order_type.value for order_type in OrderType])
    payment_type = Word(choices=PAYMENT_TYPES)
    customer = CustomerInput()
    items = LineInput(many=True, max_length=MOST_LINES)  # type: ignore[call-arg]
    table_no = Text(max_length=20, allow_blank=True, default="", help_text="Required for DINE_IN.")
    persons = serializers.IntegerField(min_value=0, max_value=500, default=0)
    scheduled_for = Moment(allow_null=True, default=None)
    notes = Text(lines=True, max_length=500, allow_blank=True, default="")
    coupon = Text(
        max_length=50,
        allow_blank=True,
        default="",
        help_text="In any case. Refused when it cannot apply. Without it, or when another discount saves more, "
        "the menu's best discount applies.",
    )
    pickup_code = Text(
        max_length=10,
        allow_blank=True,
        default="",
        validators=[_pickup_code()],
        help_text="What the guest or rider says at the counter: 4 to 10 digits.",
    )
    urgent = OnlyBoolean(default=False)
    urgent_minutes = serializers.IntegerField(
        min_value=1, max_value=240, allow_null=True, default=None, help_text="Only with `urgent`."
    )
    expected_total = Amount(
        min_value=Decimal(0), allow_null=True, default=None, help_text="Refused when the total is another."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What one kind of order needs and others do not."""
        if attrs["order_type"] == OrderType.DELIVERY and not attrs["customer"]["address"]:
            error = serializers.ErrorDetail("A delivery needs an address.", "required")
            raise serializers.ValidationError({"customer": {"address": [error]}})
        if attrs["order_type"] == OrderType.DINE_IN and not attrs["table_no"]:
            error = serializers.ErrorDetail("An order at a table needs the table's number.", "required")
            raise serializers.ValidationError({"table_no": [error]})
        if attrs["urgent_minutes"] is not None and not attrs["urgent"]:
            error = serializers.ErrorDetail("Only an urgent order has these. Set urgent, too.", "not_urgent")
            raise serializers.ValidationError({"urgent_minutes": [error]})
        return attrs

    def as_request(self) -> OrderRequest:
        """The validated order as the services take it."""
        data = dict(self.validated_data)
        customer = {name: value or "" for name, value in data.pop("customer").items()}
        lines = tuple(
            LineRequest(**{**line, "addons": tuple(AddOnRequest(**addon) for addon in line["addons"])})
            for line in data.pop("items")
        )
        order_type = OrderType(data.pop("order_type"))
        return OrderRequest(**data, order_type=order_type, customer=Customer(**customer), lines=lines)


class CancelInput(serializers.Serializer):
    """Why an order is cancelled; guest and kitchen may read it."""

    reason = Text(max_length=500)


class OrderFilter(serializers.Serializer):
    """Which orders to list. `since` is in, `until` is out; both are of the time of placing."""

    restaurant = _id(required=False)
    status = Lower(choices=OrderStatus.choices, required=False)
    since = Moment(required=False)
    until = Moment(required=False)
    phone = Text(max_length=16, required=False, validators=[_phone()])


# --- out -----------------------------------------------------------------------------------------------


class TaxAnswer(serializers.Serializer):
    """One tax on one thing. `id` is the POS's. `inclusive`: inside the price, not added to the total."""

    id = serializers.CharField()
    name = serializers.CharField()
    rate = serializers.CharField(help_text="A percentage or, with kind fixed, an amount per unit.")
    amount = serializers.CharField()
    kind = serializers.ChoiceField(choices=[kind.value for kind in AmountKind])
    inclusive = serializers.BooleanField()


class AddOnAnswer(serializers.Serializer):
    """An add-on of a line; `quantity` is per unit of the line."""

    addon_item_id = serializers.IntegerField()
    name = serializers.CharField()
    group_name = serializers.CharField()
    price = Amount()
    quantity = serializers.IntegerField()


class LineAnswer(serializers.Serializer):
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


class TotalsAnswer(serializers.Serializer):
    """`items`: before discount. `tax`: all taxes, those inside prices too. `total`: what the guest pays."""

    items = Amount(source="items_total")
    discount = Amount(source="discount_total")
    packing = Amount(source="packing_charge")
    delivery = Amount(source="delivery_charge")
    service = Amount(source="service_charge")
    tax = Amount(source="tax_total")
    total = Amount()


class DiscountAnswer(serializers.Serializer):
    """The discount that applied. `id` is the POS's."""

    id = serializers.CharField()
    name = serializers.CharField()


class BreakdownAnswer(serializers.Serializer):
    """The taxes of the charges, and the discount."""

    packing = TaxAnswer(many=True, default=list)
    delivery = TaxAnswer(many=True, default=list)
    service = TaxAnswer(many=True, default=list)
    discount = DiscountAnswer(allow_null=True, default=None)


class QuoteAnswer(serializers.Serializer):
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


class CustomerAnswer(serializers.Serializer):
    """Whom the food is for."""

    name = serializers.CharField(source="customer_name")
    phone = serializers.CharField(source="customer_phone")
    email = serializers.CharField(source="customer_email")
    address = serializers.CharField(source="customer_address")
    latitude = serializers.DecimalField(max_digits=9, decimal_places=6, allow_null=True)
    longitude = serializers.DecimalField(max_digits=9, decimal_places=6, allow_null=True)


class HistoryAnswer(serializers.Serializer):
    """One change of status. `happened_at`: in the world; `recorded_at`: when we learned it."""

    old_status = serializers.CharField(help_text="Empty for a new order.")
    new_status = serializers.ChoiceField(choices=OrderStatus.choices)
    source = serializers.ChoiceField(choices=ChangeSource.choices)  # type: ignore[assignment]
    changed_by = serializers.CharField()
    reason = serializers.CharField(source="change_reason")
    happened_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField(source="created_at")


class PushAnswer(serializers.Serializer):
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


class PushesAnswer(serializers.Serializer):
    """Null: nothing of that kind is owed to a POS."""

    order = PushAnswer(allow_null=True)
    cancellation = PushAnswer(allow_null=True)


class RiderAnswer(serializers.Serializer):
    """Who brings the food, when the restaurant has said so."""

    name = serializers.CharField(source="rider_name")
    phone = serializers.CharField(source="rider_phone")


class OrderAnswer(serializers.Serializer):
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
            kind: PushAnswer(pushes[kind]).data if kind in pushes else None
            for kind in ("order", "cancellation")
        }
