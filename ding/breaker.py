"""While the database hangs, API requests are refused at once instead of waiting for it one after another.

A request that meets a hanging database gives up after some seconds (`DATABASE_READ_SECONDS`), and all the
while it holds a thread. When one has, the next are answered 503 without asking; every second one of them
finds out whether the database is back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse

from ding.api import error_body
from pos_integrations.health import database_answers

# A 503 that took longer than this was waited for.
SLOW_SECONDS = 1.0
REST_SECONDS = 1.0
# Longer than finding out can take.
PROBE_SECONDS = 30.0


class DatabaseBreaker:
    """One per process, shared by its threads."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._lock = threading.Lock()
        # Monotonic; 0: nothing is wrong.
        self._shut_until = 0.0

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Only the API: its callers try again by themselves."""
        if not request.path.startswith("/api/"):
            return self._get_response(request)
        if self._shut_until and not self._is_back():
            message = "The database does not answer. Nothing was changed; try again."
            body = error_body(request, "unavailable", message)
            return JsonResponse(body, status=503, headers={"Retry-After": "2"})
        started = time.monotonic()
        response = self._get_response(request)
        if response.status_code == 503 and time.monotonic() - started > SLOW_SECONDS:
            self._shut_until = time.monotonic() + REST_SECONDS
        return response

    def _is_back(self) -> bool:
        """Whether the database answers again; one thread at a time asks it, the others are told no."""
        with self._lock:
            if time.monotonic() < self._shut_until:
                return False
            self._shut_until = time.monotonic() + PROBE_SECONDS
        back = database_answers()
        self._shut_until = 0.0 if back else time.monotonic() + REST_SECONDS
        return back
