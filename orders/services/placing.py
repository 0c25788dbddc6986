"""Pricing and placing an order: price from the menu, check every rule, write it down once."""

from __future__ import annotations

import datetime as dt
import functools
import logging
import secrets
from collections import defaultdict
from contextlib import nullcontext
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from ding.db import insert_rows, transactional
from ding.errors import DomainError
from ding.plans import Plan, as_read
from menus.models import Item
from menus.snapshot import Liability
from orders import pricing
from orders.models import ChangeSource, IdempotencyKey, Order, OrderItem, OrderItemAddOn, OrderStatusHistory
from orders.order_request import LineRequest, OrderRequest
from orders.pricing import Basket, BasketLine, Quote
from orders.rules import MenuExtract, check_coupon, check_quote, check_request
from orders.serializers import OrderAnswer
from orders.services.menu_extract import read_menu
from orders.signals import order_placed
from orders.snapshot import AddOnLine
from orders.snapshots import breakdown_as_json, tax_as_json
from orders.status import OrderStatus

logger = logging.getLogger(__name__)

# Crockford's base32: nobody confuses 0 with O or 1 with I and L when reading it out.
_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ"
_ALPHABET = "0123456789" + _LETTERS


class IdempotencyConflict(DomainError):
    """The same Idempotency-Key came with another order."""

    code = "idempotency_key_reused"


def quote_order(*, request: OrderRequest) -> tuple[Quote, str]:
    """What the order would cost now, and the currency. Writes nothing.

    Raises:
        NotFound: there is no such restaurant.
        BasketRefused: the order would be refused.
    """
    menu, quote = _price(request, timezone.now())
    return quote, menu.restaurant.currency


def place_order(
    *,
    request: OrderRequest,
    client: str,
    idempotency_key: str = "",
    source: ChangeSource = ChangeSource.GUEST,
) -> tuple[dict[str, Any], bool]:
    """Place an order: the answer for the client, and whether it is a new order.

    The same `idempotency_key` of the same client gives the first answer again, to the letter. A refusal is
    not remembered. The number of statements does not grow with the lines.

    Raises:
        NotFound: there is no such restaurant.
        BasketRefused: with every rule that the order breaks.
        IdempotencyConflict: the key belongs to another order.
    """
    if not idempotency_key:
        return _place(request, client, source), True
    claim = (client, idempotency_key, request.sha256())
    if (first := _first_answer(*claim)) is not None:
        return first, False
    try:
        # Inside somebody else's transaction, what a taken key breaks must not be all of that.
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            return _place(request, client, source, claim), True
    except IntegrityError:
        # The same key came twice at once; the other one had it first, and nothing of this one is left.
        if (first := _first_answer(*claim)) is None:
            raise
        return first, False


@transactional
def _place(
    request: OrderRequest, client: str, source: ChangeSource, claim: tuple[str, str, str] | None = None
) -> dict[str, Any]:
    now = timezone.now()
    menu, quote = _price(request, now)
    order = _save(request, menu, quote, client, source, now)
    order_placed.send(sender=Order, order=order)
    answer: dict[str, Any] = _answering().to_representation(order)
    if claim is not None:
        # Whoever is at the same key makes us wait here.
        _, key, body_sha256 = claim
        insert_rows([IdempotencyKey(client=client, key=key, body_sha256=body_sha256, answer=answer)])
    return answer


@functools.cache
def _answering() -> OrderAnswer:
    """One for all: making a serializer copies each of its fields."""
    return OrderAnswer()


_taken = Plan(lambda client, key: IdempotencyKey.objects.filter(client=client, key=key))


def _first_answer(client: str, key: str, body_sha256: str) -> dict[str, Any] | None:
    """The answer given under this key; None when it is new."""
    taken = next(iter(_taken(client, key)), None)
    if taken is None:
        return None
    if taken.body_sha256 != body_sha256:
        raise IdempotencyConflict(
            "This Idempotency-Key was used for another order. Use a new key for a new order."
        )
    answer: dict[str, Any] | None = taken.answer
    return answer


def _price(request: OrderRequest, now: dt.datetime) -> tuple[MenuExtract, Quote]:
    """Read the menu and price the request.

    Raises BasketRefused with what is wrong whatever the prices, or else with what the prices show; an order
    whose lines are in order gets both.
    """
    menu = read_menu(request)
    wanted_at = _local(request.scheduled_for or now, menu.restaurant.timezone)
    violations = check_request(request, menu, now, wanted_at)
    if any(path.startswith("items") for path in violations.fields) or menu.version is None:
        violations.refuse_if_any()
    basket = Basket(
        order_type=request.order_type,
        local_time=_local(now, menu.restaurant.timezone),
        lines=tuple(_basket_line(line, menu) for line in request.lines),
        charges=menu.charges,
        taxes=menu.taxes,
        discounts=menu.discounts,
        coupon=request.coupon,
    )
    quote = pricing.price(basket)
    check_coupon(violations, basket)
    check_quote(violations, request, quote, menu.charges)
    violations.refuse_if_any()
    return menu, quote


