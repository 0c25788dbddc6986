"""Single statements for the paths that are asked most, on MariaDB without cursors, Django's and the driver's.

Those take half of what a small statement costs this process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection, models

from ding.db import as_sql


def fetch(statement: str) -> Sequence[Sequence[Any]]:
    """The rows of a statement without parameters."""
    if _by_driver():
        with connection.wrap_database_errors:
            rows: Sequence[Sequence[Any]] = _run(statement.encode()).store_result().fetch_row(0)
            return rows
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def insert_if(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[str | int]], condition: str
) -> bool:
    """Insert all `rows` where `condition` holds, else none of them; whether it did.

    One statement, which outside of a transaction commits by itself. `columns` are database columns, and what is not
    among them has a default in the database. `condition` is SQL of our own making.
    """
    quote = connection.ops.quote_name
    names = ", ".join(map(quote, columns))
    fields = ", ".join(f"c{i}" for i in range(len(columns)))
    begin = f"INSERT INTO {quote(model._meta.db_table)} ({names}) WITH v ({fields}) AS (VALUES "
    end = f") SELECT * FROM v WHERE {condition}"  # noqa: S608
    if _by_driver():
        with connection.wrap_database_errors:
            connection.ensure_connection()
            written = b",".join([as_sql(row, connection.connection) for row in rows])
            done: int = _run(b"%b%b%b" % (begin.encode(), written, end.encode())).affected_rows()
    else:
        marks = ", ".join([f"({', '.join(['%s'] * len(columns))})"] * len(rows))
        with connection.cursor() as cursor:
            cursor.execute(begin + marks + end, [value for row in rows for value in row])
            done = cursor.rowcount
    return done == len(rows)


def _by_driver() -> bool:
    return connection.vendor == "mysql" and not connection.queries_logged


def _run(statement: bytes) -> Any:
    connection.ensure_connection()
    driver = connection.connection
    driver.query(statement)
    return driver
