"""One look at everything: causes, rows, and what staff must hear of them. Safe at any time, any number at once."""

from __future__ import annotations

from ding.incidents.ladder import owe_alerts
from ding.incidents.opening import Changes, sync_incidents


def watch() -> Changes:
    """Find what needs a person and owe the alerts; sending them is another step."""
    changes = sync_incidents()
    owe_alerts()
    return changes
