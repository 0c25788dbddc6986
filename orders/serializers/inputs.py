"""What clients send."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from ding.inputs import Input, Query
from menus.snapshot import OrderType
from orders.order_request import AddOnRequest, LineRequest, OrderRequest
from orders.serializers.fields import (
    MOST_ADDONS,
    MOST_COUNT,
    MOST_ID,
    MOST_LINES,
    PAYMENT_TYPES,
    Amount,
    Degrees,
    Email,
    Lower,
    Moment,
    OnlyBoolean,
    Text,
    Word,
    count_field,
    id_field,
    phone_rule,
    pickup_code_rule,
)
from orders.snapshot import Customer
from orders.status import OrderStatus


class AddOnInput(Input):
    """An add-on of a line; `quantity` is per unit of the line."""

    addon_item_id = id_field()
    quantity = count_field(default=1)


class LineInput(Input):
    """One line; the ids are those of the menu endpoint."""

    item_id = id_field()
    variation_id = id_field(allow_null=True, default=None)
    quantity = count_field(default=1)
    notes = Text(lines=True, max_length=500, allow_blank=True, default="")
    addons = AddOnInput(many=True, max_length=MOST_ADDONS, default=list)  # type: ignore[call-arg]

    def run_validation(self, data: Any = empty) -> Any:
        """The values: at once of a plain line, which most are; else field by field, with all that is wrong."""
        if isinstance(data, dict) and data.get("addons", ...) is None:
            # As with text, null says no more than leaving it out.
            data = {name: value for name, value in data.items() if name != "addons"}
        plain = _plain_line(data)
        return super().run_validation(data) if plain is None else plain


_LINE = frozenset({"item_id", "variation_id", "quantity", "notes", "addons"})
_ADDON = frozenset({"addon_item_id", "quantity"})


def _plain_line(data: Any) -> dict[str, Any] | None:
    """What `LineInput` makes of a line of whole numbers without notes; None: it is another one, or not right."""
    if type(data) is not dict or not _LINE.issuperset(data) or data.get("notes", "") != "":
        return None
    variation, addons = data.get("variation_id"), data.get("addons", [])
    if not (
        _is_id(data.get("item_id"))
        and (variation is None or _is_id(variation))
        and _is_count(quantity := data.get("quantity", 1))
        and type(addons) is list
        and len(addons) <= MOST_ADDONS
    ):
        return None
    chosen = []
    for addon in addons:
        if not (
            type(addon) is dict
            and _ADDON.issuperset(addon)
            and _is_id(addon.get("addon_item_id"))
            and _is_count(addon.get("quantity", 1))
        ):
            return None
        chosen.append({"addon_item_id": addon["addon_item_id"], "quantity": addon.get("quantity", 1)})
    line = {"item_id": data["item_id"], "variation_id": variation, "quantity": quantity, "notes": ""}
    return {**line, "addons": chosen}


def _is_id(value: Any) -> bool:
    # Neither true nor 1.0.
    return type(value) is int and 1 <= value <= MOST_ID


def _is_count(value: Any) -> bool:
    return type(value) is int and -MOST_COUNT <= value <= MOST_COUNT


class CustomerInput(Input):
    """Whom the food is for."""

    name = Text(max_length=200)
    phone = Text(max_length=16, allow_blank=True, default="", validators=[phone_rule()])
    email = Email(max_length=254, allow_blank=True, default="")
    address = Text(max_length=500, allow_blank=True, default="", help_text="Required for DELIVERY.")
    latitude = Degrees(limit=90, allow_null=True, default=None)
    longitude = Degrees(limit=180, allow_null=True, default=None)


class OrderInput(Input):
    """An order to be placed or priced. Prices are computed here, never taken from a client."""

    restaurant_id = id_field()
    order_type = Word(choices=[order_type.value for order_type in OrderType])
    payment_type = Word(choices=PAYMENT_TYPES)
    customer = CustomerInput()
    items = LineInput(many=True, max_length=MOST_LINES)  # type: ignore[call-arg]
    table_no = Text(max_length=20, allow_blank=True, default="", help_text="Required for DINE_IN.")
    persons = serializers.IntegerField(min_value=0, max_value=500, allow_null=True, default=0)
    scheduled_for = Moment(
        allow_null=True,
        default=None,
        help_text="When the food is wanted; null: as soon as possible. An order for a later day is placed at once and "
        "waits until the POS takes it: `push.order.next_attempt_at` says when.",
    )
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
        validators=[pickup_code_rule()],
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

    @classmethod
    def read(cls, body: Any) -> OrderRequest:
        """The order as the services take it. Raises ValidationError with all that is wrong.

        One serializer reads them all: making one copies each of its fields, which takes as long as reading.
        """
        if isinstance(body, dict):
            return _as_request(_reader().run_validation(body))
        wanted = cls(data=body)
        wanted.is_valid(raise_exception=True)
        return wanted.as_request()

    def as_request(self) -> OrderRequest:
        """The validated order as the services take it."""
        return _as_request(self.validated_data)


@functools.cache
def _reader() -> OrderInput:
    return OrderInput()


def _as_request(validated: Mapping[str, Any]) -> OrderRequest:
    data = dict(validated)
    customer = {name: value or "" for name, value in data.pop("customer").items()}
    lines = tuple(
        LineRequest(**{**line, "addons": tuple(AddOnRequest(**addon) for addon in line["addons"])})
        for line in data.pop("items")
    )
    order_type = OrderType(data.pop("order_type"))
    data["persons"] = data["persons"] or 0
    return OrderRequest(**data, order_type=order_type, customer=Customer(**customer), lines=lines)


class CancelInput(Input):
    """Why an order is cancelled; guest and kitchen may read it."""

    reason = Text(max_length=500)


class OrderFilter(Query):
    """Which orders to list. `since` is in, `until` is out; both are of the time of placing."""

    restaurant = id_field(required=False)
    status = Lower(choices=OrderStatus.choices, required=False)
    since = Moment(required=False)
    until = Moment(required=False)
    phone = Text(max_length=16, required=False, validators=[phone_rule()])
