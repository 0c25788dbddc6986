"""Incidents: what needs a person, what it means, the button that repairs it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.timesince import timesince
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from ding.incidents import acting, wording
from ding.incidents.causes import named
from ding.incidents.pages import page_behind
from ding.models import Incident
from ding.read_only import ReadOnly
from ding.staff import RestaurantFilter, StaffAdmin

# More lines than that tell nobody more.
MOST_ALERTS_SHOWN = 20
MOST_CHARACTERS = 68


class NoteForm(forms.Form):
    """What is known, or being done."""

    note = forms.CharField(
        max_length=500,
        required=False,
        label="Note for the others",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )


class StateFilter(admin.SimpleListFilter):
    """Open ones, unless somebody asks for others."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Beside the open ones."""
        return [("new", "Nobody at it"), ("closed", "Closed"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        """The first choice is what is shown unasked."""
        first, *others = super().choices(changelist)
        yield {**first, "display": "Open"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those in the state."""
        if self.value() == "all":
            return queryset
        if self.value() == "closed":
            return queryset.exclude(closed_at=None)
        opened = queryset.filter(closed_at=None)
        return opened.filter(acknowledged_at=None) if self.value() == "new" else opened


@admin.register(Incident)
class IncidentAdmin(ReadOnly, StaffAdmin):
    """Those that need a person, the newest first. Those of the whole system are for unbound staff."""

    when_empty = "Nothing needs a person, and nothing did. What does appears here by itself."
    list_display = ("matter", "happened", "severity", "where", "affected", "age", "state")
    list_filter = (StateFilter, "kind", RestaurantFilter)
    list_select_related = ("restaurant",)
    ordering = ("-pk",)
    actions = ("acknowledge",)

    @admin.display(description="incident", ordering="kind")
    def matter(self, incident: Incident) -> str:
        """Its kind, in words."""
        return incident.about.title

    @admin.display(description="details")
    def happened(self, incident: Incident) -> str:
        """As much of it as fits beside the restaurant's name and on a phone's screen."""
        name = named(incident.restaurant.name) if incident.restaurant else ""
        return Truncator(incident.what.removeprefix(f"{name}: ")).chars(MOST_CHARACTERS)

    @display(label={"Critical": "danger", "Warning": "warning"})
    def severity(self, incident: Incident) -> str:
        """Whether guests are harmed now."""
        return "Critical" if incident.critical else "Warning"

    @admin.display(description="restaurant", ordering="restaurant__name")
    def where(self, incident: Incident) -> str:
        """Whose."""
        return incident.restaurant.name if incident.restaurant else "all of ding"

    @admin.display(ordering="count")
    def affected(self, incident: Incident) -> str:
        """How many orders, reports or messages."""
        return str(incident.count or "–")

    @admin.display(ordering="opened_at")
    def age(self, incident: Incident) -> str:
        """Since when, or for how long."""
        return _age(incident)

    @display(label={"Open": "danger", "Closed": "success"})
    def state(self, incident: Incident) -> str:
        """Whether somebody is at it."""
        return _state(incident)

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        """Operators and integration managers."""
        return request.user.has_perm("ding.acknowledge_incident")

    @admin.action(description="Acknowledge", permissions=["acknowledge"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[Incident]) -> None:
        """Somebody is at the chosen ones."""
        count = acting.acknowledge(
            list(queryset.values_list("pk", flat=True)), by=request.user.get_username()
        )
        self.message_user(request, f"{count} incident(s) acknowledged: no more alerts about them.")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The whole incident on one page; a POST acknowledges or settles it."""
        incident: Incident | None = self.get_object(request, unquote(object_id))
        if incident is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, incident):
            raise PermissionDenied
        may_act = self.has_acknowledge_permission(request)
        form = NoteForm(request.POST or None, initial={"note": incident.note})
        if request.method == "POST":
            if not may_act:
                raise PermissionDenied
            if form.is_valid():
                return self._act(request, incident, form.cleaned_data["note"])
        context = {
            **self.admin_site.each_context(request),
            "title": incident.about.title,
            "opts": self.opts,
            "incident": incident,
            "about": incident.about,
            "state": _state(incident),
            "age": _age(incident),
            "button": page_behind(incident, request.user),
            "orders": self._orders(request, incident),
            "more": max(0, incident.count - len(incident.orders)) if incident.orders else 0,
            "alerts": list(incident.alert_log.order_by("-pk")[:MOST_ALERTS_SHOWN]),
            "runbook": f"{wording.RUNBOOK}#{incident.kind}",
            "may_act": may_act and incident.closed_at is None,
            "form": form,
        }
        return TemplateResponse(request, "admin/ding/incident.html", context)

    def _act(self, request: HttpRequest, incident: Incident, note: str) -> HttpResponse:
        by = request.user.get_username()
        if request.POST.get("act") == "settle" and incident.about.event:
            done = acting.settle([incident.pk], by=by, note=note)
            told = "Closed. It opens again when it happens again."
        else:
            done = acting.acknowledge([incident.pk], by=by, note=note)
            told = "Acknowledged: no more alerts about it. It closes itself when the cause is gone."
        if done:
            self.message_user(request, told, messages.SUCCESS)
        else:
            self.message_user(request, "It was closed meanwhile.", messages.WARNING)
        return HttpResponseRedirect(request.path)

    def _orders(self, request: HttpRequest, incident: Incident) -> list[tuple[str, str]]:
        """(address, reference) of each affected order that is named; without address for who may not look."""
        may_look = request.user.has_perm("orders.view_order")
        return [
            (reverse("admin:orders_order_change", args=[pk]) if may_look else "", reference)
            for pk, reference in incident.orders
        ]


def _state(incident: Incident) -> str:
    if incident.closed_at:
        return "Closed"
    return f"{incident.acknowledged_by or 'somebody'} is at it" if incident.acknowledged_at else "Open"


def _age(incident: Incident) -> str:
    until = incident.closed_at or timezone.now()
    if until - incident.opened_at < dt.timedelta(minutes=1):
        return "less than a minute" if incident.closed_at else "just now"
    return timesince(incident.opened_at, until, depth=1)
