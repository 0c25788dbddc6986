"""Finding orders by what a guest or a kitchen says on the phone: each way goes by an index of its own."""

from __future__ import annotations

import re
from typing import Any

from django.db.models import Q, QuerySet

from orders.models import Order

# Of each way. Whoever finds more types more.
MOST = 500
FEWEST_DIGITS = 4

_NOT_A_NUMBER = re.compile(r"[^0-9+]")


def matching(orders: QuerySet[Any], term: str) -> QuerySet[Any]:
    """Those of `orders` whose reference, POS id or phone begins with `term`.

    Three questions and not one with OR: together no index would serve them.
    """
    term = term.strip()
    ways = [Q(reference__istartswith=term.upper()), Q(pos_order_id__istartswith=term)]
    if numbers := phone_beginnings(term):
        way = Q()
        for number in numbers:
            way |= Q(customer_phone__istartswith=number)
        ways.append(way)
    found: set[int] = set()
    for way in ways:
        found.update(orders.order_by().filter(way).values_list("pk", flat=True)[:MOST])
    return orders.filter(pk__in=found)


def phone_beginnings(term: str) -> list[str]:
    """How a phone number that somebody says may begin in our rows; empty when it is none.

    With or without the country's code, the leading zero, blanks and dashes: 098765-43210, +91 98765 43210.
    """
    if re.search(r"[^0-9+()./\s-]", term):
        return []
    number = _NOT_A_NUMBER.sub("", term).lstrip("+")
    number = number.removeprefix("00")
    national = number.removeprefix("0")
    if len(national) > 10:
        national = national.removeprefix("91")
    if len(national) < FEWEST_DIGITS:
        return []
    return sorted({number, f"+{number}", national, f"0{national}", f"91{national}", f"+91{national}"})


class FoundByOrder:
    """An admin whose rows are searched by their orders: reference, phone or POS id. `order_path` leads to the order."""

    order_path = "order"
    search_fields = ("id",)
    search_help_text = "An order's reference, phone or the POS's id, each from its beginning."

    def get_search_results(
        self, request: Any, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """First the orders, by their indexes; then the rows, which are theirs only."""
        if not search_term.strip():
            return queryset, False
        orders = list(matching(Order.objects.all(), search_term).order_by().values_list("pk", flat=True))
        return queryset.filter(**{f"{self.order_path}__in": orders}), False
