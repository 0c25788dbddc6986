"""Connections to the database in a process of many threads: eight threads keep theirs, the others give theirs back.

Where there are 64, the rest would lie idle and be missed elsewhere: a database takes 151 by its default.
"""

from __future__ import annotations

import threading

from django.db import close_old_connections, connections

KEPT = 8
_keepers: set[int] = set()


def before_work() -> None:
    """As before a request: one that is too old or broken is closed, and the next is asked whether it still works."""
    close_old_connections()


def after_work() -> None:
    """Keep it for this thread's next work, or close it."""
    thread = threading.get_ident()
    if thread not in _keepers and connections["default"].connection is not None and len(_keepers) < KEPT:
        _keepers.add(thread)
    if thread in _keepers:
        close_old_connections()
    else:
        connections.close_all()
