"""PetPooja's menu document: parsed once, leniently, and read row by row.

One bad row costs that row and no more, and whatever is not used as it stands is a `MenuProblem`.

The strict parser that webhooks go through is not for menus: a key twice or one `NaN` in ten thousand items
would cost the restaurant its menu, and its floats would bend prices.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Iterator
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, TypeVar

from menus.snapshot import MenuProblem, OrderType
from pos_integrations.adapters.petpooja import values
from pos_integrations.adapters.petpooja.menu.stream import members
from pos_integrations.adapters.petpooja.schema import menu as schema
from pos_integrations.adapters.petpooja.schema.lenient import LenientRow, Spoilt, read, shown
from pos_integrations.errors import MalformedPayload

# Other numbers occur ("0,1,2") and mean nothing to us.
ORDER_TYPES = {"1": OrderType.DELIVERY, "2": OrderType.PICKUP, "3": OrderType.DINE_IN}

MAX_DETAIL_DEPTH = 6
MAX_PROBLEMS = 1000

# What is read row by row while the document is parsed.
ROWS: dict[str, Callable[[Any], Any]] = {
    "categories": partial(read, schema.Category),
    "items": partial(read, schema.Item),
    "addongroups": partial(read, schema.AddOnGroup),
}

L = TypeVar("L", bound=LenientRow)


def load(raw: bytes) -> dict[str, Any]:
    """The document in `raw`, numbers as `Decimal`; the lists in `ROWS` as rows that are read.

    Raises:
        MalformedPayload: it is no JSON object.
    """
    try:
        content = members(raw, _DECODER, ROWS)
    except (ValueError, RecursionError) as error:
        raise MalformedPayload(f"The menu is not valid JSON: {error}") from error
    if content is None:
        raise MalformedPayload("The menu must be a JSON object.")
    return content


def parse(text: str) -> Any:
    """JSON, also inside one of its strings; nothing in it becomes a float.

    Raises:
        ValueError, RecursionError
    """
    return _DECODER.decode(text)


def _number(digits: str) -> Decimal | str:
    # What is no plain number stays text, and is reported where a number was wanted.
    try:
        value = Decimal(digits)
    except ArithmeticError:
        return digits
    plain = len(digits) <= values.MAX_DIGITS and abs(value.adjusted()) <= values.MAX_DIGITS
    return value if plain else digits


_DECODER = json.JSONDecoder(parse_int=_number, parse_float=_number, parse_constant=str)


class Document:
    """One menu's content, and what of it could not be used."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self.problems: list[MenuProblem] = []

    def restaurants(self) -> list[Any]:
        """One, as far as anybody knows; a list, an object by their ids, or bare."""
        restaurants = self.content.get("restaurants")
        if isinstance(restaurants, dict):
            return [restaurants] if "details" in restaurants else list(restaurants.values())
        return restaurants if isinstance(restaurants, list) else []

    def details(self) -> dict[str, Any]:
        """`restaurants[0].details`: who the menu is for, and the charges. Empty when there are none."""
        restaurants = self.restaurants()
        first = restaurants[0] if restaurants else None
        found = first.get("details") if isinstance(first, dict) else None
        return found if isinstance(found, dict) else {}

    def listed(self, key: str, *, expected: bool = False) -> list[Any]:
        """A list at the top of the document; any may be missing in old payloads."""
        value = self.content.get(key)
        try:
            rows = values.rows(value)
        except ValueError as error:
            self.problem("menu", "", key, value, f"taken as empty ({error})")
            return []
        if expected and value is None:
            self.problem("menu", "", key, value, "taken as empty")
        return rows

    def rows(self, model: type[L], raw: Iterable[Any], seen: set[str] | None = None) -> Iterator[L]:
        """The usable rows, each id once; `seen` holds the ids used elsewhere in the menu."""
        seen = set() if seen is None else seen
        for value in raw:
            row = self.row(model, value)
            if row is None:
                continue
            if (key := getattr(row, model.id_field)) in seen:
                self.problem(model.kind, key, model.id_field, key, "left out (the id is there already)")
                continue
            seen.add(key)
            yield row

    def row(self, model: type[L], raw: Any, owner: str = "", kind: str = "") -> L | None:
        """`raw`, read already or not, as a `model`; None when something essential in it cannot be used.

        `owner`, `kind`: how a report names a row that has no id of its own.
        """
        row = raw if isinstance(raw, (model, Spoilt)) else read(model, raw)
        if not isinstance(row, Spoilt):
            return row
        for field, found, done in row.lines:
            self.problem(kind or model.kind, row.external_id or owner, field, found, done)
        left: L | None = row.row
        return left

    def refer(
        self, kind: str, external_id: str, field: str, ids: tuple[str, ...], known: Container[str]
    ) -> tuple[str, ...]:
        """Those of `ids` that are in the menu."""
        if all(one in known for one in ids):
            return ids
        for missing in ids:
            if missing not in known:
                self.problem(kind, external_id, field, missing, "ignored (not in the menu)")
        return tuple(one for one in ids if one in known)

    def order_types(
        self, kind: str, external_id: str, field: str, ids: tuple[str, ...]
    ) -> tuple[OrderType, ...] | None:
        """Empty: all of them. None: only such as we do not know, which must not become "all"."""
        known = _our_types(ids)
        if ids and not known:
            self.problem(kind, external_id, field, ",".join(ids), "switched off (no order type that we know)")
            return None
        return known

    def problem(self, kind: str, external_id: str, field: str, found: Any, done: str) -> None:
        """Something could not be used as it stands: where, what was `found`, what was `done`."""
        self.problems.append(MenuProblem(kind, external_id, field, shown(found), done))

    def reported(self) -> tuple[MenuProblem, ...]:
        """The problems, but not a hundred thousand of them."""
        more = len(self.problems) - MAX_PROBLEMS
        if more <= 0:
            return tuple(self.problems)
        rest = MenuProblem("menu", "", "", f"{more} more problems", "not listed")
        return (*self.problems[:MAX_PROBLEMS], rest)


@lru_cache(1024)
def _our_types(codes: tuple[str, ...]) -> tuple[OrderType, ...]:
    return known_types(codes, ORDER_TYPES)


def known_types(codes: Iterable[str], meanings: dict[str, OrderType]) -> tuple[OrderType, ...]:
    """The order types that we know among their `codes`."""
    return tuple(dict.fromkeys(meanings[code] for code in map(str.upper, codes) if code in meanings))


def plain(value: Any, depth: int = 0) -> Any:
    """`value` as JSON that any database takes; what lies too deep is cut off."""
    if isinstance(value, str):
        return values.clean(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict | list) and depth >= MAX_DETAIL_DEPTH:
        return None
    if isinstance(value, dict):
        return {values.clean(key): plain(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list):
        return [plain(part, depth + 1) for part in value]
    return value
