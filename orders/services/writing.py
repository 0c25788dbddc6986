"""Writing down orders that are priced, all of them in the statements that one would take."""

from __future__ import annotations

import datetime as dt
import functools
import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ding.db import insert_rows, transactional
from ding.plans import as_read
from orders.models import ChangeSource, IdempotencyKey, Order, OrderItem, OrderItemAddOn, OrderStatusHistory
from orders.order_request import LineRequest, OrderRequest
from orders.pricing import Quote
from orders.rules import MenuExtract
from orders.serializers import OrderAnswer
from orders.signals import orders_placed
from orders.snapshots import breakdown_as_json, tax_as_json
from orders.status import OrderStatus

# Crockford's base32: nobody confuses 0 with O or 1 with I and L when reading it out.
_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ0123456789"
_LETTERS = 22


@dataclass(frozen=True, slots=True)
class PricedOrder:
    """An order that breaks no rule. `key`: its Idempotency-Key, empty when it has none."""

    request: OrderRequest
    menu: MenuExtract
    quote: Quote
    client: str
    key: str
    source: ChangeSource


@transactional
def write_down(priced: Sequence[PricedOrder], now: dt.datetime) -> list[dict[str, Any]]:
    """Write all of them or none; the answer for each one's client.

    Raises IntegrityError when one of the keys is taken.
    """
    orders = [_order(one) for one in priced]
    insert_rows(orders, ids=("reference",))
    lines = {order.pk: _lines(order, one) for order, one in zip(orders, priced, strict=True)}
    insert_rows([line for of_one in lines.values() for line in of_one], ids=("order_id", "position"))
    addons = [
        addon
        for order, one in zip(orders, priced, strict=True)
        for addon in _addons(lines[order.pk], one.request, one.quote)
    ]
    insert_rows(addons)
    history = [
        OrderStatusHistory(
            order=order, new_status=order.status, source=one.source, changed_by=one.client, happened_at=now
        )
        for order, one in zip(orders, priced, strict=True)
    ]
    insert_rows(history)
    # What was written need not be read to be told; a test compares it with what a GET gives.
    by_line: dict[int, list[OrderItemAddOn]] = defaultdict(list)
    for addon in addons:
        by_line[addon.order_item_id].append(addon)
    for order, first in zip(orders, history, strict=True):
        for line in lines[order.pk]:
            as_read(line, "addons", by_line[line.pk])
        as_read(order, "items", lines[order.pk])
        as_read(order, "history", [first])
    orders_placed.send(sender=Order, orders=orders)
    answers = [_answering().to_representation(order) for order in orders]
    # Whoever is at the same key makes us wait here.
    insert_rows(
        [
            IdempotencyKey(client=one.client, key=one.key, body_sha256=one.request.sha256(), answer=answer)
            for one, answer in zip(priced, answers, strict=True)
            if one.key
        ]
    )
    return answers


@functools.cache
def _answering() -> OrderAnswer:
    """One for all: making a serializer copies each of its fields."""
    return OrderAnswer()


def _order(priced: PricedOrder) -> Order:
    request, menu, quote = priced.request, priced.menu, priced.quote
    customer = request.customer
    return Order(
        restaurant=menu.restaurant,
        reference=new_reference(),
        status=OrderStatus.PENDING,
        order_type=request.order_type,
        payment_type=request.payment_type,
        client=priced.client,
        customer_name=customer.name,
        customer_phone=customer.phone,
        customer_email=customer.email,
        customer_address=customer.address,
        latitude=Decimal(customer.latitude) if customer.latitude else None,
        longitude=Decimal(customer.longitude) if customer.longitude else None,
        table_no=request.table_no,
        persons=request.persons,
        notes=request.notes,
        scheduled_for=request.scheduled_for,
        prep_minutes=menu.charges.prep_minutes,
        coupon=request.coupon,
        pickup_code=request.pickup_code,
        urgent=request.urgent,
        urgent_minutes=request.urgent_minutes,
        currency=menu.restaurant.currency,
        items_total=quote.items_total,
        discount_total=quote.discount_total,
        packing_charge=quote.packing.amount,
        delivery_charge=quote.delivery.amount,
        service_charge=quote.service.amount,
        tax_total=quote.tax_total,
        total=quote.total,
        breakdown=breakdown_as_json(quote),
    )


def _lines(order: Order, priced: PricedOrder) -> list[OrderItem]:
    return [
        OrderItem(
            order=order,
            position=position,
            item_id=wanted.item_id,
            variation_id=wanted.variation_id,
            external_id=line.external_id,
            variation_external_id=line.variation_id,
            variation_master_id=line.variation_master_id,
            name=line.name,
            variation_name=line.variation_name,
            base_price=_base_price(wanted, priced.menu),
            unit_price=line.unit_price,
            unit_discount=line.unit_discount,
            quantity=line.quantity,
            net_total=line.net_total,
            tax_inclusive=line.tax_inclusive,
            liability=line.liability,
            taxes=[tax_as_json(tax) for tax in line.taxes],
            notes=line.notes,
        )
        for position, (wanted, line) in enumerate(
            zip(priced.request.lines, priced.quote.lines, strict=True), start=1
        )
    ]


def _addons(lines: Sequence[OrderItem], request: OrderRequest, quote: Quote) -> list[OrderItemAddOn]:
    return [
        OrderItemAddOn(
            order_item=line,
            addon_item_id=wanted_addon.addon_item_id,
            external_id=addon.external_id,
            group_external_id=addon.group_id,
            name=addon.name,
            group_name=addon.group_name,
            price=addon.price,
            quantity=addon.quantity,
        )
        for line, wanted, sold in zip(lines, request.lines, quote.lines, strict=True)
        for wanted_addon, addon in zip(wanted.addons, sold.addons, strict=True)
    ]


def _base_price(wanted: LineRequest, menu: MenuExtract) -> Decimal:
    variation = menu.variation(wanted)
    return variation.price if variation else menu.items[wanted.item_id].price


def new_reference() -> str:
    """12 characters that no other order has; a letter first, so that it is never taken for our numeric id."""
    number = secrets.randbelow(_LETTERS << 55)
    return _ALPHABET[number >> 55] + "".join(_ALPHABET[number >> shift & 31] for shift in range(0, 55, 5))
