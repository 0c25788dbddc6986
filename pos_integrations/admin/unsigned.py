"""The switch that lets webhooks in without any proof: one integration, one named person, shown in red until it is off."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from pos_integrations import configuration
from pos_integrations.errors import ConfigurationError
from pos_integrations.models import RestaurantPosIntegration


class UnsignedSwitch:
    """For the admin of integrations: two actions and a column."""

    def has_accept_unsigned_permission(self, request: HttpRequest) -> bool:
        """A right of its own: whoever may change an integration may not yet open it to everybody."""
        return request.user.has_perm("pos_integrations.accept_unsigned")

    @admin.display(description="webhook proof")
    def proof(self, integration: RestaurantPosIntegration) -> SafeString | str:
        """How its webhooks prove themselves."""
        if integration.unsigned_since:
            return format_html(
                '<strong class="unsigned text-red-700 dark:text-red-400" style="color:#b91c1c">'
                "UNSIGNED: anybody may send webhooks. Switched on by {}, {}</strong>",
                integration.unsigned_by,
                f"{integration.unsigned_since:%Y-%m-%d %H:%M} UTC",
            )
        try:
            return configuration.chosen_mode(integration)
        except ConfigurationError as error:
            return error.message

    @admin.action(description="Take webhooks without proof…", permissions=["accept_unsigned"])
    def accept_unsigned(
        self, request: HttpRequest, queryset: QuerySet[RestaurantPosIntegration]
    ) -> HttpResponse | None:
        """Asks once more before it does."""
        chosen = list(queryset.select_related("restaurant", "pos_provider")[:2])
        if len(chosen) != 1:
            self.message_user(request, "Choose one integration; this is decided for each.", messages.WARNING)  # type: ignore[attr-defined]
            return None
        (integration,) = chosen
        if "confirmed" not in request.POST:
            context = {
                **self.admin_site.each_context(request),  # type: ignore[attr-defined]
                "title": "Take webhooks without proof?",
                "opts": self.opts,  # type: ignore[attr-defined]
                "integration": integration,
            }
            return TemplateResponse(request, "admin/pos_integrations/accept_unsigned.html", context)
        configuration.accept_unsigned(integration, by=request.user.get_username())
        self.log_change(request, integration, "Webhooks are taken without proof.")  # type: ignore[attr-defined]
        self.message_user(  # type: ignore[attr-defined]
            request, f"{integration}: webhooks are taken without proof now, in your name.", messages.WARNING
        )
        return None

    @admin.action(description="Require proof of webhooks again", permissions=["change"])
    def require_proof(self, request: HttpRequest, queryset: QuerySet[RestaurantPosIntegration]) -> None:
        """Back to the configured mode."""
        chosen = list(queryset.exclude(unsigned_since=None).select_related("restaurant", "pos_provider"))
        for integration in chosen:
            configuration.require_proof(integration, by=request.user.get_username())
            self.log_change(request, integration, "Webhooks need their proof again.")  # type: ignore[attr-defined]
        level = messages.SUCCESS if chosen else messages.WARNING
        self.message_user(request, f"{len(chosen)} integration(s) need proof again.", level)  # type: ignore[attr-defined]
