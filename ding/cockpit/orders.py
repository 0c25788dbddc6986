"""The list of orders: where each stands, found by what a guest says on the phone, and taken away as a file."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from ding.cockpit.kitchen import (
    BAD,
    BUSY,
    BY_KEY,
    GOOD,
    PLAIN,
    RECENTLY,
    STANDINGS,
    WARN,
    Standing,
    ago,
    in_trouble,
    recent_trouble,
    standing_of,
)
from ding.cockpit.order_page import OrderPage
from ding.cockpit.timeline import status_tone
from ding.csv_export import Exported
from ding.read_only import ReadOnly
from ding.staff import RestaurantFilter, SpanFilter, StaffAdmin
from orders.models import Order
from orders.searching import matching
from orders.status import FINAL, OrderStatus
from pos_integrations.models import OrderPush
from pos_integrations.outbound import owed_by

# Our tones in unfold's words.
LABELS = {GOOD: "success", BUSY: "info", WARN: "warning", BAD: "danger", PLAIN: "default"}


# Nobody reads on.
MOST_TROUBLE = 5000


class KitchenFilter(DropdownFilter):
    """By where the order stands with the kitchen."""

    title = "kitchen"
    parameter_name = "kitchen"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All ways to stand, and all trouble together."""
        return [("trouble", "Any trouble"), *((standing.key, standing.label) for standing in STANDINGS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Orders with such a push; of all trouble, that of the last 24 hours and what is still open."""
        value = self.value()
        if value == "trouble":
            now = OrderPush.objects.filter(recent_trouble(timezone.now() - RECENTLY)).filter(in_trouble())
            return queryset.filter(
                pk__in=list(now.order_by("-pk").values_list("order", flat=True)[:MOST_TROUBLE])
            )
        standing = BY_KEY.get(value or "")
        if standing is None:
            return queryset
        if standing.lost is not None:
            lost = Q(status=OrderStatus.REJECTED)
            queryset = queryset.filter(lost if standing.lost else ~lost)
        return queryset.filter(pk__in=OrderPush.objects.filter(standing.push).values("order"))


class PlacedFilter(SpanFilter):
    """By when it was placed."""

    title = "placed"
    parameter_name = "placed"


class OpenFilter(DropdownFilter):
    """By whether it is finished."""

    title = "finished"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Not, or not as one wished."""
        return [("1", "Not finished"), ("lost", "Cancelled or rejected")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """By status."""
        lost = (OrderStatus.CANCELLED, OrderStatus.REJECTED)
        chosen = {"1": set(OrderStatus.values) - FINAL, "lost": lost}.get(self.value() or "")
        return queryset.filter(status__in=sorted(chosen)) if chosen else queryset


def _standing(order: Order) -> Standing | None:
    return standing_of(order, owed_by(order, list(order.pushes.all())))


@admin.register(Order)
class OrderAdmin(OrderPage, Exported, ReadOnly, StaffAdmin):
    """Newest first."""

    when_empty = "No order was placed yet. They come from a shop with an API key, once a restaurant is live."
    list_display = (
        "shown_reference",
        "shown_restaurant",
        "placed",
        "shown_status",
        "kitchen",
        "guest",
        "shown_type",
        "shown_total",
    )
    list_display_links = ("shown_reference",)
    list_filter = (
        PlacedFilter,
        KitchenFilter,
        OpenFilter,
        ("status", ChoicesDropdownFilter),
        ("order_type", ChoicesDropdownFilter),
        RestaurantFilter,
    )
    list_prefetch_related = ("restaurant",)
    sortable_by = ("placed", "shown_reference")
    search_fields = ("reference",)
    search_help_text = "Reference, phone or the POS's order id, each from its beginning."
    ordering = ("-id",)
    actions = None
    export_columns = (
        ("Reference", lambda order: order.reference),
        ("Restaurant", lambda order: order.restaurant.name),
        ("Placed (UTC)", lambda order: order.created_at),
        ("Status", lambda order: order.get_status_display()),
        ("Kitchen", lambda order: getattr(_standing(order), "label", "")),
        ("Type", lambda order: order.order_type),
        ("Payment", lambda order: order.payment_type),
        ("Guest", lambda order: order.customer_name),
        ("Phone", lambda order: order.customer_phone),
        ("E-mail", lambda order: order.customer_email),
        ("Address", lambda order: order.customer_address),
        ("Notes", lambda order: order.notes),
        ("Currency", lambda order: order.currency),
        ("Items", lambda order: order.items_total),
        ("Discount", lambda order: -order.discount_total),
        ("Packing", lambda order: order.packing_charge),
        ("Delivery", lambda order: order.delivery_charge),
        ("Service", lambda order: order.service_charge),
        ("Taxes", lambda order: order.tax_total),
        ("Total", lambda order: order.total),
        ("POS order id", lambda order: order.pos_order_id),
        ("Placed through", lambda order: order.client),
        ("Finished (UTC)", lambda order: order.completed_at or order.cancelled_at),
        ("Reason", lambda order: order.cancellation_reason),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        """With their pushes, in one statement."""
        pushes = Prefetch("pushes", OrderPush.objects.defer("request_body"))
        return super().get_queryset(request).prefetch_related(pushes)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By indexes."""
        return (matching(queryset, search_term) if search_term.strip() else queryset), False

    def export_rows(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """With their restaurants."""
        return rows.select_related("restaurant")

    @display(description="order", ordering="reference")
    def shown_reference(self, order: Order) -> str:
        """The order's name towards guest and POS."""
        return order.reference

    @display(description="restaurant")
    def shown_restaurant(self, order: Order) -> str:
        """Where it is cooked."""
        return order.restaurant.name

    @display(ordering="id")
    def placed(self, order: Order) -> str:
        """The restaurant's clock, and how long ago."""
        return f"{order.created_at.astimezone(order.restaurant.zone):%d %b %H:%M} ({ago(order.created_at)})"

    @display(description="status", ordering="status", label=LABELS)
    def shown_status(self, order: Order) -> tuple[str, str]:
        """A badge."""
        return status_tone(order.status), order.get_status_display()

    @display(label=LABELS)
    def kitchen(self, order: Order) -> tuple[str, str] | None:
        """A badge."""
        standing = _standing(order)
        return (standing.tone, standing.label) if standing else None

    @display
    def guest(self, order: Order) -> str:
        """Who waits for it."""
        return f"{order.customer_name} {order.customer_phone}".strip()

    @display(description="type", ordering="order_type")
    def shown_type(self, order: Order) -> str:
        """How it gets to the guest."""
        return order.order_type.replace("_", " ").capitalize()

    @display(description="total", ordering="total")
    def shown_total(self, order: Order) -> str:
        """With its currency."""
        return f"{order.currency} {order.total}"
