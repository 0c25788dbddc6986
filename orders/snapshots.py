"""An order's rows as the snapshot that crosses to the POS, and the parts of it that are kept as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from menus.snapshot import AmountKind, Liability, OrderType
from orders.models import Order, OrderItem
from orders.pricing import Quote
from orders.snapshot import AddOnLine, ChargeLine, Customer, OrderLine, OrderSnapshot, TaxLine


def snapshot_of(order: Order) -> OrderSnapshot:
    """What the kitchen must know. Two statements, or none for an order from `Order.objects.for_push()`."""
    return OrderSnapshot(
        reference=order.reference,
        order_type=OrderType(order.order_type),
        payment_type=order.payment_type,
        placed_at=order.created_at,
        customer=Customer(
            name=order.customer_name,
            phone=order.customer_phone,
            email=order.customer_email,
            address=order.customer_address,
            latitude=_plain(order.latitude),
            longitude=_plain(order.longitude),
        ),
        lines=tuple(_line(item) for item in order.items.all()),
        packing=ChargeLine(order.packing_charge, _taxes(order.breakdown.get("packing", ()))),
        delivery=ChargeLine(order.delivery_charge, _taxes(order.breakdown.get("delivery", ()))),
        service=ChargeLine(order.service_charge, _taxes(order.breakdown.get("service", ()))),
        discount_total=order.discount_total,
        tax_total=order.tax_total,
        total=order.total,
        pos_order_id=order.pos_order_id,
        scheduled_for=order.scheduled_for,
        prep_minutes=order.prep_minutes,
        table_no=order.table_no,
        persons=order.persons,
        notes=order.notes,
        pickup_code=order.pickup_code,
        urgent=order.urgent,
        urgent_minutes=order.urgent_minutes,
    )


def breakdown_as_json(quote: Quote) -> dict[str, Any]:
    """For `Order.breakdown`: what the money columns do not tell."""
    return {
        "packing": [tax_as_json(tax) for tax in quote.packing.taxes],
        "delivery": [tax_as_json(tax) for tax in quote.delivery.taxes],
        "service": [tax_as_json(tax) for tax in quote.service.taxes],
        "discount": {"id": quote.discount.external_id, "name": quote.discount.name}
        if quote.discount
        else None,
    }


def tax_as_json(tax: TaxLine) -> dict[str, Any]:
    """For `OrderItem.taxes` and `Order.breakdown`."""
    return {
        "id": tax.external_id,
        "name": tax.name,
        "rate": _plain(tax.rate),
        "amount": str(tax.amount),
        "kind": tax.kind.value,
        "inclusive": tax.inclusive,
    }


def _taxes(rows: Iterable[Mapping[str, Any]]) -> tuple[TaxLine, ...]:
    return tuple(
        TaxLine(
            external_id=row["id"],
            name=row["name"],
            rate=Decimal(row["rate"]),
            amount=Decimal(row["amount"]),
            kind=AmountKind(row["kind"]),
            inclusive=row["inclusive"],
        )
        for row in rows
    )


def _line(item: OrderItem) -> OrderLine:
    return OrderLine(
        external_id=item.external_id,
        name=item.name,
        unit_price=item.unit_price,
        unit_discount=item.unit_discount,
        quantity=item.quantity,
        net_total=item.net_total,
        variation_id=item.variation_external_id,
        variation_master_id=item.variation_master_id,
        variation_name=item.variation_name,
        tax_inclusive=item.tax_inclusive,
        liability=Liability(item.liability),
        taxes=_taxes(item.taxes),
        addons=tuple(
            AddOnLine(
                external_id=addon.external_id,
                name=addon.name,
                group_id=addon.group_external_id,
                group_name=addon.group_name,
                price=addon.price,
                quantity=addon.quantity,
            )
            for addon in item.addons.all()
        ),
        notes=item.notes,
    )


def _plain(number: Decimal | None) -> str:
    """Without the zeros that a column adds: 2.5, not 2.5000."""
    if number is None:
        return ""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
