"""Webhook secrets: given or made, shown once, ended. Never looked at again."""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget

from ding.staff import RestaurantFilter, StaffAdmin, restaurants_of
from pos_integrations import configuration
from pos_integrations.admin.guards import ReadOnly, show_once
from pos_integrations.models import RestaurantPosIntegration, RestaurantWebhookSecret

# Whoever signs with a secret does so more often than this.
IN_USE = dt.timedelta(days=1)


class WebhookSecretForm(forms.ModelForm):
    """For whom, and which."""

    integration = forms.ModelChoiceField(
        RestaurantPosIntegration.objects.select_related("restaurant", "pos_provider").order_by(
            "restaurant__name"
        ),
        widget=UnfoldAdminSelectWidget,
        help_text="Its present secrets stay valid for another 24 hours; at most three are valid at once.",
    )
    secret = forms.CharField(
        required=False,
        widget=UnfoldAdminPasswordWidget({"autocomplete": "new-password"}, render_value=False),
        help_text="The one that the POS gave. Leave it blank and ding makes one, which is shown once.",
    )

    class Meta:
        model = RestaurantWebhookSecret
        fields = ()

    def clean(self) -> dict[str, Any] | None:
        """The same rules as everywhere."""
        cleaned = super().clean()
        integration, secret = self.cleaned_data.get("integration"), self.cleaned_data.get("secret")
        if integration and secret and (problem := configuration.check_secret(secret, integration)):
            self.add_error("secret", problem["message"])
        return cleaned


@admin.register(RestaurantWebhookSecret)
class WebhookSecretAdmin(ReadOnly, StaffAdmin):
    """The value is in no list and on no page; the fingerprint tells secrets apart."""

    when_empty = "There is no secret yet. “Webhook secrets” in an integration's page makes one."
    form = WebhookSecretForm
    list_display = (
        "restaurant",
        "pos_provider",
        "fingerprint",
        "standing",
        "expires_at",
        "last_used_at",
        "created_at",
        "manage",
    )
    list_display_links = ("fingerprint", "restaurant")
    list_filter = ("is_active", "pos_provider", RestaurantFilter)
    list_select_related = ("restaurant", "pos_provider")
    search_fields = ("restaurant__name", "fingerprint")
    ordering = ("-pk",)
    actions = ("end_now",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RestaurantWebhookSecret]:
        """Without the value."""
        mine = RestaurantPosIntegration.objects.filter(
            restaurant=OuterRef("restaurant"), pos_provider=OuterRef("pos_provider")
        )
        rows: QuerySet[RestaurantWebhookSecret] = super().get_queryset(request).defer("secret_key")
        return rows.annotate(integration_id=Subquery(mine.values("pk")[:1]))

    @admin.display(description="")
    def manage(self, secret: RestaurantWebhookSecret) -> SafeString | str:
        """To the page where it is rotated, ended, revoked."""
        found = getattr(secret, "integration_id", None)
        if found is None:
            return ""
        address = reverse("admin:pos_integrations_secrets", args=[found])
        return format_html('<a class="underline" href="{}">Rotate, end, revoke</a>', address)

    def get_fields(self, request: HttpRequest, obj: RestaurantWebhookSecret | None = None) -> tuple[str, ...]:
        """Asked when adding; shown later."""
        if obj is None:
            return ("integration", "secret")
        dates = ("expires_at", "last_used_at", "created_at", "updated_at")
        return ("restaurant", "pos_provider", "fingerprint", "standing", *dates)

    def get_readonly_fields(
        self, request: HttpRequest, obj: RestaurantWebhookSecret | None = None
    ) -> tuple[str, ...]:
        """All of it."""
        return self.get_fields(request, obj) if obj else ()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A secret can be brought in."""
        return request.user.has_perm("pos_integrations.add_restaurantwebhooksecret")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """With the integrations of this member of staff alone: a secret speaks for its restaurant."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if "integration" in form.base_fields:
            mine = restaurants_of(request.user)
            if mine is not None:
                # A declared field is shared by all requests, so theirs is a copy.
                field = form.base_fields["integration"] = copy.deepcopy(form.base_fields["integration"])
                field.queryset = field.queryset.filter(restaurant__in=mine)
        return form

    @admin.display(description="valid", boolean=True)
    def standing(self, secret: RestaurantWebhookSecret) -> bool:
        """Whether it may sign now."""
        return secret.is_active and (secret.expires_at is None or secret.expires_at > timezone.now())

    def save_model(self, request: HttpRequest, obj: RestaurantWebhookSecret, form: Any, change: bool) -> None:
        """Through the one writer."""
        integration, secret = form.cleaned_data["integration"], form.cleaned_data["secret"]
        if secret:
            new = configuration.add_webhook_secret(integration, secret)
        else:
            new = configuration.rotate_secret(integration)
            form.shown = (integration, new)
        obj.pk = new.id
        obj.refresh_from_db(fields=["restaurant", "pos_provider", "fingerprint", "is_active", "created_at"])

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Keep what is to be shown until the answer is made."""
        super().save_related(request, form, formsets, change)
        form.instance.shown = getattr(form, "shown", None)

    def response_add(
        self, request: HttpRequest, obj: RestaurantWebhookSecret, post_url_continue: str | None = None
    ) -> HttpResponse:
        """A made one is shown now or never."""
        shown = getattr(obj, "shown", None)
        if shown:
            return show_once(request, self, [shown])
        return super().response_add(request, obj, post_url_continue)

    @admin.action(description="End now", permissions=["act"])
    def end_now(
        self, request: HttpRequest, queryset: QuerySet[RestaurantWebhookSecret]
    ) -> HttpResponse | None:
        """What is signed with them is refused from now on. One that is in use is asked about first."""
        recently = timezone.now() - IN_USE
        in_use = queryset.filter(is_active=True, last_used_at__gte=recently)
        if in_use and "confirmed" not in request.POST:
            context = {
                **self.admin_site.each_context(request),
                "title": "End a secret that is in use?",
                "opts": self.opts,
                "in_use": in_use.select_related("restaurant", "pos_provider"),
                "chosen": list(queryset.values_list("pk", flat=True)),
            }
            return TemplateResponse(request, "admin/pos_integrations/end_secrets.html", context)
        for secret in queryset.filter(is_active=True):
            self.log_change(request, secret, "Ended.")
        count = configuration.end_secrets(queryset)
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, f"{count} secret(s) ended.", level)
        return None
