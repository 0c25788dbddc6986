"""Making a POS's menu ours: compare row by row, write what differs, deactivate what is gone."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.utils import timezone

from ding.db import transactional, upsert
from ding.errors import Conflict
from ding.garbage import garbage_later
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
    Stocked,
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
@garbage_later()
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
    for plan in (categories, *plans[1:4]):
        plan.write()
    items.write(Category)
    addon_items.write(AddOnGroup)
    variations.write(Item)
    bump_version(restaurant.pk, **whole, synced_at=writer.now)
    changes.version = row.version + 1
    return changes


# --- comparing and writing --------------------------------------------------------------------------


class _Plan:
    """What has to be done to one table."""

    def __init__(self, writer: _Writer, model: type[MenuRow], kind: str) -> None:
        self.writer, self.model, self.kind = writer, model, kind
        self.counts = Counts()
        self.live_before: set[str] = set()
        # The rows to write, as tuples of these columns; a row's parent, by its external id, comes last.
        self.columns: tuple[str, ...] = ()
        self.differing: list[tuple[Any, ...]] = []
        self.gone: list[int] = []
        self.left: set[str] = set()

    def write(self, parents: type[MenuRow] | None = None) -> None:
        """Upsert what differs, deactivate what is gone: three statements at most, with that for `parents`."""
        if self.differing:
            ids = self.writer.ids(parents) if parents else {}
            upsert(
                self.model,
                self.columns,
                self._rows(ids if parents else None),
                key=("restaurant_id", "external_id"),
                keep=("created_at",),
            )
        if self.gone:
            self.model._default_manager.filter(pk__in=self.gone).update(
                active=False, content_hash="", updated_at=self.writer.now
            )

    def _rows(self, parent_ids: Mapping[str, int] | None) -> Iterator[tuple[Any, ...]]:
        """The rows, each dropped when it is taken: a menu is large."""
        self.differing.reverse()
        while self.differing:
            row = self.differing.pop()
            yield row if parent_ids is None else (*row[:-1], parent_ids.get(row[-1]))


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
        plan.live_before = {external_id for external_id, row in known.items() if row[ACTIVE]}
        # An id that is there twice is one row: the last one, as in `parents`.
        wanted = {snapshot.external_id: snapshot for snapshot in snapshots}
        for external_id, snapshot in wanted.items():
            content: dict[str, Any] = {
                "name": snapshot.name[:255],
                "active": snapshot.active,
                "rank": snapshot.rank,
                **values_of(snapshot),
            }
            if parents is not None:
                content["parent"] = parents.get(external_id, "")
            digest = _digest(content)
            old = known.get(external_id)
            if old is not None and old[CONTENT_HASH] == digest:
                continue
            if external_id in left:
                plan.left.add(external_id)
                continue
            if old is None:
                plan.counts.added += 1
            else:
                plan.counts.changed += 1
            if "menu_in_stock" in content:
                content["in_stock"], content["pos_in_stock"] = _stock_after(content["menu_in_stock"], old)
            content |= {"content_hash": digest, "created_at": self.now, "updated_at": self.now}
            if parents is not None:
                content[_PARENTS[model]] = content.pop("parent")
            plan.columns = ("restaurant_id", "external_id", *content)
            plan.differing.append((self.restaurant_id, external_id, *content.values()))
        # A gone row has no hash, so it is found once and, when it comes back, written again. A live row
        # without a hash was written by other hands.
        gone = {
            external_id: row[ID]
            for external_id, row in known.items()
            if external_id not in wanted and (row[CONTENT_HASH] or row[ACTIVE])
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

    def _known(self, model: type[MenuRow]) -> dict[str, tuple[Any, ...]]:
        """External id → what the constants below name. By plain SQL: of a row the ORM makes five times the work."""
        columns = ["external_id", "id", "active", "content_hash"]
        if issubclass(model, Stocked):
            columns += ["menu_in_stock", "in_stock", "pos_in_stock"]
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {', '.join(columns)} FROM {connection.ops.quote_name(model._meta.db_table)} "  # noqa: S608
                "WHERE restaurant_id = %s",
                [self.restaurant_id],
            )
            return {row[0]: row for row in cursor.fetchall()}


# Where a known row has what.
ID, ACTIVE, CONTENT_HASH, MENU_IN_STOCK, IN_STOCK, POS_IN_STOCK = range(1, 7)


def _digest(content: dict[str, Any]) -> str:
    """Tells a row's content from any other. A new signature on an old picture is no change."""
    url = content.get("image_url")
    if url and (source := source_of(url)) != url:
        content = {**content, "image_url": source}
    return hashlib.blake2b(repr(content).encode(), digest_size=16).hexdigest()


def _stock_after(menu_in_stock: bool, old: tuple[Any, ...] | None) -> tuple[bool, bool | None]:
    """In stock, and what the POS says beside staff's switch. A menu moves the stock only when it changed its own mind, and never staff's switch.

    See `menus.models.Stocked`.
    """
    if old is None:
        return menu_in_stock, None
    changed = bool(old[MENU_IN_STOCK]) != menu_in_stock
    if old[POS_IN_STOCK] is None:
        return menu_in_stock if changed else bool(old[IN_STOCK]), None
    return bool(old[IN_STOCK]), menu_in_stock if changed else bool(old[POS_IN_STOCK])


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
