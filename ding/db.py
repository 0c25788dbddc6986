"""What every app needs of the database, the same on SQLite and on MariaDB.

Whole-transaction retry, defaults that hold for plain SQL too, ids compared byte by byte, and the bulk
upsert whose statement count does not grow with the rows.
"""

from __future__ import annotations

import datetime as dt
import functools
import io
import json
import random
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from operator import itemgetter
from typing import Any, ParamSpec, TypeVar

from django.db import IntegrityError, OperationalError, connection, connections, models, transaction
from django.db.models import Func
from django.db.models.expressions import DatabaseDefault
from django.utils import timezone

P = ParamSpec("P")
T = TypeVar("T")

TRIES = 4
# MariaDB: deadlock, lock wait time-out. After either, only the whole transaction may be tried again:
# a lock wait time-out leaves the first half of it alive.
_LOCK_CONFLICTS = frozenset({1205, 1213})

# Half of what MariaDB takes at its default.
MAX_STATEMENT_BYTES = 8 * 1024 * 1024
MAX_STATEMENT_ROWS = 20_000


def transactional(function: Callable[P, T]) -> Callable[P, T]:
    """Run `function` in one transaction, tried again as a whole when it meets a deadlock.

    Inside another transaction it simply runs: then the outermost one is tried again. So `function` must
    do nothing that a rollback does not undo.
    """

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        if connection.in_atomic_block:
            return function(*args, **kwargs)
        for tries_left in reversed(range(TRIES)):
            try:
                with transaction.atomic():
                    return function(*args, **kwargs)
            except OperationalError as error:
                if not tries_left or not is_lock_conflict(error):
                    raise
                time.sleep(random.uniform(0, 0.05 * (TRIES - tries_left)))  # noqa: S311 - jitter
        raise AssertionError("unreachable")

    return wrapper


def is_lock_conflict(error: OperationalError) -> bool:
    """Whether another transaction was merely in the way."""
    code = error.args[0] if error.args else None
    return code in _LOCK_CONFLICTS or "database is locked" in str(error)


def is_duplicate(error: IntegrityError) -> bool:
    """Whether a unique key was there already, and not another rule broken: both raise the same class."""
    return bool(error.args) and (error.args[0] == 1062 or "UNIQUE constraint failed" in str(error))


class ExactCharField(models.CharField):
    """Text that identifies: compared byte by byte.

    MariaDB's default collation holds `AbC`, `aBc`, `Äbc` and `AbC ` equal; for an id that is a bug.
    """

    def db_parameters(self, connection: Any) -> dict[str, Any]:
        """Add the binary collation where the database has one by that name."""
        parameters = super().db_parameters(connection)
        if connection.vendor == "mysql":
            # Not `utf8mb4_bin`: that one pads with spaces and holds `AbC` and `AbC ` equal.
            parameters["collation"] = (
                "utf8mb4_nopad_bin" if connection.mysql_is_mariadb else "utf8mb4_0900_bin"
            )
        return parameters


class UtcNow(Func):
    """A column default: the database's clock in UTC, for rows that are inserted by plain SQL."""

    template = "UTC_TIMESTAMP(6)"
    output_field = models.DateTimeField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """SQLite's own word for it is always UTC."""
        return self.as_sql(compiler, connection, template="CURRENT_TIMESTAMP", **context)


def database_now() -> dt.datetime:
    """The database's clock: the one that all processes share. SQLite has none but the machine's."""
    if connection.vendor == "sqlite":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT UTC_TIMESTAMP(6)")
        now: dt.datetime = cursor.fetchone()[0]
    return now.replace(tzinfo=dt.UTC)


class RandomId(Func):
    """A column default: 32 hexadecimal digits that no other row has. Not a secret."""

    template = "REPLACE(UUID(), '-', '')"
    output_field = models.CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """SQLite has no `UUID`."""
        return self.as_sql(compiler, connection, template="lower(hex(randomblob(16)))", **context)


def upsert(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    key: Sequence[str],
    keep: Sequence[str] = (),
) -> None:
    """Insert `rows`; where the unique `key` is there already, update it in place (its id stays).

    `columns` are database columns; values are str, int, bool, None, Decimal, aware datetime, date or time,
    JSON as text. Columns in `keep` are written on insert only. One statement for some megabytes of rows.
    On MariaDB any unique key triggers the update, so `key` must be the only one beside the primary key.
    """
    quote = connection.ops.quote_name
    changing = [quote(column) for column in columns if column not in {*key, *keep}]
    table = quote(model._meta.db_table)
    if connection.vendor == "sqlite":
        updates = ", ".join(f"{name} = excluded.{name}" for name in changing)
        conflict = ", ".join(quote(column) for column in key)
        _insert(f"INSERT INTO {table}", columns, rows, f" ON CONFLICT ({conflict}) DO UPDATE SET {updates}")
    else:
        updates = ", ".join(f"{name} = VALUES({name})" for name in changing)
        _insert(f"INSERT INTO {table}", columns, rows, f" ON DUPLICATE KEY UPDATE {updates}")


