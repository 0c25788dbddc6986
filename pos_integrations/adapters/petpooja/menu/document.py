"""PetPooja's menu document: parsed once, leniently, and read row by row.

One bad row costs that row and no more, and whatever is not used as it stands is a `MenuProblem`.

The strict parser that webhooks go through is not for menus: a key twice or one `NaN` in ten thousand items
would cost the restaurant its menu, and its floats would bend prices.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import ValidationError

from menus.snapshot import MenuProblem, OrderType
from pos_integrations.adapters.petpooja import values
from pos_integrations.adapters.petpooja.schema.row import Row
from pos_integrations.errors import MalformedPayload

# Other numbers occur ("0,1,2") and mean nothing to us.
ORDER_TYPES = {"1": OrderType.DELIVERY, "2": OrderType.PICKUP, "3": OrderType.DINE_IN}

MAX_DETAIL_DEPTH = 6
MAX_FOUND = 100
MAX_PROBLEMS = 1000

_ABSENT = object()

R = TypeVar("R", bound=Row)


def load(raw: bytes) -> dict[str, Any]:
    """The document in `raw`, numbers as `Decimal`.

    Raises:
        MalformedPayload: it is no JSON object.
    """
    try:
        content = parse(raw.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as error:
        raise MalformedPayload(f"The menu is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise MalformedPayload("The menu must be a JSON object.")
    return content


def parse(text: str) -> Any:
    """JSON, also inside one of its strings; nothing in it becomes a float.

    Raises:
        ValueError, RecursionError
    """
    return json.loads(text, parse_int=_number, parse_float=_number, parse_constant=str)


def _number(digits: str) -> Decimal | str:
    # What is no plain number stays text, and is reported where a number was wanted.
    try:
        value = Decimal(digits)
    except ArithmeticError:
        return digits
    plain = len(digits) <= values.MAX_DIGITS and abs(value.adjusted()) <= values.MAX_DIGITS
    return value if plain else digits


class Document:
    """One menu's content, and what of it could not be used."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self.problems: list[MenuProblem] = []

    def details(self) -> dict[str, Any]:
        """`restaurants[0].details`: who the menu is for, and the charges. Empty when there are none."""
        restaurants = self.content.get("restaurants")
        if isinstance(restaurants, dict) and "details" not in restaurants:
            restaurants = list(restaurants.values())
        first = restaurants[0] if isinstance(restaurants, list) and restaurants else restaurants
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

    def rows(self, model: type[R], raw: Iterable[Any], seen: set[str] | None = None) -> Iterator[R]:
        """The usable rows, each id once; `seen` holds the ids used elsewhere in the menu."""
        seen = set() if seen is None else seen
        for value in raw:
            external_id = values.hoped_text(value.get(model.id_field)) if isinstance(value, dict) else ""
            row = self.row(model, value, external_id)
            if row is None:
                continue
            if (key := getattr(row, model.id_field)) in seen:
                self.problem(model.kind, key, model.id_field, key, "left out (the id is there already)")
                continue
            seen.add(key)
            yield row

    def row(self, model: type[R], raw: Any, external_id: str, kind: str = "") -> R | None:
        """`raw` as a `model`; None when something essential in it cannot be used."""
        kind = kind or model.kind
        if not isinstance(raw, dict):
            self.problem(kind, external_id, "", raw, "left out (is not an object)")
            return None
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            bad = {str(part["loc"][0]): values.why(part) for part in error.errors(include_url=False)}
        lost = {field for field in bad if field in model.essential or model.model_fields[field].is_required()}
        for field, why in bad.items():
            done = "left out" if field in lost else "ignored"
            self.problem(kind, external_id, field, raw.get(field, _ABSENT), f"{done} ({why})")
        return None if lost else model.model_validate({key: raw[key] for key in raw if key not in bad})

    def refer(
        self, kind: str, external_id: str, field: str, ids: tuple[str, ...], known: Container[str]
    ) -> tuple[str, ...]:
        """Those of `ids` that are in the menu."""
        for missing in ids:
            if missing not in known:
                self.problem(kind, external_id, field, missing, "ignored (not in the menu)")
        return tuple(one for one in ids if one in known)

    def order_types(
        self, kind: str, external_id: str, field: str, ids: tuple[str, ...]
    ) -> tuple[OrderType, ...] | None:
        """Empty: all of them. None: only such as we do not know, which must not become "all"."""
        known = known_types(ids, ORDER_TYPES)
        if ids and not known:
            self.problem(kind, external_id, field, ",".join(ids), "switched off (no order type that we know)")
            return None
        return known

    def problem(self, kind: str, external_id: str, field: str, found: Any, done: str) -> None:
        """Something could not be used as it stands: where, what was `found`, what was `done`."""
        self.problems.append(MenuProblem(kind, external_id, field, _found(found), done))

    def reported(self) -> tuple[MenuProblem, ...]:
        """The problems, but not a hundred thousand of them."""
        more = len(self.problems) - MAX_PROBLEMS
        if more <= 0:
            return tuple(self.problems)
        rest = MenuProblem("menu", "", "", f"{more} more problems", "not listed")
        return (*self.problems[:MAX_PROBLEMS], rest)


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


def _found(value: Any) -> str:
    if value is _ABSENT:
        return "nothing"
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return values.clean(str(value))[:MAX_FOUND]
