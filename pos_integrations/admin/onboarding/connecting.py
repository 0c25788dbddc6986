"""What each step shows and does. A step gives the context of its page, or the answer itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from ding import audit
from ding.errors import DomainError
from ding.staff import form_differences, restaurants_of
from menus.models import Restaurant
from pos_integrations import configuration, going_live
from pos_integrations.adapters.base import TopicAuth
from pos_integrations.admin import menu_page
from pos_integrations.admin.onboarding.forms import FactsForm, ProviderForm, account_form, rows_of
from pos_integrations.admin.onboarding.steps import FIRST, step_url
from pos_integrations.admin.webhook_words import Address, addresses_of
from pos_integrations.models import PosProvider, RestaurantPosIntegration, WebhookLog

Answer = dict[str, Any] | HttpResponse


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the flow somebody is."""

    request: HttpRequest
    restaurant: Restaurant
    integration: RestaurantPosIntegration | None
    provider: PosProvider | None
    step: str

    def needs_more(self) -> bool:
        """Whether an earlier step must come first."""
        if self.step == "account":
            return self.provider is None
        return self.step not in FIRST and self.integration is None

    @property
    def posted(self) -> bool:
        """Whether a button was pressed."""
        return self.request.method == "POST"

    def on_to(self, step: str, provider: PosProvider | None = None) -> HttpResponse:
        """To another step."""
        return HttpResponseRedirect(step_url(self.restaurant, step, provider or self.provider))


def restaurant(at: Place) -> Answer:
    """Its facts."""
    form = FactsForm(at.request.POST if at.posted else None, instance=at.restaurant)
    if at.posted:
        if not at.request.user.has_perm("menus.change_restaurant"):
            raise PermissionDenied
        if form.is_valid():
            if form.has_changed():
                form.save()
                audit.record("changed", at.restaurant, changes=form_differences(form))
            return at.on_to("pos")
    return {"form": form}


def pos(at: Place) -> Answer:
    """Which POS it has: one that is set up, or a new one."""
    may_add = at.request.user.has_perm("pos_integrations.add_posprovider") and (
        restaurants_of(at.request.user) is None
    )
    form = ProviderForm(at.request.POST if at.posted else None) if may_add else None
    if at.posted:
        if form is None:
            raise PermissionDenied
        if form.is_valid():
            provider = form.save()
            audit.record("added", provider, changes=form_differences(form))
            return at.on_to("account", provider)
    connected = set(
        RestaurantPosIntegration.objects.filter(restaurant=at.restaurant).values_list(
            "pos_provider", flat=True
        )
    )
    providers = [
        (provider, step_url(at.restaurant, "account", provider), provider.pk in connected)
        for provider in PosProvider.objects.filter(is_active=True).order_by("display_name")
    ]
    return {"providers": providers, "form": form if form is not None and form.choices else None}


def account(at: Place) -> Answer:
    """The fields that the adapter declares."""
    assert at.provider is not None  # noqa: S101 - `needs_more` has sent everybody else away
    instance = at.integration or RestaurantPosIntegration(
        restaurant=at.restaurant, pos_provider=at.provider, pos_type=at.provider.provider_name
    )
    # The form writes into its instance while it looks for errors; what is shown is what is saved.
    shown = RestaurantPosIntegration.objects.select_related("pos_provider").filter(pk=instance.pk).first()
    adapter = configuration.adapter_of(at.provider)
    form = account_form(instance, adapter, at.request.POST if at.posted else None)
    if at.posted and form.is_valid():
        try:
            configuration.save_integration(**form.arguments())
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            messages.success(at.request, "Saved. Now see whether the POS knows this account.")
            return at.on_to("test")
    groups = rows_of(form, shown or instance)
    # What somebody has filled in, rightly or wrongly, is not folded away.
    unfold = any(row.field.errors or row.field.value() not in (None, "") for row in groups["dealing"])
    return {"form": form, "groups": groups, "unfold": unfold}


def test(at: Place) -> Answer:
    """Call the POS; what it found stays with the integration."""
    assert at.integration is not None  # noqa: S101 - as above
    if at.posted:
        going_live.check_and_remember(at.integration)
        audit.record("tested the connection", at.integration)
        return at.on_to("test")
    findings = at.integration.findings
    return {
        "findings": findings,
        "all_well": bool(findings) and all(finding["ok"] for finding in findings),
    }


def menu(at: Place) -> Answer:
    """The first menu: look at it, then take it."""
    assert at.integration is not None  # noqa: S101 - as above
    if at.posted:
        return menu_page.act(at.request, at.integration, step_url(at.restaurant, "menu", at.provider))
    return menu_page.work(at.request, at.integration)


def webhooks(at: Place) -> Answer:
    """The addresses for the POS's dashboard; a new secret is shown in them, this once."""
    assert at.integration is not None  # noqa: S101 - as above
    new = None
    if at.posted:
        if not at.request.user.has_perm("pos_integrations.add_restaurantwebhooksecret"):
            raise PermissionDenied
        new = configuration.rotate_secret(at.integration)
        audit.record("rotated the webhook secret", at.integration)
    last = WebhookLog.objects.filter(restaurant=at.restaurant, integration=at.integration)
    addresses: list[Address] = addresses_of(at.integration, new.secret if new else "")
    return {
        "addresses": [one for one in addresses if one.auth is not TopicAuth.ORDER_TOKEN],
        "by_themselves": [one for one in addresses if one.auth is TopicAuth.ORDER_TOKEN],
        "new": new,
        "secret_problem": configuration.secret_problem(at.integration),
        "last_webhook": last.order_by("-pk").values_list("created_at", flat=True).first(),
        "may_make": at.request.user.has_perm("pos_integrations.add_restaurantwebhooksecret"),
    }


def live(at: Place) -> Answer:
    """The check-list, and the switch."""
    assert at.integration is not None  # noqa: S101 - as above
    if at.posted:
        try:
            if at.request.POST.get("do") == "stop":
                going_live.stop(at.integration)
                messages.warning(at.request, f"{at.restaurant} takes no orders now.")
            else:
                going_live.go_live(at.integration)
                messages.success(at.request, f"{at.restaurant} is live: orders go to {at.provider}.")
        except DomainError as error:
            messages.error(at.request, error.message)
        return at.on_to("live")
    checks = [
        (check, step_url(at.restaurant, check.step, at.provider))
        for check in going_live.checklist(at.integration)
    ]
    return {
        "checks": checks,
        "ready": all(check.ok for check, _ in checks if check.needed),
        "is_live": going_live.is_live(at.integration),
    }


PAGES: dict[str, Callable[[Place], Answer]] = {
    "restaurant": restaurant,
    "pos": pos,
    "account": account,
    "test": test,
    "menu": menu,
    "webhooks": webhooks,
    "live": live,
}
