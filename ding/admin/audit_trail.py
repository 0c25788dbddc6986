"""Who did what, and who tried to log in: to look at, never to change."""

from __future__ import annotations

from axes.models import AccessAttempt
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from ding.audit import AuditEvent
from ding.read_only import ReadOnly
from ding.staff import RestaurantFilter, StaffAdmin


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly, StaffAdmin):
    """The newest first."""

    when_empty = "Nobody changed anything yet. Each change of the configuration appears here."
    list_display = ("created_at", "actor", "action", "object_label", "differences", "restaurant", "note")
    list_filter = (RestaurantFilter, "created_at")
    list_select_related = ("restaurant",)
    search_fields = ("actor__startswith", "object_id__exact", "object_label__startswith")
    search_help_text = "Who (staff:anna, key:web-shop), or the beginning of a thing's name."
    ordering = ("-id",)
    fields = (
        ("created_at", "actor"),
        "action",
        ("object_type", "object_id", "object_label"),
        "restaurant",
        "differences",
        "note",
        ("remote_address", "request_id"),
    )
    readonly_fields = ("differences",)

    @admin.display
    def differences(self, event: AuditEvent) -> SafeString:
        """Field by field."""
        rows = (
            (name, *(pair if isinstance(pair, list) else ["", str(pair)]))
            for name, pair in event.changes.items()
        )
        return format_html_join("", "<div>{}: <del>{}</del> → <b>{}</b></div>", rows)


@admin.register(AccessAttempt)
class AccessAttemptAdmin(ReadOnly, StaffAdmin):
    """Failed log-ins, counted per name and address."""

    when_empty = (
        "No log-in failed. Who fails too often is locked out for a while; a new password lets in again."
    )
    restaurant_path = None
    list_display = ("attempt_time", "username", "ip_address", "failures_since_start", "path_info")
    search_fields = ("username__startswith", "ip_address__startswith")
    ordering = ("-attempt_time",)
    fields = ("attempt_time", "username", "ip_address", "failures_since_start", "path_info", "user_agent")
    readonly_fields = fields

    def has_view_permission(self, request: HttpRequest, obj: AccessAttempt | None = None) -> bool:
        """For administrators."""
        return bool(request.user.is_superuser)
