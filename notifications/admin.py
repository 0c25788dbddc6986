"""The operator's view of the queue: to read, and to send a failed message again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from ding.nudge import nudge
from ding.read_only import ReadOnly
from ding.staff import RestaurantFilter, StaffAdmin
from notifications import services, tasks
from notifications.models import Notification
from orders.searching import FoundByOrder


@admin.register(Notification)
class NotificationAdmin(FoundByOrder, ReadOnly, StaffAdmin):
    """Read-only. Who may change notifications may send failed ones again."""

    when_empty = "No guest was told anything yet. Each new status of an order makes its messages."
    restaurant_path = "order__restaurant"
    list_display = ("order_reference", "event", "type", "status", "retry_count", "last_error", "created_at")
    list_filter = ("status", "type", "event", "created_at", RestaurantFilter)
    list_prefetch_related = ("order",)
    sortable_by = ()
    actions = ("send_again",)

    @admin.display(description="Order", ordering="order__reference")
    def order_reference(self, notification: Notification) -> str:
        """The order's name towards the guest."""
        return notification.order.reference

    @admin.action(description="Send again", permissions=["send_again"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        """Make the failed ones among the chosen due again."""
        count = services.send_again(
            list(queryset.values_list("pk", flat=True)), by=request.user.get_username()
        )
        if count:
            nudge(tasks.send_due)
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, f"{count} failed message(s) will be sent again.", level)

    def has_send_again_permission(self, request: HttpRequest) -> bool:
        """Sending needs more than looking."""
        return request.user.has_perm("notifications.change_notification")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may change may look."""
        return super().has_view_permission(request, obj) or self.has_send_again_permission(request)
