"""Making API keys and knowing them again."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from ding.models import ApiKey
from ding.plans import Plan
from ding.statements import fetch
from ding.together import Together
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


_by_prefix = Plan(lambda prefixes: ApiKey.objects.filter(prefix__in=prefixes))


@dataclass(frozen=True, slots=True)
class _Known:
    """A key as it is now, with its restaurants; None: every one."""

    key: ApiKey
    restaurant_ids: frozenset[int] | None


def _look_up(prefixes: Sequence[str]) -> list[_Known | None]:
    keys = {key.prefix: key for key in _by_prefix(set(prefixes))}
    bound = [str(key.pk) for key in keys.values() if not key.all_restaurants]
    seen: dict[int, set[int]] = defaultdict(set)
    if bound:
        listed = ", ".join(bound)
        statement = "SELECT apikey_id, restaurant_id FROM ApiKeys_restaurants WHERE apikey_id IN ({})"
        for key_id, restaurant_id in fetch(statement.format(listed)):
            seen[key_id].add(restaurant_id)
    known = {
        prefix: _Known(key, None if key.all_restaurants else frozenset(seen[key.pk]))
        for prefix, key in keys.items()
    }
    return [known.get(prefix) for prefix in prefixes]


# Asked anew for every request; requests of the same moment share the statement.
_known = Together(_look_up)


def caller_of(text: str) -> Caller | None:
    """Whose key this is; None for one that is unknown, expired or revoked."""
    parts = parts_of(text)
    if parts is None:
        return None
    now = timezone.now()
    known = _known(parts[0])
    key = known.key if known else None
    if key is not None and (key.revoked_at or (key.expires_at and key.expires_at <= now)):
        key = None
    stored = key.secret_sha256 if key else digest_of("")
    right = hmac.compare_digest(stored.encode(), digest_of(parts[1]).encode())
    if not right or key is None or known is None:
        return None
    if key.last_used_at is None or now - key.last_used_at > LAST_USED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return Caller(name=key.client, scopes=frozenset(key.scopes), restaurant_ids=known.restaurant_ids)


def parts_of(text: str) -> tuple[str, str] | None:
    """The prefix and the secret of what looks like a key."""
    match = _SHAPE.fullmatch(text)
    return (match[1], match[2]) if match else None


def digest_of(secret: str) -> str:
    """What of a secret is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()
