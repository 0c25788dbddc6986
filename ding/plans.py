"""Reads of the hot paths, compiled once: for a few rows Django's compiler takes longer than the database.

A `Plan` is a queryset written as a function of its values. It is compiled at its first use, and from then on only its
values change: the same SQL, the same converters, the same model instances.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import connection, models
from django.db.models.query import get_related_populators

M = TypeVar("M", bound=models.Model)

# Values that stand for values while compiling; no row has such an id.
_SENTINEL = -7_000_000_000_000_000


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    # For each parameter: which argument, which of its members (-1: itself), or None and the constant.
    slots: tuple[tuple[int | None, Any], ...]
    compiler: Any
    converters: Any
    first: int
    last: int
    names: list[str]
    populators: Any


class Plan(Generic[M]):
    """Call it with the values of `build`: ids, texts, or lists of ids. It gives a list of instances.

    `build` must use each value exactly as it gets it, without deciding anything by it.
    """

    def __init__(self, build: Callable[..., models.QuerySet[M]]) -> None:
        self._build = build
        # For all threads: nothing in it is bound to the connection that it was compiled for but its kind.
        self._plans: dict[Any, _Compiled] = {}

    def __call__(self, *values: Any) -> list[M]:
        """The rows now."""
        padded: list[Any] = [value if isinstance(value, int | str) else _padded(value) for value in values]
        if any(isinstance(value, list) and not value for value in padded):
            return []
        shape = (
            connection.vendor,
            tuple(len(value) if isinstance(value, list) else type(value) for value in padded),
        )
        compiled = self._plans.get(shape)
        if compiled is None:
            compiled = self._plans[shape] = self._compile(padded)
        parameters = [
            member if which is None else padded[which] if member < 0 else padded[which][member]
            for which, member in compiled.slots
        ]
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, parameters)
            rows: Iterable[Any] = cursor.fetchall()
        if compiled.converters:
            rows = compiled.compiler.apply_converters(rows, compiled.converters)
        return [self._instance(compiled, row) for row in rows]

    def _instance(self, compiled: _Compiled, row: Any) -> M:
        model: type[M] = compiled.compiler.klass_info["model"]
        found = model.from_db(connection.alias, compiled.names, row[compiled.first : compiled.last])
        for populator in compiled.populators:
            populator.populate(row, found)
        return found

    def _compile(self, values: list[Any]) -> _Compiled:
        stand_ins: list[Any] = []
        places: dict[Any, tuple[int, int]] = {}
        for which, value in enumerate(values):
            if isinstance(value, list):
                text = isinstance(value[0], str)
                members = [_stand_in(which, member, text) for member in range(len(value))]
                places.update({stand_in: (which, member) for member, stand_in in enumerate(members)})
                stand_ins.append(members)
            else:
                stand_in = _stand_in(which, 999_999, isinstance(value, str))
                places[stand_in] = (which, -1)
                stand_ins.append(stand_in)
        queryset = self._build(*stand_ins)
        compiler: Any = queryset.query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        select, info = compiler.select, compiler.klass_info
        first, last = info["select_fields"][0], info["select_fields"][-1] + 1
        return _Compiled(
            sql=sql,
            slots=tuple(places.get(parameter, (None, parameter)) for parameter in parameters),
            compiler=compiler,
            converters=compiler.get_converters([column[0] for column in select[: compiler.col_count]]),
            first=first,
            last=last,
            names=[column[0].target.attname for column in select[first:last]],
            populators=get_related_populators(info, select, connection.alias),  # type: ignore[call-arg]
        )


def as_read(row: models.Model, name: str, rows: list[Any]) -> None:
    """Let `row` know the rows of its relation `name`, much as `prefetch_related` leaves it: for those who only look at all."""
    row.__dict__.setdefault("_prefetched_objects_cache", {})[name] = rows


def _stand_in(which: int, member: int, text: bool) -> Any:
    number = _SENTINEL - which * 1_000_000 - member
    return str(number) if text else number


def _padded(values: Iterable[Any]) -> list[Any]:
    """As many as a power of two, the last one repeated: few shapes, and the same rows."""
    found = sorted(values)
    size = 1 << max(0, len(found) - 1).bit_length()
    return found + found[-1:] * (size - len(found)) if found else []
