"""The scheduler's clock may be set back; then what ran "in the future" would not run again until it came."""

from __future__ import annotations

from typing import Any

from celery.beat import PersistentScheduler


class Scheduler(PersistentScheduler):
    """Celery's own, which begins anew with entries whose last run has not been yet."""

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        """Called at each wake-up, which no clock holds up: a sleep is counted in ticks."""
        now = self.app.now()
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at and entry.last_run_at > now]
        for entry in ahead:
            entry.last_run_at = now
        if ahead:
            self._heap = None
        return super().tick(*args, **kwargs)
