"""What may stand in a log line: ids, never tokens, never whole requests."""

from __future__ import annotations

import re
from typing import Any

# Where a text may hold addresses, they end at these.
_ENDS = re.compile(r"([\s'\"]+)")
_SEGMENT_ENDS = re.compile(r"[/?]")
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
        if "webhook" in value.lower():
            event[key] = "".join(_without_token(word) for word in _ENDS.split(value))
        elif of_request:
            event[key] = _LONG.sub("/•••", value)
    return event


def on_one_line(logger: Any, name: str, event: dict[str, Any]) -> dict[str, Any]:
    """The same for a log that people read as it is written: one event is one line. JSON escapes by itself."""
    for key, value in event.items():
        if isinstance(value, str):
            # A traceback is ours, and has lines.
            lines = value.split("\n") if key == "exception" else [value]
            event[key] = "\n".join(_CONTROL.sub(lambda one: ascii(one[0])[1:-1], line) for line in lines)
    return event


def _without_token(word: str) -> str:
    """A webhook's address, however mistyped: what follows its topic opens an order or a whole integration.

    By hand, for an expression would try each of a thousand `webhook` in a word against each end of it.
    """
    found = word.lower().find("webhook")
    begin = word.rfind("/", 0, found) if found >= 0 else -1
    end = _SEGMENT_ENDS.search(word, found) if begin >= 0 else None
    if end is None:
        return word
    segment, rest = word[begin : end.start()], word[end.start() :]
    names = _NAMES.fullmatch(rest) if segment == "/webhooks" else None
    if names is None:
        return f"{word[: end.start()]}/•••"
    return word[: end.start()] + names[1] + ("" if len(names[1]) + 1 >= len(rest) else "/•••")