def insert_rows(rows: Sequence[models.Model], *, ignore: bool = False, ids: Sequence[str] = ()) -> None:
    """Insert many rows of one model, in one statement for some megabytes of them.

    What `bulk_create` does, at a third of its cost. `ignore`: leave out what is there already. `ids`: learn the rows'
    ids; these attributes are a unique key of the rows, by which they are looked up where the database does not tell the
    ids of several (Oracle's MySQL).
    """
    if not rows:
        return
    quote = connection.ops.quote_name
    model, now = type(rows[0]), timezone.now()
    columns: list[Any] = [
        column
        for column in model._meta.concrete_fields
        if not isinstance(getattr(rows[0], column.attname), DatabaseDefault) or _is_stamped(column)
        if not (column.primary_key and rows[0].pk is None)
    ]
    for column in filter(_is_stamped, columns):
        for row in rows:
            setattr(row, column.attname, now)
    tells = bool(ids) and connection.features.can_return_rows_from_bulk_insert
    key: Any = model._meta.pk
    known: list[int] = []

    def learn(cursor: Any) -> None:
        if tells:
            known.extend(row[0] for row in cursor.fetchall())
        elif ids and len(rows) == 1:
            known.append(cursor.lastrowid)

    ignoring = "OR IGNORE " if connection.vendor == "sqlite" else "IGNORE "
    _insert(
        f"INSERT {ignoring if ignore else ''}INTO {quote(model._meta.db_table)}",
        [column.column for column in columns],
        map(_values_of(columns), rows),
        f" RETURNING {quote(key.column)}" if tells else "",
        learn,
    )
    if ids and not known:
        wanted = {f"{ids[0]}__in": {getattr(row, ids[0]) for row in rows}}
        found = model._default_manager.filter(**wanted).values_list("pk", *ids)
        by_key = {tuple(unique): pk for pk, *unique in found}
        known = [by_key[tuple(getattr(row, name) for name in ids)] for row in rows]
    for row, known_id in zip(rows, known, strict=False):
        row.pk = known_id
        row._state.adding, row._state.db = False, connection.alias


def _insert(
    into: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    ending: str,
    after: Callable[[Any], None] = lambda cursor: None,
) -> None:
    """Run `into` for these rows: one statement for some megabytes of them, and `after` after each.

    Row after row is written as the database reads it, so that beside the statement there is never more of it
    than one row: with a mark and a value for each, a menu takes three times as much.
    """
    names = ", ".join(connection.ops.quote_name(column) for column in columns)
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            # One JSON parameter: SQLite allows too few parameters for a statement of many rows.
            fields = ", ".join(f"json_extract(value, '$[{i}]')" for i in range(len(columns)))
            statement = f"{into} ({names}) SELECT {fields} FROM json_each(%s) WHERE true{ending}"  # noqa: S608
            for listed in _joined(_as_json(rows), b"[", b"]"):
                cursor.execute(statement, [listed.decode()])
                after(cursor)
        else:
            driver = connection.connection
            written = (as_sql(row, driver) for row in rows)
            for whole in _joined(written, f"{into} ({names}) VALUES ".encode(), ending.encode()):
                cursor.execute(whole)  # type: ignore[arg-type]
                after(cursor)


def _values_of(columns: Sequence[Any]) -> Callable[[models.Model], Sequence[Any]]:
    """How to read these columns off a row that was made here: nothing of it is still to be fetched."""
    take = itemgetter(*(column.attname for column in columns))
    json_at = [i for i, column in enumerate(columns) if isinstance(column, models.JSONField)]

    def values_of(row: models.Model) -> Sequence[Any]:
        values = list(take(row.__dict__))
        for i in json_at:
            values[i] = json.dumps(values[i])
        return values

    return values_of


def _is_stamped(column: Any) -> bool:
    return getattr(column, "auto_now", False) or getattr(column, "auto_now_add", False)


