"""A restaurant's account at a POS: its settings, its webhook addresses, and what to do with it now."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Field, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil

from ding.errors import DomainError
from ding.nudge import nudge
from ding.staff import RestaurantFilter, StaffAdmin
from pos_integrations import configuration, health, menu_sync, tasks
from pos_integrations.adapters.base import Level, TopicAuth
from pos_integrations.adapters.registry import adapter_for
from pos_integrations.admin import menu_page, onboarding, secret_page
from pos_integrations.admin.config_form import ConfigForm, dressed, fieldsets, table, with_fields, words
from pos_integrations.admin.guards import chosen, show_once
from pos_integrations.admin.integration_form import IntegrationForm
from pos_integrations.admin.unsigned import UnsignedSwitch
from pos_integrations.errors import ConfigurationError
from pos_integrations.models import PosProvider, RestaurantPosIntegration, RestaurantWebhookSecret

# Each is a call of up to half a minute, and somebody is waiting for the page.
MOST_CALLS = 5


@admin.register(RestaurantPosIntegration)
class IntegrationAdmin(UnsignedSwitch, StaffAdmin):
    """One page has all that a connection needs."""

    when_empty = "No restaurant is connected yet. “Connect a restaurant” leads through it."
    recorded_by_service = True
    form = IntegrationForm
    change_form_before_template = "admin/pos_integrations/integration_links.html"
    list_display = (
        "restaurant",
        "pos_provider",
        "pos_restaurant_id",
        "active",
        "proof",
        "problem",
        "menu_sync",
        "updated_at",
    )
    list_filter = (
        "active",
        ("unsigned_since", admin.EmptyFieldListFilter),
        ("problem", admin.EmptyFieldListFilter),
        "pos_provider",
        RestaurantFilter,
    )
    list_select_related = ("restaurant", "pos_provider")
    search_fields = ("restaurant__name", "pos_restaurant_id")
    ordering = ("restaurant__name", "pk")
    autocomplete_fields = ("restaurant",)
    actions = ("sync_menu_now", "test_connection", "rotate_secret", "accept_unsigned", "require_proof")

    # --- the page ---

    def get_urls(self) -> list[Any]:
        """With the page of the menu, and the guided flow."""
        return [*menu_page.urls(self), *onboarding.urls(self), *secret_page.urls(self), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RestaurantPosIntegration]:
        """With what its name consists of."""
        return super().get_queryset(request).select_related("restaurant", "pos_provider")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """What to ask depends on the POS, so the POS is chosen first, if there are several."""
        if not self.has_add_permission(request) or self._provider(request, None) is not None:
            return super().add_view(request, form_url, extra_context)
        providers = list(PosProvider.objects.filter(is_active=True).order_by("display_name"))
        if not providers:
            self.message_user(
                request, "First set up the POS itself; then connect restaurants to it.", messages.WARNING
            )
            return HttpResponseRedirect(reverse("admin:pos_integrations_posprovider_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Connect a restaurant to which POS?",
            "opts": self.opts,
            "providers": providers,
        }
        return TemplateResponse(request, "admin/pos_integrations/choose_provider.html", context)

    def get_readonly_fields(self, request: HttpRequest, obj: RestaurantPosIntegration | None = None) -> Any:
        """Secrets are bound to restaurant and provider, so these stay."""
        shown = ("state", "proof", "menu_sync", "webhook_addresses", "in_force", "created_at", "updated_at")
        return ("restaurant", "pos_provider", *shown) if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: RestaurantPosIntegration | None = None) -> Any:
        """What may only be looked at comes as a table."""
        columns: list[tuple[Any, dict[str, Any]]] = [(None, {"fields": IntegrationForm.Meta.fields})]
        if obj is None:
            return [*columns, *fieldsets(self._form_for(request, None))]
        state = (
            None,
            {"fields": ("state", "proof", *IntegrationForm.Meta.fields, "menu_sync", "webhook_addresses")},
        )
        in_force = ("What is in force", {"fields": ("in_force", "created_at", "updated_at")})
        if not self.has_change_permission(request, obj):
            return [state, in_force]
        return [state, *fieldsets(self._form_for(request, obj)), in_force]

    def get_form(
        self,
        request: HttpRequest,
        obj: RestaurantPosIntegration | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> Any:
        """With the fields that this POS declares."""
        kwargs["form"] = self._form_for(request, obj)
        form = super().get_form(request, obj, change=change, **kwargs)
        provider = self._provider(request, obj)
        adapter = adapter_for(provider.provider_name) if provider else None
        if adapter is not None and "pos_restaurant_id" in form.base_fields:
            form.base_fields["pos_restaurant_id"].help_text = adapter.external_id_help
            endpoint = form.base_fields["endpoint"]
            endpoint.help_text = f"{endpoint.help_text} {adapter.endpoint_help}".strip()
        return form

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: Any, **kwargs: Any) -> Any:
        """The provider is chosen already."""
        chosen_provider = self._provider(request, None) if db_field.name == "pos_provider" else None
        if chosen_provider is not None:
            kwargs["queryset"] = PosProvider.objects.filter(pk=chosen_provider.pk)
            kwargs["initial"] = chosen_provider.pk
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if chosen_provider is not None and field is not None:
            for action in ("add", "change", "delete", "view"):
                setattr(field.widget, f"can_{action}_related", False)
        return field

    def _provider(self, request: HttpRequest, obj: RestaurantPosIntegration | None) -> PosProvider | None:
        """Of the integration; on the add page the one in the address, or the only one there is."""
        if obj is not None:
            return obj.pos_provider
        wanted = request.GET.get("pos_provider", "")
        active = PosProvider.objects.filter(is_active=True)
        if wanted.isascii() and wanted.isdigit():
            return active.filter(pk=wanted[:18]).first()
        found = list(active[:2])
        return found[0] if len(found) == 1 else None

    def _form_for(self, request: HttpRequest, obj: RestaurantPosIntegration | None) -> type[ConfigForm]:
        provider = self._provider(request, obj)
        adapter = adapter_for(provider.provider_name) if provider else None
        if provider is None or adapter is None:
            return IntegrationForm
        own: dict[str, Any] = {}
        if obj is not None:
            own = {**(obj.restaurant_specific_config or {})}
            if obj.api_key:
                own[adapter.api_key_field] = obj.api_key
        made = with_fields(
            IntegrationForm,
            adapter,
            Level.RESTAURANT,
            own=own,
            context=obj.sealing_context() if obj else "",
            inherited=configuration.inherited(provider),
        )
        return dressed(made)

    def save_model(
        self, request: HttpRequest, obj: RestaurantPosIntegration, form: Any, change: bool
    ) -> None:
        """Through the one writer."""
        saved, _ = configuration.save_integration(**form.arguments())
        obj.pk = saved.pk
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: RestaurantPosIntegration) -> None:
        """Its secrets end with it, lest a later integration inherits them."""
        configuration.end_secrets(
            RestaurantWebhookSecret.objects.filter(
                restaurant=obj.restaurant_id, pos_provider=obj.pos_provider_id
            )
        )
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[RestaurantPosIntegration]) -> None:
        """One by one, as above."""
        for integration in queryset:
            self.delete_model(request, integration)

    # --- what it shows ---

    @admin.display(description="state")
    def state(self, integration: RestaurantPosIntegration) -> str:
        """What stops it, if anything."""
        if not integration.active or not integration.pos_provider.is_active:
            return "Switched off."
        if integration.problem:
            return f"Does not work: {integration.problem}"
        try:
            configuration.account_for(integration)
        except ConfigurationError as error:
            return f"Not ready: {error.message}"
        return configuration.secret_problem(integration) or "Ready."

    @admin.display(description="menu sync", ordering="menu_sync_due_at")
    def menu_sync(self, integration: RestaurantPosIntegration) -> str:
        """When the next one is due."""
        now, due = timezone.now(), integration.menu_sync_due_at
        if integration.menu_sync_leased_until and integration.menu_sync_leased_until > now:
            return "running"
        if due is None:
            return "when asked"
        return f"due in {timeuntil(due, now)}" if due > now else f"due since {timesince(due, now)}"

    @admin.display(description="webhook addresses")
    def webhook_addresses(self, integration: RestaurantPosIntegration) -> SafeString | str:
        """To be given to the POS; those that go with each order need no doing."""
        adapter = adapter_for(integration.pos_provider.provider_name)
        if adapter is None:
            return "None: this version of ding has no such adapter."
        others = [topic.name for topic in adapter.topics if topic.auth is TopicAuth.ORDER_TOKEN]
        urls, modes = configuration.webhook_urls(integration), configuration.webhook_modes(integration)
        rows = ((name, modes[name], url) for name, url in urls.items() if name not in others)
        lines = format_html_join(
            "", '<p>{} ({}) <code style="user-select:all;overflow-wrap:anywhere">{}</code></p>', rows
        )
        rest = (
            f"Nothing to set up for {', '.join(others)}: each order brings its own address." if others else ""
        )
        return format_html("{}<p>{}</p>", lines, rest)

    @admin.display(description="settings")
    def in_force(self, integration: RestaurantPosIntegration) -> SafeString | str:
        """Everything merged, and where each value comes from."""
        try:
            settings = configuration.describe(integration)
        except ConfigurationError as error:
            return error.message
        return table(("Setting", "Value", "From"), [(s.label, words(s.value), s.source) for s in settings])

    # --- what it does ---

    @admin.action(description="Sync menu now", permissions=["change"])
    def sync_menu_now(self, request: HttpRequest, queryset: QuerySet[RestaurantPosIntegration]) -> None:
        """A few at once; many are left to a worker."""
        integrations = chosen(queryset)
        if len(integrations) > MOST_CALLS:
            RestaurantPosIntegration.objects.owe_menu_sync({integration.pk for integration in integrations})
            nudge(tasks.sweep_menu_syncs)
            self.message_user(
                request, f"{len(integrations)} menus are due now; a worker syncs them one by one."
            )
            return
        for integration in integrations:
            try:
                result = menu_sync.sync_menu(integration, trigger=menu_sync.Trigger.API)
            except DomainError as error:
                self.message_user(request, f"{integration.restaurant}: {error.message}", messages.ERROR)
                continue
            changes = ", ".join(
                f"{kind} {counts['added']} new, {counts['changed']} changed, {counts['deactivated']} gone"
                for kind, counts in result.changes.items()
                if any(counts.values())
            )
            left = (
                f" {len(result.problems)} thing(s) were left out; see the history." if result.problems else ""
            )
            message = f"{integration.restaurant}: {result.items} items; {changes or 'nothing changed'}.{left}"
            self.message_user(request, message, messages.WARNING if result.problems else messages.SUCCESS)

    @admin.action(description="Test connection", permissions=["change"])
    def test_connection(self, request: HttpRequest, queryset: QuerySet[RestaurantPosIntegration]) -> None:
        """Call the POS and say what works."""
        integrations = chosen(queryset)
        if len(integrations) > MOST_CALLS:
            self.message_user(request, f"Choose at most {MOST_CALLS}: each calls the POS.", messages.WARNING)
            return
        for integration in integrations:
            for finding in health.check_connection(integration):
                self.message_user(
                    request,
                    f"{integration.restaurant}, {finding.check}: {finding.message}",
                    messages.SUCCESS if finding.ok else messages.ERROR,
                )

    @admin.action(description="Rotate webhook secret", permissions=["change"])
    def rotate_secret(
        self, request: HttpRequest, queryset: QuerySet[RestaurantPosIntegration]
    ) -> HttpResponse:
        """A new one beside the old, which ends after a day."""
        shown = []
        for integration in chosen(queryset):
            shown.append((integration, configuration.rotate_secret(integration)))
            self.log_change(request, integration, "Rotated the webhook secret.")
        return show_once(request, self, shown)
