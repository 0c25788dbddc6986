"""Which signature mode an integration has, and what that means at each of its addresses: exactly one proof each."""

from __future__ import annotations

import functools
import logging

from django.utils import timezone

from ding.db import transactional
from pos_integrations.adapters.base import PosAdapter, Topic, TopicAuth
from pos_integrations.configuration.account import adapter_of, merged_values
from pos_integrations.configuration.core_fields import NATIVE, SIGNATURE_MODE
from pos_integrations.models import RestaurantPosIntegration
from pos_integrations.signatures import COMMON_SCHEMES, URL_TOKEN, Scheme

logger = logging.getLogger(__name__)

# Not to be chosen in a form: a named person switches it on, for one integration.
UNSIGNED = "unsigned"
# Of the callbacks of a single order, whatever the integration's mode.
ORDER_TOKEN = "order_token"  # noqa: S105 - the name of a mode


def chosen_mode(integration: RestaurantPosIntegration) -> str:
    """What holds now."""
    return UNSIGNED if integration.unsigned_since else _configured(integration)


def _configured(integration: RestaurantPosIntegration) -> str:
    # Without opening secrets: one that cannot be read must not change what was agreed.
    mode = str(merged_values(integration)[SIGNATURE_MODE])
    # A word in the configuration is no named person.
    return mode if mode != UNSIGNED else ""


def mode_at(topic: Topic, adapter: PosAdapter, chosen: str) -> str:
    """The mode at one topic of an integration that has chosen `chosen`."""
    if topic.auth is TopicAuth.ORDER_TOKEN:
        return ORDER_TOKEN
    if chosen != NATIVE:
        return chosen
    return URL_TOKEN.name if topic.auth is TopicAuth.SHARED_SECRET else adapter.signature_schemes[0].name


def scheme_named(adapter: PosAdapter, mode: str) -> Scheme | None:
    """The scheme of a mode; None for one without a scheme, and for a word that somebody's SQL wrote."""
    return next((scheme for scheme in schemes_of(adapter) if scheme.name == mode), None)


@functools.cache
def schemes_of(adapter: PosAdapter) -> tuple[Scheme, ...]:
    """All that an integration at this POS may use: the POS's own first."""
    return (*adapter.signature_schemes, *COMMON_SCHEMES)


def scheme_of_secrets(integration: RestaurantPosIntegration) -> Scheme:
    """By whose rules this integration's webhook secrets are made."""
    adapter = adapter_of(integration.pos_provider)
    return scheme_named(adapter, _configured(integration)) or schemes_of(adapter)[0]


@transactional
def accept_unsigned(integration: RestaurantPosIntegration, *, by: str) -> None:
    """From now on take calls at this integration's own addresses without any proof. `by`: the person who says so."""
    now = timezone.now()
    RestaurantPosIntegration.objects.filter(pk=integration.pk).update(
        unsigned_since=now, unsigned_by=by, updated_at=now
    )
    logger.warning(
        "Webhooks are taken without any proof now.", extra={"integration": integration.pk, "staff": by}
    )


@transactional
def require_proof(integration: RestaurantPosIntegration, *, by: str) -> None:
    """Back to the configured mode."""
    RestaurantPosIntegration.objects.filter(pk=integration.pk).update(
        unsigned_since=None, unsigned_by="", updated_at=timezone.now()
    )
    logger.warning("Webhooks need their proof again.", extra={"integration": integration.pk, "staff": by})
