"""Errors that a person can meet through the API: each names what is wrong, where, and what to do."""

from __future__ import annotations

from typing import Any


class DomainError(Exception):
    """A refusal that changes nothing. `ding.api` turns it into the answer.

    `code`: a stable word for programs. `message`: a sentence for people, with what to do next.
    `fields`: field path → list of `{"rule", "message", "expected"?, "given"?}`.
    """

    status = 422
    code = "refused"

    def __init__(self, message: str, *, fields: dict[str, list[dict[str, Any]]] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields


class NotFound(DomainError):
    """There is no such thing, or not for this caller: without a message of its own both look alike."""

    status = 404
    code = "not_found"

    def __init__(self, message: str = "There is no such thing, or not for you.") -> None:
        super().__init__(message)


class Conflict(DomainError):
    """Somebody else is at it, or it went too far for that."""

    status = 409
    code = "conflict"


def error_body(request: Any, code: str, message: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
    """The one shape of an error."""
    error: dict[str, Any] = {"code": code, "message": message}
    if fields:
        error["fields"] = fields
    error["request_id"] = getattr(request, "request_id", "")
    return {"error": error}