def update_rows(model: type[models.Model], rows: Sequence[models.Model], fields: Sequence[str]) -> None:
    """Write these `fields` of `rows`, each row its own values, in one statement for some megabytes of rows.

    What `bulk_update` does with a tree of CASE and WHEN per value, which costs a hundred times as much: here
    the values go as one JSON parameter that is joined by primary key. Values as for `upsert`.
    """
    if not rows:
        return
    quote = connection.ops.quote_name
    columns: list[Any] = [model._meta.get_field(name) for name in fields]
    key: Any = model._meta.pk
    table = quote(model._meta.db_table)
    values = ([row.pk, *(_column_value(row, column) for column in columns)] for row in rows)
    with connection.cursor() as cursor:
        for chunk in _joined(_as_json(values), b"[", b"]"):
            names = [(quote(column.column), f"c{i}") for i, column in enumerate(columns, 1)]
            if connection.vendor == "sqlite":
                fields_ = ", ".join(f"json_extract(value, '$[{i}]') AS c{i}" for i in range(len(columns) + 1))
                changes = ", ".join(f"{name} = v.{short}" for name, short in names)
                statement = (
                    f"UPDATE {table} SET {changes} FROM (SELECT {fields_} FROM json_each(%s)) v "  # noqa: S608
                    f"WHERE {table}.{quote(key.column)} = v.c0"
                )
            else:
                types = ", ".join(
                    f"c{i} {_json_type(column)} PATH '$[{i}]'" for i, column in enumerate([key, *columns])
                )
                changes = ", ".join(f"t.{name} = v.{short}" for name, short in names)
                # The values first, then each row by its key: never the other way round, through the whole table.
                statement = (
                    f"UPDATE JSON_TABLE(%s, '$[*]' COLUMNS({types})) v STRAIGHT_JOIN {table} t "  # noqa: S608
                    f"ON t.{quote(key.column)} = v.c0 SET {changes}"
                )
            cursor.execute(statement, [chunk.decode()])


def _column_value(row: models.Model, column: Any) -> Any:
    value = getattr(row, column.attname)
    return json.dumps(value) if isinstance(column, models.JSONField) else value


def _json_type(column: Any) -> str:
    if isinstance(column, models.JSONField):
        return "longtext"  # as `json` it would come out once more in quotes
    return str(column.db_type(connection)).removesuffix(" AUTO_INCREMENT").split(" CHECK")[0]


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, dt.datetime):
        return _plain_time(value)
    if isinstance(value, Decimal | dt.date | dt.time):
        return str(value)
    return value


@functools.lru_cache(64)
def _plain_time(value: dt.datetime) -> str:
    # As Django writes it: SQLite compares times as text.
    return str(value.astimezone(dt.UTC).replace(tzinfo=None))


# What stands for itself; most values do.
_PLAIN = frozenset({str, int, type(None)})


def _plain_row(row: Sequence[Any]) -> list[Any]:
    return [value if type(value) in _PLAIN else _plain(value) for value in row]


def as_sql(row: Sequence[Any], driver: Any) -> bytes:
    """The row as it stands in a statement; each text is quoted by the driver."""
    quoted = driver.string_literal
    return b"(%b)" % b",".join(
        [
            quoted(value.encode())
            if type(value) is str
            else b"%d" % value
            if type(value) is int
            else b"NULL"
            if value is None
            else quoted(plain.encode())
            if type(plain := _plain(value)) is str
            else driver.literal(plain)
            for value in row
        ]
    )


_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _as_json(rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    return (_to_json(_plain_row(row)).encode() for row in rows)


def _joined(rows: Iterable[bytes], begin: bytes, end: bytes) -> Iterator[bytes]:
    """The rows with commas between them, as many at a time as one statement may hold."""
    count, chunk = 0, io.BytesIO()
    for row in rows:
        if count and (chunk.tell() + len(row) > MAX_STATEMENT_BYTES or count == MAX_STATEMENT_ROWS):
            chunk.write(end)
            yield chunk.getvalue()
            count, chunk = 0, io.BytesIO()
        chunk.write(b"," if count else begin)
        chunk.write(row)
        count += 1
    if count:
        chunk.write(end)
        yield chunk.getvalue()


def raise_sqlite_parameter_limit(sender: Any, connection: Any, **kwargs: Any) -> None:
    """Use as many parameters per statement as this SQLite allows, so that bulk inserts stay one statement.

    Django 5.2 assumes 999, the limit of SQLite before 2020.
    """
    if connection.vendor == "sqlite":
        limit = connection.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
        connection.features.max_query_params = limit


# A connection that has answered a request within so many seconds is not asked first whether it still works.
TRUSTED_SECONDS = 1.0


def trust_recent_answer(**kwargs: Any) -> None:
    """At the beginning of a request: spare a round trip to a database that answered a moment ago.

    Should it have gone away within that moment, this one request fails, with the answer that says so.
    """
    used: Any = connections["default"]
    if used.connection is not None and time.monotonic() - getattr(used, "answered_at", 0) < TRUSTED_SECONDS:
        used.health_check_done = True


def note_answer(**kwargs: Any) -> None:
    """At the end of a request."""
    used: Any = connections["default"]
    if used.connection is not None and used.health_check_done and not used.errors_occurred:
        used.answered_at = time.monotonic()


@contextmanager
def one_request() -> Iterator[None]:
    """What Django does for a connection around each request, where there is no Django."""
    used: Any = connections["default"]
    if used.connection is not None:
        used.close_if_unusable_or_obsolete()
        trust_recent_answer()
    yield
    note_answer()
