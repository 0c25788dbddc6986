"""While the database hangs, API requests are refused at once instead of waiting for it one after another.

A request that meets a hanging database gives up after some seconds (`DATABASE_READ_SECONDS`), and all the
while it holds a thread. When one has, the next are answered 503 without asking; every second one of them
finds out whether the database is back.
"""

from __future__ import annotations

import threading
import time

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


def moment() -> float:
    """When somebody began to wait."""
    return time.monotonic()


def note_failure(since: float) -> None:
    """The database did not answer somebody who began at that moment; shut when that one waited for it."""
    if time.monotonic() - since > SLOW_SECONDS:
        _State.shut_until = time.monotonic() + REST_SECONDS


def open_again() -> None:
    """Forget what was."""
    _State.shut_until = 0.0


def is_back() -> bool:
    """Whether the database answers again; one thread at a time asks it, the others are told no."""
    with _State.lock:
        if time.monotonic() < _State.shut_until:
            return False
        _State.shut_until = time.monotonic() + PROBE_SECONDS
    back = database_answers()
    _State.shut_until = 0.0 if back else time.monotonic() + REST_SECONDS
    return back
