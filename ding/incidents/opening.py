"""Causes and rows brought together: what is new opens, what came back continues, what is gone closes.

The number of statements does not grow with the causes, and two at once do no harm: rows are read before the
causes are looked for, each cause has one row by its unique key, and every change is conditional.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q

from ding.db import database_now, transactional
from ding.incidents.causes import Cause
from ding.incidents.detecting import DETECTORS, Detector
from ding.incidents.models import Incident

logger = logging.getLogger(__name__)

# What comes back within this after it was gone is the same incident still.
CONTINUES = dt.timedelta(minutes=30)
# Whoever acknowledged is left in peace for so long, even when it happens again.
PEACE = dt.timedelta(minutes=15)
_FACTS = ("kind", "what", "count", "orders", "urgency", "target", "restaurant_id")


@dataclass(slots=True)
class Changes:
    """How many incidents one look opened, continued, closed."""

    opened: int = 0
    reopened: int = 0
    closed: int = 0


@dataclass(slots=True)
class _Plan:
    """What is to be done to which rows."""

    new: list[Incident] = field(default_factory=list)
    changed: list[Incident] = field(default_factory=list)
    reopen: list[int] = field(default_factory=list)
    tell_anew: list[int] = field(default_factory=list)
    close: list[int] = field(default_factory=list)
    retire: list[int] = field(default_factory=list)


def sync_incidents(detectors: Sequence[Detector] = DETECTORS) -> Changes:
    """Look for causes and bring the rows in line; what changed. Not to be called in a transaction."""
    now = database_now()
    rows = _rows()
    causes, looked_for = _look(detectors, now)
    return _carry_out(_plan(rows, causes, looked_for, now), now)


def standing() -> list[tuple[Cause, Incident | None]]:
    """What needs a person at this moment, with its incident where there is one already; nothing is written.

    Raises:
        Blind: not everything could be looked at.
    """
    rows = _rows()
    causes, looked_for = _look(DETECTORS, database_now())
    if blind := {kind for detector in DETECTORS for kind in detector.kinds} - looked_for:
        raise Blind(f"These could not be looked at, see the log: {', '.join(sorted(blind))}.")
    found = [(cause, rows.get(key)) for key, cause in causes.items()]
    return [(cause, row) for cause, row in found if row is None or not _is_settled(row, cause)]


class Blind(Exception):
    """A detector failed: nobody can say that all is well."""


def _rows() -> dict[str | None, Incident]:
    return {row.cause: row for row in Incident.objects.exclude(cause=None)}


def _look(detectors: Sequence[Detector], now: dt.datetime) -> tuple[dict[str, Cause], set[str]]:
    """All causes by key, and the kinds that were looked for."""
    causes: dict[str, Cause] = {}
    looked_for: set[str] = set()
    for detector in detectors:
        try:
            # Of its own, so that one that fails leaves nothing broken behind.
            with transaction.atomic():
                found = detector.find(now)
        except (OperationalError, InterfaceError):
            raise  # no database: then nobody can look
        except Exception:  # a mistake in one detector must not blind the others
            logger.exception("A detector failed.", extra={"kinds": sorted(detector.kinds)})
            continue
        causes |= {cause.key: cause for cause in found}
        looked_for |= detector.kinds
    return causes, looked_for


def _plan(
    rows: dict[str | None, Incident], causes: dict[str, Cause], looked_for: set[str], now: dt.datetime
) -> _Plan:
    plan = _Plan()
    for key, cause in causes.items():
        row = rows.get(key)
        if row is None:
            new = Incident(cause=key, opened_at=now, next_alert_at=now)
            _take_over(new, cause)
            plan.new.append(new)
        elif _is_settled(row, cause):
            if row.closed_at is None:
                plan.close.append(row.pk)
        else:
            _compare(plan, row, cause, now)
    for row in rows.values():
        if row.cause in causes or row.kind not in looked_for:
            continue
        if row.closed_at is None:
            plan.close.append(row.pk)
        elif row.closed_at < now - CONTINUES and (row.resolved_told or not row.alerts):
            plan.retire.append(row.pk)
    return plan


def _compare(plan: _Plan, row: Incident, cause: Cause, now: dt.datetime) -> None:
    worse = cause.urgency > row.urgency
    again = (
        cause.latest_at is not None
        and row.acknowledged_at is not None
        and row.acknowledged_at < now - PEACE
        and cause.latest_at > row.acknowledged_at
    )
    if row.closed_at is not None:
        plan.reopen.append(row.pk)
    if worse or again or (row.closed_at is not None and row.resolved_told):
        plan.tell_anew.append(row.pk)
    if _take_over(row, cause):
        plan.changed.append(row)


def _is_settled(row: Incident, cause: Cause) -> bool:
    """Whether a person said that all of it is dealt with."""
    return row.settled_at is not None and cause.latest_at is not None and cause.latest_at <= row.settled_at


def _take_over(row: Incident, cause: Cause) -> bool:
    """Put a cause's facts into its row; whether anything differs."""
    facts = {
        "kind": cause.kind,
        "what": cause.what[:500],
        "count": cause.count,
        "orders": [list(order) for order in cause.orders],
        "urgency": cause.urgency,
        "target": cause.target,
        "restaurant_id": cause.restaurant_id,
    }
    differs = any(getattr(row, name) != value for name, value in facts.items())
    for name, value in facts.items():
        setattr(row, name, value)
    return differs


@transactional
def _carry_out(plan: _Plan, now: dt.datetime) -> Changes:
    changes = Changes()
    if plan.new:
        Incident.objects.bulk_create(plan.new, ignore_conflicts=True)
        changes.opened = len(plan.new)
    if plan.changed:
        Incident.objects.bulk_update(plan.changed, [name.removesuffix("_id") for name in _FACTS])
    if plan.reopen:
        gone = Incident.objects.filter(pk__in=plan.reopen).exclude(closed_at=None)
        changes.reopened = gone.update(
            closed_at=None, reopened=F("reopened") + 1, resolved_told=False, updated_at=now
        )
    if plan.tell_anew:
        # Not where an alert is due anyway: two at once would make it two.
        quiet = Q(acknowledged_at__isnull=False) | Q(next_alert_at__gt=now)
        Incident.objects.filter(quiet, pk__in=plan.tell_anew).update(
            rung=0, next_alert_at=now, acknowledged_at=None, acknowledged_by=""
        )
    if plan.close:
        still = Incident.objects.filter(pk__in=plan.close, closed_at=None)
        changes.closed = still.update(closed_at=now, updated_at=now)
    if plan.retire:
        Incident.objects.filter(pk__in=plan.retire, closed_at__lt=now - CONTINUES).update(cause=None)
    if changes.opened or changes.reopened or changes.closed:
        logger.warning(
            "Incidents changed.",
            extra={"opened": changes.opened, "reopened": changes.reopened, "closed": changes.closed},
        )
    return changes
