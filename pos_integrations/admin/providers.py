"""Kinds of POS: how one is reached, and what holds for all its restaurants."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Field, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from ding.staff import StaffAdmin
from pos_integrations import configuration
from pos_integrations.adapters import registry
from pos_integrations.adapters.base import Level
from pos_integrations.admin.config_form import ConfigForm, dressed, fieldsets, table, with_fields, words
from pos_integrations.models import PosProvider


class PosProviderForm(ConfigForm):
    """The columns; the adapter's fields are added to it."""

    class Meta:
        model = PosProvider
        fields = (
            "provider_name",
            "display_name",
            "base_api_url",
            "webhook_base_url",
            "webhook_endpoints",
            "auth_type",
            "is_active",
        )
        help_texts = {
            "base_api_url": "Where the POS's API is: https://host/path.",
            "webhook_base_url": "Where this POS reaches us, if not at PUBLIC_URL.",
            "webhook_endpoints": "Topic and path, as told to the POS; a note for people, nothing depends on it.",
            "is_active": "Off: nothing is sent to this POS and nothing taken from it.",
        }

    def clean(self) -> dict[str, Any] | None:
        """The same rules as everywhere."""
        cleaned = super().clean()
        for name in ("base_api_url", "webhook_base_url"):
            if problem := configuration.check_url(
                self.cleaned_data.get(name) or "", str(self.fields[name].label)
            ):
                self.add_error(name, problem[1])
        endpoints = self.cleaned_data.get("webhook_endpoints") or {}
        if not isinstance(endpoints, dict) or not all(isinstance(path, str) for path in endpoints.values()):
            self.add_error("webhook_endpoints", "This is an object of topic and path: both are text.")
        adapter = registry.adapter_for(self.instance.provider_name)
        if adapter is not None:
            self.add_errors(configuration.check_values(adapter, self.given(), Level.PROVIDER))
            moved = self.cleaned_data.get("base_api_url") if self.instance.pk else None
            if moved is not None and (
                why := configuration.moving_problem(adapter, self.instance, moved, self.given())
            ):
                self.add_error("base_api_url", why)
        return cleaned


@admin.register(PosProvider)
class PosProviderAdmin(StaffAdmin):
    """First the kind of POS, then what it needs."""

    when_empty = "No kind of POS is set up yet. “Connect a restaurant” does it on the way."
    restaurant_path = None  # all restaurants share it
    form = PosProviderForm
    list_display = ("display_name", "provider_name", "base_api_url", "is_active", "restaurants", "updated_at")
    list_filter = ("is_active",)
    search_fields = ("display_name", "provider_name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PosProvider]:
        """With how many restaurants use it."""
        return super().get_queryset(request).annotate(restaurant_count=Count("integrations"))

    @admin.display(ordering="restaurant_count")
    def restaurants(self, provider: Any) -> int:
        """How many use it."""
        return int(provider.restaurant_count)

    @admin.display(description="configuration")
    def settings_shown(self, provider: PosProvider) -> SafeString | str:
        """For those who may only look."""
        adapter = registry.adapter_for(provider.provider_name)
        if adapter is None:
            return "This version of ding has no adapter of that name."
        labels = {field.name: field.label for field in configuration.fields_of(adapter)}
        return table(
            ("Setting", "Value"),
            [(labels[name], words(value)) for name, value in configuration.inherited(provider).items()],
        )

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: Any, **kwargs: Any) -> Any:
        """The name is that of an adapter."""
        if db_field.name == "provider_name":
            help_text = "Which adapter speaks with it. What it needs is asked on the next page."
            return forms.ChoiceField(choices=registry.choices, help_text=help_text)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: PosProvider | None = None) -> tuple[str, ...]:
        """Secrets are bound to the name, so it stays."""
        return ("provider_name", "settings_shown", "created_at", "updated_at") if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: PosProvider | None = None) -> Any:
        """What may only be looked at comes as a table."""
        columns: list[tuple[Any, dict[str, Any]]] = [(None, {"fields": PosProviderForm.Meta.fields})]
        if obj is None:
            return columns
        times = [("Times", {"fields": ("created_at", "updated_at")})]
        if not self.has_change_permission(request, obj):
            return [*columns, ("What the POS needs", {"fields": ("settings_shown",)}), *times]
        return [*columns, *fieldsets(self._form_for(obj)), *times]

    def get_form(
        self, request: HttpRequest, obj: PosProvider | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """With the fields that this adapter declares."""
        if obj is not None:
            kwargs["form"] = self._form_for(obj)
        form = super().get_form(request, obj, change=change, **kwargs)
        adapter = registry.adapter_for(obj.provider_name) if obj else None
        if adapter is not None and "base_api_url" in form.base_fields:
            address = form.base_fields["base_api_url"]
            address.help_text = f"{address.help_text} {adapter.endpoint_help}".strip()
        return form

    def _form_for(self, provider: PosProvider) -> type[ConfigForm]:
        adapter = registry.adapter_for(provider.provider_name)
        if adapter is None:
            return PosProviderForm
        made = with_fields(
            PosProviderForm,
            adapter,
            Level.PROVIDER,
            own=provider.global_config or {},
            context=provider.sealing_context(),
            inherited={field.name: field.default for field in configuration.fields_of(adapter)},
        )
        return dressed(made)

    def save_model(self, request: HttpRequest, obj: PosProvider, form: Any, change: bool) -> None:
        """Only what was entered changes; other keys stay."""
        adapter = registry.adapter_for(obj.provider_name)
        if adapter is not None:
            obj.global_config = configuration.changed_config(adapter, obj.global_config, form.given())
        super().save_model(request, obj, form, change)
        if form.has_changed():
            # What its restaurants' connections were tested with is not what holds now.
            obj.integrations.update(checked_at=None, findings=[])

    def response_add(
        self, request: HttpRequest, obj: PosProvider, post_url_continue: str | None = None
    ) -> HttpResponse:
        """On to what the POS needs."""
        if "_addanother" not in request.POST and "_popup" not in request.POST:
            data = request.POST.copy()
            data["_continue"] = "1"
            request.POST = data  # type: ignore[assignment]
        return super().response_add(request, obj, post_url_continue)
