"""What is owed to a POS, what it told us, what syncs did: records to read, some to act upon."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from ding.csv_export import Exported
from ding.staff import RestaurantFilter, StaffAdmin, TabularInline
from orders.searching import FoundByOrder
from pos_integrations.admin.config_form import table
from pos_integrations.admin.guards import ReadOnly, age
from pos_integrations.admin.sync_words import changes_in_words, problem_in_words
from pos_integrations.models import MenuSyncHistory, OrderPush, OrderPushAttempt
from pos_integrations.readable import answer, tree


class AttemptInline(ReadOnly, TabularInline):
    """Each call, in a line; its bodies are on its own page."""

    model = OrderPushAttempt
    fields = ("number", "outcome", "response_status", "error", "duration_ms", "started_at")
    readonly_fields = fields
    show_change_link = True
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderPushAttempt]:
        """Without bodies."""
        return super().get_queryset(request).defer("request_body", "response_body")


@admin.register(OrderPush)
class OrderPushAdmin(FoundByOrder, ReadOnly, StaffAdmin):
    """The outbox, the newest first."""

    when_empty = "Nothing was owed to a POS yet. Each order makes one."
    restaurant_path = "order__restaurant"

    list_display = (
        "order_reference",
        "kind",
        "state",
        "age",
        "restaurant",
        "last_error",
        "attempts",
        "next_attempt_at",
        "provider",
    )
    list_filter = (
        "state",
        "kind",
        "maybe_taken",
        "created_at",
        "integration__pos_provider",
        RestaurantFilter,
    )
    list_prefetch_related = ("order__restaurant", "integration__pos_provider")
    sortable_by = ()
    ordering = ("-pk",)
    inlines = (AttemptInline,)
    fields = (
        ("order_reference", "restaurant", "provider"),
        ("kind", "state", "maybe_taken"),
        "last_error",
        ("attempts", "next_attempt_at", "expires_at"),
        ("created_at", "sent_at", "acknowledged_at"),
    )
    readonly_fields = ("order_reference", "restaurant", "provider")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderPush]:
        """Without the sealed body."""
        return super().get_queryset(request).defer("request_body")

    @admin.display(description="order", ordering="order__reference")
    def order_reference(self, push: OrderPush) -> str:
        """The order's name towards guest and POS."""
        return push.order.reference

    @admin.display(ordering="created_at")
    def age(self, push: OrderPush) -> str:
        """Since when it is owed."""
        return age(push.created_at)

    @admin.display
    def restaurant(self, push: OrderPush) -> str:
        """Whose order."""
        return str(push.order.restaurant)

    @admin.display
    def provider(self, push: OrderPush) -> str:
        """Where it goes."""
        return str(push.integration.pos_provider) if push.integration else "no integration"


@admin.register(OrderPushAttempt)
class OrderPushAttemptAdmin(FoundByOrder, ReadOnly, StaffAdmin):
    """Every call, the newest first."""

    when_empty = "No POS was called with an order yet."
    restaurant_path = "push__order__restaurant"

    list_display = (
        "order_reference",
        "number",
        "outcome",
        "age",
        "restaurant",
        "error",
        "response_status",
        "duration_ms",
    )
    list_filter = ("outcome", "push__integration__pos_provider", RestaurantFilter)
    order_path = "push__order"
    list_prefetch_related = ("push__order__restaurant",)
    sortable_by = ()
    ordering = ("-pk",)
    fields = (
        ("order_reference", "restaurant", "number", "outcome"),
        "error",
        ("url", "response_status", "duration_ms", "started_at"),
        "sent",
        "received",
    )
    readonly_fields = ("order_reference", "restaurant", "sent", "received")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderPushAttempt]:
        """Bodies only on its own page."""
        return super().get_queryset(request).defer("request_body", "response_body")

    @admin.display(description="order")
    def order_reference(self, attempt: OrderPushAttempt) -> str:
        """The order's name towards guest and POS."""
        return attempt.push.order.reference

    @admin.display
    def age(self, attempt: OrderPushAttempt) -> str:
        """Since when."""
        return age(attempt.started_at)

    @admin.display
    def restaurant(self, attempt: OrderPushAttempt) -> str:
        """Whose order."""
        return str(attempt.push.order.restaurant)

    @admin.display
    def sent(self, attempt: OrderPushAttempt) -> SafeString | str:
        """What was sent."""
        return tree(attempt.request_body) if attempt.request_body else "Nothing was sent."

    @admin.display
    def received(self, attempt: OrderPushAttempt) -> SafeString | str:
        """What came back; a page of some proxy is shown as it is."""
        return answer(attempt.response_body) if attempt.response_body else "None."


@admin.register(MenuSyncHistory)
class MenuSyncHistoryAdmin(Exported, ReadOnly, StaffAdmin):
    """Past syncs, the newest first."""

    when_empty = "No menu was fetched yet. Open a restaurant's menu and press “Sync now”."
    export_columns = (
        ("Started (UTC)", lambda sync: sync.started_at),
        ("Completed (UTC)", lambda sync: sync.completed_at),
        ("Restaurant", lambda sync: sync.restaurant.name),
        ("Kind", lambda sync: sync.get_sync_type_display()),
        ("Asked for by", lambda sync: sync.trigger),
        ("Status", lambda sync: sync.get_status_display()),
        ("Items", lambda sync: sync.items_synced),
        ("Categories", lambda sync: sync.categories_synced),
        ("Left out", lambda sync: len(sync.errors)),
        ("First error", lambda sync: problem_in_words(sync.errors[0])[1] if sync.errors else ""),
    )
    list_display = (
        "started_at",
        "restaurant",
        "status",
        "last_error",
        "result",
        "items_synced",
        "trigger",
        "took",
    )
    list_filter = ("status", "trigger", "sync_type", "started_at", RestaurantFilter)
    list_select_related = ("restaurant",)
    search_fields = ("restaurant__name",)
    date_hierarchy = "started_at"
    ordering = ("-pk",)
    fields = (
        ("restaurant", "sync_type", "trigger", "status"),
        ("started_at", "completed_at", "took"),
        ("items_synced", "categories_synced"),
        "changes_shown",
        "errors_shown",
    )
    readonly_fields = ("took", "changes_shown", "errors_shown")

    @admin.display(description="what changed")
    def result(self, sync: MenuSyncHistory) -> str:
        """In words."""
        return changes_in_words(sync.changes)

    @admin.display
    def took(self, sync: MenuSyncHistory) -> str:
        """From start to end."""
        if sync.completed_at is None:
            return ""
        return f"{(sync.completed_at - sync.started_at).total_seconds():.1f} s"

    @admin.display
    def last_error(self, sync: MenuSyncHistory) -> str:
        """The first thing that was wrong, and how many more."""
        if not sync.errors:
            return ""
        more = f" (+{len(sync.errors) - 1})" if len(sync.errors) > 1 else ""
        return f"{problem_in_words(sync.errors[0])[1]}{more}"[:200]

    @admin.display(description="changes")
    def changes_shown(self, sync: MenuSyncHistory) -> SafeString | str:
        """Per kind."""
        if not sync.changes:
            return "None."
        columns = ("added", "changed", "deactivated")
        rows = [(kind, *(counts.get(c, 0) for c in columns)) for kind, counts in sync.changes.items()]
        return table(("Kind", "New", "Changed", "Gone"), rows)

    @admin.display(description="left out")
    def errors_shown(self, sync: MenuSyncHistory) -> SafeString | str:
        """What of the menu was not taken, and why."""
        if not sync.errors:
            return "Nothing."
        return table(("Where", "Found", "Done"), [problem_in_words(error) for error in sync.errors])
