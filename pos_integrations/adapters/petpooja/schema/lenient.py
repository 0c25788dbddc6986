"""Rows that are read leniently: what cannot be used in one is noted, and only what it cannot do without costs the row.

A menu has tens of thousands of them, so a row is a plain dataclass and each of its fields one function of `values`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any, ClassVar, TypeVar, get_type_hints

from pydantic import PlainValidator

from pos_integrations.adapters.petpooja import values
from pos_integrations.adapters.petpooja.values import Remembered

MAX_FOUND = 100


class LenientRow:
    """One object of theirs; what we do not know is ignored.

    `kind`, `id_field`: how a report names it. `essential`: without these, beside those without a default, it is
    of no use; any other field that cannot be read is taken as absent.
    """

    __slots__ = ()
    kind: ClassVar[str] = ""
    id_field: ClassVar[str] = ""
    essential: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def looked_at(cls, raw: dict[str, Any]) -> dict[str, Any]:
        """What of the object is read at all."""
        return raw


Reader = Callable[[Any], Any]
L = TypeVar("L", bound=LenientRow)


@dataclass(slots=True)
class Spoilt:
    """A row with something in it that cannot be used. `row`: what is left of it, None when that is of no use.

    `lines`: field, what was found, what was done.
    """

    row: Any
    external_id: str
    lines: list[tuple[str, str, str]]


def read(model: type[L], raw: Any) -> L | Spoilt:
    """`raw` as a `model`."""
    if not isinstance(raw, dict):
        return Spoilt(None, "", [("", shown(raw), "left out (is not an object)")])
    raw = model.looked_at(raw)
    readers, remembered, required = _fields(model)  # type: ignore[arg-type]
    found: dict[str, Any] = {}
    bad: dict[str, str] = {}
    for name, value in raw.items():
        try:
            # What `Remembered` does when called, without the call: most fields are texts that came before.
            if name in remembered and type(value) is str:
                found[name] = remembered[name][value]
            elif name in readers:
                found[name] = readers[name](value)
        except ValueError as error:
            bad[name] = str(error)
    if not bad and required <= found.keys():
        return model(**found)
    bad |= dict.fromkeys(required - found.keys() - bad.keys(), "is missing")
    lost = bad.keys() & (required | model.essential)
    lines = [
        (
            name,
            shown(raw[name]) if name in raw else "nothing",
            f"{'left out' if name in lost else 'ignored'} ({bad[name]})",
        )
        for name in readers
        if name in bad
    ]
    external_id = values.hoped_text(raw.get(model.id_field))
    return Spoilt(None if lost else model(**found), external_id, lines)


def rows_of(model: type[LenientRow]) -> PlainValidator:
    """The reader of a list of such rows; most are empty."""
    return PlainValidator(
        lambda value: [read(model, row) for row in values.rows(value)] if value != [] else ()
    )


def shown(value: Any) -> str:
    """`value` as a report shows it."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return values.clean(str(value))[:MAX_FOUND]


@cache
def _fields(model: Any) -> tuple[dict[str, Reader], dict[str, Remembered[Any]], frozenset[str]]:
    """The reader of each field, in their order; those that remember; and the fields that must be there."""
    hints = get_type_hints(model, include_extras=True)
    own = fields(model)
    readers = {one.name: _reader(hints[one.name]) for one in own}
    required = (one.name for one in own if one.default is MISSING and one.default_factory is MISSING)
    remembered = {name: reader for name, reader in readers.items() if isinstance(reader, Remembered)}
    return readers, remembered, frozenset(required)


def _reader(hint: Any) -> Reader:
    found: list[Any] = [
        part.func for part in getattr(hint, "__metadata__", ()) if isinstance(part, PlainValidator)
    ]
    return found[0] if found else _as_it_is


def _as_it_is(value: Any) -> Any:
    return value
