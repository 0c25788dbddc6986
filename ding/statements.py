"""Single statements for the paths that are asked most, on MariaDB without cursors, Django's and the driver's.

Those take half of what a small statement costs this process.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from django.db import connection, connections, models

from ding.db import as_sql


def fetch(statement: str) -> Sequence[Sequence[Any]]:
    """The rows of a statement without parameters."""
    # The connection itself: each look through Django's proxy costs as much as a row.
    used: Any = connections["default"]
    if _by_driver(used):
        with used.wrap_database_errors:
            rows: Sequence[Sequence[Any]] = _run(used, statement.encode()).store_result().fetch_row(0)
            return rows
    with used.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def insert_if(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[str | int]], condition: str
) -> bool:
    """Insert all `rows` where `condition` holds, else none of them; whether it did.

    One statement, which outside of a transaction commits by itself. `columns` are database columns, and what is not
    among them has a default in the database. `condition` is SQL of our own making.
    """
    used: Any = connections["default"]
    begin = _begin(model, tuple(columns))
    if _by_driver(used):
        with used.wrap_database_errors:
            used.ensure_connection()
            written = [as_sql(row, used.connection)[1:-1] for row in rows]
            done: int = _run(used, _insertion(begin, written, condition)).affected_rows()
    else:
        marks = [b", ".join([b"%s"] * len(columns))] * len(rows)
        with used.cursor() as cursor:
            values = [value for row in rows for value in row]
            cursor.execute(_insertion(begin, marks, condition).decode(), values)
            done = cursor.rowcount
    return done == len(rows)


@functools.cache
def _begin(model: type[models.Model], columns: tuple[str, ...]) -> tuple[bytes, bytes]:
    quote = connection.ops.quote_name
    into = f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(map(quote, columns))})"
    return into.encode(), ", ".join(f"c{i}" for i in range(len(columns))).encode()


def _insertion(begin: tuple[bytes, bytes], rows: list[bytes], condition: str) -> bytes:
    into, fields = begin
    if len(rows) == 1:
        # Of several the database makes a table first, which takes it longer than a row.
        return b"%b SELECT %b WHERE %b" % (into, rows[0], condition.encode())
    all_rows = b" UNION ALL SELECT ".join(rows)
    return b"%b WITH v (%b) AS (SELECT %b) SELECT * FROM v WHERE %b" % (
        into,
        fields,
        all_rows,
        condition.encode(),
    )


def _by_driver(used: Any) -> bool:
    return used.vendor == "mysql" and not used.queries_logged


def _run(used: Any, statement: bytes) -> Any:
    used.ensure_connection()
    driver = used.connection
    driver.query(statement)
    return driver
