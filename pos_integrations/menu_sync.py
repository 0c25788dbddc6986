"""POS menu → menus: one service behind the endpoint, the command, the schedule and the webhook.

One sync of an integration runs at a time (`menu_turn`). A sync that is owed is a time in its row, `menu_sync_due_at`.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet
from django.utils import timezone

from ding.db import insert_rows
from ding.errors import Conflict, DomainError
from ding.garbage import garbage_later
from menus.services import MenuHeld
from menus.snapshot import MenuSnapshot
from pos_integrations.configuration import account_for, adapter_of, http_for
from pos_integrations.errors import ConfigurationError, PosError
from pos_integrations.menu_applying import SyncResult, apply, apply_fetched, apply_seen
from pos_integrations.menu_recognition import digest_of_document, known_again
from pos_integrations.menu_review import keep_review, menu_in
from pos_integrations.menu_turn import Turn, is_free
from pos_integrations.messages import Account
from pos_integrations.models import (
    MenuReview,
    MenuSyncHistory,
    RestaurantPosIntegration,
)

logger = logging.getLogger(__name__)

# A menu is many times larger than any other answer.
MENU_BYTES = 64 * 1024 * 1024
TRY_AGAIN = dt.timedelta(minutes=15)


class Trigger(StrEnum):
    """Who asked for a sync."""

    ADMIN = "admin"
    API = "api"
    COMMAND = "command"
    SCHEDULE = "schedule"
    WEBHOOK = "webhook"


class SeenIsOld(Conflict):
    """What would change is not what was looked at any more; nothing was changed."""

    code = "seen_is_old"


class SyncFailed(DomainError):
    """The POS gave no menu that could be used."""

    status = 502
    code = "sync_failed"


Progress = Callable[[str], None]


def sync_menu(
    integration: RestaurantPosIntegration,
    *,
    trigger: Trigger,
    force: bool = False,
    dry_run: bool = False,
    preview: bool = False,
    approved: str | None = None,
    progress: Progress = lambda step: None,
) -> SyncResult:
    """Fetch the menu and make it ours. `progress` is told each step as it begins.

    `preview`: keep what it would change for people to look at, and change nothing. `approved`: the digest of
    what somebody looked at; exactly that is applied, held or not.

    Raises:
        SyncRunning: nothing was done.
        MenuHeld: the menu looks like an accident; nothing was changed, what it would change is kept.
        SeenIsOld: it would change something else than was approved; nothing was changed, that is kept.
        SyncFailed: the POS gave none, in its own words.
    """
    dry_run = dry_run or preview
    turn = Turn(integration)
    started = turn.started
    next_due: dt.datetime | None = started + TRY_AGAIN
    known: dict[str, str] = {}
    try:
        account = account_for(integration)
        if approved is not None:
            result = _run_approved(turn, integration, account, approved, progress)
        elif preview:
            result = _run_preview(turn, integration, account, progress)
        else:
            result = _run(turn, integration, account, force=force, dry_run=dry_run, progress=progress)
        next_due = _next_scheduled(account, started)
    except (PosError, MenuHeld) as error:
        held = isinstance(error, MenuHeld)
        if not dry_run:
            _write_history(
                integration, trigger, started, MenuSyncHistory.Status.FAILED, errors=[_problem(error)]
            )
        if isinstance(error, ConfigurationError):
            known["problem"] = error.message[:500]
        if held:
            # The same menu would be held again; a changed one is announced, or found by the schedule.
            next_due = _next_scheduled(account, started)
            raise
        raise SyncFailed(f"The menu could not be synchronised. {error.message}") from error
    except (DomainError, OperationalError, InterfaceError):
        raise
    except Exception as error:
        # A bug of ours must be seen where people look: one odd menu, in its own history.
        logger.exception("A menu sync failed in our own code.", extra={"integration": integration.pk})
        words = f"An error in ding itself: {type(error).__name__}. The log has the rest."
        if not dry_run:
            own = PosError(words, code="bug")
            _write_history(
                integration, trigger, started, MenuSyncHistory.Status.FAILED, errors=[_problem(own)]
            )
        raise SyncFailed(f"The menu could not be synchronised. {words}") from error
    else:
        # The POS takes us (again).
        known["problem"] = ""
        if not dry_run:
            _write_history(
                integration,
                trigger,
                started,
                result.status,
                errors=result.problems,
                items_synced=result.items,
                categories_synced=result.categories,
                changes=result.changes,
            )
        return result
    finally:
        if dry_run:
            turn.end(**known)
        else:
            turn.end_until(next_due, **known)


def apply_published(integration: RestaurantPosIntegration, menu: MenuSnapshot) -> bool:
    """Make a menu ours that the POS sent by itself; whether anything changed. In the caller's transaction.

    Raises:
        MenuHeld: nothing was changed; the history says so, and it is kept for a person to look at.
    """
    started = timezone.now()
    try:
        result = apply(integration, account_for(integration), menu, force=False, dry_run=False)
    except MenuHeld as error:
        keep_review(integration, menu, reason=error.message, published=True)
        _write_history(
            integration, Trigger.WEBHOOK, started, MenuSyncHistory.Status.FAILED, errors=[_problem(error)]
        )
        raise
    _write_history(
        integration,
        Trigger.WEBHOOK,
        started,
        result.status,
        errors=result.problems,
        items_synced=result.items,
        categories_synced=result.categories,
        changes=result.changes,
    )
    return any(any(counts.values()) for counts in result.changes.values())


def preview_published(integration: RestaurantPosIntegration, menu: MenuSnapshot) -> SyncResult:
    """What `apply_published` would do; nothing is written.

    Raises:
        MenuHeld
    """
    return apply(integration, account_for(integration), menu, force=False, dry_run=True)


def _problem(error: PosError | MenuHeld) -> dict[str, str]:
    done = "held, nothing was changed" if isinstance(error, MenuHeld) else "nothing was changed"
    return {"kind": "menu", "external_id": "", "field": "", "found": error.message, "done": done}


def _run(
    turn: Turn,
    integration: RestaurantPosIntegration,
    account: Account,
    *,
    force: bool,
    dry_run: bool,
    progress: Progress,
) -> SyncResult:
    progress("asking the POS")
    adapter = adapter_of(integration.pos_provider)
    raw = adapter.fetch_menu_document(account, http_for(account, max_bytes=MENU_BYTES))
    digest = digest_of_document(integration, adapter, raw)
    if not (force or dry_run) and (made := known_again(integration, digest)):
        progress("done")
        return _unchanged(made)
    turn.go_on()
    with garbage_later():
        menu = adapter.read_menu_document(raw, account)
    del raw
    turn.go_on()
    progress(f"comparing {len(menu.items)} items")
    try:
        if dry_run:
            result = apply(integration, account, menu, force=force, dry_run=True)
        else:
            result = apply_fetched(turn, integration, account, menu, digest, force=force)
    except MenuHeld as error:
        if not dry_run:
            keep_review(integration, menu, reason=error.message)
        raise
    progress("done")
    return result


def _unchanged(made: MenuSyncHistory) -> SyncResult:
    """The POS sent what our menu was made from."""
    return SyncResult(
        status=MenuSyncHistory.Status(made.status),
        changes={kind: dict.fromkeys(counts, 0) for kind, counts in made.changes.items()},
        items=made.items_synced,
        categories=made.categories_synced,
        problems=made.errors,
    )


def _run_preview(
    turn: Turn, integration: RestaurantPosIntegration, account: Account, progress: Progress
) -> SyncResult:
    menu = _fetch(turn, integration, account, progress)
    progress(f"comparing {len(menu.items)} items")
    reason = ""
    try:
        result = apply(integration, account, menu, force=False, dry_run=True)
    except MenuHeld as error:
        reason = error.message
        result = apply(integration, account, menu, force=True, dry_run=True)
    keep_review(integration, menu, reason=reason)
    progress("done")
    return result


def _run_approved(
    turn: Turn, integration: RestaurantPosIntegration, account: Account, approved: str, progress: Progress
) -> SyncResult:
    review = MenuReview.objects.filter(integration=integration).first()
    kept = menu_in(review) if review else None
    menu = kept or _fetch(turn, integration, account, progress)
    progress(f"comparing {len(menu.items)} items")
    result = apply_seen(turn, integration, account, menu, approved, published=kept is not None)
    if result is None:
        keep_review(integration, menu, reason=review.reason if review else "", published=kept is not None)
        raise SeenIsOld(
            "The menu at the POS, or ours, has changed since you looked, so nothing was applied. "
            "Look at what would change now, then apply it."
        )
    progress("done")
    return result


def _fetch(
    turn: Turn, integration: RestaurantPosIntegration, account: Account, progress: Progress
) -> MenuSnapshot:
    progress("asking the POS")
    adapter = adapter_of(integration.pos_provider)
    menu = adapter.fetch_menu(account, http_for(account, max_bytes=MENU_BYTES))
    turn.go_on()
    return menu


def _next_scheduled(account: Account, now: dt.datetime) -> dt.datetime | None:
    minutes = account.config["menu_sync_minutes"]
    minutes = settings.MENU_SYNC_MINUTES if minutes is None else minutes
    return now + dt.timedelta(minutes=minutes) if minutes else None


def _write_history(
    integration: RestaurantPosIntegration,
    trigger: Trigger,
    started: dt.datetime,
    status: MenuSyncHistory.Status,
    **values: Any,
) -> None:
    row = MenuSyncHistory(
        restaurant_id=integration.restaurant_id,
        trigger=trigger.value,
        status=status,
        started_at=started,
        completed_at=timezone.now(),
        **values,
    )
    insert_rows([row])


# --- syncs that are owed --------------------------------------------------------------------------------


def due_syncs(limit: int = 100) -> list[int]:
    """Ids of the active integrations whose sync is due and not running."""
    now = timezone.now()
    due = _due(now).filter(is_free(now)).order_by("menu_sync_due_at")
    return list(due.values_list("pk", flat=True)[:limit])


def _due(now: dt.datetime) -> QuerySet[RestaurantPosIntegration]:
    return RestaurantPosIntegration.objects.filter(
        menu_sync_due_at__lte=now, active=True, pos_provider__is_active=True
    )


def sync_due(integration_id: int) -> None:
    """Run a sync that is owed; its failure is in the history and it is owed again."""
    due = _due(timezone.now()).select_related("restaurant", "pos_provider")
    integration = due.filter(pk=integration_id).first()
    if integration is None:
        return
    try:
        sync_menu(integration, trigger=Trigger.SCHEDULE)
    except DomainError as error:
        logger.warning("Menu sync: %s", error.message, extra={"integration": integration_id})
