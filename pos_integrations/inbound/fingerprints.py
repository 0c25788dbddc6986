"""What the door relied on when it believed a sender, as one hash for each row: taken when learnt, compared in an INSERT.

The database makes both, of the columns as they are stored, so nothing of a row has to be kept or sent to see whether
it is still the same.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable
from typing import NamedTuple

from django.db import connection


class _Kind(NamedTuple):
    """A table with its short name, the columns that matter as they are, and what else has to hold."""

    table: str
    columns: tuple[str, ...]
    good: str


_KINDS = {
    "integration": _Kind(
        "restaurant_pos_integrations i",
        (
            "i.id",
            "i.restaurant_id",
            "i.pos_provider_id",
            "i.public_id",
            "i.pos_restaurant_id",
            "i.restaurant_specific_config",
        ),
        "i.active AND i.unsigned_since IS NULL",
    ),
    "provider": _Kind("pos_providers p", ("p.id", "p.provider_name", "p.global_config"), "p.is_active"),
    "secret": _Kind(
        "restaurant_webhook_secrets s",
        ("s.id", "s.restaurant_id", "s.pos_provider_id", "s.secret_key"),
        "s.is_active AND (s.expires_at IS NULL OR s.expires_at > {now})",
    ),
}


class Row(NamedTuple):
    """A row of one of these kinds: its id and its hash."""

    kind: str
    id: int
    hash: str


def integration_rows(slug: str, public_id: str | None, named: str) -> tuple[Row, Row] | None:
    """The integration at an address of its own, or the one of that id at the POS; and its provider."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT i.id, {_hash('integration')}, p.id, {_hash('provider')}"  # noqa: S608
            " FROM restaurant_pos_integrations i JOIN pos_providers p ON p.id = i.pos_provider_id"
            " WHERE p.provider_name = %s AND (i.public_id = %s OR (%s AND i.pos_restaurant_id = %s))",
            (slug, public_id or "", not public_id, named),
        )
        row = cursor.fetchone()
    return (Row("integration", *row[:2]), Row("provider", *row[2:])) if row else None


def secret_rows(integration: Row) -> list[Row]:
    """The webhook secrets of an integration, good or ended."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT s.id, {_hash('secret')} FROM restaurant_webhook_secrets s"  # noqa: S608
            " JOIN restaurant_pos_integrations i"
            " ON i.restaurant_id = s.restaurant_id AND i.pos_provider_id = s.pos_provider_id WHERE i.id = %s",
            (integration.id,),
        )
        return [Row("secret", *row) for row in cursor.fetchall()]


def all_as_they_were(rows: Iterable[Row], now: dt.datetime) -> str:
    """A condition in SQL: each of these rows is still the same, switched on, and no secret has ended.

    Its size grows by the rows that differ, not by how often they are named. A SELECT for each table: of a join the
    database may think that all integrations of a provider are the way to eight of them.
    """
    # Whether one has ended is for the database's own clock to say; SQLite's gives no fractions of a second.
    clock = f"'{now.replace(tzinfo=None)}'" if connection.vendor == "sqlite" else "UTC_TIMESTAMP(6)"
    of_kind: dict[str, set[Row]] = {}
    for row in rows:
        of_kind.setdefault(row.kind, set()).add(row)
    return " AND ".join([_all(kind, found).format(now=clock) for kind, found in of_kind.items()])


def _all(kind: str, rows: set[Row]) -> str:
    table, columns, good = _KINDS[kind]
    ids = ", ".join([str(row.id) for row in rows])
    hashes = ", ".join([f"'{row.hash}'" for row in rows])
    same = f"{columns[0]} IN ({ids}) AND {_hash(kind)} IN ({hashes})"
    return f"{len(rows)} = (SELECT COUNT(*) FROM {table} WHERE {same} AND {good})"  # noqa: S608


@functools.cache
def _hash(kind: str) -> str:
    columns = _KINDS[kind].columns
    # Between them a character that no JSON and no id of ours has: two rows never make one text.
    if connection.vendor == "sqlite":
        return f"SHA256({' || char(31) || '.join(columns)})"
    return f"SHA2(CONCAT_WS(CAST(CHAR(31) AS BINARY), {', '.join(columns)}), 256)"
