"""The secrets with which a POS proves itself: several at once during a rotation, each ending by itself."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from ding import audit
from ding.db import transactional
from pos_integrations.configuration.modes import scheme_of_secrets
from pos_integrations.fields import PREFIX, Unreadable
from pos_integrations.models import RestaurantPosIntegration, RestaurantWebhookSecret

OVERLAP = dt.timedelta(hours=24)
MOST_ACTIVE_SECRETS = 3


def check_secret(secret: str, integration: RestaurantPosIntegration) -> dict[str, Any] | None:
    """What is wrong with a webhook secret that somebody brings, if anything: its rule and a message."""
    problem = scheme_of_secrets(integration).problem_with(secret)
    if secret.startswith(PREFIX):
        problem = "Give it in the clear; it is sealed when it is saved."
    if problem:
        return {"rule": "secret", "message": problem}
    same = RestaurantWebhookSecret.objects.filter(fingerprint=_fingerprint(secret))
    if same.exclude(
        restaurant_id=integration.restaurant_id, pos_provider_id=integration.pos_provider_id
    ).exists():
        return {"rule": "reused", "message": "Another restaurant has this secret. Each needs one of its own."}
    return None


def _fingerprint(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret in the clear, for this once, the id of its row, and until when the old ones are still good."""

    secret: str
    old_valid_until: dt.datetime | None
    id: int


@transactional
def rotate_secret(integration: RestaurantPosIntegration, *, overlap: dt.timedelta = OVERLAP) -> NewSecret:
    """A new webhook secret beside the old ones, which end after `overlap`."""
    return add_webhook_secret(integration, scheme_of_secrets(integration).new_secret(), overlap=overlap)


@transactional
def add_webhook_secret(
    integration: RestaurantPosIntegration, secret: str, *, overlap: dt.timedelta = OVERLAP
) -> NewSecret:
    """Make `secret` valid from now on. At most `MOST_ACTIVE_SECRETS` stay valid: the oldest end at once.

    One that is valid already stays as it is; one that was about to end begins anew.
    """
    now = timezone.now()
    until = now + overlap
    mine = RestaurantWebhookSecret.objects.select_for_update().filter(
        restaurant=integration.restaurant, pos_provider=integration.pos_provider
    )
    valid = list(mine.valid(now).order_by("-pk"))
    same = [row for row in valid if _opened(row) == secret]
    if lasting := next((row for row in same if row.expires_at is None), None):
        return NewSecret(secret, None, lasting.pk)
    valid = [row for row in valid if row not in same]
    kept = [row.pk for row in valid[: MOST_ACTIVE_SECRETS - 1]]
    ending = mine.filter(pk__in=kept).filter(Q(expires_at=None) | Q(expires_at__gt=until))
    ending.update(expires_at=until, updated_at=now)
    mine.filter(is_active=True).exclude(pk__in=kept).update(is_active=False, updated_at=now)
    row = RestaurantWebhookSecret.objects.create(
        restaurant=integration.restaurant,
        pos_provider=integration.pos_provider,
        secret_key=secret,
        fingerprint=_fingerprint(secret),
    )
    audit.record("made", row)
    return NewSecret(secret, until if kept else None, row.pk)


def end_secrets(rows: QuerySet[RestaurantWebhookSecret]) -> int:
    """From now on these webhook secrets sign nothing any more; how many did until now."""
    return rows.filter(is_active=True).update(is_active=False, updated_at=timezone.now())


@dataclass(frozen=True, slots=True)
class HeldSecret:
    """A webhook secret in the clear, for checking what comes in; `repr` hides it."""

    id: int
    text: str = field(repr=False)
    expires_at: dt.datetime | None
    last_used_at: dt.datetime | None


def held_secrets(integration: RestaurantPosIntegration) -> list[HeldSecret]:
    """Each secret that may sign now, the newest first. One that cannot be read is not valid."""
    rows = RestaurantWebhookSecret.objects.valid(timezone.now()).filter(
        restaurant_id=integration.restaurant_id, pos_provider_id=integration.pos_provider_id
    )
    return [
        HeldSecret(row.pk, secret, row.expires_at, row.last_used_at)
        for row in rows.order_by("-pk")
        if (secret := _opened(row))
    ]


def valid_secrets(integration: RestaurantPosIntegration) -> list[tuple[int, str]]:
    """(row id, secret) of each secret that may sign now."""
    return [(held.id, held.text) for held in held_secrets(integration)]


def secret_problem(integration: RestaurantPosIntegration) -> str:
    """Why no webhook of this integration can be authentic now, in words; empty when one can."""
    valid = held_secrets(integration)
    if not valid:
        return "There is no valid webhook secret, so every webhook is refused: rotate the secret."
    scheme = scheme_of_secrets(integration)
    if all(scheme.problem_with(held.text) for held in valid):
        return f"No webhook secret has the form that {scheme.name} wants, so every webhook is refused: rotate the secret."
    return ""


def _opened(row: RestaurantWebhookSecret) -> str:
    try:
        secret: Any = row.secret_key
        return secret.open(row.sealing_context()) if secret else ""
    except Unreadable:
        return ""
