"""How often somebody may try: counted in this process alone, so that no broker and no cache has to be asked.

With n web processes the limits are n times as high. What is counted against an address are failures only, and a proof
that fits is taken however many failures its address has: so nobody who forges can lock out who does not.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:
    # At run time views load this module by the settings' names: a cycle.
    from rest_framework.views import APIView

WINDOW_SECONDS = 60
# More keys than this in one minute share a counter: memory stays bounded, whatever addresses somebody makes up.
MOST_KEYS = 10_000


class Counter:
    """Counts hits by key in windows of a minute. Safe in threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._window = -1
        self._hits: dict[Hashable, int] = {}

    def over(self, key: Hashable, limit: int) -> float:
        """Count one hit; 0 while they are at most `limit` a minute, else the seconds until the next. No limit: 0."""
        if limit <= 0:
            return 0.0
        now = self._clock()
        window = int(now // WINDOW_SECONDS)
        with self._lock:
            if window != self._window:
                self._window, self._hits = window, {}
            if key not in self._hits and len(self._hits) >= MOST_KEYS:
                key = None
            hits = self._hits[key] = self._hits.get(key, 0) + 1
        return 0.0 if hits <= limit else max(1.0, (window + 1) * WINDOW_SECONDS - now)

    def clear(self) -> None:
        """Forget all: for tests."""
        with self._lock:
            self._hits.clear()


failures = Counter()
calls = Counter()
log_ins = Counter()


def note_failure(kind: str, who: str) -> float:
    """Count a call that proved nothing, or asked for what is not there; above 0: the seconds to stay away."""
    return failures.over((kind, who), settings.FAILED_CALLS_PER_MINUTE)


class PerClient(BaseThrottle):
    """So many calls a minute for each API key's client and scope, and few of those that call a POS.

    A view that makes ding call somebody else says `costly = True`.
    """

    def __init__(self) -> None:
        self._wait = 0.0

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether it is not too often."""
        caller: Any = request.auth
        if caller is None:
            return True  # a webhook, or nobody: not counted by whom it claims to be
        name = caller.name
        costly = getattr(view, "costly", False)
        limit = settings.COSTLY_CALLS_PER_MINUTE if costly else settings.API_CALLS_PER_MINUTE
        kind = type(view).__name__ if costly else str(getattr(view, "scopes", {}).get(request.method))
        self._wait = calls.over((name, kind, view.kwargs.get("restaurant_id") if costly else None), limit)
        return not self._wait

    def wait(self) -> float:
        """Seconds until the next try."""
        return self._wait


def refuse_if_over(wait: float) -> None:
    """Raises `Throttled` when there is something to wait for."""
    if wait:
        raise Throttled(wait=wait)
