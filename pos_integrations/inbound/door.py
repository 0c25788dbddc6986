"""At the door: authenticate a request and store it, nothing more; when this returns, the row is committed.

At most one look-up (`configuration.recipients`) stands before the one INSERT. Whoever is unknown, switched off or signed
wrongly costs the same work and gets the same answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
from collections.abc import Iterator
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from ding.db import is_duplicate, transactional
from ding.errors import NotFound
from menus.models import Restaurant
from pos_integrations.adapters.base import PosAdapter, Topic, TopicAuth, TopicKind
from pos_integrations.adapters.registry import adapter_for
from pos_integrations.configuration import (
    ORDER_TOKEN,
    UNSIGNED,
    Recipient,
    callback_token,
    mode_at,
    note_used,
    recipient_at,
    recipient_named,
    scheme_named,
    schemes_of,
)
from pos_integrations.configuration.core_fields import NATIVE
from pos_integrations.errors import AnotherRestaurant, MalformedPayload, NotAuthentic
from pos_integrations.inbound import refusals
from pos_integrations.messages import Outcome, Reply, WebhookRequest
from pos_integrations.models import RefusedWebhook, WebhookLog, WebhookStatus
from pos_integrations.signatures import Proof, Scheme

logger = logging.getLogger(__name__)


# At the address that all restaurants share a body is parsed before its proof, and ten megabytes of `{},` would be
# hundreds in memory. Whole menus come to addresses of their own.
MOST_BYTES_SHARED = 256 * 1024


def max_bytes(provider_name: str, topic_name: str, public_id: str | None) -> int:
    """The largest body that this address takes; `public_id` None: the one that all share.

    Raises:
        NotFound: no such provider or topic.
    """
    most = topic_at(provider_name, topic_name)[1].max_bytes
    return most if public_id else min(most, MOST_BYTES_SHARED)


def receive(
    *,
    provider_name: str,
    topic_name: str,
    request: WebhookRequest,
    public_id: str | None = None,
    remote_address: str = "",
) -> Reply:
    """Authenticate and store one request; the answer in the POS's own words.

    Raises:
        NotFound: no such provider or topic.
        NotAuthentic: nobody we know sent this; nothing was stored.
        AnotherRestaurant: somebody we know speaks for somebody else; nothing was stored.
        MalformedPayload: not what this POS sends; nothing was stored.
    """
    adapter, topic = topic_at(provider_name, topic_name)
    try:
        if topic.auth is TopicAuth.ORDER_TOKEN:
            recipient, mode, event_id = *_by_order_token(adapter, request, public_id), ""
        else:
            recipient, mode, event_id = _by_scheme(adapter, topic, request, public_id)
        payload = _text(request.body)
    except MalformedPayload as error:
        if topic.auth is TopicAuth.SHARED_SECRET:
            # Whoever configured the address reads the POS's own words in its dashboard.
            return adapter.reply(topic, Outcome.REFUSED, error.message)
        raise
    _store(topic, recipient, payload, proof=mode, event_id=event_id, remote_address=remote_address)
    if topic.kind is TopicKind.EVENT:
        return adapter.reply(topic, Outcome.ACCEPTED)
    accepting = Restaurant.objects.filter(pk=recipient.restaurant_id, accepting_orders=True).exists()
    return adapter.reply(topic, Outcome.ACCEPTED, facts={"open": accepting})


def topic_at(provider_name: str, topic_name: str) -> tuple[PosAdapter, Topic]:
    """Whose address it is, and which.

    Raises:
        NotFound: no such provider or topic.
    """
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


# --- who is believed ------------------------------------------------------------------------------------


def _by_scheme(
    adapter: PosAdapter, topic: Topic, request: WebhookRequest, public_id: str | None
) -> tuple[Recipient, str, str]:
    """Whom the request is for, the mode that proved it, and the sender's id of the event.

    At an address of its own, nothing in the body is read before the proof. At the address that all restaurants share the
    body names the restaurant, and so the key: bounded and strictly parsed.
    """
    if public_id is None:
        if not any(scheme.is_brought(request) for scheme in schemes_of(adapter)):
            raise NotAuthentic  # not worth reading
        recipient = recipient_named(adapter, adapter.account_ref(request))
    else:
        recipient = recipient_at(adapter, public_id)
    mode = mode_at(topic, adapter, recipient.mode if recipient else NATIVE)
    with _counting(recipient, request):
        if recipient is not None and mode == UNSIGNED:
            if public_id is None:
                # Here anybody could name any restaurant; an address of its own has to be known at least.
                raise NotAuthentic
            event_id = ""
        else:
            event_id = _verified(adapter, mode, request, recipient).event_id
        if recipient is None:
            raise NotAuthentic
        if public_id is not None and adapter.account_ref(request) != recipient.external_id:
            raise AnotherRestaurant
    return recipient, mode, event_id


@contextlib.contextmanager
def _counting(recipient: Recipient | None, request: WebhookRequest) -> Iterator[None]:
    """What is refused in here is counted for whom it would have been; for nobody, at the same cost."""
    why = RefusedWebhook.Why
    integration_id = recipient.integration_id if recipient else 0
    try:
        yield
    except NotAuthentic:
        refusals.note(integration_id, request.topic, why.NOT_AUTHENTIC, request.received_at)
        raise
    except AnotherRestaurant:
        refusals.note(integration_id, request.topic, why.ANOTHER_RESTAURANT, request.received_at)
        raise


def _verified(adapter: PosAdapter, mode: str, request: WebhookRequest, recipient: Recipient | None) -> Proof:
    scheme = scheme_named(adapter, mode)
    if scheme is None:
        raise NotAuthentic  # somebody's SQL wrote a word that means nothing
    held = recipient.secrets_at(request.received_at) if recipient else []
    # Without a secret there is still one comparison, and it is still refused.
    proof = scheme.verify(request, [secret.text for secret in held] or [_nobodys_secret(scheme)])
    if not held:
        raise NotAuthentic
    note_used(held[proof.secret], request.received_at)
    return proof


_NOBODYS: dict[str, str] = {}


def _nobodys_secret(scheme: Scheme) -> str:
    """Of the right form, and known to nobody: made anew by each process."""
    return _NOBODYS.setdefault(scheme.name, scheme.new_secret())


def _by_order_token(
    adapter: PosAdapter, request: WebhookRequest, public_id: str | None
) -> tuple[Recipient, str]:
    """The integration of the address, when the token belongs to the order that the body names.

    The token is of that order and that address alone: a body that names no restaurant is believed, too.
    """
    reference, named = adapter.order_reference(request), ""
    with contextlib.suppress(MalformedPayload):
        named = adapter.account_ref(request)
    recipient = recipient_at(adapter, public_id or "")
    expected = callback_token(recipient or _NOBODY, reference)
    with _counting(recipient, request):
        if not hmac.compare_digest(expected.encode(), request.token.encode()) or recipient is None:
            raise NotAuthentic
        if named not in ("", recipient.external_id):
            raise AnotherRestaurant
    return recipient, ORDER_TOKEN


_NOBODY = Recipient(0, 0, 0, "", "", NATIVE, ())


# --- the row --------------------------------------------------------------------------------------------


def _store(
    topic: Topic, recipient: Recipient, payload: str, *, proof: str, event_id: str, remote_address: str
) -> None:
    """One INSERT, committed; an event whose id is known already is not taken again."""
    now = timezone.now()
    asked = topic.kind is TopicKind.QUERY
    values: dict[str, Any] = {
        "pos_provider_id": recipient.pos_provider_id,
        "integration_id": recipient.integration_id,
        "restaurant_id": recipient.restaurant_id,
        "webhook_type": topic.name,
        "payload": payload,
        # A question is answered here and now; it is only written down.
        "status": WebhookStatus.PROCESSED if asked else WebhookStatus.RECEIVED,
        "verdict": "answered" if asked else "",
        "next_attempt_at": None if asked else now,
        "processed_at": now if asked else None,
        "remote_address": remote_address,
        "proof": proof,
    }
    if not event_id:
        WebhookLog.objects.create(**values)
        return
    values["body_sha256"] = hashlib.sha256(payload.encode()).hexdigest()
    if not _insert_once(values, event_id):
        _keep_if_other(values, event_id)


@transactional
def _insert_once(values: dict[str, Any], event_id: str) -> bool:
    """Whether the id was new."""
    try:
        with transaction.atomic():
            WebhookLog.objects.create(**values, event_id=event_id)
    except IntegrityError as error:
        # Only a repeat may be answered as if it were stored; any other broken rule would be a lost webhook.
        if not is_duplicate(error):
            raise
        return False
    return True


def _keep_if_other(values: dict[str, Any], event_id: str) -> None:
    """The same id with another body: the first one counts, the second waits for a person."""
    first = WebhookLog.objects.filter(integration_id=values["integration_id"], event_id=event_id).first()
    if first is None or first.body_sha256 == values["body_sha256"]:
        return
    values |= {"status": WebhookStatus.PARKED, "verdict": "id_reused", "next_attempt_at": None}
    values["error_message"] = f"It has the id of webhook {first.pk} and another body; only that one counts."
    logger.warning("A webhook id came again with another body.", extra={"webhook": first.pk})
    # No sender's id begins like this; so this one is kept once, too.
    _insert_once(values, f"~{values['body_sha256'][:63]}")
