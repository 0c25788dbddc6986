"""Making API keys and knowing them again."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from ding.models import ApiKey
from ding.plans import Plan
from menus.models import Restaurant

SCOPES = ("menu:read", "orders:read", "orders:write", "integrations:read", "integrations:write")

_SHAPE = re.compile(r"dk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
# Writing "last used" at each request would make every read a write.
_LAST_USED_EVERY = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls the API, and what they may see: `restaurant_ids` None means every restaurant."""

    name: str
    scopes: frozenset[str]
    restaurant_ids: frozenset[int] | None

    def sees(self, restaurant_id: int) -> bool:
        """Whether that restaurant is any of this caller's business."""
        return self.restaurant_ids is None or restaurant_id in self.restaurant_ids


@transaction.atomic
def create_api_key(
    *,
    client: str,
    scopes: Iterable[str],
    restaurants: Iterable[Restaurant] = (),
    all_restaurants: bool = False,
    expires_at: dt.datetime | None = None,
) -> str:
    """The new key, in the clear for this once."""
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        client=client,
        prefix=prefix,
        secret_sha256=_digest(secret),
        scopes=sorted(scopes),
        all_restaurants=all_restaurants,
        expires_at=expires_at,
    )
    key.restaurants.set(restaurants)
    return f"dk_{prefix}_{secret}"


_by_prefix = Plan(lambda prefix: ApiKey.objects.filter(prefix=prefix))


def _restaurants_of(key_id: int) -> frozenset[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT restaurant_id FROM ApiKeys_restaurants WHERE apikey_id = %s", (key_id,))
        return frozenset(row[0] for row in cursor.fetchall())


def caller_of(text: str) -> Caller | None:
    """Whose key this is; None for one that is unknown, expired or revoked."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    now = timezone.now()
    key = next(iter(_by_prefix(match[1])), None)
    if key is not None and (key.revoked_at or (key.expires_at and key.expires_at <= now)):
        key = None
    stored = key.secret_sha256 if key else _digest("")
    if not hmac.compare_digest(stored.encode(), _digest(match[2]).encode()) or key is None:
        return None
    if key.last_used_at is None or now - key.last_used_at > _LAST_USED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return Caller(
        name=key.client,
        scopes=frozenset(key.scopes),
        restaurant_ids=None if key.all_restaurants else _restaurants_of(key.pk),
    )


_MENU_READER = """
    SELECT k.secret_sha256, k.scopes, k.client, m.version, r.created_at, r.name, r.currency, r.timezone, r.accepting_orders
    FROM ApiKeys k, Menus m JOIN Restaurants r ON r.id = m.restaurant_id
    WHERE k.prefix = %s AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > %s)
    AND k.last_used_at > %s AND m.restaurant_id = %s AND m.version > 0
    AND (k.all_restaurants OR EXISTS (
        SELECT 1 FROM ApiKeys_restaurants seen WHERE seen.apikey_id = k.id AND seen.restaurant_id = r.id))
"""


def reader_of_menu(text: str, restaurant_id: int) -> tuple[str, int, str, str, str, str, bool] | None:
    """What the menu's tag is made of, when this key may read it: whose key it is, the version, the restaurant's facts.

    All that `caller_of` and the menu's view ask, in one statement. None in any other case, also when the key's
    last use has to be written down.
    """
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    with connection.cursor() as cursor:
        cursor.execute(_MENU_READER, (match[1], str(now), str(now - _LAST_USED_EVERY), restaurant_id))
        row = cursor.fetchone()
    if row is None or not hmac.compare_digest(row[0].encode(), _digest(match[2]).encode()):
        return None
    if "menu:read" not in json.loads(row[1]):
        return None
    client, version, created_at, name, currency, zone, accepting = row[2:]
    return client, version, str(created_at), name, currency, zone, bool(accepting)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
