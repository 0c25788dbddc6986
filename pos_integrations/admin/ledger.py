"""The ledger of webhooks: what a POS told us, what it meant, what it would change now, and doing it again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)
from unfold.decorators import display

from ding import audit
from ding.csv_export import Exported
from ding.nudge import nudge
from ding.staff import RestaurantFilter, SpanFilter, StaffAdmin, restaurants_of
from orders.models import Order
from orders.searching import MOST, matching
from pos_integrations import inbound, tasks
from pos_integrations.adapters.registry import ADAPTERS
from pos_integrations.admin.guards import ReadOnly
from pos_integrations.inbound import VERDICTS, verdict_words
from pos_integrations.models import WebhookLog, WebhookStatus
from pos_integrations.readable import NotShown, raw, tree

LABELS = {
    WebhookStatus.RECEIVED: "info",
    WebhookStatus.PROCESSED: "success",
    WebhookStatus.IGNORED: "default",
    WebhookStatus.FAILED: "warning",
    WebhookStatus.PARKED: "danger",
}


class ReceivedFilter(SpanFilter):
    """By when it came."""

    title = "received"
    parameter_name = "received"


class TypeFilter(DropdownFilter):
    """By the topics that the adapters have: asking the table would read all of it."""

    title = "type"
    parameter_name = "webhook_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every adapter's."""
        names = {topic.name for adapter in ADAPTERS.values() for topic in adapter.topics}
        return [(name, name) for name in sorted(names)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those of the type."""
        return queryset.filter(webhook_type=self.value()) if self.value() else queryset


class VerdictFilter(DropdownFilter):
    """By what it meant to us."""

    title = "verdict"
    parameter_name = "verdict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """In words."""
        return [(verdict or "none", words.capitalize()) for verdict, (words, _) in VERDICTS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those with the verdict."""
        value = self.value()
        return queryset.filter(verdict="" if value == "none" else value) if value else queryset


@admin.register(WebhookLog)
class WebhookLogAdmin(Exported, ReadOnly, StaffAdmin):
    """The inbox, the newest first."""

    when_empty = "No POS has called yet. Give it the addresses that an integration's page shows, and see that it reaches this server."
    list_display = (
        "received",
        "shown_restaurant",
        "webhook_type",
        "state",
        "meaning",
        "shown_order",
        "error_message",
        "attempts",
    )
    list_display_links = ("received",)
    list_filter = (
        ReceivedFilter,
        ("created_at", RangeDateTimeFilter),
        ("status", ChoicesDropdownFilter),
        VerdictFilter,
        TypeFilter,
        ("pos_provider", RelatedDropdownFilter),
        RestaurantFilter,
    )
    list_prefetch_related = ("restaurant", "order")
    sortable_by = ("received",)
    search_fields = ("order_ref",)
    search_help_text = (
        "An order's reference or the POS's id of it, from its beginning; or the number of a webhook."
    )
    ordering = ("-pk",)
    actions = ("process_again",)
    export_columns = (
        ("Number", lambda log: log.pk),
        ("Received (UTC)", lambda log: log.created_at),
        ("Restaurant", lambda log: log.restaurant.name),
        ("Provider", lambda log: log.pos_provider.display_name),
        ("Type", lambda log: log.webhook_type),
        ("Status", lambda log: log.get_status_display()),
        ("Verdict", lambda log: verdict_words(log.verdict)[0]),
        ("Order", lambda log: log.order.reference if log.order else log.order_ref),
        ("Error", lambda log: log.error_message),
        ("Attempts", lambda log: log.attempts),
        ("Processed (UTC)", lambda log: log.processed_at),
        ("From", lambda log: log.remote_address),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookLog]:
        """Bodies only on its own page."""
        return super().get_queryset(request).defer("payload")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By indexes: how the POS named the order, which order it was, which webhook."""
        term = search_term.strip()
        if not term:
            return queryset, False
        orders = Order.objects.all()
        if (mine := restaurants_of(request.user)) is not None:
            orders = orders.filter(restaurant__in=mine)
        known = list(matching(orders, term).order_by().values_list("pk", flat=True))
        logs = WebhookLog.objects.order_by().values_list("pk", flat=True)
        found = set(logs.filter(order_ref__istartswith=term)[:MOST]) | set(
            logs.filter(order__in=known)[:MOST]
        )
        if term.isascii() and term.isdigit() and len(term) <= 18:
            found.add(int(term))
        return queryset.filter(pk__in=found), False

    def export_rows(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """With what the columns name."""
        return rows.select_related("restaurant", "pos_provider", "order")

    def list_links(self, request: HttpRequest) -> list[tuple[str, str, str]]:
        """With the one that processes all of a filter again."""
        links = super().list_links(request)
        if self.has_act_permission(request):
            links.append(("Process all of these again", "replay", "process-again/"))
        return links

    def get_urls(self) -> list[Any]:
        """Its own pages."""
        own = [
            path(
                "process-again/",
                self.admin_site.admin_view(self.process_all_view),
                name="pos_integrations_webhooklog_process_all",
            ),
            path(
                "<int:log_id>/process-again/",
                self.admin_site.admin_view(self.process_one_view),
                name="pos_integrations_webhooklog_process_one",
            ),
            path(
                "<int:log_id>/raw/",
                self.admin_site.admin_view(self.raw_view),
                name="pos_integrations_webhooklog_raw",
            ),
        ]
        return [*own, *super().get_urls()]

    # --- looking ---

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One webhook, in words. With `?would=1`: what it would change now."""
        log = self._log(request, object_id)
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        may_act = self.has_act_permission(request)
        short, meaning = verdict_words(log.verdict)
        again = may_act and inbound.worth_again(WebhookLog.objects.filter(pk=log.pk)).exists()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": log,
            "title": str(log),
            "log": log,
            "zone": log.restaurant.zone,
            "label": LABELS[WebhookStatus(log.status)],
            "verdict": short,
            "meaning": log.error_message or meaning,
            "payload": tree(log.payload),
            "preview": inbound.would_change(log.pk) if may_act and "would" in request.GET else None,
            "may_act": may_act,
            "again": again,
            "may_see_order": request.user.has_perm("orders.view_order"),
        }
        return TemplateResponse(request, "admin/pos_integrations/webhook.html", context)

    def raw_view(self, request: HttpRequest, log_id: int) -> HttpResponse:
        """The payload as JSON, masked."""
        log = self._log(request, log_id)
        try:
            text = raw(log.payload)
        except NotShown as error:
            text = str(error)
        response = HttpResponse(text, content_type="text/plain; charset=utf-8")
        response["X-Content-Type-Options"] = "nosniff"
        return response

    @display(ordering="id")
    def received(self, log: WebhookLog) -> str:
        """The restaurant's clock."""
        return f"{log.created_at.astimezone(log.restaurant.zone):%d %b %H:%M:%S}"

    @display(description="restaurant")
    def shown_restaurant(self, log: WebhookLog) -> str:
        """Whose."""
        return log.restaurant.name

    @display(description="status", ordering="status", label=LABELS)
    def state(self, log: WebhookLog) -> tuple[str, str]:
        """A badge."""
        return log.status, {"failed": "Tried again"}.get(log.status, log.get_status_display())

    @display(description="verdict")
    def meaning(self, log: WebhookLog) -> str:
        """In words."""
        return verdict_words(log.verdict)[0].capitalize()

    @display(description="order")
    def shown_order(self, log: WebhookLog) -> str:
        """Ours, or as the POS names it."""
        return log.order.reference if log.order else log.order_ref

    # --- doing it again ---

    @admin.action(description="Process again", permissions=["act"])
    def process_again(self, request: HttpRequest, queryset: QuerySet[WebhookLog]) -> None:
        """Those among the chosen that may come out otherwise."""
        self._process(request, queryset)

    def process_one_view(self, request: HttpRequest, log_id: int) -> HttpResponse:
        """By POST."""
        log = self._log(request, log_id, acting=True)
        if request.method != "POST":
            return HttpResponseRedirect(self._page(log))
        self._process(request, WebhookLog.objects.filter(pk=log.pk))
        return HttpResponseRedirect(self._page(log))

    def process_all_view(self, request: HttpRequest) -> HttpResponse:
        """All that the list's filters and search find: first counted, then asked, then done."""
        if not self.has_act_permission(request):
            raise PermissionDenied
        back = reverse("admin:pos_integrations_webhooklog_changelist")
        query = request.GET.urlencode()
        try:
            rows = inbound.worth_again(self.chosen_rows(request))
        except IncorrectLookupParameters:
            return HttpResponseRedirect(back)
        if request.method == "POST":
            self._process(request, rows)
            return HttpResponseRedirect(f"{back}?{query}" if query else back)
        counts = rows.order_by().values_list("verdict").annotate(count=Count("pk")).order_by("-count")
        parts = [f"{count} × {verdict_words(verdict)[0]}" for verdict, count in counts]
        total = sum(count for _, count in counts)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "subject": "Webhooks of this filter" if query else "All webhooks",
            "title": f"Process {total} webhook{'' if total == 1 else 's'} again",
            "what": f"{'; '.join(parts)}. Those that were applied, or known already, are left alone.",
            "refusal": ""
            if total
            else "None of these webhooks would come out otherwise: none failed, none is parked.",
            "form": forms.Form(),
            "button": f"Process {total} again",
            "back": f"{back}?{query}" if query else back,
        }
        return TemplateResponse(request, "admin/ding/ask.html", context)

    def _process(self, request: HttpRequest, rows: QuerySet[WebhookLog]) -> None:
        count = inbound.process_again(rows)
        if count:
            nudge(tasks.drain_webhooks)
            audit.record("processed webhooks again", note=f"{count} webhooks")
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, f"{count} failed or parked webhook(s) will be processed again.", level)

    def _log(self, request: HttpRequest, log_id: Any, *, acting: bool = False) -> WebhookLog:
        """If it is theirs to see (else there is none), and theirs to act upon (else 403)."""
        log: WebhookLog | None = self.get_object(request, str(log_id))
        if log is None:
            raise Http404
        if not self.has_view_permission(request, log) or (acting and not self.has_act_permission(request)):
            raise PermissionDenied
        return log

    def _page(self, log: WebhookLog) -> str:
        return reverse("admin:pos_integrations_webhooklog_change", args=[log.pk])
