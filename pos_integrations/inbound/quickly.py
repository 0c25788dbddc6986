"""A webhook from somebody whose last one was taken a moment ago: one statement takes it, if all still is as it was.

What the door found out about a sender is kept in memory: the integration, its mode, its secrets opened. The INSERT of
the next webhook carries all of it as its condition. So a secret that was withdrawn, an integration that was switched
off, a configuration that changed, by whatever process or plain SQL, makes it insert nothing, and the door looks anew.
What is kept can only ever say yes; every no is the door's.
"""

from __future__ import annotations

import datetime as dt
import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from django.db import Error, OperationalError
from django.utils import timezone

from ding import breaker
from ding.db import one_request
from ding.statements import insert_if
from ding.together import A_MOMENT, Together
from pos_integrations.adapters.base import PosAdapter, TopicAuth, TopicKind
from pos_integrations.adapters.registry import adapter_for
from pos_integrations.configuration import (
    ORDER_TOKEN,
    UNSIGNED,
    Recipient,
    callback_token,
    mode_at,
    recipient_at,
    recipient_named,
    scheme_named,
    schemes_of,
)
from pos_integrations.configuration.webhook_secrets import HeldSecret
from pos_integrations.errors import MalformedPayload, NotAuthentic
from pos_integrations.inbound.door import topic_at
from pos_integrations.inbound.fingerprints import Row, all_as_they_were, integration_rows, secret_rows
from pos_integrations.messages import Outcome, Reply, WebhookRequest
from pos_integrations.models import WebhookLog

MOST_KEPT = 5_000
_LEARN_SECONDS = 5.0
# Each use of a secret is written down once a minute, and that is the door's work.
_LOOK_ANEW = dt.timedelta(minutes=1)


class Taken(Enum):
    """What became of a webhook here. Of those that one statement stored exactly one is the first: whose caller nudges."""

    NOT = auto()
    FIRST = auto()
    ALONG = auto()


@dataclass(frozen=True, slots=True)
class _Known:
    """A recipient, and the rows it was made of as they stood in the database before.

    `relied_on`: by the id of the secret that proves a webhook, None for one without.
    """

    recipient: Recipient
    relied_on: dict[int | None, tuple[Row, ...]]


_lock = threading.Lock()
_kept: OrderedDict[tuple[str, str, str], _Known] = OrderedDict()
_learned_at: OrderedDict[tuple[str, str, str], float] = OrderedDict()


def receive_again(
    *,
    provider_name: str,
    topic_name: str,
    request: WebhookRequest,
    public_id: str | None,
    remote_address: str,
) -> Taken:
    """Authenticate and store one request, committed; `NOT`: nothing was done, ask the door."""
    adapter = adapter_for(provider_name)
    topic = adapter.topic(topic_name) if adapter else None
    if adapter is None or topic is None or topic.kind is not TopicKind.EVENT:
        return Taken.NOT
    try:
        # As at the door: at an address of its own nothing in the body is read before the proof, and at the one that all
        # share nothing without a proof of any kind.
        if public_id is None and not any(scheme.is_brought(request) for scheme in schemes_of(adapter)):
            return Taken.NOT
        key = (adapter.slug, public_id or "", "" if public_id else adapter.account_ref(request))
        known = _kept.get(key)
        if known is None:
            return Taken.NOT
        if topic.auth is TopicAuth.ORDER_TOKEN:
            expected = callback_token(known.recipient, adapter.order_reference(request))
            if not hmac.compare_digest(expected.encode(), request.token.encode()):
                return Taken.NOT
            mode, secret = ORDER_TOKEN, None
        else:
            mode = mode_at(topic, adapter, known.recipient.mode)
            secret = _proven(adapter, mode, request, known.recipient)
            if secret is None:
                return Taken.NOT
        if public_id is not None and adapter.account_ref(request) != known.recipient.external_id:
            return Taken.NOT
        payload = request.body.decode()
    except (NotAuthentic, MalformedPayload, UnicodeDecodeError):
        return Taken.NOT
    to = known.recipient
    row = (to.pos_provider_id, to.integration_id, to.restaurant_id, topic.name, payload, remote_address, mode)
    # A secret that is not there has come since: it is the door's to look at.
    relied_on = known.relied_on.get(secret.id if secret else None)
    taken = _store(_Proven(row, relied_on)) if relied_on else Taken.NOT
    if taken is Taken.NOT:
        with _lock:
            _kept.pop(key, None)
    return taken


