"""At the door: authenticate a request and store it, nothing more; when this returns, the row is committed."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Sequence
from typing import Any

from django.db.models import Q
from django.utils import timezone

from ding.errors import NotFound
from pos_integrations.adapters.base import PosAdapter, Topic, TopicAuth, TopicKind
from pos_integrations.adapters.registry import adapter_for
from pos_integrations.configuration import callback_token, merged_values, valid_secrets
from pos_integrations.errors import MalformedPayload, NotAuthentic
from pos_integrations.messages import Outcome, Reply, WebhookRequest
from pos_integrations.models import (
    RestaurantPosIntegration,
    RestaurantWebhookSecret,
    WebhookLog,
    WebhookStatus,
)

_LAST_USED_EVERY = dt.timedelta(minutes=1)

# Compared with when there is nothing else: a stranger must not learn from the clock which restaurants exist.
_NOBODYS_SECRET = "nobody signs with this secret"  # noqa: S105


def max_bytes(provider_name: str, topic_name: str) -> int:
    """The largest body that this address takes.

    Raises:
        NotFound: no such provider or topic.
    """
    return _topic(provider_name, topic_name)[1].max_bytes


def receive(
    *,
    provider_name: str,
    topic_name: str,
    request: WebhookRequest,
    public_id: str | None = None,
    token: str = "",
    remote_address: str = "",
) -> Reply:
    """Authenticate and store one request; the answer in the POS's own words.

    Raises:
        NotFound: no such provider or topic.
        NotAuthentic: nobody we know sent this; nothing was stored.
        MalformedPayload: not what this POS sends; nothing was stored.
    """
    adapter, topic = _topic(provider_name, topic_name)
    try:
        if topic.auth is TopicAuth.ORDER_TOKEN:
            integration = _by_order_token(adapter, request, public_id, token)
        elif topic.auth is TopicAuth.SHARED_SECRET:
            integration = _by_shared_secret(adapter, request, public_id, token)
        else:
            integration = _by_signature(adapter, request, public_id)
        payload = _text(request.body)
    except MalformedPayload as error:
        if topic.auth is TopicAuth.SHARED_SECRET:
            # Whoever configured the address reads the POS's own words in its dashboard.
            return adapter.reply(topic, Outcome.REFUSED, error.message)
        raise
    now = timezone.now()
    asked = topic.kind is TopicKind.QUERY
    WebhookLog.objects.create(
        pos_provider_id=integration.pos_provider_id,
        integration_id=integration.pk,
        restaurant_id=integration.restaurant_id,
        webhook_type=topic.name,
        payload=payload,
        # A question is answered here and now; it is only written down.
        status=WebhookStatus.PROCESSED if asked else WebhookStatus.RECEIVED,
        verdict="answered" if asked else "",
        next_attempt_at=None if asked else now,
        processed_at=now if asked else None,
        remote_address=remote_address,
    )
    return adapter.reply(topic, Outcome.ACCEPTED, facts={"open": integration.restaurant.accepting_orders})


def _topic(provider_name: str, topic_name: str) -> tuple[PosAdapter, Topic]:
    adapter = adapter_for(provider_name)
    topic = adapter.topic(topic_name) if adapter else None
    if adapter is None or topic is None:
        raise NotFound("There is no such webhook address.")
    return adapter, topic


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise MalformedPayload("The body is not UTF-8 text.") from error


def _find(adapter: PosAdapter, **lookup: Any) -> RestaurantPosIntegration | None:
    return (
        RestaurantPosIntegration.objects.select_related("pos_provider", "restaurant")
        .filter(active=True, pos_provider__is_active=True, pos_provider__provider_name=adapter.slug, **lookup)
        .first()
    )


def _by_signature(
    adapter: PosAdapter, request: WebhookRequest, public_id: str | None
) -> RestaurantPosIntegration:
    """The integration whose secret signed the body, and whose restaurant the body names."""
    named = adapter.account_ref(request)
    lookup = {"pos_restaurant_id": named} if public_id is None else {"public_id": public_id}
    integration = _find(adapter, **lookup)
    secrets = valid_secrets(integration) if integration else []
    # Without a secret there is still one comparison, and it is still refused.
    fitting = adapter.verify(request, _texts(secrets))
    if integration is None or not secrets or integration.pos_restaurant_id != named:
        raise NotAuthentic
    _note_used(secrets[fitting][0])
    return integration


def _by_shared_secret(
    adapter: PosAdapter, request: WebhookRequest, public_id: str | None, token: str
) -> RestaurantPosIntegration:
    """The integration of the address, when the request brings one of its secrets where it was agreed."""
    integration = _find(adapter, public_id=public_id or "")
    secrets = valid_secrets(integration) if integration else []
    # Without opening secrets: one that cannot be read must not change what was agreed.
    proof = merged_values(integration)["webhook_proof"] if integration else "address"
    if proof == "signature":
        fitting = adapter.verify(request, _texts(secrets))
    elif proof == "header":
        header = request.headers.get("authorization", "")
        fitting = _matching(header.removeprefix("Bearer ").strip(), _texts(secrets))
    elif proof == "address":
        fitting = _matching(token, _texts(secrets))
    else:
        raise NotAuthentic  # somebody's SQL wrote a word that means nothing
    if integration is None or not secrets:
        raise NotAuthentic
    if integration.pos_restaurant_id != adapter.account_ref(request):
        raise NotAuthentic
    _note_used(secrets[fitting][0])
    return integration


def _texts(secrets: Sequence[tuple[int, str]]) -> list[str]:
    return [secret for _, secret in secrets] or [_NOBODYS_SECRET]


def _matching(given: str, secrets: Sequence[str]) -> int:
    """The index of the secret that `given` is; every one is compared, in constant time."""
    fits = [hmac.compare_digest(given.encode(), secret.encode()) for secret in secrets]
    if not any(fits):
        raise NotAuthentic
    return fits.index(True)


def _note_used(secret_id: int) -> None:
    now = timezone.now()
    seldom = Q(last_used_at=None) | Q(last_used_at__lt=now - _LAST_USED_EVERY)
    RestaurantWebhookSecret.objects.filter(seldom, pk=secret_id).update(last_used_at=now)


def _by_order_token(
    adapter: PosAdapter, request: WebhookRequest, public_id: str | None, token: str
) -> RestaurantPosIntegration:
    """The integration of the address, when the token belongs to the order that the body names."""
    reference, named = adapter.order_reference(request), adapter.account_ref(request)
    integration = _find(adapter, public_id=public_id or "")
    expected = callback_token(integration or RestaurantPosIntegration(public_id=""), reference)
    if not hmac.compare_digest(expected.encode(), token.encode()):
        raise NotAuthentic
    if integration is None or integration.pos_restaurant_id != named:
        raise NotAuthentic
    return integration
