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


class _State:
    """Of this process: monotonic; 0: nothing is wrong."""

    shut_until = 0.0
    lock = threading.Lock()


def is_shut() -> bool:
    """Whether a request waited for the database in vain a moment ago, and none has found it back since."""
    return _State.shut_until > 0


def note_failure(waited_seconds: float) -> None:
    """The database did not answer somebody; shut when that one waited for it."""
    if waited_seconds > SLOW_SECONDS:
        _State.shut_until = time.monotonic() + REST_SECONDS


def open_again() -> None:
    """Forget what was."""
    _State.shut_until = 0.0


class DatabaseBreaker:
    """Refuses the API's requests while it is shut: its callers try again by themselves."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Only the API; a 503 that was waited for shuts it."""
        if not request.path.startswith("/api/"):
            return self._get_response(request)
        if is_shut() and not _is_back():
            message = "The database does not answer. Nothing was changed; try again."
            body = error_body(request, "unavailable", message)
            return JsonResponse(body, status=503, headers={"Retry-After": "2"})
        started = time.monotonic()
        response = self._get_response(request)
        if response.status_code == 503:
            note_failure(time.monotonic() - started)
        return response


def _is_back() -> bool:
    """Whether the database answers again; one thread at a time asks it, the others are told no."""
    with _State.lock:
        if time.monotonic() < _State.shut_until:
            return False
        _State.shut_until = time.monotonic() + PROBE_SECONDS
    back = database_answers()
    _State.shut_until = 0.0 if back else time.monotonic() + REST_SECONDS
    return back
