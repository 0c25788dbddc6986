"""Doors of ding's own, spoilt on purpose: the rig must turn red for each, or its zeros mean nothing.

Started instead of `ding.wsgi` and `ding.celery`; RIG_SABOTAGE says what to spoil. ding knows nothing of it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from ding.celery import app
from ding.wsgi import application

POISON = b"rig-poison"


def ack_before_commit() -> None:
    """Answer first and store a little later, as one does who believes in memory."""
    from pos_integrations.inbound import door, quickly

    def a_little_later(store: Callable[..., Any]) -> Callable[..., Any]:
        def later(*args: Any, **values: Any) -> bool:
            def run() -> None:
                time.sleep(0.3)
                store(*args, **values)

            threading.Thread(target=run, daemon=True).start()
            return True

        return later

    _replace_store(door, a_little_later(door.WebhookLog.objects.create))
    quickly._store = a_little_later(quickly._store)


def ack_any_integrity_error() -> None:
    """Take every IntegrityError for a duplicate, and say 200."""
    from django.db import IntegrityError

    from pos_integrations.inbound import door

    store = door.WebhookLog.objects.create

    def swallowing(**values: Any) -> None:
        try:
            store(**values)
        except IntegrityError:
            return

    _replace_store(door, swallowing)


def _replace_store(door: Any, create: Callable[..., Any]) -> None:
    door.WebhookLog = SimpleNamespace(objects=SimpleNamespace(create=create))


def resend_blindly() -> None:
    """Believe that every POS makes one ticket only, and so send again whatever was unclear."""
    from pos_integrations.adapters.base import Dedupes
    from pos_integrations.adapters.petpooja.adapter import PetPoojaAdapter

    PetPoojaAdapter.dedupes_by_reference = Dedupes.YES


def poison() -> None:
    """No sabotage of a promise: a handler that ends its process when a certain webhook comes."""
    from pos_integrations.adapters.petpooja.adapter import PetPoojaAdapter

    parse = PetPoojaAdapter.parse

    def deadly(self: Any, request: Any, account: Any) -> Any:
        if POISON in request.body:
            os.kill(os.getpid(), signal.SIGKILL)
        return parse(self, request, account)

    PetPoojaAdapter.parse = deadly  # type: ignore[method-assign]


if name := os.environ.get("RIG_SABOTAGE"):
    {
        "ack_before_commit": ack_before_commit,
        "ack_any_integrity_error": ack_any_integrity_error,
        "resend_blindly": resend_blindly,
        "poison": poison,
    }[name]()

__all__ = ["app", "application"]
