"""What the door relied on when it believed a sender, as one hash for each row: taken when learnt, compared in an INSERT.

The database makes both, of the columns as they are stored, so nothing of a row has to be kept or sent to see whether
it is still the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

from django.db import connection

_INTEGRATION = (
    "i.id",
    "i.restaurant_id",
    "i.public_id",
    "i.pos_restaurant_id",
    "i.restaurant_specific_config",
    "p.id",
    "p.provider_name",
    "p.global_config",
)
_SECRET = ("s.id", "s.restaurant_id", "s.pos_provider_id", "s.secret_key")
_PROVIDED = "FROM restaurant_pos_integrations i JOIN pos_providers p ON p.id = i.pos_provider_id"


class Row(NamedTuple):
    """A row's id and its hash."""

    id: int
    hash: str


def integration_row(slug: str, public_id: str | None, named: str) -> Row | None:
    """The integration at an address of its own, or the one of that id at the POS, together with its provider."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT i.id, {_hash(_INTEGRATION)} {_PROVIDED}"  # noqa: S608
            " WHERE p.provider_name = %s AND (i.public_id = %s OR (%s AND i.pos_restaurant_id = %s))",
            (slug, public_id or "", not public_id, named),
        )
        row = cursor.fetchone()
    return Row(*row) if row else None


def secret_rows(integration_id: int) -> dict[int, Row]:
    """The webhook secrets of an integration by id, good or ended."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT s.id, {_hash(_SECRET)} FROM restaurant_webhook_secrets s"  # noqa: S608
            " JOIN restaurant_pos_integrations i"
            " ON i.restaurant_id = s.restaurant_id AND i.pos_provider_id = s.pos_provider_id WHERE i.id = %s",
            (integration_id,),
        )
        return {row[0]: Row(*row) for row in cursor.fetchall()}


def all_as_they_were(integrations: Iterable[Row], secrets: Iterable[Row], now: dt.datetime) -> str:
    """A condition in SQL: each of these rows is still the same, switched on, and no secret has ended.

    Its size grows by the rows that differ, not by how often they are named.
    """
    # Whether one has ended is for the database's own clock to say; SQLite's gives no fractions of a second.
    clock = f"'{now.replace(tzinfo=None)}'" if connection.vendor == "sqlite" else "UTC_TIMESTAMP(6)"
    good = [
        _all(
            set(integrations),
            f"{_PROVIDED} WHERE i.active AND p.is_active AND i.unsigned_since IS NULL",
            "i.id",
            _INTEGRATION,
        )
    ]
    if relied := set(secrets):
        valid = f"s.is_active AND (s.expires_at IS NULL OR s.expires_at > {clock})"
        good.append(_all(relied, f"FROM restaurant_webhook_secrets s WHERE {valid}", "s.id", _SECRET))
    return " AND ".join(good)


def _all(rows: set[Row], found: str, key: str, columns: tuple[str, ...]) -> str:
    ids = ", ".join([str(row.id) for row in rows])
    hashes = ", ".join([f"'{row.hash}'" for row in rows])
    same = f"{key} IN ({ids}) AND {_hash(columns)} IN ({hashes})"
    return f"{len(rows)} = (SELECT COUNT(*) {found} AND {same})"  # noqa: S608


def _hash(columns: tuple[str, ...]) -> str:
    # Between them a character that no JSON and no id of ours has: two rows never make one text.
    if connection.vendor == "sqlite":
        return f"SHA256({' || char(31) || '.join(columns)})"
    return f"SHA2(CONCAT_WS(CAST(CHAR(31) AS BINARY), {', '.join(columns)}), 256)"
