"""What a POS's menu would change, for people: per dish and field, old and new in words.

It reads and compares whole rows and trusts no hash, so what it shows is what a sync would write.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from menus.images import source_of
from menus.models import (
    AddOnGroup,
    AddOnItem,
    Category,
    Discount,
    Item,
    Menu,
    MenuRow,
    Restaurant,
    Tax,
    Variation,
)
from menus.serialization import charges_as_json
from menus.services.columns import (
    addon_item_values,
    category_values,
    discount_values,
    item_values,
    tax_values,
    variation_values,
)
from menus.services.wording import LABELS, in_words
from menus.snapshot import MenuSnapshot

ADDED, CHANGED, GONE = "added", "changed", "gone"


@dataclass(slots=True)
class Change:
    """One row that a menu would add, change or take away; a dish with its sizes, a group with its add-ons.

    `kind` is a key of `menus.services.leaving.UNITS`, or "menu" for the charges. `fields`: label, old, new;
    an empty old or new: there is none.
    """

    kind: str
    external_id: str
    name: str
    what: str
    where: str = ""
    fields: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """Tells this change from any other."""
        text = json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def digest_of(changes: Iterable[Change]) -> str:
    """Tells what was seen from anything else that could have been."""
    return hashlib.blake2b("".join(change.digest for change in changes).encode(), digest_size=16).hexdigest()


def compare_menu(*, restaurant: Restaurant, menu: MenuSnapshot) -> list[Change]:
    """What applying `menu` would change, dish by dish, in the menu's order; what is left counts too.

    As many statements for a large menu as for a small one.
    """
    compare = _Comparison(restaurant.pk)
    words = _Words(restaurant.pk, menu)
    changes: list[Change] = []
    headings = {category.external_id for category in menu.categories}
    row = Menu.objects.filter(pk=restaurant.pk).first() or Menu()
    charges = _fields(row.charges, charges_as_json(menu.charges), words)
    if charges:
        changes.append(
            Change("menu", "", "Charges and times", CHANGED if row.charges else ADDED, "", charges)
        )
    changes += compare.rows("categories", Category, menu.categories, category_values, words)
    changes += compare.rows(
        "items",
        Item,
        menu.items,
        # A dish whose heading is not on the menu stands under none.
        lambda item: {
            **item_values(item),
            "category": item.category_id if item.category_id in headings else "",
        },
        words,
        where=lambda facts: words.heading(facts.get("category")),
        parts=(
            Variation,
            "size",
            [(item.external_id, part) for item in menu.items for part in item.variations],
            variation_values,
        ),
    )
    changes += compare.rows(
        "addon_groups",
        AddOnGroup,
        menu.addon_groups,
        lambda group: {},
        words,
        parts=(
            AddOnItem,
            "add-on",
            [(group.external_id, part) for group in menu.addon_groups for part in group.items],
            addon_item_values,
        ),
    )
    changes += compare.rows("taxes", Tax, menu.taxes, tax_values, words)
    changes += compare.rows("discounts", Discount, menu.discounts, discount_values, words)
    return changes


class _Words:
    """Names for the ids in a menu's rows."""

    def __init__(self, restaurant_id: int, menu: MenuSnapshot) -> None:
        self.names: dict[str, dict[str, str]] = {}
        for kind, model, snapshots in (
            ("category", Category, menu.categories),
            ("group", AddOnGroup, menu.addon_groups),
            ("tax", Tax, menu.taxes),
        ):
            rows = model._default_manager.filter(restaurant_id=restaurant_id)
            self.names[kind] = dict(rows.values_list("external_id", "name"))
            self.names[kind].update((row.external_id, row.name) for row in snapshots)

    def heading(self, external_id: Any) -> str:
        """The name of a heading."""
        return self.names["category"].get(external_id or "", "")

    def __call__(self, column: str, value: Any) -> str:
        return in_words(column, value, self.names)


Parts = tuple[type[MenuRow], str, list[tuple[str, Any]], Callable[[Any], dict[str, Any]]]


