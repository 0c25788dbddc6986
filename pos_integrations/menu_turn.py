"""One sync of an integration's menu at a time: whose turn it is stands in the integration's row, as a lease.

The lease is short, because a process that was killed gives nothing back. It is renewed between the steps of a sync, none
of which should take as long. Should one do so all the same, another sync may begin; therefore whoever writes looks at it
once more under the lock of the menu: two never write one menu at once, and the one that stood still not after the other.
"""

from __future__ import annotations

import datetime as dt

from django.db.models import Case, F, Q, QuerySet, When
from django.utils import timezone

from ding.errors import Conflict
from pos_integrations.models import RestaurantPosIntegration

# A call to the POS is cut off after half of it, at most.
LEASE = dt.timedelta(seconds=60)
# A step that begins soon after another needs no new lease.
FRESH = LEASE * 3 / 4


class SyncRunning(Conflict):
    """Another sync of this restaurant is at it."""

    code = "sync_running"


def is_free(now: dt.datetime) -> Q:
    """The integrations of which no sync is running, or one that died."""
    return Q(menu_sync_leased_until=None) | Q(menu_sync_leased_until__lt=now)


class Turn:
    """The turn of one sync. `started`: when it was taken.

    Raises:
        SyncRunning: it is another one's.
    """

    def __init__(self, integration: RestaurantPosIntegration) -> None:
        self.started = timezone.now()
        self._integration_id = integration.pk
        self._until = self.started + LEASE
        free = RestaurantPosIntegration.objects.filter(is_free(self.started), pk=integration.pk)
        if not free.update(menu_sync_leased_until=self._until):
            raise SyncRunning(
                "A sync of this restaurant is running just now. Look at its history in a minute."
            )

    def go_on(self) -> None:
        """Before the next step. Raises SyncRunning when another sync took the turn."""
        now = timezone.now()
        if now < self._until - FRESH:
            return
        if not self._mine.update(menu_sync_leased_until=now + LEASE):
            raise self._lost()
        self._until = now + LEASE

    def check(self) -> None:
        """Under the lock of the menu, before it is written. Raises SyncRunning when another sync took the turn."""
        if not self._mine.exists():
            raise self._lost()

    def end(self, **changes: str) -> None:
        """Give it back, with what else changes in the row."""
        self._mine.update(menu_sync_leased_until=None, **changes)

    def end_until(self, next_due: dt.datetime | None, **changes: str) -> None:
        """Give it back until then; a sync that was asked for while this one ran stays owed."""
        asked_meanwhile = Q(menu_sync_due_at__gt=self.started, menu_sync_due_at__lte=timezone.now())
        due = Case(When(asked_meanwhile, then=F("menu_sync_due_at")), default=next_due)
        self._mine.update(menu_sync_leased_until=None, menu_sync_due_at=due, **changes)

    @property
    def _mine(self) -> QuerySet[RestaurantPosIntegration]:
        return RestaurantPosIntegration.objects.filter(
            pk=self._integration_id, menu_sync_leased_until=self._until
        )

    def _lost(self) -> SyncRunning:
        return SyncRunning("This sync stood still for so long that another one began; it changed nothing.")
