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
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from django.db import Error, OperationalError, connection, transaction

from ding import breaker
from ding.together import Together
from pos_integrations.adapters.base import PosAdapter, Topic, TopicAuth, TopicKind
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
from pos_integrations.messages import Outcome, Reply, WebhookRequest

MOST_KEPT = 5_000
# A SELECT that gives the row if all is as it was, and its values.
_Row = tuple[str, list[Any]]
_LEARN_SECONDS = 5.0
# Each use of a secret is written down once a minute, and that is the door's work.
_LOOK_ANEW = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Known:
    """A recipient, and the columns it was made of as they stood in the database before."""

    provider_name: str
    recipient: Recipient
    own_config: str
    provider_config: str
    stored_secrets: dict[int, str]


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
) -> Reply | None:
    """Authenticate and store one request, committed; None: nothing was done, ask the door."""
    adapter = adapter_for(provider_name)
    topic = adapter.topic(topic_name) if adapter else None
    if adapter is None or topic is None or topic.kind is not TopicKind.EVENT:
        return None
    try:
        # As at the door: at an address of its own nothing in the body is read before the proof, and at the one that all
        # share nothing without a proof of any kind.
        if public_id is None and not any(scheme.is_brought(request) for scheme in schemes_of(adapter)):
            return None
        key = (adapter.slug, public_id or "", "" if public_id else adapter.account_ref(request))
        known = _kept.get(key)
        if known is None:
            return None
        if topic.auth is TopicAuth.ORDER_TOKEN:
            expected = callback_token(known.recipient, adapter.order_reference(request))
            if not hmac.compare_digest(expected.encode(), request.token.encode()):
                return None
            mode, secret = ORDER_TOKEN, None
        else:
            mode = mode_at(topic, adapter, known.recipient.mode)
            secret = _proven(adapter, mode, request, known.recipient)
            if secret is None:
                return None
        if public_id is not None and adapter.account_ref(request) != known.recipient.external_id:
            return None
        payload = request.body.decode()
    except (NotAuthentic, MalformedPayload, UnicodeDecodeError):
        return None
    if not _store(topic, known, payload, mode, secret, remote_address, request.received_at):
        with _lock:
            _kept.pop(key, None)
        return None
    return adapter.reply(topic, Outcome.ACCEPTED)


def learn(*, provider_name: str, request: WebhookRequest, public_id: str | None) -> None:
    """Keep what the door found out about the sender of a webhook that it has just taken.

    The columns are read first and the recipient after them: a change in between makes the condition fail, never
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
    columns = _columns(adapter.slug, public_id, named)
    found = recipient_at(adapter, public_id) if public_id else recipient_named(adapter, named)
    if columns is None or found is None or found.mode == UNSIGNED:
        return
    with _lock:
        _kept[key] = _Known(adapter.slug, found, *columns)
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)


def _columns(slug: str, public_id: str | None, named: str) -> tuple[str, str, dict[int, str]] | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.restaurant_specific_config, p.global_config, i.restaurant_id, p.id"
            " FROM restaurant_pos_integrations i JOIN pos_providers p ON p.id = i.pos_provider_id"
            " WHERE p.provider_name = %s AND (i.public_id = %s OR (%s AND i.pos_restaurant_id = %s))",
            (slug, public_id or "", not public_id, named),
        )
        row = cursor.fetchone()
        if row is None:
            return None
        cursor.execute(
            "SELECT id, secret_key FROM restaurant_webhook_secrets WHERE restaurant_id = %s AND pos_provider_id = %s",
            row[2:],
        )
        return row[0], row[1], dict(cursor.fetchall())


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


_INSERT = """
    INSERT INTO WebhookLogs (pos_provider_id, integration_id, restaurant_id, webhook_type, payload, status, verdict,
        error_message, order_ref, attempts, next_attempt_at, remote_address, proof, body_sha256, created_at)
"""
_SELECT = """
    SELECT p.id, i.id, i.restaurant_id, %s, %s, 'received', '', '', '', 0, %s, %s, %s, '', %s
    FROM restaurant_pos_integrations i JOIN pos_providers p ON p.id = i.pos_provider_id
    WHERE i.id = %s AND i.active AND p.is_active AND i.unsigned_since IS NULL AND i.restaurant_id = %s
    AND i.pos_restaurant_id = %s AND i.public_id = %s AND i.restaurant_specific_config = %s
    AND p.id = %s AND p.provider_name = %s AND p.global_config = %s
"""
_IF_SIGNED = """
    AND EXISTS (SELECT 1 FROM restaurant_webhook_secrets s WHERE s.id = %s AND s.is_active AND s.secret_key = %s
        AND (s.expires_at IS NULL OR s.expires_at > {now})
        AND s.restaurant_id = i.restaurant_id AND s.pos_provider_id = i.pos_provider_id)
"""


def _store(
    topic: Topic,
    known: _Known,
    payload: str,
    mode: str,
    secret: HeldSecret | None,
    remote_address: str,
    received_at: dt.datetime,
) -> bool:
    """Insert and commit it; whether all still was as it is kept."""
    now = str(received_at.replace(tzinfo=None))
    to = known.recipient
    values: list[Any] = [
        topic.name,
        payload,
        now,
        remote_address,
        mode,
        now,
        to.integration_id,
        to.restaurant_id,
    ]
    values += [to.external_id, to.public_id, known.own_config, to.pos_provider_id]
    values += [known.provider_name, known.provider_config]
    select = _SELECT
    if secret is not None:
        # Whether it has ended is for the database's own clock to say; SQLite's gives no fractions of a second.
        has_clock = connection.vendor != "sqlite"
        select += _IF_SIGNED.format(now="UTC_TIMESTAMP(6)" if has_clock else "%s")
        values += [secret.id, known.stored_secrets.get(secret.id, ""), *([] if has_clock else [now])]
    stored = _stored((select, values))
    if isinstance(stored, Error):
        raise stored
    return stored


class _SomeChanged(Exception):
    """Not all of several are as they were kept: each is to be stored alone."""


def _insert(webhooks: Sequence[_Row]) -> Sequence[bool | Error]:
    """Those that come together share one INSERT and one commit."""
    if breaker.is_shut():
        # Somebody has just waited for the database in vain, perhaps for us: wait no longer.
        return [OperationalError("The database did not answer a moment ago.")] * len(webhooks)
    began = breaker.moment()
    selects = " UNION ALL ".join(select for select, _ in webhooks)
    values = [value for _, values in webhooks for value in values]
    try:
        # One statement commits by itself.
        with transaction.atomic() if len(webhooks) > 1 else nullcontext(), connection.cursor() as cursor:
            cursor.execute(_INSERT + selects, values)
            if len(webhooks) == 1:
                return [cursor.rowcount == 1]
            if cursor.rowcount != len(webhooks):
                raise _SomeChanged
    except Error as error:
        breaker.note_failure(began)
        # For all of them: stored alone, one could be there twice when the commit's answer was lost.
        return [error] * len(webhooks)
    return [True] * len(webhooks)


_stored = Together(_insert)
