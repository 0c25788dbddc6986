"""Webhook addresses for people: where each call of a POS goes, what it is for, how it proves itself."""

from __future__ import annotations

from dataclasses import dataclass

from pos_integrations import configuration
from pos_integrations.adapters.base import TopicAuth
from pos_integrations.models import RestaurantPosIntegration
from pos_integrations.signatures import URL_TOKEN

PLACEHOLDER = "<webhook secret>"


@dataclass(frozen=True, slots=True)
class Address:
    """One address to paste. `complete`: nothing in it has to be replaced by hand."""

    topic: str
    title: str
    url: str
    proof: str
    complete: bool
    auth: TopicAuth


def addresses_of(integration: RestaurantPosIntegration, secret: str = "") -> list[Address]:
    """All of an integration; `secret`, while it may be shown, stands in those that carry it."""
    adapter = configuration.adapter_of(integration.pos_provider)
    urls = configuration.webhook_urls(integration)
    modes = configuration.webhook_modes(integration)
    found = []
    for topic in adapter.topics:
        url = urls[topic.name]
        if secret:
            url = url.replace(PLACEHOLDER, secret)
        title = topic.name.replace("-", " ").capitalize()
        proof = _proof(modes[topic.name])
        found.append(Address(topic.name, title, url, proof, PLACEHOLDER not in url, topic.auth))
    return found


def _proof(mode: str) -> str:
    if mode == configuration.ORDER_TOKEN:
        return "Goes out with each order; nothing to set up."
    if mode == configuration.UNSIGNED:
        return "Without any proof: anybody may call it."
    if mode == URL_TOKEN.name:
        return "The secret stands at its end, so treat the address itself as a secret."
    return f"Each call is signed with the secret ({mode.replace('_', ' ')})."
