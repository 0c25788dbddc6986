"""Bringing a restaurant on line: what is still missing, each thing by itself, and the switch when nothing is."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from ding import audit
from ding.db import transactional
from ding.errors import Conflict
from menus.models import Item, Menu
from menus.services import StoreReport, change_store
from pos_integrations import configuration, health
from pos_integrations.adapters.base import TopicAuth
from pos_integrations.errors import ConfigurationError
from pos_integrations.messages import Finding
from pos_integrations.models import MenuReview, RestaurantPosIntegration


class NotReady(Conflict):
    """Something that is needed is missing; nothing was switched."""

    code = "not_ready"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the check-list. `step`: where it is mended. Not `needed`: it may be missing for now."""

    label: str
    ok: bool
    detail: str
    step: str
    needed: bool = True


def check_and_remember(integration: RestaurantPosIntegration) -> list[Finding]:
    """Call the POS, outside of any transaction, and keep what was found, unless the settings changed meanwhile."""
    findings = health.check_account(integration)
    RestaurantPosIntegration.objects.filter(pk=integration.pk, updated_at=integration.updated_at).update(
        checked_at=timezone.now(),
        findings=[{"check": f.check, "ok": f.ok, "message": f.message} for f in findings],
    )
    return findings


def checklist(integration: RestaurantPosIntegration) -> list[Check]:
    """Everything that a restaurant needs to take its first order, whether it is there, and where it is mended."""
    return [
        _restaurant(integration),
        _provider(integration),
        _account(integration),
        _tested(integration),
        _menu(integration),
        _nothing_waits(integration),
        _reachable(integration),
        _secret(integration),
    ]


@transactional
def go_live(integration: RestaurantPosIntegration) -> None:
    """From now on orders are taken and brought to the POS.

    Raises:
        NotReady: nothing was switched.
    """
    missing = [check.label for check in checklist(integration) if check.needed and not check.ok]
    if missing:
        raise NotReady(f"Not yet: {', '.join(missing)}. Mend that first, then go live.")
    if not integration.active:
        configuration.save_integration(
            restaurant=integration.restaurant,
            provider_name=integration.pos_provider.provider_name,
            active=True,
        )
    change_store([StoreReport(restaurant_id=integration.restaurant_id, accepting=True)])
    audit.record("went live", integration)


@transactional
def stop(integration: RestaurantPosIntegration) -> None:
    """Take no orders for now; what was taken is still brought to the kitchen, and its reports are still heard."""
    change_store([StoreReport(restaurant_id=integration.restaurant_id, accepting=False)])
    audit.record("stopped taking orders", integration)


def is_live(integration: RestaurantPosIntegration) -> bool:
    """Whether an order that comes now is brought to this POS."""
    return (
        integration.active and integration.pos_provider.is_active and integration.restaurant.accepting_orders
    )


# --- the lines --------------------------------------------------------------------------------------------


def _restaurant(integration: RestaurantPosIntegration) -> Check:
    restaurant = integration.restaurant
    missing = [name for name in ("address", "phone") if not getattr(restaurant, name)]
    where = f"{restaurant.timezone}, {restaurant.currency}"
    if missing:
        detail = f"The {' and the '.join(missing)} will be missing on bills and messages."
        return Check("Restaurant's facts", False, detail, "restaurant", needed=False)
    if not restaurant.email and not settings.ALERT_EMAIL:
        detail = "No e-mail address: alerts about this restaurant reach nobody."
        return Check("Restaurant's facts", False, detail, "restaurant", needed=False)
    return Check("Restaurant's facts", True, where, "restaurant")


def _provider(integration: RestaurantPosIntegration) -> Check:
    provider = integration.pos_provider
    if provider.is_active:
        return Check("POS", True, f"{provider} is switched on.", "pos")
    return Check("POS", False, f"{provider} is switched off for all restaurants.", "pos")


def _account(integration: RestaurantPosIntegration) -> Check:
    try:
        account = configuration.account_for(integration)
    except ConfigurationError as error:
        return Check("Account", False, error.message, "account")
    if not account.base_url:
        return Check("Account", False, "There is no API address, here or at the provider.", "account")
    return Check(
        "Account", True, f"{account.external_id} at {urlsplit(account.base_url).hostname}", "account"
    )


def _tested(integration: RestaurantPosIntegration) -> Check:
    if integration.checked_at is None:
        return Check("Connection", False, "Not tested since the settings were changed.", "test")
    wrong = [finding for finding in integration.findings if not finding["ok"]]
    if wrong:
        return Check("Connection", False, wrong[0]["message"], "test")
    if integration.problem:
        return Check("Connection", False, integration.problem, "test")
    return Check(
        "Connection",
        True,
        f"{len(integration.findings)} of {len(integration.findings)} tests passed.",
        "test",
    )


def _menu(integration: RestaurantPosIntegration) -> Check:
    items = Item.objects.filter(restaurant=integration.restaurant_id, active=True).count()
    synced = Menu.objects.filter(pk=integration.restaurant_id, version__gt=0).exists()
    if not synced or not items:
        return Check("Menu", False, "There is no menu yet: sync it.", "menu")
    return Check("Menu", True, f"{items} dishes on sale.", "menu")


def _nothing_waits(integration: RestaurantPosIntegration) -> Check:
    held = MenuReview.objects.filter(integration=integration).exclude(reason="").exists()
    if held:
        detail = "A menu is held and waits for somebody to look at it."
        return Check("Held menu", False, detail, "menu", needed=False)
    return Check("Held menu", True, "None waits.", "menu")


def _reachable(integration: RestaurantPosIntegration) -> Check:
    base = integration.pos_provider.webhook_base_url or settings.PUBLIC_URL
    parts = urlsplit(base)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme == "https" and not local:
        return Check("Address for the POS", True, base, "webhooks")
    detail = f"{base} cannot be reached from outside, so the kitchen's reports do not arrive. Set PUBLIC_URL."
    # A simulated POS on the same machine reaches it all the same.
    return Check("Address for the POS", False, detail, "webhooks", needed=not settings.POS_ALLOW_PLAIN_HTTP)


def _secret(integration: RestaurantPosIntegration) -> Check:
    adapter = configuration.adapter_of(integration.pos_provider)
    if all(topic.auth is TopicAuth.ORDER_TOKEN for topic in adapter.topics):
        return Check("Webhook secret", True, "This POS needs none.", "webhooks")
    if integration.unsigned_since:
        detail = f"Anybody may send webhooks: switched on by {integration.unsigned_by}."
        return Check("Webhook secret", False, detail, "webhooks", needed=False)
    problem = configuration.secret_problem(integration)
    if problem:
        detail = "None that is valid: changes of stock and menu are refused until there is one."
        return Check("Webhook secret", False, detail, "webhooks", needed=False)
    return Check("Webhook secret", True, "One is valid.", "webhooks")
