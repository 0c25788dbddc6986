"""Calling: one request to whoever integrated the POS, and what came of it."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

MAX_ANSWER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to be made. Its bytes are fixed: every try and every duplicate is identical.

    `expects`: a key and its value without which the answer is no success; None when any 2xx will do.
    """

    url: str = field(repr=False)  # may hold a token
    body: bytes = field(repr=False)
    headers: dict[str, str] = field(repr=False, default_factory=dict)
    expects: tuple[str, str] | None = None


class Result:
    """How one try ended: nobody knows after `UNCLEAR`."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back: the HTTP status if there was one, the error if not; `answer` only where one counts."""

    result: str
    http_status: int | None = None
    error: str = ""
    answer: Any = None

    @property
    def is_success(self) -> bool:
        """Whether the other side took it."""
        return self.result == Result.ACKNOWLEDGED


def deliver(call: Call, timeout: float) -> Outcome:
    """Make the call once. Redirects are not followed.

    No connection is `refused`, for nothing was sent; a broken one is `unclear`.
    """
    sent = False
    connection: http.client.HTTPConnection | None = None
    try:
        parts = urlsplit(call.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = kind(parts.hostname or "", parts.port, timeout=timeout)
        connection.connect()
        sent = True
        headers = {"Content-Type": "application/json", "Connection": "close", **call.headers}
        connection.request("POST", target, call.body, headers)
        response = connection.getresponse()
        raw = response.read(MAX_ANSWER_BYTES) if call.expects else b""
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Outcome(Result.UNCLEAR if sent else Result.REFUSED, error=type(error).__name__)
    finally:
        if connection:
            connection.close()
    answer = _read(raw)
    taken = 200 <= response.status < 300 and _is_expected(answer, call.expects)
    return Outcome(Result.ACKNOWLEDGED if taken else Result.REFUSED, response.status, answer=answer)


def _read(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _is_expected(answer: Any, expects: tuple[str, str] | None) -> bool:
    if expects is None:
        return True
    key, value = expects
    return isinstance(answer, dict) and answer.get(key) == value
