"""One look at everything: causes, rows, and what staff must hear of them. Safe at any time, any number at once."""

from __future__ import annotations

from ding.incidents.detecting import DETECTORS
from ding.incidents.ladder import owe_alerts
from ding.incidents.opening import Changes, sync_incidents


def watch(*, seldom: bool = False) -> Changes:
    """Find what needs a person and owe the alerts; sending them is another step. `seldom`: what can wait, instead."""
    changes = sync_incidents([detector for detector in DETECTORS if detector.seldom == seldom])
    owe_alerts()
    return changes
