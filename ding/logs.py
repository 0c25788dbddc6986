"""What may stand in a log line: ids, never tokens, never whole requests."""

from __future__ import annotations

import re
from typing import Any

# What follows the topic in a webhook's address opens an order or a whole integration; also where somebody put it at an
# address that has no such part.
_TOKEN = re.compile(r"(/api/webhooks/[^/\s]+/(?:[0-9a-f]{32}/)?[^/\s?]+)[/?][^\s'\"]+")


def without_tokens(logger: Any, name: str, event: dict[str, Any]) -> dict[str, Any]:
    """A structlog processor: mask callback tokens, drop request objects."""
    event.pop("request", None)
    for key, value in event.items():
        if isinstance(value, str) and "/api/webhooks/" in value:
            event[key] = _TOKEN.sub(r"\1/•••", value)
    return event