class _Comparison:
    def __init__(self, restaurant_id: int) -> None:
        self.restaurant_id = restaurant_id

    def rows(
        self,
        kind: str,
        model: type[MenuRow],
        snapshots: Iterable[Any],
        values_of: Callable[[Any], dict[str, Any]],
        words: _Words,
        *,
        where: Callable[[Mapping[str, Any]], str] = lambda facts: "",
        parts: Parts | None = None,
    ) -> list[Change]:
        """The changes to one table, and to the parts of its rows."""
        old = self._old(model)
        new = {snapshot.external_id: _new(snapshot, values_of) for snapshot in snapshots}
        of_parts = self._parts(*parts, words=words) if parts else {}
        changes = []
        for external_id, facts in new.items():
            before = old.get(external_id)
            own = of_parts.get(external_id, [])
            if before is None or not before["content_hash"] and not before["active"]:
                fields = _of_new(facts, words, in_sizes=bool(own))
                changes.append(Change(kind, external_id, facts["name"], ADDED, where(facts), fields + own))
            elif fields := _fields(before, facts, words) + own:
                changes.append(Change(kind, external_id, facts["name"], CHANGED, where(facts), fields))
        for external_id, before in old.items():
            if external_id not in new and (before["content_hash"] or before["active"]):
                name = str(before["name"])
                changes.append(Change(kind, external_id, name, GONE, where(before)))
        return changes

    def _parts(
        self,
        model: type[MenuRow],
        word: str,
        snapshots: list[tuple[str, Any]],
        values_of: Callable[[Any], dict[str, Any]],
        *,
        words: _Words,
    ) -> dict[str, list[tuple[str, str, str]]]:
        """Lines about sizes or add-ons, by the external id of what they belong to."""
        old = self._old(model)
        lines: dict[str, list[tuple[str, str, str]]] = {}
        seen = set()
        for parent, snapshot in snapshots:
            facts = _new(snapshot, values_of)
            seen.add(snapshot.external_id)
            name, price = f"{word} {snapshot.name}", words("price", facts["price"])
            before = old.get(snapshot.external_id)
            mine = lines.setdefault(parent, [])
            if before is None or not before["content_hash"] and not before["active"]:
                mine.append((name, "", price))
                continue
            if before["parent"] != parent:
                mine.append((name, "elsewhere", price))
            fields = _fields(before, facts, words)
            mine += [(f"{name}: {label.lower()}", was, now) for label, was, now in fields]
        for external_id, before in old.items():
            if external_id not in seen and (before["content_hash"] or before["active"]):
                gone = (f"{word} {before['name']}", words("price", before["price"]), "")
                lines.setdefault(str(before["parent"]), []).append(gone)
        return {parent: found for parent, found in lines.items() if found}

    def _old(self, model: type[MenuRow]) -> dict[str, dict[str, Any]]:
        parents: dict[type[MenuRow], str] = {Item: "category", Variation: "item", AddOnItem: "group"}
        columns = [column.attname for column in model._meta.concrete_fields]
        rows = model._default_manager.filter(restaurant_id=self.restaurant_id).order_by("rank", "pk")
        if model in parents:
            columns.append(f"{parents[model]}__external_id")
        found = {}
        for row in rows.values(*columns):
            if model in parents:
                parent = row.pop(f"{parents[model]}__external_id")
                row["category" if model is Item else "parent"] = parent or ""
            found[row["external_id"]] = row
        return found


_TELLING = {
    LABELS[name]
    for name in (
        "price",
        "description",
        "diet",
        "active",
        "rate",
        "menu_in_stock",
        "opening",
        "amount",
        "kind",
    )
}
# A discount's rule repeats what its row says.
_SAID_ALREADY = frozenset({"active", "external_id", "name", "rank"})


def _of_new(facts: Mapping[str, Any], words: _Words, *, in_sizes: bool) -> list[tuple[str, str, str]]:
    """Of a new row only what a person decides by: not twenty lines of what is as always."""
    return [
        (label, "", now)
        for label, _, now in _fields({}, facts, words)
        if label in _TELLING
        and now not in ("—", "yes", "always")
        and not (in_sizes and label == LABELS["price"])
    ]


def _new(snapshot: Any, values_of: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    values = values_of(snapshot)
    facts = {"name": snapshot.name[:255], "active": snapshot.active, "rank": snapshot.rank, **values}
    return {
        name: json.loads(value) if name in _JSON and isinstance(value, str) else value
        for name, value in facts.items()
    }


_JSON = {"opening", "details", "order_types", "rule", "tax_ids", "addon_groups"}


def _fields(old: Mapping[str, Any], new: Mapping[str, Any], words: _Words) -> list[tuple[str, str, str]]:
    """Label, old and new of each column that differs."""
    found = []
    for column, value in new.items():
        before = old.get(column)
        if _same(column, before, value):
            continue
        if isinstance(value, dict) and column in ("details", "rule"):
            found += _leaves(before if isinstance(before, dict) else {}, value, words)
            continue
        was, now = words(column, before) if column in old else "", words(column, value)
        if was != now:
            found.append((LABELS.get(column, column.replace("_", " ").capitalize()), was, now))
    return found


def _leaves(old: Mapping[str, Any], new: Mapping[str, Any], words: _Words) -> list[tuple[str, str, str]]:
    found = []
    for name in {**new, **old}:
        if name in _SAID_ALREADY:
            continue
        was, now = words(name, old.get(name)), words(name, new.get(name))
        if was != now:
            found.append((LABELS.get(name, name.replace("_", " ").capitalize()), was, now))
    return found


def _same(column: str, old: Any, new: Any) -> bool:
    if column == "image_url":
        # A new signature on an old picture is no change.
        return source_of(old or "") == source_of(new or "")
    if isinstance(old, Decimal) and isinstance(new, Decimal):
        return old == new.quantize(old)
    return bool(old == new)
