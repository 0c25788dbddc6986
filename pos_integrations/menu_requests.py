"""What people ask for on the menu's page: a row that a worker runs, and that tells how far it is."""

from __future__ import annotations

import datetime as dt
import logging

from django.conf import settings
from django.utils import timezone

from ding.db import transactional
from ding.errors import DomainError
from menus.services import MenuHeld
from pos_integrations import menu_sync
from pos_integrations.menu_applying import in_words
from pos_integrations.menu_models import OPEN, MenuRequest, MenuRequestKind, MenuRequestState
from pos_integrations.menu_sync import Trigger
from pos_integrations.menu_turn import SyncRunning
from pos_integrations.models import RestaurantPosIntegration

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
# Another sync is at it; it takes seconds.
WAIT = dt.timedelta(seconds=5)


@transactional
def ask(
    integration: RestaurantPosIntegration, kind: MenuRequestKind, *, by: str = "", seen: str = ""
) -> MenuRequest:
    """Ask for it; the same wish that is still open is the same request. Whoever asks nudges the task."""
    # The row of the integration is the lock: two clicks at once are one wish.
    RestaurantPosIntegration.objects.select_for_update().get(pk=integration.pk)
    same = MenuRequest.objects.filter(integration=integration, kind=kind, seen=seen, state__in=OPEN)
    return same.first() or MenuRequest.objects.create(
        integration=integration, kind=kind, seen=seen, asked_by=by[:150], next_attempt_at=timezone.now()
    )


def due_requests(limit: int = 100) -> list[int]:
    """Ids of what is to be run now."""
    due = MenuRequest.objects.due(timezone.now()).order_by("next_attempt_at")
    return list(due.values_list("pk", flat=True)[:limit])


def run(request_id: int) -> None:
    """Run one request, if it is due; how it ends stands in its row."""
    now = timezone.now()
    lease = now + dt.timedelta(seconds=settings.LEASE_SECONDS)
    due = MenuRequest.objects.due(now).select_related("integration__restaurant", "integration__pos_provider")
    request = due.filter(pk=request_id).first()
    if request is None:
        return
    if request.attempts >= MOST_ATTEMPTS:
        _end(
            request,
            request.next_attempt_at,
            MenuRequestState.FAILED,
            "It was cut off several times. Look at the workers' log, then ask again.",
        )
        return
    claimed = MenuRequest.objects.due(now).filter(pk=request.pk, next_attempt_at=request.next_attempt_at)
    if not claimed.update(
        state=MenuRequestState.RUNNING, next_attempt_at=lease, attempts=request.attempts + 1
    ):
        return
    mine = MenuRequest.objects.filter(pk=request.pk, next_attempt_at=lease)

    def progress(step: str) -> None:
        mine.update(step=step[:200])

    try:
        result = menu_sync.sync_menu(
            request.integration,
            trigger=Trigger.ADMIN,
            preview=request.kind == MenuRequestKind.PREVIEW,
            approved=request.seen if request.kind == MenuRequestKind.APPROVE else None,
            progress=progress,
        )
    except SyncRunning:
        # Not its fault: this attempt does not count.
        mine.update(
            state=MenuRequestState.QUEUED,
            step="Another sync of this restaurant is running; this one comes next.",
            attempts=request.attempts,
            next_attempt_at=timezone.now() + WAIT,
        )
    except MenuHeld as error:
        _end(request, lease, MenuRequestState.HELD, error.message)
    except DomainError as error:
        _end(request, lease, MenuRequestState.FAILED, error.message)
    else:
        _end(request, lease, MenuRequestState.DONE, in_words(result))


def _end(request: MenuRequest, lease: dt.datetime | None, state: MenuRequestState, message: str) -> None:
    MenuRequest.objects.filter(pk=request.pk, next_attempt_at=lease).update(
        state=state, message=message[:500], step="", next_attempt_at=None, finished_at=timezone.now()
    )
