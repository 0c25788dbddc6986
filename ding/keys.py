"""Making API keys and knowing them again."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import re
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from ding.models import ApiKey
from ding.statements import fetch
from ding.together import A_MOMENT, Together
from menus.models import Restaurant

SCOPES = ("menu:read", "orders:read", "orders:write", "integrations:read", "integrations:write")

_SHAPE = re.compile(r"dk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
# Writing "last used" at each request would make every read a write.
LAST_USED_EVERY = dt.timedelta(minutes=1)


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
        secret_sha256=digest_of(secret),
        scopes=sorted(scopes),
        all_restaurants=all_restaurants,
        expires_at=expires_at,
    )
    key.restaurants.set(restaurants)
    return f"dk_{prefix}_{secret}"


@dataclass(frozen=True, slots=True)
class _Known:
    """A key that is good now, whoever brings it; `stale`: its last use has to be written down."""

    id: int
    secret_sha256: str
    stale: bool
    caller: Caller


# Its values are made here, of digits and such.
_STATEMENT = """
    SELECT k.prefix, k.id, k.secret_sha256, k.client, k.scopes, k.all_restaurants,
        k.last_used_at IS NULL OR k.last_used_at < '{used}', seen.restaurant_id
    FROM ApiKeys k LEFT JOIN ApiKeys_restaurants seen ON seen.apikey_id = k.id AND NOT k.all_restaurants
    WHERE k.prefix IN ({prefixes}) AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > '{now}')
"""


def _look_up(prefixes: Sequence[str]) -> list[_Known | None]:
    now = timezone.now().replace(tzinfo=None)
    listed = ",".join({f"'{prefix}'" for prefix in prefixes})
    rows: dict[str, Sequence[Any]] = {}
    seen: dict[str, set[int]] = defaultdict(set)
    for prefix, *row, restaurant_id in fetch(
        _STATEMENT.format(prefixes=listed, now=now, used=now - LAST_USED_EVERY)
    ):
        rows[prefix] = row
        if restaurant_id is not None:
            seen[prefix].add(restaurant_id)
    known = {
        prefix: _Known(
            pk,
            secret_sha256,
            bool(stale),
            Caller(client, frozenset(json.loads(scopes)), None if everywhere else frozenset(seen[prefix])),
        )
        for prefix, (pk, secret_sha256, client, scopes, everywhere, stale) in rows.items()
    }
    return [known.get(prefix) for prefix in prefixes]


# Asked anew for every request; requests of the same moment share the statement.
_known = Together(_look_up, A_MOMENT)


def caller_of(text: str) -> Caller | None:
    """Whose key this is; None for one that is unknown, expired or revoked."""
    parts = parts_of(text)
    if parts is None:
        return None
    known = _known(parts[0])
    stored = known.secret_sha256 if known else digest_of("")
    right = hmac.compare_digest(stored.encode(), digest_of(parts[1]).encode())
    if not right or known is None:
        return None
    if known.stale:
        ApiKey.objects.filter(pk=known.id).update(last_used_at=timezone.now())
    return known.caller


def parts_of(text: str) -> tuple[str, str] | None:
    """The prefix and the secret of what looks like a key."""
    match = _SHAPE.fullmatch(text)
    return (match[1], match[2]) if match else None


def digest_of(secret: str) -> str:
    """What of a secret is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()
