"""Menus that wait for a person: kept with all that they would change, approved exactly as they were seen."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from dataclasses import asdict
from typing import Any

from django.utils import timezone
from pydantic import TypeAdapter

from ding.db import transactional
from menus.services.comparing import Change, compare_menu, digest_of
from menus.snapshot import MenuSnapshot
from pos_integrations.models import MenuReview, RestaurantPosIntegration

_snapshots = TypeAdapter(MenuSnapshot)


@transactional
def keep_review(
    integration: RestaurantPosIntegration, menu: MenuSnapshot, *, reason: str = "", published: bool = False
) -> MenuReview:
    """Keep what `menu` would change, in place of what was kept before; `reason`: why it is held, if it is.

    `published`: the POS sent it unasked and cannot be asked again, so the menu itself is kept too.
    """
    changes = compare_menu(restaurant=integration.restaurant, menu=menu)
    text = json.dumps([asdict(change) for change in changes], ensure_ascii=False, separators=(",", ":"))
    review, _ = MenuReview.objects.update_or_create(
        integration=integration,
        defaults={
            "reason": reason[:500],
            "digest": digest_of(changes),
            "counts": dict(Counter(change.what for change in changes)),
            "problems": [problem.as_json() for problem in menu.problems],
            "changes": zlib.compress(text.encode()),
            "snapshot": zlib.compress(_snapshots.dump_json(menu)) if published else None,
            "created_at": timezone.now(),
        },
    )
    return review


def rows_in(review: MenuReview) -> list[dict[str, Any]]:
    """What it would change as it is kept, in the menu's order: for those who need a page of many."""
    found: list[dict[str, Any]] = json.loads(zlib.decompress(bytes(review.changes)))
    return found


def change_of(row: dict[str, Any]) -> Change:
    """One of them."""
    return Change(**{**row, "fields": [tuple(line) for line in row["fields"]]})


def changes_in(review: MenuReview) -> list[Change]:
    """All that it would change."""
    return [change_of(row) for row in rows_in(review)]


def menu_in(review: MenuReview) -> MenuSnapshot | None:
    """The menu itself, where it was kept."""
    if review.snapshot is None:
        return None
    return _snapshots.validate_json(zlib.decompress(bytes(review.snapshot)))


def drop_review(integration: RestaurantPosIntegration) -> None:
    """Another menu was made ours: what was kept tells nothing any more."""
    MenuReview.objects.filter(integration=integration).delete()
