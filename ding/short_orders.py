"""Placing an order the short way, see `ding.short_way`: its body and its rules are read and applied as ever.

What is not plain is left to Django. What was tried and refused, or broken off by an error, is handed to Django to tell:
an order must not be tried twice, for nobody knows what became of one that was broken off.
"""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.db import Error
from rest_framework.exceptions import ValidationError

from ding import breaker
from ding.db import one_request
from ding.keys import caller_of
from ding.throttle import calls
from ding.whole_body import whole_body
from orders.serializers import OrderInput
from orders.services.placing import place_order
from orders.views import MET, OrdersView, is_idempotency_key
from pos_integrations import strict_json
from pos_integrations.errors import MalformedPayload

PATHS = frozenset({"/api/orders", "/api/orders/"})
_SCOPE = OrdersView.scopes["POST"]
# Larger ones are for Django to refuse.
_MOST_BYTES = 256 * 1024


def place(environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes] | None:
    """Status, headers and body of the answer; None when it is for Django to give one."""
    with one_request():
        scheme, _, key = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        caller = caller_of(key.strip()) if scheme.lower() == "bearer" else None
        if caller is None or _SCOPE not in caller.scopes:
            return None
        idempotency_key = environ.get("HTTP_IDEMPOTENCY_KEY")
        if idempotency_key is not None and not is_idempotency_key(idempotency_key):
            return None
        # Not before it is known who sends it.
        kind = environ.get("CONTENT_TYPE", "").partition(";")[0]
        body = whole_body(environ, _MOST_BYTES) if kind == "application/json" else None
        if body is None:
            return None
        try:
            wanted = OrderInput.read(strict_json.parse(body))
        except (MalformedPayload, ValidationError):
            return None
        if not caller.sees(wanted.restaurant_id):
            return None
        # Counted as `PerClient` does; who is over it is refused by Django.
        if calls.over((caller.name, _SCOPE, None), settings.API_CALLS_PER_MINUTE):
            return None
        began = breaker.moment()
        try:
            answer, created = place_order(
                request=wanted, client=caller.name, idempotency_key=idempotency_key or ""
            )
        except Exception as met:  # whatever it is, Django knows how to tell it
            if isinstance(met, Error):
                breaker.note_failure(began)
            environ[MET] = met
            return None
    told = _told(answer)
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(told)))]
    headers += [] if created else [("Idempotent-Replayed", "true")]
    return "201 Created", [*headers, ("Cache-Control", "no-store")], told


def _told(answer: dict[str, Any]) -> bytes:
    """As the framework's renderer writes it, which is JSON that JavaScript takes too."""
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode()