def reply_when_taken(provider_name: str, topic_name: str) -> Reply:
    """What the POS hears whose event was taken.

    Raises:
        NotFound: no such provider or topic.
    """
    adapter, topic = topic_at(provider_name, topic_name)
    return adapter.reply(topic, Outcome.ACCEPTED)


def learn(*, provider_name: str, request: WebhookRequest, public_id: str | None) -> None:
    """Keep what the door found out about the sender of a webhook that it has just taken.

    The rows' hashes are read first and the recipient after them: a change in between makes the condition fail, never
    the other way round.
    """
    adapter = adapter_for(provider_name)
    if adapter is None:
        return
    named = "" if public_id else adapter.account_ref(request)
    key = (adapter.slug, public_id or "", named)
    now = time.monotonic()
    with _lock:
        # Some are never kept: unsigned ones, or with an id for each event.
        if now - _learned_at.get(key, -_LEARN_SECONDS) < _LEARN_SECONDS:
            return
        _learned_at[key] = now
        while len(_learned_at) > MOST_KEPT:
            _learned_at.popitem(last=False)
    rows = integration_rows(adapter.slug, public_id, named)
    secrets = secret_rows(rows[0]) if rows else []
    found = recipient_at(adapter, public_id) if public_id else recipient_named(adapter, named)
    if rows is None or found is None or found.mode == UNSIGNED:
        return
    with _lock:
        _kept[key] = _Known(found, {None: rows, **{secret.id: (*rows, secret) for secret in secrets}})
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)


def forget_all() -> None:
    """For tests: a database begins anew with the same ids."""
    with _lock:
        _kept.clear()
        _learned_at.clear()


def _proven(
    adapter: PosAdapter, mode: str, request: WebhookRequest, recipient: Recipient
) -> HeldSecret | None:
    scheme = scheme_named(adapter, mode)
    held = recipient.secrets_at(request.received_at)
    if scheme is None or not held:
        return None
    proof = scheme.verify(request, [one.text for one in held])
    secret = held[proof.secret]
    # An id of the sender's own is to be taken once: the door knows how.
    fresh = secret.last_used_at is not None and secret.last_used_at > request.received_at - _LOOK_ANEW
    return secret if fresh and not proof.event_id else None


# Of a row that is only inserted; the rest has its default in the database.
_COLUMNS = (
    "pos_provider_id",
    "integration_id",
    "restaurant_id",
    "webhook_type",
    "payload",
    "remote_address",
    "proof",
)


class _Proven(NamedTuple):
    """A webhook that is to be stored: its row, and on whose being the same that depends."""

    row: tuple[str | int, ...]
    relied_on: tuple[Row, ...]


def _store(proven: _Proven) -> Taken:
    """Insert and commit it, if all still is as it is kept."""
    stored = _stored(proven)
    if isinstance(stored, Error):
        raise stored
    return stored


class _SomeChanged(Exception):
    """Not all of several are as they were kept: each is to be stored alone."""


def _insert(webhooks: Sequence[_Proven]) -> Sequence[Taken | Error]:
    """Those that come together share one INSERT and one commit."""
    if breaker.is_shut():
        # Somebody has just waited for the database in vain, perhaps for us: wait no longer.
        return [OperationalError("The database did not answer a moment ago.")] * len(webhooks)
    began = breaker.moment()
    same = all_as_they_were([row for webhook in webhooks for row in webhook.relied_on], timezone.now())
    try:
        with one_request():
            stored = insert_if(WebhookLog, _COLUMNS, [webhook.row for webhook in webhooks], same)
    except Error as error:
        breaker.note_failure(began)
        # For all of them: stored alone, one could be there twice when the commit's answer was lost.
        return [error] * len(webhooks)
    if not stored and len(webhooks) > 1:
        raise _SomeChanged
    return [Taken.FIRST if stored else Taken.NOT, *[Taken.ALONG] * (len(webhooks) - 1)]


_stored = Together(_insert, A_MOMENT)
