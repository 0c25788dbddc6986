"""Where a POS reaches us: one address per integration and topic, one more per order."""

from __future__ import annotations

import hashlib
import hmac
from typing import Protocol

from django.conf import settings

from pos_integrations.adapters.base import TopicAuth
from pos_integrations.configuration.account import adapter_of
from pos_integrations.configuration.modes import ORDER_TOKEN, chosen_mode, mode_at
from pos_integrations.models import RestaurantPosIntegration
from pos_integrations.signatures import URL_TOKEN


class Addressed(Protocol):
    """Whatever has the public id of an integration."""

    @property
    def public_id(self) -> str:
        """It stands in its webhook addresses."""


def callback_token(integration: Addressed, reference: str) -> str:
    """What the last part of an order's callback address must be: it opens this one order.

    128 bits; made, not stored, so a resend of the order is identical and a wrong one costs no look-up.
    """
    message = f"{integration.public_id}|{reference}".encode()
    return hmac.new(settings.CALLBACK_KEY.encode(), message, hashlib.sha256).hexdigest()[:32]


def callback_url(integration: RestaurantPosIntegration, reference: str) -> str:
    """Where the POS reports the status of one order; empty when it has no such callbacks."""
    adapter = adapter_of(integration.pos_provider)
    topic = next((topic for topic in adapter.topics if topic.auth is TopicAuth.ORDER_TOKEN), None)
    if topic is None:
        return ""
    token = callback_token(integration, reference)
    return f"{webhook_url(integration, topic.name)}/{token}"


def webhook_url(integration: RestaurantPosIntegration, topic: str) -> str:
    """The address of one topic of this integration, for the POS's dashboard."""
    provider = integration.pos_provider
    base = (provider.webhook_base_url or settings.PUBLIC_URL).rstrip("/")
    return f"{base}/api/webhooks/{provider.provider_name}/{integration.public_id}/{topic}"


def webhook_urls(integration: RestaurantPosIntegration) -> dict[str, str]:
    """Topic → address, for people: what is secret or different for each order stands in <...>."""
    ends = {URL_TOKEN.name: "/<webhook secret>", ORDER_TOKEN: "/<sent with each order>"}
    return {
        topic: webhook_url(integration, topic) + ends.get(mode, "")
        for topic, mode in webhook_modes(integration).items()
    }


def webhook_modes(integration: RestaurantPosIntegration) -> dict[str, str]:
    """Topic → how its calls prove themselves."""
    adapter = adapter_of(integration.pos_provider)
    chosen = chosen_mode(integration)
    return {topic.name: mode_at(topic, adapter, chosen) for topic in adapter.topics}
