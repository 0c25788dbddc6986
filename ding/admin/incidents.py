"""Incidents: what needs a person, what it means, the button that repairs it."""

from __future__ import annotations

from django.contrib import admin

from ding.models import Incident
from ding.read_only import ReadOnly
from ding.staff import RestaurantFilter, StaffAdmin


@admin.register(Incident)
class IncidentAdmin(ReadOnly, StaffAdmin):
    """Those that need a person, the newest first. Those of the whole system are for unbound staff."""

    list_display = ("title", "what", "count", "opened_at", "acknowledged_by", "closed_at")
    list_filter = (RestaurantFilter,)
    list_select_related = ("restaurant",)
