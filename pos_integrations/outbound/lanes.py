"""So many calls to one integration at a time, and no more: a POS that hangs slows down only its own restaurant.

Counted in each worker process. Whoever finds the lanes of an integration full goes away at once, for his push stays
due; whoever has a lane goes on with the integration's next push until none is due, and then helps where more are known
to be. What has waited for its time, or for a POS that did not answer, is left to the sweeper's pace: a POS that comes
back is not run over.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

from django.db import connection
from django.utils import timezone

from ding.plans import Plan
from pos_integrations.models import OrderPush, PushState
from pos_integrations.outbound.sending import deliver

# A worker has 64 threads: eight hanging restaurants hold it up, for as long as a call may take.
LANES = 8
# So many due ones are looked up at once, for all lanes of an integration.
LOOKED_UP = 2 * LANES

# Those whose first moment was when they were made: `{soon}` is a second after that.
_DUE = """
    SELECT id FROM OrderPushes WHERE state = %s AND integration_id = %s AND next_attempt_at <= %s AND expires_at > %s
    AND next_attempt_at < {soon} ORDER BY next_attempt_at LIMIT %s"""
_SOON = {"sqlite": "datetime(created_at, '+1 second')", "mysql": "created_at + INTERVAL 1 SECOND"}
_asked = Plan(lambda pk: OrderPush.objects.filter(pk=pk).only("integration_id", "state").order_by())
_lock = threading.Lock()
_busy: Counter[int] = Counter()
# The integrations whose lanes somebody found full.
_full: set[int] = set()
_found: dict[int, list[int]] = {}


def deliver_in_turn(push_id: int, seconds: float) -> int | None:
    """Bring this push, and whatever is due of its integration, to the POS, as long as a lane is free.

    After about so many seconds it stops; then it gives the id of a push that is still due. Safe to call at any
    time, any number of times.
    """
    until = time.monotonic() + seconds
    asked = next(iter(_asked(push_id)), None)
    if asked is None:
        return None
    owner = asked.integration_id
    # A nudge that waited long is often too late for its own push; to claim that in vain would cost a transaction.
    wanted = push_id if asked.state == PushState.DUE else _due_of(owner)
    while wanted is not None:
        lane = owner or 0
        if not _enter(lane):
            return None
        try:
            while wanted is not None:
                deliver(wanted)
                wanted = _due_of(owner)
                if wanted is not None and time.monotonic() > until:
                    return wanted
        finally:
            somebody_left = _leave(lane)
        # He may have found the lanes full just before this one was free.
        wanted = _due_of(owner) if somebody_left else None
        if wanted is None:
            owner, wanted = _waiting_elsewhere()
    return None


def _enter(lane: int) -> bool:
    with _lock:
        if _busy[lane] >= LANES:
            _full.add(lane)
            return False
        _busy[lane] += 1
        return True


def _leave(lane: int) -> bool:
    """Whether somebody went away from full lanes since this was last asked."""
    with _lock:
        _busy[lane] -= 1
        if not _busy[lane]:
            del _busy[lane]
            _found.pop(lane, None)
        left = lane in _full
        _full.discard(lane)
        return left


def _due_of(integration_id: int | None) -> int | None:
    """One of the oldest that are due, each only for one lane of this process; another process may be faster."""
    if integration_id is None:
        return None
    with _lock:
        if found := _found.get(integration_id):
            return found.pop()
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(
            _DUE.format(soon=_SOON[connection.vendor]), [PushState.DUE, integration_id, now, now, LOOKED_UP]
        )
        oldest = [row[0] for row in cursor.fetchall()]
    # So that two processes do not always reach for the same one.
    random.shuffle(oldest)
    with _lock:
        mine = oldest.pop() if oldest else None
        if _busy[integration_id]:
            _found[integration_id] = oldest
    return mine


def _waiting_elsewhere() -> tuple[int, int] | tuple[None, None]:
    """An integration whose lanes have looked up more than they have come to yet, and such a push; without asking."""
    with _lock:
        for integration_id, found in _found.items():
            if found and _busy[integration_id] < LANES:
                return integration_id, found.pop()
    return None, None
