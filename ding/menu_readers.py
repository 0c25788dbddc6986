"""Who may read which menu, and the tag of what there is to read: asked anew for every request, in one statement.

The plain case of what `ding.keys.caller_of` and the menu's view ask. Requests of the same moment share the
statement, see `ding.together`.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import Error, OperationalError
from django.utils import timezone

from ding import breaker
from ding.db import one_request
from ding.keys import LAST_USED_EVERY, digest_of, parts_of
from ding.statements import fetch
from ding.together import A_MOMENT, Together
from menus.rendering import make_etag

# (a key's prefix, a restaurant's id)
_Pair = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Reader:
    secret_sha256: str
    client: str
    etag: str


# Joined, not `EXISTS`: that takes the database half as long again. Its values are made here, of digits and such.
_STATEMENT = """
    SELECT k.prefix, m.restaurant_id, k.secret_sha256, k.scopes, k.client, m.version, r.created_at, r.name, r.currency,
        r.timezone, r.accepting_orders
    FROM ApiKeys k JOIN Menus m JOIN Restaurants r ON r.id = m.restaurant_id
    LEFT JOIN ApiKeys_restaurants seen ON seen.apikey_id = k.id AND seen.restaurant_id = r.id
    WHERE k.prefix IN ({prefixes}) AND m.restaurant_id IN ({restaurants}) AND m.version > 0
    AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > '{now}') AND k.last_used_at > '{used}'
    AND (k.all_restaurants OR seen.id IS NOT NULL)
"""


def reader_of_menu(key: str, restaurant_id: int) -> tuple[str, str] | None:
    """Whose key it is and the menu's tag, when this key may read it.

    None in any other case, also when the key's last use has to be written down.
    """
    parts = parts_of(key)
    reader = _readers((parts[0], restaurant_id)) if parts else None
    if parts is None or reader is None:
        return None
    if not hmac.compare_digest(reader.secret_sha256.encode(), digest_of(parts[1]).encode()):
        return None
    return reader.client, reader.etag


def _ask(pairs: Sequence[_Pair]) -> list[_Reader | None]:
    if breaker.is_shut():
        # Somebody has just waited for the database in vain, perhaps for us: wait no longer.
        raise OperationalError("The database did not answer a moment ago.")
    now = timezone.now().replace(tzinfo=None)
    prefixes = ",".join({f"'{prefix}'" for prefix, _ in pairs})
    restaurants = ",".join({str(restaurant_id) for _, restaurant_id in pairs})
    statement = _STATEMENT.format(
        prefixes=prefixes, restaurants=restaurants, now=now, used=now - LAST_USED_EVERY
    )
    began = breaker.moment()
    try:
        with one_request():
            rows = fetch(statement)
    except Error:
        breaker.note_failure(began)
        raise
    found = {}
    # Also pairs that nobody asked for, when several keys and restaurants met.
    for prefix, restaurant_id, secret_sha256, scopes, client, version, created_at, *facts, accepting in rows:
        if "menu:read" in json.loads(scopes):
            etag = make_etag(restaurant_id, version, str(created_at), *facts, bool(accepting))
            found[prefix, restaurant_id] = _Reader(secret_sha256, client, etag)
    return [found.get(pair) for pair in pairs]


_readers = Together(_ask, A_MOMENT)
