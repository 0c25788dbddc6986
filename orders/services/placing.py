"""Pricing and placing orders: price from the menu, check every rule, write it down once."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from ding.errors import DomainError
from ding.plans import Plan
from ding.together import A_MOMENT, Together
from menus.models import Item
from menus.snapshot import Liability
from orders import pricing
from orders.models import ChangeSource, IdempotencyKey
from orders.order_request import LineRequest, OrderRequest
from orders.pricing import Basket, BasketLine, Quote
from orders.rules import MenuExtract, check_coupon, check_quote, check_request
from orders.services.menu_extract import Found, read_menus
from orders.services.writing import PricedOrder, write_down
from orders.snapshot import AddOnLine

logger = logging.getLogger(__name__)


class IdempotencyConflict(DomainError):
    """The same Idempotency-Key came with another order."""

    code = "idempotency_key_reused"


def quote_order(*, request: OrderRequest) -> tuple[Quote, str]:
    """What the order would cost now, and the currency. Writes nothing.

    Raises:
        NotFound: there is no such restaurant.
        BasketRefused: the order would be refused.
    """
    menu, quote = _price(request, read_menus([request]), timezone.now())
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
    not remembered. The number of statements does not grow with the lines, and orders that come at the same
    moment share them.

    Raises:
        NotFound: there is no such restaurant.
        BasketRefused: with every rule that the order breaks.
        IdempotencyConflict: the key belongs to another order.
    """
    wanted = _Wanted(request, client, idempotency_key, source)
    try:
        outcome = _placings(wanted)
    except IntegrityError:
        # The same key came twice at once; the other one had it first, and nothing of this one is left.
        first = _first_answers([wanted])
        if not first:
            raise
        outcome = first[0]
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An order as it came; `key` is its Idempotency-Key, empty when it has none."""

    request: OrderRequest
    client: str
    key: str
    source: ChangeSource


# The answer and whether the order is new; or why there is none.
_Outcome = tuple[dict[str, Any], bool] | DomainError


def _place(wanted: Sequence[_Wanted]) -> list[_Outcome]:
    """An outcome for each. Raises what the database does, and then nothing of any is left."""
    outcomes = _first_answers(wanted)
    left = [i for i in range(len(wanted)) if i not in outcomes]
    if not left:
        return list(outcomes.values())
    now = timezone.now()
    menus = read_menus([wanted[i].request for i in left])
    priced: dict[int, PricedOrder] = {}
    for i in left:
        try:
            menu, quote = _price(wanted[i].request, menus, now)
        except DomainError as refusal:
            outcomes[i] = refusal
        else:
            asked = wanted[i]
            priced[i] = PricedOrder(asked.request, menu, quote, asked.client, asked.key, asked.source)
    # Inside somebody else's transaction, what a taken key breaks must not be all of that.
    with transaction.atomic() if connection.in_atomic_block else nullcontext():
        answers = write_down(list(priced.values()), now)
    outcomes |= {i: (answer, True) for i, answer in zip(priced, answers, strict=True)}
    return [outcomes[i] for i in range(len(wanted))]


_placings = Together(_place, A_MOMENT)
_taken = Plan(lambda clients, keys: IdempotencyKey.objects.filter(client__in=clients, key__in=keys))


def _first_answers(wanted: Sequence[_Wanted]) -> dict[int, _Outcome]:
    """What was answered under the keys that are not new, by position."""
    keyed = [one for one in wanted if one.key]
    rows = _taken({one.client for one in keyed}, {one.key for one in keyed})
    taken = {(row.client, row.key): row for row in rows}
    found: dict[int, _Outcome] = {}
    for i, one in enumerate(wanted):
        first = taken.get((one.client, one.key))
        if first is None:
            continue
        if first.body_sha256 == one.request.sha256():
            answer: Any = first.answer
            found[i] = (answer, False)
        else:
            found[i] = IdempotencyConflict(
                "This Idempotency-Key was used for another order. Use a new key for a new order."
            )
    return found


def _price(request: OrderRequest, menus: Mapping[int, Found], now: dt.datetime) -> tuple[MenuExtract, Quote]:
    """Price the request.

    Raises BasketRefused with what is wrong whatever the prices, or else with what the prices show; an order
    whose lines are in order gets both. NotFound and Conflict: its menu could not be read.
    """
    menu = menus[request.restaurant_id]
    if isinstance(menu, DomainError):
        raise menu
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
