"""Making a POS's menu ours: compare row by row, write what differs, deactivate what is gone."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from ding.db import transactional, upsert
from ding.errors import Conflict
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
from menus.services.images import note_images
from menus.services.leaving import forget_settled, left_alone
from menus.services.locking import bump_version, lock_menu
from menus.snapshot import MenuSnapshot


class MenuHeld(Conflict):
    """The new menu looks like an accident; nothing was changed. A person may force it."""

    code = "menu_held"


@dataclass(slots=True)
class Counts:
    """What happened, or would happen, to one kind of rows."""

    added: int = 0
    changed: int = 0
    deactivated: int = 0


@dataclass(slots=True)
class MenuChanges:
    """What a menu changes, kind by kind, with the names of what is touched (for a preview)."""

    counts: dict[str, Counts] = field(default_factory=dict)
    version: int = 0
    # How many rows differ and were left as they are, because a person said so.
    left: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return not any(c.added or c.changed or c.deactivated for c in self.counts.values())

    def as_json(self) -> dict[str, dict[str, int]]:
        """For histories and answers."""
        return {
            kind: {"added": c.added, "changed": c.changed, "deactivated": c.deactivated}
            for kind, c in self.counts.items()
        }


@transactional
def apply_menu(
    *,
    restaurant: Restaurant,
    menu: MenuSnapshot,
    shrink_limit_percent: int,
    force: bool = False,
    dry_run: bool = False,
) -> MenuChanges:
    """Make `menu` the restaurant's menu: write what differs, deactivate what is gone, in one transaction.

    What a person chose to leave (`menus.services.leaving`) stays as it is. The number of statements does not grow with the menu, up to some megabytes per kind. `force` skips the
    guard; `dry_run` says what would change and changes nothing.

    Raises:
        MenuHeld: no items, no prices, or more than `shrink_limit_percent` of the live items would go.
    """
    row = Menu.objects.filter(pk=restaurant.pk).first() or Menu() if dry_run else lock_menu(restaurant.pk)
    writer = _Writer(restaurant.pk, timezone.now(), left_alone(restaurant.pk, menu))

    headings = {category.external_id for category in menu.categories}
    plans = [
        writer.plan(Category, "categories", menu.categories, category_values),
        writer.plan(Tax, "taxes", menu.taxes, tax_values),
        writer.plan(Discount, "discounts", menu.discounts, discount_values),
        writer.plan(AddOnGroup, "addon_groups", menu.addon_groups, lambda group: {}),
        writer.plan(
            Item,
            "items",
            menu.items,
            item_values,
            # A heading that is not there belongs to the item's content: when it comes, the item has changed.
            parents={
                item.external_id: item.category_id for item in menu.items if item.category_id in headings
            },
        ),
        writer.plan(
            AddOnItem,
            "addon_items",
            [item for group in menu.addon_groups for item in group.items],
            addon_item_values,
            parents={
                item.external_id: group.external_id for group in menu.addon_groups for item in group.items
            },
        ),
        writer.plan(
            Variation,
            "variations",
            [variation for item in menu.items for variation in item.variations],
            variation_values,
            parents={
                variation.external_id: item.external_id
                for item in menu.items
                for variation in item.variations
            },
        ),
    ]
    changes = MenuChanges(
        {plan.kind: plan.counts for plan in plans}, row.version, sum(len(plan.left) for plan in plans)
    )
    whole = {"charges": charges_as_json(menu.charges), "details": dict(menu.details)}
    if not force:
        items_plan = next(plan for plan in plans if plan.kind == "items")
        _guard(items_plan, menu, shrink_limit_percent)
    if dry_run:
        return changes
    if writer.left:
        forget_settled(restaurant.pk, {plan.model: plan.left for plan in plans}, menu)
    pictures = [category.image_url for category in menu.categories] + [item.image_url for item in menu.items]
    new_pictures = note_images(restaurant.pk, pictures, writer.now)
    same_whole = {"charges": row.charges, "details": row.details} == whole
    if changes.is_empty and same_whole and not new_pictures:
        return changes

    categories, _, _, groups, items, addon_items, variations = plans
    categories.write({})
    for plan in plans[1:4]:
        plan.write({})
    items.write(writer.ids(Category))
    addon_items.write(writer.ids(AddOnGroup))
    variations.write(writer.ids(Item))
    bump_version(restaurant.pk, **whole, synced_at=writer.now)
    changes.version = row.version + 1
    return changes


# --- comparing and writing --------------------------------------------------------------------------


@dataclass(slots=True)
class _Known:
    id: int
    active: bool
    content_hash: str
    menu_in_stock: bool = True
    in_stock: bool = True
    pos_in_stock: bool | None = None


class _Plan:
    """What has to be done to one table."""

    def __init__(self, writer: _Writer, model: type[MenuRow], kind: str) -> None:
        self.writer, self.model, self.kind = writer, model, kind
        self.counts = Counts()
        self.live_before: set[str] = set()
        self.differing: list[dict[str, Any]] = []
        self.gone: list[int] = []
        self.left: set[str] = set()

    def write(self, parent_ids: Mapping[str, int]) -> None:
        """Upsert what differs, deactivate what is gone: two statements at most."""
        foreign_key = _PARENTS.get(self.model)
        rows = []
        for values in self.differing:
            parent = values.pop("parent", None)
            if foreign_key:
                values[foreign_key] = parent_ids.get(parent)
            rows.append(values)
        if rows:
            columns = list(rows[0])
            upsert(
                self.model,
                columns,
                [tuple(values.values()) for values in rows],
                key=("restaurant_id", "external_id"),
                keep=("created_at",),
            )
        if self.gone:
            self.model._default_manager.filter(pk__in=self.gone).update(
                active=False, content_hash="", updated_at=self.writer.now
            )


_PARENTS: dict[type[MenuRow], str] = {Item: "category_id", AddOnItem: "group_id", Variation: "item_id"}


class _Writer:
    """Compares a snapshot with the tables, row by row, by hash."""

    def __init__(self, restaurant_id: int, now: dt.datetime, left: Mapping[type[MenuRow], set[str]]) -> None:
        self.restaurant_id, self.now, self.left = restaurant_id, now, left

    def plan(
        self,
        model: type[MenuRow],
        kind: str,
        snapshots: Iterable[Any],
        values_of: Any,
        parents: Mapping[str, str] | None = None,
    ) -> _Plan:
        plan = _Plan(self, model, kind)
        known = self._known(model)
        left: set[str] = self.left.get(model, set())
        plan.live_before = {external_id for external_id, row in known.items() if row.active}
        # An id that is there twice is one row: the last one, as in `parents`.
        wanted = {snapshot.external_id: snapshot for snapshot in snapshots}
        for snapshot in wanted.values():
            content: dict[str, Any] = {
                "name": snapshot.name[:255],
                "active": snapshot.active,
                "rank": snapshot.rank,
                **values_of(snapshot),
            }
            if parents is not None:
                content["parent"] = parents.get(snapshot.external_id, "")
            compared = content
            if "image_url" in content:
                # A new signature on an old picture is no change.
                compared = {**content, "image_url": source_of(content["image_url"])}
            digest = hashlib.blake2b(repr(compared).encode(), digest_size=16).hexdigest()
            old = known.get(snapshot.external_id)
            if old is not None and old.content_hash == digest:
                continue
            if snapshot.external_id in left:
                plan.left.add(snapshot.external_id)
                continue
            if old is None:
                plan.counts.added += 1
            else:
                plan.counts.changed += 1
            if "menu_in_stock" in content:
                content.update(_stock_after(content["menu_in_stock"], old))
            plan.differing.append(
                {
                    "restaurant_id": self.restaurant_id,
                    "external_id": snapshot.external_id,
                    **content,
                    "content_hash": digest,
                    "created_at": self.now,
                    "updated_at": self.now,
                }
            )
        # A gone row has no hash, so it is found once and, when it comes back, written again. A live row
        # without a hash was written by other hands.
        gone = {
            external_id: row.id
            for external_id, row in known.items()
            if external_id not in wanted and (row.content_hash or row.active)
        }
        plan.left |= gone.keys() & left
        plan.gone = [row_id for external_id, row_id in gone.items() if external_id not in left]
        plan.counts.deactivated = len(plan.gone)
        return plan

    def ids(self, model: type[MenuRow]) -> dict[str, int]:
        """External id → id, of all rows of the restaurant."""
        return dict(
            model._default_manager.filter(restaurant_id=self.restaurant_id).values_list("external_id", "id")
        )

    def _known(self, model: type[MenuRow]) -> dict[str, _Known]:
        columns = ["external_id", "id", "active", "content_hash"]
        if issubclass(model, (Item, Variation, AddOnItem)):
            columns += ["menu_in_stock", "in_stock", "pos_in_stock"]
        rows = model._default_manager.filter(restaurant_id=self.restaurant_id).values_list(*columns)
        return {external_id: _Known(*rest) for external_id, *rest in rows}


def _stock_after(menu_in_stock: bool, old: _Known | None) -> dict[str, bool | None]:
    """A menu moves the stock only when it changed its own mind, and never staff's switch.

    See `menus.models.Stocked`.
    """
    if old is None:
        return {"in_stock": menu_in_stock, "pos_in_stock": None}
    changed = old.menu_in_stock != menu_in_stock
    if old.pos_in_stock is None:
        return {"in_stock": menu_in_stock if changed else old.in_stock, "pos_in_stock": None}
    return {"in_stock": old.in_stock, "pos_in_stock": menu_in_stock if changed else old.pos_in_stock}


def _guard(items: _Plan, menu: MenuSnapshot, limit_percent: int) -> None:
    """Refuse a menu that looks like an accident."""
    how = "If that is meant, sync again with force."
    live_after = [item for item in menu.items if item.active]
    if not live_after:
        raise MenuHeld(f"The menu has no active items, so it was not applied. {how}")
    before = len(items.live_before)
    gone = len(items.live_before.difference(items.left, (item.external_id for item in live_after)))
    if gone * 100 > before * limit_percent:
        raise MenuHeld(
            f"{gone} of {before} live items would go, more than {limit_percent} %, so nothing was applied. {how}"
        )
    if not any(_sells_for_money(item) for item in live_after):
        raise MenuHeld(f"Every item would cost nothing, so the menu was not applied. {how}")


def _sells_for_money(item: Any) -> bool:
    return item.price > 0 or any(variation.price > 0 for variation in item.variations)
