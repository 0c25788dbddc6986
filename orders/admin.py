"""Orders for the operator's eyes: what was bought, what became of it. Nothing is changed here."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from ding.read_only import ReadOnly
from ding.staff import RestaurantFilter, StaffAdmin, TabularInline
from orders.models import Order, OrderItem, OrderStatusHistory


class OrderItemInline(ReadOnly, TabularInline):
    """The lines, add-ons in one column."""

    model = OrderItem
    fields = (
        "position",
        "quantity",
        "name",
        "variation_name",
        "add_ons",
        "unit_price",
        "unit_discount",
        "net_total",
        "notes",
    )
    readonly_fields = ("add_ons",)
    ordering = ("position",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderItem]:
        """All add-ons in one statement."""
        return super().get_queryset(request).prefetch_related("addons")

    @admin.display(description="add-ons")
    def add_ons(self, item: OrderItem) -> str:
        """As the kitchen reads them."""
        return ", ".join(str(addon) for addon in item.addons.all())


class HistoryInline(ReadOnly, TabularInline):
    """What became of the order."""

    model = OrderStatusHistory
    fields = (
        "old_status",
        "new_status",
        "source",
        "changed_by",
        "change_reason",
        "happened_at",
        "created_at",
    )
    readonly_fields = ("created_at",)
    ordering = ("id",)


@admin.register(Order)
class OrderAdmin(ReadOnly, StaffAdmin):
    """Newest first."""

    list_display = ("reference", "restaurant", "status", "order_type", "total", "currency", "created_at")
    list_filter = ("status", "order_type", "created_at", RestaurantFilter)
    list_select_related = ("restaurant",)
    search_fields = ("reference", "customer_phone", "pos_order_id")
    search_help_text = "Reference, phone or the POS's order id, each from its beginning."
    ordering = ("-id",)
    inlines = (OrderItemInline, HistoryInline)

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """From the beginning, so that the indexes help."""
        return [f"{name}__startswith" for name in self.search_fields]
