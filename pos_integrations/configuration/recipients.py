"""Whom a webhook is for, as the door needs it: one look-up, plain values, so that it can be kept."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from pos_integrations.adapters.base import PosAdapter
from pos_integrations.configuration.modes import chosen_mode
from pos_integrations.configuration.webhook_secrets import HeldSecret, held_secrets
from pos_integrations.models import RestaurantPosIntegration, RestaurantWebhookSecret

_LAST_USED_EVERY = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Recipient:
    """An active integration at an active provider, with its webhook secrets in the clear; `repr` hides them.

    `external_id`: the POS's id of the restaurant. `mode`: the configured signature mode.
    """

    integration_id: int
    pos_provider_id: int
    restaurant_id: int
    public_id: str
    external_id: str
    mode: str
    secrets: tuple[HeldSecret, ...] = field(repr=False)

    def secrets_at(self, now: dt.datetime) -> list[HeldSecret]:
        """Those that are good at that moment: expiry is judged at each request, however long this is kept."""
        return [held for held in self.secrets if held.expires_at is None or held.expires_at > now]


def recipient_at(adapter: PosAdapter, public_id: str) -> Recipient | None:
    """The one at an address of its own."""
    return _find(adapter, public_id=public_id)


def recipient_named(adapter: PosAdapter, external_id: str) -> Recipient | None:
    """The one that a body names at the address that all share."""
    return _find(adapter, pos_restaurant_id=external_id)


def _find(adapter: PosAdapter, **lookup: Any) -> Recipient | None:
    """Two statements, found or not: the clock must not tell which restaurants exist."""
    integration = (
        RestaurantPosIntegration.objects.select_related("pos_provider")
        .filter(active=True, pos_provider__is_active=True, pos_provider__provider_name=adapter.slug, **lookup)
        .first()
    )
    secrets = held_secrets(integration or RestaurantPosIntegration(restaurant_id=0, pos_provider_id=0))
    if integration is None:
        return None
    return Recipient(
        integration_id=integration.pk,
        pos_provider_id=integration.pos_provider_id,
        restaurant_id=integration.restaurant_id,
        public_id=integration.public_id,
        external_id=integration.pos_restaurant_id,
        mode=chosen_mode(integration),
        secrets=tuple(secrets),
    )


def note_used(held: HeldSecret, now: dt.datetime) -> None:
    """Write down that a secret is in use, once a minute."""
    seldom = Q(last_used_at=None) | Q(last_used_at__lt=now - _LAST_USED_EVERY)
    if held.last_used_at is None or held.last_used_at < now - _LAST_USED_EVERY:
        RestaurantWebhookSecret.objects.filter(seldom, pk=held.id).update(last_used_at=now)
