"""The steps of connecting a restaurant, and which are done: read from the rows, stored nowhere."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from menus.models import Item, Restaurant
from pos_integrations import configuration
from pos_integrations.adapters.base import TopicAuth
from pos_integrations.errors import ConfigurationError
from pos_integrations.going_live import is_live
from pos_integrations.models import PosProvider, RestaurantPosIntegration

TITLES = {
    "restaurant": "Restaurant",
    "pos": "POS",
    "account": "Account",
    "test": "Test",
    "menu": "Menu",
    "webhooks": "Webhooks",
    "live": "Go live",
}
# Before there is an integration only these can be opened.
FIRST = ("restaurant", "pos", "account")


@dataclass(frozen=True, slots=True)
class Step:
    """One step as the bar shows it. `url` empty: not yet to be opened."""

    key: str
    title: str
    number: int
    done: bool
    current: bool
    url: str


def steps_of(
    restaurant: Restaurant,
    integration: RestaurantPosIntegration | None,
    provider: PosProvider | None,
    current: str,
) -> list[Step]:
    """All of them, for one restaurant."""
    done = done_steps(restaurant, integration, provider)
    result = []
    for number, (key, title) in enumerate(TITLES.items(), 1):
        can_open = (
            integration is not None or (key in FIRST[:2]) or (key == "account" and provider is not None)
        )
        url = step_url(restaurant, key, provider) if can_open else ""
        result.append(Step(key, title, number, key in done, key == current, url))
    return result


def done_steps(
    restaurant: Restaurant, integration: RestaurantPosIntegration | None, provider: PosProvider | None
) -> set[str]:
    """What needs nothing more."""
    done = {"restaurant"}
    if provider is not None:
        done.add("pos")
    if integration is None:
        return done
    try:
        configuration.account_for(integration)
        done.add("account")
    except ConfigurationError:
        pass
    if integration.checked_at and all(finding["ok"] for finding in integration.findings):
        done.add("test")
    if Item.objects.filter(restaurant=restaurant, active=True).exists():
        done.add("menu")
    topics = configuration.adapter_of(integration.pos_provider).topics
    needs_none = all(topic.auth is TopicAuth.ORDER_TOKEN for topic in topics)
    if needs_none or not configuration.secret_problem(integration):
        done.add("webhooks")
    if is_live(integration):
        done.add("live")
    return done


def next_step(restaurant: Restaurant, integration: RestaurantPosIntegration | None) -> str:
    """The first that is not done; the last one if all are."""
    done = done_steps(restaurant, integration, integration.pos_provider if integration else None)
    return next((key for key in TITLES if key not in done), "live")


def step_url(restaurant: Restaurant, key: str, provider: PosProvider | None = None) -> str:
    """Where a step is. `provider`: which one was chosen, as long as no row says so."""
    url = reverse(f"admin:{URL_NAME}_step", args=[restaurant.pk, key])
    return f"{url}?pos={provider.pk}" if provider is not None else url


URL_NAME = "pos_integrations_restaurantposintegration_connect"
