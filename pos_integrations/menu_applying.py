"""A menu that came, fetched or pushed, made ours: with all that is true no more then, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.conf import settings
from django.utils import timezone

from ding.db import transactional
from menus.services import apply_menu, lock_menu
from menus.services.comparing import compare_menu, digest_of
from menus.snapshot import MenuSnapshot
from pos_integrations.menu_recognition import Digest, forget, remember
from pos_integrations.menu_review import drop_review
from pos_integrations.menu_turn import Turn
from pos_integrations.messages import Account
from pos_integrations.models import MenuSyncHistory, RestaurantPosIntegration, WebhookLog, WebhookStatus


@dataclass(slots=True)
class SyncResult:
    """What a sync did, or a dry run would do. `problems`: what of the menu was left out and why."""

    status: MenuSyncHistory.Status
    changes: dict[str, dict[str, int]]
    items: int
    categories: int
    problems: list[dict[str, str]] = field(default_factory=list)
    dry_run: bool = False
    left: int = 0


def in_words(result: SyncResult) -> str:
    """What came of a sync, for people."""
    words = (("added", "new"), ("changed", "changed"), ("deactivated", "gone"))
    changes = "; ".join(
        f"{kind.replace('_', ' ')}: "
        + ", ".join(f"{counts[key]} {word}" for key, word in words if counts[key])
        for kind, counts in result.changes.items()
        if any(counts.values())
    )
    parts = [f"{result.items} item{'s' * (result.items != 1)}; {changes or 'nothing changed'}."]
    if result.left:
        parts.append(f"{result.left} stayed as they are, because somebody left them.")
    if result.problems:
        parts.append(f"{len(result.problems)} thing(s) could not be used; see the history.")
    return " ".join(parts)


def apply(
    integration: RestaurantPosIntegration, account: Account, menu: MenuSnapshot, *, force: bool, dry_run: bool
) -> SyncResult:
    """Make `menu` ours, in the transaction of whoever calls; `dry_run` only tells what it would do.

    Raises:
        MenuHeld: it looks like an accident; nothing was changed.
    """
    limit = account.config["shrink_limit_percent"] or settings.MENU_SHRINK_LIMIT_PERCENT
    changes = apply_menu(
        restaurant=integration.restaurant, menu=menu, shrink_limit_percent=limit, force=force, dry_run=dry_run
    )
    if not dry_run:
        forget(integration.restaurant_id)
        # Whatever waited to be looked at was compared with the menu before.
        drop_review(integration)
    return SyncResult(
        status=_status(menu),
        changes=changes.as_json(),
        items=len(menu.items),
        categories=len(menu.categories),
        problems=[problem.as_json() for problem in menu.problems],
        dry_run=dry_run,
        left=changes.left,
    )


def _status(menu: MenuSnapshot) -> MenuSyncHistory.Status:
    return MenuSyncHistory.Status.PARTIAL if menu.problems else MenuSyncHistory.Status.SUCCESS


@transactional
def apply_fetched(
    turn: Turn,
    integration: RestaurantPosIntegration,
    account: Account,
    menu: MenuSnapshot,
    digest: Digest,
    *,
    force: bool,
) -> SyncResult:
    """Make it ours if it is still our turn, and know its document again, all at once."""
    lock_menu(integration.restaurant_id)
    turn.check()
    result = apply(integration, account, menu, force=force, dry_run=False)
    # With something left, our menu is not what the document says: taken later, it must be compared again.
    if not result.left:
        remember(integration, digest)
    return result


@transactional
def apply_seen(
    turn: Turn,
    integration: RestaurantPosIntegration,
    account: Account,
    menu: MenuSnapshot,
    approved: str,
    *,
    published: bool,
) -> SyncResult | None:
    """Apply `menu` if it changes exactly what was approved: nobody else changes ours in between."""
    lock_menu(integration.restaurant_id)
    turn.check()
    changes = compare_menu(restaurant=integration.restaurant, menu=menu)
    # Nothing differs: it was applied, by whoever was cut off before he could say so.
    if changes and digest_of(changes) != approved:
        return None
    result = apply(integration, account, menu, force=True, dry_run=False)
    if published:
        # The webhooks that brought it need nobody any more.
        parked = WebhookLog.objects.filter(integration=integration, restaurant=integration.restaurant)
        parked.filter(status=WebhookStatus.PARKED, verdict="held").update(
            status=WebhookStatus.PROCESSED, verdict="approved", processed_at=timezone.now()
        )
    return result