def _local(now: dt.datetime, zone: str) -> dt.datetime:
    try:
        return now.astimezone(ZoneInfo(zone))
    except (KeyError, ValueError, OSError, OverflowError):
        logger.error("A restaurant's timezone is unknown; its discounts go by UTC.", extra={"timezone": zone})
        return now


def _basket_line(line: LineRequest, menu: MenuExtract) -> BasketLine:
    item: Item = menu.items[line.item_id]
    variation = menu.variation(line)
    packing = variation.packing_charge if variation else None
    offered = menu.offered_addons(line)
    return BasketLine(
        external_id=item.external_id,
        name=item.name,
        price=variation.price if variation else item.price,
        quantity=line.quantity,
        category_id=item.category.external_id if item.category else "",
        variation_id=variation.external_id if variation else "",
        variation_master_id=variation.master_id if variation else "",
        variation_name=variation.name if variation else "",
        addons=tuple(
            AddOnLine(
                external_id=addon.external_id,
                name=addon.name,
                group_id=addon.group.external_id,
                group_name=addon.group.name,
                price=addon.price,
                quantity=wanted.quantity,
            )
            for wanted in line.addons
            for addon in [offered[wanted.addon_item_id]]
        ),
        tax_ids=tuple(item.tax_ids),
        tax_inclusive=item.tax_inclusive,
        tax_exempt=item.tax_exempt,
        discount_exempt=item.discount_exempt,
        packing_charge=item.packing_charge if packing is None else packing,
        liability=Liability(item.liability),
        notes=line.notes,
    )


def _save(
    request: OrderRequest,
    menu: MenuExtract,
    quote: Quote,
    client: str,
    source: ChangeSource,
    now: dt.datetime,
) -> Order:
    """Write the order, its lines, their add-ons and the first history row: four statements."""
    customer = request.customer
    order = Order(
        restaurant=menu.restaurant,
        reference=_new_reference(),
        status=OrderStatus.PENDING,
        order_type=request.order_type,
        payment_type=request.payment_type,
        client=client,
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
    insert_rows([order], ids=True)
    items = [
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
            base_price=_base_price(wanted, menu),
            unit_price=line.unit_price,
            unit_discount=line.unit_discount,
            quantity=line.quantity,
            net_total=line.net_total,
            tax_inclusive=line.tax_inclusive,
            liability=line.liability,
            taxes=[tax_as_json(tax) for tax in line.taxes],
            notes=line.notes,
        )
        for position, (wanted, line) in enumerate(zip(request.lines, quote.lines, strict=True), start=1)
    ]
    insert_rows(items, ids=True)
    if not connection.features.can_return_rows_from_bulk_insert:
        # Oracle's MySQL does not tell the new ids.
        items = list(OrderItem.objects.filter(order=order).order_by("position"))
    addons = [
        OrderItemAddOn(
            order_item=item,
            addon_item_id=wanted_addon.addon_item_id,
            external_id=addon.external_id,
            group_external_id=addon.group_id,
            name=addon.name,
            group_name=addon.group_name,
            price=addon.price,
            quantity=addon.quantity,
        )
        for item, wanted, line in zip(items, request.lines, quote.lines, strict=True)
        for wanted_addon, addon in zip(wanted.addons, line.addons, strict=True)
    ]
    insert_rows(addons)
    placed = OrderStatusHistory(
        order=order, new_status=order.status, source=source, changed_by=client, happened_at=now
    )
    insert_rows([placed])
    # What was written need not be read to be told; a test compares it with what a GET gives.
    by_item: dict[int, list[OrderItemAddOn]] = defaultdict(list)
    for addon in addons:
        by_item[addon.order_item_id].append(addon)
    for item in items:
        as_read(item, "addons", OrderItemAddOn, by_item[item.pk])
    as_read(order, "items", OrderItem, items)
    as_read(order, "history", OrderStatusHistory, [placed])
    return order


def _base_price(wanted: LineRequest, menu: MenuExtract) -> Decimal:
    variation = menu.variation(wanted)
    return variation.price if variation else menu.items[wanted.item_id].price


def _new_reference() -> str:
    """12 characters that no other order has; a letter first, so that it is never taken for our numeric id."""
    return secrets.choice(_LETTERS) + "".join(secrets.choice(_ALPHABET) for _ in range(11))
