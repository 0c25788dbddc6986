"""What may stand in a log line: ids, never tokens, never whole requests."""

from __future__ import annotations

import re
from typing import Any

# A webhook's address, however mistyped: what follows its topic opens an order or a whole integration.
_WEBHOOK = re.compile(r"(/[^\s/'\"]*webhook[^\s/'\"?]*)([/?][^\s'\"]*)", re.IGNORECASE)
# Provider, public id, topic: as long as names are, and no token.
_NAMES = re.compile(r"(/[a-z0-9_-]{1,23}/(?:[0-9a-f]{32}/)?[a-z0-9_-]{1,23})(?:/?|[/?].+)")
# Any other part of an address that nobody types by hand. Of the addresses of requests only: names of files are as long.
_LONG = re.compile(r"/[^\s/'\"•]{24,}")
# What moves a terminal's cursor, ends a line or hides what follows.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def without_tokens(logger: Any, name: str, event: dict[str, Any]) -> dict[str, Any]:
    """A structlog processor: mask callback tokens, drop request objects."""
    of_request = event.pop("request", None) is not None
    for key, value in event.items():
        if not isinstance(value, str) or "/" not in value:
            continue
        masked = _WEBHOOK.sub(_named_only, value)
        event[key] = masked if "webhook" in value.lower() or not of_request else _LONG.sub("/•••", masked)
    return event


def on_one_line(logger: Any, name: str, event: dict[str, Any]) -> dict[str, Any]:
    """The same for a log that people read as it is written: one event is one line. JSON escapes by itself."""
    for key, value in event.items():
        if isinstance(value, str):
            # A traceback is ours, and has lines.
            lines = value.split("\n") if key == "exception" else [value]
            event[key] = "\n".join(_CONTROL.sub(lambda one: ascii(one[0])[1:-1], line) for line in lines)
    return event


def _named_only(match: re.Match[str]) -> str:
    names = _NAMES.fullmatch(match[2]) if match[1] == "/webhooks" else None
    if names is None:
        return f"{match[1]}/•••"
    return match[1] + names[1] + ("" if len(names[1]) + 1 >= len(match[2]) else "/•••")
